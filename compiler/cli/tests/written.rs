//! A feed that is written to like a FHIR server: the real binary, each type of resource on its own way, and a laboratory
//! that answers what was ordered.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use serde_json::{Value, json};
use site::{Site, free};

const MARKER: &str = "EVERYWOMAN";

const PROJECT: &str = r#"
use orders.{order_message, order_answer}

map pid(p: Patient) -> PID {
    PID-3: p.identifier else reject "a person needs an identifier"
    PID-5: p.name else skip
}
map person(p: Patient) -> ADT_A05 {
    MSH-9.2: "A28"
    EVN:     { EVN-2: receipt.received }
    PID:     pid(p)
    PV1:     { PV1-2: "N" }
}
feed ehr from fhir "ADDRESS" {
    tls:     none because "this machine alone"
    clients: none because "this machine alone"
    at:      "/r4"
    answer:  "delivered"
    accept Patient
    accept Observation
    accept Bundle
}
target registry to file { path: "out/{.id}.hl7" }
target archive to file { path: "out/{.id}.json" }
target lab to mllp "LAB"
route persons from ehr through person to registry where . is Patient and .active == true
route findings from ehr to archive where . is Observation or (. is Bundle and .type != "message")
route order from ehr through order_message to lab where . is Bundle and .type == "message" { reply: order_answer }
"#;

/// A laboratory that answers each order with this code; the connections that it had.
fn laboratory(code: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || while answer(&mut stream, code).is_some() {});
        }
    });
    address
}

fn answer(stream: &mut TcpStream, code: &str) -> Option<()> {
    let mut order = Vec::new();
    while !order.ends_with(b"\x1C\r") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        order.push(byte[0]);
    }
    let order = String::from_utf8(order).unwrap();
    let control = order.split('|').nth(9).unwrap();
    let answer = format!(
        "\x0BMSH|^~\\&|LAB||EHR||20260302||ORL^O22^ORL_O22|a-{control}|P|2.5.1\rMSA|{code}|{control}|said by the lab\r\x1C\r"
    );
    stream.write_all(answer.as_bytes()).ok()
}

struct Said {
    status: u16,
    body: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }
}

fn project(lab: SocketAddr) -> Site {
    let site = Site::new(&PROJECT.replace("LAB", &lab.to_string()), "");
    let orders = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/routing/group/orders.emr");
    fs::copy(orders, site.path("orders.emr")).unwrap();
    site
}

fn write(site: &Site, line: &str, body: &Value) -> Said {
    let (method, path) = line.split_once(' ').unwrap();
    let mut stream = TcpStream::connect(site.address).unwrap();
    let body = body.to_string();
    let head = format!(
        "{method} /r4{path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/fhir+json\r\nConnection: close\r\n"
    );
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Said { status: head.split(' ').nth(1).unwrap().parse().unwrap(), body: body.to_owned() }
}

fn patient(id: &str, is_active: bool) -> Value {
    json!({ "resourceType": "Patient", "id": id, "active": is_active, "identifier": [{ "value": "4711" }],
        "name": [{ "family": MARKER }] })
}

fn order(control: &str) -> Value {
    let header = json!({ "resourceType": "MessageHeader", "id": control, "eventUri": "urn:order",
        "source": { "endpoint": "urn:clinic" } });
    let request = json!({ "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "identifier": [{ "value": control }], "subject": { "reference": "urn:uuid:1" },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "718-7" }] } });
    json!({ "resourceType": "Bundle", "type": "message", "entry": [
        { "resource": header }, { "fullUrl": "urn:uuid:1", "resource": patient("p", true) }, { "resource": request },
    ] })
}

#[test]
fn each_type_of_resource_goes_its_way() {
    let mut site = project(laboratory("AA"));
    site.start(&[]);
    assert_eq!(write(&site, "POST /Patient", &patient("a", true)).status, 201);
    assert_eq!(write(&site, "PUT /Patient/b", &patient("b", true)).status, 200);
    let adt = site.text("out/b.hl7");
    assert!(adt.contains("|ADT^A28^ADT_A05|") && adt.contains(&format!("PID|||4711||{MARKER}")), "{adt}");
    // No condition holds for who is not active.
    assert_eq!(write(&site, "POST /Patient", &patient("c", false)).status, 201);
    let finding = json!({ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "Hb" } });
    assert_eq!(write(&site, "PUT /Observation/o", &finding).status, 200);
    let archived: Value = serde_json::from_str(&site.text("out/o.json")).unwrap();
    assert_eq!(archived, finding);
    let entry = json!({ "resource": patient("d", true), "request": { "method": "POST", "url": "Patient" } });
    let bundle = json!({ "resourceType": "Bundle", "id": "t", "type": "transaction", "entry": [entry] });
    let done = write(&site, "POST /", &bundle);
    assert_eq!((done.status, &done.json()["entry"][0]["response"]["status"]), (200, &json!("201")), "{}", done.body);
    // What is accepted nowhere, is not what its address says, or is refused by a map.
    assert_eq!(write(&site, "POST /Encounter", &json!({ "resourceType": "Encounter" })).status, 404);
    assert_eq!(write(&site, "PUT /Patient/x", &patient("y", true)).status, 400);
    let mut unnamed = patient("e", true);
    unnamed["identifier"] = json!([]);
    let refused = write(&site, "POST /Patient", &unnamed);
    let issue = &refused.json()["issue"][0];
    assert_eq!((refused.status, &issue["code"]), (422, &json!("processing")), "{}", refused.body);
    assert!(!refused.body.contains(MARKER) && !site.text("log").contains(MARKER), "{}", site.text("log"));
    let law = site.json(&["status"]);
    assert_eq!(
        (&law[0]["delivered"], &law[0]["filtered"], &law[0]["refused"]),
        (&json!(4), &json!(1), &json!(1)),
        "{law}"
    );
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn a_message_is_answered_by_what_the_laboratory_says() {
    for (code, severity, outcome) in [("AA", "information", "delivered"), ("AE", "error", "refused")] {
        let mut site = project(laboratory(code));
        site.start(&[]);
        let said = write(&site, "POST /$process-message", &order("o-1"));
        let issue = &said.json()["issue"][0];
        assert_eq!((said.status, &issue["severity"]), (200, &json!(severity)), "{}\n{}", said.body, site.text("log"));
        assert_eq!(issue["diagnostics"], "said by the lab");
        assert_eq!(site.json(&["status"])[0][outcome], 1);
        // The same message once more gets the same, and is no order of its own.
        assert_eq!(write(&site, "POST /$process-message", &order("o-1")).body, said.body);
        assert_eq!(site.json(&["status"])[0]["accepted"], 1);
    }
}

#[test]
fn a_laboratory_that_is_not_there_is_told() {
    let mut site = project(free());
    site.start(&[]);
    let said = write(&site, "POST /$process-message", &order("o-1"));
    let issue = &said.json()["issue"][0];
    assert_eq!((said.status, &issue["code"]), (502, &json!("processing")), "{}", said.body);
}
