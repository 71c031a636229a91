//! `emr account`: what becomes of each field that messages bring.

mod show;

use std::io::Write;
use std::path::PathBuf;

use emr_compiler::account::{Came, Ledger, Reads, Row, Verdict};
use emr_compiler::db;
use emr_compiler::plan::Gives;

use crate::end::End;
use crate::engine::{Engine, Kind, Settings, Why};
use crate::messages;
use crate::secrets::Vault;
use crate::shown;
use crate::style::{PLAIN, RED, count};
use crate::world::{Chosen, World};

/// Fields are counted by their paths; no value is shown.
///
/// A field is `mapped` if a rule reads it and something came of it, a value or a decision; `kept` if it stands as it came in
/// the message that is made; `replaced` if a rule writes there, or drops its segment; `ignored` if an `ignore` names it,
/// its segment or its group; the `engine`'s if it is about the message; `unplaced` if the structure has no place for its
/// segment; `unwritten` if a rule reads it and nothing came of it (a table lacks the code, a filter left it out); else
/// `unmapped`.
#[derive(clap::Args)]
pub struct Args {
    /// Files of one message or more, folders of such files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The project's folder, or an `.emr` file
    #[arg(long, value_name = "PATH", default_value = ".")]
    with: PathBuf,
    /// The map, where several take the message
    #[arg(long, value_name = "NAME")]
    map: Option<String>,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Ends with 1 if more fields than this are lost: unwritten, unmapped or unplaced
    #[arg(long, value_name = "N")]
    fail_over: Option<usize>,
    /// The charset of messages whose MSH-18 is empty, before that of `emr.toml`
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    vault: Vault,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

pub fn run(args: &Args) -> Result<End, End> {
    let world = World::open(&args.with, &args.chosen)?.trusting(&args.vault);
    world.sound()?;
    let settings = Settings::of(&world, args.charset.as_deref())?;
    let engine = Engine::new(&world, args.map.as_deref(), settings, Kind::Interpreter)?.alone_in("account")?;
    let mut ledger = Ledger::default();
    let (mut read, mut refused, mut rejected) = (0, 0, 0);
    refused += messages::each(&args.files, |found| {
        match add_run(&mut ledger, &world, &engine, &found.bytes) {
            Ok(is_rejected) => {
                read += 1;
                rejected += usize::from(is_rejected);
            }
            Err(Why::Message(why)) => {
                refused += 1;
                messages::say(&found.place(), &why);
            }
            Err(Why::Call(why)) => return Err(End::Call(why)),
        }
        Ok(())
    })?;
    let rows = ledger.rows(&world.db, world.inside);
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Table => write!(out, "{}", show::table(&rows))?,
        Format::Csv => write!(out, "{}", show::csv(&rows))?,
        Format::Json => writeln!(out, "{}", shown::json(&rows)?)?,
    }
    out.flush()?;
    anstream::eprintln!("{} in {}: {}", count(rows.len(), "field"), count(read, "message"), summary(&rows));
    if rejected > 0 {
        let are = if rejected == 1 { "message is" } else { "messages are" };
        anstream::eprintln!(
            "{rejected} {are} rejected: of these, what rules read counts as mapped, and nothing where a message is made"
        );
    }
    let lost = rows.iter().filter(|row| row.verdict.is_lost()).count();
    let too_many = args.fail_over.filter(|most| lost > *most);
    if let Some(most) = too_many {
        let are = if lost == 1 { "is" } else { "are" };
        let lost = count(lost, "field");
        anstream::eprintln!("{RED}error{PLAIN}: {lost} {are} lost, and `--fail-over {most}` allows {most}");
    }
    Ok(if too_many.is_some() || refused > 0 { End::Wrong } else { End::Fine })
}

/// Counts a message for the map that takes it, by the text of the map alone. That does not say what goes on as it came in a
/// message that is made.
pub fn add(ledger: &mut Ledger, world: &World, engine: &Engine, bytes: &[u8]) -> Result<(), Why> {
    let (map, message) = engine.chosen(bytes)?;
    if let Some(reads) = reads(world, map).filter(|_| !makes_messages(world, map)) {
        ledger.add(map, reads, &message, None);
    }
    Ok(())
}

/// Counts a message by what its map makes of it. Whether it is rejected, so that nothing is known of that.
fn add_run(ledger: &mut Ledger, world: &World, engine: &Engine, bytes: &[u8]) -> Result<bool, Why> {
    let (map, message) = engine.chosen(bytes)?;
    let Some(reads) = reads(world, map) else { return Ok(false) };
    let plan = db::explained_plan(&world.db, world.inside, map.to_owned()).as_ref();
    let settings = engine.runs(map)?;
    let came = plan.and_then(|plan| Came::from(plan, &message, &settings));
    if came.is_some() || !makes_messages(world, map) {
        ledger.add(map, reads, &message, came.as_ref());
    }
    Ok(came.is_none())
}

fn reads<'w>(world: &'w World, map: &str) -> Option<&'w Reads> {
    db::reads(&world.db, world.inside, map.to_owned()).as_deref()
}

fn makes_messages(world: &World, map: &str) -> bool {
    world.plan(map).is_some_and(|plan| plan.gives == Gives::Message)
}

/// `60 mapped, 20 ignored, 8 engine, 0 unplaced, 6 unmapped`
fn summary(rows: &[Row]) -> String {
    let one = |verdict: &Verdict| {
        let number = rows.iter().filter(|row| row.verdict == *verdict).count();
        format!("{number} {}", verdict.text())
    };
    Verdict::ALL.iter().map(one).collect::<Vec<_>>().join(", ")
}
