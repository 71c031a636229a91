//! Whoever looks on is told of each step of a message.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::sockets::{free, listening, message, send, start_told, until, wiring};
use super::{Kept, Running, start_seen};
use crate::connector::tls;
use crate::flow::intake::When;
use crate::flow::seen::Verdict;
use crate::flow::witness::{Happening, Witness};

/// What it was told, without numbers and times.
#[derive(Default)]
struct Noting(Mutex<Vec<String>>);

impl Witness for Noting {
    fn see(&self, feed: &str, what: &Happening<'_>) {
        let line = match what {
            Happening::Opened { .. } | Happening::Synced { .. } => return,
            Happening::Accepted { number, bytes, .. } => format!("{number} accepted, {bytes} bytes"),
            Happening::Mapped { number, route, is_refused, .. } => {
                format!("{number} mapped by {route}, refused: {is_refused}")
            }
            Happening::Noted { number, what, .. } => format!("{number} noted: {what:?}"),
            Happening::Tried { number, way, tried, failure, .. } => {
                format!("{number} tried for {way}: {tried}, failed: {}", failure.is_some())
            }
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(format!("{feed}: {line}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let noting = Arc::new(Noting::default());
    let kept = Kept { fails_each: 2, ..Kept::default() };
    kept.tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let feed: Running = start_seen("all>kept", folder.path(), When::Delivered, &[], kept, Arc::clone(&noting) as _);
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    let said = noting.0.lock().unwrap().join("\n");
    let first: Vec<_> = said.lines().filter(|line| !line.starts_with("adt: 4")).collect();
    assert_eq!(
        first[..7],
        [
            "adt: 0 accepted, 40 bytes",
            "adt: 0 mapped by all, refused: false",
            "adt: 0 noted: Mapped { program: 7, targets: [\"all>kept\"] }",
            "adt: 0 tried for all>kept: 1, failed: true",
            "adt: 0 tried for all>kept: 2, failed: false",
            "adt: 0 noted: Delivered { target: \"all>kept\" }",
            "adt: Known",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_between_two_messages_without_ending_its_tls_is_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let of = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(of("server.pem"), made.cert.pem()).unwrap();
    std::fs::write(of("server.key"), made.signing_key.serialize_pem()).unwrap();
    let at = free();
    let tls = json!({ "certificate": "server.pem", "key": { "secret": of("server.key") } });
    let files = json!({ "path": [{ "text": "out" }], "existing": "append", "line_end": "lf" });
    let noting = Arc::new(Noting::default());
    let wired = wiring(&listening(at, json!({ "tls": tls })), &files, "file");
    let engine = start_told(folder.path(), &wired, Arc::clone(&noting) as _).await;
    let left = || noting.0.lock().unwrap().iter().filter(|line| line.contains("Left {")).cloned().collect::<Vec<_>>();
    for (behind, number, how) in [("", 1, "why: Done"), ("\x0BMSH", 2, "why: Cut")] {
        let client: tls::Client = serde_json::from_value(json!({ "ca": "server.pem" })).unwrap();
        let secrets: tls::Secrets = Arc::new(|name: &str| Err(tls::no_secret(name)));
        let (connector, name) = client.connector(&at.to_string(), folder.path(), &secrets).unwrap();
        let tcp = tokio::net::TcpStream::connect(at).await.unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        send(&mut stream, &message("A", &number.to_string())).await.unwrap();
        stream.write_all(behind.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        // Only the connection below it is ended.
        drop(stream.into_inner().0);
        until(|| left().len() == number).await;
        assert!(left()[number - 1].contains(how), "{:?}", left());
    }
    engine.stop().await;
}
