//! One ledger: an engine that is killed, senders and a sink that are not, and the count of what was lost between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::book::{Book, Count};
use super::engine::{Engine, How, Journal};
use super::{sender, sink};

/// What one ledger is to do.
pub struct Plan {
    pub number: u32,
    /// The engine that is killed at random, and how often.
    pub emr: PathBuf,
    pub kills: u32,
    /// A build that ends itself, and the places where, with the hit up to which they are reached.
    pub points: Option<(PathBuf, Vec<(&'static str, u32)>)>,
}

/// What came of ledgers.
#[derive(Default)]
pub struct Report {
    pub kills: u32,
    pub reached: usize,
    pub unreached: Vec<&'static str>,
    pub accepted: usize,
    pub arrived: usize,
    /// Of which processes died more than once, so that they waited for a person.
    pub parked: usize,
    /// How many messages were on their way at once to the target that takes several, at the most.
    pub together: usize,
    pub count: Count,
}

impl Report {
    pub fn with(mut self, other: Report) -> Report {
        self.kills += other.kills;
        self.reached += other.reached;
        self.unreached.extend(other.unreached);
        self.accepted += other.accepted;
        self.arrived += other.arrived;
        self.parked += other.parked;
        self.together = self.together.max(other.together);
        self.count = self.count.with(&other.count);
        self
    }

    pub fn is_clean(&self) -> bool {
        self.unreached.is_empty() && self.count.is_clean()
    }
}

pub type Why = Box<dyn std::error::Error + Send + Sync>;

/// How long what was accepted may take to arrive when nobody is killed any more.
const DRAIN: Duration = Duration::from_secs(120);

/// How long it takes until all has arrived that waits for nobody.
const SETTLED: Duration = Duration::from_secs(30);

/// How long an engine that has work may take to come to a place.
const REACHED: Duration = Duration::from_secs(60);

/// What a stop in peace may take: frames have ten seconds to come to their end.
const STOPPED: Duration = Duration::from_secs(30);

/// The lane of what is replayed.
const FOLDER: usize = 0;

/// Places that are met when an engine is told to stop.
const AT_STOP: &str = "stop.";

pub fn run(plan: &Plan) -> Result<Report, Why> {
    let book = Arc::new(Book::default());
    let sink = sink::listen(&book)?;
    let mut engine = Engine::new(&plan.emr, &sink, Journal::default())?;
    let stop = Arc::new(AtomicBool::new(false));
    let senders = senders(engine.ways(), &book, &stop);
    let mut report = Report::default();
    let mut random = Random(0x2545_F491_4F6C_DD1D ^ u64::from(plan.number + 1));
    if let Some((emr, points)) = &plan.points {
        // Some places are those of a journal that is there.
        engine.start(emr, None)?;
        engine.wait_until_listening();
        engine.tell_to_stop()?;
        engine.ended(STOPPED)?;
        for (name, hits) in points {
            let hit = 1 + random.below(u64::from(*hits));
            engine.start(emr, Some(&format!("{name}:{hit}")))?;
            if ended_at(&mut engine, name)? {
                report.reached += 1;
                eprintln!("ledger {}: ended at {name}, hit {hit}", plan.number);
            } else {
                report.unreached.push(name);
            }
            sink.hear_out()?;
            book.killed();
            report.kills += 1;
        }
    }
    engine.start(&plan.emr, None)?;
    for kill in 1..=plan.kills {
        engine.wait_until_listening();
        thread::sleep(Duration::from_millis(20 + random.below(280)));
        engine.kill()?;
        // What arrived up to here may have been told by who is dead now.
        sink.hear_out()?;
        book.killed();
        report.kills += 1;
        engine.start(&plan.emr, None)?;
        if kill % 25 == 0 {
            eprintln!("ledger {}: {kill} kills, {} accepted, {} arrived", plan.number, book.accepted(), book.arrived());
        }
    }
    let end = finish(engine, &plan.emr, senders, &stop, &book, &mut report);
    end.map_err(|why| format!("ledger {}: {why}", plan.number))?;
    report.together = sink.together();
    Ok(report)
}

/// Has the senders come to their end, waits for what was accepted, and counts.
pub fn finish(
    mut engine: Engine,
    emr: &Path,
    senders: Vec<JoinHandle<()>>,
    stop: &AtomicBool,
    book: &Book,
    report: &mut Report,
) -> Result<(), Why> {
    stop.store(true, Ordering::Relaxed);
    let end = Instant::now() + DRAIN;
    for sender in senders {
        let _ = sender.join();
    }
    // A replay goes to the end that the journal has at the start.
    engine.tell_to_stop()?;
    engine.ended(STOPPED)?;
    engine.start(emr, None)?;
    book.accept_again(FOLDER);
    arrives(book, SETTLED);
    // Of a message that was being mapped in two processes when they were killed nobody knows that they did not die of it.
    report.parked = engine.release(emr)?;
    if report.parked > 0 {
        book.excuse_order();
    }
    arrives(book, end.saturating_duration_since(Instant::now()));
    engine.kill()?;
    (report.accepted, report.arrived, report.count) = (book.accepted(), book.arrived(), book.count());
    eprintln!("accepted on each lane: {:?}", book.lanes());
    if !report.count.is_clean() {
        eprintln!("{}; the project is kept in {}", book.faults(), engine.keep().display());
    }
    Ok(())
}

/// Waits until what was accepted has arrived, so long at the most.
fn arrives(book: &Book, within: Duration) {
    let end = Instant::now() + within;
    while book.missing().next().is_some() && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
}

/// Each sends its own messages in order, over its own way.
pub fn senders(ways: Vec<sender::Way>, book: &Arc<Book>, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let ways = ways.into_iter().enumerate();
    let start = |(lane, way): (usize, sender::Way)| {
        let (book, stop) = (Arc::clone(book), Arc::clone(stop));
        thread::spawn(move || sender::run(lane, &way, &book, &stop))
    };
    ways.map(start).collect()
}

/// Whether the engine ends itself at a place; one that does not is killed.
fn ended_at(engine: &mut Engine, name: &str) -> Result<bool, Why> {
    let ended = if name.starts_with(AT_STOP) {
        engine.wait_until_listening();
        thread::sleep(Duration::from_millis(300));
        engine.tell_to_stop()?;
        engine.ended(STOPPED)?
    } else {
        engine.ended(REACHED)?
    };
    match ended {
        Some(How::AtPoint(at)) if at == name => Ok(true),
        Some(How::AtPoint(_) | How::InPeace) => Ok(false),
        Some(How::Otherwise(why)) => Err(why.into()),
        None => {
            engine.kill()?;
            Ok(false)
        }
    }
}

/// Xorshift: the same kills at the same times, as far as the machine is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
