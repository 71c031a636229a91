//! What happens, as lines on standard error: text for people, or JSON for what gathers logs.
//!
//! A line is handed to a thread that writes it, so that nobody who carries messages waits for a slow reader of the log;
//! when that one is too far behind, lines are left out and counted.

use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustc_hash::FxHashMap;
pub use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use super::{OURS, id};
use crate::flow::issues::Issues;
use crate::flow::witness::{Happening, Leaving, Witness};
use crate::journal::entry::What;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Lines that wait to be written; those that come behind them are left out.
const WAITING: usize = 4096;

/// Of deliveries that fail one after another, or messages for which there is no room, as many are told as are counted with few
/// lines and none for long: the first, the second, the fourth and so on, and each of so many.
const EACH: u64 = 64;

fn is_told(count: u64) -> bool {
    count.is_power_of_two() || count.is_multiple_of(EACH)
}

/// How long the process waits at its end for its last lines to be written.
const LAST: Duration = Duration::from_secs(1);

/// Begins to write lines of this level and those above it, and none of libraries, which might tell what a message holds.
/// What comes back waits for the last lines when it is dropped.
///
/// # Errors
/// There is a log already, or the system gives no thread.
pub fn start(format: Format, most: Level) -> io::Result<Log> {
    let lines = Lines::start(io::stderr())?;
    let ours = Targets::new().with_target(OURS, LevelFilter::from_level(most));
    let plain = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(lines.clone());
    let layer = match format {
        Format::Text => plain.boxed(),
        Format::Json => plain.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(ours)).try_init().map_err(io::Error::other)?;
    panic::set_hook(Box::new(panicked));
    Ok(Log { lines })
}

/// Says where the machinery failed. What it says of itself is left out: it may hold what it was working on, as that of a text
/// that is cut in the middle of a letter does.
fn panicked(what: &PanicHookInfo<'_>) {
    let at = what.location().map(ToString::to_string);
    error!(at, thread = thread::current().name(), "a fault of emr itself");
}

/// The log of the process.
pub struct Log {
    lines: Lines,
}

impl Log {
    /// A feed takes messages from now on.
    pub fn listens(&self, feed: &str, connector: &str) {
        info!(feed, connector, "takes messages");
    }

    /// Metrics can be read there from now on.
    pub fn serves(&self, address: &str) {
        info!(address, "can be looked at");
    }

    /// Admins are answered there.
    pub fn answers(&self, listen: &str) {
        info!(listen, "answers admins");
    }

    /// The project was to be changed; with the reason why it was not.
    pub fn reloads(&self, why_not: Option<&str>) {
        match why_not {
            None => info!("goes on with the project as its files are now"),
            Some(why) => warn!(why, "goes on as before"),
        }
    }

    /// A section of `emr.toml` is another now, which is read when an engine starts.
    pub fn later(&self, section: &str) {
        warn!(section, "has changed, and counts from the next start on");
    }

    /// The process was told to stop.
    pub fn stops(&self) {
        info!("stopping");
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.lines.queue.send(Line::Last(done)).is_ok() {
            let _ = written.recv_timeout(LAST);
        }
    }
}

/// Hands lines to the thread that writes them.
#[derive(Clone)]
struct Lines {
    queue: SyncSender<Line>,
    left_out: Arc<AtomicU64>,
}

enum Line {
    Text(Vec<u8>),
    /// Somebody waits for all before it.
    Last(SyncSender<()>),
}

impl Lines {
    fn start(to: impl Write + Send + 'static) -> io::Result<Lines> {
        let (queue, waiting) = sync_channel(WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&left_out);
        thread::Builder::new().name("log".into()).spawn(move || write(to, &waiting, &count))?;
        Ok(Lines { queue, left_out })
    }
}

/// Nothing can be done about a log that cannot be written.
fn write(mut to: impl Write, waiting: &Receiver<Line>, left_out: &AtomicU64) {
    for line in waiting {
        match line {
            Line::Text(line) => _ = to.write_all(&line),
            Line::Last(done) => {
                let _ = to.flush();
                let _ = done.send(());
            }
        }
        let lost = left_out.swap(0, Ordering::Relaxed);
        if lost > 0 {
            warn!(lines = lost, "left out of the log, which is not written fast enough");
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

impl Write for Lines {
    /// A line comes whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Line::Text(line.to_vec())).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells the log of what happens.
#[derive(Default)]
pub struct Teller {
    /// Ways out on which deliveries fail, and how many have since one did not.
    failing: Mutex<FxHashMap<String, u64>>,
    /// Feeds that have no room on the disk, and how many messages they have not taken for that.
    full: Mutex<FxHashMap<String, u64>>,
}

impl Witness for Teller {
    fn see(&self, feed: &str, what: &Happening<'_>) {
        match *what {
            Happening::Came { peer } => debug!(feed, %peer, "connected"),
            Happening::TurnedAway { peer, who, status } => warn!(feed, %peer, who, status, "a caller was turned away"),
            Happening::Left { peer, why: Leaving::Done } => debug!(feed, %peer, "connection ended"),
            Happening::Left { peer, why } => warn!(feed, %peer, why = words(why), "connection ended badly"),
            Happening::Accepted { number, bytes, .. } => {
                self.has_room(feed);
                debug!(feed, id = id(feed, number), bytes, "accepted");
            }
            Happening::Known => debug!(feed, "the same message once more"),
            Happening::Reused => warn!(feed, "another message with an MSH-10 that is known; taken as new"),
            Happening::TooLong { bytes } => warn!(feed, bytes, "a file holds a message that is too long, and stays"),
            Happening::FileStays { why } => {
                warn!(feed, why = %why, "a file or the folder cannot be taken from; it stays, and is tried again");
            }
            Happening::Asked { failure: Some(failure), .. } => {
                warn!(feed, why = failure.why(), "the server gives nothing; asked again the next time");
            }
            Happening::Asked { found, .. } => debug!(feed, found, "asked a server for what is new"),
            Happening::LookedUp { number, table, failure: Some(failure), .. } => {
                warn!(feed, id = id(feed, number), table, why = failure.why(), "a table does not answer");
            }
            Happening::LookedUp { number, table, is_cached, is_there, .. } => {
                debug!(feed, id = id(feed, number), table, is_cached, is_there, "looked up");
            }
            Happening::Repaired { number, count } => debug!(feed, id = id(feed, number), count, "repaired"),
            Happening::Full => self.is_full(feed),
            Happening::Mapped { number, route, issues, is_refused, .. } => {
                raised(feed, (number, route), issues);
                debug!(feed, id = id(feed, number), route, issues = issues.count(), is_refused, "mapped");
            }
            Happening::ReplyMapped { number, route, issues, is_refused, .. } => {
                raised(feed, (number, route), issues);
                debug!(feed, id = id(feed, number), route, issues = issues.count(), is_refused, "its reply is mapped");
            }
            Happening::LeftOut { number, route } => debug!(feed, id = id(feed, number), route, "has no part in it"),
            Happening::Noted { number, what, who } => noted(feed, number, what, who),
            Happening::Tried { way, failure: None, .. } => self.is_through(feed, way),
            Happening::Tried { number, way, tried, failure: Some(failure), .. } => {
                self.is_held(feed, number, way, tried, failure.why());
            }
            Happening::Viewed { id, who } => info!(feed, id, who, "somebody looked at it"),
            Happening::Denied { id, who, why } => warn!(feed, id, who, why, "what was asked for is not done"),
            Happening::Missed { .. } | Happening::Opened { .. } | Happening::Synced { .. } => {}
        }
    }
}

/// What maps say of a message; `emr show` has the words.
fn raised(feed: &str, (number, route): (u64, &str), issues: &Issues) {
    if issues.count() > 0 {
        info!(feed, id = id(feed, number), route, issues = issues.count(), codes = %issues, "issues were raised");
    }
}

fn noted(feed: &str, number: u64, what: &What, who: Option<&str>) {
    // Where nobody wants the line it is not called anything.
    let id = || id(feed, number);
    match what {
        What::Parked { target, why } => warn!(feed, id = id(), way = target, why, "parked"),
        What::Held { route, why } => warn!(feed, id = id(), route, why, "parked"),
        What::Replied { target, reply, .. } => {
            debug!(feed, id = id(), way = target, bytes = reply.bytes.len(), "replied")
        }
        What::Returned { target, why, .. } => warn!(feed, id = id(), way = target, why, "refused: there is no reply"),
        What::Refused(refusal) => warn!(feed, id = id(), code = refusal.wrong().code(), why = what.why(), "refused"),
        What::Filtered { because } => debug!(feed, id = id(), because, "filtered"),
        What::Started => warn!(feed, id = id(), "the last process died of it"),
        What::Mapped { targets, .. } => debug!(feed, id = id(), ways = targets.len(), "to be delivered"),
        What::Delivered { target } => debug!(feed, id = id(), way = target, "delivered"),
        What::Released => info!(feed, id = id(), who, "released"),
        What::Dropped { because } => info!(feed, id = id(), who, because, "dropped"),
        What::Replayed(replay) => info!(feed, id = id(), who, to = replay.to, "replayed"),
    }
}

impl Teller {
    fn is_held(&self, feed: &str, number: u64, way: &str, tried: u32, why: &str) {
        let mut failing = held(&self.failing);
        let failed = failing.entry(way_of(feed, way)).or_default();
        *failed += 1;
        if is_told(*failed) {
            warn!(feed, id = id(feed, number), way, tried, failed = *failed, why, "a delivery failed; its lane waits");
        }
    }

    fn is_through(&self, feed: &str, way: &str) {
        let mut failing = held(&self.failing);
        // So that nothing is written anew for each delivery while all is well.
        if !failing.is_empty()
            && let Some(failed) = failing.remove(&way_of(feed, way))
        {
            info!(feed, way, failed, "delivers again");
        }
    }

    fn is_full(&self, feed: &str) {
        let mut full = held(&self.full);
        let refused = full.entry(feed.to_owned()).or_default();
        *refused += 1;
        if is_told(*refused) {
            error!(feed, messages = *refused, "no room on the disk; messages are not taken");
        }
    }

    fn has_room(&self, feed: &str) {
        let mut full = held(&self.full);
        if !full.is_empty()
            && let Some(messages) = full.remove(feed)
        {
            info!(feed, messages, "there is room on the disk again");
        }
    }
}

/// Whoever panicked left these as they are between two calls.
fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn way_of(feed: &str, way: &str) -> String {
    format!("{feed} {way}")
}

/// Somebody called the admin API, and was answered with that status of HTTP.
pub(crate) fn called(who: &str, what: &str, status: u16) {
    if status < 400 { info!(who, what, status, "called") } else { warn!(who, what, status, "called") }
}

/// Why a connection ended, in the words of a person.
pub(crate) fn words(why: Leaving) -> &'static str {
    match why {
        Leaving::Done => "done",
        Leaving::Cut => "in the middle of a message",
        Leaving::TooLong => "a message is too long",
        Leaving::Unknown => "no TLS, or a certificate that is not trusted",
        Leaving::TooMany => "too many connections of one peer",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::flow::retry::Failure;
    use std::time::Duration;

    /// A log whose lines a test reads.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Levels and messages of the lines that these happenings come to.
    fn told(happenings: &[Happening<'_>]) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .with_filter(LevelFilter::INFO);
        let teller = Teller::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            happenings.iter().for_each(|what| teller.see("adt", what));
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| format!("{} {}", line["level"].as_str().unwrap(), line["message"].as_str().unwrap())).collect()
    }

    /// What fails in another process of this test, since a log is one of a process.
    const FAILS: &str = "EMR_TEST_FAILS";

    #[test]
    fn a_fault_tells_its_place_and_nothing_of_what_it_was_at() {
        if std::env::var_os(FAILS).is_some() {
            let _log = start(Format::Json, Level::INFO).unwrap();
            let name = String::from("EVERYWOMAN, Zürich");
            assert!(panic::catch_unwind(|| name[..14].len()).is_err());
            return;
        }
        let test = "observe::log::tests::a_fault_tells_its_place_and_nothing_of_what_it_was_at";
        let this = std::env::current_exe().unwrap();
        let ran =
            std::process::Command::new(this).args(["--exact", test, "--nocapture"]).env(FAILS, "1").output().unwrap();
        let said = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
        assert!(ran.status.success() && !said.contains("EVERYWOMAN"), "{said}");
        assert!(said.contains("\"message\":\"a fault of emr itself\",\"at\":\"") && said.contains("log.rs:"), "{said}");
    }

    fn tried(tried: u32, failure: Option<&Failure>) -> Happening<'_> {
        Happening::Tried { number: 0, way: "all>ehr", tried, took: Duration::ZERO, failure }
    }

    #[test]
    fn a_target_that_is_down_is_told_of_now_and_then_and_when_it_is_back() {
        let failure = Failure::Passing("refused".into());
        let mut happenings: Vec<_> = (1..=150).map(|number| tried(number, Some(&failure))).collect();
        happenings.extend([tried(151, None), tried(1, None), tried(1, Some(&failure))]);
        let failed = "WARN a delivery failed; its lane waits";
        // The 1st, 2nd, 4th, 8th, 16th, 32nd, 64th and 128th.
        let down = [failed; 8];
        assert_eq!(told(&happenings), [&down[..], &["INFO delivers again", failed]].concat());
    }

    #[test]
    fn a_disk_without_room_is_told_of_until_there_is_room() {
        let accepted = Happening::Accepted { number: 1, bytes: 1, took: Duration::ZERO };
        let happenings = [Happening::Full, Happening::Full, accepted.clone(), accepted];
        let full = "ERROR no room on the disk; messages are not taken";
        assert_eq!(told(&happenings), [full, full, "INFO there is room on the disk again"]);
    }

    /// Takes a line whenever it is told to.
    struct Slow(Receiver<()>, std::sync::mpsc::Sender<usize>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_log_that_nobody_reads() {
        let (go, told_to) = channel();
        let (wrote, written) = channel();
        let mut lines = Lines::start(Slow(told_to, wrote)).unwrap();
        for _ in 0..WAITING + 100 {
            lines.write_all(b"line").unwrap();
        }
        // One at most is in the hands of the thread.
        assert!(lines.left_out.load(Ordering::Relaxed) >= 99);
        drop(go);
        drop(lines);
        assert!(written.iter().count() >= WAITING);
    }
}
