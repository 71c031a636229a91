//! Maps as text, the plans that they become, and what these make of messages.

use crate::db::{self, Database, Project, Settings};
use crate::diagnostic::Severity;
use crate::plan::interpret::{self, Outcome, spelled};
use crate::plan::{Plan, validate};
use crate::standard::Standards;
use emr_message::{Message, Zone};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// A project of modules, each with its text. Panics with what is wrong in it.
fn project(db: &Database, modules: &[(String, String)]) -> Project {
    let files: Vec<_> =
        modules.iter().map(|(name, text)| db.open(name, &format!("{name}.emr"), text.clone())).collect();
    let settings = Settings { timezone: Some("Europe/Zurich".to_owned()), packages: Vec::new() };
    let project = db.project(files.clone(), settings, Standards::embedded());
    let mut wrong = String::new();
    for file in files {
        for it in db::diagnostics(db, project, file).iter().filter(|it| it.severity() == Severity::Error) {
            let text = file.text(db).get(it.at.clone()).unwrap_or_default().lines().next().unwrap_or_default();
            writeln!(wrong, "{}: {:?} {} ({text}) {:?}", file.path(db), it.code, it.message, it.help).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    project
}

fn plan(db: &Database, project: Project, key: &str) -> Arc<Plan> {
    let plan = db::plan(db, project, key.to_owned()).clone().unwrap_or_else(|| panic!("there is no sound map `{key}`"));
    assert_eq!(validate(&plan), Ok(()), "{plan}");
    plan
}

fn run(plan: &Plan, message: &[u8]) -> Outcome {
    let message = Message::read(message, &emr_message::Settings::default()).unwrap();
    let zone = Zone::named("Europe/Zurich").ok();
    interpret::run(plan, &message, &interpret::Settings { zone, fuel: None })
}

fn shown(outcome: &Outcome) -> String {
    let mut out = String::new();
    match &outcome.result {
        Ok(json) => {
            let value: serde_json::Value = serde_json::from_slice(json).expect("output is JSON");
            writeln!(out, "{}", serde_json::to_string_pretty(&value).unwrap()).unwrap();
        }
        Err(why) => {
            let place = why.place.as_ref().map(spelled).unwrap_or_default();
            writeln!(out, "rejected: {} {} {place}", why.code, why.text).unwrap();
        }
    }
    for issue in &outcome.issues {
        writeln!(out, "issue: {} {} {}", issue.code, issue.text, issue.spelled()).unwrap();
    }
    for of in &outcome.lineage {
        writeln!(out, "{} <- {} {:?}", of.path, of.place.as_ref().map(spelled).unwrap_or_default(), of.rule.at)
            .unwrap();
    }
    out
}

/// A text of `.emr`, then for each `--- map` a message.
#[test]
fn cases() {
    insta::glob!("cases/*.emr", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut parts = text.split("\n--- ");
        let db = Database::default();
        let project = project(&db, &[("case".to_owned(), parts.next().unwrap().to_owned() + "\n")]);
        let mut out = String::new();
        let mut printed = Vec::new();
        for part in parts {
            let (map, message) = part.split_once('\n').unwrap();
            let key = format!("case.{map}");
            let fast = plan(&db, project, &key);
            if !printed.contains(&key) {
                writeln!(out, "{fast}").unwrap();
                printed.push(key.clone());
            }
            let outcome = run(&fast, message.as_bytes());
            writeln!(out, "{}", shown(&outcome)).unwrap();
        }
        insta::assert_snapshot!(out);
    });
}

#[test]
fn the_examples_give_bundles() {
    for (example, map, sample) in [
        ("admission", "admission.admission", "a01.hl7"),
        ("admission", "admission.admission", "a01_odd.hl7"),
        ("results", "results.lab_result", "oru.hl7"),
    ] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example);
        let mut modules = Vec::new();
        for entry in std::fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "emr") {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                modules.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
        let db = Database::default();
        let project = project(&db, &modules);
        let plan = plan(&db, project, map);
        let outcome = run(&plan, &std::fs::read(root.join("samples").join(sample)).unwrap());
        let shown = shown(&outcome);
        assert!(outcome.result.is_ok(), "{shown}");
    }
}
