//! How often a delivery is tried, and how long it waits in between.

use std::time::Duration;

use serde::Deserialize;

/// `retry: { times: 8, from: 1s, to: 5m }`, times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Tries after the first, then the message is parked; without it a fault of transport is tried until it is gone.
    pub times: Option<u32>,
    pub from: u64,
    pub to: u64,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { times: None, from: 500, to: 60_000 }
    }
}

/// Why a delivery did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The other side could not be reached, or says that another time would do.
    Passing(String),
    /// The other side does not let us in. It would take nothing else either: its lane is held, and nothing is parked.
    Unknown(String),
    /// The other side says that the message is wrong: a few tries, as its reasons may be passing too.
    Doubtful(String),
    /// It will never be taken as it is.
    Final(String),
}

impl Failure {
    /// The same with more of its reason.
    #[must_use]
    pub fn because(self, more: &str) -> Failure {
        match self {
            Failure::Passing(why) => Failure::Passing(format!("{why}: {more}")),
            Failure::Unknown(why) => Failure::Unknown(format!("{why}: {more}")),
            Failure::Doubtful(why) => Failure::Doubtful(format!("{why}: {more}")),
            Failure::Final(why) => Failure::Final(format!("{why}: {more}")),
        }
    }

    pub fn why(&self) -> &str {
        match self {
            Failure::Passing(why) | Failure::Unknown(why) | Failure::Doubtful(why) | Failure::Final(why) => why,
        }
    }
}

/// How often a doubtful delivery is tried in all (RUNTIME: AE, CE three tries, then park).
const DOUBTFUL: u32 = 3;

impl Retry {
    /// How long to wait behind a failure of the try with this number, from 1; nothing where the message is to be parked.
    /// `chance` is from 0 to 1: many that fail together do not come back together.
    pub fn wait(&self, failure: &Failure, tried: u32, chance: f64) -> Option<Duration> {
        let goes_on = match failure {
            Failure::Passing(_) => self.times.is_none_or(|times| tried <= times),
            Failure::Unknown(_) => true,
            Failure::Doubtful(_) => tried < self.times.map_or(DOUBTFUL, |times| times.saturating_add(1).min(DOUBTFUL)),
            Failure::Final(_) => false,
        };
        let longest = self.from.saturating_mul(1 << (tried - 1).min(32)).min(self.to);
        goes_on.then(|| Duration::from_millis(longest).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
    }

    /// The same for a message whose sender waits for what the target says of it: it is tried once, unless `times` says more.
    pub fn question(&self, failure: &Failure, tried: u32, chance: f64) -> Option<Duration> {
        if tried > self.times.unwrap_or(0) { None } else { self.wait(failure, tried, chance) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_go_on() {
        let retry = Retry::default();
        let passing = Failure::Passing("refused".into());
        let waits = [1, 2, 3, 8, 9, 4_000_000].map(|tried| retry.wait(&passing, tried, 1.0).unwrap().as_millis());
        assert_eq!(waits, [500, 1_000, 2_000, 60_000, 60_000, 60_000]);
        assert_eq!(retry.wait(&passing, 1, 0.0).unwrap().as_millis(), 250);
    }

    #[test]
    fn a_message_is_parked_when_it_was_tried_often_enough() {
        let retry = Retry { times: Some(2), ..Retry::default() };
        let parked = |failure: &Failure, tried| retry.wait(failure, tried, 0.5).is_none();
        let (passing, doubtful) = (Failure::Passing("".into()), Failure::Doubtful("".into()));
        assert_eq!([1, 2, 3].map(|tried| parked(&passing, tried)), [false, false, true]);
        assert_eq!([1, 2, 3].map(|tried| parked(&doubtful, tried)), [false, false, true]);
        assert!(parked(&Failure::Final("".into()), 1));
        let goes_on = |retry: &Retry, failure: &Failure, tried| retry.question(failure, tried, 0.5).is_some();
        let unknown = Failure::Unknown("".into());
        assert_eq!([1, 2, 3].map(|tried| goes_on(&retry, &unknown, tried)), [true, true, false]);
        assert!(!goes_on(&Retry::default(), &passing, 1));
        // Nor is one parked after the other where none would be taken.
        assert!(!parked(&Failure::Unknown("".into()), 1_000));
    }
}
