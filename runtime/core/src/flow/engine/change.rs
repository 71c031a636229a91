//! Puts a project, or another version of it, in the place of what runs. What the change does not touch goes on as it was:
//! feeds keep their connections, targets theirs, and deliveries wait where they waited.
//!
//! All that may fail is done first. If it does, what ran goes on running.

use std::io;
use std::sync::Arc;

use emr_abi::wiring::{self, Wiring};
use serde::{Deserialize, Serialize};

use super::super::deliver::Outlet;
use super::super::held::Held;
use super::super::intake::{Intake, Settings};
use super::super::program::Program;
use super::super::tables::Tables;
use super::{Engine, Refused, Running, Task, die, held, repeats, settings};
use crate::connector::{self, Feed};
use crate::journal::fs::Disk;
use crate::journal::log::Fault;
use crate::kept;

/// What became of the feeds, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub new: Vec<String>,
    /// They listen anew, by other settings; their journals are the same.
    pub anew: Vec<String>,
    /// Their connections were not touched.
    pub kept: Vec<String>,
    /// Nobody listens any more. What is in flight stays in their journals.
    pub gone: Vec<String>,
}

/// What a feed of the next version is in the present one: its place there, and whether it listens by the same settings.
type Known = Option<(usize, bool)>;

/// A feed of the next version, before anything is switched.
struct Prepared {
    name: String,
    settings: Settings,
    known: Known,
    /// Has its address, and is not heard. Nothing for one that listens already.
    listener: Option<Box<dyn Feed>>,
    /// The journal of a new feed, and the thread of its maps.
    opened: Option<(Arc<Intake<Disk>>, std::thread::JoinHandle<()>)>,
    serving: Option<Task>,
}

impl Engine {
    /// # Errors
    /// Something that a setting names is not to be had, or a journal is damaged. Then nothing has changed.
    pub async fn change(&mut self, wiring: Wiring, program: Arc<dyn Program>) -> Result<Change, Refused> {
        let outlets = self.outlets_of(&wiring)?;
        let tables = Tables::new(&wiring.tables, &self.places);
        let tables = tables.map_err(|(name, why)| Refused::new(&format!("table {name}"), why))?;
        let tables = Arc::new(tables);
        let held = held(&wiring, &self.places)?;
        let next = repeats(&wiring, &self.places, &self.repeats)?;
        let before = std::mem::replace(&mut self.repeats, next);
        let known: Vec<Known> = wiring.feeds.iter().map(|feed| self.known(feed)).collect();
        // An address is had once: who listens by other settings stops before the new ones are tried.
        let anew = || known.iter().flatten().filter(|(_, is_same)| !is_same).map(|(place, _)| *place);
        for place in anew() {
            self.stop_listening(place).await;
        }
        match self.prepared(&wiring, &known, (&program, &tables)).await {
            Ok(prepared) => Ok(self.switch(wiring, outlets, held, &program, prepared).await),
            Err(mut refused) => {
                self.repeats = before;
                for place in anew() {
                    if let Err(why) = self.listen_again(place).await {
                        refused.why =
                            format!("{}; and what listened before does not any more: {}", refused.why, why.why);
                    }
                }
                Err(refused)
            }
        }
    }

    fn known(&self, feed: &wiring::Feed) -> Known {
        let mut known = self.wiring.feeds.iter().enumerate();
        let (place, known) = known.find(|(_, known)| known.name == feed.name)?;
        let told = |feed: &wiring::Feed| {
            (feed.connector.clone(), feed.settings.clone(), feed.messages, feed.resources.clone())
        };
        Some((place, told(known) == told(feed)))
    }

    /// Makes ready whoever is to listen, opens the journals of the feeds that are new, and lets them all be heard.
    async fn prepared(
        &self,
        wiring: &Wiring,
        known: &[Known],
        (program, tables): (&Arc<dyn Program>, &Arc<Tables>),
    ) -> Result<Vec<Prepared>, Refused> {
        let mut prepared = Vec::new();
        for (number, (feed, known)) in wiring.feeds.iter().zip(known).enumerate() {
            prepared.push(self.ready(number, feed, *known, (wiring, tables)).await?);
        }
        let opened = prepared.iter_mut().try_for_each(|feed| self.open(feed, program));
        match opened.and_then(|()| prepared.iter_mut().try_for_each(|feed| self.listen(feed))) {
            Ok(()) => Ok(prepared),
            Err(refused) => {
                for feed in prepared {
                    feed.undone().await;
                }
                Err(refused)
            }
        }
    }

    async fn ready(
        &self,
        number: usize,
        feed: &wiring::Feed,
        known: Known,
        (wiring, tables): (&Wiring, &Arc<Tables>),
    ) -> Result<Prepared, Refused> {
        let settings = settings(number, wiring, &self.places, &self.repeats, tables)?;
        let listener = match known {
            Some((_, true)) => None,
            _ => Some(self.listener(feed).await?),
        };
        Ok(Prepared { name: feed.name.clone(), settings, known, listener, opened: None, serving: None })
    }

    async fn listener(&self, feed: &wiring::Feed) -> Result<Box<dyn Feed>, Refused> {
        let ready = connector::feed(feed, &self.places).await;
        ready.map_err(|why| Refused::new(&format!("feed {}", feed.name), why))
    }

    fn open(&self, feed: &mut Prepared, program: &Arc<dyn Program>) -> Result<(), Refused> {
        if feed.known.is_none() {
            let (program, witness) = (Arc::clone(program), Arc::clone(&self.witness));
            let opened = Intake::open(Disk, feed.settings.clone(), program, witness, die);
            let refused = |fault| match fault {
                Fault::World(why) => feed.refused(kept::refused("its journal", &feed.settings.folder, &why)),
                fault => feed.refused(fault.to_string()),
            };
            feed.opened = Some(opened.map_err(refused)?);
        }
        Ok(())
    }

    fn listen(&self, feed: &mut Prepared) -> Result<(), Refused> {
        let Some(listener) = feed.listener.take() else { return Ok(()) };
        let intake = match (&feed.opened, feed.known) {
            (Some((intake, _)), _) => Some(intake),
            (None, Some((place, _))) => self.feeds.get(place).map(|running| &running.intake),
            (None, None) => None,
        };
        let Some(intake) = intake else { return Ok(()) };
        let serving = listening(listener, intake).map_err(|why| feed.refused(format!("it cannot listen: {why}")))?;
        feed.serving = Some(serving);
        Ok(())
    }

    async fn stop_listening(&mut self, place: usize) {
        if let Some(serving) = self.feeds.get_mut(place).and_then(|running| running.serving.take()) {
            serving.stop().await;
        }
    }

    async fn listen_again(&mut self, place: usize) -> Result<(), Refused> {
        let Some(feed) = self.wiring.feeds.get(place) else { return Ok(()) };
        let listener = self.listener(feed).await?;
        let Some(running) = self.feeds.get_mut(place) else { return Ok(()) };
        let serving = listening(listener, &running.intake);
        let serving = serving.map_err(|why| Refused::new(&format!("feed {}", feed.name), why.to_string()))?;
        running.serving = Some(serving);
        Ok(())
    }

    /// From here on nothing fails.
    async fn switch(
        &mut self,
        wiring: Wiring,
        outlets: Vec<Arc<Outlet>>,
        held: Held,
        program: &Arc<dyn Program>,
        prepared: Vec<Prepared>,
    ) -> Change {
        let mut before: Vec<Option<Running>> = self.feeds.drain(..).map(Some).collect();
        let mut change = Change::default();
        for Prepared { name, settings, known, opened, serving, .. } in prepared {
            let running = match (opened, known) {
                (Some((intake, mapping)), _) => {
                    change.new.push(name);
                    Running { intake, serving, mapping, ways: Default::default() }
                }
                (None, Some((place, is_same))) => {
                    let Some(mut running) = before.get_mut(place).and_then(Option::take) else { continue };
                    running.keep_ways(&settings, &outlets).await;
                    running.intake.change(settings, Arc::clone(program)).await;
                    if is_same { &mut change.kept } else { &mut change.anew }.push(name);
                    running.serving = serving.or(running.serving);
                    running
                }
                (None, None) => continue,
            };
            self.feeds.push(running);
        }
        let gone = before.into_iter().zip(&self.wiring.feeds);
        let gone: Vec<_> = gone.filter_map(|(gone, feed)| Some((gone?, feed.name.clone()))).collect();
        (self.wiring, self.outlets, self.held) = (wiring, outlets, held);
        // If it cannot be noted, a route stays released that does not say any more that it is held.
        let _ = self.held.forget_others();
        self.hold_and_let_go();
        for running in &mut self.feeds {
            running.begin(&self.outlets, &self.carriers);
        }
        self.operations.put(self.feeds.iter().map(|feed| Arc::clone(&feed.intake)).collect()).await;
        for (gone, name) in gone {
            change.gone.push(name);
            gone.stop().await;
        }
        self.backlogs.are(self.feeds.iter().map(|feed| Arc::clone(&feed.intake)).collect());
        change
    }
}

/// Lets a feed be heard.
fn listening(listener: Box<dyn Feed>, intake: &Arc<Intake<Disk>>) -> io::Result<Task> {
    Task::start(|stop| listener.listen(Arc::clone(intake), stop))
}

impl Prepared {
    fn refused(&self, why: String) -> Refused {
        Refused::new(&format!("feed {}", self.name), why)
    }

    async fn undone(self) {
        if let Some(serving) = self.serving {
            serving.stop().await;
        }
        if let Some((intake, mapping)) = self.opened {
            intake.close().await;
            let _ = tokio::task::spawn_blocking(move || mapping.join()).await;
        }
    }
}
