//! Several messages on their way over one connection: answers are matched by MSA-2, in whatever order they come.

use std::pin::{Pin, pin};

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::judge::{self, Awaited, Sent};
use super::link::{Link, Reading, Writing};
use super::{Heard, Peer, passing};
use crate::flow::deliver::{Parcel, Said, Target, Train};
use crate::flow::retry::Failure;

/// How many words of the peer may wait to be acknowledged, for each message: that it is stored, and what comes of it.
const WORDS: usize = 2;

/// What is said of the messages of a train, by their places in it.
struct Answers<'a> {
    peer: &'a Peer,
    parcels: &'a [Parcel],
    /// Those that nothing decisive was said of, by MSH-10.
    open: FxHashMap<&'a [u8], usize>,
    said: Vec<Option<Said>>,
}

impl Train for Peer {
    fn most(&self) -> usize {
        self.settings.pipeline
    }

    fn deliver_all<'a>(
        &'a self,
        parcels: &'a [Parcel],
    ) -> Pin<Box<dyn Future<Output = Vec<Option<Said>>> + Send + 'a>> {
        Box::pin(async move {
            let mut said = match self.told_apart(parcels) {
                [] => Vec::new(),
                [one] => vec![Some(self.deliver(one).await)],
                several => self.send_all(several).await,
            };
            if let ([], [first, ..]) = (said.as_slice(), parcels) {
                said.push(Some(self.deliver(first).await));
            }
            said.resize(parcels.len(), None);
            said
        })
    }
}

impl Peer {
    /// The first of them whose answers can be told apart, each of which is answered.
    fn told_apart<'a>(&self, parcels: &'a [Parcel]) -> &'a [Parcel] {
        let mut known = rustc_hash::FxHashSet::default();
        let mut is_one = |parcel: &Parcel| match &*parcel.made {
            [made] => {
                let sent = Sent::of(&made.bytes);
                let is_answered = self.awaited(&sent, parcel.asks) != Awaited::Nothing;
                is_answered && !sent.control.is_empty() && known.insert(sent.control.to_vec())
            }
            _ => false,
        };
        let count = parcels.iter().take_while(|parcel| is_one(parcel)).count();
        parcels.get(..count).unwrap_or_default()
    }

    async fn send_all(&self, parcels: &[Parcel]) -> Vec<Option<Said>> {
        let mut kept = self.link.lock().await;
        let mut answers = Answers::new(self, parcels);
        let link = match kept.take() {
            Some(link) => Ok(link),
            None => self.connect().await,
        };
        let end = match link {
            Ok(mut link) => match answers.exchange(&mut link).await {
                Ok(()) => {
                    // One that was refused is not used again, as for a single message.
                    if answers.said.iter().flatten().all(|said| said.end.is_ok()) {
                        link.before = answers.last().to_vec();
                        *kept = Some(link);
                    }
                    return answers.said;
                }
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        answers.failed(end);
        answers.said
    }
}

impl<'a> Answers<'a> {
    fn new(peer: &'a Peer, parcels: &'a [Parcel]) -> Answers<'a> {
        let open = (0..).zip(parcels).map(|(place, parcel)| (sent(parcel).control, place)).collect();
        Answers { peer, parcels, open, said: vec![None; parcels.len()] }
    }

    /// MSH-10 of the last message: an answer to it may come late.
    fn last(&self) -> &'a [u8] {
        self.parcels.last().map(|parcel| sent(parcel).control).unwrap_or_default()
    }

    /// The first that got no answer fails; nothing is known of those behind it.
    fn failed(&mut self, failure: Failure) {
        if let Some(first) = self.open.values().min()
            && let Some(said) = self.said.get_mut(*first)
        {
            *said = Some(Err(failure).into());
        }
    }

    /// Writes and reads at once: neither side waits for the other to read, nor to be acknowledged.
    async fn exchange(&mut self, link: &mut Link) -> Result<(), Failure> {
        let messages = self.parcels.iter().map(message);
        let (acknowledge, acknowledgments) = mpsc::channel(WORDS * self.parcels.len());
        let (sent, mut is_sent) = oneshot::channel();
        let wait = self.peer.patience();
        let (mut reading, mut writing) = link.both();
        let mut write = pin!(write(&mut writing, messages, sent, acknowledgments));
        let mut read = pin!(self.read(&mut reading, acknowledge));
        let mut is_over = false;
        loop {
            tokio::select! {
                // Where the connection is lost the peer may have answered what came before.
                _ = &mut write, if !is_over => is_over = true,
                read = &mut read => {
                    read?;
                    break;
                }
            }
        }
        is_sent.try_recv().map_err(|_| passing("it answers what it did not get"))?;
        if is_over { Ok(()) } else { timeout(wait, write).await.map_err(|_| passing("it does not read"))? }
    }

    async fn read(&mut self, reading: &mut Reading<'_>, acknowledge: mpsc::Sender<Vec<u8>>) -> Result<(), Failure> {
        while !self.open.is_empty() {
            let block = timeout(self.peer.patience(), reading.next()).await;
            let block = block.map_err(|_| passing("it does not answer in time"))??;
            if let Some(acknowledgment) = self.take(&block, reading.before())?
                && let Err(TrySendError::Full(_)) = acknowledge.try_send(acknowledgment)
            {
                return Err(passing("it says more than it reads"));
            }
        }
        Ok(())
    }

    /// What the peer wants to hear of a block.
    fn take(&mut self, block: &Bytes, before: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let said = judge::said(block)?;
        let Some(&place) = self.open.get(said.of()) else {
            // Nobody waits any more for what is said once more of another one.
            let is_known = said.is_of(before) || self.parcels.iter().any(|parcel| said.is_of(sent(parcel).control));
            return if is_known { Ok(None) } else { Err(passing("it answers another message")) };
        };
        let Some(parcel) = self.parcels.get(place) else { return Ok(None) };
        let heard = self.peer.heard(&said, block, &sent(parcel), parcel.asks);
        let Heard { said: of_message, decides, acknowledgment } = heard;
        if decides {
            self.open.remove(said.of());
            if let Some(known) = self.said.get_mut(place) {
                *known = Some(of_message);
            }
        }
        Ok(acknowledgment)
    }
}

/// Writes messages, and what their answers are to be acknowledged with: among them, and behind them as long as any may come.
async fn write<'m>(
    writing: &mut Writing<'_>,
    messages: impl Iterator<Item = &'m [u8]>,
    sent: oneshot::Sender<()>,
    mut acknowledgments: mpsc::Receiver<Vec<u8>>,
) -> Result<(), Failure> {
    for message in messages {
        writing.write(message).await?;
        while let Ok(acknowledgment) = acknowledgments.try_recv() {
            writing.write(&acknowledgment).await?;
        }
    }
    writing.flush().await?;
    let _ = sent.send(());
    while let Some(acknowledgment) = acknowledgments.recv().await {
        writing.write(&acknowledgment).await?;
        writing.flush().await?;
    }
    Ok(())
}

/// A train has one message of each.
fn message(parcel: &Parcel) -> &[u8] {
    parcel.made.first().map(|made| &*made.bytes).unwrap_or_default()
}

/// What the message of a parcel says of its answers.
fn sent(parcel: &Parcel) -> Sent<'_> {
    Sent::of(message(parcel))
}
