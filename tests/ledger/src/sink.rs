//! The targets: they write into the book what arrives, and acknowledge it.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::book::{Book, Id};
use super::web::{self, Piece};

/// Where it listens, and who is there.
#[derive(Clone)]
pub struct Sink {
    /// For messages in frames.
    pub socket: SocketAddr,
    /// The same, far away: an answer is under way for a while, and meanwhile others of its sender come.
    pub far: SocketAddr,
    /// For messages and resources over HTTP.
    pub web: SocketAddr,
    connections: Arc<AtomicUsize>,
    together: Arc<AtomicUsize>,
}

/// How long an answer from far away is under way.
const AWAY: Duration = Duration::from_millis(20);

/// How long the last words of a dead process may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(60);

/// The lanes of what is replayed, behind those of what is sent.
const AGAIN: usize = 100;

pub fn listen(book: &Arc<Book>) -> io::Result<Sink> {
    let (connections, together) = (Arc::default(), Arc::new(AtomicUsize::default()));
    let socket = serving(book, &connections, framed)?;
    let most = Arc::clone(&together);
    let far = serving(book, &connections, move |stream, book| far_away(stream, book, &most))?;
    let web = serving(book, &connections, posted)?;
    Ok(Sink { socket, far, web, connections, together })
}

/// Listens at an address of its own.
fn serving(
    book: &Arc<Book>,
    connections: &Arc<AtomicUsize>,
    serve: impl Fn(&TcpStream, &Book) -> io::Result<()> + Clone + Send + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (book, connections) = (Arc::clone(book), Arc::clone(connections));
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let (book, connections, serve) = (Arc::clone(&book), Arc::clone(&connections), serve.clone());
            connections.fetch_add(1, Ordering::SeqCst);
            // Whoever is killed hangs up.
            thread::spawn(move || {
                let _ = serve(&stream, &book);
                connections.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    Ok(address)
}

impl Sink {
    /// How many messages were on their way at once from one sender, at the most.
    pub fn together(&self) -> usize {
        self.together.load(Ordering::Relaxed)
    }

    /// Waits until all that a dead process sent has been read. Who is killed may leave words that nobody has read yet, and
    /// a connection that nobody has taken.
    ///
    /// # Errors
    /// Somebody else is there, and stays.
    pub fn hear_out(&self) -> io::Result<()> {
        // Connections are taken in their order: when these have their answers all before them were taken.
        let mut framed = [TcpStream::connect(self.socket)?, TcpStream::connect(self.far)?];
        for stream in &mut framed {
            stream.write_all(b"\x0BMSH|^~\\&|LEDGER|||||||ping|P|2.5.1\r\x1C\r")?;
            frame(stream)?;
        }
        let mut posting = TcpStream::connect(self.web)?;
        web::write(&mut posting, "GET /ping HTTP/1.1", "text/plain", "")?;
        Piece::answer(&mut posting)?;
        drop((framed, posting));
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

fn framed(stream: &TcpStream, book: &Book) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut output = stream;
    loop {
        let message = frame(&mut input)?;
        if let Some(id) = of_message(&message) {
            book.arrive(id);
        }
        // In one piece: the second of two would wait for the other side to have seen the first.
        output.write_all(answer(&message).as_bytes())?;
    }
}

/// Reads on while answers are under way.
fn far_away(stream: &TcpStream, book: &Book, most: &AtomicUsize) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut output = stream.try_clone()?;
    let (answers, under_way) = mpsc::channel::<(Instant, String)>();
    let waiting = Arc::new(AtomicUsize::default());
    let left = Arc::clone(&waiting);
    thread::spawn(move || {
        for (due, answer) in under_way {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            left.fetch_sub(1, Ordering::Relaxed);
            if output.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    loop {
        let message = frame(&mut input)?;
        if let Some(id) = of_message(&message) {
            book.arrive(id);
        }
        most.fetch_max(waiting.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        answers.send((Instant::now() + AWAY, answer(&message))).map_err(io::Error::other)?;
    }
}

fn answer(message: &str) -> String {
    let control = field(message, 9);
    format!("\x0BMSH|^~\\&|SINK|H|EMR|H|20260101||ACK|1|P|2.5.1\rMSA|AA|{control}\r\x1C\r")
}

/// A message is posted, a resource has its id in its address.
fn posted(stream: &TcpStream, book: &Book) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut output = stream;
    loop {
        let asked = Piece::request(&mut input)?;
        let written = asked.first.strip_prefix("PUT /fhir/Patient/");
        if let Some(id) = written.map_or_else(|| of_message(&asked.text()), id) {
            book.arrive(id);
        }
        web::write(&mut output, "HTTP/1.1 200 OK", "application/fhir+json", "")?;
    }
}

/// A field of MSH, by its bar.
fn field(message: &str, bar: usize) -> &str {
    message.split('|').nth(bar).unwrap_or_default()
}

/// What is replayed says so in MSH-6.
fn of_message(message: &str) -> Option<Id> {
    let (lane, number) = id(field(message, 9))?;
    if field(message, 5) == "AGAIN" { Some(again((lane, number))) } else { Some((lane, number)) }
}

/// A message that is replayed is one of its own.
pub fn again((lane, number): Id) -> Id {
    (lane + AGAIN, number)
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
