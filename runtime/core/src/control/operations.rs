//! Does what an engine is asked for, whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex as Turn, mpsc, oneshot};

use super::sought::Key;
use super::words::{Answer, Failing, Feed, Not, Parked, Request, Way, Which};
use crate::flow::intake::{Intake, Settings};
use crate::flow::operate::No;
use crate::flow::witness::{Happening, Witness};
use crate::journal::entry::{Answered, Ended, Replay, What};
use crate::journal::find::{History, State, histories};
use crate::journal::fs::Disk;
use crate::journal::id::Id;
use crate::journal::log::Fault;

/// What a person may do with the messages of an engine that runs.
#[derive(Default)]
pub struct Operations {
    feeds: RwLock<Feeds>,
    /// One after another: what is found out of a message holds until something is done with it.
    turn: Turn<()>,
    /// Who has the engine and its project; nobody where there are feeds alone.
    owner: Option<mpsc::Sender<Asked>>,
    /// Is told of what is not done; what is done stands in the journals.
    witness: Option<Arc<dyn Witness>>,
}

/// What only the owner of an engine can do, and who is to be told.
pub struct Asked {
    pub what: Wish,
    /// Nobody where files have changed.
    pub who: Option<String>,
    pub tell: oneshot::Sender<Answer>,
}

pub enum Wish {
    /// A route that says `start: held` is to deliver.
    Start(String),
    /// The project as its files are now is to take the place of the one that runs.
    Reload,
}

/// The feeds that there are now.
#[derive(Clone, Default)]
struct Feeds(Vec<Arc<Intake<Disk>>>);

/// How many messages are written of together.
const TOGETHER: usize = 1_000;

/// What was done with some messages and what not.
#[derive(Default)]
struct Outcome {
    done: u64,
    not: Vec<Not>,
}

impl Outcome {
    fn not(&mut self, id: &Id, why: impl ToString) {
        self.not.push(Not { id: id.to_string(), why: why.to_string() });
    }
}

impl Operations {
    /// What only the owner of the engine can do comes out of the other end.
    pub fn asking(witness: Arc<dyn Witness>) -> (Operations, mpsc::Receiver<Asked>) {
        let (owner, asked) = mpsc::channel(1);
        (Operations { owner: Some(owner), witness: Some(witness), ..Operations::default() }, asked)
    }

    /// From here on it is about these feeds. What was begun with others is done.
    pub async fn put(&self, feeds: Vec<Arc<Intake<Disk>>>) {
        let _turn = self.turn.lock().await;
        *self.feeds.write().unwrap_or_else(PoisonError::into_inner) = Feeds(feeds);
    }

    /// What `who` asks for, by a name that the audit knows.
    pub async fn carry_out(&self, request: Request, who: &str) -> Answer {
        let outcome = match request {
            Request::Status => {
                return Answer::Status { feeds: self.feeds().0.iter().map(|feed| status(feed)).collect() };
            }
            Request::Viewed { id } => {
                let text = id.to_string();
                self.witness.iter().for_each(|it| it.see(&id.feed, &Happening::Viewed { id: &text, who }));
                return Answer::Done { done: 1, not: Vec::new() };
            }
            Request::Start { route } => return self.ask(Wish::Start(route), who).await,
            Request::Reload => return self.ask(Wish::Reload, who).await,
            Request::Release { which } => self.in_turn(async |feeds| feeds.release(which, &who.into()).await).await,
            Request::Drop { ids, because } => {
                self.in_turn(async |feeds| feeds.give_up(ids, because, &who.into()).await).await
            }
            Request::Replay { ids, to } => self.in_turn(async |feeds| feeds.replay(ids, to, &who.into()).await).await,
        };
        match outcome {
            Ok(Outcome { done, not }) => {
                self.denied(&not, who);
                Answer::Done { done, not }
            }
            Err(why) => Answer::Refused { why },
        }
    }

    /// What waits for a person, of all feeds or of one: how many there are, and the oldest of each. Nothing where there is no
    /// such feed.
    pub fn parked(&self, feed: Option<&str>, limit: usize) -> Option<(u64, Vec<Parked>)> {
        let feeds = self.feeds();
        let chosen: Vec<_> = feeds.0.iter().filter(|it| feed.is_none_or(|name| **it.name() == *name)).collect();
        if feed.is_some() && chosen.is_empty() {
            return None;
        }
        let (mut count, mut all) = (0, Vec::new());
        for feed in chosen {
            count += feed.law().parked;
            all.extend(feed.sum(|ledger| Parked::of(feed.name(), ledger).take(limit).collect::<Vec<_>>()));
        }
        Some((count, all))
    }

    /// Whether there is a feed of that name now.
    pub fn has_feed(&self, name: &str) -> bool {
        self.feeds().named(name).is_some()
    }

    /// Whether there is a route of that name now.
    pub fn has_route(&self, name: &str) -> bool {
        self.feeds().0.iter().any(|feed| feed.version().settings.routes.iter().any(|route| **route == *name))
    }

    /// A value by which a feed keeps its messages in order; nothing for a feed that keeps all of them in one.
    pub fn key(&self, feed: &str, value: &str) -> Option<Key> {
        let version = self.feeds().named(feed)?.version();
        let Settings { name, feed, order_by, .. } = &version.settings;
        Key::new(name, (Arc::clone(&version.program), *feed), order_by, value)
    }

    fn denied(&self, not: &[Not], who: &str) {
        let Some(witness) = &self.witness else { return };
        for Not { id, why } in not {
            let feed = id.rsplit_once('-').map_or("", |(feed, _)| feed);
            witness.see(feed, &Happening::Denied { id, who, why });
        }
    }

    async fn ask(&self, what: Wish, who: &str) -> Answer {
        let (tell, told) = oneshot::channel();
        let asked = match &self.owner {
            Some(owner) => owner.send(Asked { what, who: Some(who.to_owned()), tell }).await.is_ok(),
            None => false,
        };
        let answer = if asked { told.await.ok() } else { None };
        answer.unwrap_or_else(|| Answer::Refused { why: "the engine is about to stop".to_owned() })
    }

    async fn in_turn<T>(&self, act: impl AsyncFnOnce(Feeds) -> T) -> T {
        let _turn = self.turn.lock().await;
        act(self.feeds()).await
    }

    fn feeds(&self) -> Feeds {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Feeds {
    async fn release(&self, which: Which, who: &Arc<str>) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        let chosen = match which {
            Which::Ids(ids) => self.known(ids, &mut outcome).await?,
            Which::Feed(name) => {
                let feed = self.named(&name).ok_or_else(|| no_feed(&name))?;
                vec![(feed, parked(feed))]
            }
            Which::All => self.0.iter().map(|feed| (feed, parked(feed))).collect(),
        };
        for (feed, numbers) in chosen {
            let asked = numbers.into_iter().map(|number| (number, What::Released, None));
            all(feed, who, asked.collect(), &mut outcome).await;
        }
        Ok(outcome)
    }

    async fn give_up(&self, ids: Vec<Id>, because: String, who: &Arc<str>) -> Result<Outcome, String> {
        if because.trim().is_empty() {
            return Err("a message is given up for a reason: say which".to_owned());
        }
        let mut outcome = Outcome::default();
        for (feed, numbers) in self.known(ids, &mut outcome).await? {
            let asked = numbers.into_iter().map(|number| (number, What::Dropped { because: because.clone() }, None));
            all(feed, who, asked.collect(), &mut outcome).await;
        }
        Ok(outcome)
    }

    async fn replay(&self, ids: Vec<Id>, to: Option<String>, who: &Arc<str>) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        for (feed, numbers) in self.by_feed(ids, &mut outcome) {
            let name = feed.name();
            let version = feed.version();
            let leads = |to: &String| version.settings.ways.iter().any(|way| way.leads_to(to));
            if let Some(to) = to.as_ref().filter(|to| !leads(to)) {
                let why = format!("no route of `{name}` leads to `{to}`");
                numbers.iter().for_each(|number| outcome.not(&Id::new(name, *number), &why));
                continue;
            }
            let found = settled(feed, numbers.clone()).await?;
            let mut asked = Vec::new();
            for number in numbers {
                match found.get(&number) {
                    None => outcome.not(&Id::new(name, number), No::Unknown),
                    Some(History { state: State::Open(open), .. }) => {
                        outcome.not(&Id::new(name, number), if open.is_parked() { No::Parked } else { No::InFlight });
                    }
                    Some(History { state: State::Ended(was), place, arrival, answered, .. }) => {
                        // What nobody got may have been refused for an answer that has changed.
                        let answered = answered.clone().filter(|_| *was == Ended::Delivered);
                        let replay = Replay { was: *was, place: *place, arrival: arrival.clone(), to: to.clone() };
                        asked.push((number, What::Replayed(Box::new(replay)), answered));
                    }
                }
            }
            all(feed, who, asked, &mut outcome).await;
        }
        Ok(outcome)
    }

    /// Those that a journal holds. Of others it is said that it does not, or not any more.
    async fn known(
        &self,
        ids: Vec<Id>,
        outcome: &mut Outcome,
    ) -> Result<Vec<(&Arc<Intake<Disk>>, BTreeSet<u64>)>, String> {
        let mut chosen = self.by_feed(ids, outcome);
        for (feed, numbers) in &mut chosen {
            let is_open = |number: &u64| feed.sum(|ledger| ledger.message(*number).is_some());
            let others: BTreeSet<u64> = numbers.iter().copied().filter(|number| !is_open(number)).collect();
            if others.is_empty() {
                continue;
            }
            let found = settled(feed, others.clone()).await?;
            for number in others.into_iter().filter(|number| !found.contains_key(number)) {
                numbers.remove(&number);
                outcome.not(&Id::new(feed.name(), number), No::Unknown);
            }
        }
        Ok(chosen)
    }

    fn named(&self, name: &str) -> Option<&Arc<Intake<Disk>>> {
        self.0.iter().find(|feed| **feed.name() == *name)
    }

    /// The messages of each feed, each once. Of a feed that there is not is said so.
    fn by_feed(&self, ids: Vec<Id>, outcome: &mut Outcome) -> Vec<(&Arc<Intake<Disk>>, BTreeSet<u64>)> {
        let mut chosen: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for id in ids {
            match self.named(&id.feed) {
                Some(_) => _ = chosen.entry(id.feed).or_default().insert(id.number),
                None => outcome.not(&id, no_feed(&id.feed)),
            }
        }
        chosen.into_iter().filter_map(|(name, numbers)| Some((self.named(&name)?, numbers))).collect()
    }
}

fn no_feed(name: &str) -> String {
    format!("the engine has no feed `{name}`")
}

fn parked(feed: &Intake<Disk>) -> BTreeSet<u64> {
    feed.sum(|ledger| ledger.open().filter(|open| open.is_parked()).map(|open| open.number()).collect())
}

/// Asks for something of each message, many at a time, and waits until it is done.
async fn all(feed: &Intake<Disk>, who: &Arc<str>, wanted: Vec<(u64, What, Option<Answered>)>, outcome: &mut Outcome) {
    let name = feed.name();
    let mut wanted = wanted.into_iter().peekable();
    while wanted.peek().is_some() {
        let mut asked = Vec::new();
        for (number, what, answered) in wanted.by_ref().take(TOGETHER) {
            asked.push((Id::new(name, number), feed.ask_with(who, number, what, answered).await));
        }
        for (id, asked) in asked {
            let done = match asked {
                Ok(asked) => feed.done(asked).await,
                Err(why) => Err(why),
            };
            match done {
                Ok(()) => outcome.done += 1,
                Err(why) => outcome.not(&id, why),
            }
        }
    }
}

/// What the journal says of messages, with all that happened up to now.
async fn settled(feed: &Arc<Intake<Disk>>, numbers: BTreeSet<u64>) -> Result<BTreeMap<u64, History>, String> {
    if !feed.flushed().await {
        return Err(No::Stopping.to_string());
    }
    let folder = feed.version().settings.folder.clone();
    let found = tokio::task::spawn_blocking(move || histories(Disk, folder, &numbers)).await;
    let unread = |why: Fault| format!("{}: {why}", feed.name());
    found.map_err(|_| No::Stopping.to_string())?.map_err(unread)
}

fn status(feed: &Intake<Disk>) -> Feed {
    let name = feed.name();
    let mut status = feed.sum(|ledger| Feed::of(name, ledger));
    status.issues = Some(feed.issues());
    let version = feed.version();
    let known = version.ways().map(|(way, queue)| {
        let waiting =
            status.ways.iter().position(|known| *known.name == *way.name).map(|at| status.ways.swap_remove(at));
        let failing = queue.failing();
        let failing =
            failing.map(|(number, tried)| Failing { id: Id::new(name, number), times: tried.times, why: tried.why });
        let idle = || Way { name: way.name.to_string(), waiting: 0, is_held: false, oldest: None, failing: None };
        Way { failing, is_held: queue.is_held(), ..waiting.unwrap_or_else(idle) }
    });
    status.ways = known.collect();
    status
}
