//! As much of HTTP/1.1 as senders and sinks speak with an engine: one request after another on a connection, each body with
//! its length.

use std::io::{self, Error, Read, Write};

/// What begins a request or an answer, and its body.
pub struct Piece {
    /// `POST /hl7` or `200`.
    pub first: String,
    pub body: Vec<u8>,
}

const HEADERS_MAX: usize = 64;

impl Piece {
    /// The next request.
    pub fn request(stream: &mut impl Read) -> io::Result<Piece> {
        let head = head(stream)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&head).map_err(Error::other)?;
        let first = format!("{} {}", request.method.unwrap_or_default(), request.path.unwrap_or_default());
        Ok(Piece { first, body: body(stream, request.headers)? })
    }

    /// The next answer.
    pub fn answer(stream: &mut impl Read) -> io::Result<Piece> {
        let head = head(stream)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut answer = httparse::Response::new(&mut headers);
        answer.parse(&head).map_err(Error::other)?;
        let first = answer.code.unwrap_or_default().to_string();
        Ok(Piece { first, body: body(stream, answer.headers)? })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether it answers that all is done.
    pub fn is_done(&self) -> bool {
        matches!(self.first.as_str(), "200" | "201")
    }
}

/// Writes a request or an answer in one piece: the second of two would wait for the other side to have seen the first.
pub fn write(stream: &mut impl Write, first: &str, kind: &str, body: &str) -> io::Result<()> {
    let head = format!("{first}\r\nHost: ledger\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes())
}

/// Up to the empty line, a byte at a time: heads are short.
fn head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(super::sender::byte(stream)?);
    }
    Ok(head)
}

fn body(stream: &mut impl Read, headers: &[httparse::Header<'_>]) -> io::Result<Vec<u8>> {
    let length = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body)?;
    Ok(body)
}
