//! Kills running engines, again and again, between senders and sinks that are never killed, and then counts: what was
//! acknowledged and never arrived, what arrived more often than the contract allows, what arrived out of its order.
//!
//! `cargo run --release -p ledger -- --kills 100 --emr target/release/emr`
//!
//! `--points PATH` names a build with the feature `failpoints`, which is ended once at each place of
//! `runtime/core/src/fail/points.rs` before the kills at random begin. `--fillings N` kills nobody, and fills the disk of the
//! journal so many times.

#[path = "../../src/address.rs"]
mod address;
mod book;
mod engine;
mod filled;
#[path = "../../../runtime/core/src/fail/points.rs"]
mod points;
mod sender;
mod sink;
mod source;
mod trial;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use book::Count;
use points::POINTS;
use trial::{Plan, Report};

/// What the call asks for.
struct Asked {
    kills: u32,
    ledgers: u32,
    emr: PathBuf,
    points: Option<PathBuf>,
    fillings: u32,
}

fn main() -> ExitCode {
    let asked = match asked() {
        Ok(asked) => asked,
        Err(other) => {
            eprintln!("`{other}` is not understood: --kills N, --ledgers N, --emr PATH, --points PATH, --fillings N");
            return ExitCode::from(2);
        }
    };
    if asked.fillings > 0 {
        return filled(&asked);
    }
    let trials: Vec<_> = plans(&asked).into_iter().map(|plan| thread::spawn(move || trial::run(&plan))).collect();
    let reports: Vec<_> =
        trials.into_iter().map(|trial| trial.join().unwrap_or_else(|_| Err("a ledger panics".into()))).collect();
    let mut is_fine = true;
    let mut all = Report::default();
    for report in reports {
        match report {
            Ok(report) => all = all.with(report),
            Err(why) => {
                eprintln!("{why}");
                is_fine = false;
            }
        }
    }
    if asked.points.is_some() {
        println!("{} of {} places reached", all.reached, POINTS.len());
    }
    for name in &all.unreached {
        println!("never reached: {name}");
    }
    let Report { accepted, arrived, parked, together, kills, count: Count { lost, extra, reordered }, .. } = all;
    println!("{accepted} accepted, {arrived} arrived, in {} ledgers at once", asked.ledgers);
    println!("{parked} parked by two deaths, and let go on by a person");
    if together < 2 {
        eprintln!("no two messages were on their way together to the target that takes several");
        is_fine = false;
    }
    println!("up to {together} on their way together to the target that takes several");
    println!("lost {lost}, extra {extra}, reordered {reordered} in {kills} kills");
    if is_fine && all.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn filled(asked: &Asked) -> ExitCode {
    match filled::run(&asked.emr, asked.fillings) {
        Ok(Some(Report { accepted, arrived, kills, count, .. })) => {
            println!("{accepted} accepted, {arrived} arrived");
            println!(
                "lost {}, extra {}, reordered {} on a disk that was full {kills} times",
                count.lost, count.extra, count.reordered
            );
            if count.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(None) => {
            println!("skipped: no small disk can be mounted here");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn asked() -> Result<Asked, String> {
    let mut asked = Asked { kills: 20, ledgers: 4, emr: "target/release/emr".into(), points: None, fillings: 0 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        let number = || value.parse().map_err(|_| format!("{argument} {value}"));
        match argument.as_str() {
            "--kills" => asked.kills = number()?,
            "--ledgers" => asked.ledgers = number()?,
            "--emr" => asked.emr = value.into(),
            "--fillings" => asked.fillings = number()?,
            "--points" => asked.points = Some(value.into()),
            _ => return Err(argument),
        }
    }
    if asked.ledgers == 0 { Err("--ledgers 0".to_owned()) } else { Ok(asked) }
}

/// Deals kills and places out to the ledgers.
fn plans(asked: &Asked) -> Vec<Plan> {
    let dealt = |number: u32| {
        let mine = POINTS.iter().zip(0u32..).filter(move |(_, at)| at % asked.ledgers == number);
        mine.map(|(point, _)| *point).collect()
    };
    let plan = |number| Plan {
        number,
        emr: asked.emr.clone(),
        points: asked.points.clone().map(|emr| (emr, dealt(number))),
        kills: (number + 1) * asked.kills / asked.ledgers - number * asked.kills / asked.ledgers,
    };
    (0..asked.ledgers).map(plan).collect()
}
