//! `emr status`: where the messages of each feed are, as the journals have it. The engine may run or not.

use std::fs;
use std::path::{Path, PathBuf};

use anstream::println;
use emr_runtime::journal::fs::Disk;
use emr_runtime::journal::ledger::{Ledger, Open};
use serde_json::{Value, json};

use crate::end::End;
use crate::shown::{self, Format};
use crate::style::count;

/// Ends with 1 if a journal is damaged.
#[derive(clap::Args)]
pub struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Where the journals of its feeds are [default: `journal` in the project's folder]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How many parked messages are named.
const NAMED: usize = 20;

pub fn run(args: &Args) -> Result<End, End> {
    let folder = args.journal.clone().unwrap_or_else(|| args.project.join("journal"));
    let feeds = feeds(&folder)?;
    let mut is_damaged = false;
    let mut all = Vec::new();
    for (name, path) in feeds {
        match Ledger::of(Disk, path) {
            Ok(ledger) if args.format == Format::Json => all.push(as_json(&name, &ledger)),
            Ok(ledger) => print(&name, &ledger),
            Err(fault) => {
                is_damaged = true;
                anstream::eprintln!("{name}: {fault}");
            }
        }
    }
    if args.format == Format::Json {
        println!("{}", shown::json(&all)?);
    }
    Ok(if is_damaged { End::Wrong } else { End::Fine })
}

/// The journals in a folder, by the names of their feeds.
fn feeds(folder: &Path) -> Result<Vec<(String, PathBuf)>, End> {
    let none = |why| End::Call(format!("there is no journal in `{}`: {why}", folder.display()));
    let entries = fs::read_dir(folder).map_err(none)?;
    let mut feeds: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    feeds.sort_unstable();
    Ok(feeds)
}

fn parked(ledger: &Ledger) -> impl Iterator<Item = (&Open, String)> {
    ledger.open().filter(|open| open.is_parked()).map(|open| (open, open.why().join("; ")))
}

fn print(name: &str, ledger: &Ledger) {
    let law = ledger.law();
    println!(
        "{name}: {} accepted = {} delivered + {} filtered + {} refused + {} dropped + {} parked + {} in flight",
        law.accepted,
        law.settled.delivered,
        law.settled.filtered,
        law.settled.refused,
        law.settled.dropped,
        law.parked,
        law.in_flight
    );
    for (open, why) in parked(ledger).take(NAMED) {
        println!("  {name}-{} is parked: {why}", open.number() + 1);
    }
    if let Some(more) = parked(ledger).count().checked_sub(NAMED).filter(|more| *more > 0) {
        println!("  and {}", count(more, "other"));
    }
}

fn as_json(name: &str, ledger: &Ledger) -> Value {
    let law = ledger.law();
    let parked: Vec<_> = parked(ledger)
        .map(|(open, why)| json!({ "id": format!("{name}-{}", open.number() + 1), "why": why }))
        .collect();
    json!({
        "feed": name, "accepted": law.accepted, "delivered": law.settled.delivered, "filtered": law.settled.filtered,
        "refused": law.settled.refused, "dropped": law.settled.dropped, "in_flight": law.in_flight, "parked": parked,
    })
}
