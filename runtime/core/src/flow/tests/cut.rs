//! A proxy between the engine and its peers that cuts exchanges at each byte of either direction, lets single bytes
//! through, and drops acknowledgments: nothing is lost, and nothing comes twice but where nobody could know that it had come.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::sockets::{acknowledged, frame, free, listening, message, peer, send, sink, start, until, wiring};

/// From whoever connected to whom, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// Passes bytes on, until it is told to cut.
struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// The way on which so many bytes more go through before the connection is cut.
    cut: Option<(Way, usize)>,
    /// Bytes that went through on each way.
    passed: [usize; 2],
    trickles: bool,
}

impl Proxy {
    async fn to(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let proxy = Proxy { address, plan: Arc::clone(&plan) };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target).await else { continue };
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let plan = Arc::clone(&plan);
                tokio::spawn(async move {
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::select! {
                        () = pass(Way::There, near_in, far_out, &plan) => {}
                        () = pass(Way::Back, far_in, near_out, &plan) => {}
                    }
                });
            }
        });
        proxy
    }

    /// Cuts the connection once so many bytes more have gone that way.
    fn cut_behind(&self, way: Way, bytes: usize) {
        self.plan.lock().unwrap().cut = Some((way, bytes));
    }

    fn has_cut(&self) -> bool {
        self.plan.lock().unwrap().cut.is_none()
    }

    fn passed(&self) -> [usize; 2] {
        self.plan.lock().unwrap().passed
    }
}

/// Passes bytes on until there are no more, or the connection is to be cut.
async fn pass(way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, plan: &Mutex<Plan>) {
    let mut bytes = [0; 4096];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let (count, is_cut, trickles) = {
            let mut plan = plan.lock().unwrap();
            let (count, is_cut) = match plan.cut {
                Some((cut, left)) if cut == way && count >= left => (left, true),
                Some((cut, ref mut left)) if cut == way => {
                    *left -= count;
                    (count, false)
                }
                _ => (count, false),
            };
            plan.passed[way as usize] += count;
            (count, is_cut, plan.trickles)
        };
        for part in bytes[..count].chunks(if trickles { 1 } else { count.max(1) }) {
            if to.write_all(part).await.is_err() {
                return;
            }
        }
        if is_cut {
            // Whoever is cut off must have read it before it is told so.
            tokio::time::sleep(Duration::from_millis(5)).await;
            plan.lock().unwrap().cut = None;
            return;
        }
    }
}

/// Behind each byte of an exchange, one way and then the other.
fn cuts(there: usize, back: usize) -> impl Iterator<Item = (Way, usize)> {
    (0..=there).map(|bytes| (Way::There, bytes)).chain((0..=back).map(|bytes| (Way::Back, bytes)))
}

/// How often each control id is among them.
fn times(got: &[String], control: &str) -> usize {
    got.iter().filter(|it| *it == control).count()
}

/// What came, each at its first time.
fn firsts(got: &[String]) -> Vec<String> {
    let mut firsts: Vec<String> = Vec::new();
    for control in got {
        if !firsts.contains(control) {
            firsts.push(control.clone());
        }
    }
    firsts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_cut_off_anywhere_loses_nothing_and_sends_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let at = free();
    let _engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(sink), "mllp")).await;
    let proxy = Proxy::to(at).await;
    // The lengths of a message and its answer, with names as long as those that follow.
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(acknowledged(send(&mut stream, &message("A", "100")).await), "MSA|AA|100");
    let [there, back] = proxy.passed();
    let mut expected = vec!["100".to_owned()];
    for (number, (way, bytes)) in cuts(there, back).enumerate() {
        let control = (101 + number).to_string();
        // Every other one comes in single bytes.
        proxy.plan.lock().unwrap().trickles = number % 2 == 0;
        proxy.cut_behind(way, bytes);
        loop {
            let mut stream = TcpStream::connect(proxy.address).await.unwrap();
            let _ = stream.write_all(format!("\x0B{}\x1C\r", message("A", &control)).as_bytes()).await;
            if let Some(answer) = frame(&mut stream).await {
                assert_eq!(acknowledged(Some(answer)), format!("MSA|AA|{control}"));
                break;
            }
        }
        // An answer that has come whole may be cut behind its end.
        proxy.plan.lock().unwrap().cut = None;
        expected.push(control);
    }
    until(|| got.lock().unwrap().len() >= expected.len()).await;
    assert_eq!(*got.lock().unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_cut_off_anywhere_gets_all_and_twice_only_what_it_could_not_acknowledge() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, got) = sink().await;
    let proxy = Proxy::to(sink).await;
    let at = free();
    let engine = start(folder.path(), &wiring(&listening(at, json!({})), &peer(proxy.address), "mllp")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let is_done = || engine.laws().all(|(_, law)| law.in_flight == 0);
    assert_eq!(acknowledged(send(&mut stream, &message("A", "100")).await), "MSA|AA|100");
    until(is_done).await;
    let [there, back] = proxy.passed();
    let mut expected = vec!["100".to_owned()];
    for (number, (way, bytes)) in cuts(there, back).enumerate() {
        let control = (101 + number).to_string();
        proxy.plan.lock().unwrap().trickles = number % 2 == 0;
        proxy.cut_behind(way, bytes);
        acknowledged(send(&mut stream, &message("A", &control)).await);
        until(|| is_done() && proxy.has_cut()).await;
        let came = times(&got.lock().unwrap(), &control);
        // A frame is whole with its 0x1C, the last byte but one.
        let could_know = way == Way::There && bytes + 1 < there || way == Way::Back && bytes + 1 >= back;
        assert!(came == 1 || came == 2 && !could_know, "{control} came {came} times, cut {way:?} behind {bytes}");
        expected.push(control);
    }
    assert_eq!(firsts(&got.lock().unwrap()), expected);
}

/// A server that keeps the bodies that came whole, and answers each with 201.
async fn fhir() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let gets = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let gets = Arc::clone(&gets);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Some(body) = body(&mut stream).await {
                    gets.lock().unwrap().push(body);
                    if stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, got)
}

/// The body of the next request, if all of it comes.
async fn body(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = said.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    String::from_utf8(bytes).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_cut_off_anywhere_gets_all_and_twice_only_what_it_could_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (server, got) = fhir().await;
    let proxy = Proxy::to(server).await;
    let at = free();
    let settings = json!({
        "url": format!("http://{}/r4", proxy.address), "auth": "none", "tls": null, "format": "json", "timeout": 2000,
        "connections": 1, "retry_on": [], "retry": { "times": null, "from": 10, "to": 50 },
    });
    let engine = start(folder.path(), &wiring(&listening(at, json!({})), &settings, "fhir")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let is_done = || engine.laws().all(|(_, law)| law.in_flight == 0);
    assert_eq!(acknowledged(send(&mut stream, &message("FHIR", "100")).await), "MSA|AA|100");
    until(is_done).await;
    let [there, back] = proxy.passed();
    let patient = |control: &str| format!(r#"{{"resourceType":"Patient","id":"{control}"}}"#);
    let mut expected = vec![patient("100")];
    for (number, (way, bytes)) in cuts(there, back).enumerate() {
        let control = (101 + number).to_string();
        proxy.plan.lock().unwrap().trickles = number % 2 == 0;
        proxy.cut_behind(way, bytes);
        acknowledged(send(&mut stream, &message("FHIR", &control)).await);
        until(|| is_done() && proxy.has_cut()).await;
        let came = times(&got.lock().unwrap(), &patient(&control));
        let could_know = way == Way::There && bytes < there || way == Way::Back && bytes == back;
        assert!(came == 1 || came == 2 && !could_know, "{control} came {came} times, cut {way:?} behind {bytes}");
        expected.push(patient(&control));
    }
    assert_eq!(firsts(&got.lock().unwrap()), expected);
}
