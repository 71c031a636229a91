//! Reads the journal of another feed from its beginning and takes in what came in a stretch of time.
//!
//! It goes to the end that the journal has when it begins, and then rests; the next process goes on from there.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use xxhash_rust::xxh3::xxh3_64;

use super::super::{Feed, Places, Serving, Why};
use super::reached::Reached;
use crate::flow::intake::{Intake, Sent};
use crate::flow::pace::{Pace, Rate};
use crate::flow::seen::Verdict;
use crate::journal::entry::Entry;
use crate::journal::fs::{Disk, Fs};
use crate::journal::log;

/// What a feed from `replay` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The key of the feed: `hospital.adt`.
    of: String,
    /// As FHIR writes instants.
    from: Option<String>,
    until: Option<String>,
    rate: Option<Rate>,
}

/// A journal that is read once more.
pub struct Again {
    of: String,
    folder: PathBuf,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    pace: Pace,
    reached: Reached,
}

/// A message as the journal has it.
struct Held {
    number: u64,
    message: Bytes,
    file: Option<String>,
}

/// How many messages are read ahead.
const AHEAD: usize = 64;

/// After how many messages it is noted how far it came.
const NOTED: u64 = 256;

impl Again {
    /// `name` is that of this feed, beside the folder of whose journal it is kept how far it came.
    ///
    /// # Errors
    /// It is not to be known how far it came.
    pub fn new(name: &str, settings: &Settings, places: &Places) -> Result<Again, Why> {
        let of = settings.of.rsplit('.').next().unwrap_or_default().to_owned();
        let time = |text: &Option<String>| text.as_ref().map(|text| text.parse()).transpose();
        let no_time = |why: jiff::Error| format!("`from` and `until` are to be moments: {why}");
        let (from, until) = (time(&settings.from).map_err(no_time)?, time(&settings.until).map_err(no_time)?);
        let what = format!("{of} {from:?} {until:?}");
        let reached = Reached::open(places.journal.join(format!("{name}.replayed")), what);
        Ok(Again {
            folder: places.journal.join(&of),
            of,
            from,
            until,
            pace: Pace::new(settings.rate, None, None)?,
            reached: reached.map_err(|why| format!("it is not known how far it came: {why}"))?,
        })
    }
}

impl Feed for Again {
    fn listen(self: Box<Self>, intake: Arc<Intake<Disk>>, stop: watch::Receiver<bool>) -> io::Result<Serving> {
        Ok(Box::pin(self.serve(intake, stop)))
    }
}

impl Again {
    async fn serve<F: Fs>(mut self: Box<Self>, intake: Arc<Intake<F>>, mut stop: watch::Receiver<bool>) {
        let (send, mut held) = mpsc::channel(AHEAD);
        let (folder, next, times) = (self.folder.clone(), self.reached.next, (self.from, self.until));
        // Whoever stops lets go of the channel, and the reading ends soon after.
        let _reading = spawn_blocking(move || read(folder, next, times, &send));
        loop {
            let one = tokio::select! {
                one = held.recv() => one,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let Some(one) = one else { break };
            tokio::select! {
                () = self.pace.turn() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
            point!("replay.take");
            let number = one.number;
            if !self.take(&intake, one).await {
                break;
            }
            point!("replay.taken");
            self.reached.next = number + 1;
            if number.is_multiple_of(NOTED) {
                let _ = self.reached.note(number + 1).await;
            }
        }
        // What is taken in again by the next process is known there.
        let _ = self.reached.note(self.reached.next).await;
        point!("replay.noted");
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Whether the message is on disk.
    async fn take<F: Fs>(&self, intake: &Intake<F>, Held { number, message, file }: Held) -> bool {
        let claim = xxh3_64(format!("{}\0{number}", self.of).as_bytes());
        match intake.take(Sent { message, file, claim: Some(claim) }).await {
            None => false,
            Some(mut answer) => answer.stored().await != Some(Verdict::Later),
        }
    }
}

/// Hands over the messages of a journal from this record on that came in a stretch of time. Where it is damaged it ends.
fn read(folder: PathBuf, next: u64, (from, until): (Option<Timestamp>, Option<Timestamp>), to: &mpsc::Sender<Held>) {
    let _ = log::show(Disk, folder, next, |record| {
        let number = record.place.number;
        let Some(Entry::Arrival(arrival, head)) = Entry::read(record.kind, record.body) else { return };
        let Ok(came) = Timestamp::from_microsecond(arrival.received) else { return };
        let is_meant = number >= next && from.is_none_or(|from| came >= from) && until.is_none_or(|until| came < until);
        if let Some(message) = record.body.get(head..).filter(|_| is_meant && !to.is_closed()) {
            let _ = to.blocking_send(Held { number, message: Bytes::copy_from_slice(message), file: arrival.file });
        }
    });
}
