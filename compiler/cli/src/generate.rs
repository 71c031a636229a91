//! `emr generate`: messages or resources that exercise a map, made from its plan.

use std::io::Write;
use std::path::PathBuf;

use emr_compiler::coverage::Coverage;
use emr_compiler::db::{self, SourceFile};
use emr_compiler::generate;

use crate::end::End;
use crate::engine::{Engine, Kind, Settings};
use crate::style::count;
use crate::test::coverage;
use crate::world::{Chosen, World};
use crate::write;

/// The same call makes the same messages.
#[derive(clap::Args)]
pub struct Args {
    /// The map, which takes a message or a resource
    map: String,
    /// The project's folder, or an `.emr` file
    #[arg(long, value_name = "PATH", default_value = ".")]
    with: PathBuf,
    /// How many messages; as many as exercise something new if not said
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Another number makes other messages
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The folder that they are written to, a file each; standard output if not said
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    chosen: Chosen,
}

pub fn run(args: &Args) -> Result<End, End> {
    let world = World::open(&args.with, &args.chosen)?;
    world.sound()?;
    let settings = Settings::of(&world, None)?;
    let engine = Engine::new(&world, Some(&args.map), settings.clone(), Kind::Interpreter)?.alone_in("generate")?;
    let key = engine.only_map().ok_or_else(End::takes_nothing)?;
    let wanted = (args.count, args.seed);
    let generated = generate::generate(&world.db, world.inside, key, wanted, settings.runs());
    let generated = generated
        .ok_or_else(|| End::Call(format!("the map `{}` takes neither one message nor one resource", args.map)))?;
    let (ending, kind) = if generated.of_fhir { ("json", "resource") } else { ("hl7", "message") };
    let mut out = anstream::stdout().lock();
    for (number, message) in (1..).zip(&generated.messages) {
        match &args.out {
            Some(folder) => write::whole(&folder.join(format!("{number:03}.{ending}")), message.as_bytes())?,
            None if generated.of_fhir => writeln!(out, "{message}")?,
            None => write!(out, "{}", message.replace('\r', "\n"))?,
        }
    }
    out.flush()?;
    let used = db::used_by(&world.db, world.inside, key);
    let files: Vec<SourceFile> = world.asked().map(|(_, file)| file).collect();
    // What a module adds to a table is part of the table.
    let is_meant = |item: &str| used.contains(item) || item.contains(".extend ");
    let report = |coverage: &Coverage| coverage.report_of(&world.db, world.inside, &files, &is_meant);
    let (all, passing) = (report(&generated.coverage), report(&generated.passing));
    let made = count(generated.messages.len(), kind);
    let rejected = match generated.rejected {
        0 => String::new(),
        some => format!(", {some} of which the map rejects"),
    };
    let only = coverage::only(&format!("exercised by {kind}s alone that the map rejects"), &all, &passing);
    anstream::eprintln!("{made} made{rejected}{only}{}", coverage::text(&all, &[]).trim_end());
    Ok(End::Fine)
}
