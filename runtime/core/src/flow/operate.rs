//! What a person may do with messages of a feed that runs: let go what is parked, give it up, have what is settled
//! delivered once more.
//!
//! What is asked for is on disk before it is done, so that a process that dies in between leaves it to the next one; and
//! nobody's answer changes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::intake::Intake;
use super::witness::Happening;
use crate::journal::commit::Refused;
use crate::journal::entry::{ANSWERS, Answered, EVENT, Event, What};
use crate::journal::fs::Fs;
use crate::journal::ledger::{Ledger, Open};
use crate::journal::log::Place;

/// Why it is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// The journal does not hold it, or not any more.
    Unknown,
    NotParked,
    /// It was not settled, and is parked.
    Parked,
    /// It is on its way.
    InFlight,
    /// The project has no such way out.
    NoWay(Arc<str>),
    /// As many messages as a feed may have are not settled.
    TooMany,
    /// There is no room on the disk.
    Full,
    /// The engine ends.
    Stopping,
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            No::Unknown => "the journal does not hold it, or not any more",
            No::NotParked => "it is not parked",
            No::Parked => "it is parked: release it",
            No::InFlight => "it is on its way",
            No::NoWay(way) => return write!(f, "the project has no way `{way}`"),
            No::TooMany => "too many messages of its feed are not settled: it has to wait",
            No::Full => "there is no room on the disk",
            No::Stopping => "the engine is stopping",
        })
    }
}

/// Something that was asked for and is being written.
pub struct Asked {
    event: Event,
    stored: oneshot::Receiver<Result<Place, Refused>>,
    /// What is to be known for it as it was before.
    answers: Option<oneshot::Receiver<Result<Place, Refused>>>,
}

impl<F: Fs> Intake<F> {
    /// Begins to let a message go, to give it up or to replay it, where that can be done; [`Intake::done`] ends it. Not for
    /// the same message twice at a time.
    ///
    /// # Errors
    /// Why not; then nothing has changed.
    pub async fn ask(&self, who: &Arc<str>, number: u64, what: What) -> Result<Asked, No> {
        let record = self.writer.reserve().await.map_err(|_| No::Stopping)?;
        self.may(&self.ledger(), number, &what)?;
        let event = Event::by(who, number, what);
        let stored = record.submit(EVENT, event.body(), Bytes::new());
        Ok(Asked { event, stored, answers: None })
    }

    /// The same for a message that is to be mapped with what tables gave for it before.
    ///
    /// # Errors
    /// As for [`Intake::ask`].
    pub async fn ask_with(
        &self,
        who: &Arc<str>,
        number: u64,
        what: What,
        answered: Option<Answered>,
    ) -> Result<Asked, No> {
        let asked = self.ask(who, number, what).await?;
        let Some(answered) = answered else { return Ok(asked) };
        let record = self.writer.reserve().await.map_err(|_| No::Stopping)?;
        Ok(Asked { answers: Some(record.submit(ANSWERS, answered.body(), Bytes::new())), ..asked })
    }

    fn may(&self, ledger: &Ledger, number: u64, what: &What) -> Result<(), No> {
        let open = ledger.message(number);
        match what {
            What::Replayed(replay) => match open {
                Some(open) if open.is_parked() => Err(No::Parked),
                Some(_) => Err(No::InFlight),
                None if !ledger.remembers(replay.place) => Err(No::Unknown),
                None if self.room.available_permits() == 0 => Err(No::TooMany),
                None => Ok(()),
            },
            What::Released => {
                let open = open.filter(|open| open.is_parked()).ok_or(No::NotParked)?;
                let version = self.version();
                let gone = open.held().into_iter().find(|way| version.queue(way).is_none());
                gone.map_or(Ok(()), |way| Err(No::NoWay(way)))
            }
            _ => open.filter(|open| open.is_parked()).map(|_| ()).ok_or(No::NotParked),
        }
    }

    /// Does what was asked for, once it is on disk.
    ///
    /// # Errors
    /// It could not be written, and is not done.
    pub async fn done(&self, asked: Asked) -> Result<(), No> {
        let Asked { event, stored, answers } = asked;
        match stored.await {
            Ok(Ok(_)) => {}
            Ok(Err(Refused::Full)) => return Err(No::Full),
            Ok(Err(Refused::Broken)) | Err(_) => return Err(No::Stopping),
        }
        let number = event.message;
        self.see(&Happening::Noted { number, what: &event.what, who: event.who.as_deref() });
        let goes_on = matches!(event.what, What::Released | What::Replayed(_));
        let held = {
            let mut ledger = self.ledger();
            let held = ledger.message(number).map(Open::held).unwrap_or_default();
            self.sum_up(&mut ledger, event);
            held
        };
        // Without them it is asked anew.
        if let Some(answers) = answers
            && let Ok(Ok(place)) = answers.await
        {
            self.ledger().answered(number, place);
        }
        if goes_on {
            self.resume(number, held).await;
        } else {
            self.answer_if_settled(number);
        }
        Ok(())
    }

    /// All that happened up to now is on disk when this returns; false if it will not be.
    pub async fn flushed(&self) -> bool {
        self.writer.flushed().await.is_ok()
    }

    /// Where its messages are.
    pub fn sum<T>(&self, ask: impl FnOnce(&Ledger) -> T) -> T {
        ask(&self.ledger())
    }
}
