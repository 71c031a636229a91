//! `emr run`: starts the feeds and routes of a project, until it is told to stop.

mod alike;
mod came;
mod change;
mod check;
#[cfg(feature = "failpoints")]
mod fail;
mod looking;
mod manner;
mod program;
mod ready;
mod standing;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use emr_compiler::standard::fhir::written::definition;
use emr_runtime::connector::Places;
use emr_runtime::control::operations::Asked;
use emr_runtime::control::place::Hold;
use emr_runtime::flow::engine::{Engine, threads};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::end::End;
use crate::operate::journals;
use crate::secrets::Vault;
use crate::world::{Chosen, World};
use change::Wishes;
pub use program::Compiled;
pub use ready::Ready;
use watched::Watched;

/// Nothing is acknowledged before it is in the journal, which no end of the process and no loss of power takes away.
#[derive(clap::Args)]
pub struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    #[command(flatten)]
    chosen: Chosen,
    /// What `emr build` wrote of the project: maps that are still the same are not compiled again
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// Where the journals of its feeds are [default: `journal` in the project's folder]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    vault: Vault,
    /// Takes up changes of the project's files while it runs, as `emr reload` does
    #[arg(long, conflicts_with = "check")]
    watch: bool,
    /// Starts nothing, and says of each feed, target, table and alarm whether it has what it needs and is there
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    looking: looking::Looking,
}

pub fn run(args: &Args) -> Result<End, End> {
    #[cfg(feature = "failpoints")]
    fail::arm()?;
    // A change from here on is one of what runs.
    let watched = args.watch.then(|| Watched::new(&args.project));
    let world = World::open(&args.project, &args.chosen)?.with(args.with.as_deref())?.trusting(&args.vault);
    world.sound()?;
    let ready = Ready::new(&world, &args.chosen)?;
    let lacking = ready.lacking();
    let Ready { wiring, program, standing } = ready;
    let places = Places {
        project: args.project.clone(),
        journal: journals(&args.project, args.journal.as_deref()),
        secrets: args.vault.secrets(),
        reserve: standing.reserve(),
        fhir: Arc::new(definition),
    };
    let listening: Vec<_> = wiring.feeds.iter().map(|feed| (feed.name.clone(), feed.connector.clone())).collect();
    drop(world);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build()?;
    if args.check {
        return runtime.block_on(check::needs(&wiring, &places, &standing, lacking));
    }
    if let Some((route, why)) = lacking.first() {
        return Err(End::World(format!("route {route}: {why}")));
    }
    program.warm();
    let hold = Hold::take(&places.journal).map_err(|why| End::World(format!("journal: {why}")))?;
    let hold = Arc::new(hold);
    let mut watch = args.looking.begin(&wiring, places.clone(), standing)?;
    let alarms = watch.alarms(&wiring).map_err(End::World)?;
    runtime.block_on(async {
        // Whoever stops a process that is about to start is heard too.
        let mut signals = Signals::listen()?;
        let admin = watch.serve().await?;
        let engine = Engine::start(wiring, program, places, Arc::clone(&hold), Arc::clone(&watch.witness)).await;
        let mut engine = engine.map_err(|refused| End::World(refused.to_string()))?;
        for (name, connector) in listening {
            watch.log.listens(&name, &connector);
        }
        watch.look(alarms, engine.backlogs()).await;
        if let Some(admin) = admin {
            watch.answer(admin, engine.operations())?;
        }
        let mut wishes = Wishes::new(&mut engine, watched);
        loop {
            let Asked { what, who, tell } = tokio::select! {
                asked = wishes.next() => asked,
                () = signals.come() => break,
            };
            let prepared = tokio::select! {
                prepared = change::prepared(what, args) => prepared,
                () = signals.come() => break,
            };
            // Whoever asked may have gone meanwhile.
            let _ = tell.send(change::carry_out(prepared, who.as_deref(), &mut engine, &mut watch).await);
        }
        // Whoever still asks hears that it stops.
        drop(wishes);
        watch.stops(engine.backlogs());
        engine.stop().await;
        watch.stop().await;
        Ok::<(), End>(())
    })?;
    watch.end();
    drop(hold);
    // A read of standard input or a file that never ends must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(End::Fine)
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
