//! Runs the bench's W1 and W2 as machine code over mutations of their messages, with pages that nobody may touch before
//! and behind all memory: the message, its text and maps, the output, constants, lists.
//!
//! `guarded COUNT [FROM]`: so many messages in all, with seeds from this one on. Each map runs in a process of its own,
//! so that the one message that ends it can be told. Now and then a message is many times as long as it was, which takes
//! the output to the end of its room, and fuel is short.

#![allow(clippy::unwrap_used, clippy::panic)]

use bench::workload::{self, Workload};
use emr_message::Settings;
use emr_native::{Compiler, Target};
use emr_runtime::host::{Loaded, Machine, Ran};
use emr_tests::guards::{Guards, Side, guard, relax, trespass};
use emr_tests::mutate::mutate;
use emr_tests::random::Random;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: Guards = Guards;

/// How many messages a machine sees. Its buffers begin as large as the first one needs, and only grow.
const EACH: usize = 20;

/// The least size of what a machine has for messages. It takes many smaller pieces, too, and each guard costs two calls of
/// the system.
const BUFFER: usize = 256;

/// Of so many machines one has little fuel; of so many messages one is long.
const HUNGRY: usize = 16;
const LONG: usize = 64;

/// How often a long message says what it says, at most.
const TIMES: usize = 60;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().ok();
    match args.as_slice() {
        ["outside", "before"] => ExitCode::from(trespass(Side::Before)),
        ["outside", "behind"] => ExitCode::from(trespass(Side::Behind)),
        ["inside", name, count, from] => inside(name, number(count).unwrap(), number(from).unwrap()),
        [count] if number(count).is_some() => watch(number(count).unwrap(), 0),
        [count, from] if number(count).is_some() && number(from).is_some() => {
            watch(number(count).unwrap(), number(from).unwrap())
        }
        _ => {
            eprintln!("usage: guarded COUNT [FROM]");
            ExitCode::from(2)
        }
    }
}

/// Sees to it that guards hold, then runs both maps.
fn watch(count: usize, from: usize) -> ExitCode {
    for side in ["before", "behind"] {
        if own(&["outside", side]).status().unwrap().code().is_some() {
            println!("an access {side} guarded memory does not end the process");
            return ExitCode::FAILURE;
        }
    }
    let survived = ["W1", "W2"].map(|name| watched(name, count / 2, from));
    if survived == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn own(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(args);
    command
}

/// Whether all messages are survived; the seed that is not is told, with what leads to it.
fn watched(name: &str, count: usize, from: usize) -> bool {
    let mut child =
        own(&["inside", name, &count.to_string(), &from.to_string()]).stdout(Stdio::piped()).spawn().unwrap();
    let last = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).last().unwrap_or_default();
    let status = child.wait().unwrap();
    if status.success() {
        println!("{last}");
        return true;
    }
    println!("{name}: {status} at seed {last}");
    if let Ok(seed) = last.parse::<usize>() {
        let first = seed / EACH * EACH;
        println!("again: guarded inside {name} {} {first}", seed + 1 - first);
    }
    false
}

#[derive(Default)]
struct Tally {
    given: usize,
    refused: usize,
    deferred: usize,
}

/// Tells each seed before its message is run, and at last how messages came out.
fn inside(name: &str, count: usize, from: usize) -> ExitCode {
    let workload = workload::all(&[name.to_owned()]).unwrap().remove(0);
    let messages: Vec<Vec<u8>> = workload.corpus.messages().map(|message| message.bytes().to_vec()).collect();
    let program = Compiler::new(&Target::Host).unwrap().program(&workload.plan);
    // Its constants are memory that code reads.
    guard(Side::Behind, BUFFER);
    let loaded = Arc::new(Loaded::new(program.clone()).unwrap());
    relax();
    let mut tally = Tally::default();
    for first in (from..from + count).step_by(EACH) {
        guard(side(first / EACH), BUFFER);
        let mut machine = machine(&workload, &loaded, first / EACH);
        relax();
        for seed in first..(first + EACH).min(from + count) {
            println!("{seed}");
            let message = message(&messages, seed);
            guard(side(seed), 1);
            let message = message.as_slice().to_vec();
            guard(side(seed), BUFFER);
            let ran = machine.run(&message);
            relax();
            match ran {
                Ran::Done(done) => {
                    assert!(done.json.starts_with(b"{") && done.json.ends_with(b"}"), "no JSON");
                    tally.given += 1;
                }
                Ran::Refused(_) | Ran::Unreadable(_) => tally.refused += 1,
                Ran::Deferred => tally.deferred += 1,
                Ran::Fault => panic!("a helper failed"),
            }
        }
    }
    let Tally { given, refused, deferred } = tally;
    println!("{name}: {given} mutations mapped, {refused} refused, {deferred} left to the interpreter");
    // Or nothing would have been seen.
    assert!(given > count / 2, "most messages are not mapped");
    ExitCode::SUCCESS
}

fn side(number: usize) -> Side {
    if number.is_multiple_of(2) { Side::Behind } else { Side::Before }
}

fn machine(workload: &Workload, loaded: &Arc<Loaded>, number: usize) -> Machine {
    let fuel = number.is_multiple_of(HUNGRY).then(|| Random::seeded(number as u64).draw() % 500);
    Machine::new(Arc::clone(loaded), Settings::default(), workload.settings.zone.clone(), fuel)
}

fn message(messages: &[Vec<u8>], seed: usize) -> Vec<u8> {
    let mut random = Random::seeded(seed as u64);
    let message = random.of(messages);
    if !seed.is_multiple_of(LONG) {
        return mutate(message, &mut random);
    }
    // Once what it begins with, then all that follows many times.
    let mut lines: Vec<_> = message.split_inclusive(|&byte| byte == b'\r').collect();
    let body = lines.split_off(random.below(lines.len()).max(1));
    let long = [lines, body.repeat(1 + random.below(TIMES))].concat().concat();
    mutate(&long, &mut random)
}
