//! One message, ever longer, from a file.

use super::{runs, show};
use emr_tests::corpus::root;
use emr_tests::process::{Ended, watch};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// How many times the message and its output the process may hold.
const TIMES: u64 = 4;

/// What it may hold whatever the message is: the project, and room that is made once.
const BASE: u64 = 32 << 20;

/// The most, in MB, that machine code maps here; what is longer, or may become too long, goes to the interpreter, which
/// takes less memory for it.
const CODE_MAX: u64 = 8;

/// Whether each message is mapped in the memory that it may take.
pub fn measure(emr: &str, megabytes: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let up_to = |engine: &str, megabytes: u64| {
        println!("{engine}:\n");
        let send = |bytes| send(emr, engine, bytes, folder.path());
        let Some(runs) = runs(megabytes * 1_000_000, send) else { return true };
        show(&runs, "bytes of one message");
        runs.iter().all(|run| run.ended.succeeded)
    };
    up_to("native", megabytes.min(CODE_MAX)) & up_to("interpreter", megabytes)
}

/// It succeeds only where there is a result, and not too much was held for it.
fn send(emr: &str, engine: &str, bytes: u64, folder: &Path) -> Option<Ended> {
    let (message, output) = (folder.join("long.hl7"), folder.join("output.json"));
    write_message(&message, bytes);
    let child = Command::new(emr)
        .arg("map")
        .arg(&message)
        .args(["--engine", engine, "--with"])
        .arg(root().join("examples/results"))
        .stdout(File::create(&output).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ended = watch(child)?;
    let [message, output] = [message, output].map(|path| fs::metadata(path).unwrap().len());
    let allowed = BASE + TIMES * (message + output);
    if !ended.succeeded || output < message / 10 {
        println!("the message of {message} bytes was not mapped");
        ended.succeeded = false;
    } else if ended.peak > allowed {
        println!("message {message} bytes, output {output} bytes, peak {} of {allowed} allowed", ended.peak);
        ended.succeeded = false;
    }
    Some(ended)
}

/// One result after another, of the kind that a laboratory sends.
fn write_message(path: &Path, bytes: u64) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    let head = "MSH|^~\\&|LAB|MAIN|EHR|MAIN|20260102083000-0600||ORU^R01^ORU_R01|1|P|2.5.1\r\
                PID|1||4711^^^MAIN^MR||EVERYWOMAN^EVE||19700601|F\r\
                OBR|1|P1|F1|24323-8^Panel^LN|||20260102080000-0600|||||||||||||||20260102083000-0600|||F\r";
    out.write_all(head.as_bytes()).unwrap();
    let mut written = head.len() as u64;
    let mut number = 0;
    while written < bytes {
        number += 1;
        let line =
            format!("OBX|{number}|NM|718-7^Hemoglobin^LN||{}.{}|g/dL^^UCUM|12-16|N|||F\r", number % 90, number % 10);
        written += line.len() as u64;
        out.write_all(line.as_bytes()).unwrap();
    }
    out.flush().unwrap();
}
