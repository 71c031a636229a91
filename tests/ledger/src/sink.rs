//! The target: it writes into the book what arrives, and acknowledges it.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::book::{Book, Id};

/// Where it listens, and who is there.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// How long the last words of a dead process may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(60);

pub fn listen(book: Arc<Book>) -> io::Result<Sink> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let sink = Sink { address: listener.local_addr()?, connections: Arc::default() };
    let connections = Arc::clone(&sink.connections);
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let (book, connections) = (Arc::clone(&book), Arc::clone(&connections));
            connections.fetch_add(1, Ordering::SeqCst);
            // Whoever is killed hangs up.
            thread::spawn(move || {
                let _ = serve(&stream, &book);
                connections.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    Ok(sink)
}

impl Sink {
    /// Waits until all that a dead process sent has been read. Who is killed may leave words that nobody has read yet, and
    /// a connection that nobody has taken.
    ///
    /// # Errors
    /// Somebody else is there, and stays.
    pub fn hear_out(&self) -> io::Result<()> {
        // Connections are taken in their order: when this one has its answer all before it were taken.
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(b"\x0BMSH|^~\\&|LEDGER|||||||ping|P|2.5.1\r\x1C\r")?;
        frame(&mut stream)?;
        drop(stream);
        let end = Instant::now() + LAST_WORDS;
        while self.connections.load(Ordering::SeqCst) > 0 {
            if Instant::now() > end {
                return Err(io::Error::other("somebody stays connected to the sink"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

fn serve(stream: &TcpStream, book: &Book) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut output = stream;
    loop {
        let message = frame(&mut input)?;
        let control = message.split('|').nth(9).unwrap_or_default();
        if let Some(id) = id(control) {
            book.arrive(id);
        }
        let answer = format!("\x0BMSH|^~\\&|SINK|H|EMR|H|20260101||ACK|1|P|2.5.1\rMSA|AA|{control}\r\x1C\r");
        // In one piece: the second of two would wait for the other side to have seen the first.
        output.write_all(answer.as_bytes())?;
    }
}

fn id(control: &str) -> Option<Id> {
    let (lane, number) = control.split_once('-')?;
    Some((lane.parse().ok()?, number.parse().ok()?))
}

/// The text of the next frame.
pub fn frame(stream: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        match super::sender::byte(stream)? {
            0x0B => bytes.clear(),
            0x1C => break,
            byte => bytes.push(byte),
        }
    }
    super::sender::byte(stream)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
