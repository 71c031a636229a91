//! "Overload", where a feed has as many messages in flight as it may: what senders over MLLP see in both modes, and where a
//! file is. That of HTTP stands beside its other rows.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::posted::places;
use super::sockets::{acknowledged, frame, free, listening, message, send, until, wiring};
use super::{Kept, Running, start};
use crate::connector;
use crate::flow::intake::{HELD, When};

/// A feed of a connector before an intake.
async fn fed(folder: &Path, connector: &str, settings: &Value) -> Running {
    let mut feed = wiring(settings, &json!({}), "mllp").feeds.remove(0);
    feed.connector = connector.into();
    let running = start(folder, When::Checked, &[], Kept::default());
    let listener = connector::feed(&feed, &places(folder)).await.unwrap();
    tokio::spawn(listener.listen(Arc::clone(&running.intake), running.stop.subscribe()).unwrap());
    running
}

/// What a sender is told while nothing more may be in flight, and when there is room again; as many frames as it reads.
async fn told(mode: &str, asks: &str, frames: usize) -> (Option<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let at: SocketAddr = free();
    let feed = fed(folder.path(), "mllp", &listening(at, json!({ "mode": mode }))).await;
    let asking = message("A", "1").replace("|P|2.5", &format!("|P|2.5{asks}"));
    let room = feed.intake.room.available_permits();
    feed.intake.room.forget_permits(room);
    let began = Instant::now();
    let full = send(&mut TcpStream::connect(at).await.unwrap(), &asking).await;
    assert!(began.elapsed() >= HELD, "it is held for a while");
    assert_eq!(feed.intake.law().accepted, 0);
    feed.intake.room.add_permits(room);
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut all = vec![acknowledged(send(&mut stream, &asking).await)];
    for _ in 1..frames {
        all.push(acknowledged(frame(&mut stream).await));
    }
    (full, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_holds_a_sender_in_original_mode_and_then_closes_without_an_answer() {
    assert_eq!(told("original", "", 1).await, (None, vec!["MSA|AA|1".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_holds_a_sender_in_enhanced_mode_and_then_closes_without_an_answer() {
    assert_eq!(told("enhanced", "|||AL|AL", 2).await, (None, vec!["MSA|CA|1".to_owned(), "MSA|AA|1".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_leaves_a_file_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({
        "folder": "in", "pattern": "*.hl7", "stable": 0, "every": 20, "frame_max": 100_000, "done": "done",
        "rejected": "rejected", "answer": "checked", "remember": 60_000,
    });
    let feed = fed(folder.path(), "file", &settings).await;
    let inside = |name: &str| folder.path().join("in").join(name);
    until(|| inside("done").exists()).await;
    let room = feed.intake.room.available_permits();
    feed.intake.room.forget_permits(room);
    std::fs::write(inside("a.hl7"), message("A", "1")).unwrap();
    tokio::time::sleep(HELD).await;
    assert!(!inside("done/a.hl7").exists() && !inside("rejected/a.hl7").exists());
    assert_eq!(feed.intake.law().accepted, 0);
    feed.intake.room.add_permits(room);
    until(|| inside("done/a.hl7").exists()).await;
    assert_eq!(feed.intake.law().accepted, 1);
}
