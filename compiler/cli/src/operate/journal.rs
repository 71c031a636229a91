//! `emr journal`: whether journals are whole, what is at risk where they are not, and a repair.

use std::fs;
use std::path::{Path, PathBuf};

use anstream::println;
use emr_runtime::control::place::Hold;
use emr_runtime::control::{shapes, who};
use emr_runtime::journal::fs::Disk;
use emr_runtime::journal::id::Id;
use emr_runtime::journal::log::Damage;
use emr_runtime::journal::repair;
use emr_runtime::journal::verify::{self, Verified};
use emr_runtime::observe::audit::{self, Said};

use super::Journals;
use crate::end::End;
use crate::shown::{self, Format};
use crate::style::{BOLD, GREEN, PLAIN, RED, count};

/// What the engine keeps in its journals.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Reads all records, their checksums and the chain of their hashes; ends with 1 if something is damaged
    Verify {
        /// The folder of the journals, or that of one feed
        #[arg(default_value = "journal")]
        folder: PathBuf,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Gives up what is damaged, so that the engine starts again; what stood there is kept in files that end in `.damaged`
    Repair {
        /// The folder of the journals, on which no engine runs
        #[arg(default_value = "journal")]
        folder: PathBuf,
    },
}

/// How many ids are named.
const NAMED: usize = 20;

pub fn run(args: &Args) -> Result<End, End> {
    match &args.what {
        What::Verify { folder, format } => verify(folder, *format),
        What::Repair { folder } => repair(folder),
    }
}

fn repair(folder: &Path) -> Result<End, End> {
    let feeds = Journals(folder.to_owned()).chosen(None)?;
    let _hold = Hold::take(folder).map_err(End::Call)?;
    for (name, path) in feeds {
        let lost = repair::repair(Disk, path).map_err(|why| End::World(format!("{name}: {why}")))?;
        if lost.is_empty() {
            println!("{name}: nothing is damaged");
        }
        for damage in &lost {
            let said = said(&name, damage);
            println!("{name}: given up {said}");
            noted(folder, &name, said)?;
        }
    }
    Ok(End::Fine)
}

/// Has the audit say what of a journal was given up, and by whom.
fn noted(folder: &Path, feed: &str, what: String) -> Result<(), End> {
    let said = Said::now(audit::What::Repaired).at_feed(feed).by(who::of_this()).because(what);
    audit::add(folder, said)
        .map_err(|why| End::World(format!("the audit cannot say that `{feed}` was repaired: {why}")))
}

fn verify(folder: &Path, format: Format) -> Result<End, End> {
    let mut is_damaged = false;
    let mut all = Vec::new();
    for (name, path) in feeds(folder)? {
        let found = verify::verify(Disk, path).map_err(|why| End::World(format!("{name}: {why}")))?;
        is_damaged |= !found.damage.is_empty();
        match format {
            Format::Json => all.push(shapes::verified(&name, &found)),
            Format::Text => print(&name, &found),
        }
    }
    if format == Format::Json {
        println!("{}", shown::json(&all)?);
    }
    Ok(if is_damaged { End::Wrong } else { End::Fine })
}

fn feeds(folder: &Path) -> Result<Vec<(String, PathBuf)>, End> {
    let is_segment = |entry: fs::DirEntry| entry.path().extension().is_some_and(|ending| ending == "log");
    let entries = fs::read_dir(folder).map(|entries| entries.filter_map(Result::ok).any(is_segment));
    if entries.unwrap_or(false) {
        let name = folder.canonicalize()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(name, folder.to_owned())]);
    }
    Journals(folder.to_owned()).chosen(None)
}

fn print(name: &str, found: &Verified) {
    let state = if found.damage.is_empty() { format!("{GREEN}whole{PLAIN}") } else { format!("{RED}damaged{PLAIN}") };
    println!(
        "{BOLD}{name}{PLAIN}: {state}, {} in {}, {} of them",
        number(found.records, "record"),
        count(found.segments, "segment"),
        number(found.messages, "message")
    );
    if found.torn > 0 {
        println!("  {} at its end were never known to be on disk: nobody was told of them", number(found.torn, "byte"));
    }
    if found.lost > 0 {
        println!("  {} of it were damaged before, and given up by a repair", number(found.lost, "record"));
    }
    for damage in &found.damage {
        println!("  {}", said(name, damage));
    }
    if !found.unsure.is_empty() {
        let ids = found.unsure.iter().take(NAMED).map(|number| Id::new(name, *number).to_string());
        let mut ids = ids.collect::<Vec<_>>().join(", ");
        if let Some(more) = found.unsure.len().checked_sub(NAMED).filter(|more| *more > 0) {
            ids = format!("{ids} and {}", count(more, "other"));
        }
        println!("  what became of these may have stood there: {ids}");
    }
}

fn said(name: &str, damage: &Damage) -> String {
    let place = format!("in the segment {:016x}, from byte {} on", damage.segment, damage.at);
    let to = damage.to.unwrap_or(damage.from);
    match to.checked_sub(damage.from) {
        None | Some(0) => format!("{place}: the record {to} does not follow what stands before it"),
        Some(1) => format!(
            "{place}: the record {} cannot be read; {} is lost if it was that",
            damage.from,
            Id::new(name, damage.from)
        ),
        Some(_) => format!(
            "{place}: the records {} to {} cannot be read; of {} to {} those are lost that stood there",
            damage.from,
            to - 1,
            Id::new(name, damage.from),
            Id::new(name, to - 1)
        ),
    }
}

fn number(number: u64, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}
