//! Sends mutations of messages through the examples: `mutations COUNT`.
//!
//! The same as the tests do, at length. Ends with the seed of the first one that is not survived.

#![allow(clippy::unwrap_used)]

use emr_tests::pipeline::{examples, fitting};
use emr_tests::torture::{Tally, mutations};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|count| count.parse::<usize>().ok()) else {
        eprintln!("usage: mutations COUNT");
        return ExitCode::from(2);
    };
    std::thread::scope(|scope| {
        for (example, map) in examples() {
            scope.spawn(move || {
                let messages = fitting(example);
                let kinds = messages.len();
                let Tally { given, refused } = mutations(messages, count / 2, map.transform());
                println!("{example}: {given} mutations of {kinds} messages mapped, {refused} refused");
            });
        }
    });
    ExitCode::SUCCESS
}
