//! `closed`: each field that the profile lists is used, or ignored with a reason, by the maps that take it.

use super::ProfileFacts;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// A map that takes a profile, what it looks at in a message, and what it ignores, itself or by what it calls.
pub struct Taker<'f> {
    /// `hospital.adt.admission`
    pub key: &'f str,
    pub fields: BTreeSet<SmolStr>,
    pub ignored: Vec<&'f SmolStr>,
}

/// A listed field of a closed profile that is left open, at its line, with the maps that leave it so.
pub fn left_open(facts: &ProfileFacts, takers: &[Taker]) -> Vec<Diagnostic> {
    let open = |(path, at): &(SmolStr, At)| {
        let leaves = takers.iter().filter(|taker| !taker.takes_care_of(path));
        let names: Vec<_> =
            leaves.map(|taker| format!("`{}`", taker.key.rsplit('.').next().unwrap_or_default())).collect();
        (!names.is_empty()).then(|| {
            let message =
                format!("the profile is closed, and `{path}` is neither used nor ignored by {}", names.join(" and "));
            let diagnostic = Diagnostic::new(Code::LeftOpen, at.clone(), message);
            diagnostic.help(format!("write a rule for it there, or `ignore {path} because \"…\"`"))
        })
    };
    facts.closed.iter().filter_map(open).collect()
}

impl Taker<'_> {
    fn takes_care_of(&self, path: &SmolStr) -> bool {
        self.fields.contains(path) || self.ignored.iter().any(|ignored| covers(ignored, path))
    }
}

/// Whether what is ignored is the field, or what it stands in. A map that takes a part of a message names it from there.
fn covers(ignored: &str, field: &str) -> bool {
    let Some((segment, number)) = split(field) else { return false };
    match split(ignored) {
        Some((around, own)) => own == number && is_end_of(around, segment),
        None => segment
            .match_indices('.')
            .map(|(at, _)| at)
            .chain([segment.len()])
            .any(|end| segment.get(..end).is_some_and(|around| is_end_of(ignored, around))),
    }
}

/// `PATIENT.PID-3` as the segment and the number of the field, components left out.
fn split(path: &str) -> Option<(&str, u32)> {
    let (segment, field) = path.rsplit_once('-')?;
    Some((segment, field.split(['.', '[']).next()?.parse().ok()?))
}

fn is_end_of(end: &str, path: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}
