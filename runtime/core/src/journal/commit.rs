//! The thread that writes a journal: whoever comes while the disk is busy goes with the next group, so that many
//! senders wait for one write.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::entry::ARRIVAL;
use super::fs::Fs;
use super::log::{Fault, Log, Place, Spares};
use super::space::LOOK;

/// How many records may wait for the disk before their senders do.
const WAITING: usize = 4096;

/// How many bytes are written at once.
const GROUP: usize = 4 << 20;

/// Adds records to a journal, from any thread. When the last copy is gone the thread ends.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Waiting>,
}

/// What waits for the thread.
enum Waiting {
    /// A record, and who waits for it.
    Record { kind: u8, body: Vec<u8>, done: oneshot::Sender<Result<Place, Refused>> },
    /// Somebody waits for all that was handed over before.
    Flush(oneshot::Sender<()>),
    /// Nobody needs what is below this number any more.
    Forget(u64),
}

/// Why a record is not on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room.
    Full,
    /// Nobody knows whether it is there: what was not answered must not be.
    Broken,
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
        let (queue, waiting) = mpsc::channel(WAITING);
        let spares = log.spares();
        let (want, wanted) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new().name("journal spares".into()).spawn(move || make(&spares, &wanted))?;
        let write = move || {
            if let Err(fault) = write(log, waiting, &want, &synced) {
                failed(fault);
            }
        };
        let thread = thread::Builder::new().name("journal".into()).spawn(write)?;
        Ok((Writer { queue }, thread))
    }

    /// Waits for a place behind all records that were handed over before.
    ///
    /// # Errors
    /// The thread has ended.
    pub async fn reserve(&self) -> Result<Slot<'_>, Refused> {
        self.queue.reserve().await.map(Slot).map_err(|_| Refused::Broken)
    }

    /// Hands over a record that nobody waits for, from a thread that may wait.
    pub fn submit_blocking(&self, kind: u8, body: Vec<u8>) {
        // If the thread has ended the process does too.
        let _ = self.queue.blocking_send(Waiting::Record { kind, body, done: oneshot::channel().0 });
    }

    /// Waits until all that was handed over before is on disk.
    ///
    /// # Errors
    /// The thread has ended.
    pub async fn flushed(&self) -> Result<(), Refused> {
        let (done, flushed) = oneshot::channel();
        self.queue.send(Waiting::Flush(done)).await.map_err(|_| Refused::Broken)?;
        flushed.await.map_err(|_| Refused::Broken)
    }

    /// Lets whole segments go that hold nothing from this record on. From a thread that may wait.
    pub fn forget(&self, below: u64) {
        let _ = self.queue.blocking_send(Waiting::Forget(below));
    }
}

/// A place for one record.
pub struct Slot<'w>(mpsc::Permit<'w, Waiting>);

impl Slot<'_> {
    /// Hands the record to the thread. What comes back says when it is on disk; whoever lets go of it does not want to know.
    pub fn submit(self, kind: u8, body: Vec<u8>) -> oneshot::Receiver<Result<Place, Refused>> {
        let (done, stored) = oneshot::channel();
        self.0.send(Waiting::Record { kind, body, done });
        stored
    }
}

/// Adds a record once there is room for it.
fn in_the_end<F: Fs>(log: &mut Log<F>, kind: u8, body: &[u8]) -> Result<Place, Fault> {
    loop {
        thread::sleep(LOOK);
        match log.append(kind, body) {
            Err(Fault::World(_)) if !log.is_broken() => {}
            other => return other,
        }
    }
}

/// Makes a segment ahead whenever one was begun.
fn make<F: Fs>(spares: &Spares<F>, wanted: &std::sync::mpsc::Receiver<()>) {
    while wanted.recv().is_ok() {
        // Without one, whoever needs it tries again and tells of it.
        let _ = spares.make();
    }
}

fn write<F: Fs>(
    mut log: Log<F>,
    mut queue: mpsc::Receiver<Waiting>,
    want: &std::sync::mpsc::SyncSender<()>,
    synced: &impl Fn(usize, u64, Duration),
) -> Result<(), Fault> {
    let mut group = Vec::new();
    let mut taken = Vec::new();
    let mut flushed = Vec::new();
    let mut segment = None;
    while queue.blocking_recv_many(&mut group, WAITING) > 0 {
        point!("journal.group");
        let mut rest = group.drain(..).peekable();
        while let Some(one) = rest.next() {
            match one {
                Waiting::Record { kind, body, done } => match log.append(kind, &body) {
                    Ok(place) => taken.push((done, place)),
                    // What became of a message that was accepted has to be known: nobody goes on before there is room.
                    Err(Fault::World(_)) if kind != ARRIVAL && !log.is_broken() => {
                        taken.push((done, in_the_end(&mut log, kind, &body)?));
                    }
                    Err(Fault::World(_) | Fault::TooLong) if !log.is_broken() => {
                        let _ = done.send(Err(Refused::Full));
                    }
                    Err(fault) => return Err(fault),
                },
                Waiting::Flush(done) => flushed.push(done),
                // What cannot be removed now stays until the next time.
                Waiting::Forget(below) => _ = log.forget(below),
            }
            if log.waiting() >= GROUP || rest.peek().is_none() {
                let begun = Instant::now();
                let below = log.commit()?;
                synced(taken.len(), below, begun.elapsed());
                point!("journal.committed");
                for (done, place) in taken.drain(..) {
                    // Who has gone meanwhile sends again, and is told that it is there.
                    let _ = done.send(Ok(place));
                    point!("journal.told");
                }
                flushed.drain(..).for_each(|done: oneshot::Sender<()>| _ = done.send(()));
            }
        }
        if segment.replace(log.segment()) != Some(log.segment()) {
            let _ = want.try_send(());
        }
    }
    Ok(())
}
