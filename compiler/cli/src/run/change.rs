//! What is asked of a project that runs: to go on as its files are now, to let a route deliver.

use emr_runtime::control::operations::{Asked, Wish};
use emr_runtime::control::words::Answer;
use emr_runtime::flow::engine::{Change, Engine};
use tokio::sync::{mpsc, oneshot};

use super::Args;
use super::looking::Watch;
use super::ready::Ready;
use super::watched::Watched;

/// What is asked for, one after another: over the control socket, and by files that change.
pub struct Wishes {
    asked: Option<mpsc::Receiver<Asked>>,
    watched: Option<Watched>,
}

impl Wishes {
    pub fn new(engine: &mut Engine, watched: Option<Watched>) -> Wishes {
        Wishes { asked: engine.asked(), watched }
    }

    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            Some(asked) = async { self.asked.as_mut()?.recv().await } => asked,
            Some(asked) = async {
                self.watched.as_mut()?.changed().await;
                Some(Asked { what: Wish::Reload, who: None, tell: oneshot::channel().0 })
            } => asked,
            else => std::future::pending().await,
        }
    }
}

/// A wish that can be carried out at once.
pub enum Prepared {
    Start(String),
    /// The project as its files are now, or why it cannot take the place of the one that runs.
    Project(Result<Ready, String>),
}

/// Messages go on being taken and delivered meanwhile; whoever waits for it may stop waiting.
pub async fn prepared(what: Wish, args: &Args) -> Prepared {
    match what {
        Wish::Start(route) => Prepared::Start(route),
        Wish::Reload => {
            let (project, chosen, vault) = (args.project.clone(), args.chosen.clone(), args.vault.clone());
            let built = args.with.clone();
            let tested =
                tokio::task::spawn_blocking(move || Ready::tested(&project, &chosen, &vault, built.as_deref())).await;
            Prepared::Project(tested.unwrap_or_else(|_| Err("the project cannot be compiled".to_owned())))
        }
    }
}

pub async fn carry_out(prepared: Prepared, who: Option<&str>, engine: &mut Engine, watch: &mut Watch) -> Answer {
    match prepared {
        Prepared::Start(route) => {
            let answer = start(&route, engine);
            watch.started(&route, who, why(&answer));
            answer
        }
        Prepared::Project(next) => {
            let answer = reload(next, engine, watch).await;
            watch.reloaded(who, why(&answer));
            answer
        }
    }
}

/// Why it was not done.
fn why(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Refused { why } => Some(why),
        _ => None,
    }
}

fn start(route: &str, engine: &Engine) -> Answer {
    if !engine.has_route(route) {
        return Answer::Refused { why: format!("the project has no route `{route}`") };
    }
    match engine.release(route) {
        Ok(was_held) => Answer::Started { was_held },
        Err(why) => Answer::Refused { why: format!("it cannot be noted that `{route}` delivers: {why}") },
    }
}

async fn reload(next: Result<Ready, String>, engine: &mut Engine, watch: &mut Watch) -> Answer {
    match changed(next, engine, watch).await {
        Ok((change, later)) => Answer::Changed { change, later },
        Err(why) => Answer::Refused { why },
    }
}

async fn changed(
    next: Result<Ready, String>,
    engine: &mut Engine,
    watch: &mut Watch,
) -> Result<(Change, Vec<String>), String> {
    let Ready { wiring, program, standing } = next?;
    let alarms = watch.alarms(&wiring)?;
    let change = engine.change(wiring, program).await.map_err(|refused| refused.to_string())?;
    watch.look(alarms, engine.backlogs()).await;
    Ok((change, watch.later(&standing)))
}
