//! What is asked of an engine, and what it answers.

use serde::{Deserialize, Serialize};

use crate::flow::engine::Change;
use crate::journal::id::Id;
use crate::journal::ledger::{Law, Ledger};

/// One line to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Where the messages are.
    Status,
    /// Somebody has looked at what a message holds, and is to stand in the audit.
    Viewed { id: Id },
    /// Parked messages go on.
    Release { which: Which },
    /// Parked messages are given up.
    Drop { ids: Vec<Id>, because: String },
    /// Settled messages are delivered once more: by all routes that take them, or to one target.
    Replay { ids: Vec<Id>, to: Option<String> },
    /// A route that says `start: held` delivers from now on.
    Start { route: String },
    /// The project as its files are now takes the place of the one that runs.
    Reload,
}

/// Which parked messages are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    Ids(Vec<Id>),
    /// All of a feed.
    Feed(String),
    All,
}

/// One line from the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    Status {
        feeds: Vec<Feed>,
    },
    /// What was asked for is on disk and under way, but for some messages.
    Done {
        done: u64,
        not: Vec<Not>,
    },
    /// A route delivers; whether it did not before.
    Started {
        was_held: bool,
    },
    /// Another version of the project runs.
    Changed {
        #[serde(flatten)]
        change: Change,
        /// Sections of `emr.toml` that are others now, and count from the next start on.
        #[serde(default)]
        later: Vec<String>,
    },
    /// Nothing was done.
    Refused {
        why: String,
    },
}

/// A message that something was not done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Not {
    pub id: String,
    pub why: String,
}

/// Where the messages of a feed are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    pub name: String,
    pub law: Law,
    /// That maps have raised since the engine began. Known to an engine that runs alone.
    #[serde(default)]
    pub issues: Option<u64>,
    /// The oldest of those that are parked.
    pub parked: Vec<Parked>,
    pub ways: Vec<Way>,
}

/// A message that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub id: Id,
    /// When it came, in microseconds since 1970.
    pub received: i64,
    /// Of all of it, or of single deliveries.
    pub why: Vec<String>,
}

/// What waits on a way out of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// `admissions>ehr`
    pub name: String,
    pub waiting: u64,
    /// Its route says `start: held`, and nobody has let it go. Known to an engine that runs alone.
    #[serde(default)]
    pub is_held: bool,
    pub oldest: Option<Oldest>,
    /// Known to an engine that runs alone.
    pub failing: Option<Failing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oldest {
    pub id: Id,
    /// When it came, in microseconds since 1970.
    pub received: i64,
}

/// A delivery that is tried again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    pub id: Id,
    /// How often it was tried.
    pub times: u32,
    /// Why it failed the last time.
    pub why: String,
}

/// How many parked messages a status names.
const NAMED: usize = 1_000;

impl Feed {
    /// What the sum of a journal says.
    pub fn of(name: &str, ledger: &Ledger) -> Feed {
        let parked = Parked::of(name, ledger).take(NAMED);
        let mut ways: Vec<Way> = Vec::new();
        for open in ledger.open() {
            for way in open.going() {
                let known = ways.iter().position(|known| *known.name == **way);
                let place = known.unwrap_or_else(|| {
                    let oldest = Oldest { id: Id::new(name, open.number()), received: open.arrival.received };
                    ways.push(Way {
                        name: way.to_string(),
                        waiting: 0,
                        is_held: false,
                        oldest: Some(oldest),
                        failing: None,
                    });
                    ways.len() - 1
                });
                ways.iter_mut().skip(place).take(1).for_each(|way| way.waiting += 1);
            }
        }
        Feed { name: name.to_owned(), law: ledger.law(), issues: None, parked: parked.collect(), ways }
    }
}

impl Parked {
    /// What waits for a person by the sum of a journal, the oldest first.
    pub fn of<'a>(name: &'a str, ledger: &'a Ledger) -> impl Iterator<Item = Parked> + 'a {
        ledger.open().filter(|open| open.is_parked()).map(move |open| Parked {
            id: Id::new(name, open.number()),
            received: open.arrival.received,
            why: open.why(),
        })
    }
}
