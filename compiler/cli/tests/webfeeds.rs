//! Feeds over HTTP: the real binary, with messages and resources that are posted to it.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::net::SocketAddr;

use serde_json::{Value, json};
use site::{Said, Site, call, free, listens};

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
feed adt from http "ADDRESS" {
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

/// An engine with two feeds.
struct Feeds {
    site: Site,
    addresses: [SocketAddr; 2],
}

impl Feeds {
    fn start() -> Feeds {
        let second = free();
        let mut site = Site::new(&PROJECT.replace("SECOND", &second.to_string()), "charset = \"8859/1\"\n");
        site.start(&[]);
        site.until(|_| listens(second));
        Feeds { addresses: [site.address, second], site }
    }

    fn post(&self, feed: usize, path: &str, kind: &str, body: &[u8]) -> Said {
        call(self.addresses[feed], "POST", path, kind, body).unwrap()
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
    let mut feeds = Feeds::start();
    let hl7 = "application/hl7-v2; charset=iso-8859-1";
    let good = feeds.post(0, "/hl7", hl7, &message("A01", "1", "77^^^H"));
    assert!(good.status == 200 && good.body.contains("\rMSA|AA|1\r"), "{}", good.body);
    assert!(good.head.contains("\r\nemr-receipt: adt-1"), "{}", good.head);
    assert_eq!(feeds.post(0, "/hl7", hl7, &message("A04", "2", "77^^^H")).status, 200);
    let refused = feeds.post(0, "/hl7", "text/plain", &message("A01", "3", ""));
    let outcome: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!((refused.status, &outcome["issue"][0]["code"]), (422, &json!("required")), "{outcome}");
    assert!(refused.body.contains("a patient needs an identifier"), "{}", refused.body);
    assert_eq!(feeds.post(0, "/hl7", hl7, &message("A08", "4", "77^^^H")).status, 422);
    // The bytes are not of the charset that the message says.
    let said =
        [&b"MSH|^~\\&|A|H|||1||ADT^A01^ADT_A01|5|P|2.5.1||||||UNICODE UTF-8\rPID|1||7||Z\xFCrich\r"[..]].concat();
    assert_eq!(feeds.post(0, "/hl7", "text/plain", &said).status, 400);
    assert_eq!(feeds.post(0, "/hl7", "text/plain; charset=utf-8", &message("A01", "6", "77")).status, 415);
    assert_eq!(feeds.post(0, "/hl7", "application/fhir+json", b"{}").status, 415);
    feeds.site.until(|site| !site.text("out/1.json").is_empty());
    let bundle: Value = serde_json::from_str(&feeds.site.text("out/1.json")).unwrap();
    assert_eq!(bundle["entry"][0]["resource"]["name"][0], json!({ "family": MARKERS[0], "given": [MARKERS[1]] }));

    let fhir = "application/fhir+json";
    let patient = |id: &str, more: Value| {
        let mut patient = json!({ "resourceType": "Patient", "id": id, "active": true, "birthDate": "1962-03-19",
            "identifier": [{ "value": "4711" }], "name": [{ "family": MARKERS[0] }] });
        patient.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        patient.to_string().into_bytes()
    };
    let good = feeds.post(1, "/", fhir, &patient("p1", json!({})));
    assert_eq!((good.status, good.body.as_str()), (200, "{\"receipt\":\"people-1\"}"));
    // It is no date, and so it is not there: only the other route takes it.
    assert_eq!(feeds.post(1, "/", fhir, &patient("p2", json!({ "birthDate": "1962-02-30" }))).status, 200);
    assert_eq!(feeds.post(1, "/", fhir, &patient("p3", json!({ "active": false }))).status, 422);
    assert_eq!(feeds.post(1, "/", fhir, b"{\"resourceType\":\"Observation\"}").status, 422);
    assert_eq!(feeds.post(1, "/", fhir, b"{\"resourceType\":\"Nothing\"}").status, 400);
    let unnamed = feeds.post(1, "/", fhir, &patient("p4", json!({ "identifier": [] })));
    assert!(unnamed.status == 422 && unnamed.body.contains("a person needs an identifier"), "{}", unnamed.body);
    feeds.site.until(|site| !site.text("out/p2.patient.json").is_empty() && !site.text("out/people.hl7").is_empty());
    assert_eq!(feeds.site.text("out/p1.patient.json").as_bytes(), patient("p1", json!({})));
    assert!(feeds.site.text("out/people.hl7").contains("|ADT^A28^ADT_A05|"), "{}", feeds.site.text("out/people.hl7"));
    assert!(feeds.site.text("out/people.hl7").contains(&format!("PID|||4711||{}", MARKERS[0])));
    assert!(feeds.site.text("out/p4.patient.json").is_empty());

    assert_eq!(feeds.site.stop(), Some(0));
    assert_eq!(feeds.site.text("out/people.hl7").matches("MSH|").count(), 1);
    for marker in MARKERS {
        assert!(
            !feeds.site.text("log").contains(marker) && !refused.body.contains(marker),
            "{}",
            feeds.site.text("log")
        );
    }
}

/// Patients who are active, no other patients, and all else that has an id.
const ANY: &str = r#"
map slim(p: Patient) -> Patient { id: p.id, name: p.name }
feed all from http "ADDRESS" {
    tls:     none because "this machine alone"
    clients: none because "this machine alone"
    accept Resource where (. is not Patient or .active == true) and .id is present
}
target people to file { path: "people/{.id}-{.gender}.json" }
target others to file { path: "others/{.id}.json" }
route persons from all through slim to people where . is Patient
route rest from all to others where . is not Patient
"#;

#[test]
fn any_resource_goes_by_its_type_where_conditions_ask_for_it() {
    let mut site = Site::new(ANY, "");
    site.start(&[]);
    let post = |body: Value| {
        let kind = "application/fhir+json";
        call(site.address, "POST", "/", kind, body.to_string().as_bytes()).unwrap().status
    };
    let active = json!({ "resourceType": "Patient", "id": "p1", "active": true, "gender": "female" });
    assert_eq!(post(active.clone()), 200);
    // The condition for what is no patient does not let a patient in.
    assert_eq!(post(json!({ "resourceType": "Patient", "id": "p2", "active": false })), 422);
    assert_eq!(post(json!({ "resourceType": "Location", "id": "l1" })), 200);
    assert_eq!(post(json!({ "resourceType": "Location" })), 422);
    site.until(|site| site.path("people/p1-female.json").exists() && site.path("others/l1.json").exists());
    assert_eq!(site.json(&["status"])[0]["delivered"], 2);
    assert_eq!(site.stop(), Some(0));
}
