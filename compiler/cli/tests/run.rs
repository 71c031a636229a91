//! A project that runs: the real binary, over sockets and files, killed and stopped.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod site;

use std::fs;
use std::io::Write;

use serde_json::Value;
use site::{Site, admission, answer, send};

/// Words of patients that are planted in messages, and must stand nowhere but in what is delivered.
const MARKERS: [&str; 3] = ["EVERYWOMAN", "ZÜRICHBERG", "756.1234.5678.97"];

const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient {
        identifier: PID-3 else reject "a patient needs an identifier"
        name:       PID-5
        birthDate:  PID-7
    }
}
let out: path = env("OUT")
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    order_by: PID-3[1].1
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
target files to file { path: "{out}/{PID-3[1].1}-{MSH-10}.json" }
target archive to file { path: "archive.hl7", existing: "append" }
target numbered to file { path: "numbered/{receipt.sequence}.hl7" }
route admissions from adt through admission to files where MSH-4.1 != "TEST"
route all from adt to archive, numbered
"#;

fn project(change: impl Fn(String) -> String) -> Site {
    Site::new(&change(PROJECT.to_owned()), "[env.test]\nOUT = \"out\"\n")
}

/// Sends a message of somebody, and gives what is said of it.
fn tell(site: &Site, from: &str, event: &str, control: &str, patient: &str) -> String {
    let message = format!(
        "MSH|^~\\&|A|{from}|B|C|20260101||ADT^{event}^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
         PID|1||{patient}||{}^{}||19620301|||||||||||{}\rPV1|1|I\r",
        MARKERS[0], MARKERS[1], MARKERS[2]
    );
    send(&mut site.connect(), &message)
}

fn status(site: &Site) -> Value {
    site.json(&["status"])[0].clone()
}

#[test]
fn messages_are_answered_mapped_and_delivered() {
    let mut site = project(|text| text);
    site.start(&[]);
    assert!(tell(&site, "H", "A01", "1", "77^^^H").starts_with("MSA|AA|1"));
    assert!(tell(&site, "TEST", "A01", "2", "78^^^H").starts_with("MSA|AA|2"));
    assert!(tell(&site, "H", "A04", "3", "79^^^H").starts_with("MSA|AA|3"));
    let refused = tell(&site, "H", "A01", "4", "");
    let why = "ERR||PID^1^3|101^Required field missing^HL70357|E||||a patient needs an identifier";
    assert!(refused.starts_with(&format!("MSA|AE|4 {why}")), "{refused}");
    let unknown = tell(&site, "H", "A08", "5", "77^^^H");
    assert!(unknown.starts_with("MSA|AR|5 ERR||MSH^1^9^1^2|201^Unsupported event code^HL70357|E"), "{unknown}");
    // The sender that heard nothing sends the same again.
    assert!(tell(&site, "H", "A01", "1", "77^^^H").starts_with("MSA|AA|1"));
    site.until(|site| status(site)["delivered"] == 2);
    let status = status(&site);
    assert_eq!((&status["accepted"], &status["filtered"], &status["refused"]), (&5.into(), &1.into(), &2.into()));
    let bundle: Value = serde_json::from_str(&site.text("out/77-1.json")).unwrap();
    assert_eq!(bundle["entry"][0]["resource"]["name"][0]["family"], MARKERS[0]);
    assert!(!site.path("out/78-2.json").exists());
    assert_eq!(site.text("archive.hl7").matches("MSH|").count(), 2);
    // A setting that reads a number has its digits.
    assert!(site.path("numbered/1.hl7").exists());
    assert_eq!(fs::read_dir(site.path("numbered")).unwrap().count(), 2);
    assert_eq!(site.stop(), Some(0));
    for marker in MARKERS {
        assert!(!site.text("log").contains(marker) && !refused.contains(marker), "{}", site.text("log"));
    }
}

#[test]
fn nothing_of_several_messages_in_one_block_is_lost_in_silence() {
    let mut site = project(|text| text);
    site.start(&[]);
    let [first, second] = [admission("1", "77^^^H", "D"), admission("2", "78^^^H", "E")];
    let why = "100^Segment sequence error^HL70357|E||||it is a batch, or holds several messages";
    let said = send(&mut site.connect(), &format!("{first}{second}"));
    assert!(said.starts_with(&format!("MSA|AE|1 ERR|||{why}")), "{said}");
    let said = send(&mut site.connect(), &format!("BHS|^~\\&|A\r{first}{second}BTS|2\r"));
    assert!(said.starts_with("MSA|AE") && said.contains(why), "{said}");
    // What else cannot be read says why, too.
    let mut other = site.connect();
    other.write_all(&[b"\x0B", first.replace("|D", "|D\u{fc}").as_bytes(), b"\xfc\x1C\r"].concat()).unwrap();
    let said = answer(&mut other);
    assert!(said.contains("MSA|AE|1") && said.contains("is not of the message's character set"), "{said}");
    assert!(!said.contains("emr.toml"), "{said}");
    let (shown, ..) = site.said(&["show", "adt-1"]);
    assert!(shown.contains("several messages"), "{shown}");
    assert_eq!((&status(&site)["refused"], &status(&site)["delivered"]), (&3.into(), &0.into()));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn what_was_acknowledged_before_a_kill_is_delivered_after_it() {
    // A folder that cannot be made, until somebody takes the file away that stands in its place.
    let mut site = project(|text| text);
    fs::write(site.path("out"), "in the way").unwrap();
    site.start(&[]);
    for number in 0..5 {
        assert!(tell(&site, "H", "A01", &number.to_string(), "77^^^H").starts_with("MSA|AA|"));
    }
    assert_eq!(status(&site)["in_flight"], 5);
    site.kill();
    fs::remove_file(site.path("out")).unwrap();
    site.start(&[]);
    site.until(|site| status(site)["delivered"] == 5);
    assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 5);
    // The two processes wrote the same bytes for a message, whoever mapped it.
    assert!(tell(&site, "H", "A01", "3", "77^^^H").starts_with("MSA|AA|3"));
    assert_eq!(status(&site)["accepted"], 5);
    assert_eq!(site.stop(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn code_that_was_built_before_is_run_as_long_as_its_map_is_the_same() {
    let mut site = project(|text| text);
    assert_eq!(site.said(&["build", ".", "-o", "site.emrx"]).2, Some(0));
    let mut is_run = |change: &str, arguments: &[&str]| {
        site.write(&PROJECT.replace("PID-5", change));
        site.start(arguments);
        assert!(tell(&site, "H", "A01", change, "77^^^H").starts_with("MSA|AA|"));
        // What is carried out of a file says so in the memory of the process.
        let memory = fs::read_to_string(format!("/proc/{}/maps", site.id())).unwrap();
        assert_eq!(site.stop(), Some(0));
        memory.lines().any(|line| line.contains("r-xp") && line.ends_with("site.emrx"))
    };
    assert!(is_run("PID-5", &["--with", "site.emrx"]));
    assert!(!is_run("PID-5", &[]));
    assert!(!is_run("PID-9", &["--with", "site.emrx"]));
    let (_, said, end) = site.said(&["run", "--with", "nowhere.emrx"]);
    assert!(said.contains("there is no file `nowhere.emrx`") && end == Some(2), "{said}");
}

#[test]
fn whoever_stops_it_as_soon_as_it_listens_is_heard() {
    let mut site = project(|text| text);
    site.start(&[]);
    assert_eq!(site.stop(), Some(0));
}

/// Those are for tests alone, and another build has none.
#[cfg(not(feature = "failpoints"))]
#[test]
fn nothing_of_what_ends_a_process_in_tests_is_in_this_one() {
    let binary = fs::read(env!("CARGO_BIN_EXE_emr")).unwrap();
    let holds = |word: &str| binary.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(holds("takes messages") && !holds("EMR_FAIL_POINT") && !holds("journal.synced"));
}

#[test]
fn what_cannot_be_done_is_said_before_anything_listens() {
    let said = |change: fn(String) -> String| {
        let (_, text, code) = project(change).said(&["run"]);
        (code, text)
    };
    let (code, text) = said(|text| {
        let (before, behind) = text.split_once("target archive to file").unwrap();
        let (_, behind) = behind.split_once('\n').unwrap();
        format!("{before}target archive to kafka \"all\" {{ brokers: \"kafka:9092\" }}\n{behind}")
    });
    assert!(code == Some(3) && text.ends_with("error: target archive: `kafka` is not carried out yet\n"), "{text}");
    let (code, text) = said(|text| text.replace("tls: none because \"this machine alone\"", ""));
    assert!(code == Some(1) && text.contains("says nothing of `tls`"), "{text}");
    let (code, text) = said(|text| {
        text.replace(
            "none because \"this machine alone\"",
            "{ certificate: file(\"no.pem\"), key: secret(\"NO_KEY\") }",
        )
    });
    assert!(code == Some(3) && text.contains("`no.pem`") || text.contains("no.pem` cannot be read"), "{text}");
    let site = project(|text| text);
    let several = site.text("emr.toml") + "[env.production]\nOUT = \"elsewhere\"\n";
    fs::write(site.path("emr.toml"), several).unwrap();
    let (_, text, _) = site.said(&["run"]);
    assert!(text.contains("several environments, `production`, `test`: choose one with `--env`"), "{text}");
    let (code, text) = said(|_| "map admission(ADT_A01) -> Bundle {\n    emit Patient { name: PID-5 }\n}\n".to_owned());
    assert!(code == Some(2) && text.contains("the project has no feed"), "{text}");
}

#[test]
fn a_damaged_journal_stops_its_feed_and_is_said() {
    let mut site = project(|text| text);
    site.start(&[]);
    for number in 0..3 {
        tell(&site, "H", "A01", &number.to_string(), "77^^^H");
    }
    assert_eq!(site.stop(), Some(0));
    let segment = fs::read_dir(site.path("journal/adt")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|ending| ending == "log")).min().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    for command in ["run", "status"] {
        let (_, text, code) = site.said(&[command]);
        assert!(code != Some(0) && text.contains("its journal is damaged: the records from 0"), "{text}");
    }
}
