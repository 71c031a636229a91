//! What is known of values at a place in a routine, and what follows of it for a test.

use crate::check::typed::{Compare, Comparison};
use crate::plan::{Constant, Test, Val};
use emr_message::convert;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;

/// What is known of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Is(Constant),
    Present,
    /// Missing or null.
    NotPresent,
}

#[derive(Clone, Debug, Default)]
pub struct Known {
    facts: FxHashMap<Val, Fact>,
}

impl Known {
    /// A value was set, to something that this is known of.
    pub fn set(&mut self, val: Val, fact: Option<Fact>) {
        match fact {
            Some(fact) => self.facts.insert(val, fact),
            None => self.facts.remove(&val),
        };
    }

    pub fn forget(&mut self, vals: &FxHashSet<Val>) {
        self.facts.retain(|val, _| !vals.contains(val));
    }

    pub fn fact(&self, val: Val) -> Option<&Fact> {
        self.facts.get(&val)
    }

    pub fn constant(&self, val: Val) -> Option<&Constant> {
        match self.facts.get(&val) {
            Some(Fact::Is(constant)) => Some(constant),
            _ => None,
        }
    }

    pub fn text(&self, val: Val) -> Option<&str> {
        match self.constant(val) {
            Some(Constant::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn is_missing(&self, val: Val) -> bool {
        self.constant(val) == Some(&Constant::Missing)
    }

    /// What is known whichever of two ways was taken.
    pub fn meet(&mut self, other: &Known) {
        self.facts.retain(|val, fact| other.facts.get(val) == Some(fact));
    }

    fn presence(&self, val: Val) -> Option<bool> {
        match self.facts.get(&val)? {
            Fact::Is(Constant::Missing) | Fact::NotPresent => Some(false),
            Fact::Is(Constant::Text(text)) => Some(!text.is_empty()),
            // It may have been added to.
            Fact::Is(Constant::List) => None,
            Fact::Is(_) | Fact::Present => Some(true),
        }
    }

    /// Learns that a test holds, or that it does not.
    pub fn assume(&mut self, test: &Test, holds: bool) {
        match (test, holds) {
            (Test::Present(of), _) if self.constant(*of).is_none() => {
                self.facts.insert(*of, if holds { Fact::Present } else { Fact::NotPresent });
            }
            (Test::Not(test), _) => self.assume(test, !holds),
            (Test::Both(left, right), true) | (Test::Either(left, right), false) => {
                self.assume(left, holds);
                self.assume(right, holds);
            }
            _ => {}
        }
    }

    /// The test without what is known of it.
    pub fn simplified(&self, test: Test) -> Test {
        match test {
            Test::Not(inner) => match self.simplified(*inner) {
                Test::Always(value) => Test::Always(!value),
                Test::Not(inner) => *inner,
                inner => Test::Not(Box::new(inner)),
            },
            Test::Both(left, right) => match (self.simplified(*left), self.simplified(*right)) {
                (Test::Always(true), other) | (other, Test::Always(true)) => other,
                (Test::Always(false), _) | (_, Test::Always(false)) => Test::Always(false),
                (left, right) => Test::Both(Box::new(left), Box::new(right)),
            },
            Test::Either(left, right) => match (self.simplified(*left), self.simplified(*right)) {
                (Test::Always(false), other) | (other, Test::Always(false)) => other,
                (Test::Always(true), _) | (_, Test::Always(true)) => Test::Always(true),
                (left, right) => Test::Either(Box::new(left), Box::new(right)),
            },
            test => self.answer(&test).map_or(test, Test::Always),
        }
    }

    fn answer(&self, test: &Test) -> Option<bool> {
        match test {
            Test::Present(of) => self.presence(*of),
            Test::Null(of) => (self.constant(*of)? != &Constant::List).then_some(false),
            Test::Absent(of) => match self.fact(*of)? {
                Fact::Is(Constant::Missing) => Some(true),
                _ => self.presence(*of).filter(|present| *present).map(|_| false),
            },
            Test::True(of) => self.is_missing(*of).then_some(false).or_else(|| Some(self.text(*of)? == "true")),
            Test::Compare { op: op @ (Compare::Equal | Compare::NotEqual), left, right, how } => {
                Some(self.equal(*left, *right, *how)? == (*op == Compare::Equal))
            }
            Test::In { of, list, how } => {
                let known: Option<Vec<bool>> = list.iter().map(|item| self.equal(*of, *item, *how)).collect();
                known.map(|known| known.contains(&true))
            }
            Test::Matches { of, .. } if self.is_missing(*of) => Some(false),
            _ => None,
        }
    }

    fn equal(&self, left: Val, right: Val, how: Comparison) -> Option<bool> {
        if self.is_missing(left) || self.is_missing(right) {
            return Some(false);
        }
        let (left, right) = (self.text(left)?, self.text(right)?);
        (how == Comparison::Text).then(|| convert::order(left, right, how, None) == Some(Ordering::Equal))
    }
}
