//! What is done with the messages of a feed, until a change of the project puts the next version in its place: a message
//! goes through all its routes by one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use emr_message::Receipt;
use emr_message::answer::{Code, Problem};
use xxhash_rust::xxh3::xxh3_64;

use super::deliver::{Parcel, Queue};
use super::intake::{OnReject, Settings, Way};
use super::issues::Issues;
use super::once::{self, Came, Key, Once};
use super::program::{Made, Mapped, Program, Rejected, Sorted};
use super::repair::repaired;
use super::seen::Verdict;
use super::witness::{Happening, Witness};
use crate::journal::entry::{Refusal, What};
use crate::journal::id::Id;
use crate::journal::ledger::Open;

pub struct Version {
    pub settings: Settings,
    pub program: Arc<dyn Program>,
    /// One for each way out, in their order.
    pub queues: Vec<Arc<Queue>>,
    witness: Arc<dyn Witness>,
}

/// What came of a message.
pub(super) enum Outcome {
    /// What each way out gets, by its number; and what routes will have seen of it.
    Made(Vec<(usize, Arc<[Made]>)>, Vec<Sight>),
    Ended(What, Verdict),
}

/// What came of a message, and how it went in each route: both count once nothing is to be looked up any more.
pub(super) struct Mapping {
    pub outcome: Outcome,
    pub seen: Vec<Seen>,
}

/// What became of a message in a route.
pub(super) enum Seen {
    /// A map came to its end.
    Mapped { route: Arc<str>, took: Duration, issues: Issues, is_refused: bool },
    /// The map of its reply did.
    Replied { route: Arc<str>, took: Duration, issues: Issues, is_refused: bool },
    /// A table lacks what the map looks up in it.
    Missed { table: Arc<str> },
    /// The route has no part in it.
    LeftOut { route: Arc<str> },
}

impl Seen {
    pub fn happening(&self, number: u64) -> Happening<'_> {
        match self {
            Seen::Mapped { route, took, issues, is_refused } => {
                Happening::Mapped { number, route, took: *took, issues, is_refused: *is_refused }
            }
            Seen::Replied { route, took, issues, is_refused } => {
                Happening::ReplyMapped { number, route, took: *took, issues, is_refused: *is_refused }
            }
            Seen::Missed { table } => Happening::Missed { table },
            Seen::LeftOut { route } => Happening::LeftOut { number, route },
        }
    }
}

/// By what a route knows a message again.
pub(super) struct Sight {
    once: Arc<Once>,
    key: Key,
    came: Came,
    within: u64,
}

impl Sight {
    fn is_known(&self) -> bool {
        self.once.has_seen(self.key, self.came, self.within)
    }

    /// The message goes through. What cannot be noted on disk is not known to the next process: it goes out once more.
    pub fn note(&self) {
        let _ = self.once.note(self.key, self.came, self.within);
    }
}

impl Version {
    pub fn new(settings: Settings, program: Arc<dyn Program>, witness: Arc<dyn Witness>) -> Version {
        let queues = settings.ways.iter().map(|_| Arc::default()).collect();
        Version { settings, program, queues, witness }
    }

    /// The one after it: what waits for a way that both have goes on waiting for it.
    #[must_use]
    pub fn next(&self, settings: Settings, program: Arc<dyn Program>) -> Version {
        let queues = settings.ways.iter().map(|way| self.queue(&way.name).cloned().unwrap_or_default()).collect();
        Version { settings, program, queues, witness: Arc::clone(&self.witness) }
    }

    /// The ways out with their queues.
    pub fn ways(&self) -> impl Iterator<Item = (&Way, &Arc<Queue>)> {
        self.settings.ways.iter().zip(&self.queues)
    }

    /// The queue of a way out, by its name.
    pub(super) fn queue(&self, name: &str) -> Option<&Arc<Queue>> {
        self.ways().find(|(way, _)| *way.name == *name).map(|(_, queue)| queue)
    }

    /// A message as it is read, and how often something of it was repaired. What is done with a message is done with this.
    pub(super) fn repaired(&self, message: &Bytes) -> (Bytes, usize) {
        repaired(message, &self.settings.repair)
    }

    pub(super) fn outcome(&self, open: &Open, message: &Bytes, receipt: &Receipt) -> Mapping {
        let mut seen = Vec::new();
        let run = || match self.program.sort(self.settings.feed, message, receipt) {
            Sorted::Routes(routes) => self.mapped(open, &routes, message, receipt, &mut seen),
            Sorted::Ignored(because) => Outcome::filtered(&because),
            Sorted::NotServed(problem) => {
                self.refused(open, Refusal::NotServed(problem.wrong), Verdict::NotServed(problem))
            }
            Sorted::Unreadable(problem) => {
                let refusal = match &problem.said {
                    Some(said) => Refusal::Unread { wrong: problem.wrong, said: said.to_string() },
                    None => Refusal::Unreadable(problem.wrong),
                };
                self.refused(open, refusal, Verdict::Unreadable(problem))
            }
        };
        // A fault of the machinery is no word of a map: a person looks, and what comes behind it goes on.
        let outcome = guarded(run).unwrap_or_else(|| Outcome::parked(FAILS));
        Mapping { outcome, seen }
    }

    /// Sends a message through its routes. Whichever refuses it keeps it from all.
    fn mapped(
        &self,
        open: &Open,
        routes: &[usize],
        message: &Bytes,
        receipt: &Receipt,
        seen: &mut Vec<Seen>,
    ) -> Outcome {
        let (mut made, mut sights) = (Vec::new(), Vec::new());
        let mut dropped = None;
        // A replay may be for one target: then the other routes have no part in it.
        let leads = |way: &Way| open.to.as_ref().is_none_or(|to| way.leads_to(to));
        let has_part =
            |route: &usize| open.to.is_none() || self.settings.ways.iter().any(|way| way.route == *route && leads(way));
        let routes: Vec<usize> = routes.iter().copied().filter(has_part).collect();
        // The ways of a route stand together.
        let mut without: Vec<usize> = self.settings.ways.iter().filter(|way| leads(way)).map(|way| way.route).collect();
        without.dedup();
        let without = without.iter().filter(|route| !routes.contains(route));
        seen.extend(without.map(|route| Seen::LeftOut { route: self.name(*route) }));
        for &route in &routes {
            let sight = self.sight(route, open, message, receipt);
            // What a person wants once more is not left out.
            if !open.is_resumed && sight.as_ref().is_some_and(Sight::is_known) {
                dropped = Some("its keys were seen before".to_owned());
                seen.push(Seen::LeftOut { route: self.name(route) });
                continue;
            }
            sights.extend(sight);
            let begun = Instant::now();
            let mapped = self.program.map(self.settings.feed, route, message, receipt);
            let (took, issues, is_refused) = (begun.elapsed(), mapped.issues, mapped.result.is_err());
            seen.push(Seen::Mapped { route: self.name(route), took, issues, is_refused });
            seen.extend(mapped.misses.into_iter().map(|table| Seen::Missed { table }));
            match mapped.result {
                Ok(parts) => {
                    let parts: Arc<[Made]> = parts.into();
                    let ways = self.settings.ways.iter().enumerate();
                    let ways = ways.filter(|(_, way)| way.route == route && leads(way));
                    made.extend(ways.map(|(number, _)| (number, Arc::clone(&parts))));
                }
                Err(rejected) => match self.rejected(open, route, rejected) {
                    Ok(because) => {
                        seen.push(Seen::LeftOut { route: self.name(route) });
                        dropped = Some(because);
                    }
                    Err(ended) => return *ended,
                },
            }
        }
        match dropped {
            Some(because) if made.is_empty() => Outcome::filtered(&because),
            _ if routes.is_empty() => Outcome::filtered(&no_route(open.to.as_deref())),
            _ => Outcome::Made(made, sights),
        }
    }

    /// That of a route.
    fn name(&self, route: usize) -> Arc<str> {
        self.settings.routes.get(route).cloned().unwrap_or_default()
    }

    /// Nothing for a route that lets all through, and for a message that has none of its keys.
    fn sight(&self, route: usize, open: &Open, message: &[u8], receipt: &Receipt) -> Option<Sight> {
        let unless = self.settings.unless_seen.get(route)?.as_ref()?;
        let key = once::key(&self.read(&unless.keys, message, receipt))?;
        let feed = xxh3_64(self.settings.name.as_bytes());
        let came = Came { at: open.arrival.received, feed, number: open.number() };
        Some(Sight { once: Arc::clone(&unless.once), key, came, within: unless.within })
    }

    /// The reason for which a route drops what its map refuses, or how the message ends.
    fn rejected(&self, open: &Open, route: usize, rejected: Rejected) -> Result<String, Box<Outcome>> {
        if rejected.is_fault {
            return Err(self.held(route, FAILS).into());
        }
        let why = format!("{} {}", rejected.code, rejected.text);
        match self.settings.on_reject.get(route) {
            Some(OnReject::Drop(because)) => Ok(because.clone()),
            Some(OnReject::Hold) => Err(self.held(route, &why).into()),
            Some(OnReject::AckError) | None if open.is_answered() => Err(self.held(route, &why).into()),
            Some(OnReject::AckError) | None => {
                let Rejected { text, problem, .. } = rejected;
                let verdict = Verdict::Wrong(Problem { said: Some(text.as_str().into()), ..problem.clone() });
                let refusal = Refusal::Rejected { wrong: problem.wrong, said: text };
                Err(Outcome::Ended(What::Refused(refusal), verdict).into())
            }
        }
    }

    /// What the map of a route refuses waits for a person.
    fn held(&self, route: usize, why: &str) -> Outcome {
        let route = self.name(route).to_string();
        Outcome::Ended(What::Held { route, why: why.to_owned() }, Verdict::Good)
    }

    /// Where the sender has its answer already, it is not the sender's any more.
    fn refused(&self, open: &Open, refusal: Refusal, verdict: Verdict) -> Outcome {
        if open.is_answered() {
            return Outcome::parked(refusal.text());
        }
        Outcome::Ended(What::Refused(refusal), verdict)
    }

    /// What a way out gets of a message, made once more.
    pub(super) fn again(&self, way: &str, number: u64, message: &Bytes, receipt: &Receipt) -> Option<Parcel> {
        let way = self.settings.ways.iter().find(|known| *known.name == *way)?;
        let made = guarded(|| self.program.map(self.settings.feed, way.route, message, receipt))?.result.ok()?;
        Some(self.parcel(way, number, made.into(), message, receipt))
    }

    pub(super) fn parcel(
        &self,
        way: &Way,
        number: u64,
        made: Arc<[Made]>,
        message: &Bytes,
        receipt: &Receipt,
    ) -> Parcel {
        let read = self.read(&way.reads, message, receipt).into();
        Parcel { id: Id::new(&self.settings.name, number).to_string().into(), made, read, asks: way.asks }
    }

    /// Whether senders wait for what the target of this way says.
    pub(super) fn asks(&self, way: &str) -> bool {
        self.settings.ways.iter().any(|known| known.asks && *known.name == *way)
    }

    /// What the sender of a message gets of what the target of a way says of it, and how that went. An acknowledgment that
    /// does not say itself how it went says the code.
    ///
    /// # Errors
    /// Why nothing can be made of it.
    pub(super) fn reply(
        &self,
        way: &str,
        (message, receipt): (&Bytes, &Receipt),
        said: (&Made, Code),
    ) -> (Result<Made, String>, Vec<Seen>) {
        let Some(way) = self.settings.ways.iter().find(|known| *known.name == *way) else {
            return (Err(NO_WAY.to_owned()), Vec::new());
        };
        let begun = Instant::now();
        let run = || self.program.reply(self.settings.feed, way.route, message, said, receipt);
        let Some(Mapped { result, issues, misses }) = guarded(run) else {
            return (Err("the map of the reply fails on what it answers".to_owned()), Vec::new());
        };
        let (took, is_refused) = (begun.elapsed(), result.is_err());
        let mut seen = vec![Seen::Replied { route: self.name(way.route), took, issues, is_refused }];
        seen.extend(misses.into_iter().map(|table| Seen::Missed { table }));
        let reply = result.map_err(|rejected| {
            let why = format!("{} {}", rejected.code, rejected.text);
            format!("what it answers is not taken: {}", why.trim_start())
        });
        (reply, seen)
    }

    /// What settings read of a message; of each none where they fail on it.
    fn read(&self, readings: &[usize], message: &[u8], receipt: &Receipt) -> Vec<Vec<String>> {
        let read = || self.program.read(self.settings.feed, readings, message, receipt);
        guarded(read).unwrap_or_else(|| vec![Vec::new(); readings.len()])
    }

    /// What a message is kept in order by.
    pub(super) fn keys(&self, message: &Bytes, receipt: &Receipt) -> Vec<u64> {
        let values = self.read(&self.settings.order_by, message, receipt).into_iter().flatten();
        // The hash of a value is its lane: two values that share one wait for each other, and lose nothing.
        values.map(|value| xxh3_64(value.as_bytes())).collect()
    }
}

/// Nothing where the machinery fails: who waits for it goes on.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

const FAILS: &str = "a map fails on it";

pub(super) const NO_WAY: &str = "the project has no such way any more";

fn no_route(to: Option<&str>) -> String {
    let to = to.map(|to| format!(" to `{to}`")).unwrap_or_default();
    format!("no route takes it{to}")
}

impl Outcome {
    fn filtered(because: &str) -> Outcome {
        Outcome::Ended(What::Filtered { because: because.to_owned() }, Verdict::Good)
    }

    pub(super) fn parked(why: &str) -> Outcome {
        Outcome::Ended(What::Parked { target: None, why: why.to_owned() }, Verdict::Good)
    }
}
