//! Takes messages of one feed in: each is stored, then mapped in the order in which it was stored, then handed to the
//! queues of its targets.
//!
//! A message is ours when its record is on disk, and never before; what is told to the sender depends on when the feed
//! answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use emr_message::Receipt;
use serde::Deserialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, mpsc, oneshot, watch};
use tokio::time::sleep;

use super::anew::Anew;
use super::mark::{Mark, Suspect};
use super::once::Once;
use super::program::Program;
use super::repair::Repair;
use super::seen::{Answer, Found, Progress, Seen, Verdict, identity};
use super::tables::Tables;
use super::version::Version;
use super::witness::{Happening, Witness};
use crate::clock;
use crate::journal::commit::{Refused, Writer};
use crate::journal::entry::{ARRIVAL, Arrival, CLOSED, Entry, Event, Identity, What};
use crate::journal::fs::Fs;
use crate::journal::id::Id;
use crate::journal::ledger::{Law, Ledger};
use crate::journal::log::{Fault, Log, Place, Reader, SEGMENT};
use crate::journal::space::{LOOK, Reserve, Watch};

/// When a sender gets its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Once the message is on disk.
    Stored,
    /// Once it is also checked and mapped.
    Checked,
    /// Once all targets have it.
    Delivered,
}

/// What becomes of a message that a map of a route refuses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    Hold,
    AckError,
    Drop(String),
}

/// One of the ways out of a feed: what a route makes for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Number of the route in the wiring.
    pub route: usize,
    /// Number of the target.
    pub target: usize,
    /// `labs>ehr`, by which the journal knows it.
    pub name: Arc<str>,
    /// Settings of the target that read the message, by their numbers.
    pub reads: Vec<usize>,
    /// Whether senders wait for what the target says.
    pub asks: bool,
}

impl Way {
    /// Whether it goes by that name, or ends at a target of that name.
    pub fn leads_to(&self, name: &str) -> bool {
        *self.name == *name || self.name.rsplit('>').next() == Some(name)
    }
}

/// A route leaves out a message whose keys it has seen.
#[derive(Clone, Debug)]
pub struct Unless {
    pub once: Arc<Once>,
    /// Settings of the route that read the message, by their numbers.
    pub keys: Vec<usize>,
    /// For so many milliseconds.
    pub within: u64,
}

/// What a feed is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Number of the feed in the wiring.
    pub feed: usize,
    pub name: Arc<str>,
    /// Where its journal is.
    pub folder: PathBuf,
    pub answer: When,
    /// What is done to a message before it is read.
    pub repair: Vec<Repair>,
    /// The names of all routes, by their numbers.
    pub routes: Vec<Arc<str>>,
    /// By number of the route.
    pub on_reject: Vec<OnReject>,
    /// What each route that leaves out what it has seen knows a message by, by number of the route.
    pub unless_seen: Vec<Option<Unless>>,
    pub ways: Vec<Way>,
    /// The settings that its messages are kept in order by.
    pub order_by: Vec<usize>,
    /// How long a message is kept and known again once it is settled, in milliseconds.
    pub remember: u64,
    /// What of the disk is kept free.
    pub reserve: Reserve,
    /// What is asked before a map runs.
    pub tables: Arc<Tables>,
}

/// How many messages of a feed may be in flight; then its senders wait.
const IN_FLIGHT: usize = 1_000_000;

/// How long a sender is held that cannot be served; then it hears that, or nothing, and sends again.
pub const HELD: Duration = Duration::from_secs(4);

/// How many stored messages may wait to be mapped.
const WAITING: usize = 1 << 14;

/// A feed that takes messages.
pub struct Intake<F: Fs> {
    name: Arc<str>,
    version: RwLock<Arc<Version>>,
    witness: Arc<dyn Witness>,
    pub(super) writer: Writer,
    pub(super) reader: Reader<F>,
    space: Watch<F>,
    ledger: Mutex<Ledger>,
    seen: Mutex<Seen>,
    /// One at a time, so that messages are mapped in the order in which they are stored; nothing once it is closed.
    turn: Mutex<Option<mpsc::Sender<Work>>>,
    /// Of messages that are not settled.
    pub(super) room: Arc<Semaphore>,
    pub(super) mark: Mark,
    pub(super) anew: Anew,
    /// Another version of the project, for the thread of the maps to go on by.
    pub(super) next: Mutex<Option<Next>>,
    /// Wakes that thread where it waits for a table.
    pub(super) wake: Notify,
    is_closing: AtomicBool,
    pub(super) is_left: AtomicBool,
    /// That maps have raised.
    issues: AtomicU64,
    /// Senders that wait until all targets have their message.
    answers: Mutex<BTreeMap<u64, Waiting>>,
}

/// A message as somebody sends it.
#[derive(Clone)]
pub struct Sent {
    pub message: Bytes,
    /// The name of the file that it stood in.
    pub file: Option<String>,
    /// What tells it from others where MSH-10 does not: the same for a message that is taken up once more.
    pub claim: Option<u64>,
}

/// What the thread of the maps does, in the order in which it comes.
pub(super) enum Work {
    Message(Job),
    /// A message that was let go, and the ways out that it was held on.
    Again(u64, Vec<Arc<str>>),
    /// What comes behind it is done by the next version.
    Change,
}

/// Another version of the project, and who waits until it is the present one.
pub(super) struct Next {
    pub settings: Settings,
    pub program: Arc<dyn Program>,
    pub done: oneshot::Sender<()>,
}

/// The message that processes have died of, and who waits until it was tried again.
pub(super) struct Tried {
    pub suspect: Suspect,
    pub tell: std::sync::mpsc::Sender<()>,
}

/// Senders of messages that were in flight when the last process ended, by their numbers.
pub(super) type Answers = BTreeMap<u64, watch::Sender<Progress>>;

/// A sender that waits until all targets have its message, and what it is to be told then where that is more than that.
pub(super) struct Waiting {
    pub answer: watch::Sender<Progress>,
    pub verdict: Option<Verdict>,
}

/// A message that is about to be stored, and then to be mapped.
pub(super) struct Job {
    pub sent: Submitted,
    pub stored: oneshot::Receiver<Result<Place, Refused>>,
}

/// A message on its way to the disk.
pub(super) struct Submitted {
    /// When all of it had come.
    pub came: Instant,
    pub message: Bytes,
    pub arrival: Arrival,
    pub answer: watch::Sender<Progress>,
}

/// How it went to take a message in.
enum Taken {
    New(Answer),
    Known(Answer),
    /// There are as many as may wait.
    Later(mpsc::Sender<Work>),
    Closed,
}

impl<F: Fs> Intake<F> {
    /// Opens the journal of a feed and takes up what was in flight. `failed` is told when the disk refuses what was to be
    /// committed: then the process must end.
    ///
    /// # Errors
    /// The journal cannot be opened or is damaged.
    pub fn open(
        fs: F,
        settings: Settings,
        program: Arc<dyn Program>,
        witness: Arc<dyn Witness>,
        failed: impl FnOnce(Fault) + Send + 'static,
    ) -> Result<(Arc<Intake<F>>, JoinHandle<()>), Fault> {
        let (mut ledger, mut seen) = (Ledger::default(), Remembered::default());
        let space = Watch::new(fs.clone(), settings.folder.clone(), settings.reserve);
        let log = Log::open(fs, settings.folder.clone(), SEGMENT, |record| {
            if let Some(entry) = Entry::read(record.kind, record.body) {
                seen.take(record.place, &entry);
                ledger.take(record.place, entry);
            }
        })?;
        let (mark, suspect) = Mark::open(&settings.folder)?;
        let (anew, died_of) = Anew::open(&settings.folder)?;
        let reader = log.reader();
        let synced = {
            let (witness, feed) = (Arc::clone(&witness), Arc::clone(&settings.name));
            move |records, below, took| witness.see(&feed, &Happening::Synced { records, below, took })
        };
        witness.see(&settings.name, &Happening::Opened { below: log.durable() });
        let (writer, _) = Writer::start(log, synced, failed)?;
        let (jobs, waiting) = mpsc::channel(WAITING);
        let name = Arc::clone(&settings.name);
        let called = format!("maps of {name}");
        let intake = Arc::new(Intake {
            name,
            version: RwLock::new(Arc::new(Version::new(settings, program, Arc::clone(&witness)))),
            witness,
            writer,
            reader,
            space,
            ledger: Mutex::new(ledger),
            seen: Mutex::new(seen.0),
            turn: Mutex::new(Some(jobs)),
            room: Arc::new(Semaphore::new(IN_FLIGHT)),
            mark,
            anew,
            next: Mutex::default(),
            wake: Notify::new(),
            is_closing: AtomicBool::new(false),
            is_left: AtomicBool::new(false),
            issues: AtomicU64::new(0),
            answers: Mutex::default(),
        });
        let mapping = Arc::clone(&intake);
        let (tell, tried) = std::sync::mpsc::channel();
        let suspect = suspect.map(|suspect| Tried { suspect, tell });
        // Before anybody is let in: a sender of what is in flight is known from the first moment on.
        let answers = intake.asked_again();
        let thread =
            thread::Builder::new().name(called).spawn(move || mapping.work(waiting, (suspect, died_of), answers))?;
        // A message that processes have died of is tried before anybody is let in: who is killed while others send is then
        // hardly ever taken for one that dies of it a second time. Without one this says at once that nobody will tell.
        let _ = tried.recv();
        Ok((intake, thread))
    }

    /// Takes a message in. Nothing if no more are taken.
    ///
    /// Whoever gives up waiting for it has sent nothing.
    pub async fn take(&self, sent: Sent) -> Option<Answer> {
        let came = Instant::now();
        let identity = identity(&sent.message, sent.claim);
        if let Found::Same(answer) = self.known(identity) {
            self.see(&Happening::Known);
            return Some(answer);
        }
        self.wait_for_space().await;
        let version = self.version();
        for (_, queue) in version.ways() {
            queue.ease().await;
        }
        let room = self.room.acquire().await.ok()?;
        loop {
            match self.take_now(came, &sent, identity) {
                Taken::New(answer) => {
                    room.forget();
                    return Some(answer);
                }
                Taken::Known(answer) => return Some(answer),
                Taken::Later(work) => {
                    // Until there is a place again, which whoever comes first gets.
                    drop(work.reserve().await.ok()?);
                    drop(self.writer.reserve().await.ok()?);
                }
                Taken::Closed => return None,
            }
        }
    }

    /// Takes a message in without waiting for anything, so that it is stored and mapped or neither.
    fn take_now(&self, came: Instant, sent: &Sent, identity: Option<Identity>) -> Taken {
        let turn = self.turn();
        let Some(work) = &*turn else { return Taken::Closed };
        // Somebody may have sent the same meanwhile.
        let known = self.known(identity);
        if let Found::Same(answer) = known {
            self.see(&Happening::Known);
            return Taken::Known(answer);
        }
        let (place, record) = match (work.try_reserve(), self.writer.try_reserve()) {
            (Ok(place), Ok(record)) => (place, record),
            (Err(TrySendError::Closed(())), _) | (_, Err(Refused::Broken)) => return Taken::Closed,
            _ => return Taken::Later(work.clone()),
        };
        if matches!(known, Found::Other) {
            self.see(&Happening::Reused);
        }
        point!("flow.take");
        let received = clock::microseconds();
        let is_answered = self.version().settings.answer == When::Stored;
        let arrival = Arrival { received, identity, file: sent.file.clone(), is_answered };
        let stored = record.submit(ARRIVAL, arrival.head(), sent.message.clone());
        point!("flow.submitted");
        let (answer, coming) = watch::channel(Progress::default());
        if let Some(identity) = identity {
            self.seen().take(identity, Answer::Coming(coming.clone()), received);
        }
        let sent = Submitted { came, message: sent.message.clone(), arrival, answer };
        place.send(Work::Message(Job { sent, stored }));
        Taken::New(Answer::Coming(coming))
    }

    /// Whether the same message was taken before.
    pub fn knows(&self, sent: &Sent) -> bool {
        matches!(self.known(identity(&sent.message, sent.claim)), Found::Same(_))
    }

    /// Whether the disk has too little room for another message.
    pub fn is_short_of_space(&self) -> bool {
        self.space.is_low()
    }

    /// Whether a message that comes now is stored at once: senders do not wait for room.
    pub fn takes_messages(&self) -> bool {
        !self.is_short_of_space() && self.room.available_permits() > 0
    }

    async fn wait_for_space(&self) {
        if self.space.is_low() {
            self.see(&Happening::Full);
        }
        while self.space.is_low() {
            sleep(LOOK).await;
        }
    }

    fn known(&self, identity: Option<Identity>) -> Found {
        identity.map_or(Found::New, |identity| self.seen().find(identity))
    }

    /// Tells whoever looks on.
    pub fn see(&self, what: &Happening<'_>) {
        if let Happening::Mapped { issues, .. } | Happening::ReplyMapped { issues, .. } = what {
            self.issues.fetch_add(issues.count() as u64, Ordering::Relaxed);
        }
        self.witness.see(&self.name, what);
    }

    /// How many issues maps have raised since it began.
    pub fn issues(&self) -> u64 {
        self.issues.load(Ordering::Relaxed)
    }

    /// Goes on by another version of the project, once all is mapped that was taken before; where that waits for a table
    /// which does not answer, at once. Deliveries that wait go on waiting; those for which there is no way any more are
    /// parked.
    pub async fn change(&self, settings: Settings, program: Arc<dyn Program>) {
        let Some(work) = self.turn().clone() else { return };
        let (done, mut changed) = oneshot::channel();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Next { settings, program, done });
        self.wake.notify_one();
        tokio::select! {
            _ = &mut changed => {}
            sent = work.send(Work::Change) => {
                drop(work);
                if sent.is_ok() {
                    let _ = changed.await;
                }
            }
        }
    }

    /// Whether what waits for a table is left to the next process.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Has the thread of the maps go on with a message. Once that has ended, the next process does.
    pub(super) async fn resume(&self, number: u64, ways: Vec<Arc<str>>) {
        let work = self.turn().clone();
        if let Some(work) = work {
            let _ = work.send(Work::Again(number, ways)).await;
        }
    }

    /// Puts the next version in the place of the present one.
    pub(super) fn put(&self, version: Version) {
        *self.version.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(version);
    }

    /// Takes no more, waits for what was taken to be mapped, and says in the journal that it ended well.
    pub async fn close(&self) {
        point!("stop.told");
        drop(self.turn().take());
        self.is_closing.store(true, Ordering::Release);
        self.wake.notify_one();
        if let Ok(record) = self.writer.reserve().await {
            let _ = record.submit(CLOSED, Vec::new(), Bytes::new()).await;
            point!("stop.closed");
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the message of that number is called outside: a receipt for its sender.
    pub fn called(&self, number: u64) -> String {
        Id::new(&self.name, number).to_string()
    }

    /// What is done with messages that are taken up from now on.
    pub fn version(&self) -> Arc<Version> {
        Arc::clone(&self.version.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn law(&self) -> Law {
        self.ledger().law()
    }

    /// What is known of the message with that number beside its bytes.
    pub(super) fn receipt(&self, number: u64, arrival: &Arrival) -> Receipt {
        receipt(&self.name, number, arrival)
    }

    /// Notes what happened in the sum of the journal; its record is to follow. Settled messages make room for others.
    pub(super) fn note(&self, message: u64, what: What) -> Event {
        self.see(&Happening::Noted { number: message, what: &what, who: None });
        let event = Event::now(message, what);
        self.sum_up(&mut self.ledger(), event.clone());
        event
    }

    /// Takes what happened into the sum of the journal. What is settled makes room for others, what is taken up again
    /// needs it.
    pub(super) fn sum_up(&self, ledger: &mut Ledger, event: Event) {
        let number = event.message;
        let was_open = ledger.message(number).is_some();
        ledger.happen(event);
        match (was_open, ledger.message(number).is_some()) {
            (true, false) => self.room.add_permits(1),
            (false, true) => self.room.try_acquire().map_or((), SemaphorePermit::forget),
            _ => {}
        }
    }

    /// Whoever panicked left these as they are between two calls.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, Option<mpsc::Sender<Work>>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Waiting>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a message of a feed beside its bytes.
pub fn receipt(feed: &Arc<str>, number: u64, arrival: &Arrival) -> Receipt {
    let receipt = clock::receipt(arrival.received).of_feed(Arc::clone(feed));
    let sequence = u32::try_from(number + 1).unwrap_or(u32::MAX);
    receipt.numbered(sequence).of_file(arrival.file.as_deref().map(Into::into))
}

/// The messages that a journal knows, with the answers that they were given.
#[derive(Default)]
struct Remembered(Seen, BTreeMap<u64, Identity>);

impl Remembered {
    fn take(&mut self, place: Place, entry: &Entry) {
        match entry {
            Entry::Arrival(arrival, _) => {
                let Some(identity) = arrival.identity else { return };
                self.0.take(identity, Answer::Known(place.number, Verdict::Good), arrival.received);
                self.1.insert(place.number, identity);
            }
            Entry::Answered(_) => {}
            Entry::Event(Event { message, what, .. }) => {
                let identity = match what {
                    What::Started => self.1.get(message).copied(),
                    _ => self.1.remove(message),
                };
                match (what, identity) {
                    (What::Refused(verdict), Some(identity)) => {
                        self.0.note(identity, Answer::Known(*message, verdict.clone().into()));
                    }
                    (What::Replied { identity: Some(identity), .. }, _) => {
                        self.0.note(*identity, Answer::Known(*message, Verdict::Replied(place)));
                    }
                    (What::Returned { identity: Some(identity), .. }, _) => self.0.forget(*identity),
                    _ => {}
                }
            }
        }
    }
}
