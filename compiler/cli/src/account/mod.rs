//! `emr account`: what becomes of each field that messages bring.

mod show;

use std::io::Write;
use std::path::PathBuf;

use emr_compiler::account::{Ledger, Row, Verdict};
use emr_compiler::db;
use emr_compiler::plan::Gives;

use crate::end::End;
use crate::engine::{Engine, Kind, Settings, Why};
use crate::messages;
use crate::shown;
use crate::style::{PLAIN, RED, count};
use crate::world::{Chosen, World};

/// Fields are counted by their paths; no value is shown.
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
    /// Ends with 1 if more fields than this are neither mapped nor ignored
    #[arg(long, value_name = "N")]
    fail_over: Option<usize>,
    /// The charset of messages whose MSH-18 is empty, before that of `emr.toml`
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

pub fn run(args: &Args) -> Result<End, End> {
    let world = World::open(&args.with, &Chosen::default())?;
    world.sound()?;
    let settings = Settings::of(&world, args.charset.as_deref())?;
    let engine = Engine::new(&world, args.map.as_deref(), settings, Kind::Interpreter)?.alone_in("account")?;
    let mut ledger = Ledger::default();
    let (mut read, mut refused) = (0, 0);
    refused += messages::each(&args.files, |found| {
        match add(&mut ledger, &world, &engine, &found.bytes) {
            Ok(()) => read += 1,
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
    let lost = rows.iter().filter(|row| row.verdict.is_lost()).count();
    let too_many = args.fail_over.filter(|most| lost > *most);
    if let Some(most) = too_many {
        let lost = count(lost, "field");
        anstream::eprintln!("{RED}error{PLAIN}: {lost} lost, and `--fail-over {most}` allows no more than {most}");
    }
    Ok(if too_many.is_some() || refused > 0 { End::Wrong } else { End::Fine })
}

/// Counts a message for the map that takes it.
pub fn add(ledger: &mut Ledger, world: &World, engine: &Engine, bytes: &[u8]) -> Result<(), Why> {
    let (map, message) = engine.chosen(bytes)?;
    // A map that gives a message may take over all of the one that came, field by field or as a whole.
    if world.plan(map).is_some_and(|plan| plan.gives == Gives::Message) {
        return Ok(());
    }
    if let Some(reads) = db::reads(&world.db, world.inside, map.to_owned()) {
        ledger.add(map, reads, &message);
    }
    Ok(())
}

/// `60 mapped, 20 ignored, 8 engine, 0 unplaced, 6 unmapped`
fn summary(rows: &[Row]) -> String {
    let one = |verdict: &Verdict| {
        let number = rows.iter().filter(|row| row.verdict == *verdict).count();
        format!("{number} {}", verdict.text())
    };
    Verdict::ALL.iter().map(one).collect::<Vec<_>>().join(", ")
}
