//! "Safe by default", a sentence for each test, by the real binary. Those of credentials that follow no redirect stand beside
//! the connectors, those of unsafe code with the watch over the architecture.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use site::heard::{listen, posted};
use site::{Site, call, free, listens, send};
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

#[test]
fn authentication_comes_before_any_body_is_read() {
    let (fhir, admin) = (free(), free());
    let clients = "clients: oauth { issuer: \"http://127.0.0.1:1\", audience: \"emr\" }";
    let text = format!(
        "feed adt from http \"ADDRESS\" {{\n    tls: none because \"this machine alone\"\n    {clients}\n    \
         accept ADT_A01 for ADT^A01\n}}\n\
         feed people from fhir \"{fhir}\" {{\n    tls: none because \"this machine alone\"\n    {clients}\n    accept Patient\n}}\n\
         target out to file {{ path: \"out/{{receipt.id}}\" }}\nroute all from adt, people to out\n"
    );
    let settings = format!(
        "[admin]\nlisten = \"{admin}\"\ntls_none_because = \"this machine alone\"\n\
         clients_issuer = \"http://127.0.0.1:1\"\nclients_audience = \"emr\"\n"
    );
    let mut site = Site::new(&text, &settings);
    site.start(&[]);
    for (at, path) in [(site.address, "/"), (fhir, "/Patient"), (admin, "/v1/parked/drop")] {
        site.until(|_| listens(at));
        // A head alone: what it promises never comes.
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\n")
            .unwrap();
        let mut answer = [0; 13];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 401 ", "{path}");
    }
    assert_eq!(site.stop(), Some(0));
}

/// Words of a patient, which stand in messages and in what is delivered.
const MARKERS: [&str; 3] = ["EVERYWOMAN", "ZÜRICHBERG", "756.1234.5678.97"];

#[test]
fn values_of_patients_appear_in_no_log_metric_trace_error_or_answer() {
    let (collector, traces) = listen(posted);
    let (pager, alarms) = listen(posted);
    let (metrics, http) = (free(), free());
    let text = format!(
        "map admission(ADT_A01) -> Bundle {{\n    emit Patient {{\n        \
         identifier: PID-3 else reject \"a patient needs an identifier\"\n        name: PID-5\n        birthDate: PID-7\n    }}\n}}\n\
         feed adt from mllp \"ADDRESS\" {{\n    tls: none because \"this machine alone\"\n    order_by: PID-5.1\n    \
         accept ADT_A01 for ADT^A01\n}}\n\
         feed web from http \"{http}\" {{\n    tls: none because \"this machine alone\"\n    \
         clients: none because \"this machine alone\"\n    accept ADT_A01 for ADT^A01\n}}\n\
         target out to file {{ path: \"out/{{MSH-10}}\" }}\n\
         target doubtful to file {{ path: \"doubtful/{{PID-5.1}}\", retry: {{ times: 0, from: 10ms, to: 20ms }} }}\n\
         route all from adt, web through admission to out, doubtful\n\
         alarm stuck {{ when: adt.parked > 0, to: webhook(secret(\"PAGER\")) }}\n"
    );
    let settings = format!(
        "[operations]\nlisten = \"{metrics}\"\ntls_none_because = \"this machine alone\"\nclients_none_because = \"likewise\"\n"
    );
    let mut site = Site::new(&text, &settings);
    fs::write(site.path("doubtful"), "in the way").unwrap();
    site.start_in(
        &["--log", "json", "--log-level", "debug"],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{collector}")),
            ("OTEL_TRACES_SAMPLER_ARG", "1"),
            ("PAGER", &format!("http://{pager}/hook")),
        ],
    );
    let message = |control: &str, kind: &str, patient: &str, born: &str| {
        format!(
            "MSH|^~\\&|A|H|B|C|20260101||{kind}|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
             PID|1||{patient}||{}^{}||{born}|||||||||||{}\rPV1|1|I\r",
            MARKERS[0], MARKERS[1], MARKERS[2]
        )
    };
    let mut seen = Vec::new();
    for (control, kind, patient, born) in [
        // Good, and parked on one way; refused by a map; not served; with values where none can be; the same key again.
        ("1", "ADT^A01^ADT_A01", "77^^^H", "19620301"),
        ("2", "ADT^A01^ADT_A01", "", "19620301"),
        ("3", "ADT^A08^ADT_A01", "77^^^H", "19620301"),
        ("4", MARKERS[0], "77^^^H", "19620301"),
        ("5", "ADT^A01^ADT_A01", "77^^^H", MARKERS[0]),
        ("1", "ADT^A01^ADT_A01", "78^^^H", "19620301"),
    ] {
        let message = message(control, kind, patient, born);
        seen.push(send(&mut site.connect(), &message));
        let posted = call(http, "POST", "/", "application/hl7-v2", message.as_bytes()).unwrap();
        let told = call(http, "POST", "/", "text/plain", message.as_bytes()).unwrap();
        seen.extend([posted.head, posted.body, told.head, told.body]);
    }
    // What is no message at all, and what breaks off.
    seen.push(send(&mut site.connect(), MARKERS[0]));
    seen.push(call(http, "POST", "/EVERYWOMAN?name=EVERYWOMAN", "text/plain", MARKERS[0].as_bytes()).unwrap().body);
    site.connect().write_all(format!("\x0BMSH|{}", MARKERS[0]).as_bytes()).unwrap();
    site.until(|_| !alarms.all().is_empty());
    site.until(|site| site.text("log").contains("ended badly"));
    seen.push(call(metrics, "GET", "/metrics", "", b"").unwrap().body);
    assert!(seen.last().unwrap().contains("emr_parked_messages{feed=\"adt\"}"), "{}", seen.last().unwrap());
    for command in
        [&["status"][..], &["park", "list"], &["messages"], &["journal", "verify"], &["park", "release", "--all"]]
    {
        let (printed, told, _) = site.said(command);
        seen.extend([printed, told]);
    }
    assert_eq!(site.stop(), Some(0));
    seen.extend([site.text("log"), site.said(&["audit", "export"]).0, site.text("journal/alarms.json")]);
    site.until(|_| !traces.all().is_empty());
    seen.extend(traces.all());
    seen.extend(alarms.all());
    for text in &seen {
        for marker in MARKERS {
            assert!(!text.to_lowercase().contains(&marker.to_lowercase()), "{text}");
        }
    }
}

#[test]
fn nobody_else_of_the_machine_may_read_what_an_engine_keeps() {
    let text = "feed adt from mllp \"ADDRESS\" {\n    tls: none because \"this machine alone\"\n    accept ADT_A01 for ADT^A01\n}\n\
                target out to file { path: \"out/{MSH-10}\" }\n\
                route all from adt to out { start: held, unless_seen: { keys: (MSH-10), within: 1h } }\n\
                alarm many { when: adt.accepted > 0, to: log }\n";
    let mut site = Site::new(text, "");
    site.start(&[]);
    assert!(send(&mut site.connect(), &site::admission("1", "7", "A")).starts_with("MSA|AA|1"));
    assert_eq!(site.said(&["start", "all"]).2, Some(0));
    site.until(|site| site.path("out/1").exists() && site.path("journal/alarms.json").exists());
    let mut folders = vec![site.path("journal")];
    let mut seen = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap().map(Result::unwrap).map(|entry| entry.path()).chain([folder.clone()])
        {
            // A file of a moment may have its last name meanwhile.
            let Ok(facts) = fs::symlink_metadata(&entry) else { continue };
            assert_eq!(facts.permissions().mode() & 0o077, 0, "{}", entry.display());
            if facts.is_dir() && entry != folder {
                folders.push(entry.clone());
            }
            seen.push(entry.strip_prefix(site.path("journal")).unwrap().to_owned());
        }
    }
    for name in ["adt", "adt/0000000000000000.log", "audit.chain/head", "all.seen", "routes.released", "control.lock"] {
        assert!(seen.contains(&name.into()), "{name}: {seen:?}");
    }
    // What it delivers is as everybody's files are.
    assert_ne!(fs::metadata(site.path("out/1")).unwrap().permissions().mode() & 0o044, 0);
    assert_eq!(site.stop(), Some(0));
}
