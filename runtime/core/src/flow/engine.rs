//! A project that runs: its feeds, the ways out of them, and their targets.

use std::sync::Arc;

use emr_abi::wiring::{self, Wiring};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::deliver::Target;
use super::intake::{Intake, OnReject, Settings, Way, When};
use super::program::Program;
use super::retry::Retry;
use super::witness::Witness;
use super::work::WayOut;
use crate::connector::{self, Feed, Places, Why};
use crate::journal::fs::Disk;
use crate::journal::ledger::Law;
use crate::journal::log::Fault;

mod later;

/// What runs until [`Engine::stop`].
pub struct Engine {
    feeds: Vec<Running>,
    queues: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    stop_queues: watch::Sender<bool>,
}

struct Running {
    intake: Arc<Intake<Disk>>,
    /// Takes messages from outside.
    serving: JoinHandle<()>,
    /// Maps them.
    mapping: std::thread::JoinHandle<()>,
}

/// Why a project does not start: whose fault it is, and what.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// `feed adt`
    pub whose: String,
    pub why: String,
}

/// What the settings of every feed are read for here.
#[derive(Deserialize)]
struct OfFeed {
    answer: When,
    remember: u64,
}

/// What the settings of every target are read for here.
#[derive(Deserialize)]
struct OfTarget {
    retry: Option<Retry>,
}

/// What the settings of every route are read for here.
#[derive(Deserialize)]
struct OfRoute {
    on_reject: OnReject,
}

impl Engine {
    /// Opens the journals, takes up what was in flight, and then listens.
    ///
    /// # Errors
    /// Something that a setting names is not to be had, or a journal is damaged. Then nothing listens.
    pub async fn start(
        wiring: &Wiring,
        program: Arc<dyn Program>,
        places: &Places,
        witness: Arc<dyn Witness>,
    ) -> Result<Engine, Refused> {
        later::nothing_of_it(wiring)?;
        let targets = targets(wiring, places)?;
        let listeners = feeds(wiring, places).await?;
        let (stop, stopped) = watch::channel(false);
        let (stop_queues, queues_stopped) = watch::channel(false);
        let mut engine = Engine { feeds: Vec::new(), queues: Vec::new(), stop, stop_queues };
        for (number, listener) in listeners.into_iter().enumerate() {
            let settings = settings(number, wiring, places)?;
            let whose = format!("feed {}", settings.name);
            let ways = settings.ways.clone();
            let opened = Intake::open(Disk, settings, Arc::clone(&program), Arc::clone(&witness), die);
            let (intake, mapping) = opened.map_err(|fault| Refused::new(&whose, fault.to_string()))?;
            for (way, queue) in intake.queues().iter().enumerate() {
                let Some(number) = ways.get(way).map(|way| way.target) else { continue };
                let Some(target) = targets.get(number) else { continue };
                let source = Arc::new(WayOut { intake: Arc::clone(&intake), way });
                let retry = retry(wiring.targets.get(number))?;
                let run = Arc::clone(queue).run(source, Arc::clone(target), retry, queues_stopped.clone());
                engine.queues.push(tokio::spawn(run));
            }
            let serving = listener.listen(Arc::clone(&intake), stopped.clone());
            let serving = serving.map_err(|why| Refused::new(&whose, format!("it cannot listen: {why}")))?;
            engine.feeds.push(Running { intake, serving: tokio::spawn(serving), mapping });
        }
        Ok(engine)
    }

    /// Where the messages of each feed are.
    pub fn laws(&self) -> impl Iterator<Item = (&str, Law)> {
        self.feeds.iter().map(|feed| (&*feed.intake.settings().name, feed.intake.law()))
    }

    /// Takes no more, finishes what is being taken, and leaves what is in flight to the next process.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let mut mappings = Vec::new();
        for feed in self.feeds {
            let _ = feed.serving.await;
            feed.intake.close().await;
            mappings.push(feed.mapping);
        }
        // Threads that wait are no task's.
        let _ = tokio::task::spawn_blocking(move || mappings.into_iter().for_each(|mapping| _ = mapping.join())).await;
        self.stop_queues.send_replace(true);
        for queue in self.queues {
            let _ = queue.await;
        }
    }
}

/// A failed sync proves nothing about what is on disk, and neither does a second one: nothing may be answered any more.
fn die(_: Fault) {
    std::process::abort();
}

impl Refused {
    fn new(whose: &str, why: Why) -> Refused {
        Refused { whose: whose.to_owned(), why }
    }
}

fn targets(wiring: &Wiring, places: &Places) -> Result<Vec<Arc<dyn Target>>, Refused> {
    let connected = wiring.targets.iter().map(|target| {
        let connected = connector::target(&target.name, &target.connector, &target.settings, places);
        connected.map_err(|why| Refused::new(&format!("target {}", target.name), why))
    });
    connected.collect()
}

async fn feeds(wiring: &Wiring, places: &Places) -> Result<Vec<Box<dyn Feed>>, Refused> {
    let mut feeds = Vec::new();
    for feed in &wiring.feeds {
        let ready = connector::feed(&feed.connector, &feed.settings, places).await;
        feeds.push(ready.map_err(|why| Refused::new(&format!("feed {}", feed.name), why))?);
    }
    Ok(feeds)
}

fn read<T: DeserializeOwned>(whose: &str, settings: &str) -> Result<T, Refused> {
    connector::read(settings).map_err(|why| Refused::new(whose, why))
}

fn retry(target: Option<&wiring::Target>) -> Result<Retry, Refused> {
    let Some(target) = target else { return Ok(Retry::default()) };
    let OfTarget { retry } = read(&target.name, &target.settings)?;
    Ok(retry.unwrap_or_default())
}

fn settings(number: usize, wiring: &Wiring, places: &Places) -> Result<Settings, Refused> {
    let Some(feed) = wiring.feeds.get(number) else {
        return Err(Refused { whose: "wiring".to_owned(), why: "it has no such feed".to_owned() });
    };
    let OfFeed { answer, remember } = read(&feed.name, &feed.settings)?;
    let on_reject = wiring.routes.iter().map(|route| {
        let OfRoute { on_reject } = read(&route.name, &route.settings)?;
        Ok(on_reject)
    });
    let routes = wiring.routes.iter().enumerate().filter(|(_, route)| route.from.contains(&number));
    let ways = routes.flat_map(|(route, facts)| {
        facts.to.iter().filter_map(move |target| {
            let to = wiring.targets.get(*target)?;
            let name = format!("{}>{}", facts.name, to.name).into();
            Some(Way { route, target: *target, name, reads: to.reads.clone() })
        })
    });
    Ok(Settings {
        feed: number,
        name: feed.name.as_str().into(),
        folder: places.journal.join(&feed.name),
        answer,
        on_reject: on_reject.collect::<Result<_, _>>()?,
        ways: ways.collect(),
        order_by: feed.order_by.clone(),
        remember,
    })
}
