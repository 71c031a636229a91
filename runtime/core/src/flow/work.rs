//! What is done with a message that is stored: mapped, handed to its ways out, settled.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use emr_message::Receipt;
use tokio::sync::{mpsc, watch};

use super::deliver::{End, NOT_MADE, Parcel, Source};
use super::intake::{Answers, Intake, Job, Next, Settings, Submitted, Tried, When, Work};
use super::line::{Accepted, Behind, Line};
use super::look_up::{DEATHS, DIED_OF, Done};
use super::program::{Made, Program};
use super::reply::identity;
use super::retry::Failure;
use super::seen::{Answer, Progress, Verdict};
use super::version::{NO_WAY, Outcome, Sight, Version};
use super::witness::Happening;
use crate::journal::commit::Refused;
use crate::journal::entry::{EVENT, What};
use crate::journal::fs::Fs;
use crate::journal::ledger::Open;
use crate::journal::log::Place;

const UNREAD: &str = "its record cannot be read";

impl<F: Fs> Intake<F> {
    /// Maps one message after the other, in the order of the journal, until nobody sends any.
    ///
    /// Of a message the last process may have died, on this thread or of what was made of it anew.
    pub(super) fn work(
        self: Arc<Self>,
        work: mpsc::Receiver<Work>,
        (suspect, died_of): (Option<Tried>, Option<u64>),
        answers: Answers,
    ) {
        died_of.into_iter().for_each(|number| self.happen(number, What::Started));
        if let Some(Tried { suspect, tell }) = &suspect {
            if suspect.is_new {
                self.happen(suspect.number, What::Started);
            }
            if !self.version().settings.tables.is_empty() {
                // Whoever starts the feed does not wait for a table.
                let _ = tell.send(());
            }
        }
        let mut line = Line::new(work);
        point!("flow.take_up");
        self.take_up(suspect, answers, &mut line);
        point!("flow.taken_up");
        let mut segment = None;
        while !self.is_left()
            && let Some(next) = line.next()
        {
            let place = match next {
                Behind::Work(Work::Message(job)) => self.job(job, &mut line),
                Behind::Work(Work::Again(number, ways)) => {
                    let open = self.ledger().message(number).cloned();
                    open.inspect(|open| self.go_on(open, &ways, None, &mut line));
                    None
                }
                Behind::Work(Work::Change) => {
                    self.change_now();
                    None
                }
                Behind::Accepted(accepted) => self.turn_of(accepted, &mut line),
            };
            let Some((place, received)) = place else { continue };
            if segment.replace(place.segment()) != Some(place.segment()) {
                self.forget(received);
            }
        }
    }

    /// Does what is to be done with a message as soon as it is stored, and gives its place and when it came. Nothing where
    /// it was not stored: then nothing of it may be answered.
    fn job(&self, job: Job, line: &mut Line) -> Option<(Place, i64)> {
        let Job { stored, sent } = job;
        let message = sent.message.clone();
        let accepted = self.accept(sent, stored.blocking_recv().ok()?)?;
        self.turn_of(Accepted { message: Some(message), ..accepted }, line)
    }

    /// A message is on disk, or is not.
    pub(super) fn accept(&self, sent: Submitted, stored: Result<Place, Refused>) -> Option<Accepted> {
        let Submitted { came, message, arrival, answer } = sent;
        let (identity, is_answered) = (arrival.identity, arrival.is_answered);
        match stored {
            Ok(place) => {
                let open = Open::new(place, arrival);
                point!("flow.stored");
                self.ledger().accept(open);
                let (number, bytes) = (place.number, message.len());
                self.see(&Happening::Accepted { number, bytes, took: came.elapsed() });
                if is_answered {
                    tell(&answer, Some(number), Verdict::Good);
                }
                Some(Accepted { number, identity, answer, message: None })
            }
            Err(Refused::Full) => {
                self.see(&Happening::Full);
                identity.inspect(|identity| self.seen().forget(*identity));
                self.room.add_permits(1);
                tell(&answer, None, Verdict::Later);
                None
            }
            // The process is about to end.
            Err(Refused::Broken) => None,
        }
    }

    /// It is its turn to be mapped.
    fn turn_of(&self, accepted: Accepted, line: &mut Line) -> Option<(Place, i64)> {
        let Accepted { number, identity, answer, message } = accepted;
        let open = self.ledger().message(number)?.clone();
        let Some(message) = message.or_else(|| self.message(&open)) else {
            self.park(&open, UNREAD, &answer);
            return Some((open.place, open.arrival.received));
        };
        let verdict = self.stored(&open, &message, answer, line);
        if let (Some(identity), Some(verdict)) = (identity, verdict) {
            self.seen().note(identity, Answer::Known(number, verdict));
        }
        Some((open.place, open.arrival.received))
    }

    /// Goes on by the next version, if there is one that is not the present one yet.
    pub(super) fn change_now(&self) -> bool {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Next { settings, program, done }) = next else { return false };
        self.changed(settings, program);
        let _ = done.send(());
        true
    }

    /// Goes on by another version.
    fn changed(&self, settings: Settings, program: Arc<dyn Program>) {
        let before = self.version();
        let version = before.next(settings, program);
        for (way, queue) in version.ways() {
            if before.queue(&way.name).is_some() {
                queue.order_by(|number| self.keys(&version, number));
            }
        }
        self.put(version);
        let version = self.version();
        for (number, ways) in self.missing(|way| version.queue(way).is_none()) {
            ways.iter().for_each(|way| self.happen(number, gone(way)));
            self.answer_if_settled(number);
        }
    }

    /// The deliveries that are neither made nor parked, of ways of which this holds: by message.
    fn missing(&self, of: impl Fn(&str) -> bool) -> Vec<(u64, Vec<Arc<str>>)> {
        let ledger = self.ledger();
        let waiting = ledger.open().filter_map(|open| {
            let missing = open.mapped.iter().flat_map(|mapped| &mapped.missing);
            let ways: Vec<_> =
                missing.filter(|(way, parked)| parked.is_none() && of(way)).map(|(way, _)| Arc::clone(way)).collect();
            (!ways.is_empty()).then(|| (open.number(), ways))
        });
        waiting.collect()
    }

    /// What a message is kept in order by, which is read of the journal. Most feeds keep all their messages in one order,
    /// and need not read them for that.
    fn keys(&self, version: &Version, number: u64) -> Vec<u64> {
        if version.settings.order_by.is_empty() {
            return Vec::new();
        }
        let Some(open) = self.ledger().message(number).cloned() else { return Vec::new() };
        let Some(message) = self.message(&open) else { return Vec::new() };
        version.keys(&version.repaired(&message).0, &self.receipt(number, &open.arrival))
    }

    /// Lets go of what is settled and was kept for long enough.
    fn forget(&self, now: i64) {
        let kept = i64::try_from(self.version().settings.remember).unwrap_or(i64::MAX).saturating_mul(1_000);
        let before = now.saturating_sub(kept);
        self.seen().forget_before(before);
        let below = self.ledger().forgettable(before);
        below.inspect(|below| self.writer.forget(*below));
    }

    /// What was in flight when the last process ended goes on.
    fn take_up(&self, mut suspect: Option<Tried>, mut answers: Answers, line: &mut Line) {
        let open: Vec<Open> = self.ledger().open().cloned().collect();
        for open in open {
            if let Ok(room) = self.room.try_acquire() {
                room.forget();
            }
            if open.goes_on() {
                let going: Vec<_> = open.going().cloned().collect();
                self.go_on(&open, &going, answers.remove(&open.number()), line);
            }
            if self.is_left() {
                return;
            }
            if let Some(Tried { tell, .. }) = suspect.take_if(|tried| tried.suspect.number == open.number()) {
                let _ = tell.send(());
            }
        }
    }

    /// Goes on with a message where it stands: maps it, or where that is done brings it out on these ways.
    fn go_on(&self, open: &Open, ways: &[Arc<str>], answer: Option<watch::Sender<Progress>>, line: &mut Line) {
        let number = open.number();
        if open.mapped.is_none() {
            let answer = answer.unwrap_or_default();
            if self.mark.deaths(number) >= DEATHS {
                self.park(open, DIED_OF, &answer);
                // Who sends it on wants it tried anew.
                self.mark.clear();
                return;
            }
            match self.message(open) {
                Some(message) => _ = self.stored(open, &message, answer, line),
                None => self.park(open, UNREAD, &answer),
            }
            return;
        }
        let version = self.version();
        let waits = !open.arrival.is_answered && version.settings.answer == When::Delivered;
        if let Some(answer) = answer.filter(|_| waits) {
            self.await_targets(number, answer);
        }
        let keys = self.keys(&version, number);
        for way in ways {
            match version.queue(way) {
                Some(queue) => queue.add(number, keys.clone(), None),
                None => self.happen(number, gone(way)),
            }
        }
        self.answer_if_settled(number);
    }

    /// Does all that is to be done with a message once it is stored; gives the answer if it is known by then. Nothing is done
    /// with one that waits for a table when the process ends: the next one takes it up.
    fn stored(
        &self,
        open: &Open,
        message: &Bytes,
        answer: watch::Sender<Progress>,
        line: &mut Line,
    ) -> Option<Verdict> {
        let number = open.number();
        // What a later version of the project says of answers is for who sends then.
        let is_answered = open.arrival.is_answered;
        let verdict = match self.map(open, message, line)? {
            Done { version, outcome: Outcome::Made(made, sights), message, receipt } => {
                sights.iter().for_each(Sight::note);
                if !is_answered && version.settings.answer == When::Delivered {
                    // Before it can be delivered.
                    self.await_targets(number, answer);
                    self.hand_out(&version, number, &message, &receipt, made);
                    // Nobody may be to get it.
                    self.answer_if_settled(number);
                    return None;
                }
                self.hand_out(&version, number, &message, &receipt, made);
                Verdict::Good
            }
            Done { outcome: Outcome::Ended(what, verdict), .. } => {
                self.happen(number, what);
                verdict
            }
        };
        if !is_answered {
            tell(&answer, Some(number), verdict.clone());
        }
        Some(verdict)
    }

    /// A message that was never mapped waits for a person. It is ours: so its sender is told, now and if it sends the same
    /// once more.
    fn park(&self, open: &Open, why: &str, answer: &watch::Sender<Progress>) {
        let number = open.number();
        self.happen(number, parked(why));
        tell(answer, Some(number), Verdict::Good);
        if let Some(identity) = identity(open) {
            self.seen().note(identity, Answer::Known(number, Verdict::Good));
        }
    }

    /// Queues what was made for each way out.
    fn hand_out(
        &self,
        version: &Version,
        number: u64,
        message: &Bytes,
        receipt: &Receipt,
        made: Vec<(usize, Arc<[Made]>)>,
    ) {
        let ways: Vec<_> = version.ways().collect();
        let made = made.into_iter().filter_map(|(way, made)| Some((*ways.get(way)?, made)));
        let made: Vec<_> = made.collect();
        let targets = made.iter().map(|((way, _), _)| way.name.to_string()).collect();
        self.happen(number, What::Mapped { program: version.program.hash(), targets });
        point!("flow.noted");
        let keys = version.keys(message, receipt);
        for ((way, queue), made) in made {
            queue.add(number, keys.clone(), Some(version.parcel(way, number, made, message, receipt)));
            point!("flow.queued");
        }
    }

    /// The bytes of a message, from the journal.
    pub(super) fn message(&self, open: &Open) -> Option<Bytes> {
        let body = self.reader.read(open.place).ok()?;
        (open.head <= body.len()).then(|| body.slice(open.head..))
    }

    /// Notes what happened, from the thread of the maps.
    fn happen(&self, number: u64, what: What) {
        let event = self.note(number, what);
        self.writer.note_blocking(EVENT, event.body());
    }

    /// Notes what happened, from a task.
    pub(super) async fn happened(&self, number: u64, what: What) {
        let record = self.writer.reserve().await;
        // Nothing waits between the two: whoever sees it in the sum finds it in the journal.
        let event = self.note(number, what);
        // If the thread has ended the process does too.
        if let Ok(record) = record {
            record.note(EVENT, event.body());
        }
    }
}

pub(super) fn tell(answer: &watch::Sender<Progress>, number: Option<u64>, verdict: Verdict) {
    answer.send_replace(Progress { number, is_stored: number.is_some(), verdict: Some(verdict) });
}

/// The project has no such route or target any more: a person decides what becomes of the delivery.
fn gone(way: &str) -> What {
    What::Parked { target: Some(way.to_owned()), why: NO_WAY.to_owned() }
}

fn parked(why: &str) -> What {
    What::Parked { target: None, why: why.to_owned() }
}

/// One way out, as its queue sees it.
pub struct WayOut<F: Fs> {
    pub intake: Arc<Intake<F>>,
    pub name: Arc<str>,
}

impl<F: Fs> Source for WayOut<F> {
    fn parcel(&self, number: u64) -> Pin<Box<dyn Future<Output = Result<Parcel, String>> + Send + '_>> {
        let intake = &self.intake;
        Box::pin(async move {
            let open = intake.ledger().message(number).cloned().ok_or(NOT_MADE)?;
            let message = intake.message(&open).ok_or(NOT_MADE)?;
            intake.made_again(&self.name, &open, &message).await
        })
    }

    fn tried(&self, number: u64, tried: u32, took: Duration, failure: Option<&Failure>) {
        self.intake.see(&Happening::Tried { number, way: &self.name, tried, took, failure });
        if let (Some(failure), Some(queue)) = (failure, self.intake.version().queue(&self.name)) {
            queue.failed(number, tried, failure.why());
        }
    }

    fn ended(&self, number: u64, end: End) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let target = self.name.to_string();
            let what = match end {
                End::Delivered => What::Delivered { target },
                End::Parked(why) => What::Parked { target: Some(target), why },
                End::Answered(said) => self.replied(number, said).await,
            };
            self.intake.happened(number, what).await;
            point!("flow.settled");
            self.intake.answer_if_settled(number);
        })
    }
}
