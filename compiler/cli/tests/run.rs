//! A project that runs: the real binary, over sockets and files, killed and stopped.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

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

struct Site {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl Site {
    fn new(change: impl Fn(String) -> String) -> Site {
        let folder = TempDir::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = change(PROJECT.replace("ADDRESS", &address.to_string()));
        fs::write(folder.path().join("site.emr"), text).unwrap();
        let settings = "[project]\nname = \"site\"\ntimezone = \"Europe/Zurich\"\n[env.test]\nOUT = \"out\"\n";
        fs::write(folder.path().join("emr.toml"), settings).unwrap();
        Site { folder, address, process: None }
    }

    fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_emr"));
        command.arg("run").arg(self.folder.path()).stderr(log).stdout(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        self.until(|site| TcpStream::connect(site.address).is_ok());
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn until(&self, holds: impl Fn(&Site) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            assert!(Instant::now() < end, "it does not come about\n{}", self.text("log"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn send(&self, from: &str, event: &str, control: &str, patient: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let message = format!(
            "MSH|^~\\&|A|{from}|B|C|20260101||ADT^{event}^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
             PID|1||{patient}||{}^{}||19620301|||||||||||{}\rPV1|1|I\r",
            MARKERS[0], MARKERS[1], MARKERS[2]
        );
        stream.write_all(format!("\x0B{message}\x1C\r").as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x1C\r") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        String::from_utf8(answer).unwrap().split('\r').skip(1).collect::<Vec<_>>().join(" ")
    }

    fn stop(&mut self, signal: &str) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
        process.wait().unwrap().code()
    }

    fn status(&self) -> Value {
        let output = emr(&["status", "--format", "json"], self.folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn emr(arguments: &[&str], project: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_emr")).args(arguments).arg(project).output().unwrap()
}

#[test]
fn messages_are_answered_mapped_and_delivered() {
    let mut site = Site::new(|text| text);
    site.start();
    assert!(site.send("H", "A01", "1", "77^^^H").starts_with("MSA|AA|1"));
    assert!(site.send("TEST", "A01", "2", "78^^^H").starts_with("MSA|AA|2"));
    assert!(site.send("H", "A04", "3", "79^^^H").starts_with("MSA|AA|3"));
    let refused = site.send("H", "A01", "4", "");
    assert!(refused.starts_with("MSA|AE|4 ERR|"), "{refused}");
    let unknown = site.send("H", "A08", "5", "77^^^H");
    assert!(unknown.starts_with("MSA|AR|5 ERR||MSH^1^9^1^2|201^Unsupported event code^HL70357|E"), "{unknown}");
    // The sender that heard nothing sends the same again.
    assert!(site.send("H", "A01", "1", "77^^^H").starts_with("MSA|AA|1"));
    site.until(|site| site.status()[0]["delivered"] == 2);
    let status = &site.status()[0];
    assert_eq!((&status["accepted"], &status["filtered"], &status["refused"]), (&5.into(), &1.into(), &2.into()));
    let bundle: Value = serde_json::from_str(&site.text("out/77-1.json")).unwrap();
    assert_eq!(bundle["entry"][0]["resource"]["name"][0]["family"], MARKERS[0]);
    assert!(!site.path("out/78-2.json").exists());
    assert_eq!(site.text("archive.hl7").matches("MSH|").count(), 2);
    // A setting that reads a number has its digits.
    assert!(site.path("numbered/1.hl7").exists());
    assert_eq!(fs::read_dir(site.path("numbered")).unwrap().count(), 2);
    assert_eq!(site.stop("-TERM"), Some(0));
    for marker in MARKERS {
        assert!(!site.text("log").contains(marker) && !refused.contains(marker), "{}", site.text("log"));
    }
}

#[test]
fn what_was_acknowledged_before_a_kill_is_delivered_after_it() {
    // A folder that cannot be made, until somebody takes the file away that stands in its place.
    let mut site = Site::new(|text| text);
    fs::write(site.path("out"), "in the way").unwrap();
    site.start();
    for number in 0..5 {
        assert!(site.send("H", "A01", &number.to_string(), "77^^^H").starts_with("MSA|AA|"));
    }
    assert_eq!(site.status()[0]["in_flight"], 5);
    assert_eq!(site.stop("-KILL"), None);
    fs::remove_file(site.path("out")).unwrap();
    site.start();
    site.until(|site| site.status()[0]["delivered"] == 5);
    assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 5);
    // The two processes wrote the same bytes for a message, whoever mapped it.
    assert!(site.send("H", "A01", "3", "77^^^H").starts_with("MSA|AA|3"));
    assert_eq!(site.status()[0]["accepted"], 5);
    assert_eq!(site.stop("-TERM"), Some(0));
}

#[test]
fn whoever_stops_it_as_soon_as_it_listens_is_heard() {
    let mut site = Site::new(|text| text);
    site.start();
    assert_eq!(site.stop("-TERM"), Some(0));
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
        let site = Site::new(change);
        let output = emr(&["run"], site.folder.path());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
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
    let site = Site::new(|text| text);
    let several = site.text("emr.toml") + "[env.production]\nOUT = \"elsewhere\"\n";
    fs::write(site.path("emr.toml"), several).unwrap();
    let text = String::from_utf8(emr(&["run"], site.folder.path()).stderr).unwrap();
    assert!(text.contains("several environments, `production`, `test`: choose one with `--env`"), "{text}");
    let (code, text) = said(|_| "map admission(ADT_A01) -> Bundle {\n    emit Patient { name: PID-5 }\n}\n".to_owned());
    assert!(code == Some(2) && text.contains("the project has no feed"), "{text}");
}

#[test]
fn a_damaged_journal_stops_its_feed_and_is_said() {
    let mut site = Site::new(|text| text);
    site.start();
    for number in 0..3 {
        site.send("H", "A01", &number.to_string(), "77^^^H");
    }
    assert_eq!(site.stop("-TERM"), Some(0));
    let segment = fs::read_dir(site.path("journal/adt")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|ending| ending == "log")).min().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    for command in ["run", "status"] {
        let output = emr(&[command], site.folder.path());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains("its journal is damaged: the records from 0"), "{text}");
    }
}
