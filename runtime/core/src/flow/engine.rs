//! A project that runs: its feeds, the ways out of them, and their targets.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use emr_abi::wiring::Wiring;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::backlog::Backlogs;
use super::deliver::Outlet;
use super::held::Held;
use super::intake::{Intake, OnReject, Settings, Unless, Way, When};
use super::once::Once;
use super::program::Program;
use super::repair::Repair;
use super::tables::Tables;
use super::witness::Witness;
use super::work::WayOut;
use crate::connector::{self, Places, Serving, Why};
use crate::control::operations::{Asked, Operations};
use crate::control::place::Hold;
use crate::control::server::Server;
use crate::journal::fs::Disk;
use crate::journal::ledger::Law;
use crate::journal::log::Fault;
use crate::kept;

mod carriers;
mod change;
mod check;
mod outlets;

use carriers::Carriers;
pub use carriers::threads;
pub use change::Change;
pub use check::{Need, needs};

/// What runs until [`Engine::stop`].
pub struct Engine {
    places: Places,
    witness: Arc<dyn Witness>,
    wiring: Wiring,
    /// In the order of the wiring, as the feeds are.
    outlets: Vec<Arc<Outlet>>,
    feeds: Vec<Running>,
    carriers: Carriers,
    held: Held,
    /// What routes have seen, by their names.
    repeats: Repeats,
    operations: Arc<Operations>,
    asked: Option<mpsc::Receiver<Asked>>,
    /// Answers other processes of the machine, until all feeds have stopped. Nothing before the first has begun.
    control: Option<Task>,
    /// Until all journals are closed.
    _hold: Arc<Hold>,
    backlogs: Backlogs,
}

type Repeats = BTreeMap<String, Arc<Once>>;

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
    to: Arc<Outlet>,
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

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.whose, self.why)
    }
}

/// What the settings of every feed are read for here.
#[derive(Deserialize)]
struct OfFeed {
    answer: When,
    #[serde(default)]
    repair: Vec<Repair>,
    remember: u64,
}

/// What the settings of every route are read for here.
#[derive(Deserialize)]
struct OfRoute {
    on_reject: OnReject,
    start: Option<Start>,
    unless_seen: Option<OfSeen>,
    /// The map of what senders get of what the target says.
    reply: Option<String>,
}

/// `unless_seen: { keys: (OBR-3, OBX-3), within: 3d }`, in milliseconds.
#[derive(Deserialize)]
struct OfSeen {
    within: u64,
}

/// Whether a route waits for a person before its first delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Start {
    Held,
}

impl Engine {
    /// Opens the journals of a folder that is this process's, takes up what was in flight, and then listens.
    ///
    /// # Errors
    /// Something that a setting names is not to be had, or a journal is damaged. Then nothing listens.
    pub async fn start(
        wiring: Wiring,
        program: Arc<dyn Program>,
        places: Places,
        hold: Arc<Hold>,
        witness: Arc<dyn Witness>,
    ) -> Result<Engine, Refused> {
        let (operations, asked) = Operations::asking(Arc::clone(&witness));
        let carriers =
            Carriers::start().map_err(|why| Refused::new("targets", format!("no thread for them: {why}")))?;
        let mut engine = Engine {
            places,
            witness,
            wiring: Wiring::default(),
            outlets: Vec::new(),
            feeds: Vec::new(),
            carriers,
            held: Held::default(),
            repeats: Repeats::new(),
            operations: Arc::new(operations),
            asked: Some(asked),
            control: None,
            _hold: hold,
            backlogs: Backlogs::default(),
        };
        engine.change(wiring, program).await?;
        let server = Server::listen(&engine.places.journal);
        let server =
            server.map_err(|why| Refused::new("journal", format!("its control socket cannot be made: {why}")))?;
        let operations = engine.operations();
        engine.control = Some(Task::spawn(|stop| server.serve(operations, stop)));
        Ok(engine)
    }

    /// What a person may do with its messages.
    pub fn operations(&self) -> Arc<Operations> {
        Arc::clone(&self.operations)
    }

    /// What others ask for that only who has the engine can do. Once: whoever takes it answers.
    pub fn asked(&mut self) -> Option<mpsc::Receiver<Asked>> {
        self.asked.take()
    }

    /// What waits in its feeds, for whoever measures: also in those that a change brings.
    pub fn backlogs(&self) -> Backlogs {
        self.backlogs.clone()
    }

    /// Where the messages of each feed are.
    pub fn laws(&self) -> impl Iterator<Item = (&str, Law)> {
        self.feeds.iter().map(|feed| (&**feed.intake.name(), feed.intake.law()))
    }

    /// Whether there is a route of that name.
    pub fn has_route(&self, route: &str) -> bool {
        self.wiring.routes.iter().any(|known| known.name == route)
    }

    /// Lets a route that says `start: held` deliver, from now on and in the processes that come; whether it was held.
    ///
    /// # Errors
    /// It cannot be noted on disk, and stays held.
    pub fn release(&self, route: &str) -> io::Result<bool> {
        if !self.held.release(route)? {
            return Ok(false);
        }
        self.hold_and_let_go();
        Ok(true)
    }

    /// The routes that wait for a person.
    pub fn held(&self) -> impl Iterator<Item = &str> {
        self.wiring.routes.iter().map(|route| route.name.as_str()).filter(|route| self.held.is_held(route))
    }

    /// Holds the ways of the routes that are held, and no others.
    fn hold_and_let_go(&self) {
        for version in self.feeds.iter().map(|feed| feed.intake.version()) {
            for (way, queue) in version.ways() {
                let route = self.wiring.routes.get(way.route);
                queue.hold(route.is_some_and(|route| self.held.is_held(&route.name)));
            }
        }
    }

    /// Takes no more, finishes what is being taken, and leaves what is in flight to the next process. What waits for a
    /// target or for room on the disk is not waited for.
    pub async fn stop(self) {
        // No end is safer than any other.
        let _ = timeout(GRACE, self.end()).await;
    }

    async fn end(self) {
        for feed in &self.feeds {
            feed.serving.iter().for_each(Task::tell);
        }
        if let Some(control) = self.control {
            control.stop().await;
        }
        for feed in self.feeds {
            feed.stop().await;
        }
    }
}

impl Running {
    /// Ends the ways that the next version has no more, or that lead to another target.
    async fn keep_ways(&mut self, settings: &Settings, outlets: &[Arc<Outlet>]) {
        let stays = |name: &Arc<str>, to: &Arc<Outlet>| {
            let way = settings.ways.iter().find(|way| way.name == *name);
            let outlet = way.and_then(|way| outlets.get(way.target));
            outlet.is_some_and(|outlet| Arc::ptr_eq(outlet, to))
        };
        let ended: Vec<_> = self.ways.extract_if(.., |name, way| !stays(name, &way.to)).collect();
        for (_, way) in ended {
            way.task.stop().await;
        }
    }

    /// Begins the ways that do not go on.
    fn begin(&mut self, outlets: &[Arc<Outlet>], carriers: &Carriers) {
        let version = self.intake.version();
        for (way, queue) in version.ways() {
            let Some(to) = outlets.get(way.target).filter(|_| !self.ways.contains_key(&way.name)) else { continue };
            let source = Arc::new(WayOut { intake: Arc::clone(&self.intake), name: Arc::clone(&way.name) });
            let (queue, outlet) = (Arc::clone(queue), Arc::clone(to));
            let task = carriers.carry(|stop| queue.run(source, outlet, stop));
            self.ways.insert(Arc::clone(&way.name), Delivering { to: Arc::clone(to), task });
        }
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

/// How long a stop may take: frames that have begun have ten seconds of it.
const GRACE: Duration = Duration::from_secs(12);

/// A failed sync proves nothing about what is on disk, and neither does a second one: nothing may be answered any more.
fn die(_: Fault) {
    std::process::abort();
}

impl Refused {
    fn new(whose: &str, why: Why) -> Refused {
        Refused { whose: whose.to_owned(), why }
    }
}

/// What is known of the routes that say `start: held`.
fn held(wiring: &Wiring, places: &Places) -> Result<Held, Refused> {
    let mut all = BTreeSet::new();
    for route in &wiring.routes {
        let OfRoute { start, .. } = read(&route.name, &route.settings)?;
        all.extend(start.map(|Start::Held| route.name.clone()));
    }
    let refused = |why: io::Error| Refused::new("journal", format!("`{}`: {why}", places.journal.display()));
    kept::folder(&places.journal).map_err(refused)?;
    Held::open(&places.journal.join("routes.released"), all).map_err(refused)
}

fn read<T: DeserializeOwned>(whose: &str, settings: &str) -> Result<T, Refused> {
    connector::read(settings).map_err(|why| Refused::new(whose, why))
}

/// Opens what routes have seen that leave it out, and keeps what is open.
fn repeats(wiring: &Wiring, places: &Places, known: &Repeats) -> Result<Repeats, Refused> {
    let mut repeats = Repeats::new();
    for route in &wiring.routes {
        let OfRoute { unless_seen, .. } = read(&route.name, &route.settings)?;
        let Some(OfSeen { .. }) = unless_seen else { continue };
        let once = match known.get(&route.name) {
            Some(known) => Arc::clone(known),
            None => {
                let path = places.journal.join(format!("{}.seen", route.name));
                let refused = |why| kept::refused("what it has seen in", &path, &why);
                let once =
                    Once::open(&path).map_err(|why| Refused::new(&format!("route {}", route.name), refused(why)));
                Arc::new(once?)
            }
        };
        repeats.insert(route.name.clone(), once);
    }
    Ok(repeats)
}

fn settings(
    number: usize,
    wiring: &Wiring,
    places: &Places,
    repeats: &Repeats,
    tables: &Arc<Tables>,
) -> Result<Settings, Refused> {
    let Some(feed) = wiring.feeds.get(number) else {
        return Err(Refused { whose: "wiring".to_owned(), why: "it has no such feed".to_owned() });
    };
    let OfFeed { answer, repair, remember } = read(&feed.name, &feed.settings)?;
    let (mut on_reject, mut unless_seen, mut asks) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (number, route) in wiring.routes.iter().enumerate() {
        let told: OfRoute = read(&route.name, &route.settings)?;
        on_reject.push(told.on_reject);
        asks.extend(told.reply.map(|_| number));
        let once = told.unless_seen.zip(repeats.get(&route.name));
        unless_seen.push(once.map(|(OfSeen { within }, once)| Unless {
            once: Arc::clone(once),
            keys: route.reads.clone(),
            within,
        }));
    }
    let routes = wiring.routes.iter().enumerate().filter(|(_, route)| route.from.contains(&number));
    let asks = &asks;
    let ways = routes.flat_map(|(route, facts)| {
        facts.to.iter().filter_map(move |target| {
            let to = wiring.targets.get(*target)?;
            let name = format!("{}>{}", facts.name, to.name).into();
            Some(Way { route, target: *target, name, reads: to.reads.clone(), asks: asks.contains(&route) })
        })
    });
    Ok(Settings {
        feed: number,
        name: feed.name.as_str().into(),
        folder: places.journal.join(&feed.name),
        answer,
        repair,
        on_reject,
        unless_seen,
        routes: wiring.routes.iter().map(|route| route.name.as_str().into()).collect(),
        ways: ways.collect(),
        order_by: feed.order_by.clone(),
        remember,
        reserve: places.reserve,
        tables: Arc::clone(tables),
    })
}
