//! Feeds that ask for what they take: a server at intervals, the journal of another feed.

use emr_abi::wiring::{Feed, Wiring};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::sockets::{acknowledged, free, listening, message, peer, send, sink, start, until, wiring};
use crate::connector::web::tests::server;
use crate::flow::engine::Engine;

/// The wiring with a feed that asks in the place of the one that listens.
fn asking(mut wiring: Wiring, connector: &str, settings: &Value) -> Wiring {
    let mut all = json!({ "answer": "checked", "remember": 3_600_000 });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let feed = Feed { name: "again".into(), connector: connector.into(), settings: all.to_string(), ..blank(&wiring) };
    wiring.feeds = vec![feed];
    wiring
}

fn blank(wiring: &Wiring) -> Feed {
    wiring.feeds[0].clone()
}

fn accepted(engine: &Engine) -> u64 {
    engine.laws().map(|(_, law)| law.accepted).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_replayed_once_and_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let at = free();
    let live = wiring(&listening(at, json!({})), &peer(sink), "mllp");
    let engine = start(folder.path(), &live).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for control in ["1", "2", "3", "4"] {
        assert_eq!(acknowledged(send(&mut stream, &message("A", control)).await), format!("MSA|AA|{control}"));
    }
    until(|| got.lock().unwrap().len() == 4).await;
    drop(stream);
    engine.stop().await;
    let replay = |from: Value, until: Value| {
        let rate = json!({ "messages": 1_000, "per": 1 });
        asking(live.clone(), "replay", &json!({ "of": "site.adt", "from": from, "until": until, "rate": rate }))
    };
    // Nothing came so long ago.
    let engine = start(folder.path(), &replay(Value::Null, json!("2020-01-01T00:00:00+01:00"))).await;
    engine.stop().await;
    let all = replay(json!("2020-01-01T00:00:00Z"), Value::Null);
    let engine = start(folder.path(), &all).await;
    until(|| got.lock().unwrap().len() == 8).await;
    engine.stop().await;
    let engine = start(folder.path(), &all).await;
    engine.stop().await;
    assert_eq!(*got.lock().unwrap(), ["1", "2", "3", "4", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_for_what_is_new_and_nothing_is_taken_twice() {
    const FIRST: &str = r#"{ "resourceType": "Bundle", "meta": { "lastUpdated": "2026-03-01T10:00:00Z" },
        "link": [{ "relation": "next", "url": "/r4/next" }],
        "entry": [{ "resource": { "resourceType": "Patient", "id": "1", "meta": { "versionId": "1" } } },
                  { "resource": { "resourceType": "Patient", "id": "2", "meta": { "versionId": "1" } } }] }"#;
    const SECOND: &str = r#"{ "resourceType": "Bundle", "meta": { "lastUpdated": "2026-03-01T10:00:01Z" },
        "entry": [{ "resource": { "resourceType": "Patient", "id": "2", "meta": { "versionId": "1" } } },
                  { "resource": { "resourceType": "Patient", "id": "1", "meta": { "versionId": "2" } } }] }"#;
    let folder = tempfile::tempdir().unwrap();
    let (root, got) = server(&[(503, ""), (200, FIRST), (200, SECOND), (200, SECOND)]).await;
    let (sink, _) = sink().await;
    let search = json!({ "url": root, "query": "Patient", "page": 50 });
    let settings = json!({ "every": 20, "search": search, "auth": "none", "tls": null, "timeout": 5_000 });
    let wiring = asking(wiring(&json!({}), &peer(sink), "mllp"), "timer", &settings);
    let engine = start(folder.path(), &wiring).await;
    until(|| got.lock().unwrap().len() >= 5).await;
    until(|| accepted(&engine) == 3).await;
    engine.stop().await;
    let asked = got.lock().unwrap().len();
    // The next process goes on from where this one was.
    let engine = start(folder.path(), &wiring).await;
    until(|| got.lock().unwrap().len() >= asked + 2).await;
    assert_eq!(accepted(&engine), 3);
    let got = got.lock().unwrap();
    assert!(got[1].line.starts_with("GET /r4/Patient?_count=50 "), "{}", got[1].line);
    assert!(got[2].line.starts_with("GET /r4/next "), "{}", got[2].line);
    for (later, second) in [(&got[3], 0), (&got[4], 1), (&got[asked], 1)] {
        let since = format!("_count=50&_lastUpdated=ge2026-03-01T09%3A59%3A0{second}Z ");
        assert!(later.line.contains(&since), "{}", later.line);
    }
}
