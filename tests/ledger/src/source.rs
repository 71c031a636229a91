//! A FHIR server that is asked: it has more resources from moment to moment, and gives those that a search wants page by
//! page. What it has is accepted: whoever asks it has to find it.

use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::book::{Book, Id};
use super::sender::patient;
use super::web::{self, Piece};

/// A search looks back a minute, and finds what changed in it again each time.
const PAUSE: Duration = Duration::from_millis(50);

/// The resources in their order, each with the moment at which it came to be.
type Kept = Arc<Mutex<Vec<(Timestamp, Id)>>>;

pub struct Source {
    pub address: SocketAddr,
    kept: Kept,
}

impl Source {
    pub fn listen() -> io::Result<Source> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let source = Source { address: listener.local_addr()?, kept: Kept::default() };
        let kept = Arc::clone(&source.kept);
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let kept = Arc::clone(&kept);
                // Whoever is killed hangs up.
                thread::spawn(move || serve(&stream, &kept));
            }
        });
        Ok(source)
    }

    /// Has more and more until it is told to stop.
    pub fn grow(&self, lane: usize, book: &Book, stop: &AtomicBool) {
        for number in 1.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let mut kept = all(&self.kept);
            kept.push((Timestamp::now(), (lane, number)));
            drop(kept);
            book.accept((lane, number));
            thread::sleep(PAUSE);
        }
    }
}

fn all(kept: &Kept) -> MutexGuard<'_, Vec<(Timestamp, Id)>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: &TcpStream, kept: &Kept) -> io::Result<()> {
    let (mut input, mut output) = (BufReader::new(stream), stream);
    loop {
        let asked = Piece::request(&mut input)?;
        let page = page(&asked.first, &all(kept));
        web::write(&mut output, "HTTP/1.1 200 OK", "application/fhir+json", &page)?;
    }
}

/// FHIR R4 §3.1.1.4: `_lastUpdated=ge…` and `_count` as they are asked, and a link to what comes behind.
fn page(asked: &str, kept: &[(Timestamp, Id)]) -> String {
    let value = |name: &str| asked.split(['?', '&']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let since = value("_lastUpdated").map(|since| since.trim_start_matches("ge").replace("%3A", ":"));
    let since = since.and_then(|since| since.parse().ok()).unwrap_or(Timestamp::MIN);
    let number = |name| value(name).and_then(|number| number.parse().ok());
    let (from, count) = (number("from").unwrap_or(0), number("_count").unwrap_or(100));
    let mut found = kept.iter().filter(|(at, _)| *at >= since).skip(from);
    let entry = |(at, id): &(Timestamp, Id)| {
        let meta = format!(r#""meta":{{"versionId":"1","lastUpdated":"{at}"}},"#);
        format!(r#"{{"resource":{}}}"#, patient(*id, &meta))
    };
    let entries: Vec<String> = found.by_ref().take(count).map(entry).collect();
    let next = found.next().map_or_else(String::new, |_| {
        let next = format!("?_count={count}&_lastUpdated=ge{since}&from={}", from + count);
        format!(r#""link":[{{"relation":"next","url":"{next}"}}],"#)
    });
    format!(r#"{{"resourceType":"Bundle","type":"searchset",{next}"entry":[{}]}}"#, entries.join(","))
}
