//! Which elements of an object are there together (FHIR R4, invariants such as `pat-1` and `obs-6`).

use super::json::Object;
use super::problem::Path;
use super::{Code, Validator};
use crate::standard::fhir::rules::{self, Rule};
use crate::standard::shape::Shape;

impl Validator<'_> {
    pub fn together(&mut self, at: &Path, object: &Object, shape: &Shape) {
        for rule in rules::broken(shape, object.members().map(|(name, _)| name)) {
            self.tell(Code::Together, at, format!("{} ({})", said(&rule), rule.key));
        }
    }
}

/// What a rule asks, of an object that breaks it.
fn said(rule: &Rule) -> String {
    let (wanted, asked_of): (Vec<_>, Vec<_>) = (rule.wanted().collect(), rule.asked_of().collect());
    let wants = match wanted.as_slice() {
        [one] => format!("`{one}` must be there"),
        several => format!("one of {} must be there", joined(several, "and")),
    };
    match (asked_of.as_slice(), wanted.is_empty()) {
        ([], _) => wants,
        (several, true) => format!("{} do not stand together", joined(several, "and")),
        (several, false) => format!("where {} stands, {wants}", joined(several, "with")),
    }
}

fn joined(names: &[&str], word: &str) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, first @ [_, ..])) => format!("{} {word} {last}", first.join(", ")),
        _ => quoted.concat(),
    }
}
