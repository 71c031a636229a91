use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::connector::tls::no_secret;
use crate::flow::program::{Form, Made};

/// A peer that answers each message with what the script has next for it: blocks, in which `#` is its MSH-10. It keeps
/// all blocks that it gets.
async fn scripted(script: &[&[&str]]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap().to_string(), Arc::new(Mutex::new(Vec::new())));
    let gets = Arc::clone(&got);
    let mut script: VecDeque<Vec<String>> =
        script.iter().map(|blocks| blocks.iter().map(ToString::to_string).collect()).collect();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut block = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                match byte {
                    0x0B | b'\r' if block.is_empty() => {}
                    0x1C => {
                        let text = String::from_utf8(std::mem::take(&mut block)).unwrap();
                        gets.lock().unwrap().push(text.clone());
                        let Some(control) = text.starts_with("MSH").then(|| text.split('|').nth(9).unwrap()) else {
                            continue;
                        };
                        if text.contains("MSA|CA") {
                            continue;
                        }
                        for said in script.pop_front().unwrap() {
                            let framed = format!("\x0B{}\x1C\r", said.replace('#', control));
                            stream.write_all(framed.as_bytes()).await.unwrap();
                        }
                    }
                    byte => block.push(byte),
                }
            }
        }
    });
    (address, got)
}

fn peer(address: &str, change: Value) -> Peer {
    let mut settings = json!({
        "address": address, "tls": null, "mode": "original", "release": "1", "connect_timeout": 5_000,
        "answer_timeout": 5_000, "retry_on": [], "pipeline": 1,
    });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let secrets: Secrets = Arc::new(|name| Err(no_secret(name)));
    Peer::new(serde_json::from_value(settings).unwrap(), Path::new("."), &secrets).unwrap()
}

/// `asks` is MSH-15 and MSH-16.
fn parcel(control: &str, asks: &str) -> Parcel {
    let message = format!("MSH|^~\\&|A|H|||1||ADT^A01|{control}|P|2.5|||{asks}\rPID|1\r");
    let made = Made { form: Form::Message, bytes: message.into() };
    Parcel { id: "a-1".into(), made: [made].into(), read: [].into(), asks: false }
}

async fn sent(peer: &Peer, control: &str, asks: &str) -> Result<(), Failure> {
    peer.deliver(&parcel(control, asks)).await.end
}

/// A peer that takes several messages at once and says of each, in their order, these words, in which `#` is MSH-10 of the
/// message: each once the one before was acknowledged. It keeps what it was acknowledged.
async fn patient(words: [&'static str; 2]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap().to_string(), Arc::new(Mutex::new(Vec::new())));
    let gets = Arc::clone(&got);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut says, mut block, mut waits) = (VecDeque::new(), Vec::new(), false);
        while let Ok(byte) = stream.read_u8().await {
            match byte {
                0x0B | b'\r' if block.is_empty() => {}
                0x1C => {
                    let text = String::from_utf8(std::mem::take(&mut block)).unwrap();
                    match text.split_once("MSA|CA|") {
                        Some((_, of)) => {
                            gets.lock().unwrap().push(of.trim_end().to_owned());
                            waits = false;
                        }
                        None => {
                            let control = text.split('|').nth(9).unwrap();
                            says.extend(words.map(|word| word.replace('#', control)));
                        }
                    }
                    if !waits && let Some(word) = says.pop_front() {
                        stream.write_all(format!("\x0B{word}\x1C\r").as_bytes()).await.unwrap();
                        waits = true;
                    }
                }
                byte => block.push(byte),
            }
        }
    });
    (address, got)
}

const CA: &str = "MSH|^~\\&|||||1||ACK|c|P|2.5\rMSA|CA|#\r";
const AA: &str = "MSH|^~\\&|||||1||ACK|a|P|2.5\rMSA|AA|#\r";
const AE: &str = "MSH|^~\\&|||||1||ACK|e|P|2.5\rMSA|AE|#\r";
/// An answer that is to be answered itself.
const ASKS: &str = "MSH|^~\\&|||||1||ACK|a|P|2.5|||AL\rMSA|AA|#\r";

#[tokio::test]
async fn the_answer_of_the_application_decides_where_it_is_to_come() {
    let (address, got) = scripted(&[&[CA, AA], &[CA, AE], &[AE], &[AA], &[CA, ASKS]]).await;
    let enhanced = peer(&address, json!({ "mode": "enhanced" }));
    sent(&enhanced, "1", "|").await.unwrap();
    assert_eq!(sent(&enhanced, "2", "|").await, Err(Failure::Doubtful("it answers AE".into())));
    assert_eq!(sent(&enhanced, "3", "AL|AL").await, Err(Failure::Doubtful("it answers AE".into())));
    // A peer that has one word for all.
    sent(&enhanced, "4", "|").await.unwrap();
    sent(&enhanced, "5", "|").await.unwrap();
    while !got.lock().unwrap().last().unwrap().contains("MSA|CA|a") {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waited_for_is_passed_by() {
    let (address, _) = scripted(&[&[CA, AA], &[AA, AA], &[], &[&AA.replace('#', "9")]]).await;
    let peer = peer(&address, json!({}));
    // In the original mode the first word decides, and the second comes late.
    sent(&peer, "1", "|").await.unwrap();
    sent(&peer, "2", "AL|NE").await.unwrap();
    // Who asks for no answer gets none.
    sent(&peer, "3", "NE|NE").await.unwrap();
    assert_eq!(sent(&peer, "4", "|").await, Err(Failure::Passing("it answers another message".into())));
}

#[tokio::test]
async fn blocks_of_release_two_are_committed_by_both_sides() {
    const ACK: &str = "\x06";
    let (address, got) = scripted(&[&["\x15"], &[ACK, AA], &[ACK], &[ACK, CA, AE]]).await;
    let second = peer(&address, json!({ "release": "2" }));
    assert_eq!(sent(&second, "1", "|").await, Err(Failure::Passing("it could not store it".into())));
    sent(&second, "1", "|").await.unwrap();
    sent(&second, "2", "NE|NE").await.unwrap();
    // The peer takes one connection at a time.
    drop(second);
    let enhanced = peer(&address, json!({ "release": "2", "mode": "enhanced" }));
    assert_eq!(sent(&enhanced, "3", "AL|AL").await, Err(Failure::Doubtful("it answers AE".into())));
    let committed = || got.lock().unwrap().iter().filter(|block| *block == ACK).count();
    // Each answer was told to have come.
    while committed() < 3 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_peer_that_waits_until_its_words_are_acknowledged_holds_no_train_up() {
    let words = ["CA|c", "AA|a"].map(|word| {
        let (code, id) = word.split_once('|').unwrap();
        &*format!("MSH|^~\\&|||||1||ACK|{id}#|P|2.5|||AL\rMSA|{code}|#\r").leak()
    });
    let (address, got) = patient(words).await;
    let peer = peer(&address, json!({ "mode": "enhanced", "pipeline": 3 }));
    let said = peer.deliver_all(&["1", "2", "3"].map(|control| parcel(control, "|"))).await;
    assert_eq!(said, vec![Some(Ok(()).into()); 3]);
    while got.lock().unwrap().len() < 6 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(*got.lock().unwrap(), ["c1", "a1", "c2", "a2", "c3", "a3"]);
}
