//! A project in a folder of its own, the engine that runs it, and those who send to it.

use std::fs;
use std::io::Write;
use std::ops::{Deref, DerefMut};

use crate::running;

/// Words of patients that are planted in messages, and must stand nowhere but in what is delivered.
pub const MARKERS: [&str; 3] = ["EVERYWOMAN", "ZÜRICHBERG", "756.1234.5678.97"];

/// A target that takes what comes, and one that can be made to take nothing.
pub const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient {
        identifier: PID-3 else reject "a patient needs an identifier"
        name:       PID-5
        birthDate:  PID-7
    }
}
table Doctor(id: string) -> { family: string? } = fhir("http://127.0.0.1:1/r4") {
    search:  'Practitioner?identifier=:id'
    columns: { family: first .name.family }
}
alarm strangers { when: Doctor.misses > 1000, to: log }
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    frame_max: "4 KiB"
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
target files to file { path: "out/{PID-3[1].1}-{MSH-10}.json" }
target doubtful to file { path: "doubtful/{MSH-10}.json", retry: { times: 2, from: 10ms, to: 20ms } }
route admissions from adt through admission to files
route others from adt through admission to doubtful where MSH-4.1 == "DOUBT"
"#;

/// A project of that text, and who sends to it.
pub struct Site(running::Site);

impl Deref for Site {
    type Target = running::Site;

    fn deref(&self) -> &running::Site {
        &self.0
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut running::Site {
        &mut self.0
    }
}

impl Site {
    pub fn new(more: &str) -> Site {
        let site = running::Site::new(&format!("{PROJECT}{more}"), "");
        // Where `doubtful` would make its folder.
        fs::write(site.path("doubtful"), "in the way").unwrap();
        Site(site)
    }

    /// The code that a message is answered with.
    pub fn send(&self, from: &str, event: &str, control: &str, patient: &str) -> String {
        let message = format!(
            "MSH|^~\\&|A|{from}|B|C|20260101||ADT^{event}^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
             PID|1||{patient}||{}^{}||19620301|||||||||||{}\rPV1|1|I\r",
            MARKERS[0], MARKERS[1], MARKERS[2]
        );
        running::send(&mut self.connect(), &message)[4..6].to_owned()
    }

    /// Half of a message, and no more.
    pub fn send_half(&self) {
        self.connect().write_all(format!("\x0BMSH|^~\\&|A|{}", MARKERS[0]).as_bytes()).unwrap();
    }

    /// One of each kind of end: delivered, filtered, refused for its content, not served, parked on one way.
    pub fn send_each(&self) {
        assert_eq!(self.send("H", "A01", "1", "77^^^H"), "AA");
        assert_eq!(self.send("H", "A04", "2", "77^^^H"), "AA");
        assert_eq!(self.send("H", "A01", "3", ""), "AE");
        assert_eq!(self.send("H", "A08", "4", "77^^^H"), "AR");
        assert_eq!(self.send("DOUBT", "A01", "5", "77^^^H"), "AA");
    }

    /// No word of a patient stands in a text.
    pub fn holds_no_marker(text: &str) {
        for marker in MARKERS {
            assert!(!text.contains(marker), "{text}");
        }
    }
}
