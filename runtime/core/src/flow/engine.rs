//! A project that runs: its feeds, the ways out of them, and their targets.

use std::collections::BTreeMap;
use std::io;
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
use crate::connector::{self, Places, Serving, Why};
use crate::journal::fs::Disk;
use crate::journal::ledger::Law;
use crate::journal::log::Fault;

mod change;
mod later;

pub use change::Change;

/// What runs until [`Engine::stop`].
pub struct Engine {
    places: Places,
    witness: Arc<dyn Witness>,
    wiring: Wiring,
    /// In the order of the wiring, as the feeds are.
    targets: Vec<Arc<dyn Target>>,
    feeds: Vec<Running>,
}

struct Running {
    intake: Arc<Intake<Disk>>,
    /// Takes messages from outside. Nothing while it is told to listen by other settings.
    serving: Option<Task>,
    /// Maps them.
    mapping: std::thread::JoinHandle<()>,
    /// Brings them out, by the names of the ways.
    ways: BTreeMap<Arc<str>, Delivering>,
}

/// Brings messages to a target.
struct Delivering {
    to: Arc<dyn Target>,
    task: Task,
}

/// Something that goes on until it is told to stop.
struct Task {
    stop: watch::Sender<bool>,
    going: JoinHandle<()>,
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
        wiring: Wiring,
        program: Arc<dyn Program>,
        places: Places,
        witness: Arc<dyn Witness>,
    ) -> Result<Engine, Refused> {
        let mut engine = Engine { places, witness, wiring: Wiring::default(), targets: Vec::new(), feeds: Vec::new() };
        engine.change(wiring, program).await.map(|_| engine)
    }

    /// Where the messages of each feed are.
    pub fn laws(&self) -> impl Iterator<Item = (&str, Law)> {
        self.feeds.iter().map(|feed| (&**feed.intake.name(), feed.intake.law()))
    }

    /// Takes no more, finishes what is being taken, and leaves what is in flight to the next process.
    pub async fn stop(self) {
        for feed in &self.feeds {
            feed.serving.iter().for_each(Task::tell);
        }
        for feed in self.feeds {
            feed.stop().await;
        }
    }
}

impl Running {
    /// Ends the ways that the next version has no more, or that lead to another target.
    async fn keep_ways(&mut self, settings: &Settings, targets: &[Arc<dyn Target>]) {
        let stays = |name: &Arc<str>, to: &Arc<dyn Target>| {
            let way = settings.ways.iter().find(|way| way.name == *name);
            let target = way.and_then(|way| targets.get(way.target));
            target.is_some_and(|target| std::ptr::addr_eq(Arc::as_ptr(target), Arc::as_ptr(to)))
        };
        let ended: Vec<_> = self.ways.extract_if(.., |name, way| !stays(name, &way.to)).collect();
        for (_, way) in ended {
            way.task.stop().await;
        }
    }

    /// Begins the ways that do not go on.
    fn begin(mut self, ways: &[Way], wiring: &Wiring, targets: &[Arc<dyn Target>]) -> Running {
        let version = self.intake.version();
        for way in ways.iter().filter(|way| !self.ways.contains_key(&way.name)).collect::<Vec<_>>() {
            let target = wiring.targets.get(way.target).zip(targets.get(way.target));
            let (Some((facts, to)), Some(queue)) = (target, version.queue(&way.name)) else { continue };
            let source = Arc::new(WayOut { intake: Arc::clone(&self.intake), name: Arc::clone(&way.name) });
            let retry = retry(facts).unwrap_or_default();
            let (queue, target) = (Arc::clone(queue), Arc::clone(to));
            let task = Task::spawn(|stop| queue.run(source, target, retry, stop));
            self.ways.insert(Arc::clone(&way.name), Delivering { to: Arc::clone(to), task });
        }
        self
    }

    async fn stop(self) {
        if let Some(serving) = self.serving {
            serving.stop().await;
        }
        self.intake.close().await;
        // A thread that waits is no task's.
        let _ = tokio::task::spawn_blocking(move || self.mapping.join()).await;
        for way in self.ways.values() {
            way.task.tell();
        }
        for way in self.ways.into_values() {
            way.task.stop().await;
        }
    }
}

impl Task {
    fn start(begin: impl FnOnce(watch::Receiver<bool>) -> io::Result<Serving>) -> io::Result<Task> {
        let (stop, stopped) = watch::channel(false);
        Ok(Task { stop, going: tokio::spawn(begin(stopped)?) })
    }

    fn spawn<G: Future<Output = ()> + Send + 'static>(begin: impl FnOnce(watch::Receiver<bool>) -> G) -> Task {
        let (stop, stopped) = watch::channel(false);
        Task { stop, going: tokio::spawn(begin(stopped)) }
    }

    /// Tells it to stop, and does not wait for it.
    fn tell(&self) {
        self.stop.send_replace(true);
    }

    async fn stop(self) {
        self.tell();
        let _ = self.going.await;
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

fn read<T: DeserializeOwned>(whose: &str, settings: &str) -> Result<T, Refused> {
    connector::read(settings).map_err(|why| Refused::new(whose, why))
}

fn retry(target: &wiring::Target) -> Result<Retry, Refused> {
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
