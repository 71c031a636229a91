//! Senders: each sends its messages one after another, and each again until it is acknowledged.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::book::{Book, Id};

/// How long an answer may take before the message is sent again.
const ANSWER: Duration = Duration::from_secs(10);

/// About a hundred messages a second from each.
const PAUSE: Duration = Duration::from_millis(8);

fn message((lane, number): Id) -> String {
    format!(
        "MSH|^~\\&|SENDER|L{lane}|EMR|H|20260101||ADT^A01^ADT_A01|{lane}-{number}|P|2.5.1\r\
         EVN||20260101\rPID|1||{lane}^^^H||DOE^JANE\rPV1|1|I\r"
    )
}

/// Sends over a socket until it is told to stop, and then until the last message is acknowledged.
pub fn socket(lane: usize, at: SocketAddr, book: &Book, stop: &AtomicBool) {
    let mut stream: Option<TcpStream> = None;
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let id = (lane, number);
        loop {
            match exchange(&mut stream, at, id) {
                Ok(true) => break,
                // Another connection, and the same again.
                Ok(false) | Err(_) => {
                    stream = None;
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
        book.accept(id);
        thread::sleep(PAUSE);
    }
}

/// Whether the message is acknowledged with AA.
fn exchange(stream: &mut Option<TcpStream>, at: SocketAddr, id: Id) -> io::Result<bool> {
    let stream = match stream {
        Some(stream) => stream,
        None => stream.insert(TcpStream::connect(at)?),
    };
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(format!("\x0B{}\x1C\r", message(id)).as_bytes())?;
    let answer = super::sink::frame(stream)?;
    Ok(answer.contains(&format!("MSA|AA|{}-{}", id.0, id.1)))
}

/// Puts files into a folder, each of a few messages; they are accepted when the file is among those that are done.
pub fn files(lane: usize, folder: &Path, book: &Book, stop: &AtomicBool) {
    let mut number = 0;
    for file in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let ids: Vec<Id> = (1..=5).map(|more| (lane, number + more)).collect();
        number += 5;
        let text: String = ids.iter().map(|id| message(*id)).collect();
        let name = format!("{file:06}.hl7");
        let part = folder.join(format!(".{name}"));
        if fs::write(&part, text).and_then(|()| fs::rename(&part, folder.join(&name))).is_err() {
            return;
        }
        let end = Instant::now() + Duration::from_secs(120);
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
