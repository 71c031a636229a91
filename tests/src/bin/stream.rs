//! Pipes batches of messages through the built command line and holds it to a memory that does not grow with them.
//!
//! `stream PATH_OF_EMR [MESSAGES]`: sends a tenth, a half and all of so many messages, prints the peak and the time of
//! each, and ends with 1 if memory grows or a result is missing or out of order.

#![allow(clippy::unwrap_used, clippy::panic)]

use emr_tests::corpus::root;
use emr_tests::process::{Ended, watch};
use emr_tests::random::Random;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::process::{Command, ExitCode, Stdio};

/// How many messages are sent, if the call does not say.
const MESSAGES: usize = 1_000_000;

/// What memory may grow by, whatever it is at first: what the system gives to threads in pieces.
const SLACK: u64 = 4 << 20;

/// What it may be for ten times the messages, in tenths.
const TENTHS: u64 = 11;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(emr), Ok(messages)) = (args.next(), args.next().map_or(Ok(MESSAGES), |it| it.parse())) else {
        eprintln!("usage: stream PATH_OF_EMR [MESSAGES]");
        return ExitCode::from(2);
    };
    let mut peaks = Vec::new();
    for count in [messages / 10, messages / 2, messages] {
        let Some(Ended { peak, user, succeeded }) = send(&emr, count) else {
            println!("skipped: this system does not tell the memory of a process");
            return ExitCode::SUCCESS;
        };
        let each = user.as_secs_f64() * 1e6 / count as f64;
        println!("{count} messages: peak {peak} bytes, user time {:.2} s, {each:.1} us for each", user.as_secs_f64());
        if !succeeded {
            println!("the messages were not mapped");
            return ExitCode::FAILURE;
        }
        peaks.push(peak);
    }
    let allowed = peaks.first().unwrap() * TENTHS / 10 + SLACK;
    let peak = *peaks.last().unwrap();
    println!("peak {peak} of {allowed} allowed for ten times the messages");
    if peak > allowed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Sends a batch through standard input; each line that comes back must be of the next message.
fn send(emr: &str, count: usize) -> Option<Ended> {
    let mut child = Command::new(emr)
        .args(["map", "-", "--with"])
        .arg(root().join("examples/admission"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| write_batch(BufWriter::new(input), count).unwrap());
        let received = scope.spawn(|| receive(BufReader::new(output)));
        let mut ended = watch(child)?;
        ended.succeeded &= received.join().unwrap() == count;
        Some(ended)
    })
}

fn write_batch(mut out: impl Write, count: usize) -> io::Result<()> {
    let mut random = Random::seeded(1);
    out.write_all(b"FHS|^~\\&\rBHS|^~\\&\r")?;
    for number in 0..count {
        let family = random.of(&["EVERYWOMAN", "EVERYMAN", "NUCLEAR", "M\u{fc}ller"]);
        let (year, day, sex) = (1930 + random.below(90), 1 + random.below(28), random.of(&["F", "M", "U"]));
        write!(
            out,
            "MSH|^~\\&|REG|MAIN|EHR|MAIN|20260312091504-0400||ADT^A01^ADT_A01|{number}|P|2.5.1\r\
             EVN|A01|20260312091455-0400\r\
             PID|1||{}^^^MAIN^MR||{family}^EVE||{year}03{day:02}|{sex}\r\
             PV1|1|I|4W^412^B\r",
            key(number)
        )?;
    }
    write!(out, "BTS|{count}\rFTS|1\r")?;
    out.flush()
}

/// The patient's number, which the result holds too.
fn key(number: usize) -> String {
    format!("P{number:09}")
}

/// How many results come in the order of their messages, up to the first that does not.
fn receive(lines: impl BufRead) -> usize {
    let mut count = 0;
    for line in lines.lines() {
        let line = line.unwrap();
        if !line.ends_with('}') || !line.contains(&key(count)) {
            println!("the result of message {} is missing or out of order", count + 1);
            return count;
        }
        count += 1;
    }
    count
}
