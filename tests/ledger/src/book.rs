//! What was accepted, what arrived, and when somebody was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A message: its lane and its number there.
pub type Id = (usize, u64);

#[derive(Default)]
pub struct Book(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    accepted: BTreeSet<Id>,
    arrived: BTreeMap<Id, Vec<Instant>>,
    /// In the order in which they arrived for the first time.
    order: Vec<Id>,
    kills: Vec<Instant>,
}

pub struct Count {
    pub lost: usize,
    pub extra: usize,
    pub reordered: usize,
}

impl Count {
    pub fn is_clean(&self) -> bool {
        self.lost + self.extra + self.reordered == 0
    }
}

/// What a target has and its feed does not know yet when it is killed: an answer, and the record of it, which waits for the
/// sync before it, take no longer on a disk that others use too.
const UNKNOWN: Duration = Duration::from_secs(10);

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn accept(&self, id: Id) {
        self.pages().accepted.insert(id);
    }

    pub fn arrive(&self, id: Id) {
        let mut pages = self.pages();
        if !pages.arrived.contains_key(&id) {
            pages.order.push(id);
        }
        pages.arrived.entry(id).or_default().push(Instant::now());
    }

    pub fn killed(&self) {
        self.pages().kills.push(Instant::now());
    }

    pub fn accepted(&self) -> usize {
        self.pages().accepted.len()
    }

    pub fn arrived(&self) -> usize {
        self.pages().arrived.len()
    }

    pub fn missing(&self) -> usize {
        let pages = self.pages();
        pages.accepted.iter().filter(|id| !pages.arrived.contains_key(id)).count()
    }

    pub fn count(&self) -> Count {
        let lost = self.missing();
        let pages = self.pages();
        let again = |times: &Vec<Instant>| {
            let pairs = times.iter().zip(times.iter().skip(1));
            pairs.filter(|(first, second)| !pages.excuses(**first, **second)).count()
        };
        let extra = pages.arrived.values().map(again).sum();
        let mut last: BTreeMap<usize, u64> = BTreeMap::new();
        let mut reordered = 0;
        for (lane, number) in &pages.order {
            let last = last.entry(*lane).or_default();
            reordered += usize::from(number < last);
            *last = (*last).max(*number);
        }
        Count { lost, extra, reordered }
    }
}

impl Pages {
    /// Whether somebody was killed between the two, and so soon behind the first that nobody could know of it.
    fn excuses(&self, first: Instant, second: Instant) -> bool {
        self.kills.iter().any(|kill| first <= *kill && *kill <= second && kill.duration_since(first) <= UNKNOWN)
    }
}
