//! Generated programs over generated messages, in both engines: `programs COUNT [FIRST]`, or one of them to look at,
//! `programs --show SEED [MESSAGE]`, or a case, `programs --case FILE`.
//!
//! The programs run in a process of their own, which notes what it is at: should compiled code bring it down, this one says
//! where.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use emr_tests::programs::known::Known;
use emr_tests::programs::run::{Results, Runner, Workshop, both, differ};
use emr_tests::programs::{cases, messages, shrink, write};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

const MESSAGES: u64 = 100;
/// Of a hundred programs, so many may not check.
const UNSOUND_MAX: usize = 5;
/// Of a hundred messages, machine code may leave so many to the interpreter; of resources of FHIR so many.
const DEFERRED_MAX: usize = 3;
const RESOURCES_DEFERRED_MAX: usize = 1;
/// Of each kind of difference one is made small, and of all kinds so many.
const SHRUNK: usize = 5;
/// Fewer programs cannot be asked to hold everything.
const ENOUGH: u64 = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|number| number.parse::<u64>().ok());
    match arguments.first().map(String::as_str) {
        Some("--inner") => inner(Path::new(&arguments[1]), number(2).unwrap(), number(3).unwrap()),
        Some("--case") => case(Path::new(&arguments[1])),
        Some("--show") => show(number(1).expect("a seed"), number(2)),
        _ => outer(number(0).unwrap_or(2_000), number(1).unwrap_or(0)),
    }
}

fn outer(count: u64, first: u64) -> ExitCode {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .arg("--inner")
        .arg(notes.path())
        .args([count.to_string(), first.to_string()])
        .status()
        .unwrap();
    if status.success() {
        return ExitCode::SUCCESS;
    }
    if status.code().is_none() {
        let at = fs::read(notes.path()).unwrap();
        for note in at.chunks_exact(16) {
            let (seed, message) = note.split_at(8);
            let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
            println!("{status} at, perhaps: programs --show {} {}", number(seed), number(message));
        }
    }
    ExitCode::FAILURE
}

fn inner(notes: &Path, count: u64, first: u64) -> ExitCode {
    let from = Instant::now();
    let notes = File::options().write(true).open(notes).unwrap();
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let work = |thread: u64| {
        let mut runner = Runner::default();
        for seed in (first..first + count).filter(|seed| seed % threads == thread) {
            runner.program(seed, 0..MESSAGES, &mut |message| {
                let note = [seed.to_le_bytes(), message.to_le_bytes()].concat();
                notes.write_all_at(&note, thread * 16).unwrap();
            });
        }
        runner.results
    };
    let mut results = Results::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        running.into_iter().for_each(|thread| results.add(thread.join().unwrap()));
    });
    println!("{}{results}{} s", results.counted, from.elapsed().as_secs());
    verdict(&results, count)
}

fn verdict(results: &Results, count: u64) -> ExitCode {
    let mut fine = true;
    if 100 * results.unsound.len() > UNSOUND_MAX * results.programs {
        fine = false;
        results.unsound.iter().take(20).for_each(|(seed, wrong)| println!("program {seed} does not check:\n{wrong}"));
    }
    if count > 1 && 100 * results.deferred > DEFERRED_MAX * results.messages {
        fine = false;
        println!("more than {DEFERRED_MAX} % of the messages are left to the interpreter");
    }
    if count > 1 && 100 * results.resources_deferred > RESOURCES_DEFERRED_MAX * results.resources {
        fine = false;
        println!("more than {RESOURCES_DEFERRED_MAX} % of the resources are left to the interpreter");
    }
    if count >= ENOUGH {
        for missed in results.counted.missed() {
            fine = false;
            println!("never met: {missed}");
        }
    }
    let mut kinds = BTreeSet::new();
    for it in &results.differences {
        fine = false;
        println!("program {}, message {}: {}", it.seed, it.number, it.what);
        let kind: String = it.what.chars().filter(|c| c.is_alphabetic()).take(24).collect();
        if kinds.len() < SHRUNK && kinds.insert(kind) {
            let (text, message) = shrink::shrink(&it.text, &it.message);
            println!("as a case of tests/cases/native:\n{}", cases::shown(&text, &message));
        }
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A program, and what becomes of one of its messages.
fn show(seed: u64, number: Option<u64>) -> ExitCode {
    let known = Known::default();
    let program = write(&known, seed);
    let Some(number) = number else {
        print!("{}", program.text);
        return ExitCode::SUCCESS;
    };
    let map = Workshop::default().compile(&program.text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let message = messages::message(&known, &program, &map.plan, seed, number);
    print!("{}", cases::shown(&program.text, &message));
    let mut runner = Runner::default();
    runner.program(seed, number..number + 1, &mut |_| {});
    verdict(&runner.results, 1)
}

/// What becomes of a case in both engines.
fn case(path: &Path) -> ExitCode {
    let (text, message) = cases::read(&fs::read_to_string(path).unwrap());
    let map = Workshop::default().compile(&text).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{}", map.plan);
    if let Ok(outcome) = map.run(&message) {
        println!("{:?}", outcome.result.as_ref().map(|json| String::from_utf8_lossy(json)));
        println!("{:?}", outcome.issues);
    }
    let mut both = both(&map).unwrap_or_else(|wrong| panic!("{wrong}"));
    let what = differ(&mut both, &message);
    println!("{:?} {:?}", both.tally, both.reasons);
    println!("{}", what.as_deref().unwrap_or("the same"));
    if what.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
