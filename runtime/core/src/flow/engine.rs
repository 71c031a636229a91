//! A project that runs: its feeds, the ways out of them, and their targets.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use emr_abi::wiring::{self, Wiring};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::deliver::Target;
use super::intake::{Intake, OnReject, Settings, Way, When};
use super::program::Program;
use super::retry::Retry;
use super::work::WayOut;
use crate::connector::tls::{self, Secrets};
use crate::connector::{fhir, file, mllp};
use crate::journal::fs::{Disk, Fs};
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

/// Where a project is, and its secrets.
#[derive(Clone)]
pub struct Places {
    /// The folder of `emr.toml`, from which the paths of settings are counted.
    pub project: PathBuf,
    /// Where the journals of its feeds are.
    pub journal: PathBuf,
    pub secrets: Secrets,
}

impl Engine {
    /// Opens the journals, takes up what was in flight, and then listens.
    ///
    /// # Errors
    /// Something that a setting names is not to be had, or a journal is damaged. Then nothing listens.
    pub async fn start(wiring: &Wiring, program: Arc<dyn Program>, places: &Places) -> Result<Engine, Refused> {
        later::nothing_of_it(wiring)?;
        let targets = wiring.targets.iter().map(|target| connect(target, places));
        let targets: Vec<Arc<dyn Target>> = targets.collect::<Result<_, _>>()?;
        let listeners = Listener::all(wiring, places).await?;
        let (stop, stopped) = watch::channel(false);
        let (stop_queues, queues_stopped) = watch::channel(false);
        let mut engine = Engine { feeds: Vec::new(), queues: Vec::new(), stop, stop_queues };
        for (number, listener) in listeners.into_iter().enumerate() {
            let settings = settings(number, wiring, places)?;
            let whose = format!("feed {}", settings.name);
            let ways = settings.ways.clone();
            let opened = Intake::open(Disk, settings, Arc::clone(&program), die);
            let refused = |fault: Fault| Refused { whose: whose.clone(), why: fault.to_string() };
            let (intake, mapping) = opened.map_err(refused)?;
            for (way, queue) in intake.queues().iter().enumerate() {
                let Some(number) = ways.get(way).map(|way| way.target) else { continue };
                let Some(target) = targets.get(number) else { continue };
                let source = Arc::new(WayOut { intake: Arc::clone(&intake), way });
                let retry = retry(wiring.targets.get(number))?;
                let run = Arc::clone(queue).run(source, Arc::clone(target), retry, queues_stopped.clone());
                engine.queues.push(tokio::spawn(run));
            }
            let unheard = |why| Refused { whose, why: format!("it cannot listen: {why}") };
            let serving = listener.listen().map_err(unheard)?;
            let serving = tokio::spawn(serving.serve(Arc::clone(&intake), stopped.clone()));
            engine.feeds.push(Running { intake, serving, mapping });
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

/// Settings as the compiler wrote them; that they do not fit is a fault of emr itself.
fn read<T: DeserializeOwned>(whose: &str, settings: &str) -> Result<T, Refused> {
    serde_json::from_str(settings)
        .map_err(|why| Refused { whose: whose.to_owned(), why: format!("its settings cannot be read: {why}") })
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

/// A feed that is ready to take messages from outside.
enum Listener {
    Mllp((TcpSocket, Option<TlsAcceptor>), Arc<mllp::feed::Settings>),
    File(file::feed::Settings),
}

impl Listener {
    async fn all(wiring: &Wiring, places: &Places) -> Result<Vec<Listener>, Refused> {
        let mut listeners = Vec::new();
        for feed in &wiring.feeds {
            listeners.push(Listener::new(feed, places).await?);
        }
        Ok(listeners)
    }

    async fn new(feed: &wiring::Feed, places: &Places) -> Result<Listener, Refused> {
        let whose = format!("feed {}", feed.name);
        match feed.connector.as_str() {
            "mllp" => {
                let settings: mllp::feed::Settings = read(&whose, &feed.settings)?;
                let refused = |why| Refused { whose: whose.clone(), why };
                let acceptor = match &settings.tls {
                    tls::Listen::None(_) => None,
                    tls::Listen::Tls(server) => {
                        Some(server.acceptor(&places.project, &places.secrets).map_err(refused)?)
                    }
                };
                let cannot = |why| refused(format!("it cannot listen on `{}`: {why}", settings.listen));
                let socket = bound(&settings.listen).await.map_err(cannot)?;
                Ok(Listener::Mllp((socket, acceptor), Arc::new(settings)))
            }
            "file" => {
                let settings: file::feed::Settings = read(&whose, &feed.settings)?;
                let folder = places.project.join(&settings.folder);
                Ok(Listener::File(file::feed::Settings { folder, ..settings }))
            }
            other => Err(not_carried_out(whose, other)),
        }
    }

    /// From here on others are heard.
    fn listen(self) -> io::Result<Serving> {
        Ok(match self {
            Listener::Mllp((socket, acceptor), settings) => {
                Serving::Mllp((socket.listen(BACKLOG)?, acceptor), settings)
            }
            Listener::File(settings) => Serving::File(settings),
        })
    }
}

/// A feed that takes messages from outside.
enum Serving {
    Mllp((TcpListener, Option<TlsAcceptor>), Arc<mllp::feed::Settings>),
    File(file::feed::Settings),
}

impl Serving {
    async fn serve<F: Fs>(self, intake: Arc<Intake<F>>, stop: watch::Receiver<bool>) {
        match self {
            Serving::Mllp(listener, settings) => mllp::feed::serve(listener, settings, intake, stop).await,
            Serving::File(settings) => _ = file::feed::serve(settings, intake, stop).await,
        }
    }
}

/// Connections that wait to be taken.
const BACKLOG: u32 = 1024;

/// A socket with its address, on which nobody is heard before the journal is open.
async fn bound(address: &str) -> io::Result<TcpSocket> {
    let mut found = tokio::net::lookup_host(address).await?;
    let address = found.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn connect(target: &wiring::Target, places: &Places) -> Result<Arc<dyn Target>, Refused> {
    let whose = format!("target {}", target.name);
    Ok(match target.connector.as_str() {
        "mllp" => {
            let peer = mllp::target::Peer::new(read(&whose, &target.settings)?, &places.project, &places.secrets);
            Arc::new(peer.map_err(|why| Refused { whose, why })?)
        }
        "fhir" => {
            let server = fhir::target::Server::new(read(&whose, &target.settings)?, &places.project, &places.secrets);
            Arc::new(server.map_err(|why| Refused { whose, why })?)
        }
        "file" => Arc::new(file::target::Files::new(read(&whose, &target.settings)?, places.project.clone())),
        other => return Err(not_carried_out(whose, other)),
    })
}

fn not_carried_out(whose: String, connector: &str) -> Refused {
    Refused { whose, why: format!("`{connector}` is not carried out yet") }
}
