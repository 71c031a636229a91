//! Several messages on their way over one connection: answers are matched by MSA-2, in whatever order they come.

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tokio::time::timeout;

use super::judge::{self, Awaited};
use super::link::{Link, Reading};
use super::{Peer, control, passing};
use crate::flow::deliver::{Parcel, Said, Target, Train};
use crate::flow::program::{Form, Made};
use crate::flow::retry::Failure;
use emr_message::answer::Code;

/// What is said of the messages of a train, by their places in it.
struct Answers<'a> {
    peer: &'a Peer,
    parcels: &'a [Parcel],
    /// Those that nothing decisive was said of, by MSH-10.
    open: FxHashMap<&'a [u8], usize>,
    said: Vec<Option<Said>>,
    /// Answers that want to be answered.
    asking: Vec<Bytes>,
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
                let id = control(&made.bytes);
                let is_answered = parcel.asks || Awaited::of(&made.bytes, self.settings.mode) != Awaited::Nothing;
                is_answered && !id.is_empty() && known.insert(id.to_vec())
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
        let open = (0..).zip(parcels).map(|(place, parcel)| (control(message(parcel)), place)).collect();
        Answers { peer, parcels, open, said: vec![None; parcels.len()], asking: Vec::new() }
    }

    /// MSH-10 of the last message: an answer to it may come late.
    fn last(&self) -> &'a [u8] {
        self.parcels.last().map(|parcel| control(message(parcel))).unwrap_or_default()
    }

    /// The first that got no answer fails; nothing is known of those behind it.
    fn failed(&mut self, failure: Failure) {
        if let Some(first) = self.open.values().min()
            && let Some(said) = self.said.get_mut(*first)
        {
            *said = Some(Err(failure).into());
        }
    }

    /// Writes and reads at once: neither side waits for the other to read.
    async fn exchange(&mut self, link: &mut Link) -> Result<(), Failure> {
        let messages = self.parcels.iter().map(message);
        {
            let (mut reading, mut writing) = link.both();
            let mut write = pin!(writing.write_all(messages));
            let mut read = pin!(self.read(&mut reading));
            let mut is_written = false;
            loop {
                tokio::select! {
                    // Where the connection is lost the peer may have answered what came before.
                    _ = &mut write, if !is_written => {
                        is_written = true;
                    }
                    read = &mut read => {
                        read?;
                        break;
                    }
                }
            }
            if !is_written {
                return Err(passing("it answers what it did not get"));
            }
        }
        for answer in std::mem::take(&mut self.asking) {
            link.write(&judge::said(&answer)?.acknowledged(&answer)).await?;
        }
        Ok(())
    }

    async fn read(&mut self, reading: &mut Reading<'_>) -> Result<(), Failure> {
        let wait = Duration::from_millis(self.peer.settings.answer_timeout);
        while !self.open.is_empty() {
            let block = timeout(wait, reading.next()).await.map_err(|_| passing("it does not answer in time"))??;
            self.take(block, reading.before())?;
        }
        Ok(())
    }

    fn take(&mut self, block: Bytes, before: &[u8]) -> Result<(), Failure> {
        let said = judge::said(&block)?;
        let Some(&place) = self.open.get(said.of()) else {
            // Nobody waits any more for what is said once more of another one.
            let is_known = said.is_of(before) || self.parcels.iter().any(|parcel| said.is_of(control(message(parcel))));
            return if is_known { Ok(()) } else { Err(passing("it answers another message")) };
        };
        let Some(parcel) = self.parcels.get(place) else { return Ok(()) };
        let settings = &self.peer.settings;
        let awaited = if parcel.asks { Awaited::Application } else { Awaited::of(message(parcel), settings.mode) };
        let end = said.judged(&settings.retry_on);
        if end.is_ok() && awaited == Awaited::Application && said.code == Some(Code::CommitAccept) {
            return Ok(());
        }
        self.open.remove(said.of());
        let is_answer = parcel.asks && said.is_of_application();
        if said.asks && self.peer.is_enhanced(message(parcel)) {
            self.asking.push(block.clone());
        }
        let answer = is_answer.then(|| Made { form: Form::Message, bytes: block.clone() });
        if let Some(known) = self.said.get_mut(place) {
            *known = Some(Said { end, answer });
        }
        Ok(())
    }
}

/// A train has one message of each.
fn message(parcel: &Parcel) -> &[u8] {
    parcel.made.first().map(|made| &*made.bytes).unwrap_or_default()
}
