//! The audit: a line for each thing that happened to a message and each thing that a person did, each bound to the line
//! before by its hash, in files that are kept.
//!
//! What happens to messages is read from the journals behind those who write them, once it is on disk. So nothing waits for
//! the audit, and nothing is missing from it: a process that is killed leaves to the next one what it did not write. What
//! stands in no journal, such as a peer that is turned away, is handed over by whoever sees it.

mod chain;
mod export;
mod record;
mod verify;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::flow::witness::{Happening, Witness};
use crate::journal::follow::Follow;
use crate::journal::fs::Disk;
use crate::kept;
use chain::Chain;

pub use export::event;
pub use record::{Hash, Line, Said, What, hex};
pub use verify::{Report, verify};

/// Where the audit of a folder of journals is. No feed is called so.
pub const FOLDER: &str = "audit.chain";

/// How long what happens is gathered before it is written.
const TOGETHER: Duration = Duration::from_millis(50);

/// Events that wait to be written and stand in no journal; more of them are counted.
const WAITING: usize = 4096;

/// Records of a journal that are written together.
const RECORDS: usize = 10_000;

/// How long it waits when the disk refuses.
const REFUSED: Duration = Duration::from_secs(1);

/// How often it is tried when the process is to end; what is left then is written by the next one.
const LAST_TRIES: u32 = 3;

/// The audit of an engine.
pub struct Audit {
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What is handed to the thread that writes.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Below which number the records of each journal are on disk.
    below: BTreeMap<String, u64>,
    /// Journals that were just opened.
    opened: Vec<String>,
    events: Vec<(Said, Option<oneshot::Sender<()>>)>,
    left_out: u64,
    has_news: bool,
    is_ending: bool,
}

impl Audit {
    /// Opens the audit of a folder of journals and says in it that an engine began. `version` is that of the engine.
    ///
    /// # Errors
    /// The file system refuses: says where.
    pub fn start(journals: &Path, version: &str) -> Result<Audit, String> {
        let folder = journals.join(FOLDER);
        Audit::begin(&folder, journals, version).map_err(|why| kept::refused("the audit", &folder, &why))
    }

    fn begin(folder: &Path, journals: &Path, version: &str) -> io::Result<Audit> {
        let (mut chain, cut) = Chain::open(folder)?;
        cut.iter().for_each(tell_cut);
        let mut said: Vec<Said> = cut.into_iter().collect();
        said.push(Said::now(What::Started).because(format!("emr {version}")));
        match chain.add(&said) {
            Ok(()) => said.clear(),
            // What was accepted is to be delivered all the same, and is in the journals: the audit has it when there is room.
            Err(why) if why.kind() == io::ErrorKind::StorageFull => {}
            Err(why) => return Err(why),
        }
        tell_head(&chain);
        let desk = Arc::new(Desk::default());
        said.into_iter().for_each(|said| desk.state().events.push((said, None)));
        let state = desk.state();
        desk.tell(state);
        let writing =
            Writing { desk: Arc::clone(&desk), journals: journals.to_owned(), chain, follows: BTreeMap::new() };
        let thread = thread::Builder::new().name("audit".into()).spawn(move || writing.run())?;
        Ok(Audit { desk, thread: Mutex::new(Some(thread)) })
    }

    /// Hands an event over, and does not wait for it.
    pub fn note(&self, said: Said) {
        let mut state = self.desk.state();
        if state.events.len() < WAITING {
            state.events.push((said, None));
        } else {
            state.left_out += 1;
        }
        self.desk.tell(state);
    }

    /// Waits until an event is on disk; whether it is.
    pub async fn noted(&self, said: Said) -> bool {
        let (done, written) = oneshot::channel();
        self.hand((said, Some(done)));
        written.await.is_ok()
    }

    fn hand(&self, event: (Said, Option<oneshot::Sender<()>>)) {
        let mut state = self.desk.state();
        // Nobody writes behind the end: whoever waits hears so at once.
        if !state.is_ending {
            state.events.push(event);
        }
        self.desk.tell(state);
    }

    /// Writes all that happened, and that the engine ended well. To be called when nothing happens any more.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let mut state = self.desk.state();
        state.is_ending = true;
        self.desk.tell(state);
        let _ = thread.join();
    }
}

impl Witness for Audit {
    fn see(&self, feed: &str, what: &Happening<'_>) {
        match *what {
            Happening::Opened { below } => {
                let mut state = self.desk.state();
                state.below.insert(feed.to_owned(), below);
                state.opened.push(feed.to_owned());
                self.desk.tell(state);
            }
            Happening::Synced { below, .. } => {
                let mut state = self.desk.state();
                if let Some(known) = state.below.get_mut(feed) {
                    *known = below;
                }
                self.desk.tell(state);
            }
            Happening::Viewed { id, who } => {
                let said = Said::now(What::Viewed).at_feed(feed).by(who);
                self.note(Said { id: Some(id.to_owned()), ..said });
            }
            Happening::Denied { id, who, why } => {
                let said = Said::now(What::Asked).at_feed(feed).by(who).because(why);
                self.note(Said { id: Some(id.to_owned()), is_refused: true, ..said });
            }
            _ => Said::turned(what).into_iter().for_each(|said| self.note(said.at_feed(feed))),
        }
    }
}

impl Desk {
    /// Whoever panicked left it as it is between two calls.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        // Once is enough until somebody looks.
        if !state.has_news || state.is_ending {
            state.has_news = true;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits for news, lets more come, and takes what is there.
    fn news(&self) -> State {
        let is_quiet = |state: &mut State| !state.has_news && !state.is_ending;
        let state = self.changed.wait_while(self.state(), is_quiet).unwrap_or_else(PoisonError::into_inner);
        let hurries = state.is_ending || state.events.iter().any(|(_, waits)| waits.is_some());
        drop(state);
        if !hurries {
            thread::sleep(TOGETHER);
        }
        let mut state = self.state();
        state.has_news = false;
        let State { below, is_ending, .. } = &*state;
        let (below, is_ending) = (below.clone(), *is_ending);
        State {
            below,
            opened: std::mem::take(&mut state.opened),
            events: std::mem::take(&mut state.events),
            left_out: std::mem::take(&mut state.left_out),
            has_news: false,
            is_ending,
        }
    }
}

/// The thread that writes.
struct Writing {
    desk: Arc<Desk>,
    journals: PathBuf,
    chain: Chain,
    follows: BTreeMap<String, Follow<Disk>>,
}

impl Writing {
    fn run(mut self) {
        loop {
            let news = self.desk.news();
            let (mut said, mut waiting) = (Vec::new(), Vec::new());
            for (event, waits) in news.events {
                said.push(event);
                waiting.extend(waits);
            }
            if news.left_out > 0 {
                said.push(Said::now(What::LeftOut).because(format!("{} events", news.left_out)));
            }
            for feed in news.opened {
                said.extend(self.opened(&feed, news.below.get(&feed).copied().unwrap_or_default()));
            }
            if !self.write(&said, news.is_ending) {
                return;
            }
            waiting.into_iter().for_each(|waits| _ = waits.send(()));
            for (feed, below) in &news.below {
                if !self.catch_up(feed, *below, news.is_ending) {
                    return;
                }
            }
            if news.is_ending {
                self.write(&[Said::now(What::Stopped)], true);
                tell_head(&self.chain);
                return;
            }
        }
    }

    /// Begins to read a journal where the audit ended.
    fn opened(&mut self, feed: &str, below: u64) -> Option<Said> {
        let mut from = self.chain.reached(feed);
        let is_other = from > below;
        if is_other {
            from = 0;
            self.chain.reach(feed, 0);
        }
        self.follows.insert(feed.to_owned(), Follow::new(Disk, self.journals.join(feed), from));
        let why = "the journal was begun anew: it ends before what the audit has of it";
        is_other.then(|| Said::now(What::Gone).at_feed(feed).because(why))
    }

    /// Writes what a journal says and the audit does not; whether it could.
    fn catch_up(&mut self, feed: &str, below: u64, is_ending: bool) -> bool {
        loop {
            let Some(follow) = self.follows.get_mut(feed).filter(|follow| follow.number() < below) else { return true };
            let (mut said, mut gone) = (Vec::new(), None);
            let read = follow.read(
                below,
                RECORDS,
                |from, to| gone = Some((from, to)),
                |number, kind, body| said.extend(Said::of_record(feed, number, kind, body)),
            );
            let reached = follow.number();
            if let Some((from, to)) = gone {
                let why = format!("the records {from} to {to} were let go before they were read");
                said.insert(0, Said::now(What::Gone).at_feed(feed).because(why));
            }
            if !self.write(&said, is_ending) {
                return false;
            }
            self.chain.reach(feed, reached);
            if let Err(why) = read {
                // It goes on with the next group of records, or in the next process.
                error!(feed, why = %why.kind(), "the journal cannot be read for the audit");
                return true;
            }
        }
    }

    /// Adds lines, however often that has to be tried; whether they are there.
    fn write(&mut self, said: &[Said], is_ending: bool) -> bool {
        let mut tried = 0;
        while !said.is_empty() {
            let Err(why) = self.chain.add(said) else { return true };
            tried += 1;
            if tried == 1 {
                error!(why = %why.kind(), "the audit cannot be written; it is tried again");
            }
            if is_ending && tried >= LAST_TRIES {
                return false;
            }
            thread::sleep(REFUSED);
        }
        true
    }
}

/// Adds an event to the audit of a folder of journals on which no engine runs.
///
/// # Errors
/// The file system refuses.
pub fn add(journals: &Path, said: Said) -> io::Result<()> {
    let (mut chain, cut) = Chain::open(&journals.join(FOLDER))?;
    chain.add(&cut.into_iter().chain([said]).collect::<Vec<_>>())
}

/// So that whoever reads the log does not have to read the audit to hear of it.
fn tell_cut(cut: &Said) {
    let why = cut.why.as_deref().unwrap_or_default();
    warn!(why, "the audit was changed while no engine ran; `emr audit verify` says more");
}

/// So that the log, which is kept elsewhere, bears witness to the audit.
fn tell_head(chain: &Chain) {
    if let Some((line, hash)) = chain.head() {
        info!(line, hash = hex(&hash), "the audit stands at");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::witness::Leaving;
    use crate::journal::entry::{ARRIVAL, Arrival, EVENT, Event, What as Happened};
    use crate::journal::log::Log;

    fn lines(journals: &Path) -> Vec<(What, Option<String>)> {
        let mut lines = Vec::new();
        let report = verify(&journals.join(FOLDER), |line| lines.push((line.said.what, line.said.id.clone()))).unwrap();
        assert_eq!(report.faults, Vec::<String>::new());
        lines.retain(|(what, _)| !matches!(what, What::Reached));
        lines
    }

    /// A journal of a feed with two records for each message.
    fn journal(journals: &Path, messages: u64) -> u64 {
        let mut log = Log::open(Disk, journals.join("adt"), 1 << 20, |_| {}).unwrap();
        for _ in 0..messages {
            let arrival = Arrival { received: 7, identity: None, file: None, is_answered: false };
            let place = log.append(ARRIVAL, &arrival.head(), b"MSH|^~\\&").unwrap();
            let event = Event {
                message: place.number,
                at: 8,
                what: Happened::Delivered { target: "all>ehr".into() },
                who: None,
            };
            log.append(EVENT, &event.body(), &[]).unwrap();
        }
        log.commit().unwrap()
    }

    #[test]
    fn what_a_killed_process_did_not_write_the_next_one_does_and_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let below = journal(folder.path(), 20);
        let audit = Audit::start(folder.path(), "1").unwrap();
        audit.see("adt", &Happening::Opened { below: below / 2 });
        audit.stop();
        assert_eq!(lines(folder.path()).len(), 22);
        // Nobody stops this one.
        std::mem::forget(Audit::start(folder.path(), "1").unwrap());
        let audit = Audit::start(folder.path(), "1").unwrap();
        audit.see("adt", &Happening::Opened { below });
        audit.see("adt", &Happening::Left { peer: [127, 0, 0, 1].into(), why: Leaving::Unknown });
        audit.see("adt", &Happening::Left { peer: [127, 0, 0, 1].into(), why: Leaving::Done });
        audit.stop();
        let lines = lines(folder.path());
        let of = |wanted| {
            lines.iter().filter(move |(what, _)| *what == wanted).map(|(_, id)| id.clone().unwrap_or_default())
        };
        let ids: Vec<_> = (0..20).map(|number| format!("adt-{}", 2 * number + 1)).collect();
        assert_eq!(of(What::Accepted).collect::<Vec<_>>(), ids);
        assert_eq!(of(What::Delivered).collect::<Vec<_>>(), ids);
        assert_eq!((of(What::Turned).count(), of(What::Started).count(), of(What::Stopped).count()), (1, 3, 2));
    }

    #[test]
    fn a_journal_that_was_begun_anew_is_read_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        for messages in [10, 3] {
            let below = journal(folder.path(), messages);
            let audit = Audit::start(folder.path(), "1").unwrap();
            audit.see("adt", &Happening::Opened { below });
            audit.stop();
            std::fs::remove_dir_all(folder.path().join("adt")).unwrap();
        }
        let lines = lines(folder.path());
        assert_eq!(lines.iter().filter(|(what, _)| *what == What::Accepted).count(), 13);
        assert_eq!(lines.iter().filter(|(what, _)| *what == What::Gone).count(), 1);
    }

    #[tokio::test]
    async fn who_waits_for_an_event_finds_it_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::start(folder.path(), "1").unwrap();
        assert!(audit.noted(Said::now(What::Viewed).by("alice")).await);
        assert_eq!(lines(folder.path()).last().unwrap().0, What::Viewed);
        audit.stop();
    }
}
