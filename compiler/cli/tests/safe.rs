//! "Safe by default", a sentence for each test, by the real binary. Those of credentials that follow no redirect stand beside
//! the connectors, those of unsafe code with the watch over the architecture.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use site::{Site, send};
use tempfile::TempDir;

fn emr(arguments: &[&str], folder: &Path) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_emr")).args(arguments).current_dir(folder).output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn project(text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("emr.toml"), "[project]\nname = \"safe\"\ntimezone = \"UTC\"\n").unwrap();
    fs::write(folder.path().join("safe.emr"), text).unwrap();
    folder
}

#[test]
fn an_empty_configuration_listens_nowhere() {
    for text in ["", "map admission(ADT_A01) -> Bundle {\n    emit Patient { name: PID-5 }\n}\n"] {
        let (code, said) = emr(&["run"], project(text).path());
        // It has ended, so that nothing of it can listen.
        assert!(code == Some(2) && said.contains("the project has no feed"), "{said}");
    }
}

#[test]
fn a_listener_needs_an_address_and_a_word_on_tls() {
    let with = |connector: &str, settings: &str| {
        let text = format!("feed adt from {connector} {{\n    {settings}\n    accept ADT_A01 for ADT^A01\n}}\n");
        emr(&["check"], project(&text).path()).1
    };
    for connector in ["mllp", "http", "fhir"] {
        let said = with(&format!("{connector} \"127.0.0.1:2575\""), "");
        assert!(said.contains("says nothing of `tls`"), "{connector}: {said}");
        let said = with(connector, "tls: none because \"this machine alone\"");
        assert!(said.contains("listen"), "{connector}: {said}");
        let said = with(&format!("{connector} \"127.0.0.1:2575\""), "tls: none");
        assert!(said.contains("because"), "{connector}: {said}");
    }
    let said = with("mllp \"127.0.0.1:2575\"", "tls: none because \"this machine alone\"");
    assert!(!said.contains("tls") && !said.contains("listen"), "{said}");
}

#[test]
fn there_is_no_default_account_and_no_default_password() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib/connector");
    let mut secrets = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("///")) {
            let parts = line.split([',', '{', '}', '|']);
            for part in parts.filter(|part| names_an_account(part)) {
                secrets += 1;
                assert!(!part.contains('='), "{}:{}: {part}", path.display(), number + 1);
            }
        }
    }
    assert!(secrets > 10, "the settings were not found");
}

fn names_an_account(part: &str) -> bool {
    let name = part.split(':').next().unwrap().trim();
    ["user", "password", "token", "client_id", "client_secret", "key"].contains(&name) || part.contains(": secret")
}

#[test]
fn mapping_code_runs_under_a_budget() {
    let loops = "each PID-3 { each PID-3 { each PID-3 { require PID-5 else warn \"no name\" } } }";
    let text = format!(
        "map patient(old: ADT_A01) -> Bundle {{\n    emit Patient {{\n        {loops}\n        identifier: PID-3\n    }}\n}}\n\
         feed adt from mllp \"ADDRESS\" {{\n    tls: none because \"this machine alone\"\n    accept ADT_A01 for ADT^A01\n}}\n\
         target out to file {{ path: \"out/{{MSH-10}}.json\" }}\nroute all from adt through patient to out\n"
    );
    let mut site = Site::new(&text, "");
    site.start(&[]);
    // A hundred thousand turns for a message of a few hundred bytes.
    let many: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    let said = send(
        &mut site.connect(),
        &format!(
            "MSH|^~\\&|A|H|B|C|20260101||ADT^A01^ADT_A01|1|P|2.5.1\rEVN||20260101\rPID|1||{}||DOE^JANE\rPV1|1|I\r",
            many.join("~")
        ),
    );
    assert!(said.contains("MSA|AE|1"), "{said}");
    assert_eq!(site.stop(), Some(0));
}
