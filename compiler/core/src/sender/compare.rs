//! Two profiles side by side, place by place.

use crate::check::{Held, ProfileFacts};
use crate::standard::shape::MANY;
use crate::syntax::tree::Side;
use indexmap::IndexMap;
use serde::Serialize;
use smol_str::SmolStr;
use std::fmt;

/// What two profiles say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What stands before the brace: `structures` and `version`.
    pub heads: Vec<Head>,
    pub differences: Vec<Difference>,
    /// How many places they say the same of.
    pub same: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    pub what: &'static str,
    pub left: String,
    pub right: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `PATIENT_RESULT.PATIENT.PID-5.1`
    pub place: SmolStr,
    /// Nothing where the profile has no line for the place.
    pub left: Option<Said>,
    pub right: Option<Said>,
}

/// What a profile says of one place. Shown as a line of it has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    pub times: String,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub ty: Option<SmolStr>,
    #[serde(rename = "in", skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands: Option<String>,
}

/// Places in the order of the first profile, then what only the second has in its own.
pub fn compare(left: &ProfileFacts, right: &ProfileFacts) -> Compared {
    let mut places: IndexMap<SmolStr, (Option<Said>, Option<Said>)> = IndexMap::new();
    for (place, said) in said(left) {
        places.entry(place).or_default().0 = Some(said);
    }
    for (place, said) in said(right) {
        places.entry(place).or_default().1 = Some(said);
    }
    let all = places.len();
    let differ = places.into_iter().filter(|(_, (left, right))| left != right);
    let differences: Vec<_> = differ.map(|(place, (left, right))| Difference { place, left, right }).collect();
    Compared { heads: heads(left, right), same: all - differences.len(), differences }
}

/// Where they are of other messages.
fn heads(left: &ProfileFacts, right: &ProfileFacts) -> Vec<Head> {
    let structures = Head { what: "structures", left: left.of.join(", "), right: right.of.join(", ") };
    let version = Head { what: "version", left: left.version.to_string(), right: right.version.to_string() };
    [structures, version].into_iter().filter(|head| head.left != head.right).collect()
}

fn said(facts: &ProfileFacts) -> impl Iterator<Item = (SmolStr, Said)> {
    facts.held.iter().map(|held| (held.path.clone(), of(held, facts)))
}

fn of(held: &Held, facts: &ProfileFacts) -> Said {
    let mut one_of = held.one_of.clone();
    one_of.sort();
    let side = |(side, beside): &(Side, SmolStr)| match side {
        Side::After => format!("after {beside}"),
        Side::Before => format!("before {beside}"),
    };
    Said {
        times: range(held.min, held.max),
        ty: facts.narrowed.get(&held.path).and_then(|line| line.ty.clone()),
        one_of,
        length: held.length.map(|(least, most)| range(least, most)),
        matches: held.pattern.clone(),
        stands: held.stands.as_ref().map(side),
    }
}

fn range(min: u32, max: u32) -> String {
    if max == MANY { format!("{min}..*") } else { format!("{min}..{max}") }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.times)?;
        if let Some(ty) = &self.ty {
            write!(f, " as {ty}")?;
        }
        if !self.one_of.is_empty() {
            write!(f, " in ({})", self.one_of.join(", "))?;
        }
        if let Some(length) = &self.length {
            write!(f, " length {length}")?;
        }
        if let Some(pattern) = &self.matches {
            write!(f, " matches '{pattern}'")?;
        }
        self.stands.as_ref().map_or(Ok(()), |stands| write!(f, " {stands}"))
    }
}
