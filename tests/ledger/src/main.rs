//! Kills a running engine, again and again, between a sender and a sink that are never killed, and then counts: what was
//! acknowledged and never arrived, what arrived more often than the contract allows, what arrived out of its order.
//!
//! `cargo run --release -p ledger -- --kills 100 --emr target/release/emr`

mod book;
mod engine;
mod sender;
mod sink;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use book::Book;
use engine::Engine;

/// How many senders there are, each with a patient of its own.
const SENDERS: usize = 4;

/// How long what was accepted may take to arrive when nobody is killed any more.
const DRAIN: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut kills = 20;
    let mut emr = PathBuf::from("target/release/emr");
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--kills", Some(number)) => kills = number.parse().unwrap_or(kills),
            ("--emr", Some(path)) => emr = path.into(),
            (other, _) => {
                eprintln!("there is no `{other}`: --kills N, --emr PATH");
                return ExitCode::from(2);
            }
        }
    }
    match run(kills, &emr) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(3)
        }
    }
}

fn run(kills: u32, emr: &std::path::Path) -> std::io::Result<bool> {
    let book = Arc::new(Book::default());
    let sink = sink::listen(Arc::clone(&book))?;
    let mut engine = Engine::new(emr, sink)?;
    let stop = Arc::new(AtomicBool::new(false));
    engine.start()?;
    let mut senders: Vec<_> = (0..SENDERS)
        .map(|lane| {
            let (book, stop, at) = (Arc::clone(&book), Arc::clone(&stop), engine.address());
            thread::spawn(move || sender::socket(lane, at, &book, &stop))
        })
        .collect();
    let (files, folder, stopped) = (Arc::clone(&book), engine.folder(), Arc::clone(&stop));
    senders.push(thread::spawn(move || sender::files(SENDERS, &folder, &files, &stopped)));
    let mut random = Random(0x2545_F491_4F6C_DD1D ^ u64::from(kills));
    for kill in 1..=kills {
        engine.wait_until_listening();
        thread::sleep(Duration::from_millis(20 + random.below(280)));
        engine.kill()?;
        // What arrived up to here may have been told by who is dead now.
        book.killed();
        engine.start()?;
        if kill % 10 == 0 {
            eprintln!("{kill} kills, {} accepted, {} arrived", book.accepted(), book.arrived());
        }
    }
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        let _ = sender.join();
    }
    let end = Instant::now() + DRAIN;
    while book.missing() > 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    engine.kill()?;
    let count = book.count();
    println!("{} accepted, {} arrived", book.accepted(), book.arrived());
    println!("lost {}, extra {}, reordered {} in {kills} kills", count.lost, count.extra, count.reordered);
    Ok(count.is_clean())
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
