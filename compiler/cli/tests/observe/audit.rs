//! The audit: all that happened stands in it, whoever dies, and what was changed in it is found.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use super::site::Site;
use crate::running;

/// The lines of the audit, in their order.
fn lines(site: &running::Site) -> Vec<Value> {
    let mut files: Vec<_> =
        fs::read_dir(site.path("journal/audit.chain")).unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some());
    files.sort();
    let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    Site::holds_no_marker(&text);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many lines say what.
fn counts(site: &running::Site) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines(site) {
        *counts.entry(line["what"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn all_that_happens_is_in_the_audit_and_is_valid_fhir() {
    let mut site = Site::new("");
    site.start(&[]);
    site.send_each();
    site.send_half();
    site.until(|site| site.text("log").contains("ended badly"));
    site.until(|site| counts(site).contains_key("parked"));
    // Whoever looks at a message is noted by the engine, and without one by the command.
    let viewed = |site: &running::Site| counts(site).get("viewed").copied();
    assert!(site.emr(&["show", "adt-1"]).status.success());
    site.until(|site| viewed(site) == Some(1));
    assert!(!site.emr(&["park", "drop", "adt-1", "--because", "it is not wanted"]).status.success());
    assert_eq!(site.stop(), Some(0));
    assert!(site.emr(&["show", "adt-1"]).status.success());
    assert_eq!(viewed(&site), Some(2));
    let counts = counts(&site);
    assert_eq!(counts.get("asked"), Some(&1), "{counts:?}");
    let expected = [("accepted", 5), ("delivered", 2), ("filtered", 1), ("parked", 1), ("refused", 2), ("turned", 1)];
    for (what, count) in expected.into_iter().chain([("started", 1), ("stopped", 1)]) {
        assert_eq!(counts.get(what), Some(&count), "{what}: {counts:?}");
    }
    let refused: Vec<_> = lines(&site).into_iter().filter(|line| line["what"] == "refused").collect();
    assert_eq!(refused[1]["why"], "201 Unsupported event code");
    let verified = site.emr(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    // Lines of the log bear witness to the audit.
    let last = lines(&site).into_iter().rfind(|line| line["what"] == "viewed").unwrap();
    let before = last["before"].as_str().unwrap();
    assert!(site.text("log").contains(before), "{last}\n{}", site.text("log"));
    let exported = site.emr(&["audit", "export"]);
    assert!(exported.status.success());
    let text = String::from_utf8(exported.stdout).unwrap();
    assert_eq!(text.lines().count(), 18 - 1, "{text}");
    Site::holds_no_marker(&text);
    for (number, event) in text.lines().enumerate() {
        fs::write(site.path(&format!("event-{number}.json")), event).unwrap();
    }
    let all: Vec<_> = (0..text.lines().count()).map(|number| format!("event-{number}.json")).collect();
    let mut arguments = vec!["validate"];
    arguments.extend(all.iter().map(String::as_str));
    let valid = site.emr(&arguments);
    let said = [valid.stdout, valid.stderr].concat();
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_kill_takes_nothing_from_the_audit() {
    let mut site = Site::new("");
    for round in 0..3 {
        site.start(&[]);
        for number in 0..20 {
            assert_eq!(site.send("H", "A01", &format!("{round}-{number}"), "77^^^H"), "AA");
        }
        site.kill();
    }
    site.start(&[]);
    site.until(|site| counts(site).get("delivered") == Some(&60));
    assert_eq!(site.stop(), Some(0));
    let accepted: Vec<_> = lines(&site).into_iter().filter(|line| line["what"] == "accepted").collect();
    let mut ids: Vec<_> = accepted.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 60);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 60);
    assert!(site.emr(&["audit", "verify"]).status.success());
}

#[test]
fn a_changed_audit_is_told_of() {
    let mut site = Site::new("");
    site.start(&[]);
    site.send("H", "A01", "1", "77^^^H");
    assert_eq!(site.stop(), Some(0));
    let path = site.path("journal/audit.chain/00000000000000000000.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("adt-1", "adt-2")).unwrap();
    let verified = site.emr(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let said = String::from_utf8(verified.stderr).unwrap();
    assert!(said.contains("does not follow the one before it"), "{said}");
}

#[test]
fn who_has_something_done_is_known_by_the_machine_and_not_by_what_he_says() {
    let mut site = Site::new("");
    site.start(&[]);
    site.send_each();
    site.until(|site| counts(site).contains_key("parked"));
    let ask = |site: &running::Site, arguments: &[&str]| {
        let (printed, said, code) = site.said_in(arguments, &[("USER", "mallory"), ("LOGNAME", "mallory")]);
        assert_eq!(code, Some(0), "{arguments:?}: {printed}{said}");
    };
    let parked = site.json(&["park", "list"])[0]["id"].as_str().unwrap().to_owned();
    ask(&site, &["park", "release", &parked]);
    site.until(|site| counts(site).get("parked") == Some(&2));
    ask(&site, &["show", &parked]);
    ask(&site, &["park", "drop", &parked, "--because", "entered by hand"]);
    ask(&site, &["replay", "adt-1"]);
    ask(&site, &["reload"]);
    assert_eq!(site.stop(), Some(0));
    ask(&site, &["show", "adt-1"]);
    let lines = lines(&site);
    let own = fs::metadata("/proc/self").unwrap().uid();
    for what in ["released", "viewed", "dropped", "replayed", "reloaded"] {
        let said: Vec<_> = lines.iter().filter(|line| line["what"] == what).collect();
        assert_eq!(said.len(), if what == "viewed" { 2 } else { 1 }, "{what}");
        for line in said {
            let who = line["who"].as_str().unwrap();
            assert!(who.contains(&format!("uid {own}")) && !who.contains("mallory"), "{line}");
        }
    }
    assert!(site.emr(&["audit", "verify"]).status.success());
    let (shown, _, _) = site.said(&["show", &parked]);
    assert!(shown.contains("dropped: entered by hand, by "), "{shown}");
}

#[test]
fn an_audit_that_was_cut_is_told_of_when_an_engine_begins() {
    let mut site = Site::new("");
    site.start(&[]);
    site.send("H", "A01", "1", "77^^^H");
    assert_eq!(site.stop(), Some(0));
    let told = "WARN the audit was changed while no engine ran; `emr audit verify` says more";
    let path = site.path("journal/audit.chain/00000000000000000000.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    site.start(&[]);
    assert_eq!(site.stop(), Some(0));
    assert!(!site.text("log").contains(told));
    // All that was written since.
    fs::write(&path, text).unwrap();
    site.start(&[]);
    assert_eq!(site.stop(), Some(0));
    assert!(site.text("log").contains(told), "{}", site.text("log"));
    assert_eq!(counts(&site).get("damaged"), Some(&1));
}
