//! The admin API of the real binary: what it answers is what its document says, whoever may not call is told so, and the audit
//! has all of it.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod document;
mod known;
#[path = "../site/mod.rs"]
mod running;

use std::fs;
use std::net::SocketAddr;

use document::Document;
use running::{Said, Site, admission, call, free, listens, send};
use serde_json::{Value, json};

/// Words of a patient, which stand in messages and where somebody asked to see one.
const MARKERS: [&str; 2] = ["EVERYWOMAN", "ZÜRICHBERG"];

/// What its folder cannot take is parked at once, and what comes to the archive is held.
const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient { identifier: PID-3, name: PID-5 }
}
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    order_by: PID-3[1].1
    accept ADT_A01 for ADT^A01
}
target files to file { path: "out/{MSH-10}.json", retry: { times: 0, from: 10ms, to: 10ms } }
target archive to file { path: "archive/{MSH-10}.hl7" }
route admissions from adt through admission to files
route all from adt to archive { start: held }
"#;

/// A project with an admin API of these settings.
fn administered(settings: &str) -> (Site, SocketAddr) {
    let at = free();
    let site = Site::new(PROJECT, &format!("[admin]\nlisten = \"{at}\"\n{settings}"));
    (site, at)
}

/// Feeds are there before admins are heard.
fn started(site: &mut Site, at: SocketAddr) {
    site.start(&[]);
    site.until(|_| listens(at));
}

const OPEN: &str = "tls_none_because = \"this machine alone\"\nclients_none_because = \"likewise\"\n";

/// An engine, and who calls it.
struct Caller<'d> {
    at: SocketAddr,
    document: &'d Document,
}

impl Caller<'_> {
    /// Calls a place by its path in the document, with what stands for `{…}`, and holds the answer against the document.
    fn call(&self, method: &str, path: &str, part: &str, body: Option<&Value>) -> (u16, Value) {
        let (name, query) = path.split_once('?').map_or((path, ""), |(name, _)| (name, &path[name.len()..]));
        let real = match name.split_once('{') {
            Some((before, behind)) => format!("{before}{part}{}", behind.split_once('}').unwrap().1),
            None => name.to_owned(),
        };
        let sent = body.map(Value::to_string).unwrap_or_default();
        let kind = "application/json";
        let said = call(self.at, &method.to_uppercase(), &format!("{real}{query}"), kind, sent.as_bytes()).unwrap();
        let answer = self.held(method, name, &said);
        if let Some(body) = body.filter(|_| said.status == 200) {
            self.document.takes(method, name, body);
        }
        (said.status, answer)
    }

    fn held(&self, method: &str, path: &str, said: &Said) -> Value {
        let body: Value = serde_json::from_str(&said.body).unwrap_or_else(|_| panic!("{said:?}"));
        let kind = said.head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
        self.document.holds(method, path, said.status, kind, &body);
        if path != "/v1/messages/{id}" || said.status != 200 {
            MARKERS.iter().for_each(|marker| assert!(!said.body.contains(marker), "{}", said.body));
        }
        body
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("get", path, "", None);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("post", path, "", Some(&body));
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

fn sent(site: &Site, control: &str, patient: &str) {
    let name = format!("{}^{}", MARKERS[0], MARKERS[1]);
    let answer = send(&mut site.connect(), &admission(control, patient, &name));
    assert!(answer.starts_with(&format!("MSA|AA|{control}")), "{answer}");
}

#[test]
fn each_place_of_the_document_answers_as_it_says() {
    let (mut site, at) = administered(OPEN);
    fs::write(site.path("out"), "in the way").unwrap();
    started(&mut site, at);
    let document = Document::read();
    let caller = Caller { at, document: &document };
    assert_eq!(&caller.get("/v1/openapi.json"), document.as_json());
    for (control, patient) in [("c-1", "77^^^H"), ("c-2", "78^^^H"), ("c-3", "79^^^H")] {
        sent(&site, control, patient);
    }
    site.until(|_| caller.get("/v1/status")["feeds"][0]["parked_count"] == 3);
    let status = caller.get("/v1/status");
    let held = status["feeds"][0]["ways"].as_array().unwrap().iter().find(|way| way["way"] == "all>archive").unwrap();
    assert_eq!((&held["held"], &held["waiting"]), (&json!(true), &json!(3)));
    assert!(
        site.said(&["status"]).0.contains("  all>archive: held, 3 waiting, adt-1 for "),
        "{}",
        site.said(&["status"]).0
    );

    // Which there are, and what one of them holds.
    let parked = caller.get("/v1/parked?feed=adt&limit=2");
    let ids: Vec<_> =
        caller.get("/v1/parked")["parked"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!((&parked["count"], parked["parked"].as_array().unwrap().len(), ids.len()), (&json!(3), 2, 3));
    let found = |search: Value| caller.post("/v1/messages/search", search);
    assert_eq!(found(json!({}))["messages"].as_array().unwrap().len(), 3);
    assert_eq!(found(json!({ "key": "78" }))["messages"][0]["id"], ids[1]);
    assert_eq!(found(json!({ "control_id": "c-3", "state": "parked", "feed": "adt" }))["messages"][0]["id"], ids[2]);
    assert_eq!(found(json!({ "since": "1h", "limit": 1 }))["others"], 2);
    assert_eq!(found(json!({ "until": "2020-01-01" }))["messages"], json!([]));
    let (code, shown) = caller.call("get", "/v1/messages/{id}", ids[0].as_str().unwrap(), None);
    assert_eq!((code, &shown["state"], &shown["events"][0]["what"]), (200, &json!("parked"), &json!("mapped")));
    assert!(shown["text"].as_str().unwrap().contains(MARKERS[0]));

    // One is let go, one given up, and one stays.
    fs::remove_file(site.path("out")).unwrap();
    let released = caller.post("/v1/parked/release", json!({ "ids": [ids[0], "adt-900", "lab-1"] }));
    assert_eq!(released["done"], 1);
    let never = json!({ "id": "adt-900", "why": "the journal does not hold it, or not any more" });
    let not = released["not"].as_array().unwrap();
    assert!(not.len() == 2 && not.contains(&never), "{released}");
    let dropped = caller.post("/v1/parked/drop", json!({ "ids": [ids[1]], "because": "entered by hand" }));
    assert_eq!(dropped, json!({ "done": 1, "not": [] }));
    site.until(|site| site.path("out/c-1.json").exists());
    assert_eq!(caller.post("/v1/parked/release", json!({ "all": true }))["done"], 1);

    // What was held goes, and what is settled goes once more.
    let started = caller.call("post", "/v1/routes/{route}/start", "all", Some(&json!({})));
    assert_eq!(started, (200, json!({ "was_held": true })));
    site.until(|_| caller.get("/v1/status")["feeds"][0]["in_flight"] == 0);
    fs::remove_file(site.path("out/c-1.json")).unwrap();
    assert_eq!(caller.post("/v1/replay", json!({ "ids": [ids[0]], "to": "files" }))["done"], 1);
    site.until(|site| site.path("out/c-1.json").exists());

    // The project as it is now, and a section that an engine reads when it starts.
    site.write(&PROJECT.replace("PID-5 }", "PID-5, language: \"de\" }"));
    fs::write(site.path("emr.toml"), site.text("emr.toml") + "scope_read = \"x\"\n").unwrap();
    let (code, refused) = caller.call("post", "/v1/reload", "", None);
    assert_eq!((code, &refused["code"]), (422, &json!("refused")));
    let settings = site.text("emr.toml").replace("scope_read = \"x\"\n", "[operations]\nsmtp = \"smtp://localhost\"\n");
    fs::write(site.path("emr.toml"), settings).unwrap();
    let changed = caller.post("/v1/reload", json!({}));
    assert_eq!((&changed["kept"], &changed["later"]), (&json!(["adt"]), &json!(["operations"])));
    let (printed, _, _) = site.said(&["reload"]);
    assert!(
        printed.contains("`[operations]` of `emr.toml` has changed, and counts from the next start on\n"),
        "{printed}"
    );
    let whole = caller.get("/v1/journals/verify?feed=adt");
    assert_eq!((&whole["journals"][0]["whole"], &whole["journals"][0]["messages"]), (&json!(true), &json!(3)));
    assert_eq!(document.not_met(), Vec::<String>::new());

    assert_eq!(site.stop(), Some(0));
    assert!(call(at, "GET", "/v1/status", "", b"").is_none());
    let log = site.text("log");
    MARKERS.iter().for_each(|marker| assert!(!log.contains(marker), "{log}"));
    assert!(log.contains("what=\"POST /v1/parked/drop\"") && log.contains("section=\"operations\""), "{log}");
}

#[test]
fn what_is_wrong_with_a_call_is_told_by_a_code_and_nothing_of_it_is_repeated() {
    let (mut site, at) = administered(OPEN);
    started(&mut site, at);
    let document = Document::read();
    let caller = Caller { at, document: &document };
    let told = |method: &str, path: &str, part: &str, body: Value| {
        let (status, problem) = caller.call(method, path, part, Some(&body));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:emr:problem:{}", problem["code"].as_str().unwrap()));
        format!("{status} {}", problem["code"].as_str().unwrap())
    };
    let marked = MARKERS[0];
    for (method, path, part, body, code) in [
        ("post", "/v1/parked/release", "", json!({ "ids": [marked] }), "400 wrong-body"),
        ("post", "/v1/parked/release", "", json!({ "all": true, "feed": "adt" }), "400 wrong-body"),
        ("post", "/v1/parked/release", "", json!({ "feed": marked }), "404 no-such-feed"),
        ("post", "/v1/parked/drop", "", json!({ "ids": ["adt-1"] }), "400 wrong-body"),
        ("post", "/v1/parked/drop", "", json!({ "ids": ["adt-1"], "because": " " }), "422 refused"),
        ("post", "/v1/replay", "", json!({ "ids": [], marked: 1 }), "400 wrong-body"),
        ("post", "/v1/messages/search", "", json!({ "since": marked }), "400 wrong-body"),
        ("post", "/v1/messages/search", "", json!({ "state": marked }), "400 wrong-body"),
        ("post", "/v1/messages/search", "", json!({ "limit": 0 }), "400 wrong-body"),
        ("post", "/v1/messages/search", "", json!({ "feed": marked }), "404 no-such-feed"),
        ("post", "/v1/reload", "", json!({ "force": true }), "400 wrong-body"),
        ("post", "/v1/routes/{route}/start", marked, json!({}), "404 no-such-route"),
        ("get", "/v1/messages/{id}", marked, json!({}), "404 no-such-message"),
        ("get", "/v1/messages/{id}", "adt-17", json!({}), "404 no-such-message"),
        ("get", "/v1/messages/{id}", "lab-17", json!({}), "404 no-such-feed"),
        ("get", "/v1/parked?feed=lab", "", json!({}), "404 no-such-feed"),
        ("get", "/v1/parked?limit=many", "", json!({}), "400 wrong-parameter"),
        ("get", "/v1/status?EVERYWOMAN=1", "", json!({}), "400 wrong-parameter"),
    ] {
        assert_eq!(told(method, path, part, body.clone()), code, "{method} {path} {body}");
    }
    let code = |said: Said| {
        assert!(said.head.contains("content-type: application/problem+json"), "{said:?}");
        let problem: Value = serde_json::from_str(&said.body).unwrap();
        format!("{} {}", said.status, problem["code"].as_str().unwrap())
    };
    let plain = call(at, "POST", "/v1/reload", "text/plain", b"{}").unwrap();
    assert_eq!(code(plain), "415 media-type");
    assert_eq!(code(call(at, "POST", "/v1/replay", "application/json", b"{\"ids\"").unwrap()), "400 wrong-body");
    assert_eq!(code(call(at, "GET", "/v1/EVERYWOMAN", "", b"").unwrap()), "404 no-such-place");
    let other = call(at, "DELETE", "/v1/status", "", b"").unwrap();
    assert!(other.head.contains("\r\nallow: get\r\n") && code(other) == "405 method-not-allowed");
    let long = vec![b' '; (4 << 20) + 1];
    assert_eq!(code(call(at, "POST", "/v1/replay", "application/json", &long).unwrap()), "413 too-long");
    assert_eq!(site.stop(), Some(0));
    // Refused calls are in the audit too, and nothing of what they said is.
    let exported = site.emr(&["audit", "export"]);
    let events = String::from_utf8(exported.stdout).unwrap();
    assert!(!events.contains(marked) && !site.text("log").contains(marked), "{}", site.text("log"));
    for told in ["POST /v1/parked/drop: HTTP 422", "a place that there is not: HTTP 404", "HTTP 413", "DELETE"] {
        assert_eq!(events.contains(told), told != "DELETE", "{told}");
    }
    assert_eq!(site.said(&["audit", "verify"]).2, Some(0));
}

#[test]
fn an_engine_listens_for_nobody_unless_its_project_says_where_and_for_whom() {
    let said = |settings: &str| Site::new(PROJECT, settings).said(&["run"]);
    let (_, text, code) = said("[admin]\nlisten = \"127.0.0.1:0\"\n");
    assert!(code == Some(1) && text.contains("`listen` has no TLS") && text.contains("anybody may call"), "{text}");
    let (_, text, code) = said("[admin]\nlisten = \"127.0.0.1:0\"\ntls_none_because = \"x\"\nclients_ca = \"a.pem\"\n");
    assert!(code == Some(1) && text.contains("certificates are shown over TLS"), "{text}");
    let clear = "[admin]\nlisten = \"127.0.0.1:0\"\ntls_none_because = \"x\"\nclients_issuer = \"http://id.example.org\"\n\
                 clients_audience = \"emr\"\n";
    let (_, text, code) = said(clear);
    assert!(code == Some(3) && text.contains("admin: the keys of `issuer` would come in clear text"), "{text}");
}
