//! Maps a message with what tables have for it: it is mapped, what was looked up and is not known is asked, and it is mapped
//! again, until nothing is asked any more. What the last turn makes is kept, and what it was made with.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use emr_message::answers::{Answer, Question};
use emr_message::{Answers, Receipt};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::anew::Task;
use super::deliver::{NOT_MADE, Parcel, chance};
use super::intake::{Intake, Job, Work};
use super::line::{Behind, Line};
use super::retry::{Failure, Retry};
use super::version::{Mapping, Outcome, Version};
use super::witness::Happening;
use crate::journal::commit::Refused;
use crate::journal::entry::{ANSWERS, Answered, Entry};
use crate::journal::fs::Fs;
use crate::journal::ledger::Open;
use crate::journal::space::LOOK;

/// How often a message may be mapped because an answer leads to another question.
const TURNS_MAX: u32 = 32;

/// Why such a message is given to a person.
const NO_END: &str = "what it looks up comes to no end";

/// Why one is given to a person that processes have died of.
pub(super) const DIED_OF: &str = "the process died of it, more than once";

/// How many processes may die of one message before a person has to look at it.
pub(super) const DEATHS: u32 = 2;

/// A message that was mapped.
pub(super) struct Done {
    /// That it was mapped by.
    pub version: Arc<Version>,
    pub outcome: Outcome,
    /// As it was read.
    pub message: Bytes,
    pub receipt: Receipt,
}

/// How it went to ask.
enum Looked {
    Up,
    /// The project is another one by now.
    Changed,
    /// The process ends, and nobody answers.
    Left,
}

/// What is done where a table does not answer.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    /// It is asked until it does.
    Waits,
    /// Somebody waits for what is made, and is told.
    Once,
}

/// What is known for a message.
pub(super) type Known = BTreeMap<Question, Answer>;

impl<F: Fs> Intake<F> {
    /// Nothing if it is left to the next process.
    pub(super) fn map(&self, open: &Open, message: &Bytes, line: &mut Line) -> Option<Done> {
        let number = open.number();
        let kept = self.kept(open);
        let mut known = kept.clone();
        let mut turns = 0;
        loop {
            let version = self.version();
            let receipt = self.asking(&version, open, &known);
            // A table is asked outside of the mark: nobody dies of waiting for it.
            let (Mapping { outcome, seen }, message, count) = self.mark.around(number, || {
                let (message, count) = version.repaired(message);
                (version.outcome(open, &message, &receipt), message, count)
            });
            let wanted = receipt.answers().wanted();
            if wanted.is_empty() {
                if count > 0 {
                    self.see(&Happening::Repaired { number, count });
                }
                seen.iter().for_each(|mapped| self.see(&mapped.happening(number)));
                if known != kept && !self.keep_answers(number, &known, line) {
                    return self.left();
                }
                return Some(Done { version, outcome, message, receipt });
            }
            turns += 1;
            if turns > TURNS_MAX {
                let outcome = Outcome::parked(NO_END);
                return Some(Done { version, outcome, message, receipt });
            }
            match self.look_up(&version, open, wanted, &mut known, line) {
                Looked::Up => {}
                Looked::Changed => known.clone_from(&kept),
                Looked::Left => return self.left(),
            }
        }
    }

    /// What a way out gets of a message that was mapped before, made once more. Waits for tables where the project asks more
    /// than it did.
    ///
    /// # Errors
    /// Why it is not to be had: that comes to no end, or processes died of it.
    pub(super) async fn made_again(&self, way: &str, open: &Open, message: &Bytes) -> Result<Parcel, String> {
        let number = open.number();
        let again =
            |version: &Version, message: &Bytes, receipt: &Receipt| version.again(way, number, message, receipt);
        let task = Task::of_delivery(number, way);
        let made = self.made_with((open, message, task), self.kept(open), Patience::Waits, again).await?;
        made.ok_or_else(|| NOT_MADE.to_owned())
    }

    /// Makes something of a message with what tables have for it, again and again until nothing is asked any more.
    ///
    /// # Errors
    /// It comes to no end, processes died of it, or a table does not answer whoever does not wait.
    pub(super) async fn made_with<T>(
        &self,
        (open, message, task): (&Open, &Bytes, Task),
        mut known: Known,
        patience: Patience,
        make: impl Fn(&Version, &Bytes, &Receipt) -> T,
    ) -> Result<T, String> {
        if self.anew.deaths(task) >= DEATHS.into() {
            // Who sends it on wants it tried anew.
            self.anew.forget(task);
            return Err(DIED_OF.to_owned());
        }
        let (mut turns, mut tried) = (0, 0);
        while turns < TURNS_MAX {
            let version = self.version();
            let receipt = self.asking(&version, open, &known);
            let wanted = {
                let make = || make(&version, &version.repaired(message).0, &receipt);
                let made = self.anew.around(task, make).await;
                let wanted = receipt.answers().wanted();
                if wanted.is_empty() {
                    return Ok(made);
                }
                wanted
            };
            match (self.asked(&version, open, wanted, &mut known).await.1, patience) {
                (None, _) => turns += 1,
                (Some(failure), Patience::Once) => return Err(format!("a table does not answer: {}", failure.why())),
                (Some(failure), Patience::Waits) => {
                    tried += 1;
                    sleep(wait(&failure, open.number(), tried)).await;
                }
            }
        }
        Err(NO_END.to_owned())
    }

    /// The receipt of a message with what is known for it: whoever maps it with that learns what else is to be asked.
    fn asking(&self, version: &Version, open: &Open, known: &Known) -> Receipt {
        let receipt = self.receipt(open.number(), &open.arrival);
        if version.settings.tables.is_empty() { receipt } else { receipt.answered(Answers::of(known)) }
    }

    /// What tables gave for it when it was mapped last.
    fn kept(&self, open: &Open) -> Known {
        let body = open.answers.and_then(|place| self.reader.read(place).ok());
        match body.and_then(|body| Entry::read(ANSWERS, &body)) {
            Some(Entry::Answered(answered)) => answered.answers.into_iter().collect(),
            _ => Known::new(),
        }
    }

    /// Asks until all is known; what waits behind this message waits too.
    fn look_up(
        &self,
        version: &Version,
        open: &Open,
        mut wanted: Vec<Question>,
        known: &mut Known,
        line: &mut Line,
    ) -> Looked {
        let Some(handle) = version.settings.tables.handle() else { return Looked::Left };
        let mut tried = 0;
        loop {
            let asked = self.unless_woken(handle, line, self.asked(version, open, wanted.clone(), known));
            if let Some((left, failure)) = asked {
                let Some(failure) = failure else { return Looked::Up };
                wanted = left;
                tried += 1;
                let wait = wait(&failure, open.number(), tried);
                self.unless_woken(handle, line, async { sleep(wait).await });
            }
            if self.is_closing() {
                return Looked::Left;
            }
            if self.change_now() {
                return Looked::Changed;
            }
        }
    }

    /// Nothing if the process ends meanwhile, or the project changes. What comes meanwhile is accepted.
    fn unless_woken<T>(&self, handle: &Handle, line: &mut Line, what: impl Future<Output = T>) -> Option<T> {
        handle.block_on(async {
            let mut what = pin!(what);
            loop {
                tokio::select! {
                    done = &mut what => return Some(done),
                    () = self.wake.notified() => return None,
                    work = line.come() => self.behind(work, line).await,
                }
            }
        })
    }

    /// Puts what came behind what waits.
    async fn behind(&self, work: Work, line: &mut Line) {
        match work {
            Work::Message(Job { sent, stored }) => {
                let Ok(stored) = stored.await else { return };
                self.accept(sent, stored).into_iter().for_each(|accepted| line.put(Behind::Accepted(accepted)));
            }
            work => line.put(Behind::Work(work)),
        }
    }

    /// Asks once. What is not known then, and why.
    async fn asked(
        &self,
        version: &Version,
        open: &Open,
        wanted: Vec<Question>,
        known: &mut Known,
    ) -> (Vec<Question>, Option<Failure>) {
        let number = open.number();
        let plain = self.receipt(number, &open.arrival);
        let read = |readings: &[usize], resource: &Bytes| {
            version.program.read(version.settings.feed, readings, resource, &plain)
        };
        // Whoever sends a message on has seen what was answered before.
        let told = version.settings.tables.ask(wanted.clone(), open.is_resumed, &read).await;
        let mut failed = None;
        for told in told {
            let is_there = matches!(&told.answer, Some((_, Some(_))));
            self.see(&Happening::LookedUp {
                number,
                table: &told.table,
                is_cached: told.is_cached,
                is_there,
                took: told.took,
                failure: told.failure.as_ref(),
            });
            match told.answer {
                Some((question, answer)) => _ = known.insert(question, answer),
                None => failed = told.failure,
            }
        }
        let left: Vec<Question> = wanted.into_iter().filter(|question| !known.contains_key(question)).collect();
        // An asking task that came to no end is asked again.
        let lost = || Failure::Passing("the table was not asked to the end".to_owned());
        let failure = (!left.is_empty()).then(|| failed.unwrap_or_else(lost));
        (left, failure)
    }

    /// Writes what was answered into the journal; false if it will not be there. Nothing is handed out before it is on disk:
    /// whoever maps the message again makes the same of it.
    fn keep_answers(&self, number: u64, known: &Known, line: &mut Line) -> bool {
        let version = self.version();
        let Some(handle) = version.settings.tables.handle() else { return false };
        let answers = known.iter().map(|(question, answer)| (question.clone(), answer.clone()));
        let body = Answered::now(number, answers.collect()).body();
        loop {
            let stored = handle.block_on(async {
                let record = self.writer.reserve().await.ok()?;
                record.submit(ANSWERS, body.clone(), Bytes::new()).await.ok()
            });
            match stored {
                Some(Ok(place)) => {
                    self.ledger().answered(number, place);
                    return true;
                }
                Some(Err(Refused::Full)) if !self.is_closing() => {
                    self.see(&Happening::Full);
                    self.unless_woken(handle, line, async { sleep(LOOK).await });
                }
                // The process is about to end.
                _ => return false,
            }
        }
    }

    fn left<T>(&self) -> Option<T> {
        self.is_left.store(true, Ordering::Release);
        None
    }

    /// Whether a message was left to the next process, and with it all that come behind.
    pub(super) fn is_left(&self) -> bool {
        self.is_left.load(Ordering::Acquire)
    }
}

/// As long as for a delivery, whatever the reason is: no message is given up for a table.
fn wait(failure: &Failure, number: u64, tried: u32) -> Duration {
    let passing = Failure::Passing(failure.why().to_owned());
    Retry::default().wait(&passing, tried, chance(number, tried)).unwrap_or(LOOK)
}
