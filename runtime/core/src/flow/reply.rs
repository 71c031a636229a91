//! What a sender gets of what a target says: kept before it is told, so that the same message once more gets the same.
//!
//! Where there is nothing to be told the message is its sender's again, and the same message is a new one then: its sender
//! asks once more.

use bytes::Bytes;
use emr_message::Receipt;
use emr_message::answer::Code;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::anew::Task;
use super::deliver::Said;
use super::intake::{Answers, Intake, Waiting, When};
use super::look_up::{Known, Patience};
use super::program::{Form, Made};
use super::seen::{Answer, Progress, Verdict};
use super::version::Version;
use super::work::{WayOut, tell};
use crate::journal::entry::{EVENT, Entry, Event, Identity, Reply, What};
use crate::journal::fs::Fs;
use crate::journal::ledger::Open;
use crate::journal::log::Place;

impl<F: Fs> Intake<F> {
    /// What the sender of a message is told, with what it gets of a target, which is read from the journal. Where that
    /// cannot be read it has no answer.
    pub async fn told(&self, verdict: Verdict) -> (Verdict, Option<Made>) {
        let Verdict::Replied(place) = verdict else { return (verdict, None) };
        let reader = self.reader.clone();
        let read = spawn_blocking(move || reader.read(place)).await;
        let reply = read.ok().and_then(Result::ok).and_then(|body| reply(&body));
        (if reply.is_some() { verdict } else { Verdict::Unanswered }, reply)
    }

    /// Its sender waits until all targets have the message.
    pub(super) fn await_targets(&self, number: u64, answer: watch::Sender<Progress>) {
        answer.send_modify(|progress| (progress.number, progress.is_stored) = (Some(number), true));
        self.waiting().insert(number, Waiting { answer, verdict: None });
    }

    /// Who tells the senders of what was in flight when the last process ended, by the numbers of the messages: if one sends
    /// the same once more, it waits for what comes of that. Nobody where senders are told sooner.
    pub(super) fn asked_again(&self) -> Answers {
        let mut answers = Answers::new();
        if self.version().settings.answer != When::Delivered {
            return answers;
        }
        let (ledger, mut seen) = (self.ledger(), self.seen());
        for open in ledger.open().filter(|open| open.goes_on() && !open.arrival.is_answered) {
            let (answer, coming) = watch::channel(Progress::default());
            if let Some(identity) = identity(open) {
                seen.note(identity, Answer::Coming(coming));
            }
            answers.insert(open.number(), answer);
        }
        answers
    }

    /// Tells the sender of a message what there is to be told, once nothing goes on with it.
    pub(super) fn answer_if_settled(&self, number: u64) {
        let awaits_reply = |open: &Open| {
            let version = self.version();
            open.going().any(|way| version.asks(way))
        };
        let goes_on = |open: &Open| !open.is_parked() || awaits_reply(open);
        if self.ledger().message(number).is_some_and(goes_on) {
            return;
        }
        let waiting = self.waiting().remove(&number);
        if let Some(Waiting { answer, verdict }) = waiting {
            tell(&answer, Some(number), verdict.unwrap_or(Verdict::Good));
        }
    }

    /// What the sender of a message is to be told: what was known first.
    fn will_tell(&self, number: u64, verdict: Verdict) {
        if let Some(waiting) = self.waiting().get_mut(&number) {
            waiting.verdict.get_or_insert(verdict);
        }
    }

    /// Keeps what the sender gets. Nothing if there is no room for it.
    async fn keep(&self, number: u64, what: What) -> Option<Place> {
        let record = self.writer.reserve().await.ok()?;
        let event = self.note(number, what);
        record.submit(EVENT, event.body(), Bytes::new()).await.ok()?.ok()
    }
}

impl<F: Fs> WayOut<F> {
    /// How a delivery ended whose sender waits for what the target says. What a person sent on has no sender that waits.
    pub(super) async fn replied(&self, number: u64, said: Said) -> What {
        let open = self.intake.ledger().message(number).cloned();
        let is_answered = open.as_ref().is_some_and(Open::is_answered);
        let identity = open.as_ref().and_then(identity);
        let target = self.name.to_string();
        let code = if said.end.is_ok() { Code::Accept } else { Code::Error };
        let made = match open.as_ref().zip(said.answer.as_ref()) {
            Some((open, answer)) => Some(self.made(open, (answer, code)).await),
            None => None,
        };
        let kept = match made {
            Some(Ok(Made { form, bytes })) => {
                let reply = Reply { is_json: form == Form::Json, bytes: bytes.to_vec() };
                let what = What::Replied { target: target.clone(), identity, reply };
                self.intake.keep(number, what).await.ok_or_else(|| "what it answers could not be kept".to_owned())
            }
            Some(Err(why)) => Err(why),
            None => Err("it answers nothing that can be read".to_owned()),
        };
        self.intake.will_tell(number, kept.as_ref().map_or(Verdict::Unanswered, |place| Verdict::Replied(*place)));
        let why = match (said.end, &kept) {
            (Ok(()), Ok(_)) => return What::Delivered { target },
            (Ok(()), Err(why)) => why.clone(),
            (Err(failure), _) => failure.why().to_owned(),
        };
        if is_answered {
            return What::Parked { target: Some(target), why };
        }
        let identity = identity.filter(|_| kept.is_err());
        if let Some(identity) = identity {
            self.intake.seen().forget(identity);
        }
        What::Returned { target, identity, why }
    }

    /// What the sender gets of what the target said, or why there is nothing.
    ///
    /// What its map looks up in a table is asked once: a sender waits for it.
    async fn made(&self, open: &Open, said: (&Made, Code)) -> Result<Made, String> {
        let message = self.intake.message(open).ok_or("its record cannot be read")?;
        let reply =
            |version: &Version, message: &Bytes, receipt: &Receipt| version.reply(&self.name, (message, receipt), said);
        let task = Task::of_reply(open.number(), &self.name);
        let made = self.intake.made_with((open, &message, task), Known::new(), Patience::Once, reply).await;
        let (made, seen) = made?;
        seen.iter().for_each(|seen| self.intake.see(&seen.happening(open.number())));
        made
    }
}

/// What an event has for the sender of its message.
fn reply(body: &[u8]) -> Option<Made> {
    match Entry::read(EVENT, body)? {
        Entry::Event(Event { what: What::Replied { reply: Reply { is_json, bytes }, .. }, .. }) => {
            let form = if is_json { Form::Json } else { Form::Message };
            Some(Made { form, bytes: bytes.into() })
        }
        _ => None,
    }
}

/// By what a message is known whose sender is to be told of it.
pub(super) fn identity(open: &Open) -> Option<Identity> {
    open.arrival.identity.filter(|_| !open.is_resumed)
}
