//! Sends messages to a peer and judges what it answers.

mod judge;
mod link;
mod train;

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use emr_message::answer::Code;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::tls::{self, Secrets, Why};
use super::{COMMITTED, Mode, NOT_COMMITTED, Release};
use crate::flow::deliver::{Parcel, Said, Target, Train};
use crate::flow::program::{Form, Made};
use crate::flow::retry::Failure;
use judge::{Awaited, Sent};
use link::Link;

/// What a target to `mllp` is told. Times in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub address: String,
    pub tls: Option<tls::Client>,
    pub mode: Mode,
    pub release: Release,
    pub connect_timeout: u64,
    pub answer_timeout: u64,
    /// How many messages may be on their way before the first is answered.
    #[serde(default)]
    pub pipeline: usize,
    /// Codes of MSA-1 that ask for another try.
    #[serde(default)]
    pub retry_on: Vec<String>,
}

/// A peer, with the connection that is open to it.
pub struct Peer {
    settings: Settings,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    link: Mutex<Option<Link>>,
}

/// What a block of the peer means for a message.
struct Heard {
    said: Said,
    /// Nothing else is waited for.
    decides: bool,
    /// That the block has come, where the peer wants to know.
    acknowledgment: Option<Vec<u8>>,
}

impl Peer {
    /// # Errors
    /// What its TLS needs is not to be had.
    pub fn new(settings: Settings, folder: &Path, secrets: &Secrets) -> Result<Peer, Why> {
        let tls = settings.tls.as_ref().map(|tls| tls.connector(&settings.address, folder, secrets)).transpose()?;
        Ok(Peer { settings, tls, link: Mutex::new(None) })
    }

    async fn send(&self, message: &[u8], asks: bool) -> Said {
        let mut answer = None;
        let end = self.sent(message, asks, &mut answer).await;
        Said { end, answer }
    }

    /// What the peer says of it comes into `answer`, also if that is a refusal.
    async fn sent(&self, message: &[u8], asks: bool, answer: &mut Option<Made>) -> Result<(), Failure> {
        let mut kept = self.link.lock().await;
        // One that failed is not used again.
        let mut link = match kept.take() {
            Some(link) => link,
            None => self.connect().await?,
        };
        let sent = Sent::of(message);
        self.exchange(&mut link, message, (&sent, asks), answer).await?;
        point!("mllp.judged");
        link.before = sent.control.to_vec();
        *kept = Some(link);
        Ok(())
    }

    async fn connect(&self) -> Result<Link, Failure> {
        let wait = Duration::from_millis(self.settings.connect_timeout);
        let connected = timeout(wait, Link::open(&self.settings.address, self.tls.as_ref())).await;
        let connected = connected.map_err(|_| passing("it does not take the connection in time"))?;
        connected.map_err(|why| passing(&format!("it cannot be reached: {}", why.kind())))
    }

    async fn exchange(
        &self,
        link: &mut Link,
        message: &[u8],
        sent: (&Sent<'_>, bool),
        answer: &mut Option<Made>,
    ) -> Result<(), Failure> {
        point!("mllp.send");
        link.write(message).await?;
        point!("mllp.sent");
        let answered = timeout(self.patience(), self.answered(link, sent, answer)).await;
        answered.unwrap_or_else(|_| Err(passing("it does not answer in time")))
    }

    /// Reads what the peer says until nothing more is to come.
    async fn answered(
        &self,
        link: &mut Link,
        (sent, asks): (&Sent<'_>, bool),
        answer: &mut Option<Made>,
    ) -> Result<(), Failure> {
        let mut is_stored = self.settings.release == Release::One;
        let mut is_answered = self.awaited(sent, asks) == Awaited::Nothing;
        while !(is_stored && is_answered) {
            let block = link.next().await?;
            if self.settings.release == Release::Two {
                match &*block {
                    COMMITTED => {
                        is_stored = true;
                        continue;
                    }
                    NOT_COMMITTED => return Err(passing("it could not store it")),
                    // What it says is content too, and wants to be known as received.
                    _ => link.write(COMMITTED).await?,
                }
            }
            let said = judge::said(&block)?;
            if !said.is_of(sent.control) {
                if said.is_of(&link.before) {
                    // Nobody waited for it any more.
                    continue;
                }
                return Err(passing("it answers another message"));
            }
            let heard = self.heard(&said, &block, sent, asks);
            *answer = heard.said.answer.or(answer.take());
            heard.said.end?;
            if let Some(acknowledgment) = heard.acknowledgment {
                link.write(&acknowledgment).await?;
            }
            is_answered |= heard.decides;
        }
        Ok(())
    }

    /// What a block means for the message that it is said of. `asks`: its sender waits for what the application says.
    fn heard(&self, said: &judge::Said<'_>, block: &Bytes, sent: &Sent<'_>, asks: bool) -> Heard {
        let is_enhanced = self.settings.mode == Mode::Enhanced || sent.asks();
        let is_first_word = said.code == Some(Code::CommitAccept) && self.awaited(sent, asks) == Awaited::Application;
        let answer = (asks && said.is_of_application()).then(|| Made { form: Form::Message, bytes: block.clone() });
        Heard {
            said: Said { end: said.judged(&self.settings.retry_on), answer },
            decides: !is_first_word,
            acknowledgment: (is_enhanced && said.asks).then(|| said.acknowledged(block)),
        }
    }

    fn awaited(&self, sent: &Sent<'_>, asks: bool) -> Awaited {
        if asks { Awaited::Application } else { sent.awaited(self.settings.mode) }
    }

    /// How long an answer may take.
    fn patience(&self) -> Duration {
        Duration::from_millis(self.settings.answer_timeout)
    }
}

impl Target for Peer {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(parcel.each(move |made| self.send(&made.bytes, parcel.asks)))
    }

    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(async move { self.connect().await.map(drop) })
    }

    /// Each block of release 2 is committed before the next one goes.
    fn train(&self) -> Option<&dyn Train> {
        (self.settings.pipeline > 1 && self.settings.release == Release::One).then_some(self as _)
    }
}

fn passing(why: &str) -> Failure {
    Failure::Passing(why.to_owned())
}

#[cfg(test)]
mod tests;
