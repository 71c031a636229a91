//! The ledger: what becomes of each field, over maps and messages that are small enough to see.

use emr_compiler::account::{Came, Ledger, Row};
use emr_compiler::db;
use emr_compiler::plan::interpret;
use emr_message::{Message, Settings};

use crate::pipeline::{self, Opened};

const MAP_KEY: &str = "main.admission";
const MAP: &str = r#"use std.codes.{AdministrativeSex}

map admission(ADT_A01) -> Bundle {
    require PID is present else reject "an admission is of a patient"
    let who = emit patient(PID)
    each NK1 where .7.1 != "PP" { emit relative(NK1, of: who) }
    each INSURANCE {
        emit Coverage { status: "active", beneficiary: who, payor: { display: only IN1-4.1 else skip } }
        ignore IN1-2, IN1-5..7 because "the billing feed has them"
        ignore IN2 because "nobody asks for it"
    }
    ignore rest of PV1 because "no visits here"
    ignore PV1-3 because "places are on another feed"
}

map patient(PID) -> Patient {
    birthDate: PID-7
    name: PID-5
    gender: PID-8 via AdministrativeSex else "unknown"
    ignore PID-7 because "a rule reads it: this changes nothing"
}

map relative(NK1, of: Reference(Patient)) -> RelatedPerson { patient: of, name: NK1-2 }
"#;

const MESSAGE: &str = "MSH|^~\\&|A||||20260101||ADT^A01|7|P|2.5.1\r\
    EVN|A01|2026\r\
    PID|1||9||D^J|M|1961|F|\"\"\r\
    NK1|1|D^K|||||PP\r\
    NK1|2|D^L|SPO\r\
    PV1|1|E|W1\r\
    IN1|1|P|I|N|A||B|C\r\
    IN2||9\r\
    ZZZ|1\r";

fn rows(project: &Opened, messages: &[&str]) -> Vec<Row> {
    rows_of(project, MAP_KEY, messages)
}

fn rows_of(project: &Opened, map: &str, messages: &[&str]) -> Vec<Row> {
    let reads = db::reads(&project.db, project.project, map.to_owned()).clone().unwrap();
    let mut ledger = Ledger::default();
    for message in messages {
        let message = Message::read(message.as_bytes(), &Settings::default()).unwrap();
        let plan = db::explained_plan(&project.db, project.project, map.to_owned()).clone().unwrap();
        let came = Came::from(&plan, &message, &interpret::Settings::default());
        ledger.add(map, &reads, &message, came.as_ref());
    }
    ledger.rows(&project.db, project.project)
}

fn told(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let swept = if row.swept { " (swept)" } else { "" };
        let line = format!(
            "{} {}x{} {}: {}{}{swept}",
            row.path,
            row.count,
            row.messages,
            row.verdict.text(),
            row.rules.join(" "),
            row.because
        );
        format!("{}\n", line.trim_end_matches([':', ' ']))
    };
    rows.iter().map(line).collect()
}

#[test]
fn each_field_has_its_line() {
    let project = pipeline::module(MAP);
    // What a rule reads and the same map ignores is told of, and nothing else.
    assert_eq!(project.rendered().matches("warning[W0309]").count(), 1, "{}", project.rendered());
    assert!(!project.rendered().contains("error["), "{}", project.rendered());
    insta::assert_snapshot!(told(&rows(&project, &[MESSAGE])));
}

#[test]
fn segments_and_messages_are_counted() {
    let rows = rows(&pipeline::module(MAP), &[MESSAGE, MESSAGE]);
    let of = |path: &str| rows.iter().find(|row| row.path == path).map(|row| (row.count, row.messages));
    assert_eq!(of("NK1-7"), Some((2, 2)));
    assert_eq!(of("NK1-1"), Some((4, 2)));
    assert_eq!(of("ZZZ-1"), Some((2, 2)));
}

#[test]
fn places_of_one_name_are_told_apart() {
    let text = "map admission(ORU_R01) -> Bundle {\n    each OBSERVATION { emit Observation {\n        status: \"final\"\n        code: OBX-3 else skip\n        note: each NTE { text: only NTE-3 else skip }\n    } }\n}\n";
    let message =
        "MSH|^~\\&|A||||20260101||ORU^R01|7|P|2.5.1\rPID|1\rNTE|1||P\rOBR|1\rNTE|1||O\rOBX|1|ST|X\rNTE|1||V\r";
    let project = pipeline::module(text);
    assert_eq!(project.rendered(), "");
    let rows = rows(&project, &[message]);
    let notes: Vec<_> = rows
        .iter()
        .filter(|row| row.path.ends_with("NTE-3"))
        .map(|row| (row.path.as_str(), row.verdict.text()))
        .collect();
    let expected =
        [("PATIENT.NTE-3", "unmapped"), ("ORDER_OBSERVATION.NTE-3", "unmapped"), ("OBSERVATION.NTE-3", "mapped")];
    assert_eq!(notes, expected);
}

#[test]
fn what_is_read_and_comes_to_nothing_is_told() {
    let text = r#"codes Sex { "F" => "female", "M" => "male" }

map admission(ORU_R01) -> Bundle {
    each PATIENT_RESULT { emit patient(PATIENT, OBSERVATION.OBX) }
}

map patient(ORU_R01.PATIENT, OBX*) -> Patient {
    gender: PID-8 via Sex
    active: true when PID-30 == "Y"
    deceased: true when PID-29 is absent
    name: PID-5 else PID-9
    birthDate: first OBX[.3.1 == "DOB"]-5 as DT
    maritalStatus: PID-16
    ignore NTE because "nobody reads them"
}
"#;
    let message = "MSH|^~\\&|A||||20260101||ORU^R01|7|P|2.5.1\r\
        PID|||||D^J||\"\"|X|E^J|||||||S|||||||||||||2020|N\r\
        OBR|1\r\
        OBX|1|DT|DOB||19610423\rOBX|2|ST|LASTWORDS||farewell\r";
    let project = pipeline::module(text);
    assert_eq!(project.rendered(), "");
    insta::assert_snapshot!(told(&rows(&project, &[message])));
}

#[test]
fn what_only_a_profile_asks_of_is_not_mapped() {
    let text = r#"profile Main of ADT_A01 {
    PV1-3 1..1
    PID-8 in ("F", "M")
    PID-7 length 4..8
    PID-19 matches '\d+'
}

map admission(Main) -> Bundle { emit Patient { name: PID-5, birthDate: PID-7 } }
"#;
    let project = pipeline::module(text);
    assert_eq!(project.rendered(), "");
    let message = "MSH|^~\\&|A||||20260101||ADT^A01|7|P|2.5.1\rPID|||||D^J||1961|F|||||||||||9\rPV1||E|W1\r";
    let rows = rows(&project, &[message]);
    let verdict = |path: &str| rows.iter().find(|row| row.path == path).map(|row| row.verdict.text());
    for (path, expected) in [("PID-7", "mapped"), ("PID-8", "unmapped"), ("PID-19", "unmapped"), ("PV1-3", "unmapped")]
    {
        assert_eq!(verdict(path), Some(expected), "{path}");
    }
}

#[test]
fn what_stays_in_a_message_that_is_changed_is_kept() {
    let text = r#"map forwarded(old: ADT_A01) -> ADT_A01 = old with {
    MSH-3: "REG"
    PID-3.5: keep else "MR"
    PID-7: EVN-2
    PID-19: absent because "no social security number leaves the house"
    PID-8: "X" when PV1-2 == "E" else skip
    drop NK1 where NK1-3 == "SPO" because "only parents travel"
}

map report(ADT_A01) -> ORU_R01 {
    PATIENT_RESULT: {
        PATIENT.PID: PID with { PID-8: absent, PID-7: EVN-2 }
        ORDER_OBSERVATION: { OBR-4: { CWE.1: "x" } }
    }
}
"#;
    let project = pipeline::module(text);
    assert!(!project.rendered().contains("error["), "{}", project.rendered());
    let message = "MSH|^~\\&|A||||20260101||ADT^A01|7|P|2.5.1\rEVN||2026\r\
        PID|1||9||D^J||1961|F|||street|CH|||||||9\rNK1|1|A|SPO\rNK1|2|B|PAR\rPV1||I|W1\rZZZ|1\r";
    let all: String = ["main.forwarded", "main.report"]
        .map(|map| format!("{map}\n{}", told(&rows_of(&project, map, &[message]))))
        .concat();
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_read_is_mapped() {
    // What a plan reads that is run stands in the ledger.
    for (folder, key) in [("examples/admission", "admission.admission"), ("examples/results", "results.lab_result")] {
        let project = pipeline::project(folder);
        let plan = project.map(key).plan.clone();
        let reads = db::reads(&project.db, project.project, key.to_owned()).clone().unwrap();
        let name = |node: u32| reads.grammar.nodes[node as usize].name.as_str();
        for (segment, read) in &plan.reads {
            for field in &read.fields {
                let is_mapped = reads.mapped.keys().any(|(node, number)| name(*node) == segment && number == field);
                assert!(is_mapped, "{folder}: {segment}-{field} is read and not in the ledger");
            }
        }
    }
}
