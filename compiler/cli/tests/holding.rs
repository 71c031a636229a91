//! Messages that are held to profiles while a project runs: what comes, what maps make of it, and what senders get in reply.
//! Each deviation is told, and nothing is refused for it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod site;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use site::{Site, call, free, send};

/// What comes is held to `Main`, what is made to `OldEngine`; a second map takes the message as the first one left it.
const PROJECT: &str = r#"
profile Main of ADT_A01 version "2.5.1" {
    PID-3    1..1
    PID-8    in ("M", "F")
}
profile OldEngine of ADT_A01 version "2.3" {
    PID-3.1  length 1..8
    PD1      0..0 because "the old engine has no room for it"
}
map for_old_engine(new: Main) -> OldEngine = new with { MSH-12: "2.3" }
map to_ward(old: OldEngine) -> OldEngine = old with { MSH-6: "WARD" }
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    accept Main for ADT^A01
}
target old to file { path: "old/{MSH-10}.hl7" }
target ward to file { path: "ward/{MSH-10}.hl7" }
route to_old from adt through for_old_engine to old
route to_wards from adt through for_old_engine then to_ward to ward where PV1-2 == "I"
"#;

/// A site whose metrics are read at the address.
fn looked_at(text: &str) -> (Site, SocketAddr) {
    let address = free();
    let none = "none_because = \"this machine alone\"";
    let settings = format!("[operations]\nlisten = \"{address}\"\ntls_{none}\nclients_{none}\n");
    (Site::new(text, &settings), address)
}

/// How many issues the maps of a route have raised.
fn issues(metrics: SocketAddr, feed: &str, route: &str) -> Option<f64> {
    let said = call(metrics, "GET", "/metrics", "text/plain", b"")?;
    let name = format!("emr_issues_total{{feed=\"{feed}\",route=\"{route}\"}} ");
    said.body.lines().find_map(|line| line.strip_prefix(&name))?.parse().ok()
}

/// An admission of somebody with these PID-3 and PID-8, and what stands behind PID.
fn admission(control: &str, numbers: &str, sex: &str, more: &str, class: &str) -> String {
    format!(
        "MSH|^~\\&|REG|MAIN|||20260101||ADT^A01^ADT_A01|{control}|P|2.5.1\rEVN||20260101\r\
         PID|1||{numbers}||EVERYWOMAN^EVE||1980|{sex}\r{more}PV1|1|{class}\r"
    )
}

#[test]
fn what_keeps_to_no_profile_is_told_and_goes_on() {
    let (mut site, metrics) = looked_at(PROJECT);
    site.start(&[]);
    let mut sender = site.connect();
    let well = admission("1", "12345678^^^MAIN", "F", "", "O");
    assert!(send(&mut sender, &well).starts_with("MSA|AA|1"));
    site.until(|site| site.path("old/1.hl7").exists());
    assert_eq!(issues(metrics, "adt", "to_old"), Some(0.0));
    // Two numbers and a sex that is none of two, as it comes; a number that is too long and PD1, as it is made.
    let odd = admission("2", "1234567890^^^MAIN~2", "X", "PD1|||PRAXIS\r", "O");
    assert!(send(&mut sender, &odd).starts_with("MSA|AA|2"));
    site.until(|site| site.path("old/2.hl7").exists());
    let made = site.text("old/2.hl7");
    assert!(made.contains("|P|2.3\r") && made.contains("PID|1||1234567890^^^MAIN~2||") && made.contains("PD1|"));
    assert_eq!(issues(metrics, "adt", "to_old"), Some(4.0));
    assert_eq!(issues(metrics, "adt", "to_wards").unwrap_or_default(), 0.0);
    // The second map of a route says none of it once more.
    assert!(send(&mut sender, &odd.replace("|2|P|", "|3|P|").replace("PV1|1|O", "PV1|1|I")).starts_with("MSA|AA|3"));
    site.until(|site| site.path("ward/3.hl7").exists() && site.path("old/3.hl7").exists());
    assert_eq!(issues(metrics, "adt", "to_wards"), Some(4.0));
    assert_eq!(issues(metrics, "adt", "to_old"), Some(8.0));
    let found = site.json(&["messages", "--control-id", "2"]);
    let (shown, why, _) = site.said(&["show", found[0]["id"].as_str().unwrap()]);
    for told in [
        "warning[R0305]: PID-3[2]: `Main` has `PID-3 1..1`",
        "warning[R0309]: PID-8",
        "warning[R0307]: PID-3.1: in what is made, `OldEngine` has `PID-3.1 length 1..8`",
        "warning[R0306]: PD1: in what is made, `OldEngine` never sends `PD1` (the old engine has no room for it)",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}{why}");
    }
    assert_eq!(site.stop(), Some(0));
    assert!(!site.text("log").contains("EVERYWOMAN") && !site.text("log").contains("1234567890"));
}

/// Answers each request with a Bundle of nobody.
fn index() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                head.push(byte[0]);
            }
            let found = r#"{"resourceType":"Bundle","type":"searchset","total":0}"#;
            let head = "HTTP/1.1 200 X\r\nContent-Type: application/fhir+json\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{found}", found.len());
        }
    });
    address
}

/// The desk asks by a profile of its own, and takes answers of another: sender and receiver are filled in for it.
const QUESTIONS: &str = r#"
profile Question of QBP_Q21 { QPD-2 length 1..4 }
profile Answer of RSP_K22 {
    MSH-5    1..1
    QAK-1    length 1..2
    QAK-2    in ("OK", "AE")
}
map question(Question) -> Bundle {
    type: "batch"
    entry: { request: { method: "GET", url: "Patient?identifier={search_value(first (QPD-3 as QIP).2)}" else reject "nothing is asked" } }
}
map answer(asked: Question, found: Bundle) -> Answer {
    MSA: { MSA-1: "AA", MSA-2: asked.MSH-10 } else reject "a question has a number"
    QAK: { QAK-1: asked.QPD-2, QAK-2: "OK" when found.entry is present else "NF" } else reject "a question has a tag"
    QPD: asked.QPD else reject "a question says what it asks"
}
feed desk from mllp "ADDRESS" {
    tls: none because "this machine alone"
    answer: "delivered"
    accept Question for QBP^Q22
}
target mpi to fhir "http://INDEX/r4"
route search from desk through question to mpi { reply: answer }
"#;

#[test]
fn what_a_sender_gets_in_reply_is_held_to_the_profile_that_its_map_gives() {
    let (mut site, metrics) = looked_at(&QUESTIONS.replace("INDEX", &index().to_string()));
    site.start(&[]);
    let asked = |control: &str, tag: &str| {
        let text = format!(
            "MSH|^~\\&|DESK|NORTH|MPI|GROUP|20260302||QBP^Q22^QBP_Q21|{control}|P|2.5\rQPD|Q22^Find|{tag}|@PID.3.1^77\rRCP|I\r"
        );
        send(&mut site.connect(), &text)
    };
    // Nobody is found, which the profile has no code for.
    assert!(asked("1", "t").contains("MSA|AA|1 QAK|t|NF"));
    assert_eq!(issues(metrics, "desk", "search"), Some(1.0));
    // A tag that is too long is told of what came, to both maps, and of the answer.
    assert!(asked("2", "longer").contains("MSA|AA|2 QAK|longer|NF"));
    assert_eq!(issues(metrics, "desk", "search"), Some(1.0 + 4.0));
    assert_eq!(site.stop(), Some(0));
}
