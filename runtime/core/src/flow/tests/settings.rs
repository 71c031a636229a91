//! Settings of feeds, targets and routes, over real sockets.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use emr_abi::wiring::{Target, Wiring};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Passing;
use super::sockets::{
    acknowledged, frame, free, listening, message, peer, send, sink, start, start_told, until, wiring,
};
use crate::flow::engine::Engine;
use crate::flow::witness::{Happening, Witness};

/// The same with more settings.
fn with(mut settings: Value, more: Value) -> Value {
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

/// A second target beside the first, which shows when messages could have gone.
fn beside(wiring: &mut Wiring, target: &Value) {
    let settings = target.to_string();
    wiring.targets.push(Target { name: "other".into(), connector: "mllp".into(), settings, reads: Vec::new() });
    wiring.routes[0].to = vec![0, 1];
}

async fn sent(at: std::net::SocketAddr, controls: &[&str]) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    for control in controls {
        assert_eq!(acknowledged(send(&mut stream, &message("A", control)).await), format!("MSA|AA|{control}"));
    }
}

async fn delivered(engine: &Engine, count: u64) {
    until(|| engine.laws().all(|(_, law)| law.settled.delivered == count)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_gets_no_more_than_its_rate() {
    let folder = tempfile::tempdir().unwrap();
    let ((slow, slowly), (fast, fastly)) = (sink().await, sink().await);
    let at = free();
    let rate = json!({ "rate": { "messages": 2, "per": 3_600_000 } });
    let mut wiring = wiring(&listening(at, json!({})), &with(peer(slow), rate), "mllp");
    beside(&mut wiring, &peer(fast));
    let engine = start(folder.path(), &wiring).await;
    sent(at, &["1", "2", "3", "4"]).await;
    until(|| fastly.lock().unwrap().len() == 4 && slowly.lock().unwrap().len() == 2).await;
    // Who waits for its turn does not hold the process.
    engine.stop().await;
    assert_eq!(*slowly.lock().unwrap(), ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_in_quiet_hours() {
    let folder = tempfile::tempdir().unwrap();
    let ((slept, sleeper), (awake, awaker)) = (sink().await, sink().await);
    let hour = |hours: i64| {
        let now = jiff::Timestamp::now().in_tz("Europe/Zurich").unwrap();
        now.checked_add(jiff::Span::new().hours(hours)).unwrap().strftime("%H:%M").to_string()
    };
    let at = free();
    let listening = listening(at, json!({}));
    let quiet = json!({ "quiet": { "from": hour(-2), "to": hour(2) } });
    let mut before = wiring(&listening, &with(peer(slept), quiet), "mllp");
    beside(&mut before, &peer(awake));
    let engine = start(folder.path(), &before).await;
    sent(at, &["1"]).await;
    until(|| awaker.lock().unwrap().len() == 1).await;
    engine.stop().await;
    assert!(sleeper.lock().unwrap().is_empty());
    let mut behind =
        wiring(&listening, &with(peer(slept), json!({ "quiet": { "from": hour(2), "to": hour(3) } })), "mllp");
    beside(&mut behind, &peer(awake));
    let engine = start(folder.path(), &behind).await;
    delivered(&engine, 1).await;
    assert_eq!(*sleeper.lock().unwrap(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_held_waits_for_a_person_once() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let at = free();
    let mut wiring = wiring(&listening(at, json!({})), &peer(sink), "mllp");
    wiring.routes[0].settings = json!({ "on_reject": "ack_error", "start": "held" }).to_string();
    let engine = start(folder.path(), &wiring).await;
    sent(at, &["1", "2"]).await;
    engine.stop().await;
    let engine = start(folder.path(), &wiring).await;
    sent(at, &["3"]).await;
    assert!(engine.laws().all(|(_, law)| law.in_flight == 3) && got.lock().unwrap().is_empty());
    assert_eq!(engine.held().collect::<Vec<_>>(), ["all"]);
    assert!(!engine.release("other").unwrap() && engine.release("all").unwrap() && !engine.release("all").unwrap());
    delivered(&engine, 3).await;
    engine.stop().await;
    let engine = start(folder.path(), &wiring).await;
    sent(at, &["4"]).await;
    until(|| got.lock().unwrap().len() == 4).await;
    assert_eq!(*got.lock().unwrap(), ["1", "2", "3", "4"]);
    assert_eq!(engine.held().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_holds_a_route_and_lets_it_go() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let at = free();
    let says = |start: Value| {
        let mut wiring = wiring(&listening(at, json!({})), &peer(sink), "mllp");
        wiring.routes[0].settings = json!({ "on_reject": "ack_error", "start": start }).to_string();
        wiring
    };
    let mut engine = start(folder.path(), &says(json!("held"))).await;
    sent(at, &["1"]).await;
    engine.release("all").unwrap();
    until(|| got.lock().unwrap().len() == 1).await;
    engine.change(says(Value::Null), Arc::new(Passing)).await.unwrap();
    sent(at, &["2"]).await;
    until(|| got.lock().unwrap().len() == 2).await;
    // It said for a while that it is not held.
    engine.change(says(json!("held")), Arc::new(Passing)).await.unwrap();
    sent(at, &["3"]).await;
    assert_eq!(engine.held().collect::<Vec<_>>(), ["all"]);
    assert_eq!(got.lock().unwrap().len(), 2);
    engine.change(says(Value::Null), Arc::new(Passing)).await.unwrap();
    until(|| got.lock().unwrap().len() == 3).await;
}

/// Two projects, the first of which sends to the second.
async fn chained(folder: &Path, feed: Value, target: Value) {
    let (sink, got) = sink().await;
    let (at, between) = (free(), free());
    let behind = start(&folder.join("behind"), &wiring(&listening(between, feed), &peer(sink), "mllp")).await;
    let before = wiring(&listening(at, json!({})), &with(peer(between), target), "mllp");
    let before = start(&folder.join("before"), &before).await;
    sent(at, &["1", "2", "3"]).await;
    delivered(&before, 3).await;
    delivered(&behind, 3).await;
    assert_eq!(*got.lock().unwrap(), ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_and_targets_of_both_releases_understand_each_other() {
    let folder = tempfile::tempdir().unwrap();
    chained(&folder.path().join("a"), json!({ "release": "2" }), json!({ "release": "2" })).await;
    let enhanced = json!({ "release": "2", "mode": "enhanced" });
    chained(&folder.path().join("b"), enhanced, json!({ "release": "2" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_release_two_commits_before_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, _) = sink().await;
    let at = free();
    let settings = listening(at, json!({ "release": "2", "frame_max": 1000 }));
    let _engine = start(folder.path(), &wiring(&settings, &peer(sink), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for control in ["1", "2"] {
        assert_eq!(send(&mut stream, &message("A", control)).await.as_deref(), Some("\x06"));
        assert_eq!(acknowledged(frame(&mut stream).await), format!("MSA|AA|{control}"));
        stream.write_all(b"\x0B\x06\x1C\r").await.unwrap();
    }
    // One whose answer could not be kept is left, and told the same when it comes again.
    assert_eq!(send(&mut stream, &message("A", "3")).await.as_deref(), Some("\x06"));
    assert_eq!(acknowledged(frame(&mut stream).await), "MSA|AA|3");
    assert_eq!(send(&mut stream, "\x15").await, None);
    let mut stream = TcpStream::connect(at).await.unwrap();
    assert_eq!(send(&mut stream, &message("A", "3")).await.as_deref(), Some("\x06"));
    assert_eq!(acknowledged(frame(&mut stream).await), "MSA|AA|3");
    let long = message("A", "4") + &"x".repeat(2000);
    assert_eq!(send(&mut stream, &long).await.as_deref(), Some("\x15"));
    assert_eq!(acknowledged(frame(&mut stream).await), "MSA|AE|4");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_route_has_seen_goes_out_once_whichever_process_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let at = free();
    // The tests' program reads MSH-4 for every setting.
    let text = |place: &str, control: &str| message("A", control).replace("|H|", &format!("|{place}|"));
    let mut wiring = wiring(&listening(at, json!({})), &peer(sink), "mllp");
    let unless_seen = json!({ "keys": [{ "read": 0 }], "within": 3_600_000 });
    wiring.routes[0].settings = json!({ "on_reject": "ack_error", "unless_seen": unless_seen }).to_string();
    let engine = start(folder.path(), &wiring).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for (place, control) in [("H", "1"), ("H", "2"), ("I", "3"), ("H", "4")] {
        assert_eq!(acknowledged(send(&mut stream, &text(place, control)).await), format!("MSA|AA|{control}"));
    }
    until(|| engine.laws().all(|(_, law)| (law.settled.delivered, law.settled.filtered) == (2, 2))).await;
    // What a map refuses did not go out.
    let wrong = text("K", "5").replace("|A|", "|WRONG|");
    assert_eq!(acknowledged(send(&mut stream, &wrong).await), "MSA|AE|5");
    assert_eq!(acknowledged(send(&mut stream, &text("K", "6")).await), "MSA|AA|6");
    drop(stream);
    engine.stop().await;
    let engine = start(folder.path(), &wiring).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for (place, control) in [("I", "7"), ("L", "8")] {
        assert_eq!(acknowledged(send(&mut stream, &text(place, control)).await), format!("MSA|AA|{control}"));
    }
    until(|| got.lock().unwrap().len() == 4).await;
    assert_eq!(*got.lock().unwrap(), ["1", "3", "6", "8"]);
    until(|| engine.laws().all(|(_, law)| law.in_flight == 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_batch_are_taken_one_by_one_and_answered_once() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let at = free();
    let settings = listening(at, json!({ "unwrap": "batch" }));
    let engine = start(folder.path(), &wiring(&settings, &peer(sink), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let batch = |id: &str, messages: &[String]| {
        format!("BHS|^~\\&|A|H|||1||||{id}\r{}BTS|{}\r", messages.concat(), messages.len())
    };
    let good = batch("b1", &[message("A", "1"), message("A", "2"), message("A", "3")]);
    assert_eq!(acknowledged(send(&mut stream, &good).await), "MSA|AA|b1");
    // Once more, by a sender that heard nothing.
    assert_eq!(acknowledged(send(&mut stream, &good).await), "MSA|AA|b1");
    let answer = send(&mut stream, &batch("b2", &[message("A", "4"), message("WRONG", "5")])).await.unwrap();
    assert!(answer.contains("MSA|AE|b2") && answer.contains("102^"), "{answer}");
    // A message by itself is what it was, and what is no batch is no message.
    assert_eq!(acknowledged(send(&mut stream, &message("A", "6")).await), "MSA|AA|6");
    assert!(acknowledged(send(&mut stream, &batch("b3", &[])).await).starts_with("MSA|AE"));
    until(|| engine.laws().all(|(_, law)| law.settled.delivered == 5 && law.settled.refused == 2)).await;
    assert_eq!(*got.lock().unwrap(), ["1", "2", "3", "4", "6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_repaired_before_a_message_is_read_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let out = json!({ "path": [{ "text": "out.hl7" }], "existing": "append", "line_end": "none" });
    let at = free();
    let settings = listening(at, json!({ "repair": ["joined_lines", "trailing_spaces"] }));
    let told: Arc<Told> = Arc::default();
    let engine = start_told(folder.path(), &wiring(&settings, &out, "file"), Arc::clone(&told) as _).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let broken = message("A", "1") + "NTE|1||two\nlines \r";
    assert_eq!(acknowledged(send(&mut stream, &broken).await), "MSA|AA|1");
    delivered(&engine, 1).await;
    let written = std::fs::read_to_string(folder.path().join("out.hl7")).unwrap();
    assert!(written.ends_with("NTE|1||two\\.br\\lines\r"), "{written}");
    assert_eq!(told.0.load(Ordering::Relaxed), 2);
}

/// How many repairs were told of.
#[derive(Default)]
struct Told(AtomicUsize);

impl Witness for Told {
    fn see(&self, _: &str, what: &Happening<'_>) {
        if let Happening::Repaired { count, .. } = what {
            self.0.fetch_add(*count, Ordering::Relaxed);
        }
    }
}
