//! What senders over HTTP get: a test for each row of the table in `docs/running.md`, over real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use emr_abi::wiring::{self, Wiring};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::sockets::free;
use super::{Kept, Passing, Running, settings, start, start_on};
use crate::connector::{self, Places};
use crate::control::place::Hold;
use crate::flow::engine::Engine;
use crate::flow::intake::{Settings, When};
use crate::flow::witness::Witness;
use crate::journal::fs::Disk;
use crate::journal::space::Reserve;

/// A feed over HTTP before an intake with a target that keeps what it gets.
struct Site {
    url: String,
    feed: Running,
    serving: JoinHandle<()>,
    client: reqwest::Client,
}

pub(super) fn listening(connector: &str, at: SocketAddr, change: Value) -> wiring::Feed {
    let mut settings = json!({
        "listen": at.to_string(), "tls": "none", "clients": "none", "at": "/", "charset": null, "connections": 50,
        "request_timeout": 10_000, "frame_max": 10_000, "answer": "checked", "remember": 60_000,
    });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    wiring::Feed {
        name: "adt".into(),
        connector: connector.into(),
        settings: settings.to_string(),
        order_by: Vec::new(),
        messages: connector == "http",
        resources: vec!["Patient".into(), "Bundle".into()],
    }
}

/// An answer that came: its status, its receipt, and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub status: u16,
    pub receipt: String,
    pub kind: String,
    pub body: String,
}

impl Said {
    pub async fn of(answer: reqwest::Response) -> Said {
        let header = |name: &str| answer.headers().get(name).map_or("", |it| it.to_str().unwrap()).to_owned();
        let (status, receipt, kind) = (answer.status().as_u16(), header("emr-receipt"), header("content-type"));
        Said { status, receipt, kind, body: answer.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The code of the first issue, and what it says.
    pub fn issue(&self) -> (String, String) {
        let issue = &self.json()["issue"][0];
        let text = |name: &str| issue[name].as_str().unwrap().to_owned();
        (text("code"), text("diagnostics"))
    }
}

pub(super) fn places(folder: &Path) -> Places {
    Places {
        project: folder.to_owned(),
        journal: folder.to_owned(),
        secrets: Arc::new(|name| Err(connector::tls::no_secret(name))),
        reserve: Reserve::default(),
        fhir: Arc::new(|_| None),
    }
}

impl Site {
    async fn new(folder: &Path, answer: When, kept: Kept, change: Value) -> Site {
        Site::of(start(folder, answer, &[], kept), folder, change).await
    }

    async fn of(feed: Running, folder: &Path, change: Value) -> Site {
        let at = free();
        let listener = connector::feed(&listening("http", at, change), &places(folder)).await.unwrap();
        let serving = listener.listen(Arc::clone(&feed.intake), feed.stop.subscribe()).unwrap();
        Site { url: format!("http://{at}/"), feed, serving: tokio::spawn(serving), client: client() }
    }

    async fn post(&self, kind: &str, body: impl Into<reqwest::Body>) -> Said {
        self.post_with(kind, &[], body).await
    }

    async fn post_with(&self, kind: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Said {
        let mut request = self.client.post(&self.url).header("content-type", kind).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Said::of(request.send().await.unwrap()).await
    }
}

pub(super) fn client() -> reqwest::Client {
    let _ = connector::tls::provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn message(from: &str, control: &str) -> String {
    format!("MSH|^~\\&|{from}|H|||1||ADT^A01|{control}|P|2.5\rPID|1\r")
}

const HL7: &str = "application/hl7-v2; charset=utf-8";

async fn plain(change: Value) -> (tempfile::TempDir, Site) {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(folder.path(), When::Checked, Kept::default(), change).await;
    (folder, site)
}

#[tokio::test(flavor = "multi_thread")]
async fn good_and_durable_is_200_and_a_receipt() {
    let (_folder, site) = plain(json!({})).await;
    let said = site.post("text/plain", message("A", "1")).await;
    assert_eq!((said.status, said.receipt.as_str(), said.kind.as_str()), (200, "adt-1", "application/json"));
    assert_eq!(said.json(), json!({ "receipt": "adt-1" }));
    // Whoever sends messages by their own name reads one.
    for kind in [HL7, "x-application/hl7-v2+er7"] {
        let said = site.post(kind, message("A", kind)).await;
        assert_eq!((said.status, said.kind.as_str()), (200, kind));
        assert!(said.body.starts_with("MSH|^~\\&|||A|H|") && said.body.contains("\rMSA|AA|"), "{said:?}");
    }
    let json = site.post_with(HL7, &[("accept", "application/json")], message("A", "4")).await;
    assert_eq!(json.json(), json!({ "receipt": json.receipt }));
    let read = site.post_with("text/plain", &[("accept", "application/hl7-v2, */*")], message("A", "5")).await;
    assert!(read.body.contains("MSA|AA|5"), "{read:?}");
    site.feed.settled().await;
    assert_eq!(site.feed.got().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_yet_to_be_done_is_202() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(folder.path(), When::Stored, Kept::default(), json!({})).await;
    let said = site.post("text/plain", message("A", "1")).await;
    assert_eq!((said.status, said.receipt.as_str()), (202, "adt-1"));
    // Nothing is refused that was promised.
    assert_eq!(site.post("text/plain", message("WRONG", "2")).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivered_is_200_and_what_takes_longer_is_202() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Kept { fails_each: 2, ..Kept::default() };
    let site = Site::new(folder.path(), When::Delivered, kept, json!({})).await;
    for number in 1..4 {
        assert_eq!(site.post("text/plain", message("A", &number.to_string())).await.status, 200);
        assert_eq!(site.feed.got().len(), number);
    }
    let folder = tempfile::tempdir().unwrap();
    let down = Kept { is_down: true, ..Kept::default() };
    let site = Site::new(folder.path(), When::Delivered, down, json!({ "request_timeout": 300 })).await;
    let said = site.post("text/plain", message("A", "1")).await;
    assert_eq!((said.status, said.receipt.as_str()), (202, "adt-1"));
    // What a map refuses is told at once.
    assert_eq!(site.post("text/plain", message("WRONG", "2")).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_gets_the_same_status_and_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(folder.path(), When::Checked, Kept::default(), json!({})).await;
    let good = site.post("text/plain", message("A", "1")).await;
    let wrong = site.post("text/plain", message("WRONG", "2")).await;
    assert_eq!((good.status, wrong.status), (200, 422));
    for _ in 0..2 {
        assert_eq!(site.post("text/plain", message("A", "1")).await, good);
        assert_eq!(site.post("text/plain", message("WRONG", "2")).await, wrong);
    }
    // Without an MSH-10 two are two, unless their sender says that they are one.
    let unnamed = message("A", "");
    let first = site.post("text/plain", unnamed.clone()).await;
    assert_ne!(site.post("text/plain", unnamed.clone()).await.receipt, first.receipt);
    let named = [("idempotency-key", "k1")];
    let first = site.post_with("text/plain", &named, unnamed.clone()).await;
    assert_eq!(site.post_with("text/plain", &named, unnamed.clone()).await, first);
    let other = message("B", "");
    assert_ne!(site.post_with("text/plain", &named, other).await.receipt, first.receipt);
    assert_eq!(site.feed.settled().await.delivered, 5);
    // The next process knows them.
    site.feed.stop.send_replace(true);
    site.serving.await.unwrap();
    site.feed.intake.close().await;
    let site = Site::new(folder.path(), When::Checked, Kept::default(), json!({})).await;
    assert_eq!(site.post("text/plain", message("A", "1")).await, good);
    let again = site.post("text/plain", message("WRONG", "2")).await;
    assert_eq!((again.status, again.receipt), (wrong.status, wrong.receipt));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_content_is_422_and_what_is_no_message_is_400() {
    let (_folder, site) = plain(json!({})).await;
    let wrong = site.post("text/plain", message("WRONG", "1")).await;
    assert_eq!((wrong.status, wrong.kind.as_str()), (422, "application/fhir+json"));
    assert_eq!(wrong.issue(), ("value".into(), "it is wrong".into()));
    assert_eq!(wrong.json()["issue"][0]["details"]["coding"][0]["code"], "102");
    let read = site.post(HL7, message("WRONG", "2")).await;
    assert_eq!(read.status, 422);
    assert!(read.body.contains("MSA|AE|2\rERR|||102^Data type error^HL70357|E"), "{read:?}");
    for kind in ["text/plain", HL7] {
        let none = site.post(kind, "hello").await;
        assert_eq!((none.status, none.issue().0.as_str()), (400, "structure"));
    }
    assert_eq!(site.feed.settled().await.refused, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_is_404_415_or_422() {
    let (_folder, site) = plain(json!({ "at": "/hl7/in" })).await;
    assert_eq!(site.post("text/plain", message("A", "1")).await.status, 404);
    let site = Site { url: format!("{}hl7/in", site.url), ..site };
    assert_eq!(site.post("text/plain", message("A", "1")).await.status, 200);
    assert_eq!(site.post("text/plain", message("OTHER", "2")).await.issue().0, "not-supported");
    let read = site.post(HL7, message("OTHER", "3")).await;
    assert!(read.status == 422 && read.body.contains("MSA|AR|3\rERR|||200^"), "{read:?}");
    for kind in
        ["application/hl7-v2+xml", "application/fhir+xml", "application/xml", "image/png", "text/plain; charset=x"]
    {
        let said = site.post(kind, message("A", "4")).await;
        assert_eq!(said.status, 415, "{kind}");
        assert!(said.issue().1.contains("`application/hl7-v2`") && said.issue().1.contains("`application/fhir+json`"));
    }
    let packed = site.post_with("text/plain", &[("content-encoding", "gzip")], message("A", "5")).await;
    assert_eq!(packed.status, 415);
    let unsaid = site.client.post(&site.url).body(message("A", "6")).send().await.unwrap();
    assert_eq!(unsaid.status().as_u16(), 415);
    for method in ["GET", "PUT", "DELETE"] {
        let request = site.client.request(method.parse().unwrap(), &site.url).send().await.unwrap();
        assert_eq!((request.status().as_u16(), request.headers()["allow"].to_str().unwrap()), (405, "POST"));
    }
    let law = site.feed.intake.law();
    assert_eq!((law.accepted, law.settled.refused), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn filtered_is_200() {
    let (_folder, site) = plain(json!({})).await;
    assert_eq!(site.post("text/plain", message("IGNORED", "1")).await.status, 200);
    assert_eq!(site.feed.settled().await.filtered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_served_now_gets_503_and_when_to_come_back() {
    let (_folder, site) = plain(json!({})).await;
    let later = |said: reqwest::Response| (said.status().as_u16(), said.headers().contains_key("retry-after"));
    let post = || site.client.post(&site.url).header("content-type", "text/plain").body(message("A", "1")).send();
    // No room for another in flight.
    let room = site.feed.intake.room.available_permits();
    site.feed.intake.room.forget_permits(room);
    assert_eq!(later(post().await.unwrap()), (503, true));
    site.feed.intake.room.add_permits(room);
    assert_eq!(later(post().await.unwrap()), (200, false));
    // No room on the disk.
    let folder = tempfile::tempdir().unwrap();
    let reserve = Reserve { percent: 100, bytes: u64::MAX };
    let full = Settings { reserve, ..settings("all>kept", folder.path(), When::Checked, &[]) };
    let nobody: Vec<Arc<dyn Witness>> = Vec::new();
    let full = Site::of(start_on(Disk, full, Kept::default(), Arc::new(nobody)), folder.path(), json!({})).await;
    assert_eq!(full.post("text/plain", message("A", "1")).await.status, 503);
    // It takes no more.
    site.feed.intake.close().await;
    let other = site.post("text/plain", message("A", "2")).await;
    assert_eq!((other.status, other.issue().0.as_str(), other.receipt.as_str()), (503, "transient", ""));
    // What it had taken before is known for ever.
    assert_eq!(later(post().await.unwrap()), (200, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_longer_than_it_may_be_is_413() {
    let (_folder, site) = plain(json!({})).await;
    let long = message("A", "1") + &"x".repeat(10_000);
    let said = site.post("text/plain", long).await;
    assert_eq!((said.status, said.issue().0.as_str()), (413, "too-long"));
    assert_eq!(site.feed.intake.law().accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charset_of_http_must_be_that_of_the_message() {
    let (_folder, site) = plain(json!({ "charset": "8859/1" })).await;
    let latin = |control: &str, own: &str| {
        let text = format!("MSH|^~\\&|A|H|||1||ADT^A01|{control}|P|2.5||||||{own}\rPID|1||||Z");
        [text.as_bytes(), b"\xFC", b"rich\r"].concat()
    };
    for (control, own, http, status) in [
        ("1", "", "iso-8859-1", 200),
        ("2", "8859/1", "latin1", 200),
        ("3", "", "utf-8", 415),
        ("4", "8859/1", "utf-8", 415),
        ("5", "UNICODE UTF-8", "iso-8859-1", 415),
    ] {
        let said = site.post(&format!("text/plain; charset={http}"), latin(control, own)).await;
        assert_eq!(said.status, status, "{control}");
    }
    // Letters that all charsets have alike.
    assert_eq!(site.post("text/plain; charset=utf-8", message("A", "6")).await.status, 200);
    assert_eq!(site.post("text/plain; charset=utf-16", message("A", "7")).await.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_taken_as_json() {
    let (_folder, site) = plain(json!({})).await;
    let fhir = "application/fhir+json; charset=utf-8";
    let patient = |id: &str| json!({ "resourceType": "Patient", "id": id }).to_string();
    let said = site.post(fhir, patient("1")).await;
    assert_eq!((said.status, said.json()), (200, json!({ "receipt": "adt-1" })));
    assert_ne!(site.post(fhir, patient("1")).await.receipt, "adt-1");
    assert_eq!(site.post(fhir, patient("WRONG")).await.status, 422);
    for body in ["", "[]", "{", "{\"id\": \"x\"}", "MSH|^~\\&|A"] {
        let said = site.post(fhir, body).await;
        assert_eq!((said.status, said.issue().0.as_str()), (400, "structure"), "{body}");
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "id": "b", "identifier": { "value": "7" } });
    let first = site.post(fhir, bundle.to_string()).await;
    assert_eq!(site.post(fhir, bundle.to_string()).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_without_tls_is_refused_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let feed = listening("http", free(), json!({ "clients": { "mutual_tls": { "ca": "x.pem" } } }));
    let wiring = Wiring { feeds: vec![feed], ..Wiring::default() };
    let nobody: Vec<Arc<dyn Witness>> = Vec::new();
    let hold = Arc::new(Hold::take(folder.path()).unwrap());
    let refused =
        Engine::start(wiring, Arc::new(Passing), places(folder.path()), hold, Arc::new(nobody)).await.err().unwrap();
    assert!(refused.why.starts_with("`clients: mutual_tls` needs `tls: { … }`"), "{}", refused.why);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_batch_are_taken_one_by_one_and_answered_once() {
    let (_folder, site) = plain(json!({ "unwrap": "batch" })).await;
    let batch = |id: &str, messages: &[String]| {
        format!("FHS|^~\\&|A\rBHS|^~\\&|A|H|||1||||{id}\r{}BTS|{}\rFTS|1\r", messages.concat(), messages.len())
    };
    let good = batch("b1", &[message("A", "1"), message("A", ""), message("A", "3")]);
    let named = [("idempotency-key", "k1")];
    let said = site.post_with("text/plain", &named, good.clone()).await;
    assert_eq!((said.status, said.receipt.as_str(), said.kind.as_str()), (200, "", "application/json"));
    assert_eq!(said.json()["receipts"].as_array().unwrap().len(), 3);
    // Once more, by a sender that heard nothing: also the one without an MSH-10 is known.
    assert_eq!(site.post_with("text/plain", &named, good.clone()).await, said);
    let read = site.post(HL7, batch("b2", &[message("A", "4"), message("A", "5")])).await;
    assert!(read.status == 200 && read.body.contains("\rMSA|AA|b2"), "{read:?}");
    // Of those that are refused it is said which they are, and the others stay.
    let some = batch("b3", &[message("A", "6"), message("WRONG", "7"), message("OTHER", "8")]);
    let read = site.post(HL7, some.clone()).await;
    assert!(read.status == 422 && read.body.contains("\rMSA|AE|b3") && read.body.contains("\rERR|"), "{read:?}");
    let said = site.post("text/plain", some).await;
    let texts: Vec<_> =
        said.json()["issue"].as_array().unwrap().iter().map(|it| it["diagnostics"].to_string()).collect();
    assert_eq!((said.status, texts.len()), (422, 2), "{texts:?}");
    assert!(texts[0] == "\"message 2: it is wrong\"" && texts[1].starts_with("\"message 3: "), "{texts:?}");
    // What is no batch is what it was, and one without a message is no message.
    assert_eq!(site.post("text/plain", message("A", "9")).await.status, 200);
    assert_eq!(site.post("text/plain", batch("b4", &[])).await.status, 400);
    assert_eq!(site.post("text/plain; charset=iso-8859-1", batch("b5", &[message("Ä", "10")])).await.status, 415);
    site.feed.settled().await;
    assert_eq!(site.feed.got().len(), 7);
}
