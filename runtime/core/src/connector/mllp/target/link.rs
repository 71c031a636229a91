//! A connection to a peer, block for block.

use std::io;

use bytes::{Bytes, BytesMut};
use rustix::net::{RecvFlags, recv};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::codec::Decoder;

use super::super::frame::{self, Frames};
use super::passing;
use crate::flow::retry::Failure;

/// The longest answer that is read.
const ANSWER_MAX: usize = 1 << 20;

/// How much of one is read at once.
const ANSWER: usize = 1 << 10;

pub(super) struct Link {
    stream: Box<dyn Stream>,
    frames: Frames,
    unread: BytesMut,
    /// MSH-10 of the message before: an answer to it may come late.
    pub before: Vec<u8>,
}

/// What bytes go over, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// Reads what has come, without being told that something has.
    fn read_at_once(&self, _unread: &mut BytesMut) {}
}

impl Stream for TcpStream {
    fn read_at_once(&self, unread: &mut BytesMut) {
        let mut answer = [0; ANSWER];
        // An end or a fault is found by whoever waits for more.
        let read = recv(self, &mut answer[..], RecvFlags::DONTWAIT).map_or(0, |(read, _)| read);
        unread.extend_from_slice(answer.get(..read).unwrap_or_default());
    }
}

impl Stream for TlsStream<TcpStream> {}

impl Link {
    pub async fn open(address: &str, tls: Option<&(TlsConnector, ServerName<'static>)>) -> io::Result<Link> {
        let stream = TcpStream::connect(address).await?;
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        };
        Ok(Link { stream, frames: Frames::new(ANSWER_MAX), unread: BytesMut::new(), before: Vec::new() })
    }

    pub async fn write(&mut self, content: &[u8]) -> Result<(), Failure> {
        self.stream.write_all_buf(&mut frame::around(content)).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)
    }

    pub async fn next(&mut self) -> Result<Bytes, Failure> {
        // A peer that is near has often answered by now: asking for it costs less than being woken.
        self.stream.read_at_once(&mut self.unread);
        next(&mut self.stream, &mut self.frames, &mut self.unread).await
    }

    /// Both ways at once.
    pub fn both(&mut self) -> (Reading<'_>, Writing<'_>) {
        let Link { stream, frames, unread, before } = self;
        let (reads, writes) = tokio::io::split(stream);
        (Reading { stream: reads, frames, unread, before }, Writing(writes))
    }
}

pub(super) struct Reading<'l> {
    stream: ReadHalf<&'l mut Box<dyn Stream>>,
    frames: &'l mut Frames,
    unread: &'l mut BytesMut,
    before: &'l [u8],
}

pub(super) struct Writing<'l>(WriteHalf<&'l mut Box<dyn Stream>>);

impl<'l> Reading<'l> {
    pub async fn next(&mut self) -> Result<Bytes, Failure> {
        next(&mut self.stream, self.frames, self.unread).await
    }

    /// MSH-10 of the message before all that goes now.
    pub fn before(&self) -> &'l [u8] {
        self.before
    }
}

impl Writing<'_> {
    pub async fn write(&mut self, content: &[u8]) -> Result<(), Failure> {
        self.0.write_all_buf(&mut frame::around(content)).await.map_err(lost)
    }

    pub async fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().await.map_err(lost)
    }
}

async fn next(
    stream: &mut (impl AsyncRead + Unpin),
    frames: &mut Frames,
    unread: &mut BytesMut,
) -> Result<Bytes, Failure> {
    loop {
        if let Some(block) = frames.decode(unread).map_err(|_| passing("its answer is no frame"))? {
            return Ok(block);
        }
        unread.reserve(ANSWER);
        if stream.read_buf(unread).await.map_err(lost)? == 0 {
            return Err(passing("it hangs up without an answer"));
        }
    }
}

fn lost(why: io::Error) -> Failure {
    passing(&format!("the connection is lost: {}", why.kind()))
}
