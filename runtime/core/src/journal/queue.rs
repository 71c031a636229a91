//! Records that wait for the thread of a journal, and what wakes it.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError, oneshot};

use super::log::Place;

/// How many records may wait for the disk before their senders do.
const WAITING: usize = 4096;

/// How long a record that nobody waits for may stay in the memory of the process.
const UNWRITTEN: Duration = Duration::from_millis(1);

/// How long it may stay unsynced.
const UNSYNCED: Duration = Duration::from_millis(50);

/// A record on its way to the thread.
pub(super) struct Record {
    pub kind: u8,
    /// Its body begins with this, and the message stands behind it.
    pub head: Vec<u8>,
    pub message: Bytes,
    /// Who waits for it.
    pub done: Option<oneshot::Sender<Result<Place, Refused>>>,
    /// Whether its place was reserved.
    is_reserved: bool,
}

/// Why a record is not on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room.
    Full,
    /// Nobody knows whether it is there: what was not answered must not be.
    Broken,
}

/// A place for one record.
pub struct Slot<'w> {
    permit: SemaphorePermit<'w>,
    queue: &'w Queue,
}

impl Slot<'_> {
    /// Hands a record over. What comes back says when it is on disk.
    pub fn submit(self, kind: u8, head: Vec<u8>, message: Bytes) -> oneshot::Receiver<Result<Place, Refused>> {
        let (done, stored) = oneshot::channel();
        self.permit.forget();
        self.queue.add(Record { kind, head, message, done: Some(done), is_reserved: true });
        stored
    }

    /// Hands over a record that nobody waits for.
    pub fn note(self, kind: u8, body: Vec<u8>) {
        self.permit.forget();
        self.queue.add(Record { kind, head: body, message: Bytes::new(), done: None, is_reserved: true });
    }
}

/// Records that wait for the thread, in their order.
pub(super) struct Queue {
    room: Semaphore,
    state: Mutex<State>,
    /// Something came for the thread to do.
    came: Condvar,
    /// The thread took what was there.
    went: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    records: Vec<Record>,
    /// Whether anybody waits for one of them.
    is_asked: bool,
    /// Who waits for all that is there.
    flushes: Vec<oneshot::Sender<()>>,
    /// Segments below this record may go.
    pub forget: Option<u64>,
    sleep: Option<Sleep>,
    /// Nobody will add any.
    is_closed: bool,
    /// The thread is gone.
    is_broken: bool,
}

/// What wakes the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sleep {
    /// A record that somebody waits for.
    Light,
    /// Any record.
    Lighter,
}

impl Default for Queue {
    fn default() -> Queue {
        let (state, came, went) = Default::default();
        Queue { room: Semaphore::new(WAITING), state, came, went }
    }
}

impl State {
    fn wake(&mut self, came: &Condvar, by: Sleep) {
        if self.sleep.is_some_and(|sleep| sleep >= by) {
            self.sleep = None;
            came.notify_one();
        }
    }
}

/// What the thread is to do.
pub(super) enum Next {
    /// Those who are named behind the records wait until all of them are on disk.
    Write(Vec<Record>, Vec<oneshot::Sender<()>>),
    Sync,
    End,
}

impl Queue {
    /// Whoever panicked left it as it is between two calls.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`super::commit::Writer::reserve`].
    pub async fn reserve(&self) -> Result<Slot<'_>, Refused> {
        let permit = self.room.acquire().await.map_err(|_| Refused::Broken)?;
        Ok(Slot { permit, queue: self })
    }

    /// See [`super::commit::Writer::try_reserve`].
    pub fn try_reserve(&self) -> Result<Slot<'_>, Refused> {
        let permit = self.room.try_acquire().map_err(|why| match why {
            TryAcquireError::Closed => Refused::Broken,
            TryAcquireError::NoPermits => Refused::Full,
        })?;
        Ok(Slot { permit, queue: self })
    }

    /// Nobody will add any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.wake(&self.came, Sleep::Light);
    }

    fn add(&self, record: Record) {
        let mut state = self.state();
        let by = if record.done.is_some() { Sleep::Light } else { Sleep::Lighter };
        state.is_asked |= record.done.is_some();
        // If the thread has ended the process does too; whoever waits is told.
        if !state.is_broken {
            state.records.push(record);
            state.wake(&self.came, by);
        }
    }

    /// Tells once all that is there is on disk.
    pub fn flush(&self, done: oneshot::Sender<()>) {
        let mut state = self.state();
        if !state.is_broken {
            state.flushes.push(done);
            state.is_asked = true;
            state.wake(&self.came, Sleep::Light);
        }
    }

    pub fn add_when_there_is_room(&self, kind: u8, body: Vec<u8>) {
        let mut state = self.state();
        while state.records.len() >= 2 * WAITING && !state.is_broken {
            state.wake(&self.came, Sleep::Light);
            state = self.went.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.add(Record { kind, head: body, message: Bytes::new(), done: None, is_reserved: false });
    }

    /// Waits for what is to be done. `unsynced` is when the oldest record was written that is not synced.
    pub fn next(&self, unsynced: Option<Instant>) -> Next {
        let mut state = self.state();
        let mut since = None;
        // For a while records that nobody waits for need not wake the thread, for it looks by itself.
        let looked = Instant::now();
        let mut looks = true;
        loop {
            let now = Instant::now();
            looks &= now < looked + UNWRITTEN;
            let first = match state.records.is_empty() {
                true => None,
                false => Some(*since.get_or_insert(if looks { looked } else { now })),
            };
            let is_due = |from: Option<Instant>, most| from.is_some_and(|from| now >= from + most);
            if state.is_asked || is_due(first, UNWRITTEN) || state.is_closed && first.is_some() {
                return self.taken(&mut state);
            }
            if is_due(unsynced, UNSYNCED) || state.is_closed && unsynced.is_some() {
                return Next::Sync;
            }
            if state.is_closed {
                return Next::End;
            }
            let written = first.or(looks.then_some(looked)).map(|from| from + UNWRITTEN);
            let ends = [written, unsynced.map(|from| from + UNSYNCED)];
            state.sleep = Some(if written.is_some() { Sleep::Light } else { Sleep::Lighter });
            state = match ends.into_iter().flatten().min() {
                None => self.came.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let waited = self.came.wait_timeout(state, end.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.sleep = None;
        }
    }

    fn taken(&self, state: &mut State) -> Next {
        let records = mem::take(&mut state.records);
        state.is_asked = false;
        self.room.add_permits(records.iter().filter(|record| record.is_reserved).count());
        self.went.notify_all();
        Next::Write(records, mem::take(&mut state.flushes))
    }

    /// Nobody takes what comes any more: whoever waits is told.
    pub fn break_off(&self) {
        self.room.close();
        let mut state = self.state();
        state.is_broken = true;
        state.records.clear();
        state.flushes.clear();
        self.went.notify_all();
    }
}
