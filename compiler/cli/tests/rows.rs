//! "What the sender gets", a row of the table for each test line: what is seen on the wire and in the folder, by the real
//! binary. The row of a crash before the sync is the ledger's, which ends engines there.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What stands in each message and nowhere outside of it.
const MARKERS: [&str; 2] = ["EVERYWOMAN", "Zürichberg"];

const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient { identifier: PID-3 else reject "a patient needs an identifier", name: PID-5 }
}
feed original from mllp "ORIGINAL" {
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
target out to file { path: "out/{MSH-10}.json", existing: "replace" }
route all from original, enhanced, folder through admission to out
"#;

/// What happens, and what the sender sees of it in each mode: the codes of MSA-1 and of ERR-3, whether its connection is closed
/// although it is not at its end, and where its file is.
struct Row {
    event: &'static str,
    bytes: Vec<u8>,
    original: &'static str,
    enhanced: &'static str,
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
    let row = |event, bytes, original, enhanced, file| Row { event, bytes, original, enhanced, file };
    let not_utf_8 = {
        let mut bytes = message("charset", as_it_is);
        let at = bytes.windows(2).position(|two| two == "ü".as_bytes()).unwrap();
        bytes.splice(at..at + 2, [0xFC]);
        bytes
    };
    let changed = |control: &str, from: &str, to: &str| message(control, |text| text.replace(from, to));
    vec![
        row("good and durable", message("good", as_it_is), "AA", "CA AA", "done"),
        row("duplicate, same body", message("good", as_it_is), "AA", "CA AA", "done, marked"),
        row("content wrong", changed("wrong", "77^^^H", ""), "AE 101", "CA AE 101", "rejected, result"),
        row("content wrong: MSH is unreadable", b"hello".to_vec(), "AE 100", "CE 100", "rejected, result"),
        row(
            "type not served",
            changed("type", "ADT^A01^ADT_A01", "ORU^R01^ORU_R01"),
            "AR 200",
            "CR 200",
            "rejected, result",
        ),
        row(
            "event not served",
            changed("event", "ADT^A01^ADT_A01", "ADT^A08^ADT_A01"),
            "AR 201",
            "CR 201",
            "rejected, result",
        ),
        row("version not served", changed("version", "|2.5.1|", "|3.1|"), "AR 203", "CR 203", "rejected, result"),
        row("processing id not served", changed("processing", "|P|", "|X|"), "AR 202", "CR 202", "rejected, result"),
        row("filtered by a rule", changed("filtered", "ADT^A01", "ADT^A04"), "AA", "CA AA", "done"),
        row("bytes invalid in the charset of MSH-18", not_utf_8, "AE 100", "CA AE 100", "rejected, result"),
        row(
            "larger than the feed's frame_max",
            changed("large", "PV1|1|I", &format!("NTE|1||{}", "x".repeat(70_000))),
            "AE 104 closed",
            "CE 104 closed",
            "left",
        ),
    ]
}

struct Site {
    folder: TempDir,
    original: SocketAddr,
    enhanced: SocketAddr,
    process: Child,
}

impl Site {
    fn new(settings: &str) -> Site {
        let folder = TempDir::new().unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (original, enhanced) = (free(), free());
        let text = PROJECT.replace("ORIGINAL", &original.to_string()).replace("ENHANCED", &enhanced.to_string());
        fs::write(folder.path().join("site.emr"), text).unwrap();
        fs::write(
            folder.path().join("emr.toml"),
            format!("[project]\nname = \"site\"\ntimezone = \"UTC\"\n{settings}"),
        )
        .unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_emr"));
        let process = command.arg("run").arg(folder.path()).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let site = Site { folder, original, enhanced, process };
        site.until(|site| site.log().contains("takes messages feed=\"folder\""));
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn until(&self, holds: impl Fn(&Site) -> bool) {
        let end = Instant::now() + Duration::from_secs(90);
        while !holds(self) {
            assert!(Instant::now() < end, "it does not come about\n{}", self.log());
            sleep(Duration::from_millis(10));
        }
    }

    /// What a sender of these bytes, who then says no more, is told.
    fn told(&self, at: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // Whoever is told early that a frame is too long may have hung up.
        let _ = stream.write_all(&[&[0x0B], bytes, &[0x1C, b'\r']].concat());
        let _ = stream.shutdown(Shutdown::Write);
        heard(&mut stream)
    }

    /// Where a file of these bytes comes to.
    fn put(&self, name: &str, bytes: &[u8]) -> String {
        let inside = |name: &str| self.path("in").join(name);
        let put = |name: &str, bytes: &[u8]| {
            fs::write(inside(&format!(".{name}")), bytes).unwrap();
            fs::rename(inside(&format!(".{name}")), inside(name)).unwrap();
        };
        put(name, bytes);
        // The folder is looked through in the order of names: what comes behind it is done when it was looked at.
        let behind = format!("{name}.behind");
        put(&behind, &message(&behind, as_it_is));
        self.until(|_| inside("done").join(&behind).exists());
        let is_there = |folder: &str, name: &str| inside(folder).join(name).exists();
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

    fn stop(&mut self) -> Option<i32> {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
    let mut site = Site::new("");
    let mut wrong = Vec::new();
    for (number, Row { event, bytes, original, enhanced, file }) in rows().into_iter().enumerate() {
        // That its connection is closed shows where the sender does not hang up by itself; see below.
        let expected = [original, enhanced].map(|told| told.trim_end_matches(" closed").to_owned());
        let asks_nothing = String::from_utf8_lossy(&bytes).contains("|||AL|AL");
        let plain = if asks_nothing { without_asking(&bytes) } else { bytes.clone() };
        let seen = [site.told(site.original, &plain), site.told(site.enhanced, &bytes)];
        let place = site.put(&format!("{number:02}.hl7"), &plain);
        if seen != expected || place != file {
            wrong.push(format!("{event}: {seen:?} and {place}, not {expected:?} and {file}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The raw bytes are kept, whatever was wrong with them.
    let kept = fs::read(site.path("journal/original/0000000000000000.log")).unwrap();
    assert!(kept.windows(7).any(|part| part == b"Z\xFCrichb"));
    assert_eq!(site.stop(), Some(0));
    MARKERS.iter().for_each(|marker| assert!(!site.log().contains(marker), "{}", site.log()));
}

/// The same message of a sender who asks for the one answer of the original mode.
fn without_asking(bytes: &[u8]) -> Vec<u8> {
    let asks = b"|||AL|AL";
    let at = bytes.windows(asks.len()).position(|part| part == asks).unwrap();
    [&bytes[..at], b"||||", &bytes[at + asks.len()..]].concat()
}

#[test]
fn who_sends_no_frames_is_left_without_an_answer() {
    let site = Site::new("");
    let noise = vec![b'x'; (64 << 10) + 1];
    let large = message("large", |text| text + &"x".repeat(70_000));
    let rows: [(&str, &[u8], &str, &str); 3] = [
        ("partial or trickling frame", b"\x0BMSH|^~\\&|A", "", ""),
        ("bytes before 0x0B over 64 KiB", &noise, "", ""),
        ("larger than the feed's frame_max", &[&[0x0B], &large[..]].concat(), "CE 104", "CE 104"),
    ];
    for (event, bytes, original, enhanced) in rows {
        for (at, told) in [(site.original, original), (site.enhanced, enhanced)] {
            // It says no more and stays: the connection is closed on it.
            let mut stream = TcpStream::connect(at).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let _ = stream.write_all(bytes);
            assert_eq!(heard(&mut stream), told, "{event}");
        }
    }
}

#[test]
fn a_full_disk_answers_nobody_and_leaves_files() {
    // No disk has so much.
    let mut site = Site::new("[journal]\nfree_percent = 100\nfree_bytes = \"100000000 GiB\"\n");
    fs::write(site.path("in/a.hl7"), without_asking(&message("file", as_it_is))).unwrap();
    let began = Instant::now();
    assert_eq!(site.told(site.original, &without_asking(&message("1", as_it_is))), "");
    assert!(began.elapsed() >= Duration::from_secs(4), "it is held for a while");
    assert_eq!(site.told(site.enhanced, &message("1", as_it_is)), "");
    assert!(site.path("in/a.hl7").exists());
    assert_eq!(site.stop(), Some(0));
}
