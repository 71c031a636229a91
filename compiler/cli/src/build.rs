//! `emr build --emit plan`: what a map comes to, for a person to read.

use std::io::Write;
use std::path::PathBuf;

use emr_compiler::db;

use crate::end::End;
use crate::world::World;

#[derive(clap::Args)]
pub struct Args {
    /// A project's folder, or an `.emr` file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// What to print
    #[arg(long, value_enum)]
    emit: Emit,
    /// Only this map
    #[arg(long, value_name = "NAME")]
    map: Option<String>,
    /// The zone of times without an offset, before that of `emr.toml`
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Emit {
    /// What is read of a message and what is written, in which order
    Plan,
}

pub fn run(args: &Args) -> Result<End, End> {
    let Emit::Plan = args.emit;
    let world = World::open(&args.path, args.timezone.as_deref())?;
    world.sound()?;
    let mut out = anstream::stdout().lock();
    let mut found = false;
    for (_, file) in world.asked() {
        for map in db::maps(&world.db, world.inside, file) {
            let wanted = args.map.as_ref().is_none_or(|name| map.key == name || map.key.ends_with(&format!(".{name}")));
            let plan = db::plan(&world.db, world.inside, map.key.to_string()).as_ref().filter(|_| wanted);
            if let Some(plan) = plan {
                write!(out, "{}{plan}", if found { "\n" } else { "" })?;
                found = true;
            }
        }
    }
    match &args.map {
        Some(name) if !found => Err(End::Call(format!("there is no map `{name}`"))),
        _ => Ok(End::Fine),
    }
}
