//! A server of the tests' own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A request that came.
#[derive(Default)]
pub struct Got {
    /// `POST /r4 HTTP/1.1`
    pub line: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    /// A header by its name in small letters; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// A server that keeps what it is asked, and gives the answers that it was told, the last of them for ever.
pub async fn server(answers: &[(u16, &str)]) -> (String, Arc<Mutex<Vec<Got>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}/r4/", listener.local_addr().unwrap());
    let got = Arc::new(Mutex::new(Vec::new()));
    let gets = Arc::clone(&got);
    let mut answers: VecDeque<_> = answers.iter().map(|(code, body)| (*code, (*body).to_owned())).collect();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let asked = request(&mut stream).await;
            gets.lock().unwrap().push(asked);
            let (code, body) = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
            let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    (root, got)
}

async fn request(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Got {
    let (mut got, mut line) = (Got::default(), String::new());
    while stream.read_line(&mut line).await.unwrap() > 2 {
        match line.split_once(": ") {
            Some((name, value)) if !got.line.is_empty() => {
                got.headers.push((name.to_ascii_lowercase(), value.trim_end().to_owned()));
            }
            _ => got.line = line.trim_end().to_owned(),
        }
        line.clear();
    }
    let length = got.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    got.body = String::from_utf8(body).unwrap();
    got
}
