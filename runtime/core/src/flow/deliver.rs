//! Brings what maps made to a target, in its order, and tries again until it is there or a person has to look.

mod train;

use std::collections::BTreeMap;
use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::lanes::Lanes;
use super::pace::Pace;
use super::program::Made;
use super::retry::{Failure, Retry};

/// Where messages go. One delivery may be tried several times, and each time it is the same.
pub trait Target: Send + Sync + 'static {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>>;

    /// Whether it could be written to now, as far as that is found out without a message.
    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>>;

    /// What [`Target::reach`] leaves open, which is known with the first message alone.
    fn untold(&self) -> Option<&'static str> {
        None
    }

    /// How several go together, where it takes one before it has answered another.
    fn train(&self) -> Option<&dyn Train> {
        None
    }
}

/// A target that takes several messages before it answers the first.
pub trait Train: Sync {
    /// How many may be on their way.
    fn most(&self) -> usize;

    /// Sends them in their order; what became of each, in the same order. Nothing for one that was not sent, or that went
    /// without an answer behind another that failed.
    fn deliver_all<'a>(&'a self, parcels: &'a [Parcel])
    -> Pin<Box<dyn Future<Output = Vec<Option<Said>>> + Send + 'a>>;
}

/// How a try to deliver something ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub end: Result<(), Failure>,
    /// What the target said, also where it refuses; nothing where it said nothing, or nothing that is read here.
    pub answer: Option<Made>,
}

impl From<Result<(), Failure>> for Said {
    fn from(end: Result<(), Failure>) -> Said {
        Said { end, answer: None }
    }
}

/// A target, and how all that goes to it is brought there.
pub struct Outlet {
    pub target: Arc<dyn Target>,
    pub retry: Retry,
    pub pace: Pace,
}

/// What is brought to a target for one message.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// What the message is called for good: `adt-17`.
    pub id: Arc<str>,
    pub made: Arc<[Made]>,
    /// What settings of the target read of the message, in their order.
    pub read: Arc<[Vec<String>]>,
    /// Whether its sender waits for what the target says.
    pub asks: bool,
}

/// Why a delivery is parked of which nothing can be made.
pub(super) const NOT_MADE: &str = "what it was made of cannot be read";

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Delivered,
    Parked(String),
    /// Its sender waits for this: what the target said, or why it does not have the message.
    Answered(Said),
}

impl Outlet {
    /// How long to wait before the next try; nothing where that was the last.
    fn wait(&self, parcel: &Parcel, said: &Said, number: u64, tried: u32) -> Option<Duration> {
        let failure = said.end.as_ref().err()?;
        let chance = chance(number, tried);
        if parcel.asks { self.retry.question(failure, tried, chance) } else { self.retry.wait(failure, tried, chance) }
    }
}

impl End {
    fn of(said: Said, asks: bool) -> End {
        match said.end {
            _ if asks => End::Answered(said),
            Ok(()) => End::Delivered,
            Err(failure) => End::Parked(failure.why().to_owned()),
        }
    }
}

/// What a queue asks its feed for, and tells it.
pub trait Source: Send + Sync + 'static {
    /// What the target is to get of this message, or why it is not to be had any more.
    fn parcel(&self, number: u64) -> Pin<Box<dyn Future<Output = Result<Parcel, String>> + Send + '_>>;

    /// A delivery was tried.
    fn tried(&self, number: u64, tried: u32, took: Duration, failure: Option<&Failure>);

    fn ended(&self, number: u64, end: End) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// How many bytes of parcels wait in memory; others are made again when their turn comes.
const HELD_BYTES: usize = 32 << 20;

/// From so many bytes on those who send wait a moment for those before them, as long as their target takes messages: what is
/// not held is made once more, which takes time from all of them.
const CROWDED: usize = HELD_BYTES / 2;

/// They wait until there are no more than this: seldom, and then all of them go on.
const RELIEVED: usize = CROWDED / 4 * 3;

/// The longest that a message waits for that.
const EASED: Duration = Duration::from_millis(50);

/// How many deliveries go at once where their order allows it.
const ABREAST: usize = 16;

/// What one target is to get of one feed.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
    /// Those who wait to send may.
    relieved: Notify,
}

#[derive(Default)]
struct State {
    lanes: Lanes,
    /// Nothing begins before a person lets it.
    is_held: bool,
    held: FxHashMap<u64, Parcel>,
    bytes: usize,
    /// What is to begin once more when its last delivery has come to its end, with its lanes.
    again: FxHashMap<u64, Vec<u64>>,
    /// The deliveries that failed and are tried again.
    failing: BTreeMap<u64, Failing>,
    /// When a delivery came to its end.
    last_end: Option<Instant>,
}

/// How often a delivery was tried in vain, and why the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    pub times: u32,
    pub why: String,
}

impl Parcel {
    /// Sends all that it holds, one after the other, up to the first that fails: what was said of the last that was sent.
    pub async fn each<'p, S: Future<Output = Said>>(&'p self, mut send: impl FnMut(&'p Made) -> S) -> Said {
        let mut said = Ok(()).into();
        for made in self.made.iter() {
            said = send(made).await;
            if said.end.is_err() {
                break;
            }
        }
        said
    }

    fn bytes(&self) -> usize {
        self.made.iter().map(|made| made.bytes.len()).sum()
    }
}

impl State {
    /// Whether much is held for a target that takes one message after the other. One that takes none holds nobody up.
    fn is_crowded(&self) -> bool {
        self.bytes > CROWDED && self.last_end.is_some_and(|last| last.elapsed() < EASED)
    }

    /// The parcel of a delivery that begins, if it is held.
    fn take(&mut self, number: u64) -> Option<Parcel> {
        let parcel = self.held.remove(&number);
        self.bytes -= parcel.as_ref().map_or(0, Parcel::bytes);
        parcel
    }
}

impl Queue {
    /// Adds a delivery. Without a parcel it is made when its turn comes.
    pub fn add(&self, number: u64, keys: Vec<u64>, parcel: Option<Parcel>) {
        let mut state = self.state();
        if state.lanes.has(number) {
            state.again.insert(number, keys);
            return;
        }
        let is_ready = state.lanes.add(number, keys);
        if let Some(parcel) = parcel
            // One longer than all of that is held alone: it would be there twice while it was made again.
            && (state.bytes == 0 || state.bytes + parcel.bytes() <= HELD_BYTES)
        {
            state.bytes += parcel.bytes();
            state.held.insert(number, parcel);
        }
        drop(state);
        // One that waits for others comes when they end.
        if is_ready {
            self.changed.notify_one();
        }
    }

    /// Waits a moment for those before, if they are many and go on.
    pub(super) async fn ease(&self) {
        let relieved = self.relieved.notified();
        if self.state().is_crowded() {
            let _ = timeout(EASED, relieved).await;
        }
    }

    fn relieve(&self, state: &State) {
        if state.bytes <= RELIEVED {
            self.relieved.notify_waiters();
        }
    }

    /// Lets nothing more begin, or what waits.
    pub fn hold(&self, is_held: bool) {
        self.state().is_held = is_held;
        self.changed.notify_one();
    }

    pub fn is_held(&self) -> bool {
        self.state().is_held
    }

    pub fn len(&self) -> usize {
        self.state().lanes.len()
    }

    /// The first message whose delivery is not at its end.
    pub fn oldest(&self) -> Option<u64> {
        self.state().lanes.oldest()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn begin(&self) -> Option<(u64, Option<Parcel>)> {
        let mut state = self.state();
        if state.is_held {
            return None;
        }
        let number = state.lanes.begin()?;
        let parcel = state.take(number);
        self.relieve(&state);
        Some((number, parcel))
    }

    /// A delivery has come to its end, or is to begin once more.
    fn end(&self, (number, is_over): (u64, bool)) {
        let mut state = self.state();
        if !is_over {
            return state.lanes.again(number);
        }
        state.lanes.end(number);
        state.last_end = Some(Instant::now());
        state.failing.remove(&number);
        if let Some(keys) = state.again.remove(&number) {
            state.lanes.add(number, keys);
        }
    }

    /// A delivery was tried in vain.
    pub(super) fn failed(&self, number: u64, times: u32, why: &str) {
        self.state().failing.insert(number, Failing { times, why: why.to_owned() });
    }

    /// The oldest delivery that was tried in vain and is tried again.
    pub fn failing(&self) -> Option<(u64, Failing)> {
        self.state().failing.first_key_value().map(|(number, failing)| (*number, failing.clone()))
    }

    /// Takes other values to keep the order of all that wait by.
    pub(super) fn order_by(&self, mut keys: impl FnMut(u64) -> Vec<u64>) {
        let mut state = self.state();
        for (number, old) in &mut state.again {
            *old = keys(*number);
        }
        state.lanes.order_by(keys);
        drop(state);
        self.changed.notify_one();
    }

    /// Whoever panicked left the lanes as they are between two calls.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers until it is told to stop; what is under way then comes to its next end or wait. Whoever runs it next goes on
    /// with what is left.
    pub async fn run(self: Arc<Self>, source: Arc<dyn Source>, outlet: Arc<Outlet>, mut stop: watch::Receiver<bool>) {
        // What is counted goes one by one.
        if outlet.target.train().is_some() && !outlet.pace.counts() {
            return self.run_trains(source, outlet, stop).await;
        }
        let mut going: JoinSet<(u64, bool)> = JoinSet::new();
        // Where all go one after another there is but this one, and no task is made for each.
        let mut first = pin!(None);
        loop {
            while going.len() < ABREAST
                && !*stop.borrow()
                && let Some((number, parcel)) = self.begin()
            {
                let one = Delivery { number, source: Arc::clone(&source), outlet: Arc::clone(&outlet) };
                let one = one.run(parcel, stop.clone());
                if first.is_none() {
                    first.set(Some(one));
                } else {
                    going.spawn(one);
                }
            }
            tokio::select! {
                ended = running(first.as_mut()) => {
                    first.set(None);
                    self.end(ended);
                }
                Some(Ok(ended)) = going.join_next() => self.end(ended),
                () = self.changed.notified() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if let Some(first) = first.as_mut().as_pin_mut() {
            self.end(first.await);
        }
        while let Some(ended) = going.join_next().await {
            if let Ok(ended) = ended {
                self.end(ended);
            }
        }
    }
}

/// What comes of a future; where there is none, nothing ever does.
async fn running<T>(future: Pin<&mut Option<impl Future<Output = T>>>) -> T {
    match future.as_pin_mut() {
        Some(future) => future.await,
        None => pending().await,
    }
}

struct Delivery {
    number: u64,
    source: Arc<dyn Source>,
    outlet: Arc<Outlet>,
}

impl Delivery {
    /// The number of the message, and whether it is at its end. It is not if it was told to stop: then it stays in flight,
    /// and is delivered when the queue or the process is there again.
    async fn run(self, parcel: Option<Parcel>, mut stop: watch::Receiver<bool>) -> (u64, bool) {
        let parcel = match parcel {
            Some(parcel) => Ok(parcel),
            None => tokio::select! {
                parcel = self.source.parcel(self.number) => parcel,
                _ = stop.wait_for(|stop| *stop) => return (self.number, false),
            },
        };
        let end = match parcel {
            Err(why) => Some(End::Parked(why)),
            Ok(parcel) => self.tried(&parcel, 0, &mut stop).await,
        };
        self.over(end).await
    }

    /// The same for one that was tried once in vain, after a wait.
    async fn run_again(self, parcel: Parcel, wait: Duration, mut stop: watch::Receiver<bool>) -> (u64, bool) {
        let end = match stopped(&mut stop, wait).await {
            true => None,
            false => self.tried(&parcel, 1, &mut stop).await,
        };
        self.over(end).await
    }

    async fn over(self, end: Option<End>) -> (u64, bool) {
        let is_over = end.is_some();
        if let Some(end) = end {
            ended(&*self.source, self.number, end).await;
        }
        (self.number, is_over)
    }

    /// Nothing if it was told to stop before it came to an end. It was tried so often already.
    async fn tried(&self, parcel: &Parcel, mut tried: u32, stop: &mut watch::Receiver<bool>) -> Option<End> {
        loop {
            tokio::select! {
                () = self.outlet.pace.turn() => {}
                _ = stop.wait_for(|stop| *stop) => return None,
            }
            let begun = begun();
            let said = self.outlet.target.deliver(parcel).await;
            tried += 1;
            self.source.tried(self.number, tried, begun.elapsed(), said.end.as_ref().err());
            let wait = self.outlet.wait(parcel, &said, self.number, tried);
            let Some(wait) = wait else { return Some(End::of(said, parcel.asks)) };
            if stopped(stop, wait).await {
                return None;
            }
        }
    }
}

/// When something begins to be delivered.
fn begun() -> Instant {
    point!("flow.deliver");
    Instant::now()
}

async fn ended(source: &dyn Source, number: u64, end: End) {
    point!("flow.delivered");
    source.ended(number, end).await;
}

/// Waits, unless it is told to stop.
async fn stopped(stop: &mut watch::Receiver<bool>, wait: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(wait) => false,
        _ = stop.wait_for(|stop| *stop) => true,
    }
}

/// From 0 to 1, spread over messages and tries: no two come back together.
pub(super) fn chance(number: u64, tried: u32) -> f64 {
    let mixed = xxhash_rust::xxh3::xxh3_64_with_seed(&number.to_le_bytes(), tried.into());
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::super::program::Form;
    use super::*;

    fn parcel(bytes: usize) -> Parcel {
        let made = Made { form: Form::Message, bytes: vec![0; bytes].into() };
        Parcel { id: "adt-1".into(), made: vec![made].into(), read: Vec::new().into(), asks: false }
    }

    #[tokio::test]
    async fn who_sends_waits_for_those_before_if_they_are_many_and_go_on() {
        let (queue, mut context) = (Queue::default(), Context::from_waker(Waker::noop()));
        let waits = |queue: &Queue, context: &mut Context<'_>| pin!(queue.ease()).poll(context).is_pending();
        for number in 0..5 {
            queue.add(number, Vec::new(), Some(parcel(CROWDED / 4 + 1)));
        }
        // The target takes nothing: nobody is to wait for it.
        assert!(!waits(&queue, &mut context));
        let (number, _) = queue.begin().unwrap();
        queue.end((number, true));
        assert!(waits(&queue, &mut context));
        let mut eased = pin!(queue.ease());
        assert!(eased.as_mut().poll(&mut context).is_pending());
        let (number, _) = queue.begin().unwrap();
        queue.end((number, true));
        assert!(eased.as_mut().poll(&mut context).is_pending());
        queue.begin().unwrap();
        assert!(eased.poll(&mut context).is_ready());
        assert!(!waits(&queue, &mut context));
    }

    #[test]
    fn one_long_parcel_is_held_and_no_other_beside_it() {
        let queue = Queue::default();
        for number in 0..2 {
            queue.add(number, Vec::new(), Some(parcel(HELD_BYTES + 1)));
        }
        assert!(queue.begin().is_some_and(|(_, parcel)| parcel.is_some()));
        queue.end((0, true));
        assert!(queue.begin().is_some_and(|(_, parcel)| parcel.is_none()));
    }
}
