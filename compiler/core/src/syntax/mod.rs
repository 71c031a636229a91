//! Text to tree. Never fails: what cannot be read becomes a problem, and what stands beside it is read all the same.
//!
//! `items` cuts a file where declarations begin, `item` reads one of them: strictly first (`grammar`, `build`), and if that fails line by line (`pieces`, `recover`).

mod build;
pub mod cst;
mod format;
mod grammar;
mod habits;
mod hidden;
mod items;
mod patch;
mod pieces;
mod recover;
mod scan;
pub mod tree;
mod wording;

pub use format::{Formatted, format};
pub use hidden::{TEXT_MAX, hidden, too_large};
pub use items::{head, items};

use crate::diagnostic::{Code, Diagnostic};
use grammar::{Grammar, Pair, Parser, Rule};
use patch::Patched;
use std::ops::Range;
use tree::Parsed;

/// Reads one item. Ranges count from its first byte.
pub fn item(text: &str) -> Parsed {
    let (clean, mut problems) = without_marks(text);
    let text = clean.as_deref().unwrap_or(text);
    let item = read(text, |pair, patched, found| {
        problems.extend(found);
        let found_before: Vec<_> = problems.iter().map(|problem| problem.at.clone()).collect();
        let (item, found) = build::item(pair?, patched);
        // One sentence for each place is enough.
        problems.extend(found.into_iter().filter(|new| !found_before.iter().any(|old| touch(old, &new.at))));
        item
    });
    if item.is_none() && problems.is_empty() {
        problems.push(Diagnostic::new(Code::Unreadable, 0..text.len(), "this cannot be read"));
    }
    Parsed { item, problems }
}

/// The line in which a byte of a text stands, counted from 1.
pub fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn touch(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start <= other.end && other.start <= one.end
}

/// Hands on the declaration that the text is, if the grammar takes it, else with the edits that make it readable, and
/// why they were needed.
fn read<T>(text: &str, take: impl FnOnce(Option<Pair<'_, Rule>>, &Patched, Vec<Diagnostic>) -> T) -> T {
    let patched = Patched::new(text, 0..text.len(), &[]);
    let pair = if scan::too_deep(text).is_none() { declaration(&patched.text) } else { None };
    if pair.is_some() {
        return take(pair, &patched, Vec::new());
    }
    let (edits, problems) = recover::item(text);
    let patched = Patched::new(text, 0..text.len(), &edits);
    take(declaration(&patched.text), &patched, problems)
}

fn declaration(text: &str) -> Option<Pair<'_, Rule>> {
    Grammar::parse(Rule::only_declaration, text).ok()?.next()
}

/// The two characters that repairs put into a text stand for nothing in what somebody wrote.
fn without_marks(text: &str) -> (Option<String>, Vec<Diagnostic>) {
    let marks = ['\u{1}', '\u{2}'];
    if !text.contains(marks) {
        return (None, Vec::new());
    }
    let places = text.match_indices(marks).map(|(at, mark)| at..at + mark.len());
    let problems = places.map(|at| Diagnostic::new(Code::Unreadable, at, "a control character that cannot be seen"));
    (Some(text.replace(marks, "\u{3}")), problems.collect())
}

#[cfg(test)]
mod tests;
