//! Whoever may be the first to write a resource goes alone.
//!
//! A conditional create or update looks for what matches and writes it where nothing does. Servers that are asked the same
//! twice at once find nothing twice, and write two, which no later message gets past: each is answered 412, as more than one
//! matches. So of those that ask for the same, one is under way at a time, until one of them was taken.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What a server looks for before it writes (FHIR R4 §3.1.0.5.1, §3.1.0.4.3), as a hash: it may name a patient.
pub(super) type Condition = u64;

/// The conditions of one server.
#[derive(Default)]
pub(super) struct Firsts {
    known: Mutex<Known>,
    ended: Notify,
}

#[derive(Default)]
struct Known {
    under_way: HashSet<Condition>,
    met: HashSet<Condition>,
    /// Those of before: what is in neither is forgotten, and goes alone once more.
    met_before: HashSet<Condition>,
}

/// How many are remembered at least.
const REMEMBERED: usize = 1 << 15;

impl Firsts {
    /// Waits until nobody else is under way to be the first for any of these.
    pub async fn turn(&self, conditions: &[Condition]) -> Turn<'_> {
        loop {
            let ended = self.ended.notified();
            if let Some(alone) = self.known().enter(conditions) {
                return Turn { of: self, alone };
            }
            ended.await;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Those that nobody has met, and which are under way from now on. `None` if one of them already is.
    fn enter(&mut self, conditions: &[Condition]) -> Option<Vec<Condition>> {
        let unmet = |it: &&Condition| !self.met.contains(it) && !self.met_before.contains(it);
        let alone: Vec<_> = conditions.iter().filter(unmet).copied().collect();
        if alone.iter().any(|it| self.under_way.contains(it)) {
            return None;
        }
        self.under_way.extend(&alone);
        Some(alone)
    }

    fn meet(&mut self, conditions: &[Condition]) {
        if self.met.len() >= REMEMBERED {
            self.met_before = mem::take(&mut self.met);
        }
        self.met.extend(conditions);
    }
}

/// The turn of one request. It ends with it.
pub(super) struct Turn<'a> {
    of: &'a Firsts,
    alone: Vec<Condition>,
}

impl Turn<'_> {
    /// The server took it: what it looks for is there.
    pub fn taken(&self) {
        if !self.alone.is_empty() {
            self.of.known().meet(&self.alone);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.alone.is_empty() {
            self.of.known().under_way.retain(|it| !self.alone.contains(it));
            self.of.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// The turn, if it need not wait.
    fn turn<'a>(firsts: &'a Firsts, conditions: &[Condition]) -> Option<Turn<'a>> {
        match pin!(firsts.turn(conditions)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_is_under_way_until_one_was_taken() {
        let firsts = Firsts::default();
        let first = turn(&firsts, &[1, 2]).unwrap();
        assert!(turn(&firsts, &[2, 3]).is_none());
        let other = turn(&firsts, &[3]);
        assert!(other.is_some());
        drop(other);
        // It was not taken: the next one is alone again.
        drop(first);
        let second = turn(&firsts, &[2]).unwrap();
        assert!(turn(&firsts, &[2]).is_none());
        second.taken();
        assert!(turn(&firsts, &[2]).is_some());
        assert!(turn(&firsts, &[1]).is_some());
        let without = (turn(&firsts, &[2]).unwrap(), turn(&firsts, &[]).unwrap());
        assert!(without.0.alone.is_empty() && without.1.alone.is_empty());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let firsts = Firsts::default();
        let count = |firsts: &Firsts| {
            let known = firsts.known();
            (known.met.len() + known.met_before.len(), known.under_way.len())
        };
        for condition in 0..5 * REMEMBERED as u64 {
            turn(&firsts, &[condition]).unwrap().taken();
        }
        assert!(count(&firsts).0 <= 2 * REMEMBERED && count(&firsts).1 == 0);
        assert!(firsts.known().enter(&[5 * REMEMBERED as u64 - 1]).unwrap().is_empty());
    }
}
