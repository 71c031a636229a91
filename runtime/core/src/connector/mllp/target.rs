//! Sends messages to a peer and judges what it answers.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use emr_message::answer::Code;
use emr_message::header::Header;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::codec::{Decoder, Encoder};

use super::super::tls::{self, Secrets, Why};
use super::frame::Frames;
use crate::flow::deliver::{Parcel, Target};
use crate::flow::retry::Failure;

/// What a target to `mllp` is told. Times in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub address: String,
    pub tls: Option<tls::Client>,
    pub connect_timeout: u64,
    pub answer_timeout: u64,
    /// Codes of MSA-1 that ask for another try.
    #[serde(default)]
    pub retry_on: Vec<String>,
}

/// The longest answer that is read.
const ANSWER_MAX: usize = 1 << 20;

/// A peer, with the connection that is open to it.
pub struct Peer {
    settings: Settings,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connection: Mutex<Option<Box<dyn Stream>>>,
}

/// What bytes go over, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Peer {
    /// # Errors
    /// What its TLS needs is not to be had.
    pub fn new(settings: Settings, folder: &Path, secrets: &Secrets) -> Result<Peer, Why> {
        let tls = settings.tls.as_ref().map(|tls| tls.connector(&settings.address, folder, secrets)).transpose()?;
        Ok(Peer { settings, tls, connection: Mutex::new(None) })
    }

    async fn send(&self, message: &[u8]) -> Result<(), Failure> {
        let mut connection = self.connection.lock().await;
        // One that failed is not used again.
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let answer = self.exchange(&mut *stream, message).await?;
        judge(message, &answer, &self.settings.retry_on)?;
        point!("mllp.judged");
        *connection = Some(stream);
        Ok(())
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        let connected = async {
            let stream = TcpStream::connect(&self.settings.address).await?;
            let _ = stream.set_nodelay(true);
            Ok::<Box<dyn Stream>, std::io::Error>(match &self.tls {
                None => Box::new(stream),
                Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
            })
        };
        let wait = Duration::from_millis(self.settings.connect_timeout);
        let connected = timeout(wait, connected).await;
        let connected = connected.map_err(|_| passing("it does not take the connection in time"))?;
        connected.map_err(|why| passing(&format!("it cannot be reached: {}", why.kind())))
    }

    async fn exchange(&self, stream: &mut dyn Stream, message: &[u8]) -> Result<Bytes, Failure> {
        let mut frames = Frames::new(ANSWER_MAX);
        let mut bytes = BytesMut::new();
        let lost = |why: std::io::Error| passing(&format!("the connection is lost: {}", why.kind()));
        frames.encode(message, &mut bytes).map_err(lost)?;
        point!("mllp.send");
        stream.write_all(&bytes).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        point!("mllp.sent");
        bytes.clear();
        let answered = async {
            loop {
                if let Some(answer) = frames.decode(&mut bytes).map_err(|_| passing("its answer is no frame"))? {
                    return Ok(answer);
                }
                if stream.read_buf(&mut bytes).await.map_err(lost)? == 0 {
                    return Err(passing("it hangs up without an answer"));
                }
            }
        };
        let wait = Duration::from_millis(self.settings.answer_timeout);
        timeout(wait, answered).await.unwrap_or_else(|_| Err(passing("it does not answer in time")))
    }
}

impl Target for Peer {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> {
        Box::pin(async move {
            for made in parcel.made.iter() {
                self.send(&made.bytes).await?;
            }
            Ok(())
        })
    }
}

fn passing(why: &str) -> Failure {
    Failure::Passing(why.to_owned())
}

/// What an answer means for the delivery: no answer to this message, AR and CR pass, AE and CE may.
fn judge(message: &[u8], answer: &[u8], retry_on: &[String]) -> Result<(), Failure> {
    let sent = Header::read(message).map(|header| header.field(10)).unwrap_or_default();
    let Some((code, of)) = acknowledged(answer) else { return Err(passing("its answer has no MSA")) };
    if of != sent {
        return Err(passing("it answers another message"));
    }
    let asks = |code: Code| retry_on.iter().any(|asked| asked == code.text());
    match Code::read(code) {
        Some(Code::Accept | Code::CommitAccept) => Ok(()),
        Some(code @ (Code::Error | Code::CommitError)) if !asks(code) => {
            Err(Failure::Doubtful(format!("it answers {}", code.text())))
        }
        Some(code) => Err(passing(&format!("it answers {}", code.text()))),
        None => Err(passing("its answer has a code that is not known")),
    }
}

/// MSA-1 and MSA-2 of an answer.
fn acknowledged(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let bar = Header::read(answer)?.delimiters.field;
    let lines = answer.split(|byte| matches!(byte, b'\r' | b'\n'));
    let mut fields = lines.map(|line| line.split(|byte| *byte == bar)).find_map(|mut line| {
        let name = line.next()?;
        (name == b"MSA").then_some(line)
    })?;
    Some((fields.next()?.trim_ascii(), fields.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(msa: &str) -> Result<(), Failure> {
        let answer = format!("MSH|^~\\&|||||||ACK|9|P|2.5\r{msa}\r");
        judge(b"MSH|^~\\&|||||||ADT^A01|7|P|2.5\rPID|1\r", answer.as_bytes(), &[])
    }

    #[test]
    fn an_answer_must_be_of_this_message() {
        assert_eq!(judged("MSA|AA|7"), Ok(()));
        assert_eq!(judged("MSA|CA|7"), Ok(()));
        assert!(matches!(judged("MSA|AA|8"), Err(Failure::Passing(_))));
        assert!(matches!(judged("MSA|AA"), Err(Failure::Passing(_))));
        assert!(matches!(judged("ERR"), Err(Failure::Passing(_))));
    }

    #[test]
    fn errors_are_doubted_and_rejections_pass() {
        assert!(matches!(judged("MSA|AE|7"), Err(Failure::Doubtful(_))));
        assert!(matches!(judged("MSA|AR|7"), Err(Failure::Passing(_))));
        assert!(matches!(judged("MSA|XX|7"), Err(Failure::Passing(_))));
        let answer = b"MSH|^~\\&|||||||ACK|9|P|2.5\rMSA|AE|7\r";
        let asked = judge(b"MSH|^~\\&|||||||ADT^A01|7|P|2.5\r", answer, &["AE".to_owned()]);
        assert!(matches!(asked, Err(Failure::Passing(_))));
    }
}
