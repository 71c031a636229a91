//! Others who are told of what happens: each connection is heard, answered and kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What was told so far.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Listens, and keeps what `hear` makes of each connection.
pub fn listen(hear: fn(TcpStream) -> Option<String>) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
    let kept = heard.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let said = hear(stream.unwrap());
            kept.0.lock().unwrap().extend(said);
        }
    });
    (address, heard)
}

/// The body of one request.
pub fn posted(stream: TcpStream) -> Option<String> {
    let mut reading = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reading.read_line(&mut line).ok()? > 2 {
        if let Some(digits) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = digits.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reading.get_mut().write_all(answer.as_bytes()).ok()?;
    String::from_utf8(body).ok()
}
