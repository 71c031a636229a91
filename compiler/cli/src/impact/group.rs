//! Differences of many messages, put together by element and rule.

use std::collections::{BTreeMap, HashMap};

use emr_compiler::impact::{Difference, Leaf, differences};
use emr_compiler::trace::{self, Rule, Trace};

use crate::engine::Engine;
use crate::world::World;

/// A version of the mapping, to be asked for its rules.
#[derive(Clone, Copy)]
pub struct Version<'a> {
    pub world: &'a World,
    pub engine: &'a Engine,
}

/// All that differs.
#[derive(Default)]
pub struct Groups {
    pub messages: usize,
    pub different: usize,
    pub found: BTreeMap<Of, Group>,
}

/// What a group is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Of {
    /// `Patient.name.family`, or what is said of the message.
    pub element: String,
    /// The rule that writes it now, else the one that did.
    pub rule: Option<(String, String)>,
}

#[derive(Default)]
pub struct Group {
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    pub messages: usize,
    pub example: Option<Example>,
    /// The last message that had one, so that it is counted once.
    last: usize,
}

pub struct Example {
    pub place: String,
    pub old: Option<String>,
    pub new: Option<String>,
    /// Both are words of the mapping, not of the message.
    pub is_said: bool,
}

type Made<'a> = (Version<'a>, &'a [u8], &'a [String]);

impl Groups {
    /// Only one version takes the message.
    pub fn one_sided(&mut self, place: &str, why: &str) {
        self.messages += 1;
        self.different += 1;
        let of = Of { element: "taken by one version alone".to_owned(), rule: None };
        let example = Example { place: place.to_owned(), old: None, new: Some(why.to_owned()), is_said: true };
        self.count(of, (false, true), example);
    }

    pub fn message(
        &mut self,
        (place, bytes): (&str, &[u8]),
        (old, old_json, old_said): Made<'_>,
        (new, new_json, new_said): Made<'_>,
    ) {
        self.messages += 1;
        let found = match (old_json.is_empty(), new_json.is_empty()) {
            // A message that is rejected has one difference, which is said.
            (false, false) => differences(old_json, new_json),
            _ => Vec::new(),
        };
        let (gone, come) = (without(old_said, new_said), without(new_said, old_said));
        if found.is_empty() && gone.is_empty() && come.is_empty() {
            return;
        }
        self.different += 1;
        let rules = (!found.is_empty()).then(|| (Rules::of(old, bytes), Rules::of(new, bytes)));
        for difference in found {
            let Difference { element, old, new } = difference;
            let rule = rules.as_ref().and_then(|(before, now)| match (&old, &new) {
                (_, Some(leaf)) => now.rule(leaf),
                (Some(leaf), None) => before.rule(leaf),
                (None, None) => None,
            });
            let is = (old.is_some(), new.is_some());
            let json = |leaf: Option<Leaf>| leaf.map(|leaf| leaf.json);
            let example = Example { place: place.to_owned(), old: json(old), new: json(new), is_said: false };
            self.count(Of { element, rule }, is, example);
        }
        let said = gone.into_iter().map(|text| (text, true)).chain(come.into_iter().map(|text| (text, false)));
        for (text, is_old) in said {
            let example = Example { place: place.to_owned(), old: None, new: None, is_said: true };
            self.count(Of { element: text, rule: None }, (is_old, !is_old), example);
        }
    }

    fn count(&mut self, of: Of, is: (bool, bool), example: Example) {
        let message = self.messages;
        let group = self.found.entry(of).or_default();
        match is {
            (true, true) => group.changed += 1,
            (true, false) => group.removed += 1,
            _ => group.added += 1,
        }
        group.messages += usize::from(group.last != message);
        group.last = message;
        group.example.get_or_insert(example);
    }
}

/// What one says more often than the other.
fn without(all: &[String], other: &[String]) -> Vec<String> {
    let mut left = other.to_vec();
    let mut more = all.to_vec();
    more.retain(|text| match left.iter().position(|known| known == text) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    });
    more
}

/// The rule of each value that a version writes for a message, by its path.
struct Rules(HashMap<String, Rule>);

impl Rules {
    fn of(version: Version<'_>, bytes: &[u8]) -> Rules {
        let traced = version.engine.chosen(bytes).ok().and_then(|(map, message)| {
            let World { db, inside, .. } = version.world;
            trace::trace(db, *inside, map, &message, &version.engine.runs(map).ok()?)
        });
        let values = traced.map(|Trace { values, .. }| values).unwrap_or_default();
        let own = |rules: Vec<Rule>| {
            let last = rules.last().cloned();
            rules.into_iter().rev().find(|rule| !rule.library).or(last)
        };
        Rules(values.into_iter().filter_map(|value| Some((value.path, own(value.rules)?))).collect())
    }

    fn rule(&self, leaf: &Leaf) -> Option<(String, String)> {
        self.0.get(&leaf.path).map(|rule| (rule.place(), rule.text.clone()))
    }
}
