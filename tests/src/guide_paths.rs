//! The targets of HL7's guide to mapping v2 to FHIR, each written as a rule: the checker takes those that R4 has and
//! refuses the others, with a word about what was meant.
//!
//! The guide writes what emr does not: it goes through a reference in brackets (`individual(Practitioner.name)`), names a
//! choice by its JSON (`valueQuantity.code`), and counts items (`identifier[2]`). Each such step is a rule of its own
//! here, with a parameter of the type that the guide gives it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use emr_compiler::db::{self, Database, Settings};
use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::standard::Standards;
use serde::Deserialize;

use crate::corpus;

/// A row of `paths.csv`, of which only what is asked here.
#[derive(Deserialize)]
struct Row {
    file: String,
    line: u32,
    root: String,
    target: String,
    verdict: String,
    class: String,
    /// Where the target is one of R4: `Patient.contact -> Organization.name`.
    path: String,
    /// What the target should have been.
    intended: String,
}

/// Rows of which the checker thinks otherwise than the table, with the reason.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("Condition", "assigner(Organization[1].identifier[1].value)", NEARER),
    ("Condition", "assigner(Organization[1].identifier[2].value)", NEARER),
    ("Condition", "assigner(Organization[1].identifier[2].type)", NEARER),
];
/// `Condition.identifier.assigner` was meant; what is spelled like it is a better guess at what somebody wrote.
const NEARER: &str = "refused, and `asserter` is offered, which stands in Condition itself";

#[test]
fn targets_of_the_guide_are_taken_or_refused() {
    let Some(folder) = corpus::shared("v2-to-fhir/analysis") else { return };
    let text = fs::read(folder.join("paths.csv")).unwrap();
    let rows: Vec<Row> = csv::Reader::from_reader(text.as_slice()).deserialize().map(Result::unwrap).collect();
    let standards = Standards::embedded();
    let mut asked = Asked::default();
    let rows: Vec<(Row, Vec<usize>)> = rows
        .into_iter()
        .filter(|row| row.verdict != "notation")
        .map(|row| {
            let maps = chain(&row).iter().flat_map(|hop| spelled(&standards, hop)).map(|map| asked.ask(map)).collect();
            (row, maps)
        })
        .collect();
    let found = asked.answers();
    let (mut taken, mut refused, mut wrong) = (0, 0, String::new());
    for (row, maps) in &rows {
        let said: Vec<&Diagnostic> = maps.iter().filter_map(|map| found.get(map)).flatten().collect();
        let outcome = match row.verdict.as_str() {
            "ok" if said.is_empty() => {
                taken += 1;
                Ok(())
            }
            "ok" => Err(format!("refused: {}", said[0].message)),
            _ if said.is_empty() => Err("taken".to_owned()),
            _ => named(row, &said).map(|()| refused += 1),
        };
        let known = OTHERWISE.iter().find(|(root, target, _)| *root == row.root && *target == row.target);
        if let Some((root, target, reason)) = known {
            assert!(outcome.is_err(), "{root}.{target} is as the table has it: take it from the list");
            println!("{root}.{target}: {reason}");
        } else if let Err(why) = &outcome {
            writeln!(wrong, "{}:{} {} {} ({}): {why}", row.file, row.line, row.root, row.target, row.class).unwrap();
        }
    }
    println!("{taken} taken, {refused} refused with the likely element, {} explained", OTHERWISE.len());
    assert!(wrong.is_empty(), "{wrong}");
    assert!(taken > 1_900 && refused > 70, "{taken} taken, {refused} refused");
}

/// Maps of one rule each, every one of them once.
#[derive(Default)]
struct Asked {
    lines: Vec<String>,
    known: BTreeMap<String, usize>,
}

impl Asked {
    /// The number of the map.
    fn ask(&mut self, map: String) -> usize {
        let next = self.lines.len();
        *self.known.entry(map.clone()).or_insert_with(|| {
            self.lines.push(map);
            next
        })
    }

    /// What the checker says of elements and references, by the number of the map. That other elements are required, or
    /// that the text of a rule is of another type, is no matter of its path.
    fn answers(&self) -> BTreeMap<usize, Vec<Diagnostic>> {
        let mut text = String::new();
        for (number, map) in self.lines.iter().enumerate() {
            writeln!(text, "map m{number}{map}").unwrap();
        }
        let database = Database::default();
        let file = database.open("guide", "guide.emr", text.clone());
        let settings = Settings { timezone: Some("UTC".to_owned()), ..Settings::default() };
        let project = database.project(vec![file], settings, Standards::embedded());
        let mut found: BTreeMap<usize, Vec<Diagnostic>> = BTreeMap::new();
        for diagnostic in db::diagnostics(&database, project, file) {
            if is_of_path(diagnostic) {
                let line = text[..diagnostic.at.start].matches('\n').count();
                found.entry(line).or_default().push(diagnostic.clone());
            }
        }
        found
    }
}

fn is_of_path(diagnostic: &Diagnostic) -> bool {
    match diagnostic.code {
        Code::Unreadable | Code::HalfTyped | Code::UnknownName | Code::ManyForOne | Code::WrongTarget => true,
        // Of PID-3.1, a list that stands only where one value is taken: its type is said before its number.
        Code::NoConversion => diagnostic.message.ends_with("from ST"),
        code => code.text().starts_with("E04"),
    }
}

/// A path in one type: the steps below it, each with its number if that is not the first.
struct Hop {
    ty: String,
    steps: Vec<Step>,
    /// The type that the reference at its end leads to.
    target: Option<String>,
}

struct Step {
    name: String,
    index: u32,
}

/// The hops of a row: as the table reads it, or, of what R4 does not have, as the guide wrote it.
fn chain(row: &Row) -> Vec<Hop> {
    let mut hops = Vec::new();
    if row.path.is_empty() {
        let target = row.target.strip_prefix(&row.root).filter(|rest| rest.starts_with('.')).unwrap_or(&row.target);
        read(&row.root, target.trim_start_matches('.'), &mut hops);
        return hops;
    }
    let mut parts = row.path.split(" -> ").peekable();
    while let Some(part) = parts.next() {
        let (ty, steps) = part.split_once('.').unwrap_or((part, ""));
        let target = parts.peek().map(|next| next.split('.').next().unwrap_or(next).to_owned());
        hops.push(Hop { ty: ty.to_owned(), steps: steps.split('.').filter_map(Step::read).collect(), target });
    }
    hops
}

/// `generalPractitioner(PractitionerRole.organization(Organization.name))`
fn read(ty: &str, text: &str, hops: &mut Vec<Hop>) {
    let (steps, inner) = text.split_once('(').unwrap_or((text, ""));
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    let next = inner.split(['.', '(', '[']).next().filter(|next| !next.is_empty());
    hops.push(Hop {
        ty: ty.to_owned(),
        steps: steps.split('.').filter_map(Step::read).collect(),
        target: next.map(str::to_owned),
    });
    if let Some(next) = next {
        let rest = inner[next.len()..].trim_start_matches(|c: char| c.is_ascii_digit() || "[]".contains(c));
        read(next, rest.trim_start_matches('.'), hops);
    }
}

impl Step {
    /// `identifier[2]`; nothing of `[2]` alone, which counts the resources of a message, and of `$value`, which is the
    /// value of a primitive.
    fn read(text: &str) -> Option<Step> {
        let (name, index) = text.split_once('[').unwrap_or((text, ""));
        let index = index.trim_end_matches(']').parse().unwrap_or(1);
        (!name.is_empty() && name != "$value").then(|| Step { name: name.to_owned(), index })
    }
}

/// A hop as maps of one rule. Behind a choice a map of the chosen type goes on.
fn spelled(standards: &Standards, hop: &Hop) -> Vec<String> {
    let mut maps = Vec::new();
    let (mut ty, mut key, mut target) = (hop.ty.clone(), hop.ty.clone(), String::new());
    for (number, step) in hop.steps.iter().enumerate() {
        let is_last = number + 1 == hop.steps.len();
        let at = |name: &str| if target.is_empty() { name.to_owned() } else { format!("{target}.{name}") };
        let shape = standards.fhir.shape(&key);
        let element = shape.as_ref().and_then(|shape| shape.element(&step.name));
        let chosen =
            shape.iter().flat_map(|shape| &shape.elements).filter(|element| element.choice).find_map(|element| {
                let ending = step.name.strip_prefix(element.name.as_str())?;
                let ty = element.types.iter().find(|ty| capitalised(&ty.name) == ending)?;
                Some((element.name.to_string(), ty.clone()))
            });
        match (element, chosen) {
            (None, Some((name, chosen))) => {
                let of = match (&hop.target, is_last) {
                    (Some(target), true) => format!("Reference({target})"),
                    _ => chosen.name.to_string(),
                };
                maps.push(format!("(PID, x: {of}) -> {ty} {{ {}: x }}", at(&name)));
                (ty, key, target) = (chosen.name.to_string(), chosen.shape.to_string(), String::new());
            }
            (element, _) => {
                target = at(&step.name);
                key = element.and_then(|it| it.types.first()).map(|it| it.shape.to_string()).unwrap_or_default();
                if step.index > 1 && element.is_some_and(|it| !it.repeats()) {
                    maps.push(format!("(PID) -> {ty} {{ {target}: PID-3.1 }}"));
                }
            }
        }
    }
    if !target.is_empty() {
        let (parameter, value) = match &hop.target {
            Some(target) => (format!(", x: Reference({target})"), "x"),
            None => (String::new(), "\"x\""),
        };
        maps.push(format!("(PID{parameter}) -> {ty} {{ {target}: {value} }}"));
    }
    maps
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Whether what is said names the element that was meant, where the table knows it.
fn named(row: &Row, said: &[&Diagnostic]) -> Result<(), String> {
    if row.intended.is_empty() || row.class == "index beyond max" {
        return Ok(());
    }
    let words = |path: &str| path.split(['.', '(', ')']).map(str::to_owned).collect::<Vec<_>>();
    let (is, meant) = (words(&row.target), words(&row.intended));
    let Some(name) = meant.iter().zip(&is).find_map(|(meant, is)| (meant != is).then_some(meant)) else {
        return Ok(());
    };
    let name = name.split('[').next().unwrap_or(name);
    let told: String =
        said.iter().flat_map(|it| [it.message.as_str(), " ", it.help.as_deref().unwrap_or_default()]).collect();
    // A choice is named by its element, whatever the type behind it.
    let is_told = told.split('`').skip(1).step_by(2).any(|told| {
        name == told || name.strip_prefix(told).is_some_and(|ty| ty.starts_with(|c: char| c.is_ascii_uppercase()))
    });
    if is_told { Ok(()) } else { Err(format!("`{name}` is not named: {told}")) }
}
