//! What a person does with the messages of a project that runs: the real binary, over real sockets, killed in between.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

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

struct Site {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl Site {
    /// With something in the way of its files.
    fn new() -> Site {
        let folder = TempDir::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        fs::write(folder.path().join("site.emr"), PROJECT.replace("ADDRESS", &address.to_string())).unwrap();
        fs::write(folder.path().join("emr.toml"), "[project]\nname = \"site\"\ntimezone = \"Europe/Zurich\"\n")
            .unwrap();
        let site = Site { folder, address, process: None };
        site.block(true);
        site
    }

    fn block(&self, is_blocked: bool) {
        match is_blocked {
            true => fs::write(self.path("out"), "in the way").unwrap(),
            false => fs::remove_file(self.path("out")).unwrap(),
        }
    }

    fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_emr"));
        command.arg("run").arg(self.folder.path()).stderr(log).stdout(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        self.until(|site| TcpStream::connect(site.address).is_ok());
    }

    fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn until(&self, holds: impl Fn(&Site) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(Instant::now() < end, "it does not come about\n{log}\n{}", self.said(&["status"]).0);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn send(&self, control: &str, patient: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let message = format!(
            "MSH|^~\\&|A|H|B|C|20260101||ADT^A01^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
             PID|1||{patient}||{MARKER}^A\rPV1|1|I\r"
        );
        stream.write_all(format!("\x0B{message}\x1C\r").as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x1C\r") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        String::from_utf8(answer).unwrap().split('\r').nth(1).unwrap().to_owned()
    }

    fn emr(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_emr")).args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// What a command prints, what it says, and how it ends.
    fn said(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        let output = self.emr(arguments);
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (printed, said, _) = self.said(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{arguments:?}: {printed}{said}"))
    }

    fn status(&self) -> Value {
        self.json(&["status"])[0].clone()
    }

    /// The ids of what is parked.
    fn parked(&self) -> Vec<String> {
        let all = self.json(&["park", "list"]);
        all.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
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

#[test]
fn parked_messages_are_listed_let_go_and_given_up() {
    let mut site = Site::new();
    site.start();
    for control in ["1", "2", "3"] {
        assert_eq!(site.send(control, "77^^^H"), format!("MSA|AA|{control}"));
    }
    site.until(|site| site.status()["parked_count"] == 3 && site.path("archive/3.hl7").exists());
    let parked = site.parked();
    assert_eq!(parked.len(), 3);
    let (listed, _, _) = site.said(&["park", "list", "--feed", "adt"]);
    assert!(
        listed.contains("admissions>files: ") && listed.lines().count() == 3 && !listed.contains(MARKER),
        "{listed}"
    );
    // It is still in the way.
    assert_eq!(site.said(&["park", "release", &parked[0]]), ("released 1 message\n".into(), String::new(), Some(0)));
    site.until(|site| site.parked().len() == 3);
    site.block(false);
    let (printed, said, code) = site.said(&["park", "release", &parked[1], "adt-900"]);
    assert_eq!((printed.as_str(), code), ("released 1 message\n", Some(1)));
    assert_eq!(said, "adt-900: it is not parked\n");
    site.until(|site| site.path("out/2.json").exists());
    let dropped = site.said(&["park", "drop", &parked[0], "--because", "entered by hand"]);
    assert_eq!(dropped, ("dropped 1 message\n".into(), String::new(), Some(0)));
    assert_eq!(site.said(&["park", "release", "--all"]).0, "released 1 message\n");
    site.until(|site| site.status()["delivered"] == 2);
    let status = site.status();
    assert_eq!((&status["accepted"], &status["dropped"], &status["in_flight"]), (&3.into(), &1.into(), &0.into()));
    assert!(!site.path("out/1.json").exists() && site.path("out/3.json").exists());
    // The sender hears what it heard before, and the journal keeps the count.
    assert_eq!(site.send("1", "77^^^H"), "MSA|AA|1");
    site.kill();
    let after = site.status();
    assert_eq!((&after["running"], &after["dropped"], &after["delivered"]), (&false.into(), &1.into(), &2.into()));
    let (_, said, code) = site.said(&["park", "release", "--all"]);
    assert!(
        code == Some(3) && said.contains("no engine runs on the journal `./journal`: `emr run` starts one"),
        "{said}"
    );
    assert!(site.parked().is_empty());
}

#[test]
fn what_was_let_go_before_a_kill_is_delivered_after_it() {
    let mut site = Site::new();
    site.start();
    for control in 0..20 {
        site.send(&control.to_string(), &format!("{control}^^^H"));
    }
    site.until(|site| site.status()["parked_count"] == 20);
    site.block(false);
    assert_eq!(site.said(&["park", "release", "--feed", "adt"]).0, "released 20 messages\n");
    site.kill();
    site.start();
    site.until(|site| site.status()["delivered"] == 20);
    assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 20);
}

#[test]
fn what_is_settled_is_delivered_once_more_also_across_a_kill() {
    let mut site = Site::new();
    site.block(false);
    site.start();
    site.send("1", "77^^^H");
    site.until(|site| site.status()["delivered"] == 1);
    let made = fs::read(site.path("out/1.json")).unwrap();
    fs::remove_dir_all(site.path("out")).unwrap();
    fs::remove_dir_all(site.path("archive")).unwrap();
    assert_eq!(
        site.said(&["replay", "adt-1", "--to", "files"]),
        ("replaying 1 message\n".into(), String::new(), Some(0))
    );
    site.until(|site| site.status()["delivered"] == 1 && site.path("out/1.json").exists());
    // The same bytes under the same name, and nothing to the other target.
    assert_eq!(fs::read(site.path("out/1.json")).unwrap(), made);
    assert!(!site.path("archive/1.hl7").exists());
    fs::remove_dir_all(site.path("out")).unwrap();
    site.said(&["replay", "adt-1"]);
    site.kill();
    site.start();
    site.until(|site| site.status()["delivered"] == 1);
    assert!(site.path("out/1.json").exists() && site.path("archive/1.hl7").exists());
    let (_, said, code) = site.said(&["replay", "adt-1", "adt-9", "--to", "nowhere"]);
    assert_eq!((said.lines().count(), code), (2, Some(1)), "{said}");
    assert!(said.contains("adt-1: no route of `adt` leads to `nowhere`"), "{said}");
    let (_, said, code) = site.said(&["replay", "adt17"]);
    assert!(code == Some(2) && said.contains("`adt17` is no id of a message: one is written like `adt-17`"), "{said}");
    assert_eq!(site.send("1", "77^^^H"), "MSA|AA|1");
    assert_eq!(site.status()["accepted"], 1);
}

#[test]
fn a_running_engine_says_what_waits_and_why() {
    let mut site = Site::new();
    let project =
        fs::read_to_string(site.path("site.emr")).unwrap().replace(", retry: { times: 0, from: 10ms, to: 10ms }", "");
    fs::write(site.path("site.emr"), project).unwrap();
    site.start();
    site.send("1", "77^^^H");
    site.send("2", "77^^^H");
    site.until(|site| site.status()["ways"][0]["failing"]["times"].as_u64() >= Some(2));
    let status = site.status();
    let way = &status["ways"][0];
    assert_eq!(
        (&way["way"], &way["waiting"], &way["oldest"]["id"]),
        (&"admissions>files".into(), &2.into(), &"adt-1".into())
    );
    assert_eq!((&way["failing"]["id"], &status["running"]), (&"adt-1".into(), &true.into()));
    let (printed, _, _) = site.said(&["status"]);
    assert!(
        printed.contains("  admissions>files: 2 waiting, adt-1 for ") && printed.contains(" was tried "),
        "{printed}"
    );
    // One engine alone has a journal.
    let (_, said, code) = site.said(&["run"]);
    let process = site.process.as_ref().unwrap().id();
    assert_eq!(code, Some(3));
    assert!(said.contains(&format!("another engine (process {process}) runs on the journal `./journal`")), "{said}");
    site.kill();
    let (printed, _, _) = site.said(&["status"]);
    assert!(printed.starts_with("no engine runs; the journals say:\nadt: 2 accepted"), "{printed}");
}
