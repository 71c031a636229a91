//! Where the messages of a feed are that are not settled, in numbers: for whoever measures, not for whoever decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::intake::Intake;
use crate::clock;
use crate::journal::fs::{Disk, Fs};
use crate::journal::ledger::Law;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub feed: Arc<str>,
    pub law: Law,
    /// When its last message came, in microseconds since 1970.
    pub last: Option<i64>,
    /// Of each way out, in their order.
    pub ways: Vec<Waiting>,
    /// Messages that wait for a person because the map of a route refuses them, by the names of the routes.
    pub held: FxHashMap<Arc<str>, u64>,
}

/// What waits on one way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `labs>ehr`
    pub way: Arc<str>,
    /// Deliveries that wait for their turn or their next try.
    pub queued: u64,
    /// How long ago the message came whose delivery has waited longest.
    pub oldest: Duration,
    /// Deliveries that wait for a person.
    pub parked: u64,
}

impl<F: Fs> Intake<F> {
    /// Takes a time that grows with the number of messages that are not settled: some tens of milliseconds for a million.
    pub fn backlog(&self) -> Backlog {
        let version = self.version();
        let waits: Vec<_> =
            version.ways().map(|(way, queue)| (&way.name, queue.len() as u64, queue.oldest())).collect();
        let ledger = self.ledger();
        let (law, last) = (ledger.law(), ledger.last());
        let mut parked = FxHashMap::<&str, u64>::default();
        let mut held = FxHashMap::<Arc<str>, u64>::default();
        for route in ledger.open().filter_map(|open| open.held_by.as_ref()) {
            *held.entry(Arc::clone(route)).or_default() += 1;
        }
        let missing = ledger.open().filter_map(|open| open.mapped.as_ref()).flat_map(|mapped| &mapped.missing);
        for (way, _) in missing.filter(|(_, why)| why.is_some()) {
            *parked.entry(way).or_default() += 1;
        }
        let now = clock::microseconds();
        let age = |number: u64| {
            let came = ledger.message(number).map_or(now, |open| open.arrival.received);
            Duration::from_micros(u64::try_from(now.saturating_sub(came)).unwrap_or_default())
        };
        let ways = waits.into_iter().map(|(way, queued, oldest)| Waiting {
            way: Arc::clone(way),
            queued,
            oldest: oldest.map(age).unwrap_or_default(),
            parked: parked.get(&**way).copied().unwrap_or_default(),
        });
        Backlog { feed: Arc::clone(self.name()), law, last, ways: ways.collect(), held }
    }
}

/// The feeds of a project that runs, for whoever measures them.
#[derive(Clone, Default)]
pub struct Backlogs(Arc<Mutex<Vec<Arc<Intake<Disk>>>>>);

impl Backlogs {
    /// Of each feed, at this moment.
    pub fn now(&self) -> Vec<Backlog> {
        let feeds = self.feeds().clone();
        feeds.iter().map(|intake| intake.backlog()).collect()
    }

    /// Whether each feed takes messages.
    pub fn take_messages(&self) -> bool {
        let feeds = self.feeds().clone();
        feeds.iter().all(|intake| intake.takes_messages())
    }

    /// Which feeds there are from now on.
    pub(super) fn are(&self, feeds: Vec<Arc<Intake<Disk>>>) {
        *self.feeds() = feeds;
    }

    /// Whoever panicked left the list as it is between two calls.
    fn feeds(&self) -> MutexGuard<'_, Vec<Arc<Intake<Disk>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
