//! A small disk that is filled and emptied again under a running engine: nothing is accepted while it is full, and nothing
//! is lost.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use tempfile::TempDir;

use super::book::Book;
use super::engine::{Engine, Journal};
use super::sender::Way;
use super::sink;
use super::trial::{self, Report, Why};

/// How large the disk is, and what of it is left when it is full: less than the engine keeps free, which is 5 %.
const DISK: u64 = 256 << 20;
const LEFT: u64 = 4 << 20;

/// How long the engine may take to see that the disk is full, or that it is not.
const SEEN: Duration = Duration::from_secs(60);

/// How long nothing may be accepted on a full disk for a cycle to count.
const STILL: Duration = Duration::from_secs(2);

/// A disk in memory.
struct Disk(TempDir);

impl Disk {
    /// Nothing where this machine does not let us have one.
    fn new() -> io::Result<Option<Disk>> {
        let folder = TempDir::new()?;
        let size = format!("size={DISK}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output()?;
        Ok(mounted.status.success().then_some(Disk(folder)))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> io::Result<u64> {
        let said = Command::new("df").args(["--block-size=1", "--output=avail"]).arg(self.path()).output()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        said.split_whitespace()
            .last()
            .and_then(|free| free.parse().ok())
            .ok_or_else(|| io::Error::other("df says nothing"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Nothing where there can be no such disk.
pub fn run(emr: &Path, cycles: u32) -> Result<Option<Report>, Why> {
    let Some(disk) = Disk::new()? else { return Ok(None) };
    let book = Arc::new(Book::default());
    let journal = Journal { folder: Some(disk.path().join("journal")), settings: "[journal]\nfree_percent = 5\n" };
    let mut engine = Engine::new(emr, &sink::listen(&book)?, journal)?;
    let stop = Arc::new(AtomicBool::new(false));
    engine.start(emr, None)?;
    // What is there for whoever asks is there whether the disk is full or not.
    let ways = engine.ways().into_iter().filter(|way| !matches!(way, Way::Asked(_))).collect();
    let senders = trial::senders(ways, &book, &stop);
    let mut report = Report::default();
    for cycle in 1..=cycles {
        until(|| book.accepted(), |before, now| now > before + 20)?;
        let filler = fill(&disk)?;
        let stood = until_still(&book)?;
        fs::remove_file(filler)?;
        until(|| book.accepted(), |before, now| now > before + 20)?;
        eprintln!("the disk was full {cycle} times, the last time with {stood} accepted");
        report.kills += 1;
    }
    trial::finish(engine, emr, senders, &stop, &book, &mut report)?;
    Ok(Some(report))
}

/// Takes up all but what is left; what the engine takes meanwhile too.
fn fill(disk: &Disk) -> io::Result<PathBuf> {
    let path = disk.path().join("filler");
    let free = disk.free()?;
    let length = format!("--length={}", free.saturating_sub(LEFT));
    Command::new("fallocate").arg(length).arg(&path).status()?;
    Ok(path)
}

/// How many were accepted when nothing more was for a while.
fn until_still(book: &Book) -> io::Result<usize> {
    let end = Instant::now() + SEEN;
    let mut since = (book.accepted(), Instant::now());
    while since.1.elapsed() < STILL {
        thread::sleep(Duration::from_millis(20));
        let now = book.accepted();
        if now != since.0 {
            since = (now, Instant::now());
        }
        if Instant::now() > end {
            return Err(io::Error::other("messages are accepted although the disk is full"));
        }
    }
    Ok(since.0)
}

fn until(count: impl Fn() -> usize, holds: impl Fn(usize, usize) -> bool) -> io::Result<()> {
    let (before, end) = (count(), Instant::now() + SEEN);
    while !holds(before, count()) {
        thread::sleep(Duration::from_millis(20));
        if Instant::now() > end {
            return Err(io::Error::other("nothing is accepted although there is room"));
        }
    }
    Ok(())
}
