//! A whole project over real sockets, with the tests' own program.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use emr_abi::wiring::{Feed, Route, Target, Wiring};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Passing;
use crate::connector::Places;
use crate::connector::mllp::feed::deaf;
use crate::control::place::Hold;
use crate::flow::engine::Engine;
use crate::flow::witness::Witness;
use crate::journal::space::Reserve;

/// What the sink was sent, by MSH-10.
pub(super) type Got = Arc<Mutex<Vec<String>>>;

/// A peer that takes messages and answers each with AA.
pub(super) async fn sink() -> (SocketAddr, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap(), Got::default());
    let gets = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let gets = Arc::clone(&gets);
            tokio::spawn(async move {
                while let Some(message) = frame(&mut stream).await {
                    let control = message.split('|').nth(9).unwrap().to_owned();
                    let answer = format!("\x0BMSH|^~\\&|||||1||ACK|1|P|2.5\rMSA|AA|{control}\r\x1C\r");
                    gets.lock().unwrap().push(control);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, got)
}

/// The next frame's text; nothing if the other side hangs up.
pub(super) async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(0x0B) => bytes.clear(),
            Ok(0x1C) => break,
            Ok(byte) => bytes.push(byte),
            Err(_) => return None,
        }
    }
    let _ = stream.read_u8().await;
    Some(String::from_utf8(bytes).unwrap())
}

pub(super) fn free() -> SocketAddr {
    crate::address::free().unwrap()
}

pub(super) fn listening(at: SocketAddr, change: Value) -> Value {
    let mut settings = json!({
        "listen": at.to_string(), "tls": "none", "mode": "original", "release": "1", "connections": 10, "connections_per_peer": 5,
        "frame_timeout": 2000, "idle_timeout": 60_000, "frame_max": 100_000, "answer": "checked", "remember": 60_000,
    });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    settings
}

/// From a feed to a target, both of `mllp`.
pub(super) fn wiring(feed: &Value, target: &Value, connector: &str) -> Wiring {
    Wiring {
        feeds: vec![Feed {
            name: "adt".into(),
            connector: "mllp".into(),
            settings: feed.to_string(),
            order_by: Vec::new(),
            messages: true,
            resources: Vec::new(),
        }],
        targets: vec![Target {
            name: "ehr".into(),
            connector: connector.into(),
            settings: target.to_string(),
            reads: vec![0],
        }],
        routes: vec![Route {
            name: "all".into(),
            from: vec![0],
            to: vec![0],
            settings: json!({ "on_reject": "ack_error" }).to_string(),
            reads: vec![0],
        }],
        alarms: Vec::new(),
        tables: Vec::new(),
        zone: Some("Europe/Zurich".into()),
    }
}

pub(super) fn peer(at: SocketAddr) -> Value {
    json!({ "address": at.to_string(), "mode": "original", "release": "1", "connect_timeout": 1000, "answer_timeout": 1000,
            "retry": { "times": null, "from": 10, "to": 50 } })
}

pub(super) async fn start(folder: &Path, wiring: &Wiring) -> Engine {
    let nobody: Vec<Arc<dyn Witness>> = Vec::new();
    start_told(folder, wiring, Arc::new(nobody)).await
}

/// Tells a witness what happens.
pub(super) async fn start_told(folder: &Path, wiring: &Wiring, witness: Arc<dyn Witness>) -> Engine {
    let secrets = Arc::new(|name: &str| std::fs::read(name).map_err(|why| why.to_string()));
    let places = Places {
        project: folder.to_owned(),
        journal: folder.join("journal"),
        secrets,
        reserve: Reserve::default(),
        fhir: Arc::new(|_| None),
    };
    let hold = Arc::new(Hold::take(&places.journal).unwrap());
    Engine::start(wiring.clone(), Arc::new(Passing), places, hold, witness).await.unwrap()
}

pub(super) fn message(from: &str, control: &str) -> String {
    format!("MSH|^~\\&|{from}|H|||1||ADT^A01|{control}|P|2.5\rPID|1\r")
}

pub(super) async fn send(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), message: &str) -> Option<String> {
    stream.write_all(format!("\x0B{message}\x1C\r").as_bytes()).await.unwrap();
    frame(stream).await
}

pub(super) fn acknowledged(answer: Option<String>) -> String {
    let answer = answer.expect("an answer");
    answer.split('\r').find(|line| line.starts_with("MSA")).unwrap().to_owned()
}

/// Waits for what has to come to be, as long as no machine needs for it.
#[track_caller]
pub(super) fn until(mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let whose = std::panic::Location::caller();
    async move {
        for _ in 0..60_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("what is waited for at {whose} did not come");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_from_socket_to_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let at = free();
    let engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(sink), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for number in 0..20 {
        let control = number.to_string();
        assert_eq!(acknowledged(send(&mut stream, &message("A", &control)).await), format!("MSA|AA|{control}"));
    }
    assert_eq!(acknowledged(send(&mut stream, &message("WRONG", "w")).await), "MSA|AE|w");
    assert_eq!(acknowledged(send(&mut stream, &message("OTHER", "o")).await), "MSA|AR|o");
    until(|| got.lock().unwrap().len() == 20).await;
    assert_eq!(*got.lock().unwrap(), (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    drop(stream);
    engine.stop().await;
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_may_ask_for_two_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, _) = sink().await;
    let at = free();
    let _engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(sink), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let asks = |control: &str, accept: &str, application: &str| {
        format!("MSH|^~\\&|A|H|||1||ADT^A01|{control}|P|2.5|||{accept}|{application}\r")
    };
    assert_eq!(acknowledged(send(&mut stream, &asks("1", "AL", "AL")).await), "MSA|CA|1");
    assert_eq!(acknowledged(frame(&mut stream).await), "MSA|AA|1");
    assert_eq!(acknowledged(send(&mut stream, &asks("2", "AL", "NE")).await), "MSA|CA|2");
    assert_eq!(acknowledged(send(&mut stream, &asks("3", "NE", "AL")).await), "MSA|AA|3");
    // Of an error alone nothing is to be told.
    assert_eq!(acknowledged(send(&mut stream, &asks("4", "AL", "ER")).await), "MSA|CA|4");
    assert_eq!(acknowledged(send(&mut stream, &asks("5", "AL", "NE")).await), "MSA|CA|5");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_misbehave_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, _) = sink().await;
    let at = free();
    let settings = listening(at, json!({ "frame_timeout": 200, "idle_timeout": 400, "frame_max": 1000 }));
    let _engine = start(folder.path(), &wiring(&settings, &peer(sink), "mllp")).await;
    // A frame that trickles.
    let mut slow = TcpStream::connect(at).await.unwrap();
    slow.write_all(b"\x0BMSH|").await.unwrap();
    assert_eq!(frame(&mut slow).await, None);
    // Somebody who says nothing.
    assert_eq!(frame(&mut TcpStream::connect(at).await.unwrap()).await, None);
    // A message that is too long has its answer, and no other.
    let mut long = TcpStream::connect(at).await.unwrap();
    let answer = send(&mut long, &(message("A", "1") + &"x".repeat(2000))).await;
    assert_eq!(acknowledged(answer), "MSA|AE|1");
    assert_eq!(frame(&mut long).await, None);
    // More than a peer may have. Those that were left give their seats back in a while.
    let mut served = 0;
    while served < 5 {
        served = served_at_once(at, 6).await;
        assert!(served <= 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_what_is_no_message_is_heard_less_and_less_often() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, _) = sink().await;
    let at = free();
    let _engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(sink), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for _ in 0..3 {
        assert!(acknowledged(send(&mut stream, "x").await).starts_with("MSA|AE"));
    }
    // The next one is taken after a second, and answered as the first was. A message between them makes all good.
    let sent = Instant::now();
    assert_eq!(acknowledged(send(&mut stream, &message("A", "1")).await), "MSA|AA|1");
    assert!(sent.elapsed() >= Duration::from_secs(1));
    for number in 2..6 {
        assert!(acknowledged(send(&mut stream, "x").await).starts_with("MSA|AE"), "{number}");
        assert_eq!(
            acknowledged(send(&mut stream, &message("A", &number.to_string())).await),
            format!("MSA|AA|{number}")
        );
    }
    assert_eq!([0, 2, 3, 4, 8, 9, u32::MAX].map(|count| deaf(count).as_secs()), [0, 0, 1, 2, 32, 32, 32]);
}

/// How many of so many connections at a time get an answer.
async fn served_at_once(at: SocketAddr, count: usize) -> usize {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(at).await.unwrap());
    }
    let mut served = 0;
    for (number, stream) in streams.iter_mut().enumerate() {
        let text = message("A", &format!("s{number}"));
        if stream.write_all(format!("\x0B{text}\x1C\r").as_bytes()).await.is_ok() {
            served += usize::from(frame(stream).await.is_some());
        }
    }
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_comes_back_gets_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (at, nobody) = (free(), free());
    let engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(nobody), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    for number in 0..5 {
        send(&mut stream, &message("A", &number.to_string())).await.unwrap();
    }
    drop(stream);
    engine.stop().await;
    // The next process sends it elsewhere.
    let (sink, got) = sink().await;
    let at = free();
    let engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(sink), "mllp")).await;
    until(|| got.lock().unwrap().len() == 5).await;
    assert_eq!(*got.lock().unwrap(), ["0", "1", "2", "3", "4"]);
    until(|| engine.laws().all(|(_, law)| law.in_flight == 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_certificate_is_not_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["server", "client", "stranger"] {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
        std::fs::write(of(&format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(of(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    // A feed that wants certificates, and a feed in clear text that sends to it.
    let (inner, outer) = (free(), free());
    let tls = json!({ "certificate": "server.pem", "key": { "secret": of("server.key") }, "clients": "client.pem" });
    let files = json!({ "path": [{ "text": "out/" }, { "read": 0 }], "existing": "append", "line_end": "lf" });
    let secure = start(folder.path(), &wiring(&listening(inner, json!({ "tls": tls })), &files, "file")).await;
    for (own, is_let_in) in [("stranger", false), ("client", true)] {
        let journal = tempfile::tempdir().unwrap();
        let mut target = peer(inner);
        target["tls"] = json!({
            "ca": of("server.pem"), "certificate": of(&format!("{own}.pem")), "key": { "secret": of(&format!("{own}.key")) },
        });
        let at = free();
        let engine = start(journal.path(), &wiring(&listening(at, json!({})), &target, "mllp")).await;
        let mut stream = TcpStream::connect(at).await.unwrap();
        send(&mut stream, &message("A", own)).await.unwrap();
        if is_let_in {
            until(|| engine.laws().all(|(_, law)| law.settled.delivered == 1)).await;
        } else {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(engine.laws().all(|(_, law)| law.in_flight == 1));
        }
        drop(stream);
        engine.stop().await;
    }
    let _ = outer;
    until(|| std::fs::read_to_string(of("out/H")).is_ok_and(|text| text.contains("|client|"))).await;
    assert!(!std::fs::read_to_string(of("out/H")).unwrap().contains("stranger"));
    secure.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_appear_are_taken_and_put_away() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let watched = json!({
        "folder": "in", "pattern": "*.hl7", "stable": 50, "every": 20, "frame_max": 100_000, "done": "done", "rejected": "rejected",
        "answer": "checked", "remember": 60_000,
    });
    let mut wiring = wiring(&json!({}), &peer(sink), "mllp");
    wiring.feeds[0].connector = "file".into();
    wiring.feeds[0].settings = watched.to_string();
    let engine = start(folder.path(), &wiring).await;
    let inside = |name: &str| folder.path().join("in").join(name);
    until(|| inside("done").exists()).await;
    std::fs::write(inside("a.hl7"), message("A", "1") + &message("A", "2")).unwrap();
    std::fs::write(inside("b.hl7"), message("A", "3") + &message("WRONG", "4")).unwrap();
    std::fs::write(inside("c.txt"), message("A", "5")).unwrap();
    until(|| inside("done/a.hl7").exists() && inside("rejected/b.hl7.result").exists()).await;
    until(|| got.lock().unwrap().len() == 3).await;
    assert_eq!(*got.lock().unwrap(), ["1", "2", "3"]);
    assert_eq!(std::fs::read_to_string(inside("rejected/b.hl7.result")).unwrap(), "message 2: it is wrong\n");
    assert!(inside("c.txt").exists() && inside("rejected/b.hl7").exists());
    engine.stop().await;
}
