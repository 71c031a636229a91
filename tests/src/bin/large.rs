//! Sends a message of 50 MB through the built command line and holds its memory to 4 × (message + output).
//!
//! `large PATH_OF_EMR`: prints the sizes and the peak, and ends with 1 if that is too much.

#![allow(clippy::unwrap_used, clippy::panic)]

use emr_tests::corpus::root;
use emr_tests::process::{Ended, watch};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The size of the message.
const BYTES: u64 = 50 << 20;

/// How many times the message and its output the process may hold.
const TIMES: u64 = 4;

fn main() -> ExitCode {
    let Some(emr) = std::env::args().nth(1) else {
        eprintln!("usage: large PATH_OF_EMR");
        return ExitCode::from(2);
    };
    let folder = tempfile::tempdir().unwrap();
    let (message, output) = (folder.path().join("large.hl7"), folder.path().join("output.json"));
    write_message(&message);
    let child = Command::new(emr)
        .arg("map")
        .arg(&message)
        .arg("--with")
        .arg(root().join("examples/results"))
        .stdout(File::create(&output).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let Some(Ended { peak, succeeded, .. }) = watch(child) else {
        println!("skipped: this system does not tell the memory of a process");
        return ExitCode::SUCCESS;
    };
    let [message, output] = [message, output].map(|path| fs::metadata(path).unwrap().len());
    let allowed = TIMES * (message + output);
    println!("message {message} bytes, output {output} bytes, peak {peak} of {allowed} allowed");
    if !succeeded || output < message / 10 {
        println!("the message was not mapped");
        return ExitCode::FAILURE;
    }
    if peak > allowed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One result after another, of the kind that a laboratory sends.
fn write_message(path: &Path) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    let head = "MSH|^~\\&|LAB|MAIN|EHR|MAIN|20260102083000-0600||ORU^R01^ORU_R01|1|P|2.5.1\r\
                PID|1||4711^^^MAIN^MR||EVERYWOMAN^EVE||19700601|F\r\
                OBR|1|P1|F1|24323-8^Panel^LN|||20260102080000-0600|||||||||||||||20260102083000-0600|||F\r";
    out.write_all(head.as_bytes()).unwrap();
    let mut written = head.len() as u64;
    let mut number = 0;
    while written < BYTES {
        number += 1;
        let line =
            format!("OBX|{number}|NM|718-7^Hemoglobin^LN||{}.{}|g/dL^^UCUM|12-16|N|||F\r", number % 90, number % 10);
        written += line.len() as u64;
        out.write_all(line.as_bytes()).unwrap();
    }
    out.flush().unwrap();
}
