//! Ever more messages, through standard input.

use super::{Run, runs, show};
use emr_tests::corpus::root;
use emr_tests::process::{Ended, watch};
use emr_tests::random::Random;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};

/// What memory may grow by, whatever it is at first: what the system gives to threads in pieces.
const SLACK: u64 = 4 << 20;

/// What it may be for ten times the messages, in tenths.
const TENTHS: u64 = 11;

/// Whether memory stays as it is and all results come.
pub fn measure(emr: &str, messages: u64) -> bool {
    let Some(runs) = runs(messages, |count| send(emr, count)) else { return true };
    show(&runs, "messages");
    let peak = |run: Option<&Run>| run.unwrap().ended.peak;
    let allowed = peak(runs.first()) * TENTHS / 10 + SLACK;
    let most = peak(runs.last());
    println!("peak {most} of {allowed} bytes allowed for ten times the messages\n");
    most <= allowed && runs.iter().all(|run| run.ended.succeeded)
}

/// Sends a batch; each line that comes back must be of the next message.
fn send(emr: &str, count: u64) -> Option<Ended> {
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

fn write_batch(mut out: impl Write, count: u64) -> io::Result<()> {
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
fn key(number: u64) -> String {
    format!("P{number:09}")
}

/// How many results come in the order of their messages, up to the first that does not.
fn receive(lines: impl BufRead) -> u64 {
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
