//! The library is sound, and each example of its manual holds: `/// upper("doe") is "DOE"` above a declaration is run
//! and compared.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use emr_compiler::db::{self, Database};
use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::plan::interpret;
use emr_message::{Message, Secrets, Zone};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::corpus;

/// A line of a manual: an expression, and what it is.
struct Example {
    expression: String,
    /// As JSON writes them; none for `absent`.
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    parameter: Vec<BTreeMap<String, Box<RawValue>>>,
}

#[test]
fn the_examples_of_the_library_hold() {
    let mut examples = Vec::new();
    for path in corpus::files(&corpus::root().join("stdlib/prelude"), &[".emr"]) {
        let text = fs::read_to_string(path).unwrap();
        examples.extend(text.lines().filter_map(example));
    }
    assert!(examples.len() > 40, "{} examples are too few", examples.len());
    let results = run(&examples);
    let mut wrong = String::new();
    for (index, example) in examples.iter().enumerate() {
        let values = results.get(&index).cloned().unwrap_or_default();
        if values != example.values {
            writeln!(wrong, "{} is {values:?}, not {:?}", example.expression, example.values).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A project reaches a few declarations of the library; here all of them are checked.
#[test]
fn nothing_is_wrong_with_the_library() {
    let database = Database::default();
    let mut files = Vec::new();
    for path in corpus::files(&corpus::root().join("stdlib/prelude"), &[".emr"]) {
        let module = format!("std.{}", path.file_stem().unwrap().to_str().unwrap());
        files.push(database.open(&module, &format!("{module}.emr"), fs::read_to_string(path).unwrap()));
    }
    let settings = db::Settings::default();
    let project = database.project(files.clone(), settings, emr_compiler::standard::Standards::embedded());
    for file in files {
        // HL7's guide to FHIR has a code that FHIR R4 does not have yet.
        let is_newer = |it: &&Diagnostic| it.code == Code::NotInCopy && it.message.starts_with("`C` is not in");
        let problems: Vec<_> = db::diagnostics(&database, project, file).iter().filter(|it| !is_newer(it)).collect();
        let shown = problems.iter().map(|it| format!("{} {}: {}\n", file.path(&database), it.code.text(), it.message));
        assert!(problems.is_empty(), "{}", shown.collect::<String>());
    }
}

/// Prose has no value behind its last `is`.
fn example(line: &str) -> Option<Example> {
    let (expression, value) = line.strip_prefix("///")?.trim().rsplit_once(" is ")?;
    let list = value.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    let values: Vec<&str> = match list {
        Some(items) => items.split(", ").collect(),
        None if value == "absent" => Vec::new(),
        None => vec![value],
    };
    let values: Option<Vec<String>> = values.into_iter().map(literal).collect();
    Some(Example { expression: expression.to_owned(), values: values? })
}

fn literal(text: &str) -> Option<String> {
    serde_json::from_str::<&RawValue>(text).ok().map(|raw| raw.get().to_owned())
}

/// The values of each example, by its number.
fn run(examples: &[Example]) -> BTreeMap<usize, Vec<String>> {
    let mut text = String::from("map manual(ADT_A01) -> Parameters {\n");
    for (index, example) in examples.iter().enumerate() {
        // Of constants alone no block is written, so the name has a source.
        let name = format!("\"{{MSH-10}}{index}\" else \"{index}\"");
        writeln!(text, "    parameter +: each ({}) {{ name: {name}, value: . }}", example.expression).unwrap();
    }
    text.push_str("}\n");
    let database = Database::default();
    let file = database.open("manual", "manual.emr", text.clone());
    let settings = db::Settings { timezone: Some("UTC".to_owned()), ..db::Settings::default() };
    let project = database.project(vec![file], settings, emr_compiler::standard::Standards::embedded());
    let problems = db::diagnostics(&database, project, file);
    let shown = problems.iter().map(|it| format!("{}: {}\n", it.message, &text[it.at.clone()]));
    assert!(problems.is_empty(), "{}", shown.collect::<String>());
    let plan = db::plan(&database, project, "manual.manual".to_owned()).as_ref().unwrap();
    let message = b"MSH|^~\\&|A|B|||20260312083000||ADT^A01^ADT_A01|0|P|2.5.1\r";
    let message = Message::read(message, &emr_message::Settings::default()).unwrap();
    let settings = interpret::Settings {
        zone: Zone::named("UTC").ok(),
        secrets: Secrets::of_tests(),
        ..interpret::Settings::default()
    };
    let json = interpret::run(plan, &message, &settings).result.unwrap();
    let parameters: Parameters = serde_json::from_slice(&json).unwrap();
    let mut results: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for parameter in &parameters.parameter {
        let name: String = serde_json::from_str(parameter["name"].get()).unwrap();
        let value = parameter.iter().find(|(key, _)| key.starts_with("value")).unwrap().1;
        results.entry(name.parse().unwrap()).or_default().push(value.get().to_owned());
    }
    results
}
