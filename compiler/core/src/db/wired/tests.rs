//! What a runtime gets of a project.

use super::*;
use crate::db::{Database, Settings, diagnostics};
use crate::plan::interpret;
use crate::standard::Standards;
use emr_message::Message;
use std::fmt::Write;

const SITE: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient { name: PID-5 }
}
feed adt from mllp "127.0.0.1:2575" {
    tls: none because "this machine alone"
    order_by: PID-3[1].1, PID-3.4
    frame_max: "1 MiB"
    accept ADT_A01 for ADT^A01, ADT^A04 where MSH-4.1 != "T"
    ignore ADT^A04 because "not yet"
}
target files to file { path: "out/{MSH-10}.json" }
route admissions from adt through admission to files where MSH-4.1 == "C" {
    on_reject:   drop because "the site repeats it"
    unless_seen: { keys: (PID-3, MSH-10), within: 1h }
}
"#;

const CLINIC: &str = r#"
map kept(Patient) -> Bundle {
    emit Patient { name: Patient.name }
}
feed patients from http "127.0.0.1:8080" {
    tls: none because "this machine alone"
    clients: oauth { issuer: "https://id.example.org", scopes: ("system/*.write") }
    order_by: .id
    accept Patient where .active
}
target files to file { path: "out/{receipt.id}.json" }
route people from patients through kept to files where .id is present
"#;

#[test]
fn resources_are_accepted_by_their_types() {
    let db = Database::default();
    let file = db.open("clinic", "clinic.emr", CLINIC.to_owned());
    let project = db.project(vec![file], Settings::default(), Standards::embedded());
    assert_eq!(diagnostics(&db, project, file), []);
    let wired = wired(&db, project);
    let types: Vec<_> = wired.feeds[0].accepts.iter().map(|accept| accept.resource.as_deref()).collect();
    assert_eq!(types, [Some("Patient")]);
}

#[test]
fn settings_have_their_defaults_and_readers_read() {
    let db = Database::default();
    let file = db.open("site", "site.emr", SITE.to_owned());
    let project = db.project(vec![file], Settings::default(), Standards::embedded());
    assert_eq!(diagnostics(&db, project, file), []);
    let wired = wired(&db, project);
    let mut shown = String::new();
    for feed in &wired.feeds {
        writeln!(shown, "feed {} {} {}", feed.key, feed.connector, json(&feed.settings)).unwrap();
        writeln!(shown, "  {:?}", feed.ignored).unwrap();
        for accept in &feed.accepts {
            let filter = accept.filter.as_ref().map(|filter| read(&db, project, file, std::slice::from_ref(filter)));
            writeln!(shown, "  {:?} {:?} {filter:?}", accept.structures, accept.events).unwrap();
        }
        for reader in &feed.order_by {
            writeln!(shown, "  order_by {}", read(&db, project, file, reader)).unwrap();
        }
    }
    for target in &wired.targets {
        writeln!(shown, "target {} {} {}", target.key, target.connector, json(&target.settings)).unwrap();
        for reader in &target.reads {
            writeln!(shown, "  reads {}", read(&db, project, file, reader)).unwrap();
        }
    }
    for route in &wired.routes {
        writeln!(shown, "route {} {}", route.key, json(&route.settings)).unwrap();
        writeln!(shown, "  {:?} {:?} {:?}", route.from, route.through, route.to).unwrap();
        let filter = route.filter.as_ref().map(|filter| read(&db, project, file, filter));
        writeln!(shown, "  {filter:?}").unwrap();
        for reader in &route.reads {
            writeln!(shown, "  reads {}", read(&db, project, file, reader)).unwrap();
        }
    }
    insta::assert_snapshot!(shown);
}

fn json(settings: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::Value::Object(settings.clone()).to_string()
}

/// What a reader reads of a message.
fn read(db: &Database, project: Project, file: SourceFile, readers: &[Function]) -> String {
    const MESSAGE: &[u8] =
        b"MSH|^~\\&|A|C|||2026||ADT^A01^ADT_A01|7|P|2.5.1\rPID|1||1^^^H&1.2&ISO~2^^^I||Doe\rPV1|1|I\r";
    let message = Message::read(MESSAGE, &emr_message::Settings::default()).unwrap();
    let plans = readers.iter().map(|function| reader(db, project, file, function));
    let results = plans.map(|plan| interpret::run(&plan, &message, &interpret::Settings::default()).result);
    let texts: Vec<_> = results.map(|made| String::from_utf8(made.unwrap()).unwrap()).collect();
    texts.join(" ")
}
