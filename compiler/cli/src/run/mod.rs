//! `emr run`: starts the feeds and routes of a project, until it is told to stop.

#[cfg(feature = "failpoints")]
mod fail;
mod program;
mod secrets;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anstream::eprintln;
use emr_abi::wiring::{Feed, Route, Target, Wiring};
use emr_compiler::db::{self, Wired};
use emr_project::Journal;
use emr_runtime::connector::Places;
use emr_runtime::flow::engine;
use emr_runtime::journal::space::Reserve;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::end::End;
use crate::engine::said;
use crate::world::{Chosen, World};
use program::Compiled;

/// Nothing is acknowledged before it is in the journal, which no end of the process and no loss of power takes away.
#[derive(clap::Args)]
pub struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    #[command(flatten)]
    chosen: Chosen,
    /// Where the journals of its feeds are [default: `journal` in the project's folder]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// A folder with a file for each secret; before it, `NAME` and the file that `NAME_FILE` names, of the environment
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<End, End> {
    #[cfg(feature = "failpoints")]
    fail::arm()?;
    let world = World::open(&args.project, &args.chosen)?;
    world.sound()?;
    in_one_environment(&world, &args.chosen)?;
    let wired = db::wired(&world.db, world.inside);
    if wired.feeds.is_empty() {
        return Err(End::Call("the project has no feed: nothing would come in".to_owned()));
    }
    if let Some(alarm) = wired.alarms.first() {
        return Err(End::Call(format!("alarm {alarm}: alarms are not carried out yet, and nobody would be told")));
    }
    let wiring = wiring(&wired, said(&world).zone);
    let program = Arc::new(Compiled::new(&world, &wired)?);
    let places = Places {
        project: args.project.clone(),
        journal: args.journal.clone().unwrap_or_else(|| args.project.join("journal")),
        secrets: secrets::secrets(args.secrets.clone()),
        reserve: reserve(world.outside.manifest.journal),
    };
    let listening: Vec<_> = wiring.feeds.iter().map(|feed| (feed.name.clone(), feed.connector.clone())).collect();
    drop(world);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Whoever stops a process that is about to start is heard too.
        let mut signals = Signals::listen()?;
        let engine = engine::Engine::start(wiring, program, places, Arc::new(Vec::new())).await;
        let engine = engine.map_err(|refused| End::World(format!("{}: {}", refused.whose, refused.why)))?;
        for (name, connector) in listening {
            eprintln!("{name} takes messages ({connector})");
        }
        signals.come().await;
        eprintln!("stopping");
        engine.stop().await;
        Ok::<(), End>(())
    })?;
    // A read of standard input or a file that never ends must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(End::Fine)
}

/// What `emr.toml` keeps free on the disk of the journals.
fn reserve(said: Journal) -> Reserve {
    let Reserve { percent, bytes } = Reserve::default();
    Reserve { percent: said.free_percent.unwrap_or(percent), bytes: said.free_bytes.unwrap_or(bytes) }
}

/// What settings name by `env` is that of one environment.
fn in_one_environment(world: &World, chosen: &Chosen) -> Result<(), End> {
    let environments = &world.outside.manifest.environments;
    if environments.len() < 2 || chosen.env.is_some() {
        return Ok(());
    }
    let known: Vec<_> = environments.keys().map(|name| format!("`{name}`")).collect();
    Err(End::Call(format!("`emr.toml` has several environments, {}: choose one with `--env`", known.join(", "))))
}

/// What tells a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on none of them ends the process by itself.
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn come(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Feeds, targets and routes by their places in the lists. A reading's number is counted over feeds, then targets, then routes, as
/// [`Compiled`] has them.
fn wiring(wired: &Wired, zone: Option<String>) -> Wiring {
    let mut readings = 0..;
    let mut numbered = |readers: usize| readings.by_ref().take(readers).collect::<Vec<usize>>();
    let feeds = wired.feeds.iter().map(|feed| Feed {
        name: name(&feed.key),
        connector: feed.connector.to_string(),
        settings: serde_json::Value::Object(feed.settings.clone()).to_string(),
        order_by: numbered(feed.order_by.len()),
    });
    let feeds: Vec<_> = feeds.collect();
    let targets = wired.targets.iter().map(|target| Target {
        name: name(&target.key),
        connector: target.connector.to_string(),
        settings: serde_json::Value::Object(target.settings.clone()).to_string(),
        reads: numbered(target.reads.len()),
    });
    let targets: Vec<_> = targets.collect();
    let places = |keys: &[smol_str::SmolStr], all: Vec<&smol_str::SmolStr>| {
        keys.iter().filter_map(|key| all.iter().position(|known| *known == key)).collect()
    };
    let routes = wired.routes.iter().map(|route| Route {
        name: name(&route.key),
        from: places(&route.from, wired.feeds.iter().map(|feed| &feed.key).collect()),
        to: places(&route.to, wired.targets.iter().map(|target| &target.key).collect()),
        settings: serde_json::Value::Object(route.settings.clone()).to_string(),
        reads: numbered(route.reads.len()),
    });
    Wiring { feeds, targets, routes: routes.collect(), zone }
}

/// Its own name where that is enough.
fn name(key: &str) -> String {
    key.rsplit('.').next().unwrap_or(key).to_owned()
}
