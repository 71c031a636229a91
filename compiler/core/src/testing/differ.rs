//! Where two JSON documents differ, in the words of FHIR paths.

use super::decimal;
use super::spell;
use super::walk::choice_type;
use crate::json::Json;
use crate::syntax::tree::{PartKind, Path};
use std::cmp::Ordering;

/// The order of members does not count, that of items does; numbers are compared by value.
pub fn same(left: &Json, right: &Json) -> bool {
    let mut differences = Vec::new();
    compare(left, right, &mut Vec::new(), &[], &mut differences);
    differences.is_empty()
}

/// A sentence for each place where `actual` is not as expected, but for those that `ignoring` names.
pub fn differences(actual: &Json, expected: &Json, ignoring: &[Path]) -> Vec<String> {
    let mut differences = Vec::new();
    let mut place = Vec::new();
    compare(actual, expected, &mut place, ignoring, &mut differences);
    differences
}

/// A step from the document's root: a member, an item, or that a resource of this type begins here.
#[derive(Clone)]
enum Step {
    Member(String),
    Item(usize),
    Resource(String),
}

fn compare(actual: &Json, expected: &Json, place: &mut Vec<Step>, ignoring: &[Path], found: &mut Vec<String>) {
    let depth = place.len();
    if let Some(name) = expected.resource_type().or_else(|| actual.resource_type()) {
        place.push(Step::Resource(name.to_owned()));
    }
    match (actual, expected) {
        _ if ignoring.iter().any(|path| names(path, place)) => {}
        (Json::Object(left), Json::Object(right)) => {
            let added = left.iter().filter(|(name, _)| expected.member(name).is_none());
            for (name, _) in right.iter().chain(added) {
                place.push(Step::Member(name.clone()));
                let [left, right] = [actual, expected].map(|it| it.member(name).unwrap_or(&Json::Null));
                compare(left, right, place, ignoring, found);
                place.pop();
            }
        }
        (Json::List(left), Json::List(right)) => {
            for index in 0..left.len().max(right.len()) {
                place.push(Step::Item(index));
                let [left, right] = [left, right].map(|it| it.get(index).unwrap_or(&Json::Null));
                compare(left, right, place, ignoring, found);
                place.pop();
            }
        }
        (Json::Number(left), Json::Number(right)) if decimal::compare(left, right) == Some(Ordering::Equal) => {}
        (left, right) if left == right => {}
        (Json::Null, expected) => found.push(format!("{} is missing, not {}", spelled(place), spell::json(expected))),
        (actual, Json::Null) => found.push(format!("{} is {}, not missing", spelled(place), spell::json(actual))),
        (actual, expected) => {
            found.push(format!("{} is {}, not {}", spelled(place), spell::json(actual), spell::json(expected)));
        }
    }
    place.truncate(depth);
}

fn spelled(place: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in place.iter().enumerate() {
        match step {
            Step::Resource(name) if index == 0 => text.push_str(name),
            Step::Resource(_) => {}
            Step::Member(name) if text.is_empty() => text.push_str(name),
            Step::Member(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    if text.is_empty() { "the output".to_owned() } else { text }
}

/// Whether a path of `ignoring` names this place: from the root (`output.entry`), or from a resource of the type that
/// it begins with. A path without an index names all items.
fn names(path: &Path, place: &[Step]) -> bool {
    let root = path.root.as_ref().map_or("", |word| word.text.as_str());
    let begins = |index: usize| match place.get(index) {
        Some(Step::Resource(name)) => name == root || (index == 0 && root == "output"),
        _ => false,
    };
    let from_root = (root == "output").then_some(0);
    let starts = (0..place.len()).filter(|&index| begins(index)).map(|index| index + 1);
    starts.chain(from_root).any(|start| place.get(start..).is_some_and(|below| leads(path, below)))
}

/// Whether the path's parts lead to exactly the end of the steps.
fn leads(path: &Path, steps: &[Step]) -> bool {
    let mut steps = steps.iter().filter(|step| !matches!(step, Step::Resource(_))).peekable();
    for part in &path.parts {
        let fits = match &part.kind {
            PartKind::Child(name) => {
                // A name after a list of which no item was chosen: any of its items.
                while matches!(steps.peek(), Some(Step::Item(_))) {
                    steps.next();
                }
                matches!(steps.next(), Some(Step::Member(member)) if is_element(member, name))
            }
            PartKind::Index(index) => {
                matches!(steps.next(), Some(Step::Item(item)) if u32::try_from(*item) == Ok(*index))
            }
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    steps.next().is_none()
}

/// `effectiveDateTime` is `effective` and itself; `_birthDate` goes with `birthDate`.
fn is_element(member: &str, name: &str) -> bool {
    let member = member.strip_prefix('_').unwrap_or(member);
    member == name || member.strip_prefix(name).and_then(choice_type).is_some()
}
