//! What a person does with the messages of a project: what changes them is asked of the engine that runs, over its control
//! socket; what only looks reads the journals.

pub mod change;
pub mod journal;
pub mod park;
pub mod replay;
pub mod search;
pub mod show;
pub mod status;

use std::path::{Path, PathBuf};

use anstream::{eprintln, println};
use emr_runtime::clock;
use emr_runtime::control::client::{self, Silence};
use emr_runtime::control::journals;
use emr_runtime::control::place::Hold;
use emr_runtime::control::who;
use emr_runtime::control::words::{Answer, Request};
use emr_runtime::journal::id::Id;
use emr_runtime::observe::audit::{self, Said, What};

use crate::end::End;
use crate::style::count;

/// Whose messages.
#[derive(clap::Args)]
pub struct Site {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// Where the journals of its feeds are [default: `journal` in the project's folder]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
}

impl Site {
    fn journals(&self) -> Journals {
        Journals(journals(&self.project, self.journal.as_deref()))
    }
}

/// Where the journals of a project's feeds are, if the call does not say it.
pub fn journals(project: &Path, said: Option<&Path>) -> PathBuf {
    said.map_or_else(|| project.join("journal"), Path::to_owned)
}

/// The folder of a project's journals.
struct Journals(PathBuf);

impl Journals {
    /// The journals of one feed, or of all, by the names of their feeds.
    fn chosen(&self, feed: Option<&str>) -> Result<Vec<(String, PathBuf)>, End> {
        let folder = self.0.display();
        let chosen = journals::chosen(&self.0, feed);
        let chosen = chosen.map_err(|why| End::Call(format!("there is no journal in `{folder}`: {why}")))?;
        let none = || format!("there is no journal of a feed `{}` in `{folder}`", feed.unwrap_or_default());
        chosen.ok_or_else(|| End::Call(none()))
    }

    /// What the engine answers; nothing if none runs.
    fn ask(&self, request: &Request) -> Result<Option<Answer>, End> {
        match client::ask(&self.0, request) {
            Ok(Answer::Refused { why }) => Err(End::Call(why)),
            Ok(answer) => Ok(Some(answer)),
            Err(Silence::Nobody) => Ok(None),
            Err(Silence::World(why)) => {
                Err(End::World(format!("the engine on `{}` does not answer: {why}", self.0.display())))
            }
        }
    }

    /// What the engine answers, which must be there.
    fn answer(&self, request: &Request) -> Result<Answer, End> {
        self.ask(request)?.ok_or_else(|| {
            let journal = self.0.display();
            End::World(format!("no engine runs on the journal `{journal}`: `emr run` starts one"))
        })
    }

    /// Has the audit say that somebody looks at a message: what it cannot say is not shown.
    fn viewed(&self, id: &Id) -> Result<(), End> {
        if self.ask(&Request::Viewed { id: id.clone() })?.is_some() {
            return Ok(());
        }
        // No engine runs, and none begins meanwhile.
        let unsaid = |why: &dyn std::fmt::Display| End::World(format!("the audit cannot say who looks at it: {why}"));
        let _hold = Hold::take(&self.0).map_err(|why| unsaid(&why))?;
        let said = Said { id: Some(id.to_string()), ..Said::now(What::Viewed).at_feed(&id.feed).by(who::of_this()) };
        audit::add(&self.0, said).map_err(|why| unsaid(&why))
    }

    /// Has the engine do something, and says what it did: `released 3 messages`.
    fn have(&self, request: &Request, done_word: &str) -> Result<End, End> {
        let Answer::Done { done, not } = self.answer(request)? else { return Err(other_version()) };
        println!("{done_word} {}", count(usize::try_from(done).unwrap_or(usize::MAX), "message"));
        for one in &not {
            eprintln!("{}: {}", one.id, one.why);
        }
        Ok(if not.is_empty() { End::Fine } else { End::Wrong })
    }
}

fn other_version() -> End {
    End::World("the engine answers something else: is it of another version?".to_owned())
}

/// How long ago something was, in the largest unit of which there is one.
fn ago(microseconds: i64) -> String {
    let seconds = clock::microseconds().saturating_sub(microseconds).max(0) / 1_000_000;
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
