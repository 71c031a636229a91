//! Senders: each sends its messages one after another, and each again until it is acknowledged.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::book::{Book, Id};
use super::source::Source;
use super::web::{self, Piece};

/// How long an answer may take before the message is sent again.
const ANSWER: Duration = Duration::from_secs(10);

/// About a hundred messages a second from each.
const PAUSE: Duration = Duration::from_millis(8);

/// How long a file may wait for its turn.
const TAKEN: Duration = Duration::from_secs(120);

/// How a sender brings its messages.
pub enum Way {
    Socket(SocketAddr, Asks),
    Folder(PathBuf),
    /// Messages are posted.
    Posted(SocketAddr),
    /// Resources are written, as to a FHIR server.
    Written(SocketAddr),
    /// Resources are there for whoever asks.
    Asked(Arc<Source>),
}

/// Which answers are asked for (MSH-15, MSH-16).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The one of the original mode.
    Original,
    /// That it is stored.
    Stored,
    /// That it is stored, and what becomes of it.
    Both,
}

impl Asks {
    /// The answers that come, in their order.
    fn codes(self) -> &'static [&'static str] {
        match self {
            Asks::Original => &["AA"],
            Asks::Stored => &["CA"],
            Asks::Both => &["CA", "AA"],
        }
    }

    fn fields(self) -> &'static str {
        match self {
            Asks::Original => "|",
            Asks::Stored => "AL|NE",
            Asks::Both => "AL|AL",
        }
    }
}

fn message((lane, number): Id, asks: Asks) -> String {
    let asked = asks.fields();
    format!(
        "MSH|^~\\&|SENDER|L{lane}|EMR|H|20260101||ADT^A01^ADT_A01|{lane}-{number}|P|2.5.1|||{asked}\r\
         EVN||20260101\rPID|1||{lane}^^^H||DOE^JANE\rPV1|1|I\r"
    )
}

/// FHIR R4 Patient, with more elements in front.
pub fn patient((lane, number): Id, more: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{lane}-{number}",{more}"active":true,"name":[{{"family":"DOE"}}]}}"#)
}

/// Sends until it is told to stop, and then until the last message is acknowledged.
pub fn run(lane: usize, way: &Way, book: &Book, stop: &AtomicBool) {
    match way {
        Way::Socket(at, asks) => each(lane, *at, stop, |stream, id| exchange(stream, id, *asks, book)),
        Way::Folder(folder) => files(lane, folder, book, stop),
        Way::Posted(at) => each(lane, *at, stop, |stream, id| post(stream, id, book)),
        Way::Written(at) => each(lane, *at, stop, |stream, id| put(stream, id, book)),
        Way::Asked(source) => source.grow(lane, book, stop),
    }
}

/// Sends one after another over connections to that address.
fn each(lane: usize, at: SocketAddr, stop: &AtomicBool, exchange: impl Fn(&mut TcpStream, Id) -> io::Result<()>) {
    let mut stream: Option<TcpStream> = None;
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // Another connection, and the same again.
        while connected(&mut stream, at).and_then(|stream| exchange(stream, (lane, number))).is_err() {
            stream = None;
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(PAUSE);
    }
}

fn connected(stream: &mut Option<TcpStream>, at: SocketAddr) -> io::Result<&mut TcpStream> {
    let stream = match stream {
        Some(stream) => stream,
        None => stream.insert(TcpStream::connect(at)?),
    };
    stream.set_read_timeout(Some(ANSWER))?;
    Ok(stream)
}

/// Sends a message and takes all its answers. The first one is a promise.
fn exchange(stream: &mut TcpStream, id: Id, asks: Asks, book: &Book) -> io::Result<()> {
    stream.write_all(format!("\x0B{}\x1C\r", message(id, asks)).as_bytes())?;
    for code in asks.codes() {
        let answer = super::sink::frame(stream)?;
        if !answer.contains(&format!("MSA|{code}|{}-{}", id.0, id.1)) {
            return Err(io::Error::other("another answer"));
        }
        book.accept(id);
    }
    Ok(())
}

fn post(stream: &mut TcpStream, id: Id, book: &Book) -> io::Result<()> {
    web::write(stream, "POST /hl7 HTTP/1.1", "application/hl7-v2", &message(id, Asks::Original))?;
    let answer = Piece::answer(stream)?;
    if !answer.is_done() || !answer.text().contains(&format!("MSA|AA|{}-{}", id.0, id.1)) {
        return Err(io::Error::other("another answer"));
    }
    book.accept(id);
    Ok(())
}

/// The key makes that the same once more is known.
fn put(stream: &mut TcpStream, id: Id, book: &Book) -> io::Result<()> {
    let first = format!("PUT /fhir/Patient/{0}-{1} HTTP/1.1\r\nIdempotency-Key: \"{0}-{1}\"", id.0, id.1);
    web::write(stream, &first, "application/fhir+json", &patient(id, ""))?;
    if !Piece::answer(stream)?.is_done() {
        return Err(io::Error::other("another answer"));
    }
    book.accept(id);
    Ok(())
}

/// Puts files into a folder, each of a few messages; they are accepted when the file is among those that are done.
fn files(lane: usize, folder: &Path, book: &Book, stop: &AtomicBool) {
    let mut number = 0;
    for file in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let ids: Vec<Id> = (1..=5).map(|more| (lane, number + more)).collect();
        number += 5;
        let text: String = ids.iter().map(|id| message(*id, Asks::Original)).collect();
        let name = format!("{file:06}.hl7");
        let part = folder.join(format!(".{name}"));
        if fs::write(&part, text).and_then(|()| fs::rename(&part, folder.join(&name))).is_err() {
            return;
        }
        let end = Instant::now() + TAKEN;
        while !folder.join("done").join(&name).exists() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        ids.into_iter().for_each(|id| book.accept(id));
    }
}

/// Reads a byte at a time: answers are short.
pub fn byte(stream: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let [byte] = byte;
    Ok(byte)
}
