//! Settings of feeds, targets and routes, each carried out by the real binary.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use site::{Site, send};

/// The name of a patient, which stands nowhere but in what is delivered.
const MARKER: &str = "EVERYWOMAN";

/// A feed, and what a test adds: `FEED` in its block, `REST` behind it.
const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient { name: PID-5 }
}
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    FEED
    accept ADT_A01 for ADT^A01
}
REST
"#;

/// A project that runs, with these lines in its feed and these behind it.
fn runs(feed: &str, rest: &str) -> Site {
    let mut site = Site::new(&text(feed, rest), "");
    site.start(&[]);
    site
}

fn text(feed: &str, rest: &str) -> String {
    PROJECT.replace("FEED", feed).replace("REST", rest)
}

/// What MSA says of a plain message.
fn sent(site: &Site, control: &str) -> String {
    said(
        site,
        &format!(
            "MSH|^~\\&|A|H|B|C|20260101||ADT^A01^ADT_A01|{control}|P|2.5.1\rEVN||20260101\r\
             PID|1||77^^^H||{MARKER}^EVE\rPV1|1|I\r"
        ),
    )
}

/// What MSA says of a message.
fn said(site: &Site, message: &str) -> String {
    let answer = send(&mut site.connect(), message);
    answer.split(' ').find(|line| line.starts_with("MSA")).unwrap().to_owned()
}

/// Where the messages are.
fn count(site: &Site, what: &str) -> u64 {
    site.json(&["status"])[0][what].as_u64().unwrap()
}

/// A service that gives these answers, the last of them for ever, and tells of each request: its head, then its body.
fn service(codes: &'static [u16]) -> (String, Receiver<(String, String)>) {
    saying(codes, "")
}

/// The same with something to say.
fn saying(codes: &'static [u16], said: &'static str) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
                head += &line;
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let code = codes.get(number).or(codes.last()).unwrap();
            let length = said.len();
            let answer = format!("HTTP/1.1 {code} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if tell.send((head, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (url, told)
}

#[test]
fn messages_are_posted_and_their_shapes_are_logged() {
    let (url, told) = service(&[503, 202]);
    let rest = format!(
        "target service to http {{ url: \"{url}\", retry: {{ from: 10ms, to: 20ms }} }}\n\
         target watch to log {{ level: \"warn\" }}\n\
         route all from adt to service\n\
         route shapes from adt through admission to watch\n"
    );
    let mut site = runs("", &rest);
    assert_eq!(sent(&site, "1"), "MSA|AA|1");
    site.until(|site| count(site, "delivered") == 1);
    let tries: Vec<_> = told.try_iter().collect();
    // What was not taken is sent once more, as the same.
    assert_eq!((tries.len(), &tries[0]), (2, &tries[1]));
    let (head, body) = &tries[0];
    assert!(head.starts_with("POST /in ") && head.contains("application/hl7-v2"), "{head}");
    assert!(body.starts_with("MSH|") && body.contains(MARKER));
    let log = site.text("log");
    let line = log.lines().find(|line| line.contains("delivered to the log")).unwrap();
    assert!(line.contains("WARN") && line.contains("to=\"watch\" id=\"adt-1\""), "{line}");
    assert!(line.contains("Patient") && line.contains("Bundle"), "{line}");
    assert!(!log.contains(MARKER), "{log}");
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn a_target_is_left_alone_in_its_quiet_hours() {
    let ((backup, asleep), (other, awake)) = (service(&[202]), service(&[202]));
    let hour = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 3600 % 24;
    // Zurich is one hour or two ahead.
    let quiet = format!("quiet: {{ from: \"{:02}:00\", to: \"{:02}:00\" }}", (hour + 22) % 24, (hour + 5) % 24);
    let rest = |quiet: &str| {
        format!(
            "target backup to http {{ url: \"{backup}\" {quiet} }}\n\
             target other to http {{ url: \"{other}\", rate: {{ messages: 100 }} }}\n\
             route all from adt to backup, other\n"
        )
    };
    let mut site = runs("", &rest(&format!(", {quiet}")));
    assert_eq!(sent(&site, "1"), "MSA|AA|1");
    awake.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!((count(&site, "in_flight"), asleep.try_recv().is_err()), (1, true));
    assert_eq!(site.stop(), Some(0));
    site.write(&text("", &rest("")));
    site.start(&[]);
    site.until(|site| count(site, "delivered") == 1);
    assert!(asleep.try_recv().unwrap().1.contains("|1|P|"));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn what_says_the_same_again_is_left_out() {
    let rest = "target out to file { path: \"out/{MSH-10}.hl7\" }\n\
                target all to file { path: \"all/{MSH-10}.hl7\" }\n\
                route once from adt to out { unless_seen: { keys: (PID-3, PV1-2), within: 1h } }\n\
                route archive from adt to all\n";
    let mut site = runs("", rest);
    for control in ["1", "2"] {
        assert_eq!(sent(&site, control), format!("MSA|AA|{control}"));
    }
    site.until(|site| count(site, "delivered") == 2);
    assert_eq!(site.stop(), Some(0));
    site.start(&[]);
    assert_eq!(sent(&site, "3"), "MSA|AA|3");
    site.until(|site| count(site, "delivered") == 3);
    let written = |folder: &str| fs::read_dir(site.path(folder)).unwrap().count();
    assert_eq!((written("out"), written("all")), (1, 3));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn a_message_is_read_in_the_zone_that_it_brings() {
    let rest = "map died(ADT_A01) -> Bundle {\n    emit Patient { deceased: PID-29 }\n}\n\
                target out to file { path: \"out/{MSH-10}.json\" }\n\
                route deaths from adt through died to out\n";
    let mut site = runs("timezone: MSH-4.2 else \"Europe/Zurich\"", rest);
    let dead = |control: &str, place: &str| {
        said(
            &site,
            &format!(
                "MSH|^~\\&|A|{place}|B|C|20260101||ADT^A01^ADT_A01|{control}|P|2.5.1\rEVN||20260101\r\
             PID|1||77^^^H||{MARKER}^EVE{}20260101080000\rPV1|1|I\r",
                "|".repeat(24)
            ),
        )
    };
    for (control, place, died) in
        [("1", "H^Asia/Tokyo", "+09:00"), ("2", "H", "+01:00"), ("3", "H^Asia/Tokyo", "+09:00")]
    {
        assert_eq!(dead(control, place), format!("MSA|AA|{control}"));
        site.until(|site| count(site, "in_flight") == 0);
        let made: Value = serde_json::from_str(&site.text(&format!("out/{control}.json"))).unwrap();
        assert_eq!(made["entry"][0]["resource"]["deceasedDateTime"], format!("2026-01-01T08:00:00{died}"));
    }
    // What its times mean is not known, and nobody guesses.
    assert_eq!(dead("4", "H^Asia/Nowhere"), "MSA|AE|4");
    assert_eq!(count(&site, "refused"), 1);
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn what_a_server_has_new_is_asked_for() {
    const FOUND: &str = r#"{ "resourceType": "Bundle", "meta": { "lastUpdated": "2026-03-01T10:00:00Z" }, "entry": [
        { "resource": { "resourceType": "Patient", "id": "1", "meta": { "versionId": "1" }, "active": true } },
        { "resource": { "resourceType": "Patient", "id": "2", "meta": { "versionId": "1" }, "active": false } } ] }"#;
    let (root, told) = saying(&[503, 200], FOUND);
    let rest = format!(
        "feed patients from timer {{\n    every: 1s\n    search: {{ url: \"{root}\", query: \"Patient\", page: 10 }}\n    \
         accept Patient where .active\n}}\n\
         target out to file {{ path: \"out/{{receipt.feed}}-{{receipt.sequence}}\" }}\n\
         route all from adt, patients to out\n"
    );
    let mut site = runs("", &rest);
    site.until(|site| site.path("out/patients-1").exists());
    for asked in ["GET /in/Patient?_count=10 ", "GET /in/Patient?_count=10 ", "_lastUpdated=ge2026-03-01T09%3A59%3A00Z"]
    {
        let (head, _) = told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(head.contains(asked), "{head}");
    }
    let patient: Value = serde_json::from_str(&site.text("out/patients-1")).unwrap();
    assert_eq!(patient["id"], "1");
    assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 1);
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn what_targets_read_is_read_in_the_charset_of_the_feed() {
    let rest = "target out to file { path: \"out/{PID-5.1}\" }\nroute all from adt to out where PID-5.1 is present\n";
    let mut site = runs("charset: \"ISO-8859-1\"", rest);
    let message = "MSH|^~\\&|A|H|B|C|20260101||ADT^A01^ADT_A01|1|P|2.5.1\rEVN||20260101\rPID|1||7||M?LLER\rPV1|1|I\r";
    let mut bytes = format!("\x0B{message}\x1C\r").into_bytes();
    let umlaut = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[umlaut] = 0xDC;
    let mut stream = TcpStream::connect(site.address).unwrap();
    stream.write_all(&bytes).unwrap();
    // A letter that stands in no name of a file gives way to one that does.
    site.until(|site| site.path("out/M_LLER").exists());
    assert_eq!(site.stop(), Some(0));
}

/// A receiver that answers nothing before so many messages are there, and tells of each by its MSH-10.
fn gathering(most: usize) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (got, gets)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut answers = String::new();
            for _ in 0..most {
                let mut message = Vec::new();
                if reader.read_until(0x1C, &mut message).unwrap_or(0) == 0 {
                    return;
                }
                let control = String::from_utf8(message).unwrap().split('|').nth(9).unwrap().to_owned();
                answers += &format!("\x0BMSH|^~\\&|||||1||ACK|a|P|2.5\rMSA|AA|{control}\r\x1C\r");
                let _ = got.send(control);
            }
            stream.write_all(answers.as_bytes()).unwrap();
        }
    });
    (address.to_string(), gets)
}

#[test]
fn several_messages_are_on_their_way_before_the_first_is_answered() {
    let (peer, got) = gathering(3);
    let rest = format!(
        "target peer to mllp \"{peer}\" {{\n    pipeline: 3\n}}\nroute all from adt to peer {{\n    start: held\n}}"
    );
    let site = runs("", &rest);
    for control in 0..9 {
        assert_eq!(sent(&site, &control.to_string()), format!("MSA|AA|{control}"));
    }
    let (_, text, code) = site.said(&["start", "all"]);
    assert_eq!(code, Some(0), "{text}");
    site.until(|site| count(site, "delivered") == 9);
    assert_eq!(got.iter().take(9).collect::<Vec<_>>(), (0..9).map(|number| number.to_string()).collect::<Vec<_>>());
}
