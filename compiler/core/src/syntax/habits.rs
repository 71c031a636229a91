//! What people write who come from other languages, and what is written here instead.

use super::pieces::{Group, Pieces};
use crate::diagnostic::{Code, Diagnostic};
use std::ops::Range;

/// A line that no edit makes one of this language.
pub fn foreign(pieces: &Pieces<'_>, line: &Range<usize>) -> Option<Diagnostic> {
    let first = pieces.next(line.start, line.end)?;
    let second = pieces.next(first + 1, line.end)?;
    if pieces.word(first) != "for" || matches!(pieces.word(second), ":" | "+:" | "." | "[") {
        return None;
    }
    let at = pieces.bytes(&(first..first + 1));
    let problem =
        Diagnostic::new(Code::Unreadable, at, "there is no `for`: what is given a list is done for each of it");
    Some(problem.help(
        "as in `emit contact(NK1)`; for several statements `each NK1 { … }`, for rules `contact: each NK1 { … }`",
    ))
}

/// The block in `keyed by identifier: { … }`, where a value belongs.
pub fn key_in_braces(pieces: &Pieces<'_>, head: &Range<usize>, groups: &[Group]) -> Option<(Group, Diagnostic)> {
    let before = |at: usize| pieces.previous(head.start, at);
    let group = groups.iter().find(|group| {
        let colon = before(group.open).filter(|at| pieces.word(*at) == ":");
        let by = colon.and_then(before).and_then(before).filter(|at| pieces.word(*at) == "by");
        by.and_then(before).is_some_and(|at| pieces.word(at) == "keyed")
    })?;
    let at = pieces.bytes(&(group.open..group.end));
    let problem = Diagnostic::new(Code::Unreadable, at, "a key is a value, and this is a block");
    let help = "make it a map that gives an Identifier, and call it: `keyed by identifier: number(PID)`";
    Some((*group, problem.help(help)))
}

/// What to write in place of what cannot be read, where nothing better is known.
pub fn hint(text: &str, problem: &Diagnostic) -> Option<&'static str> {
    let found = text.get(problem.at.start..).unwrap_or_default();
    let is_word = |word: &str| {
        let end = found.strip_prefix(word).and_then(|rest| rest.chars().next());
        found.starts_with(word) && !end.is_some_and(|next| next.is_alphanumeric() || next == '_')
    };
    if found.starts_with(';') {
        return Some("a rule ends with its line, without a mark");
    }
    if found.starts_with('#') {
        return Some("a comment begins with `//`");
    }
    if is_word("where") {
        return Some("what is chosen stands in brackets, and a leading dot is the item: `OBX[.3.1 == \"…\"]-5`");
    }
    if found.starts_with('-') && text.trim_start().starts_with("codes ") {
        return Some(
            "the name of a code system has no `-`; its URI stands in quotes: `to \"http://hl7.org/fhir/request-status\"`",
        );
    }
    let is_route = text.trim_start().starts_with("route ") && problem.message.starts_with("expected");
    is_route.then_some("a route is written `route NAME from FEED through MAP to TARGET`")
}
