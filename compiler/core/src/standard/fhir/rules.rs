//! Which elements of an object ask for each other: the invariants of R4 that ask for nothing else.

use emr_stdlib::fhir as text;

use crate::standard::shape::Shape;

/// A part of an invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the standard calls the invariant: `pat-1`.
    pub key: &'static str,
    names: &'static str,
}

impl Rule {
    /// Of these elements one is to be there, unless one of those that it asks of is not.
    pub fn wanted(&self) -> impl Iterator<Item = &'static str> {
        self.names.split(' ').filter(|name| !name.starts_with(ABSENT))
    }

    /// The elements that it asks of: where one of them is not there, it holds.
    pub fn asked_of(&self) -> impl Iterator<Item = &'static str> {
        self.names.split(' ').filter_map(|name| name.strip_prefix(ABSENT))
    }
}

const ABSENT: char = '!';

/// What an object of a type breaks, by the names that it has in JSON; those of ids and extensions of primitives count too.
pub fn broken<'n>(shape: &Shape, names: impl Iterator<Item = &'n str> + Clone) -> impl Iterator<Item = Rule> {
    let is_there = move |name: &str| {
        let element = shape.element(name);
        let is_it =
            |name: &str| element.is_some_and(|element| element.named(name.strip_prefix('_').unwrap_or(name)).is_some());
        names.clone().any(is_it)
    };
    of(&shape.key).filter(move |rule| rule.asked_of().all(&is_there) && !rule.wanted().any(&is_there))
}

/// Those of a type or of an element that has elements: `Observation`, `Patient.contact`.
fn of(key: &str) -> impl Iterator<Item = Rule> {
    let lines = text::RULES.block(key).into_iter().flatten().skip(1);
    lines.filter_map(|line| line.split_once(' ').map(|(key, names)| Rule { key, names }))
}
