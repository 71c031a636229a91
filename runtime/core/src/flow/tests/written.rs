//! What those get who write to a feed as to a FHIR server, over real sockets.

use serde_json::{Value, json};

use super::posted::{Said, client, listening, places};
use super::sockets::free;
use super::{Kept, Running, start};
use crate::connector;
use crate::flow::intake::When;
use std::sync::Arc;
use tempfile::TempDir;

struct Site {
    root: String,
    feed: Running,
    client: reqwest::Client,
    _folder: TempDir,
}

const FHIR: &str = "application/fhir+json";

async fn site(answer: When) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let at = free();
    let feed = start(folder.path(), answer, &[], Kept::default());
    let facts = listening("fhir", at, json!({ "at": "/r4" }));
    let listener = connector::feed(&facts, &places(folder.path())).await.unwrap();
    tokio::spawn(listener.listen(Arc::clone(&feed.intake), feed.stop.subscribe()).unwrap());
    Site { root: format!("http://{at}/r4"), feed, client: client(), _folder: folder }
}

impl Site {
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: &Value) -> Said {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.root));
        request = request.header("content-type", FHIR).body(body.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Said::of(request.send().await.unwrap()).await
    }

    async fn sends(&self, line: &str, body: &Value) -> Said {
        self.send(line, &[], body).await
    }
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id })
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_created_and_updated() {
    let site = site(When::Checked).await;
    let created = site.sends("POST /Patient", &patient("a")).await;
    assert_eq!((created.status, created.receipt.as_str(), created.body.as_str()), (201, "adt-1", ""));
    let updated = site.sends("PUT /Patient/b", &patient("b")).await;
    assert_eq!((updated.status, updated.body.as_str()), (200, ""));
    let whole = site.send("PUT /Patient/b", &[("prefer", "return=representation")], &patient("b")).await;
    assert_eq!((whole.status, whole.json()), (200, patient("b")));
    let told = site.send("POST /Patient", &[("prefer", "return=OperationOutcome")], &patient("c")).await;
    assert_eq!(
        (told.status, told.issue()),
        (201, ("informational".into(), format!("its receipt is {}", told.receipt)))
    );
    site.feed.settled().await;
    assert_eq!(site.feed.got(), ["a", "b", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_stored_is_202() {
    let site = site(When::Stored).await;
    assert_eq!(site.sends("POST /Patient", &patient("a")).await.status, 202);
    assert_eq!(site.sends("PUT /Patient/a", &patient("a")).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_are_answered_entry_by_entry() {
    let site = site(When::Checked).await;
    let entry = |method: &str| json!({ "resource": patient("a"), "request": { "method": method, "url": "Patient" } });
    let bundle =
        |kind: &str, entries: Value| json!({ "resourceType": "Bundle", "id": "x", "type": kind, "entry": entries });
    for kind in ["transaction", "batch"] {
        let said = site.sends("POST ", &bundle(kind, json!([entry("POST"), entry("PUT"), entry("DELETE")]))).await;
        let statuses: Vec<_> =
            said.json()["entry"].as_array().unwrap().iter().map(|it| it["response"]["status"].clone()).collect();
        assert_eq!((said.status, &said.json()["type"]), (200, &json!(format!("{kind}-response"))));
        assert_eq!(statuses, ["201", "200", "204"]);
    }
    let before = site.feed.intake.law().accepted;
    for wrong in [
        bundle("collection", json!([])),
        bundle("transaction", json!([entry("GET")])),
        bundle("transaction", json!([{ "resource": patient("a") }])),
        patient("a"),
    ] {
        assert_eq!(site.sends("POST /", &wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(site.feed.intake.law().accepted, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_with_a_message() {
    let site = site(When::Checked).await;
    let header = json!({
        "resourceType": "MessageHeader", "id": "m1", "eventCoding": { "code": "admit" },
        "source": { "endpoint": "http://lab.example" }, "destination": [{ "endpoint": "http://emr.example" }],
    });
    let message = json!({ "resourceType": "Bundle", "id": "x", "type": "message",
        "entry": [{ "resource": header }, { "resource": patient("a") }] });
    let said = site.sends("POST /$process-message", &message).await;
    let answer = said.json()["entry"][0]["resource"].clone();
    assert_eq!((said.status, &said.json()["type"]), (200, &json!("message")));
    assert_eq!(answer["response"], json!({ "identifier": "m1", "code": "ok" }));
    assert_eq!(answer["source"]["endpoint"], "http://emr.example");
    assert_eq!(
        (&answer["destination"][0]["endpoint"], &answer["eventCoding"]["code"]),
        (&json!("http://lab.example"), &json!("admit"))
    );
    // The same once more is known by its header, and has the same answer.
    let again = site.sends("POST /$process-message", &message).await;
    assert_eq!((&again.receipt, &again.json()["entry"]), (&said.receipt, &said.json()["entry"]));
    assert_eq!(site.sends("POST /$process-message", &patient("a")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_says_so_is_a_duplicate() {
    let site = site(When::Checked).await;
    let first = site.sends("POST /Patient", &patient("a")).await;
    assert_ne!(site.sends("POST /Patient", &patient("a")).await.receipt, first.receipt);
    for header in [("idempotency-key", "k1"), ("if-none-exist", "identifier=7")] {
        let first = site.send("POST /Patient", &[header], &patient("a")).await;
        assert_eq!(site.send("POST /Patient", &[header], &patient("a")).await, first);
        assert_ne!(site.send("POST /Patient", &[header], &patient("b")).await.receipt, first.receipt);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_says_why() {
    let site = site(When::Checked).await;
    let body = patient("a");
    for (line, status) in [
        ("POST /Observation", 404),
        ("POST /patient", 404),
        ("PUT /Patient/a/_history/1", 404),
        ("PUT /Patient/a_b", 404),
        ("POST /$everything", 404),
        ("POST /metadata", 405),
        ("PUT /Patient?identifier=7", 405),
        ("DELETE /Patient/a", 405),
        ("GET /Patient/a", 405),
        ("GET /Patient", 405),
        ("PUT /", 405),
        ("PUT /Patient/b", 400),
        ("POST /Bundle", 400),
    ] {
        let said = site.sends(line, &body).await;
        assert_eq!((said.status, said.kind.as_str()), (status, FHIR), "{line}");
        assert!(!said.issue().1.is_empty());
    }
    for kind in ["application/fhir+xml", "application/fhir+json; fhirVersion=3.0", "text/plain"] {
        let request = site.client.post(format!("{}/Patient", site.root)).header("content-type", kind);
        assert_eq!(request.body(body.to_string()).send().await.unwrap().status(), 415, "{kind}");
    }
    assert_eq!(site.send("PUT /Patient/a", &[("if-match", "W/\"1\"")], &body).await.status, 412);
    let outside = site.client.get(site.root.replace("/r4", "/metadata")).send().await.unwrap();
    assert_eq!(outside.status(), 404);
    assert_eq!(site.feed.intake.law().accepted, 0);
    // What its map refuses, and what the feed does not want of a type that it accepts.
    assert_eq!(site.sends("POST /Patient", &patient("WRONG")).await.issue(), ("value".into(), "it is wrong".into()));
    assert_eq!(site.sends("POST /Patient", &patient("OTHER")).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_metadata_say_what_it_takes() {
    let site = site(When::Checked).await;
    let said = Said::of(site.client.get(format!("{}/metadata", site.root)).send().await.unwrap()).await;
    let (able, rest) = (said.json(), said.json()["rest"][0].clone());
    assert_eq!((said.status, said.kind.as_str(), &able["fhirVersion"]), (200, FHIR, &json!("4.0.1")));
    let types: Vec<_> = rest["resource"].as_array().unwrap().iter().map(|it| it["type"].clone()).collect();
    assert_eq!(types, ["Patient", "Bundle"]);
    assert_eq!(rest["interaction"], json!([{ "code": "transaction" }, { "code": "batch" }]));
    assert_eq!(rest["operation"][0]["name"], "process-message");
}
