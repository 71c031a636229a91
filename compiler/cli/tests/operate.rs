//! What a person does with the messages of a project that runs: the real binary, over real sockets, killed in between.

// What sets a project up is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod site;

use std::fs;

use serde_json::Value;
use site::Site;

/// A patient's word, which only what shows a message may show.
const MARKER: &str = "EVERYWOMAN";

/// What its folder cannot take is parked at once.
const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient {
        identifier: PID-3 else reject "a patient needs an identifier"
        name:       PID-5
    }
}
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    order_by: PID-3[1].1
    answer: "stored"
    accept ADT_A01 for ADT^A01
}
target files to file { path: "out/{MSH-10}.json", retry: { times: 0, from: 10ms, to: 10ms } }
target archive to file { path: "archive/{MSH-10}.hl7" }
route admissions from adt through admission to files
route all from adt to archive
"#;

/// With something in the way of its files.
fn blocked() -> Site {
    let site = Site::new(PROJECT, "");
    fs::write(site.path("out"), "in the way").unwrap();
    site
}

fn unblock(site: &Site) {
    fs::remove_file(site.path("out")).unwrap();
}

fn send(site: &Site, control: &str, patient: &str) -> String {
    let answer = site::send(&mut site.connect(), &site::admission(control, patient, &format!("{MARKER}^A")));
    answer.trim_end_matches(['\u{1c}', ' ']).to_owned()
}

fn status(site: &Site) -> Value {
    site.json(&["status"])[0].clone()
}

/// The ids of what is parked.
fn parked(site: &Site) -> Vec<String> {
    let all = site.json(&["park", "list"]);
    all.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn parked_messages_are_listed_let_go_and_given_up() {
    let mut site = blocked();
    site.start(&[]);
    for control in ["1", "2", "3"] {
        assert_eq!(send(&site, control, "77^^^H"), format!("MSA|AA|{control}"));
    }
    site.until(|site| status(site)["parked_count"] == 3 && site.path("archive/3.hl7").exists());
    let ids = parked(&site);
    assert_eq!(ids.len(), 3);
    let (listed, _, _) = site.said(&["park", "list", "--feed", "adt"]);
    assert!(
        listed.contains("admissions>files: ") && listed.lines().count() == 3 && !listed.contains(MARKER),
        "{listed}"
    );
    // It is still in the way.
    assert_eq!(site.said(&["park", "release", &ids[0]]), ("released 1 message\n".into(), String::new(), Some(0)));
    site.until(|site| parked(site).len() == 3);
    unblock(&site);
    let (printed, said, code) = site.said(&["park", "release", &ids[1], "adt-900"]);
    assert_eq!((printed.as_str(), code), ("released 1 message\n", Some(1)));
    assert_eq!(said, "adt-900: the journal does not hold it, or not any more\n");
    site.until(|site| site.path("out/2.json").exists());
    let dropped = site.said(&["park", "drop", &ids[0], "--because", "entered by hand"]);
    assert_eq!(dropped, ("dropped 1 message\n".into(), String::new(), Some(0)));
    assert_eq!(site.said(&["park", "release", "--all"]).0, "released 1 message\n");
    site.until(|site| status(site)["delivered"] == 2);
    // The log says who had it done.
    let log = site.text("log");
    for done in [" released ", " dropped "] {
        let mut lines = log.lines().filter(|line| line.contains(done));
        assert!(lines.next().is_some_and(|line| line.contains(" who=\"")), "{log}");
    }
    let now = status(&site);
    assert_eq!((&now["accepted"], &now["dropped"], &now["in_flight"]), (&3.into(), &1.into(), &0.into()));
    assert!(!site.path("out/1.json").exists() && site.path("out/3.json").exists());
    // The sender hears what it heard before, and the journal keeps the count.
    assert_eq!(send(&site, "1", "77^^^H"), "MSA|AA|1");
    site.kill();
    let after = status(&site);
    assert_eq!((&after["running"], &after["dropped"], &after["delivered"]), (&false.into(), &1.into(), &2.into()));
    let (_, said, code) = site.said(&["park", "release", "--all"]);
    assert!(
        code == Some(3) && said.contains("no engine runs on the journal `./journal`: `emr run` starts one"),
        "{said}"
    );
    assert!(parked(&site).is_empty());
}

#[test]
fn what_was_let_go_before_a_kill_is_delivered_after_it() {
    let mut site = blocked();
    site.start(&[]);
    for control in 0..20 {
        send(&site, &control.to_string(), &format!("{control}^^^H"));
    }
    site.until(|site| status(site)["parked_count"] == 20);
    unblock(&site);
    assert_eq!(site.said(&["park", "release", "--feed", "adt"]).0, "released 20 messages\n");
    site.kill();
    site.start(&[]);
    site.until(|site| status(site)["delivered"] == 20);
    assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 20);
}

#[test]
fn what_is_settled_is_delivered_once_more_also_across_a_kill() {
    let mut site = Site::new(PROJECT, "");
    site.start(&[]);
    send(&site, "1", "77^^^H");
    site.until(|site| status(site)["delivered"] == 1);
    let made = fs::read(site.path("out/1.json")).unwrap();
    fs::remove_dir_all(site.path("out")).unwrap();
    fs::remove_dir_all(site.path("archive")).unwrap();
    assert_eq!(
        site.said(&["replay", "adt-1", "--to", "files"]),
        ("replaying 1 message\n".into(), String::new(), Some(0))
    );
    site.until(|site| status(site)["delivered"] == 1 && site.path("out/1.json").exists());
    // The same bytes under the same name, and nothing to the other target.
    assert_eq!(fs::read(site.path("out/1.json")).unwrap(), made);
    assert!(!site.path("archive/1.hl7").exists());
    fs::remove_dir_all(site.path("out")).unwrap();
    site.said(&["replay", "adt-1"]);
    site.kill();
    site.start(&[]);
    site.until(|site| status(site)["delivered"] == 1);
    assert!(site.path("out/1.json").exists() && site.path("archive/1.hl7").exists());
    let (_, said, code) = site.said(&["replay", "adt-1", "adt-9", "--to", "nowhere"]);
    assert_eq!((said.lines().count(), code), (2, Some(1)), "{said}");
    assert!(said.contains("adt-1: no route of `adt` leads to `nowhere`"), "{said}");
    let (_, said, code) = site.said(&["replay", "adt17"]);
    assert!(code == Some(2) && said.contains("`adt17` is no id of a message: one is written like `adt-17`"), "{said}");
    assert_eq!(send(&site, "1", "77^^^H"), "MSA|AA|1");
    assert_eq!(status(&site)["accepted"], 1);
}

#[test]
fn messages_are_found_and_shown() {
    let mut site = Site::new(PROJECT, "");
    site.start(&[]);
    send(&site, "c-1", "77^^^H");
    send(&site, "c-2", "78^^^H");
    send(&site, "c-3", "");
    site.until(|site| status(site)["delivered"] == 2 && status(site)["parked_count"] == 1);
    let ids = |more: &[&str]| {
        let all = site.json(&[&["messages"], more].concat());
        all.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = ids(&[]);
    assert_eq!(all.len(), 3);
    assert_eq!(ids(&["--control-id", "c-2"]), all[1..2]);
    assert_eq!(ids(&["--key", "78"]), all[1..2]);
    assert_eq!(ids(&["--state", "parked"]), all[2..]);
    assert_eq!(ids(&["--state", "delivered", "--feed", "adt", "--limit", "1"]), all[1..2]);
    assert_eq!((ids(&["--since", "5m"]).len(), ids(&["--until", "5m"]).len()), (3, 0));
    let (printed, said, _) = site.said(&["messages", "--state", "parked"]);
    assert!(
        printed.contains("  ADT^A01^ADT_A01  ") && printed.contains("parked  admissions: R0001 a patient needs"),
        "{printed}"
    );
    assert!(!printed.contains(MARKER) && said.is_empty(), "{printed}{said}");
    // As it came, and as it is read.
    let raw = site.emr(&["show", &all[0], "--raw"]).stdout;
    assert!(raw.starts_with(b"MSH|^~\\&|A|H|") && raw.ends_with(b"PV1|1|I\r"));
    let (shown, said, code) = site.said(&["show", &all[0]]);
    assert_eq!((said.as_str(), code), ("", Some(0)));
    for part in [
        &format!("{}  ADT^A01^ADT_A01  {} bytes  delivered\n", all[0], raw.len()),
        "for admissions>files, all>archive\n",
        "  admissions>files has it\n",
        "  came from A at H to B at C, MSH-10 c-1\n",
        "admissions to files\n  ",
        "all to archive\n  as it came\n",
        "`--lineage`",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    // At a glance, and its parts where they are asked for.
    assert!(shown.lines().count() < 15 && !shown.contains(MARKER), "{shown}");
    let (parsed, ..) = site.said(&["show", &all[0], "--parsed"]);
    assert!(parsed.starts_with("MSH") && parsed.contains(&format!("PID-5.1 Family Name  {MARKER}\n")), "{parsed}");
    let (output, ..) = site.said(&["show", &all[0], "--output"]);
    assert!(
        output.contains(&format!("\"family\": \"{MARKER}\"")) && output.contains("all to archive\nMSH|"),
        "{output}"
    );
    let (lineage, ..) = site.said(&["show", &all[0], "--lineage"]);
    assert!(lineage.contains(&format!("  name[0].family: \"{MARKER}\"\n      from PID-5.1")), "{lineage}");
    let (both, ..) = site.said(&["show", &all[0], "--parsed", "--lineage"]);
    assert_eq!(both, format!("{parsed}\n{lineage}"));
    // Another program than the one that it was mapped with.
    site.write(&PROJECT.replace("name:       PID-5", "birthDate:  PID-7"));
    let (shown, _, _) = site.said(&["show", &all[0], "--lineage"]);
    assert!(shown.contains("it was mapped by another program (") && !shown.contains("name[0].family"), "{shown}");
    let json: Value = serde_json::from_str(&site.said(&["show", &all[2], "--json"]).0).unwrap();
    assert_eq!(json["events"][0]["what"], "parked");
    assert_eq!(json["now"]["routes"][0]["rejected"]["code"], "R0001");
    let (_, said, code) = site.said(&["show", "adt-999"]);
    assert!(
        code == Some(2) && said.contains("the journal of `adt` has no message `adt-999`, or not any more"),
        "{said}"
    );
}

#[test]
fn a_journal_says_what_of_it_is_damaged_and_which_messages_are_at_risk() {
    let mut site = Site::new(PROJECT, "");
    site.start(&[]);
    for control in ["1", "2", "3"] {
        send(&site, control, "77^^^H");
    }
    site.until(|site| status(site)["delivered"] == 3);
    // While it runs too.
    let (printed, _, code) = site.said(&["journal", "verify"]);
    assert!(
        code == Some(0) && printed.starts_with("adt: whole, ") && printed.contains("3 messages of them"),
        "{printed}"
    );
    site.kill();
    let segment = fs::read_dir(site.path("journal/adt")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|ending| ending == "log")).min().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (printed, _, code) = site.said(&["journal", "verify"]);
    assert_eq!(code, Some(1));
    assert!(printed.starts_with("adt: damaged, "), "{printed}");
    let place = "  in the segment 0000000000000000, from byte 0 on: the record 0 cannot be read; adt-1 is lost if it was that\n";
    assert!(printed.contains(place), "{printed}");
    let json = site.json(&["journal", "verify", "journal/adt"]);
    assert_eq!((&json[0]["messages"], &json[0]["damage"][0]["at_risk"]["first"]), (&2.into(), &"adt-1".into()));
    // Nothing is passed over until a person says so.
    assert_eq!(site.said(&["run"]).2, Some(3));
    let (printed, said, code) = site.said(&["journal", "repair"]);
    assert!(code == Some(0) && printed.starts_with("adt: given up in the segment 0000000000000000"), "{printed}{said}");
    assert!(site.path("journal/adt/0000000000000000.damaged").exists());
    let audit = site.text("journal/audit.chain/00000000000000000000.ndjson");
    let line = audit.lines().find(|line| line.contains(r#""what":"repaired""#)).unwrap();
    assert!(line.contains("the record 0 cannot be read") && line.contains(r#""who":""#), "{line}");
    site.start(&[]);
    let (_, said, code) = site.said(&["journal", "repair"]);
    assert!(code == Some(2) && said.contains("another engine (process "), "{said}");
    assert_eq!(status(&site)["delivered"], 2);
    assert!(send(&site, "4", "77^^^H").starts_with("MSA|AA|4"));
    site.until(|site| status(site)["delivered"] == 3);
}

#[test]
fn a_running_engine_says_what_waits_and_why() {
    let mut site = blocked();
    let project =
        fs::read_to_string(site.path("site.emr")).unwrap().replace(", retry: { times: 0, from: 10ms, to: 10ms }", "");
    fs::write(site.path("site.emr"), project).unwrap();
    site.start(&[]);
    send(&site, "1", "77^^^H");
    send(&site, "2", "77^^^H");
    site.until(|site| status(site)["ways"][0]["failing"]["times"].as_u64() >= Some(2));
    let status = status(&site);
    let way = &status["ways"][0];
    assert_eq!(
        (&way["way"], &way["waiting"], &way["oldest"]["id"]),
        (&"admissions>files".into(), &2.into(), &"adt-1".into())
    );
    assert_eq!((&way["failing"]["id"], &status["running"]), (&"adt-1".into(), &true.into()));
    let (shown, ..) = site.said(&["show", "adt-1"]);
    assert!(shown.contains("  admissions>files was tried "), "{shown}");
    let (printed, _, _) = site.said(&["status"]);
    assert!(
        printed.contains("  admissions>files: 2 waiting, adt-1 for ") && printed.contains(" was tried "),
        "{printed}"
    );
    // One engine alone has a journal.
    let (_, said, code) = site.said(&["run"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("error: journal: another engine (process "), "{said}");
    site.kill();
    let (printed, _, _) = site.said(&["status"]);
    assert!(printed.starts_with("no engine runs; the journals say:\nadt: 2 accepted"), "{printed}");
}
