//! Another version of a project takes the place of the one that runs.

use std::sync::Arc;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::Passing;
use super::sockets::{Got, free, listening, message, peer, send, sink, start, wiring};
use crate::flow::engine::{Change, Engine};

async fn got(got: &Got, count: usize) -> Vec<String> {
    while got.lock().unwrap().len() < count {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    got.lock().unwrap().clone()
}

fn parked(engine: &Engine) -> u64 {
    engine.laws().map(|(_, law)| law.parked).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_told_the_same_keeps_its_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (at, (first, got_first), (second, got_second)) = (free(), sink().await, sink().await);
    let mut engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(first), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    assert!(send(&mut stream, &message("A", "1")).await.unwrap().contains("MSA|AA|1"));
    assert_eq!(got(&got_first, 1).await, ["1"]);
    let next = wiring(&listening(at, json!({})), &peer(second), "mllp");
    let change = engine.change(next, Arc::new(Passing)).await.unwrap();
    assert_eq!(change, Change { kept: vec!["adt".into()], ..Change::default() });
    // The same connection, to another target.
    assert!(send(&mut stream, &message("A", "2")).await.unwrap().contains("MSA|AA|2"));
    assert_eq!(got(&got_second, 1).await, ["2"]);
    assert_eq!(got_first.lock().unwrap().len(), 1);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_target_goes_to_the_one_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (at, nobody, (there, got_there)) = (free(), free(), sink().await);
    let mut engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(nobody), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for control in ["1", "2", "3"] {
        assert!(send(&mut stream, &message("A", control)).await.unwrap().contains("MSA|AA"));
    }
    engine.change(wiring(&listening(at, json!({})), &peer(there), "mllp"), Arc::new(Passing)).await.unwrap();
    assert_eq!(got(&got_there, 3).await, ["1", "2", "3"]);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_way_any_more_is_parked() {
    let folder = tempfile::tempdir().unwrap();
    let (at, nobody, (there, got_there)) = (free(), free(), sink().await);
    let before = wiring(&listening(at, json!({})), &peer(nobody), "mllp");
    let mut engine = start(folder.path(), &before).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    assert!(send(&mut stream, &message("A", "1")).await.unwrap().contains("MSA|AA"));
    let mut next = wiring(&listening(at, json!({})), &peer(there), "mllp");
    next.routes[0].name = "others".into();
    engine.change(next, Arc::new(Passing)).await.unwrap();
    assert_eq!(parked(&engine), 1);
    assert!(send(&mut stream, &message("A", "2")).await.unwrap().contains("MSA|AA"));
    assert_eq!(got(&got_there, 1).await, ["2"]);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let (at, other, (there, _)) = (free(), free(), sink().await);
    let before = wiring(&listening(at, json!({})), &peer(there), "mllp");
    let mut engine = start(folder.path(), &before).await;
    let mut two = before.clone();
    two.feeds.push(emr_abi::wiring::Feed {
        name: "lab".into(),
        ..wiring(&listening(other, json!({})), &peer(there), "mllp").feeds[0].clone()
    });
    two.routes[0].from.push(1);
    let change = engine.change(two, Arc::new(Passing)).await.unwrap();
    assert_eq!((change.new, change.kept), (vec!["lab".to_owned()], vec!["adt".to_owned()]));
    let mut stream = TcpStream::connect(other).await.unwrap();
    assert!(send(&mut stream, &message("A", "1")).await.unwrap().contains("MSA|AA|1"));
    let change = engine.change(before, Arc::new(Passing)).await.unwrap();
    assert_eq!(change.gone, ["lab"]);
    assert!(TcpStream::connect(other).await.is_err());
    assert!(send(&mut TcpStream::connect(at).await.unwrap(), &message("A", "2")).await.unwrap().contains("MSA|AA|2"));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (at, (there, _)) = (free(), sink().await);
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(there), "mllp")).await;
    let elsewhere = listening(taken.local_addr().unwrap(), json!({}));
    let refused = engine.change(wiring(&elsewhere, &peer(there), "mllp"), Arc::new(Passing)).await.unwrap_err();
    assert!(refused.whose == "feed adt" && refused.why.contains("cannot listen"), "{refused:?}");
    let mut stream = TcpStream::connect(at).await.unwrap();
    assert!(send(&mut stream, &message("A", "1")).await.unwrap().contains("MSA|AA|1"));
    // Other settings with the same address.
    let anew = wiring(&listening(at, json!({ "connections": 20 })), &peer(there), "mllp");
    let change = engine.change(anew, Arc::new(Passing)).await.unwrap();
    assert_eq!(change.anew, ["adt"]);
    let mut stream = TcpStream::connect(at).await.unwrap();
    assert!(send(&mut stream, &message("A", "1")).await.unwrap().contains("MSA|AA|1"));
    engine.stop().await;
}
