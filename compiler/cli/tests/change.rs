//! A project that is changed while it runs: what is untouched goes on, and what is wrong changes nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod site;

use std::fs;

use serde_json::Value;
use site::{Site, admission, send};

const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient {
        identifier: PID-3 else reject "a patient needs an identifier"
        language:   "de"
    }
}
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    accept ADT_A01 for ADT^A01
}
target files to file { path: "out/{MSH-10}.json" }
route admissions from adt through admission to files
test "a language" {
    input '''
        MSH|^~\&|A|H|B|C|20260101||ADT^A01^ADT_A01|1|P|2.5.1
        PID|1||SECRETPATIENT||A
        PV1|1|I
    '''
    through admission
    expect Patient.language == "de"
}
"#;

fn language(site: &Site, control: &str) -> Value {
    let name = format!("out/{control}.json");
    site.until(|site| !site.text(&name).is_empty());
    let bundle: Value = serde_json::from_str(&site.text(&name)).unwrap();
    bundle["entry"][0]["resource"]["language"].clone()
}

#[test]
fn a_project_is_changed_while_its_connections_stay() {
    let mut site = Site::new(PROJECT, "");
    site.start(&[]);
    let mut stream = site.connect();
    assert!(send(&mut stream, &admission("1", "7", "A")).starts_with("MSA|AA|1"));
    assert_eq!(language(&site, "1"), "de");
    // Wrong text, then a test that fails: nothing changes, and no value of the test is told.
    site.write(&PROJECT.replace("language:", "lang:"));
    let (_, said, code) = site.said(&["reload"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("site.emr:5: E0401") && said.contains("`emr check` shows it"), "{said}");
    site.write(&PROJECT.replace(r#"language:   "de""#, r#"language:   "fr""#));
    let (_, said, code) = site.said(&["reload"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("a language") && said.contains("`emr test` shows it"), "{said}");
    assert!(!said.contains("SECRETPATIENT"), "{said}");
    assert!(send(&mut stream, &admission("2", "7", "A")).starts_with("MSA|AA|2"));
    assert_eq!(language(&site, "2"), "de");
    // Now both the map and its test.
    site.write(&PROJECT.replace("\"de\"", "\"fr\""));
    let (printed, said, code) = site.said(&["reload"]);
    assert_eq!((printed.as_str(), code), ("adt goes on, with its connections as they are\n", Some(0)), "{said}");
    assert!(send(&mut stream, &admission("3", "7", "A")).starts_with("MSA|AA|3"));
    assert_eq!(language(&site, "3"), "fr");
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn files_that_change_are_taken_up_where_that_is_asked_for() {
    let mut site = Site::new(PROJECT, "");
    site.start(&["--watch"]);
    site.write(&PROJECT.replace("\"de\"", "\"it\""));
    site.until(|site| site.text("log").contains("goes on with the project as its files are now"));
    assert!(send(&mut site.connect(), &admission("1", "7", "A")).starts_with("MSA|AA|1"));
    assert_eq!(language(&site, "1"), "it");
    // A module of its own that nobody had before.
    fs::write(site.path("more.emr"), "let x = y\n").unwrap();
    site.until(|site| site.text("log").contains("goes on as before why=\"more.emr:1"));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn a_route_waits_until_it_is_started() {
    let held = PROJECT.replace("to files\ntest", "to files { start: held }\ntest");
    let mut site = Site::new(&held, "");
    site.start(&[]);
    assert!(send(&mut site.connect(), &admission("1", "7", "A")).starts_with("MSA|AA|1"));
    assert_eq!(site.json(&["status"])[0]["in_flight"], 1);
    let (_, said, code) = site.said(&["start", "admission"]);
    assert!(said.contains("the project has no route `admission`") && code == Some(2), "{said}");
    let (printed, _, code) = site.said(&["start", "admissions"]);
    assert_eq!((printed.as_str(), code), ("admissions delivers\n", Some(0)));
    assert_eq!(language(&site, "1"), "de");
    assert_eq!(site.said(&["start", "admissions"]).0, "admissions was not held\n");
    site.kill();
    site.start(&[]);
    assert!(send(&mut site.connect(), &admission("2", "7", "A")).starts_with("MSA|AA|2"));
    assert_eq!(language(&site, "2"), "de");
}

#[test]
fn what_a_start_needs_is_said_without_one() {
    let with_peer = format!("{PROJECT}target ehr to mllp \"PEER\"\nroute all from adt to ehr\n");
    let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = Site::new(&with_peer.replace("PEER", &peer.local_addr().unwrap().to_string()), "");
    let (printed, _, code) = site.said(&["run", "--check"]);
    assert_eq!(printed, "journal: ready\nfeed adt: ready\ntarget files: ready\ntarget ehr: ready\n");
    assert_eq!(code, Some(0));
    // Somebody has the address, and nobody is at the other.
    drop(peer);
    let taken = std::net::TcpListener::bind(site.address).unwrap();
    let (printed, said, code) = site.said(&["run", "--check"]);
    assert!(printed.contains("feed adt: it cannot listen on"), "{printed}");
    assert!(printed.contains("target ehr: it cannot be reached: connection refused"), "{printed}");
    assert!(said.contains("2 parts could not start") && code == Some(3), "{said}");
    drop(taken);
    site.start(&[]);
    let (printed, _, code) = site.said(&["run", "--check"]);
    assert!(printed.starts_with("journal: another engine (process ") && code == Some(3), "{printed}");
}
