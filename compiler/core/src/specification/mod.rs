//! The mapping as analysts exchange it: a row for each rule, with the path of HL7 and the element of FHIR, what both are
//! called and how often they are there, when the rule holds, by which table, and why.

mod alternatives;
mod calls;
mod changes;
mod rows;
mod source;
mod written;

use crate::check::typed::{CodeResult, CodeTable, CodeTo};
use crate::db::{self, Database, Project, SourceFile};
use crate::resolve;
use crate::syntax;
use crate::syntax::tree::{Body, Declaration, Ignored, Path, Word};
use calls::Calls;
use rows::Rows;
use serde::Serialize;
use std::collections::BTreeSet;
use written::Written;

/// What the maps of a project do, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Specification {
    pub maps: Vec<Map>,
    pub rules: Vec<Rule>,
    pub ignored: Vec<Ignore>,
    /// Those that a rule translates by, the library's too.
    pub tables: Vec<Table>,
}

/// A map or a conversion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Map {
    /// `patient.patient`
    pub name: String,
    /// `PID, NK1*`
    pub takes: String,
    /// `Patient`
    pub gives: String,
    pub keyed: String,
    pub doc: String,
    /// `patient.emr:12`
    pub place: String,
}

/// A row of the mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub map: String,
    /// `Patient.name.family`; of a message that is changed the place, `PID-8`.
    pub element: String,
    /// `HumanName`, and `0..*`, by the profile or type that is built.
    pub element_type: String,
    pub element_cardinality: String,
    /// What of the message is read. Empty for constants.
    pub sources: Vec<Source>,
    /// The constant that is written, where nothing is read.
    pub constant: String,
    /// Maps and conversions on the way, `display_name`, and what is made of several parts, in the words of the text.
    pub through: Vec<String>,
    /// `2 of 3` where the rule has several, a row each: they are tried in this order, and the first is written whose
    /// conditions hold and that has a value.
    pub alternative: String,
    /// In the words of the text, all of which must hold.
    pub conditions: Vec<String>,
    /// The tables that translate it.
    pub tables: Vec<String>,
    /// What is written where there is no value, in the words of the text.
    pub otherwise: Vec<String>,
    pub because: String,
    pub doc: String,
    pub place: String,
}

/// A part of the message as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// `PID-5.1`, `NK1-2`
    pub path: String,
    /// "Patient Name, Family Name", by the dictionary.
    pub name: String,
    /// `XPN`
    pub ty: String,
    /// `0..1`, `1..1`, `0..*`, `1..*`: what the rule may rely on.
    pub cardinality: String,
}

/// What a map does not use, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignore {
    pub map: String,
    /// `PID-35..38`, `rest of PD1`
    pub what: Vec<String>,
    pub because: String,
    pub place: String,
}

/// A code table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    pub name: String,
    pub from: String,
    pub to: String,
    /// The codes of an arm, and what they come to. The last may be `else`.
    pub arms: Vec<(Vec<String>, String)>,
}

/// The specification of some of a project's modules.
pub fn of(db: &Database, project: Project, files: &[SourceFile]) -> Specification {
    let mut specification = Specification::default();
    let calls = calls(db, project);
    for &file in files {
        module(db, project, file, &calls, &mut specification);
    }
    let used: BTreeSet<String> = specification.rules.iter().flat_map(|rule| rule.tables.clone()).collect();
    let tables = used.iter().filter_map(|key| Some(table(key, db::code_table(db, project, key)?)));
    specification.tables = tables.collect();
    specification
}

/// How the maps of the project call one another, those of other modules than are asked for too.
fn calls(db: &Database, project: Project) -> Calls {
    let mut maps = Vec::new();
    for &file in project.files(db) {
        for at in syntax::items(file.text(db)) {
            let Some(text) = file.text(db).get(at.clone()) else { continue };
            let Some(item) = syntax::item(text).item else { continue };
            let Declaration::Map(map) = &item.declaration else { continue };
            let key = resolve::key(file.module(db), &map.name.text).to_string();
            maps.extend(db::function(db, project, &key).map(|function| (&**function, text)));
        }
    }
    Calls::of(db::standards(db, project), &maps)
}

fn module(db: &Database, project: Project, file: SourceFile, calls: &Calls, into: &mut Specification) {
    for at in syntax::items(file.text(db)) {
        let Some(text) = file.text(db).get(at.clone()) else { continue };
        let Some(item) = syntax::item(text).item else { continue };
        let Declaration::Map(map) = &item.declaration else { continue };
        let key = resolve::key(file.module(db), &map.name.text).to_string();
        let Some(function) = db::function(db, project, &key) else { continue };
        let place = |offset| format!("{}:{}", file.path(db), syntax::line(file.text(db), at.start + offset));
        let words = |at: &std::ops::Range<usize>| one_line(text.get(at.clone()).unwrap_or_default());
        let takes: Vec<String> = map.params.iter().map(|param| words(&param.ty.at)).collect();
        let keyed: Vec<String> = map.keyed.iter().map(|key| words(&key.value.at)).collect();
        into.maps.push(Map {
            name: key.clone(),
            takes: takes.join(", "),
            gives: words(&map.result.at),
            keyed: keyed.join(", "),
            doc: item.docs.join(" ").trim().to_owned(),
            place: place(map.name.at.start),
        });
        let mut written = Written::default();
        match &map.body {
            Body::Block(block) => written.block(block),
            Body::Value(value) => written.expression(value),
            Body::Missing => {}
        }
        into.ignored.extend(written.ignored.iter().map(|ignore| Ignore {
            map: key.clone(),
            what: ignore.what.iter().map(|ignored| shown(ignored, words)).collect(),
            because: ignore.because.as_ref().map(|it| it.text.to_string()).unwrap_or_default(),
            place: place(ignore.at.start),
        }));
        let mut rows = Rows::new(&key, text, db::standards(db, project), calls.names(function));
        rows.function(function);
        into.rules.extend(rows.found.into_iter().map(|(at, mut rule)| {
            let because = |word: &Option<Word>| word.as_ref().map(|it| it.text.to_string()).unwrap_or_default();
            if let Some(dropped) = written.drop(&at) {
                rule.because = because(&dropped.because);
            } else if let Some(said) = written.rule(&at) {
                rule.because = because(&said.because);
                rule.doc = said.docs.join(" ").trim().to_owned();
            }
            rule.place = place(at.start);
            rule
        }));
    }
}

fn shown(ignored: &Ignored, words: impl Fn(&std::ops::Range<usize>) -> String) -> String {
    match ignored {
        Ignored::Path(Path { at, .. }) => words(at),
        Ignored::Range(path, to) => format!("{}..{to}", words(&path.at)),
        Ignored::Rest(segment) => format!("rest of {}", words(&segment.at)),
        Ignored::Event(event) => event.text.to_string(),
    }
}

fn table(name: &str, table: &CodeTable) -> Table {
    let arms = table.arms.iter().map(|arm| (arm.keys.iter().map(rows::key).collect(), result(&arm.result)));
    let otherwise = table.otherwise.iter().map(|otherwise| (vec!["else".to_owned()], result(otherwise)));
    Table {
        name: name.to_owned(),
        from: table.from.as_deref().unwrap_or_default().to_owned(),
        to: table.to.as_deref().unwrap_or_default().to_owned(),
        arms: arms.chain(otherwise).collect(),
    }
}

fn result(result: &CodeResult) -> String {
    let mut text = match &result.what {
        CodeTo::Code { system, code, display } => {
            let system = system.as_ref().map(|it| format!("{it}#")).unwrap_or_default();
            let display = display.as_ref().map(|it| format!(" \"{it}\"")).unwrap_or_default();
            format!("{system}{code}{display}")
        }
        CodeTo::Keep => "keep".to_owned(),
        CodeTo::Reject(text) => format!("reject \"{text}\""),
        CodeTo::Absent(None) => "absent".to_owned(),
        CodeTo::Absent(Some(reason)) => format!("absent \"{reason}\""),
        CodeTo::Skip => "skip".to_owned(),
    };
    if let Some(warning) = &result.warn {
        text += &format!(" warn \"{warning}\"");
    }
    text
}

/// The words of several lines on one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
