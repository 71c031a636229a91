//! Senders: each sends its messages one after another, and each again until it is acknowledged.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::book::{Book, Id};

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

/// Sends until it is told to stop, and then until the last message is acknowledged.
pub fn run(lane: usize, way: &Way, book: &Book, stop: &AtomicBool) {
    match way {
        Way::Socket(at, asks) => socket(lane, *at, *asks, book, stop),
        Way::Folder(folder) => files(lane, folder, book, stop),
    }
}

fn socket(lane: usize, at: SocketAddr, asks: Asks, book: &Book, stop: &AtomicBool) {
    let mut stream: Option<TcpStream> = None;
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let id = (lane, number);
        // Another connection, and the same again.
        while exchange(&mut stream, at, id, asks, book).is_err() {
            stream = None;
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(PAUSE);
    }
}

/// Sends a message and takes all its answers. The first one is a promise.
fn exchange(stream: &mut Option<TcpStream>, at: SocketAddr, id: Id, asks: Asks, book: &Book) -> io::Result<()> {
    let stream = match stream {
        Some(stream) => stream,
        None => stream.insert(TcpStream::connect(at)?),
    };
    stream.set_read_timeout(Some(ANSWER))?;
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
