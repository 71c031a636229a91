//! The rules that might have written a value and did not, and what of the message they read.

use super::rules::{self, Rule};
use super::wanted::{Field, Wanted};
use super::{Trace, message};
use crate::db::{self, Project};
use crate::specification;
use std::collections::BTreeSet;

/// A rule that might have written what is asked for.
pub struct Could {
    pub rule: Rule,
    /// What it reads of the message, where that is a field.
    pub reads: Vec<Read>,
}

/// A field that a rule reads.
#[derive(Clone, PartialEq, Eq)]
pub struct Read {
    /// `OBX[.3.1 == "DOB"]-5`
    pub path: String,
    /// "Observation Value"
    pub name: String,
    /// Whether the message has it, in one of the segments of that name.
    pub there: bool,
}

/// The rules of the map of a trace, and of all that it uses, that might have written what is asked for; of a field of the
/// message that came, those that read it.
pub fn could(db: &db::Database, project: Project, trace: &Trace, wanted: &Wanted) -> Vec<Could> {
    let Some(plan) = db::explained_plan(db, project, trace.map.clone()).clone() else { return Vec::new() };
    let all: Vec<Rule> =
        plan.rules.iter().filter_map(|rule| rules::read(db, project, rule)).filter(|rule| !rule.library).collect();
    let maps: BTreeSet<&str> = all.iter().map(|rule| rule.map.as_str()).collect();
    let mut found: Vec<Could> = Vec::new();
    let mut add = |rule: &Rule, reads: Vec<Read>| match found.iter_mut().find(|could| could.rule == *rule) {
        Some(known) => {
            let new: Vec<Read> = reads.into_iter().filter(|read| !known.reads.contains(read)).collect();
            known.reads.extend(new);
        }
        None => found.push(Could { rule: rule.clone(), reads }),
    };
    for row in specification::of(db, project, project.files(db)).rules {
        let reads_it = |field: &Field| row.sources.iter().any(|source| field.touches(&source.path));
        let is_meant = match wanted {
            Wanted::Element(element) => element.touches(&row.element),
            Wanted::Field(field) => reads_it(field),
        };
        if !is_meant || !maps.contains(row.map.as_str()) {
            continue;
        }
        let reads = row.sources.iter().filter_map(|source| {
            let there = is_there(&trace.segments, &source.path)?;
            Some(Read { path: source.path.clone(), name: source.name.clone(), there })
        });
        let reads: Vec<Read> = reads.collect();
        if let Some(rule) = of_row(&all, &row) {
            add(rule, reads);
        }
    }
    if let Wanted::Field(_) = wanted {
        let name = wanted.name();
        all.iter().filter(|rule| begins(&rule.text, &name)).for_each(|rule| add(rule, Vec::new()));
    }
    found
}

/// The rule of a row: of several in one line the one that is named so. A value that stands below its name belongs to the rule
/// above it.
fn of_row<'r>(all: &'r [Rule], row: &specification::Rule) -> Option<&'r Rule> {
    let line: usize = row.place.rsplit(':').next().and_then(|line| line.parse().ok())?;
    let own = |rule: &&Rule| rule.map == row.map && rule.place() == row.place;
    let named = |rule: &&Rule| begins(&rule.text, last(&row.element));
    let first = without_brackets(&row.element).split('.').nth(1).unwrap_or_default().to_owned();
    let above = |rule: &&Rule| rule.map == row.map && rule.line <= line && begins(&rule.text, &first);
    let found = all.iter().filter(own).find(named);
    found.or_else(|| all.iter().filter(above).max_by_key(|rule| rule.line)).or_else(|| all.iter().find(own))
}

/// Whether a rule begins with the element or field that it writes.
fn begins(rule: &str, name: &str) -> bool {
    let rest = rule.strip_prefix(name);
    rest.is_some_and(|rest| rest.starts_with([':', '.', '[']) || rest.starts_with(" +:"))
}

/// `family`, of `Patient.name.family`
fn last(element: &str) -> &str {
    let bare = element.split('[').next().unwrap_or(element);
    bare.rsplit('.').next().unwrap_or(bare)
}

/// Whether a field has something in any segment of its name; nothing for what is no field.
fn is_there(segments: &[message::Segment], path: &str) -> Option<bool> {
    let field = Field::read(&without_brackets(path))?;
    let mut fields = segments.iter().flat_map(|segment| &segment.fields);
    Some(fields.any(|part| field.touches(&part.path)))
}

/// `OBX-5`, of `OBX[.3.1 == "DOB"]-5`
pub(super) fn without_brackets(path: &str) -> String {
    let mut depth = 0_usize;
    let outside = path.chars().filter(|letter| {
        if *letter == '[' {
            depth += 1;
        }
        let is_outside = depth == 0;
        if *letter == ']' {
            depth = depth.saturating_sub(1);
        }
        is_outside
    });
    outside.collect()
}
