//! The conditions of HL7's guide to mapping v2 to FHIR, in emr, each with segments for which it holds and others for which
//! it does not: `tests/cases/conditions/guide.txt`.
//!
//! A case is `c024 (ED of OBX-5)`: its number in the guide's list of conditions, and what the condition is about, segments
//! or a data type and a field that has it. Segments stand beside one another, two blanks between them.

use std::fmt::Write;
use std::fs;

use emr_compiler::db;
use emr_compiler::diagnostic::Severity;
use serde_json::Value;

use crate::corpus::root;
use crate::pipeline::{self, Opened};

const HEADER: &str = "MSH|^~\\&|LAB|MAIN|||20260312083000||ADT^A01^ADT_A01|1|P|2.8.2";
/// Fields that came after the last version with tables here, and the assigners of a registry that a condition asks.
const GIVEN: &str = "\
profile Later of ORU_R01 version \"2.8.2\" {
    OBSERVATION.PRT-23 0..1 as CWE
    ORC-38 0..1 as CNE
    OBSERVATION.OBX-33 0..* as EI
}
codes Registry { \"MAIN\" => \"http://main.example.org\" }
";

struct Case<'a> {
    name: &'a str,
    takes: &'a str,
    condition: &'a str,
    holds: &'a str,
    fails: &'a str,
}

#[test]
fn conditions_of_the_guide_hold_and_fail() {
    let text = fs::read_to_string(root().join("tests/cases/conditions/guide.txt")).unwrap();
    let cases = read(&text);
    let maps: String = cases.iter().map(Case::map).collect();
    let opened = pipeline::module(&(GIVEN.to_owned() + &maps));
    let found = db::diagnostics(&opened.db, opened.project, opened.files[0]);
    assert!(found.iter().all(|it| it.severity() == Severity::Warning), "{}", opened.rendered());
    let mut wrong = String::new();
    for case in &cases {
        for (segments, expected) in [(case.holds, true), (case.fails, false)] {
            if holds(&opened, case, segments) != expected {
                writeln!(wrong, "{}: {} is {} for {segments}", case.name, case.condition, !expected).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases.len() >= 244, "{} conditions", cases.len());
}

fn read(text: &str) -> Vec<Case<'_>> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("//")).collect();
    lines.chunks(4).map(|lines| Case::read(lines).unwrap_or_else(|| panic!("no case: {lines:?}"))).collect()
}

impl Case<'_> {
    fn read<'a>(lines: &[&'a str]) -> Option<Case<'a>> {
        let [head, when, holds, fails] = lines else { return None };
        let (name, takes) = head.strip_suffix(')')?.split_once(" (")?;
        Some(Case {
            name,
            takes,
            condition: when.trim().strip_prefix("when")?.trim(),
            holds: holds.trim().strip_prefix("holds")?.trim(),
            fails: fails.trim().strip_prefix("fails")?.trim(),
        })
    }

    /// A map that gives a text if the condition holds.
    fn map(&self) -> String {
        let Case { name, takes, condition, .. } = self;
        match takes.split_once(" of ") {
            Some((walked, "Later")) => {
                format!("map {name}(Later) -> string? = first (each {walked} => \"holds\" when {condition})\n")
            }
            Some((ty, field)) => {
                let segment = &field[..3];
                let read = if segment == "OBX" { format!("{field} as {ty}") } else { field.to_owned() };
                format!(
                    "map {name}({segment}) -> string? = first {name}_of({read})\n\
                     map {name}_of({ty}) -> string? = \"holds\" when {condition}\n"
                )
            }
            None => {
                let takes = takes.replace(", ", "?, ");
                format!("map {name}({takes}?) -> string? = \"holds\" when {condition}\n")
            }
        }
    }
}

fn holds(opened: &Opened, case: &Case, segments: &str) -> bool {
    let mut message: Vec<&str> = segments.split("  ").filter(|segment| !segment.is_empty()).collect();
    match message.iter().position(|segment| segment.starts_with("MSH")) {
        Some(header) => message.swap(0, header),
        None => message.insert(0, HEADER),
    }
    let outcome = opened.map(&format!("main.{}", case.name)).run(message.join("\r").as_bytes()).unwrap();
    let json = outcome.result.unwrap_or_else(|rejection| panic!("{}: {}", case.name, rejection.text));
    assert!(outcome.issues.iter().all(|issue| issue.code == "R0301"), "{}: {}", case.name, outcome.issues[0].text);
    !json.is_empty() && serde_json::from_slice::<Value>(&json).unwrap() == "holds"
}
