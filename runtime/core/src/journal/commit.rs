//! The thread that writes a journal: whoever comes while the disk is busy goes with the next group, so that many
//! senders wait for one write.
//!
//! Nobody waits for what a journal says of a message that is stored: where it was mapped to, that a target has it. Such
//! records wake nobody. They are written a moment later, which outlasts the end of the process, and synced with the next
//! message or a little later, which outlasts a loss of power; whatever was lost of them is done once more.

use std::io;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::entry::ARRIVAL;
use super::fs::Fs;
use super::log::{Fault, Log, Place, Spares};
use super::queue::{Next, Queue, Record};
pub use super::queue::{Refused, Slot};
use super::space::LOOK;

/// How many bytes are written at once.
const GROUP: usize = 4 << 20;

/// Adds records to a journal, from any thread. When the last copy is gone the thread ends.
#[derive(Clone)]
pub struct Writer {
    door: Arc<Door>,
}

/// What all copies share: the queue ends with it.
struct Door {
    queue: Arc<Queue>,
}

impl Writer {
    /// Starts the thread of a journal. `synced` is told how many records came to the disk together, below which number all
    /// are there, and how long that took. `failed` is called once, when the disk has refused what was to be committed: then
    /// the process must end, for a second try would prove nothing.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<F: Fs>(
        log: Log<F>,
        synced: impl Fn(usize, u64, Duration) + Send + 'static,
        failed: impl FnOnce(Fault) + Send + 'static,
    ) -> io::Result<(Writer, JoinHandle<()>)> {
        let queue = Arc::new(Queue::default());
        let spares = log.spares();
        let (want, wanted) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new().name("journal spares".into()).spawn(move || make(&spares, &wanted))?;
        let records = Arc::clone(&queue);
        let write = move || {
            let wrote = Writing { log, segment: None, want, synced, taken: Vec::new(), unsynced: 0 }.run(&records);
            records.break_off();
            if let Err(fault) = wrote {
                failed(fault);
            }
        };
        let thread = thread::Builder::new().name("journal".into()).spawn(write)?;
        Ok((Writer { door: Arc::new(Door { queue }) }, thread))
    }

    /// Waits for a place behind all records that were handed over before.
    ///
    /// # Errors
    /// The thread has ended.
    pub async fn reserve(&self) -> Result<Slot<'_>, Refused> {
        self.door.queue.reserve().await
    }

    /// A place, if one is free.
    ///
    /// # Errors
    /// There are as many records as may wait, or the thread has ended.
    pub fn try_reserve(&self) -> Result<Slot<'_>, Refused> {
        self.door.queue.try_reserve()
    }

    /// Hands over a record that nobody waits for, from a thread that may wait.
    pub fn note_blocking(&self, kind: u8, body: Vec<u8>) {
        self.door.queue.add_when_there_is_room(kind, body);
    }

    /// Waits until all that was handed over before is on disk.
    ///
    /// # Errors
    /// The thread has ended.
    pub async fn flushed(&self) -> Result<(), Refused> {
        let (done, flushed) = oneshot::channel();
        self.door.queue.flush(done);
        flushed.await.map_err(|_| Refused::Broken)
    }

    /// Lets whole segments go that hold nothing from this record on.
    pub fn forget(&self, below: u64) {
        self.door.queue.state().forget = Some(below);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Makes a segment ahead whenever one was begun.
fn make<F: Fs>(spares: &Spares<F>, wanted: &std::sync::mpsc::Receiver<()>) {
    while wanted.recv().is_ok() {
        // Without one, whoever needs it tries again and tells of it.
        let _ = spares.make();
    }
}

/// The thread.
struct Writing<F: Fs, S> {
    log: Log<F>,
    /// The one that a spare was asked for.
    segment: Option<u64>,
    want: std::sync::mpsc::SyncSender<()>,
    synced: S,
    /// Who waits for what is being written.
    taken: Vec<(oneshot::Sender<Result<Place, Refused>>, Place)>,
    /// Records since the last sync.
    unsynced: usize,
}

impl<F: Fs, S: Fn(usize, u64, Duration)> Writing<F, S> {
    fn run(mut self, queue: &Queue) -> Result<(), Fault> {
        let mut since = None;
        loop {
            match queue.next(since) {
                Next::Write(records, flushes) => {
                    self.write(records)?;
                    if !flushes.is_empty() {
                        self.commit()?;
                    }
                    flushes.into_iter().for_each(|done| _ = done.send(()));
                }
                Next::Sync => self.commit()?,
                Next::End => return Ok(()),
            }
            since = if self.unsynced > 0 { since.or_else(|| Some(Instant::now())) } else { None };
            if let Some(below) = queue.state().forget.take() {
                // What cannot be removed now stays until the next time.
                let _ = self.log.forget(below);
            }
            if self.segment.replace(self.log.segment()) != Some(self.log.segment()) {
                let _ = self.want.try_send(());
            }
        }
    }

    /// Writes records, and syncs if anybody waits for one of them.
    fn write(&mut self, records: Vec<Record>) -> Result<(), Fault> {
        point!("journal.group");
        for Record { kind, head, message, done, .. } in records {
            let appended = match self.log.append(kind, &head, &message) {
                // What became of a message that was accepted has to be known: nobody goes on before there is room.
                Err(Fault::World(_)) if kind != ARRIVAL && !self.log.is_broken() => self.append_in_the_end(kind, &head),
                other => other,
            };
            match (appended, done) {
                (Ok(place), done) => {
                    self.unsynced += 1;
                    self.taken.extend(done.map(|done| (done, place)));
                }
                (Err(Fault::World(_) | Fault::TooLong), done) if !self.log.is_broken() => {
                    let _ = done.map(|done| done.send(Err(Refused::Full)));
                }
                (Err(fault), _) => return Err(fault),
            }
            if self.log.waiting() >= GROUP {
                self.end_group()?;
            }
        }
        self.end_group()
    }

    /// Adds a record once there is room for it.
    fn append_in_the_end(&mut self, kind: u8, body: &[u8]) -> Result<Place, Fault> {
        loop {
            thread::sleep(LOOK);
            match self.log.append(kind, body, &[]) {
                Err(Fault::World(_)) if !self.log.is_broken() => {}
                other => return other,
            }
        }
    }

    fn end_group(&mut self) -> Result<(), Fault> {
        if self.taken.is_empty() { self.log.write() } else { self.commit() }
    }

    fn commit(&mut self) -> Result<(), Fault> {
        let begun = Instant::now();
        let below = self.log.commit()?;
        (self.synced)(mem::take(&mut self.unsynced), below, begun.elapsed());
        point!("journal.committed");
        // The first is told last: whoever waits for it then finds that all of them are there, and does not wait again.
        for (done, place) in self.taken.drain(..).rev() {
            // Who has gone meanwhile sends again, and is told that it is there.
            let _ = done.send(Ok(place));
            point!("journal.told");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
