//! What was accepted, what arrived, and when somebody was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::sink;

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
    /// What may come behind later ones.
    excused: BTreeSet<Id>,
}

#[derive(Default)]
pub struct Count {
    pub lost: usize,
    pub extra: usize,
    pub reordered: usize,
}

impl Count {
    pub fn with(&self, other: &Count) -> Count {
        Count {
            lost: self.lost + other.lost,
            extra: self.extra + other.extra,
            reordered: self.reordered + other.reordered,
        }
    }

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

    /// All that was accepted on a lane is to be replayed.
    pub fn accept_again(&self, lane: usize) {
        let mut pages = self.pages();
        let more: Vec<Id> = pages.accepted.iter().filter(|id| id.0 == lane).map(|id| sink::again(*id)).collect();
        pages.accepted.extend(more);
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

    /// What has not arrived yet waited for a person: others need not wait for it.
    pub fn excuse_order(&self) {
        let missing: Vec<Id> = self.missing().collect();
        self.pages().excused.extend(missing);
    }

    /// How many were accepted on each lane.
    pub fn lanes(&self) -> BTreeMap<usize, usize> {
        let mut lanes = BTreeMap::new();
        for (lane, _) in &self.pages().accepted {
            *lanes.entry(*lane).or_default() += 1;
        }
        lanes
    }

    pub fn accepted(&self) -> usize {
        self.pages().accepted.len()
    }

    pub fn arrived(&self) -> usize {
        self.pages().arrived.len()
    }

    /// What was accepted and has not arrived.
    pub fn missing(&self) -> impl Iterator<Item = Id> {
        let pages = self.pages();
        let missing: Vec<Id> = pages.accepted.iter().filter(|id| !pages.arrived.contains_key(id)).copied().collect();
        missing.into_iter()
    }

    pub fn count(&self) -> Count {
        let pages = self.pages();
        let extra = pages.extra().count();
        let reordered = pages.reordered().count();
        drop(pages);
        Count { lost: self.missing().count(), extra, reordered }
    }

    /// The messages that make the count unclean, the first of each kind.
    pub fn faults(&self) -> String {
        let lost: Vec<_> = self.missing().take(NAMED).collect();
        let pages = self.pages();
        let extra: Vec<_> = pages.extra().take(NAMED).collect();
        let reordered: Vec<_> = pages.reordered().take(NAMED).collect();
        format!("lost {lost:?}, extra {extra:?}, reordered {reordered:?}")
    }
}

/// How many messages are named of each kind.
const NAMED: usize = 5;

impl Pages {
    /// What arrived again although nobody could have forgotten it.
    fn extra(&self) -> impl Iterator<Item = Id> {
        self.arrived.iter().flat_map(|(id, times)| {
            let pairs = times.iter().zip(times.iter().skip(1));
            pairs.filter(|(first, second)| !self.excuses(**first, **second)).map(|_| *id)
        })
    }

    /// What arrived for the first time behind one that was sent after it.
    fn reordered(&self) -> impl Iterator<Item = Id> {
        let mut last: BTreeMap<usize, u64> = BTreeMap::new();
        let in_order = self.order.iter().copied().filter(|id| !self.excused.contains(id));
        in_order.filter(move |(lane, number)| {
            let last = last.entry(*lane).or_default();
            let is_late = number < last;
            *last = (*last).max(*number);
            is_late
        })
    }

    /// Whether somebody was killed between the two, and so soon behind the first that nobody could know of it.
    fn excuses(&self, first: Instant, second: Instant) -> bool {
        self.kills.iter().any(|kill| first <= *kill && *kill <= second && kill.duration_since(first) <= UNKNOWN)
    }
}
