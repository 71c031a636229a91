//! `emr show`: a message of the journal, what became of it, and what becomes of it now. It shows values: that is what it is
//! for.

mod now;

use std::fmt::Write as _;
use std::io::Write;

use emr_message::answers::Question;
use emr_message::header::Header;
use emr_runtime::control::journals;
use emr_runtime::control::shapes::{self, instant, joined};
use emr_runtime::control::words::{Answer, Failing, Request};
use emr_runtime::journal::entry::{Arrival, Event, What};
use emr_runtime::journal::find::{History, State};
use emr_runtime::journal::id::Id;
use emr_runtime::journal::search::kind;
use serde_json::json;

use super::Site;
use crate::end::End;
use crate::secrets::Vault;
use crate::shown;
use crate::style::{BOLD, DIM, PLAIN, count};
use crate::world::Chosen;
use now::Now;

/// Without an option: where it came from, what became of it, and what the maps say of it. The message comes from the journal; what
/// becomes of it now is what the project makes of it as it is on disk.
#[derive(clap::Args)]
pub struct Args {
    /// Which: `adt-17`
    #[arg(value_name = "ID")]
    id: Id,
    /// Its bytes as they came, and nothing else
    #[arg(long, conflicts_with_all = ["json", "parsed", "output", "lineage"])]
    raw: bool,
    /// The message, field by field
    #[arg(long, conflicts_with = "json")]
    parsed: bool,
    /// What each route makes of it now
    #[arg(long, conflicts_with = "json")]
    output: bool,
    /// Each value that is made of it now, with its rule and where it comes from
    #[arg(long, conflicts_with = "json")]
    lineage: bool,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    site: Site,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    vault: Vault,
}

/// A message as it lies in the journal.
pub struct Stored {
    pub id: Id,
    pub arrival: Arrival,
    pub bytes: Vec<u8>,
}

pub fn run(args: &Args) -> Result<End, End> {
    let (stored, history) = found(args)?;
    args.site.journals().viewed(&args.id)?;
    let mut out = anstream::stdout().lock();
    if args.raw {
        // A terminal's colours are no business of bytes.
        let mut out = std::io::stdout().lock();
        out.write_all(&stored.bytes)?;
        return Ok(out.flush().map(|()| End::Fine)?);
    }
    let now = Now::of(&stored, &history, &args.site.project, (&args.chosen, &args.vault));
    if args.json {
        let now = now.map_or_else(|why| json!({ "now": { "why_not": why } }), |now| now.as_json(&history));
        let answers = looked(&history).map(|it| json!({ "table": it.table, "keys": it.keys, "row": it.row }));
        let shown = joined(
            shapes::message(&stored.id, &history, &stored.bytes),
            json!({ "answers": answers.collect::<Vec<_>>(), "failing": failing(args)? }),
        );
        writeln!(out, "{}", shown::json(&joined(shown, now))?)?;
    } else if args.parsed || args.output || args.lineage {
        let now = now.map_err(|why| End::Call(format!("{}; `--raw` shows its bytes", unknown(&why))))?;
        let parts =
            [(args.parsed, now.parsed()), (args.output, now.output(&history)), (args.lineage, now.lineage(&history))];
        let parts: Vec<_> = parts.into_iter().filter_map(|(is_asked, part)| is_asked.then_some(part)).collect();
        write!(out, "{}", parts.join("\n"))?;
    } else {
        write!(out, "{}", text(&stored, &history))?;
        for (way, Failing { times, why, .. }) in failing(args)? {
            writeln!(out, "  {way} was tried {}: {why}", count(times as usize, "time"))?;
        }
        match &now {
            Ok(now) => write!(out, "\n{}", now.summary(&history))?,
            Err(why) => writeln!(out, "\n{}", unknown(why))?,
        }
        writeln!(out, "\n{DIM}{MORE}{PLAIN}")?;
    }
    out.flush()?;
    Ok(End::Fine)
}

/// Where what is not shown is.
const MORE: &str = "`--raw` shows its bytes, `--parsed` its fields, `--output` what is made of it, `--lineage` where each value comes from";

fn unknown(why: &str) -> String {
    format!("what becomes of it now is not known: {why}")
}

/// The ways on which a running engine tries to deliver it again and again, with how often it did.
fn failing(args: &Args) -> Result<Vec<(String, Failing)>, End> {
    let Some(Answer::Status { feeds }) = args.site.journals().ask(&Request::Status)? else { return Ok(Vec::new()) };
    let ways = feeds.into_iter().filter(|feed| feed.name == args.id.feed).flat_map(|feed| feed.ways);
    let failing = ways.filter_map(|way| Some((way.name, way.failing?)));
    Ok(failing.filter(|(_, failing)| failing.id == args.id).collect())
}

fn found(args: &Args) -> Result<(Stored, History), End> {
    let chosen = args.site.journals().chosen(Some(&args.id.feed))?;
    let (_, folder) = chosen.into_iter().next().ok_or_else(|| gone(&args.id))?;
    let found = journals::found(&folder, &args.id);
    let found = found.map_err(|fault| End::World(format!("{}: {fault}", args.id.feed)))?;
    let (history, bytes) = found.ok_or_else(|| gone(&args.id))?;
    Ok((Stored { id: args.id.clone(), arrival: history.arrival.clone(), bytes }, history))
}

fn gone(id: &Id) -> End {
    End::Call(format!("the journal of `{}` has no message `{id}`, or not any more", id.feed))
}

/// `delivered`, or why it is not settled.
fn state(state: &State) -> String {
    match state {
        State::Ended(ended) => super::search::state((*ended).into()).to_owned(),
        State::Open(open) if open.is_parked() => format!("parked: {}", open.why().join("; ")),
        State::Open(open) => match open.going().map(ToString::to_string).collect::<Vec<_>>().join(", ") {
            ways if ways.is_empty() => "in flight".to_owned(),
            ways => format!("in flight to {ways}"),
        },
    }
}

fn text(stored: &Stored, history: &History) -> String {
    let Stored { id, arrival, bytes } = stored;
    let (came, kind) = (instant(arrival.received), kind(bytes));
    let mut text = format!("{BOLD}{id}{PLAIN}  {kind}  {} bytes  {}\n", bytes.len(), state(&history.state));
    let file = arrival.file.as_ref().map(|file| format!(" in the file `{file}`")).unwrap_or_default();
    let _ = writeln!(text, "  {DIM}{came}{PLAIN}  came{file}{}", ends(bytes));
    for Event { at, what, who, .. } in &history.events {
        let by = who.as_ref().map(|who| format!(", by {who}")).unwrap_or_default();
        let _ = writeln!(text, "  {DIM}{}{PLAIN}  {}{by}", instant(*at), said(what));
    }
    for Looked { table, keys, row } in looked(history) {
        let row = row.map_or_else(|| "no row".to_owned(), |row| row.join(", "));
        let _ = writeln!(text, "  {table}({})  {row}", keys.join(", "));
    }
    text
}

/// Who sent a message to whom, as its header says (MSH-3 to MSH-6, MSH-10); nothing of a resource.
fn ends(bytes: &[u8]) -> String {
    let Some(header) = Header::read(bytes) else { return String::new() };
    let [application, facility, receiver, place, control] =
        header.fields([3, 4, 5, 6, 10]).map(|field| String::from_utf8_lossy(field).into_owned());
    let named = |application: &str, facility: &str| match (application, facility) {
        ("", "") => "nobody named".to_owned(),
        ("", only) | (only, "") => only.to_owned(),
        (application, facility) => format!("{application} at {facility}"),
    };
    let control = if control.is_empty() { String::new() } else { format!(", MSH-10 {control}") };
    format!(" from {} to {}{control}", named(&application, &facility), named(&receiver, &place))
}

/// What a table gave for the message that was asked before its map ran.
struct Looked<'h> {
    /// Its name, without keys and columns.
    table: &'h str,
    keys: &'h [String],
    /// What stands behind the keys; nothing where there is no row.
    row: Option<Vec<&'h str>>,
}

fn looked(history: &History) -> impl Iterator<Item = Looked<'_>> {
    let answers = history.answered.iter().flat_map(|answered| &answered.answers);
    answers.map(|(Question { table, keys }, row)| {
        let name = table.split('(').next().unwrap_or(table);
        let cells = row.as_ref().map(|row| row.iter().skip(keys.len()).map(|cell| cell.as_deref().unwrap_or("-")));
        Looked { table: name.rsplit('.').next().unwrap_or(name), keys, row: cells.map(Iterator::collect) }
    })
}

fn said(what: &What) -> String {
    let of = |target: &Option<String>| target.as_ref().map(|target| format!("{target} ")).unwrap_or_default();
    match what {
        What::Started => "a process ended while a map was at it".to_owned(),
        What::Mapped { program, targets } if targets.is_empty() => {
            format!("mapped by the program {program:016x}, for nobody")
        }
        What::Mapped { program, targets } => {
            format!("mapped by the program {program:016x}, for {}", targets.join(", "))
        }
        What::Delivered { target } => format!("{target} has it"),
        What::Replied { target, reply, .. } => {
            let text = String::from_utf8_lossy(&reply.bytes);
            let lines: String = text.trim_end().split(['\r', '\n']).map(|line| format!("\n      {line}")).collect();
            format!("its sender gets what {target} says:{lines}")
        }
        What::Returned { target, why, .. } => format!("refused: {target} gives no reply: {why}"),
        What::Filtered { because } => format!("filtered: {because}"),
        What::Refused(refusal) => format!("refused: {}", refusal.text()),
        What::Held { route, why } => format!("{route}: parked: {why}"),
        What::Parked { target, why } => format!("{}parked: {why}", of(target)),
        What::Released => "released".to_owned(),
        What::Dropped { because } => format!("dropped: {because}"),
        What::Replayed(replay) => match &replay.to {
            Some(to) => format!("replayed to {to}"),
            None => "replayed".to_owned(),
        },
    }
}

/// The program that it was last mapped with.
fn mapped_by(history: &History) -> Option<u64> {
    history.events.iter().rev().find_map(|event| match event.what {
        What::Mapped { program, .. } => Some(program),
        _ => None,
    })
}
