//! Maps as text, the plans that they become, and what these make of messages.

use crate::db::{self, Database, Project, Settings};
use crate::diagnostic::Severity;
use crate::plan::interpret::{self, Outcome, spelled};
use crate::plan::{Plan, passes, validate};
use crate::standard::Standards;
use emr_message::{Message, Zone};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// A project of modules, each with its text. Panics with what is wrong in it.
fn project(db: &Database, modules: &[(String, String)]) -> Project {
    let files: Vec<_> =
        modules.iter().map(|(name, text)| db.open(name, &format!("{name}.emr"), text.clone())).collect();
    let settings = Settings { timezone: Some("Europe/Zurich".to_owned()), ..Default::default() };
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
    let plan =
        db::plain_plan(db, project, key.to_owned()).clone().unwrap_or_else(|| panic!("there is no sound map `{key}`"));
    assert_eq!(validate(&plan), Ok(()), "{plan}");
    plan
}

fn run(plan: &Plan, message: &[u8]) -> Outcome {
    let message = Message::read(message, &emr_message::Settings::default()).unwrap();
    let settings = interpret::Settings { zone: Zone::named("Europe/Zurich").ok(), ..Default::default() };
    let outcome = interpret::run(plan, &message, &settings);
    let faster = interpret::run(&passes::run(plan.clone()), &message, &settings);
    assert_eq!((&outcome.result, &outcome.issues), (&faster.result, &faster.issues), "no pass changes what is done");
    outcome
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

/// The modules of an example and one of its maps, as a plan.
fn example(name: &str, map: &str) -> Arc<Plan> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
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
    plan(&db, project, map)
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)).unwrap()
}

#[test]
fn the_examples_give_bundles() {
    for (plan, samples) in [
        (example("admission", "admission.admission"), ["admission/samples/a01.hl7", "admission/samples/a01_odd.hl7"]),
        (example("results", "results.lab_result"), ["results/samples/oru.hl7", "results/samples/oru_odd.hl7"]),
    ] {
        for name in samples {
            let outcome = run(&plan, &sample(name));
            let shown = shown(&outcome);
            assert!(outcome.result.is_ok(), "{name}: {shown}");
            let again = run(&plan, &sample(name));
            assert_eq!(again.result.ok(), outcome.result.ok(), "{name}: a replay gives the same bytes");
        }
    }
}

#[test]
fn a_traced_plan_writes_the_same_and_tells_where_it_comes_from() {
    let text = "map patient(PID) -> Patient {\n    active: true\n    birthDate: PID-7\n    name: { family: first PID-5.1, given: first PID-5.2 }\n    link: { other: emit other(PID), type: \"seealso\" }\n}\nmap other(PID) -> Patient { identifier: { value: first PID-3.1 } }\n";
    let db = Database::default();
    let project = project(&db, &[("case".to_owned(), text.to_owned())]);
    let message = b"MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\rPID|||3||DOE^JANE||1961";
    let fast = run(&plan(&db, project, "case.patient"), message);
    let traced = db::traced_plan(&db, project, "case.patient".to_owned()).clone().unwrap();
    assert_eq!(validate(&traced), Ok(()));
    let traced = run(&traced, message);
    assert_eq!(traced.result.as_ref().ok(), fast.result.as_ref().ok());
    assert!(fast.lineage.is_empty());
    let told: Vec<_> = traced
        .lineage
        .iter()
        .map(|of| format!("{} <- {}", of.path, of.place.as_ref().map(spelled).unwrap_or_default()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_message_without_fuel_is_a_fault() {
    let plan = example("results", "results.lab_result");
    let message = Message::read(&sample("results/samples/oru.hl7"), &emr_message::Settings::default()).unwrap();
    let settings = interpret::Settings { fuel: Some(20), ..Default::default() };
    let rejection = interpret::run(&plan, &message, &settings).result.unwrap_err();
    assert_eq!((rejection.code, rejection.fault), ("R0003", true));
}

#[test]
fn a_plan_asks_tables_that_it_has() {
    let text = "\
table Staff(id: string) -> { npi: string? } = sql(secret(\"STAFF_DB\")) { query: 'select npi from staff where id = :id' }
map doctor(PV1) -> Practitioner { extension[\"http://x.org/npi\"]: Staff(first PV1-7.1).npi }
";
    let db = Database::default();
    let project = project(&db, &[("case".to_owned(), text.to_owned())]);
    let plan = plan(&db, project, "case.doctor");
    assert_eq!(plan.asked.len(), 1);
    let (mut of_no_table, mut without_issue) = (Plan::clone(&plan), Plan::clone(&plan));
    of_no_table.asked[0].table = 1;
    without_issue.asked[0].issue = u32::try_from(plan.issues.len()).unwrap();
    assert_eq!(Plan::read(&plan.stored()).as_ref(), Some(&*plan));
    assert_eq!([of_no_table, without_issue].map(|plan| Plan::read(&plan.stored())), [None, None]);
}

/// A field of anything that can stand in one, delimiters and escapes among it.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        2 => "[A-Za-z0-9 ]{1,8}",
        2 => "[0-9]{4,14}([+-][0-9]{4})?",
        2 => "[\\x20-\\x7e]{0,20}",
        1 => r#"[~^&"\\\\\u{e9}\u{1}\t<>=\-0-9A-Z]{0,24}"#,
        1 => Just("\"\"".to_owned()),
    ]
}

fn segment() -> impl Strategy<Value = String> {
    let names =
        ["PID", "PD1", "NK1", "PV1", "PV2", "AL1", "DG1", "IN1", "OBR", "ORC", "OBX", "NTE", "SPM", "ZPI", "XXX"];
    (prop::sample::select(names.to_vec()), prop::collection::vec(field(), 0..40))
        .prop_map(|(name, fields)| format!("{name}|{}", fields.join("|").replace(['\r', '\n'], " ")))
}

#[test]
fn any_message_gives_json_or_a_rejection() {
    let plans = [example("admission", "admission.admission"), example("results", "results.lab_result")];
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let result = runner.run(&prop::collection::vec(segment(), 0..12), |segments| {
        let text = format!("MSH|^~\\&|A|B|||20260101||ORU^R01|1|P|2.5.1\r{}", segments.join("\r"));
        for plan in &plans {
            if let Ok(json) = run(plan, text.as_bytes()).result {
                let read: Result<serde_json::Value, _> = serde_json::from_slice(&json);
                prop_assert!(read.is_ok(), "{}", String::from_utf8_lossy(&json));
            }
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn each_step_comes_of_the_rule_that_it_was_made_for() {
    let text = "\
map patient(PID) -> Patient {
    let born = PID-7
    require PID-3 is present else skip
    birthDate: born
    name: each PID-5 { given: .2, suffix: .4 }
    contact: contact(PID)
}
map contact(PID) -> Patient.contact? {
    gender: PID-8 via Sex
}
codes Sex from v2-0001 to \"http://hl7.org/fhir/administrative-gender\" {
    \"F\" => \"female\"
    else => \"unknown\"
}
";
    let db = Database::default();
    let project = project(&db, &[("case".to_owned(), text.to_owned())]);
    let plan = plan(&db, project, "case.patient");
    let mut told = String::new();
    for routine in &plan.routines {
        writeln!(told, "{}", routine.name).unwrap();
        for (step, rule) in routine.ruled() {
            let rule = &plan.rules[rule as usize];
            let (file, start) = db::place(&db, project, &rule.function).unwrap();
            let rule = file.text(&db)[start + rule.at.start..].lines().next().unwrap();
            let step = format!("{step:?}");
            writeln!(told, "    {}: {rule}", step.split([' ', '(']).next().unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_condition_that_says_nothing_is_one_test() {
    let text = "map patient(PID) -> Patient {\n    require PID-3 is present and PID-7 is present else skip\n    active: true\n}\n";
    let db = Database::default();
    let project = project(&db, &[("case".to_owned(), text.to_owned())]);
    let plan = plan(&db, project, "case.patient").to_string();
    assert!(plan.contains(" is present) and ("), "{plan}");
}
