//! What is done with a message that is stored: mapped, handed to its ways out, settled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use emr_message::Receipt;
use tokio::sync::{mpsc, watch};
use xxhash_rust::xxh3::xxh3_64;

use super::deliver::{End, Parcel, Queue, Source};
use super::intake::{Intake, Job, OnReject, When};
use super::program::{Made, Rejected, Sorted};
use super::retry::Failure;
use super::seen::{Answer, Progress, Verdict};
use super::witness::Happening;
use crate::journal::commit::Refused;
use crate::journal::entry::{EVENT, Refusal, What};
use crate::journal::fs::Fs;
use crate::journal::ledger::Open;

/// How many processes may die of one message before a person has to look at it.
const DEATHS: u32 = 2;

/// What came of a message.
enum Outcome {
    /// What each way out gets, by its number.
    Made(Vec<(usize, Arc<[Made]>)>),
    Ended(What, Verdict),
}

impl<F: Fs> Intake<F> {
    /// Maps one message after the other, in the order of the journal, until nobody sends any.
    pub(super) fn work(self: Arc<Self>, mut jobs: mpsc::Receiver<Job>, died_of: Option<u64>) {
        if let Some(number) = died_of {
            self.happen(number, What::Started);
        }
        point!("flow.take_up");
        self.take_up();
        point!("flow.taken_up");
        let mut segment = None;
        while let Some(job) = jobs.blocking_recv() {
            let identity = job.arrival.identity;
            match job.stored.blocking_recv() {
                Ok(Ok(place)) => {
                    let open = Open::new(place, job.arrival);
                    point!("flow.stored");
                    self.ledger().accept(open.clone());
                    let (number, bytes) = (place.number, job.message.len());
                    self.see(&Happening::Accepted { number, bytes, took: job.came.elapsed() });
                    let verdict = self.stored(&open, &job.message, job.answer);
                    if let (Some(identity), Some(verdict)) = (identity, verdict) {
                        self.seen().note(identity, Answer::Known(verdict));
                    }
                    if segment.replace(place.segment()) != Some(place.segment()) {
                        self.forget(open.arrival.received);
                    }
                }
                Ok(Err(Refused::Full)) => {
                    self.see(&Happening::Full);
                    identity.inspect(|identity| self.seen().forget(*identity));
                    self.room.add_permits(1);
                    tell(&job.answer, Verdict::Later);
                }
                // Nothing that came since may be answered.
                Ok(Err(Refused::Broken)) | Err(_) => return,
            }
        }
    }

    /// Lets go of what is settled and was kept for long enough.
    fn forget(&self, now: i64) {
        let kept = i64::try_from(self.settings.remember).unwrap_or(i64::MAX).saturating_mul(1_000);
        let before = now.saturating_sub(kept);
        self.seen().forget_before(before);
        let below = self.ledger().forgettable(before);
        below.inspect(|below| self.writer.forget(*below));
    }

    /// What was in flight when the last process ended goes on.
    fn take_up(&self) {
        let open: Vec<Open> = self.ledger().open().cloned().collect();
        for open in open {
            if let Ok(room) = self.room.try_acquire() {
                room.forget();
            }
            if open.is_parked() {
                continue;
            }
            let Some(message) = self.message(&open) else {
                self.happen(open.number(), parked("its record cannot be read"));
                continue;
            };
            match &open.mapped {
                None if open.started >= DEATHS => {
                    self.happen(open.number(), parked("the process died of it, more than once"));
                }
                None => _ = self.stored(&open, &message, watch::channel(Progress::default()).0),
                Some(mapped) => {
                    let keys = self.keys(&message, &self.receipt(open.number(), &open.arrival));
                    for (missing, _) in &mapped.missing {
                        match self.queue(missing) {
                            Some(queue) => queue.add(open.number(), keys.clone(), None),
                            None => self.happen(open.number(), gone(missing)),
                        }
                    }
                }
            }
        }
    }

    /// Does all that is to be done with a message once it is stored; gives the answer if it is known by then.
    fn stored(&self, open: &Open, message: &[u8], answer: watch::Sender<Progress>) -> Option<Verdict> {
        let number = open.number();
        match self.settings.answer {
            When::Stored => tell(&answer, Verdict::Good),
            When::Checked | When::Delivered => answer.send_modify(|progress| progress.is_stored = true),
        }
        let receipt = self.receipt(number, &open.arrival);
        let outcome = self.mark.around(number, || self.outcome(number, message, &receipt));
        let verdict = match outcome {
            Ok(Outcome::Made(made)) => {
                self.hand_out(number, message, &receipt, made);
                Verdict::Good
            }
            Ok(Outcome::Ended(what, verdict)) => {
                self.happen(number, what);
                verdict
            }
            Err(_) => {
                self.happen(number, parked("it could not be noted that a map begins with it"));
                Verdict::Good
            }
        };
        let waits = self.settings.answer == When::Delivered && self.ledger().message(number).is_some();
        if waits && verdict == Verdict::Good {
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(number, answer);
            // It may have been delivered in the moment between.
            self.answer_if_settled(number);
            return None;
        }
        if self.settings.answer != When::Stored {
            tell(&answer, verdict.clone());
        }
        Some(verdict)
    }

    fn outcome(&self, number: u64, message: &[u8], receipt: &Receipt) -> Outcome {
        let run = || match self.program.sort(self.settings.feed, message, receipt) {
            Sorted::Routes(routes) => self.mapped(number, &routes, message, receipt),
            Sorted::Ignored(because) => Outcome::filtered(&because),
            Sorted::NotServed(problem) => self.refused(Refusal::NotServed(problem.wrong), Verdict::NotServed(problem)),
            Sorted::Unreadable(problem) => self.refused(Refusal::Wrong(problem.wrong), Verdict::Wrong(problem)),
        };
        // A fault of the machinery is no word of a map: a person looks, and what comes behind it goes on.
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Outcome::parked("a map fails on it"))
    }

    /// Sends a message through its routes. Whichever refuses it keeps it from all.
    fn mapped(&self, number: u64, routes: &[usize], message: &[u8], receipt: &Receipt) -> Outcome {
        let mut made = Vec::new();
        let mut dropped = None;
        for route in routes {
            let begun = Instant::now();
            let mapped = self.program.map(self.settings.feed, *route, message, receipt);
            let (took, issues, is_refused) = (begun.elapsed(), mapped.issues, mapped.result.is_err());
            self.see(&Happening::Mapped { number, route: *route, took, issues, is_refused });
            match mapped.result {
                Ok(parts) => {
                    let parts: Arc<[Made]> = parts.into();
                    let ways = self.settings.ways.iter().enumerate().filter(|(_, way)| way.route == *route);
                    made.extend(ways.map(|(number, _)| (number, Arc::clone(&parts))));
                }
                Err(rejected) => match self.rejected(*route, rejected) {
                    Ok(because) => dropped = Some(because),
                    Err(ended) => return ended,
                },
            }
        }
        match dropped {
            Some(because) if made.is_empty() => Outcome::filtered(&because),
            _ if routes.is_empty() => Outcome::filtered("no route takes it"),
            _ => Outcome::Made(made),
        }
    }

    /// The reason for which a route drops what its map refuses, or how the message ends.
    fn rejected(&self, route: usize, rejected: Rejected) -> Result<String, Outcome> {
        if rejected.is_fault {
            return Err(Outcome::parked("a map fails on it"));
        }
        let why = format!("{} {}", rejected.code, rejected.text);
        match self.settings.on_reject.get(route) {
            Some(OnReject::Drop(because)) => Ok(because.clone()),
            Some(OnReject::Hold) => Err(Outcome::parked(&why)),
            Some(OnReject::AckError) | None if self.settings.answer == When::Stored => Err(Outcome::parked(&why)),
            Some(OnReject::AckError) | None => {
                let refusal = Refusal::Wrong(rejected.problem.wrong);
                Err(Outcome::Ended(What::Refused(refusal), Verdict::Wrong(rejected.problem)))
            }
        }
    }

    /// Where the sender has its answer already, it is not the sender's any more.
    fn refused(&self, refusal: Refusal, verdict: Verdict) -> Outcome {
        match self.settings.answer {
            When::Stored => Outcome::parked(refusal.wrong().text()),
            When::Checked | When::Delivered => Outcome::Ended(What::Refused(refusal), verdict),
        }
    }

    /// Queues what was made for each way out.
    fn hand_out(&self, number: u64, message: &[u8], receipt: &Receipt, made: Vec<(usize, Arc<[Made]>)>) {
        let names = made.iter().filter_map(|(way, _)| self.settings.ways.get(*way));
        let targets = names.map(|way| way.name.to_string()).collect();
        self.happen(number, What::Mapped { program: self.program.hash(), targets });
        point!("flow.noted");
        let keys = self.keys(message, receipt);
        for (way, made) in made {
            let Some(queue) = self.queues.get(way) else { continue };
            queue.add(number, keys.clone(), self.parcel_of(number, way, made, message, receipt));
            point!("flow.queued");
        }
    }

    fn parcel_of(
        &self,
        number: u64,
        way: usize,
        made: Arc<[Made]>,
        message: &[u8],
        receipt: &Receipt,
    ) -> Option<Parcel> {
        let way = self.settings.ways.get(way)?;
        let read = self.program.read(&way.reads, message, receipt).into();
        Some(Parcel { id: format!("{}-{}", self.settings.name, number + 1).into(), made, read })
    }

    /// What a message is kept in order by.
    fn keys(&self, message: &[u8], receipt: &Receipt) -> Vec<u64> {
        let values = self.program.read(&self.settings.order_by, message, receipt).into_iter().flatten();
        // The hash of a value is its lane: two values that share one wait for each other, and lose nothing.
        values.map(|value| xxh3_64(value.as_bytes())).collect()
    }

    /// The queue of a way out, by its name.
    fn queue(&self, name: &str) -> Option<&Arc<Queue>> {
        let mut ways = self.settings.ways.iter().zip(&self.queues);
        ways.find(|(way, _)| *way.name == *name).map(|(_, queue)| queue)
    }

    /// The bytes of a message, from the journal.
    fn message(&self, open: &Open) -> Option<Bytes> {
        let body = Bytes::from(self.reader.read(open.place).ok()?);
        (open.head <= body.len()).then(|| body.slice(open.head..))
    }

    /// Notes what happened, from the thread of the maps.
    fn happen(&self, number: u64, what: What) {
        let event = self.note(number, what);
        self.writer.submit_blocking(EVENT, event.body());
    }

    fn answer_if_settled(&self, number: u64) {
        if self.ledger().message(number).is_some_and(|open| !open.is_parked()) {
            return;
        }
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        if let Some(answer) = answer {
            tell(&answer, Verdict::Good);
        }
    }
}

impl Outcome {
    fn filtered(because: &str) -> Outcome {
        Outcome::Ended(What::Filtered { because: because.to_owned() }, Verdict::Good)
    }

    fn parked(why: &str) -> Outcome {
        Outcome::Ended(parked(why), Verdict::Good)
    }
}

fn tell(answer: &watch::Sender<Progress>, verdict: Verdict) {
    answer.send_replace(Progress { is_stored: verdict != Verdict::Later, verdict: Some(verdict) });
}

/// The project has no such route or target any more: a person decides what becomes of the delivery.
fn gone(way: &str) -> What {
    What::Parked { target: Some(way.to_owned()), why: "the project has no such way any more".to_owned() }
}

fn parked(why: &str) -> What {
    What::Parked { target: None, why: why.to_owned() }
}

/// One way out, as its queue sees it.
pub struct WayOut<F: Fs> {
    pub intake: Arc<Intake<F>>,
    /// Its number among the ways of the feed.
    pub way: usize,
}

impl<F: Fs> Source for WayOut<F> {
    fn parcel(&self, number: u64) -> Option<Parcel> {
        let intake = &self.intake;
        let open = intake.ledger().message(number)?.clone();
        let message = intake.message(&open)?;
        let receipt = intake.receipt(number, &open.arrival);
        let route = intake.settings.ways.get(self.way)?.route;
        let made = intake.program.map(intake.settings.feed, route, &message, &receipt).result.ok()?;
        intake.parcel_of(number, self.way, made.into(), &message, &receipt)
    }

    fn tried(&self, number: u64, tried: u32, took: Duration, failure: Option<&Failure>) {
        let Some(way) = self.intake.settings.ways.get(self.way) else { return };
        self.intake.see(&Happening::Tried { number, way: &way.name, tried, took, failure });
    }

    fn ended(&self, number: u64, end: End) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let Some(way) = self.intake.settings.ways.get(self.way) else { return };
            let what = match end {
                End::Delivered => What::Delivered { target: way.name.to_string() },
                End::Parked(why) => What::Parked { target: Some(way.name.to_string()), why },
            };
            let event = self.intake.note(number, what);
            // If the thread has ended the process does too.
            if let Ok(record) = self.intake.writer.reserve().await {
                drop(record.submit(EVENT, event.body()));
                point!("flow.settled");
            }
            self.intake.answer_if_settled(number);
        })
    }
}
