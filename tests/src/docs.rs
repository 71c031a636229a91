//! The examples of the documents hold: what is fenced as `emr` is a file that checks, `emr-fragment` are rules that
//! are read, and `emr-error E0503` is a file that gives that code and no other.
//!
//! The pages of the language, `tests/spec`, have a heading for each rule, and below each at least one file that holds to it
//! and one that does not.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use emr_compiler::db::{self, Database, Settings};
use emr_compiler::diagnostic::{Code, Diagnostic, Severity, render};
use emr_compiler::files::Content;
use emr_compiler::standard::Standards;

use crate::corpus;

/// A fenced text of a document.
struct Example {
    /// The document and the line of the fence.
    place: String,
    kind: Kind,
    text: String,
    /// The files that its document shows: `csv codes/analytes.csv`.
    files: Files,
}

type Files = Vec<(String, Content)>;

enum Kind {
    Whole,
    /// Rules of a block, of which only the grammar is asked.
    Fragment,
    Fails(Code),
}

#[test]
fn examples_of_the_documents_hold() {
    let mut examples = Vec::new();
    for path in ["docs", "tests/spec"].iter().flat_map(|folder| corpus::files(&corpus::root().join(folder), &[".md"])) {
        examples.extend(read(&path.file_name().unwrap().to_string_lossy(), &fs::read_to_string(&path).unwrap()));
    }
    assert!(examples.len() >= 80, "{} examples are too few", examples.len());
    // One for all examples, so that the library is read once.
    let database = Database::default();
    let mut wrong = String::new();
    for example in &examples {
        if let Err(why) = hold(&database, example) {
            writeln!(wrong, "{}: {why}", example.place).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn each_rule_of_the_language_has_an_example_of_either_kind() {
    let pages = corpus::files(&corpus::root().join("tests/spec"), &[".md"]);
    let mut rules = 0;
    let mut wanting = String::new();
    for path in &pages {
        let page = fs::read_to_string(path).unwrap();
        for rule in page.split("\n## ").skip(1) {
            let title = rule.lines().next().unwrap_or_default();
            let has = |kind| {
                rule.lines().any(|line| line == kind || line.strip_prefix(kind).is_some_and(|it| it.starts_with(' ')))
            };
            if !has("```emr") || !has("```emr-error") {
                writeln!(wanting, "{}: {title}", path.display()).unwrap();
            }
            rules += 1;
        }
    }
    assert!(wanting.is_empty(), "rules without a file that holds to them, or without one that does not:\n{wanting}");
    assert!(rules >= 40, "{rules} rules in {} pages", pages.len());
}

/// The fenced texts of a document that are of the language.
fn read(name: &str, document: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut files = Files::new();
    let mut lines = document.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else { continue };
        let text = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let text: String = text.map(|line| format!("{line}\n")).collect();
        let place = format!("{name}:{}", number + 1);
        let kind = match fence.split_once(' ').unwrap_or((fence, "")) {
            ("emr", "") => Kind::Whole,
            ("emr-fragment", "") => Kind::Fragment,
            // An edit of the first chapter, which a test of the command line makes.
            ("emr" | "emr-fragment", _) => continue,
            ("emr-error", code) => Kind::Fails(Code::named(code).unwrap_or_else(|| panic!("{place}: no code {code}"))),
            ("csv" | "json", name) if !name.is_empty() => {
                files.push((name.to_owned(), Content::Text(text.into())));
                continue;
            }
            (other, _) => {
                assert!(!other.starts_with("emr"), "{place}: no fence `{fence}`");
                continue;
            }
        };
        found.push(Example { place, kind, text, files: Files::new() });
    }
    found.iter_mut().for_each(|example| example.files.clone_from(&files));
    found
}

fn hold(database: &Database, example: &Example) -> Result<(), String> {
    let text = match example.kind {
        Kind::Fragment => format!("map fragment(ADT_A01) -> Patient {{\n{}}}\n", example.text),
        _ => example.text.clone(),
    };
    let found = check(database, &text, &example.files);
    let told = || render(&example.place, &text, &found, false);
    let held = match example.kind {
        Kind::Whole => found.iter().all(|it| it.code.severity() == Severity::Warning),
        Kind::Fragment => found.iter().all(|it| !matches!(it.code, Code::Unreadable | Code::HalfTyped)),
        Kind::Fails(code) => found.iter().map(|it| it.code).collect::<BTreeSet<_>>() == BTreeSet::from([code]),
    };
    if held { Ok(()) } else { Err(told()) }
}

fn check(database: &Database, text: &str, files: &Files) -> Vec<Diagnostic> {
    let file = database.open("example", "example.emr", text.to_owned());
    let settings = Settings { timezone: Some("Europe/Zurich".to_owned()), ..Settings::default() };
    let project = database.project_with(vec![file], files.clone(), settings, Standards::embedded());
    db::diagnostics(database, project, file).to_vec()
}
