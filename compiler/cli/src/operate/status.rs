//! `emr status`: where the messages of each feed are. An engine that runs says it itself; otherwise the journals do.

use std::path::PathBuf;
use std::time::Duration;

use anstream::{eprintln, print, println};
use emr_runtime::control::words::{Answer, Feed, Request, Way};
use emr_runtime::control::{client, shapes};
use emr_runtime::journal::fs::Disk;
use emr_runtime::journal::ledger::Ledger;

use super::{Journals, ago, journals};
use crate::end::End;
use crate::shown::{self, Format};
use crate::style::{BOLD, PLAIN, YELLOW, count};

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
    /// Shows it again each second, until Ctrl-C
    #[arg(long, conflicts_with = "format")]
    watch: bool,
}

/// How many parked messages of a feed are named.
const NAMED: usize = 20;

/// How many of them where the whole has to fit a screen.
const NAMED_LIVE: usize = 5;

/// From the upper left corner on, over what is there.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Where the messages are, by feeds, and who says so.
struct Status {
    feeds: Vec<Feed>,
    is_running: bool,
    /// Feeds whose journals cannot be read, and why.
    damaged: Vec<String>,
}

pub fn run(args: &Args) -> Result<End, End> {
    let journals = Journals(journals(&args.project, args.journal.as_deref()));
    if args.watch {
        return watch(&journals);
    }
    let status = Status::of(&journals)?;
    if args.format == Format::Json {
        let all: Vec<_> = status.feeds.iter().map(|feed| shapes::feed(feed, status.is_running)).collect();
        println!("{}", shown::json(&all)?);
    } else {
        print!("{}", status.text(NAMED));
    }
    for why in &status.damaged {
        eprintln!("{why}");
    }
    Ok(if status.damaged.is_empty() { End::Fine } else { End::Wrong })
}

/// Without an engine nothing changes: the journals are read once, and then only whether there is one again.
fn watch(journals: &Journals) -> Result<End, End> {
    let mut was_running = true;
    loop {
        if was_running || client::is_there(&journals.0) {
            let status = Status::of(journals)?;
            was_running = status.is_running;
            let damaged: String = status.damaged.iter().map(|why| format!("{why}\n")).collect();
            print!("{CLEAR}{}{damaged}", status.text(NAMED_LIVE));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

impl Status {
    fn of(journals: &Journals) -> Result<Status, End> {
        if let Some(Answer::Status { feeds }) = journals.ask(&Request::Status)? {
            return Ok(Status { feeds, is_running: true, damaged: Vec::new() });
        }
        let mut status = Status { feeds: Vec::new(), is_running: false, damaged: Vec::new() };
        for (name, path) in journals.chosen(None)? {
            match Ledger::of(Disk, path) {
                Ok(ledger) => status.feeds.push(Feed::of(&name, &ledger)),
                Err(fault) => status.damaged.push(format!("{name}: {fault}")),
            }
        }
        Ok(status)
    }

    fn text(&self, named: usize) -> String {
        let head = if self.is_running { "" } else { "no engine runs; the journals say:\n" };
        let feeds: Vec<_> = self.feeds.iter().map(|feed| text(feed, named)).collect();
        format!("{head}{}", feeds.concat())
    }
}

fn text(feed: &Feed, named: usize) -> String {
    let (name, law) = (&feed.name, &feed.law);
    let mut text = format!(
        "{BOLD}{name}{PLAIN}: {} accepted = {} delivered + {} filtered + {} refused + {} dropped + {} parked + {} in \
         flight\n",
        law.accepted,
        law.settled.delivered,
        law.settled.filtered,
        law.settled.refused,
        law.settled.dropped,
        law.parked,
        law.in_flight
    );
    if let Some(issues) = feed.issues.filter(|issues| *issues > 0) {
        let issues = count(usize::try_from(issues).unwrap_or(usize::MAX), "issue");
        text.push_str(&format!(
            "  {YELLOW}{issues}{PLAIN} of maps since the engine began; the log says of which messages\n"
        ));
    }
    feed.ways.iter().filter_map(way).for_each(|line| text.push_str(&line));
    for parked in feed.parked.iter().take(named) {
        text.push_str(&format!("  {} is parked: {}\n", parked.id, parked.why.join("; ")));
    }
    let more = usize::try_from(law.parked).unwrap_or(usize::MAX).saturating_sub(feed.parked.len().min(named));
    if more > 0 {
        text.push_str(&format!("  and {}\n", count(more, "other")));
    }
    text
}

/// Nothing where nothing waits and nobody holds it.
fn way(way: &Way) -> Option<String> {
    let held = if way.is_held { format!("{YELLOW}held{PLAIN}, ") } else { String::new() };
    let Some(oldest) = &way.oldest else {
        return way.is_held.then(|| format!("  {}: {held}nothing waiting\n", way.name));
    };
    let (id, age) = (&oldest.id, ago(oldest.received));
    let mut line = format!("  {}: {held}{} waiting, {id} for {age}", way.name, way.waiting);
    if let Some(failing) = &way.failing {
        let tried = count(failing.times as usize, "time");
        line.push_str(&format!("; {YELLOW}{} was tried {tried}{PLAIN}: {}", failing.id, failing.why));
    }
    line.push('\n');
    Some(line)
}
