//! How time and memory of the built command line grow with the number of messages, and with the size of one.
//!
//! `growth PATH_OF_EMR [MESSAGES [MEGABYTES]]` prints a table and the nearest straight line of both, up to so many messages
//! (by default a million) and one message of so many megabytes (100). It ends with 1 if memory grows with the number of
//! messages, if a message takes more than it may, or if a result is missing or out of order.

#![allow(clippy::unwrap_used, clippy::panic)]

mod number;
mod size;

use emr_tests::fit;
use emr_tests::process::Ended;
use std::process::ExitCode;

/// A run, and how much it was given.
struct Run {
    amount: u64,
    ended: Ended,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(emr) = args.next() else { return usage() };
    let mut number = |default: u64| args.next().map_or(Ok(default), |it| it.parse());
    let (Ok(messages), Ok(megabytes)) = (number(1_000_000), number(100)) else { return usage() };
    let fine = [number::measure(&emr, messages), size::measure(&emr, megabytes)];
    if fine == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("usage: growth PATH_OF_EMR [MESSAGES [MEGABYTES]]");
    ExitCode::from(2)
}

/// The table of the runs, and how straight the line is. `unit` is what is counted.
fn show(runs: &[Run], unit: &str) {
    println!("| {unit} | user time, s | peak, MB |");
    println!("| ---: | ---: | ---: |");
    for Run { amount, ended } in runs {
        println!("| {amount} | {:.2} | {:.1} |", ended.user.as_secs_f64(), ended.peak as f64 / 1e6);
    }
    let points: Vec<_> = runs.iter().map(|it| (it.amount as f64, it.ended.user.as_secs_f64())).collect();
    let fit::Line { start, slope, explained, off } = fit::line(&points);
    let each = slope * 1e6;
    println!(
        "{start:.2} s + {each:.3} us for each of the {unit}: R² {explained:.4}, off by {:.1} % at most\n",
        off * 1e2
    );
}

/// What is measured, of a tenth of the most on; nothing, and a word about it, where the system does not tell the memory of
/// a process.
fn runs(most: u64, run: impl Fn(u64) -> Option<Ended>) -> Option<Vec<Run>> {
    let amounts = [1, 2, 4, 6, 8, 10].map(|tenths| most * tenths / 10).into_iter();
    let runs: Option<_> = amounts.map(|amount| Some(Run { amount, ended: run(amount)? })).collect();
    if runs.is_none() {
        println!("skipped: this system does not tell the memory of a process");
    }
    runs
}
