//! `emr doc`: the mapping as people exchange it, a row for each rule.

mod builtins;
mod columns;
mod connectors;
mod html;
mod sheet;

use std::io::Write;
use std::path::{Path, PathBuf};

use emr_compiler::db::SourceFile;
use emr_compiler::specification;

use crate::end::End;
use crate::shown;
use crate::world::{Chosen, World};
use crate::write;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    manual: Option<Manual>,
    /// A project's folder, or an `.emr` file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Where to write; standard output if not said
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How; by the ending of the file if not said, else a page
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// What is no project's, but the language's.
#[derive(clap::Subcommand)]
enum Manual {
    /// Lists the functions that every module can call, each with its signature, what it gives and examples
    Builtins(builtins::Args),
    /// Lists what feeds, targets, routes, alarms and tables can be told, each setting with its default and bounds
    Connectors(connectors::Args),
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One page without a network, whose rows are sorted by a click
    Html,
    /// A workbook: rules, what is ignored, maps, code tables
    Xlsx,
    /// All of it, for programs
    Json,
}

pub fn run(args: &Args) -> Result<End, End> {
    match &args.manual {
        Some(Manual::Builtins(args)) => return builtins::run(args),
        Some(Manual::Connectors(args)) => return connectors::run(args),
        None => {}
    }
    let world = World::open(&args.path, &Chosen::default())?;
    world.sound()?;
    let files: Vec<SourceFile> = world.asked().map(|(_, file)| file).collect();
    let specification = specification::of(&world.db, world.inside, &files);
    let name = world.outside.manifest.name.as_ref().map(|it| it.value.as_str()).unwrap_or("mapping");
    let bytes = match args.format.or_else(|| args.out.as_deref().and_then(by_ending)).unwrap_or(Format::Html) {
        Format::Html => html::page(name, &specification).into_bytes(),
        Format::Xlsx => sheet::workbook(&specification).map_err(|why| End::World(why.to_string()))?,
        Format::Json => (shown::json(&specification)? + "\n").into_bytes(),
    };
    match &args.out {
        Some(out) => write::whole(out, &bytes)?,
        None => anstream::stdout().write_all(&bytes)?,
    }
    Ok(End::Fine)
}

fn by_ending(out: &Path) -> Option<Format> {
    match out.extension()?.to_str()? {
        "xlsx" => Some(Format::Xlsx),
        "json" => Some(Format::Json),
        _ => None,
    }
}
