//! Questions that a FHIR server answers: the real binary, with `examples/query` between a desk that asks and a server of
//! the test's own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use site::{Site, answer, free};

const MARKERS: [&str; 2] = ["EVERYWOMAN", "HEIMLICH"];

/// A server of FHIR that knows one patient, and keeps what it is asked.
#[derive(Clone)]
struct Index {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    is_down: Arc<AtomicBool>,
}

impl Index {
    fn start() -> Index {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let index = Index { address, asked: Arc::default(), is_down: Arc::default() };
        let serving = index.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let index = serving.clone();
                std::thread::spawn(move || index.serve(stream.unwrap()));
            }
        });
        index
    }

    /// One connection, until the other side has gone.
    fn serve(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let (mut head, mut in_xml) = (String::new(), false);
            while head != "\r\n" {
                head.clear();
                lines.read_line(&mut head).unwrap();
                in_xml |= head.eq_ignore_ascii_case("accept: application/fhir+xml\r\n");
            }
            self.asked.lock().unwrap().push(line.trim_end_matches(" HTTP/1.1\r\n").to_owned());
            let (status, body) = if self.is_down.load(Ordering::Relaxed) {
                (503, format!("{{\"resourceType\":\"OperationOutcome\",\"text\":\"{}\"}}", MARKERS[1]))
            } else if line.contains("=77") || line.contains(MARKERS[0]) {
                (200, if in_xml { found_in_xml() } else { found() })
            } else {
                (200, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0}".to_owned())
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn found() -> String {
    format!(
        r#"{{"resourceType":"Bundle","type":"searchset","entry":[{{"resource":{{"resourceType":"Patient",
        "identifier":[{{"value":"77","assigner":{{"display":"N"}}}}],"name":[{{"family":"{}"}}],"gender":"female"}}}}]}}"#,
        MARKERS[0]
    )
}

fn found_in_xml() -> String {
    format!(
        "<?xml version='1.0'?><Bundle xmlns='http://hl7.org/fhir'><type value='searchset'/><entry><resource><Patient>
        <identifier><value value='77'/><assigner><display value='N'/></assigner></identifier>
        <name><family value='{}'/></name><gender value='male'/></Patient></resource></entry></Bundle>",
        MARKERS[0]
    )
}

/// The example, with these lines of its feed instead of its own.
fn project(index: &Index, feed: &str) -> Site {
    Site::new(&text(feed), &settings(index))
}

fn settings(index: &Index) -> String {
    format!("[env.production]\nMPI_URL = \"http://{}/r4\"\n", index.address)
}

fn text(feed: &str) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/query/query.emr");
    let text = fs::read_to_string(example).unwrap();
    let (before, rest) = text.split_once("feed desk from").unwrap();
    let (_, behind) = rest.split_once("\n}\n").unwrap();
    format!("{before}{feed}\n{behind}")
}

const MLLP: &str = r#"feed desk from mllp "ADDRESS" {
    tls:    none because "this machine alone"
    answer: "delivered"
    accept QBP_Q21 for QBP^Q22
}"#;

/// MSH-15 and MSH-16 are `asks`, parted by a bar.
fn question(control: &str, parameter: &str, asks: &str) -> String {
    format!(
        "MSH|^~\\&|DESK|NORTH|MPI|GROUP|20260302||QBP^Q22^QBP_Q21|{control}|P|2.5|||{asks}\r\
         QPD|Q22^Find Candidates^HL7|tag-{control}|{parameter}\rRCP|I\r"
    )
}

fn ask(stream: &mut TcpStream, question: &str) -> String {
    stream.write_all(format!("\x0B{question}\x1C\r").as_bytes()).unwrap();
    answer(stream)
}

#[test]
fn a_question_over_mllp_is_answered_from_the_fhir_server() {
    let index = Index::start();
    let mut site = project(&index, MLLP);
    site.start(&[]);
    let mut desk = site.connect();
    let answer = ask(&mut desk, &question("1", "@PID.3.1^77", ""));
    assert!(answer.starts_with("\x0BMSH|^~\\&|MPI|GROUP|DESK|NORTH|"), "{answer}");
    assert!(answer.contains("|RSP^K22^RSP_K22|") && answer.contains("\rMSA|AA|1\r"), "{answer}");
    assert!(
        answer.contains("\rQAK|tag-1|OK||1\r") && answer.contains("\rQPD|Q22^Find Candidates^HL7|tag-1|"),
        "{answer}"
    );
    assert!(answer.contains(&format!("\rPID|||77^^^N||{}|||F", MARKERS[0])), "{answer}");
    // The same once more is answered from the journal.
    assert_eq!(ask(&mut desk, &question("1", "@PID.3.1^77", "")), answer);
    let name = format!("@PID.5.1^{}\\T\\x=1", MARKERS[0]);
    ask(&mut desk, &question("2", &name, ""));
    let nobody = ask(&mut desk, &question("3", "@PID.3.1^4711", ""));
    assert!(nobody.contains("\rQAK|tag-3|NF||0\r") && !nobody.contains("\rPID|"), "{nobody}");
    let family = format!("GET /r4/Patient?family={}%26x%3D1", MARKERS[0]);
    assert_eq!(index.asked(), ["GET /r4/Patient?identifier=77", &family, "GET /r4/Patient?identifier=4711"]);
    // What the map of the question refuses is told as ever.
    let wrong = ask(&mut desk, &question("4", "@PID.7^1961", ""));
    assert!(wrong.contains("\rMSA|AE|4\rERR|") && wrong.contains("|ACK^Q22^ACK|"), "{wrong}");
    // In the enhanced mode first that it is stored; then what MSH-16 asks for.
    let stored = ask(&mut desk, &question("5", "@PID.3.1^77", "AL|AL"));
    assert!(stored.contains("\rMSA|CA|5\r"), "{stored}");
    let answer = site::answer(&mut desk);
    assert!(answer.contains("\rMSA|AA|5\r") && answer.contains("\rQAK|tag-5|OK||1\r"), "{answer}");
    assert_eq!(site.stop(), Some(0));

    // The next process gives the same answer, and shows it to who asks for it.
    site.start(&[]);
    let again = ask(&mut site.connect(), &question("1", "@PID.3.1^77", ""));
    assert!(again.contains("\rQAK|tag-1|OK||1\r"), "{again}");
    assert_eq!(index.asked().len(), 4);
    let (shown, ..) = site.said(&["show", "desk-1"]);
    assert!(shown.contains("its sender gets what search>mpi says:") && shown.contains("QAK|tag-1|OK||1"), "{shown}");
    let json: Value = serde_json::from_str(&site.said(&["show", "--json", "desk-1"]).0).unwrap();
    let replied = json["events"].as_array().unwrap().iter().find(|event| event["what"] == "replied").unwrap();
    assert!(replied["reply"].as_str().unwrap().contains("MSA|AA|1"));
    assert_eq!(site.stop(), Some(0));
    for marker in MARKERS {
        assert!(!site.text("log").contains(marker), "{}", site.text("log"));
    }
}

#[test]
fn a_server_that_answers_in_xml_is_understood() {
    let index = Index::start();
    let text = text(MLLP).replace("timeout: 5s", "timeout: 5s\n    format: \"xml\"");
    let mut site = Site::new(&text, &settings(&index));
    site.start(&[]);
    let answer = ask(&mut site.connect(), &question("1", "@PID.3.1^77", ""));
    assert!(answer.contains(&format!("\rPID|||77^^^N||{}|||M", MARKERS[0])), "{answer}");
    assert_eq!(site.stop(), Some(0));
}

/// What the patient's number is elsewhere is asked of a table while the desk waits.
#[test]
fn the_map_of_an_answer_looks_up_what_a_server_has() {
    let index = Index::start();
    let text = text(MLLP)
        .replace("PID-8: p.gender via Sex", "PID-8: Sexes(first p.identifier.value else \"\").sex else \"U\"");
    let table = format!(
        "table Sexes(number: string) -> {{ sex: string? }} = fhir(\"http://{}/r4\") {{\n    \
         search: 'Patient?_id=:number'\n    columns: {{ sex: .gender }}\n}}",
        index.address
    );
    let mut site = Site::new(&format!("{text}\n{table}"), &settings(&index));
    site.start(&[]);
    let answer = ask(&mut site.connect(), &question("1", "@PID.3.1^77", ""));
    assert!(answer.contains(&format!("\rPID|||77^^^N||{}|||female", MARKERS[0])), "{answer}\n{:?}", index.asked());
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn who_gets_no_answer_is_told_so_and_may_ask_again() {
    let index = Index::start();
    let mut site = project(&index, MLLP);
    site.start(&[]);
    let mut desk = site.connect();
    index.is_down.store(true, Ordering::Relaxed);
    let untold = ask(&mut desk, &question("1", "@PID.3.1^77", ""));
    assert!(
        untold.contains("\rMSA|AE|1\rERR|||207^Application internal error^HL70357|E||||there is no answer to it now\r"),
        "{untold}"
    );
    let law = site.json(&["status"]);
    assert_eq!(law[0]["refused"], 1, "{law}");
    index.is_down.store(false, Ordering::Relaxed);
    let answer = ask(&mut desk, &question("1", "@PID.3.1^77", ""));
    assert!(answer.contains("\rMSA|AA|1\r") && answer.contains("\rQAK|tag-1|OK||1\r"), "{answer}");
    let (shown, ..) = site.said(&["show", "desk-1"]);
    assert!(shown.contains("refused: search>mpi gives no reply: it answers 503"), "{shown}");
    for marker in MARKERS {
        assert!(!site.text("log").contains(marker) && !untold.contains(marker), "{}", site.text("log"));
    }
}

#[test]
fn a_question_that_is_posted_is_answered_in_the_same_words() {
    let index = Index::start();
    let mut site = project(
        &index,
        r#"feed desk from http "ADDRESS" {
    tls:     none because "this machine alone"
    clients: none because "this machine alone"
    answer:  "delivered"
    accept QBP_Q21 for QBP^Q22
}"#,
    );
    site.start(&[]);
    let post = |question: &str| {
        let mut stream = TcpStream::connect(site.address).unwrap();
        let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/hl7-v2\r\nConnection: close\r\n";
        write!(stream, "{head}Content-Length: {}\r\n\r\n{question}", question.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = post(&question("1", "@PID.3.1^77", ""));
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\ncontent-type: application/hl7-v2\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nemr-receipt: desk-1\r\n") && answer.contains("\rQAK|tag-1|OK||1\r"), "{answer}");
    index.is_down.store(true, Ordering::Relaxed);
    let untold = post(&question("2", "@PID.3.1^77", ""));
    assert!(untold.starts_with("HTTP/1.1 502 ") && untold.contains("\rMSA|AE|2\r"), "{untold}");
}

#[test]
fn a_reply_that_nobody_waits_for_does_not_start() {
    let site = project(
        &Index { address: free(), asked: Arc::default(), is_down: Arc::default() },
        &MLLP.replace("    answer: \"delivered\"\n", ""),
    );
    let (_, text, code) = site.said(&["run"]);
    assert!(code != Some(0) && text.contains("E0819"), "{text}");
}
