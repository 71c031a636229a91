//! "What the sender gets", a row of the table for each test line: what is seen on the wire and in the folder, by the real
//! binary. The row of a crash before the sync is the ledger's, which ends engines there.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use site::{Site, call, free, said};

/// What stands in each message and nowhere outside of it.
const MARKERS: [&str; 2] = ["EVERYWOMAN", "Zürichberg"];

const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient { identifier: PID-3 else reject "a patient needs an identifier", name: PID-5 }
}
feed original from mllp "ADDRESS" {
    tls: none because "this machine alone"
    frame_max: "64 KiB"
    frame_timeout: 1s
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
feed enhanced from mllp "ENHANCED" {
    tls: none because "this machine alone"
    mode: "enhanced"
    frame_max: "64 KiB"
    frame_timeout: 1s
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
feed folder from file "in" {
    stable: 0s
    every: 100ms
    frame_max: "64 KiB"
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
feed posted from http "POSTED" {
    tls: none because "this machine alone"
    clients: none because "this machine alone"
    frame_max: "64 KiB"
    request_timeout: 1s
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
target out to file { path: "out/{MSH-10}.json", existing: "replace" }
route all from original, enhanced, posted, folder through admission to out
"#;

/// What happens, and what the sender sees of it in each mode: the codes of MSA-1 and of ERR-3, whether its connection is closed
/// although it is not at its end, and where its file is.
struct Row {
    event: &'static str,
    bytes: Vec<u8>,
    original: &'static str,
    enhanced: &'static str,
    /// Its status.
    http: u16,
    file: &'static str,
}

/// A message with a change of its text.
fn message(control: &str, change: impl Fn(String) -> String) -> Vec<u8> {
    let asks = "|||AL|AL";
    let text = format!(
        "MSH|^~\\&|A|H|B|C|20260101||ADT^A01^ADT_A01|{control}|P|2.5.1{asks}||UNICODE UTF-8\rEVN||20260101\r\
         PID|1||77^^^H||{}^{}\rPV1|1|I\r",
        MARKERS[0], MARKERS[1]
    );
    change(text).into_bytes()
}

fn as_it_is(text: String) -> String {
    text
}

fn rows() -> Vec<Row> {
    let row = |event, bytes, original, enhanced, http, file| Row { event, bytes, original, enhanced, http, file };
    let not_utf_8 = {
        let mut bytes = message("charset", as_it_is);
        let at = bytes.windows(2).position(|two| two == "ü".as_bytes()).unwrap();
        bytes.splice(at..at + 2, [0xFC]);
        bytes
    };
    let changed = |control: &str, from: &str, to: &str| message(control, |text| text.replace(from, to));
    let not = "rejected, result";
    let of_type = |control: &str, to: &str| changed(control, "ADT^A01^ADT_A01", to);
    let large = changed("large", "PV1|1|I", &format!("NTE|1||{}", "x".repeat(70_000)));
    vec![
        row("good and durable", message("good", as_it_is), "AA", "CA AA", 200, "done"),
        row("duplicate, same body", message("good", as_it_is), "AA", "CA AA", 200, "done, marked"),
        row("same key, other body", changed("good", "77^^^H", "78^^^H"), "AA", "CA AA", 200, "done"),
        row("content wrong", changed("wrong", "77^^^H", ""), "AE 101", "CA AE 101", 422, not),
        row("content wrong: MSH is unreadable", b"hello".to_vec(), "AE 100", "CE 100", 400, not),
        row("type not served", of_type("type", "ORU^R01^ORU_R01"), "AR 200", "CR 200", 422, not),
        row("event not served", of_type("event", "ADT^A08^ADT_A01"), "AR 201", "CR 201", 422, not),
        row("version not served", changed("version", "|2.5.1|", "|3.1|"), "AR 203", "CR 203", 422, not),
        row("processing id not served", changed("processing", "|P|", "|X|"), "AR 202", "CR 202", 422, not),
        row("filtered by a rule", changed("filtered", "ADT^A01", "ADT^A04"), "AA", "CA AA", 200, "done"),
        row("bytes invalid in the charset of MSH-18", not_utf_8, "AE 100", "CA AE 100", 400, not),
        row("larger than the feed's frame_max", large, "AE 104 closed", "CE 104 closed", 413, "left"),
    ]
}

/// An engine with a feed of each kind.
struct Feeds {
    site: Site,
    original: SocketAddr,
    enhanced: SocketAddr,
    posted: SocketAddr,
}

impl Feeds {
    fn new(settings: &str) -> Feeds {
        let (enhanced, posted) = (free(), free());
        let text = PROJECT.replace("ENHANCED", &enhanced.to_string()).replace("POSTED", &posted.to_string());
        let mut site = Site::new(&text, settings);
        fs::create_dir(site.path("in")).unwrap();
        site.start(&[]);
        site.until(|site| site.text("log").contains("takes messages feed=\"folder\""));
        Feeds { original: site.address, enhanced, posted, site }
    }

    /// What a sender of these bytes, who then says no more, is told.
    fn told(&self, at: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = patient(at);
        // Whoever is told early that a frame is too long may have hung up.
        let _ = stream.write_all(&framed(bytes));
        let _ = stream.shutdown(Shutdown::Write);
        heard(&mut stream)
    }

    /// The status of what is posted.
    fn post(&self, bytes: &[u8]) -> u16 {
        let said = call(self.posted, "POST", "/", "application/hl7-v2", bytes).unwrap();
        MARKERS.iter().for_each(|marker| assert!(!said.body.contains(marker)));
        said.status
    }

    /// Puts a file there, all of it at once.
    fn lay(&self, name: &str, bytes: &[u8]) {
        let inside = self.site.path("in");
        fs::write(inside.join(format!(".{name}")), bytes).unwrap();
        fs::rename(inside.join(format!(".{name}")), inside.join(name)).unwrap();
    }

    /// Where a file of these bytes comes to.
    fn put(&self, name: &str, bytes: &[u8]) -> String {
        self.lay(name, bytes);
        // The folder is looked through in the order of names: what comes behind it is done when it was looked at.
        let behind = format!("{name}.behind");
        self.lay(&behind, &message(&behind, as_it_is));
        self.site.until(|site| site.path("in/done").join(&behind).exists());
        let is_there = |folder: &str, name: &str| self.site.path("in").join(folder).join(name).exists();
        let result = format!("{name}.result");
        match (is_there("done", name), is_there("rejected", name), is_there("", name)) {
            (true, false, false) if is_there("done", &result) => "done, marked",
            (true, false, false) => "done",
            (false, true, false) if is_there("rejected", &result) => "rejected, result",
            (false, false, true) => "left",
            other => panic!("{name} is in {other:?}"),
        }
        .to_owned()
    }
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&[0x0B], bytes, &[0x1C, b'\r']].concat()
}

/// Reads one frame.
fn past_frame(stream: &mut TcpStream) {
    let mut last = [0; 2];
    while last != [0x1C, b'\r'] {
        last[0] = last[1];
        stream.read_exact(&mut last[1..]).unwrap();
    }
}

/// A connection whose end is waited for, but not for ever.
fn patient(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// The codes of all that comes until the other side hangs up. An answer that is cut off would be no answer.
fn heard(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    if let Err(why) = end {
        assert_ne!(why.kind(), std::io::ErrorKind::WouldBlock, "the connection stays open");
    }
    let text = String::from_utf8(bytes).unwrap();
    MARKERS.iter().for_each(|marker| assert!(!text.contains(marker)));
    let codes = text.split('\r').filter_map(|line| {
        let line = line.trim_start_matches(['\x0B', '\x1C']);
        let fields: Vec<_> = line.split('|').collect();
        match fields[0] {
            "MSA" => Some(fields[1].to_owned()),
            "ERR" => Some(fields[3].split('^').next().unwrap().to_owned()),
            _ => None,
        }
    });
    codes.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_row_is_what_the_sender_sees() {
    let mut feeds = Feeds::new("");
    let mut wrong = Vec::new();
    for (number, Row { event, bytes, original, enhanced, http, file }) in rows().into_iter().enumerate() {
        // That its connection is closed shows where the sender does not hang up by itself; see below.
        let expected = [original, enhanced].map(|told| told.trim_end_matches(" closed").to_owned());
        let asks_nothing = String::from_utf8_lossy(&bytes).contains("|||AL|AL");
        let plain = if asks_nothing { without_asking(&bytes) } else { bytes.clone() };
        let seen = [feeds.told(feeds.original, &plain), feeds.told(feeds.enhanced, &bytes)];
        let place = feeds.put(&format!("{number:02}.hl7"), &plain);
        let status = feeds.post(&plain);
        if seen != expected || place != file || status != http {
            wrong.push(format!("{event}: {seen:?}, {status} and {place}, not {expected:?}, {http} and {file}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The raw bytes are kept, whatever was wrong with them.
    let kept = fs::read(feeds.site.path("journal/original/0000000000000000.log")).unwrap();
    assert!(kept.windows(7).any(|part| part == b"Z\xFCrichb"));
    assert_eq!(feeds.site.stop(), Some(0));
    let log = feeds.site.text("log");
    MARKERS.iter().for_each(|marker| assert!(!log.contains(marker), "{log}"));
    // The same MSH-10 with another body is taken as new, and told of by each feed.
    let reused = |feed: &str| format!("another message with an MSH-10 that is known; taken as new feed=\"{feed}\"");
    for feed in ["original", "enhanced", "posted", "folder"] {
        assert!(log.contains(&reused(feed)), "{feed}: {log}");
    }
}

/// The same message of a sender who asks for the one answer of the original mode.
fn without_asking(bytes: &[u8]) -> Vec<u8> {
    let asks = b"|||AL|AL";
    let at = bytes.windows(asks.len()).position(|part| part == asks).unwrap();
    [&bytes[..at], b"||||", &bytes[at + asks.len()..]].concat()
}

#[test]
fn who_sends_no_frames_is_left_without_an_answer() {
    let feeds = Feeds::new("");
    let noise = vec![b'x'; (64 << 10) + 1];
    let large = message("large", |text| text + &"x".repeat(70_000));
    let rows: [(&str, &[u8], &str, &str); 3] = [
        ("partial or trickling frame", b"\x0BMSH|^~\\&|A", "", ""),
        ("bytes before 0x0B over 64 KiB", &noise, "", ""),
        ("larger than the feed's frame_max", &[&[0x0B], &large[..]].concat(), "CE 104", "CE 104"),
    ];
    for (event, bytes, original, enhanced) in rows {
        for (at, told) in [(feeds.original, original), (feeds.enhanced, enhanced)] {
            // It says no more and stays: the connection is closed on it.
            let mut stream = patient(at);
            let _ = stream.write_all(bytes);
            assert_eq!(heard(&mut stream), told, "{event}");
        }
    }
    // Over HTTP: half a body, then no more, or the end.
    let half =
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/hl7-v2\r\nContent-Length: 500\r\n\r\nMSH|^~\\&|A";
    let mut stream = patient(feeds.posted);
    stream.write_all(half).unwrap();
    assert_eq!(said(&mut stream).unwrap().status, 408);
    let audit = || feeds.site.text("journal/audit.chain/00000000000000000000.ndjson");
    feeds.site.until(|_| audit().contains("HTTP 408"));
    assert!(!audit().contains(MARKERS[0]));
}

#[test]
fn a_full_disk_answers_nobody_and_leaves_files() {
    // No disk has so much.
    let mut feeds = Feeds::new("[journal]\nfree_percent = 100\nfree_bytes = \"100000000 GiB\"\n");
    fs::write(feeds.site.path("in/a.hl7"), without_asking(&message("file", as_it_is))).unwrap();
    let began = Instant::now();
    assert_eq!(feeds.told(feeds.original, &without_asking(&message("1", as_it_is))), "");
    assert!(began.elapsed() >= Duration::from_secs(4), "it is held for a while");
    assert_eq!(feeds.told(feeds.enhanced, &message("1", as_it_is)), "");
    let later = call(feeds.posted, "POST", "/", "text/plain", &without_asking(&message("1", as_it_is))).unwrap();
    assert!(later.status == 503 && later.head.contains("\r\nretry-after: "), "{later:?}");
    assert!(feeds.site.path("in/a.hl7").exists());
    assert_eq!(feeds.site.stop(), Some(0));
}

#[test]
fn a_folder_that_cannot_be_taken_from_is_told_of_once_and_tried_again() {
    let mut feeds = Feeds::new("");
    feeds.site.until(|site| site.path("in/.taken").exists());
    // Something that is no folder stands where files are claimed.
    fs::remove_dir(feeds.site.path("in/.taken")).unwrap();
    fs::write(feeds.site.path("in/.taken"), "").unwrap();
    fs::write(feeds.site.path("in/a.hl7"), without_asking(&message("file", as_it_is))).unwrap();
    let warns = |site: &Site| site.text("log").matches("cannot be taken from").count();
    feeds.site.until(|site| warns(site) == 1);
    std::thread::sleep(Duration::from_millis(400));
    assert!(warns(&feeds.site) == 1 && feeds.site.path("in/a.hl7").exists());
    fs::remove_file(feeds.site.path("in/.taken")).unwrap();
    fs::create_dir(feeds.site.path("in/.taken")).unwrap();
    feeds.site.until(|site| site.path("in/done/a.hl7").exists());
    assert_eq!(feeds.site.stop(), Some(0));
}

#[test]
fn who_is_in_the_middle_of_a_message_when_it_shuts_down_is_answered_and_others_are_not() {
    let mut feeds = Feeds::new("");
    // Those who have begun, and those who come later on connections that they have. Who is answered for what stands before has
    // been read up to where it stopped.
    let mut begun = [(feeds.original, false, "AA"), (feeds.enhanced, true, "CA AA")].map(|(at, asks, told)| {
        let of = |control| match message(control, as_it_is) {
            asking if asks => framed(&asking),
            plain => framed(&without_asking(&plain)),
        };
        let (before, begun, mut stream) = (of("before"), of("begun"), patient(at));
        stream.write_all(&[&before, &begun[..40]].concat()).unwrap();
        (0..told.split(' ').count()).for_each(|_| past_frame(&mut stream));
        (stream, begun, told)
    });
    let mut idle = [feeds.original, feeds.enhanced, feeds.posted].map(patient);
    let body = without_asking(&message("posted", as_it_is));
    let mut posted = patient(feeds.posted);
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n";
    write!(posted, "{head}Content-Length: {}\r\n\r\n", body.len()).unwrap();
    let mut goes_on = [0; 25];
    posted.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    feeds.site.terminate();
    feeds.site.until(|site| site.text("log").contains("stopping"));
    feeds.lay("late.hl7", &without_asking(&message("late", as_it_is)));
    for stream in &mut idle {
        // It may be closed already.
        let _ = stream.write_all(&framed(b"MSH|^~\\&|LATE"));
        assert_eq!(heard(stream), "");
    }
    for (stream, framed, told) in &mut begun {
        stream.write_all(&framed[40..]).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        assert_eq!(&heard(stream), told);
    }
    posted.write_all(&body).unwrap();
    assert_eq!(said(&mut posted).unwrap().status, 200);
    assert_eq!(feeds.site.ended(), Some(0));
    assert!(feeds.site.path("in/late.hl7").exists());
}
