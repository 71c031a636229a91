//! Feeds over HTTP: the real binary, with messages and resources that are posted to it.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Words of patients that are planted in what is posted, and must stand nowhere but in what is delivered.
const MARKERS: [&str; 2] = ["EVERYWOMAN", "ZÜRICHBERG"];

const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient {
        identifier: PID-3 else reject "a patient needs an identifier"
        name:       PID-5
    }
}
map pid(p: Patient) -> PID {
    PID-3: p.identifier else reject "a person needs an identifier"
    PID-5: p.name else skip
}
map person(p: Patient) -> ADT_A05 {
    MSH-3: "CLINIC"
    MSH-9.2: "A28"
    EVN:     { EVN-2: receipt.received }
    PID:     pid(p)
    PV1:     { PV1-2: "N" }
}
feed adt from http "FIRST" {
    tls:     none because "this machine alone"
    clients: none because "this machine alone"
    at:      "/hl7"
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
feed people from http "SECOND" {
    tls:     none because "this machine alone"
    clients: none because "this machine alone"
    order_by: .id
    accept Patient where .active
}
target files to file { path: "out/{MSH-10}.json" }
target messages to file { path: "out/{receipt.feed}.hl7", existing: "append" }
target copies to file { path: "out/{.id}.patient.json", existing: "replace" }
route admissions from adt through admission to files
route persons from people through person to messages where .birthDate is present
route all from people to copies
"#;

struct Site {
    folder: TempDir,
    addresses: [SocketAddr; 2],
    process: Child,
}

struct Said {
    status: u16,
    head: String,
    body: String,
}

impl Site {
    fn start() -> Site {
        let folder = TempDir::new().unwrap();
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = sockets.map(|socket| socket.local_addr().unwrap());
        let text = PROJECT.replace("FIRST", &addresses[0].to_string()).replace("SECOND", &addresses[1].to_string());
        fs::write(folder.path().join("site.emr"), text).unwrap();
        let settings = "[project]\nname = \"site\"\ntimezone = \"Europe/Zurich\"\ncharset = \"8859/1\"\n";
        fs::write(folder.path().join("emr.toml"), settings).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_emr"));
        let process = command.arg("run").arg(folder.path()).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let site = Site { folder, addresses, process };
        site.until(|site| site.addresses.iter().all(|address| TcpStream::connect(address).is_ok()));
        site
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn until(&self, holds: impl Fn(&Site) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            assert!(Instant::now() < end, "it does not come about\n{}", self.text("log"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn post(&self, feed: usize, path: &str, kind: &str, body: &[u8]) -> Said {
        let mut stream = TcpStream::connect(self.addresses[feed]).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Said { status, head: head.to_owned(), body: body.to_owned() }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn message(event: &str, control: &str, patient: &str) -> Vec<u8> {
    let text = format!(
        "MSH|^~\\&|A|H|B|C|20260101||ADT^{event}^ADT_A01|{control}|P|2.5.1\rEVN||20260101\r\
         PID|1||{patient}||{}^{}\rPV1|1|I\r",
        MARKERS[0], MARKERS[1]
    );
    // As Latin 1 has them.
    text.chars().map(|letter| u8::try_from(letter).unwrap()).collect()
}

#[test]
fn what_is_posted_is_answered_mapped_and_delivered() {
    let mut site = Site::start();
    let hl7 = "application/hl7-v2; charset=iso-8859-1";
    let good = site.post(0, "/hl7", hl7, &message("A01", "1", "77^^^H"));
    assert!(good.status == 200 && good.body.contains("\rMSA|AA|1\r"), "{}", good.body);
    assert!(good.head.contains("\r\nemr-receipt: adt-1"), "{}", good.head);
    assert_eq!(site.post(0, "/hl7", hl7, &message("A04", "2", "77^^^H")).status, 200);
    let refused = site.post(0, "/hl7", "text/plain", &message("A01", "3", ""));
    let outcome: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!((refused.status, &outcome["issue"][0]["code"]), (422, &json!("required")), "{outcome}");
    assert!(refused.body.contains("a patient needs an identifier"), "{}", refused.body);
    assert_eq!(site.post(0, "/hl7", hl7, &message("A08", "4", "77^^^H")).status, 422);
    // The bytes are not of the charset that the message says.
    let said =
        [&b"MSH|^~\\&|A|H|||1||ADT^A01^ADT_A01|5|P|2.5.1||||||UNICODE UTF-8\rPID|1||7||Z\xFCrich\r"[..]].concat();
    assert_eq!(site.post(0, "/hl7", "text/plain", &said).status, 400);
    assert_eq!(site.post(0, "/hl7", "text/plain; charset=utf-8", &message("A01", "6", "77")).status, 415);
    assert_eq!(site.post(0, "/hl7", "application/fhir+json", b"{}").status, 415);
    site.until(|site| !site.text("out/1.json").is_empty());
    let bundle: Value = serde_json::from_str(&site.text("out/1.json")).unwrap();
    assert_eq!(bundle["entry"][0]["resource"]["name"][0], json!({ "family": MARKERS[0], "given": [MARKERS[1]] }));

    let fhir = "application/fhir+json";
    let patient = |id: &str, more: Value| {
        let mut patient = json!({ "resourceType": "Patient", "id": id, "active": true, "birthDate": "1962-03-19",
            "identifier": [{ "value": "4711" }], "name": [{ "family": MARKERS[0] }] });
        patient.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        patient.to_string().into_bytes()
    };
    let good = site.post(1, "/", fhir, &patient("p1", json!({})));
    assert_eq!((good.status, good.body.as_str()), (200, "{\"receipt\":\"people-1\"}"));
    // It is no date, and so it is not there: only the other route takes it.
    assert_eq!(site.post(1, "/", fhir, &patient("p2", json!({ "birthDate": "1962-02-30" }))).status, 200);
    assert_eq!(site.post(1, "/", fhir, &patient("p3", json!({ "active": false }))).status, 422);
    assert_eq!(site.post(1, "/", fhir, b"{\"resourceType\":\"Observation\"}").status, 422);
    assert_eq!(site.post(1, "/", fhir, b"{\"resourceType\":\"Nothing\"}").status, 400);
    let unnamed = site.post(1, "/", fhir, &patient("p4", json!({ "identifier": [] })));
    assert!(unnamed.status == 422 && unnamed.body.contains("a person needs an identifier"), "{}", unnamed.body);
    site.until(|site| !site.text("out/p2.patient.json").is_empty() && !site.text("out/people.hl7").is_empty());
    assert_eq!(site.text("out/p1.patient.json").as_bytes(), patient("p1", json!({})));
    assert!(site.text("out/people.hl7").contains("|ADT^A28^ADT_A05|"), "{}", site.text("out/people.hl7"));
    assert!(site.text("out/people.hl7").contains(&format!("PID|||4711||{}", MARKERS[0])));
    assert!(site.text("out/p4.patient.json").is_empty());

    let id = site.process.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert_eq!(site.process.wait().unwrap().code(), Some(0));
    assert_eq!(site.text("out/people.hl7").matches("MSH|").count(), 1);
    for marker in MARKERS {
        assert!(!site.text("log").contains(marker) && !refused.body.contains(marker), "{}", site.text("log"));
    }
}
