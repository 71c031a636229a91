//! The target: it writes into the book what arrives, and acknowledges it.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::book::{Book, Id};

pub fn listen(book: Arc<Book>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let book = Arc::clone(&book);
            // Whoever is killed hangs up.
            thread::spawn(move || _ = serve(&stream, &book));
        }
    });
    Ok(address)
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
