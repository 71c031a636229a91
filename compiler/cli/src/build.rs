//! `emr build`: the maps of a project as one file that runs without them, or as text for a person to read.

use std::io::Write;
use std::path::{Path, PathBuf};

use emr_compiler::db;
use emr_compiler::plan::{Plan, Rule};
use emr_native::artifact::{Entry, artifact};
use emr_native::{Compiler, Target};

use crate::end::End;
use crate::engine::{Ready, holders, is_named, said, takers};
use crate::world::{Chosen, Opt, World};
use crate::write;

/// How the files end that it writes.
pub const ENDING: &str = "emrx";

#[derive(clap::Args)]
pub struct Args {
    /// A project's folder, or an `.emr` file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Writes all maps that take messages, compiled, into this file: `hospital.emrx`, for `emr map --with`
    #[arg(short, long, value_name = "FILE", required_unless_present = "emit", conflicts_with = "emit")]
    output: Option<PathBuf>,
    /// Prints a form of the maps in place of a file
    #[arg(long, value_enum)]
    emit: Option<Emit>,
    /// Any machine of an architecture in place of this one [default: this machine, with all that its processor can do]
    #[arg(long, value_enum)]
    target: Option<Architecture>,
    /// What is done to the maps before code is made
    #[arg(long, value_enum, default_value = "speed")]
    opt: Opt,
    /// Only this map
    #[arg(long, value_name = "NAME")]
    map: Option<String>,
    #[command(flatten)]
    chosen: Chosen,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Emit {
    /// What is read of a message and what is written, in which order
    Plan,
    /// The code before it is made for a machine, as Cranelift has it
    Clif,
    /// The code's instructions
    Asm,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Architecture {
    #[value(name = "x86_64")]
    X86_64,
    Aarch64,
}

pub fn run(args: &Args) -> Result<End, End> {
    let mut world = World::open(&args.path, &args.chosen)?;
    world.opt = args.opt;
    world.sound()?;
    match (args.emit, &args.output) {
        (Some(emit), _) => print(args, &world, emit),
        (None, Some(output)) => file(args, &world, output),
        (None, None) => Err(End::Call("neither `--output` nor `--emit` is there".to_owned())),
    }
}

fn compiler(args: &Args) -> Result<Compiler, End> {
    let target = match args.target {
        None => Target::Host,
        Some(Architecture::X86_64) => Target::Triple("x86_64".to_owned()),
        Some(Architecture::Aarch64) => Target::Triple("aarch64".to_owned()),
    };
    Compiler::new(&target)
        .map_err(|_| End::Call("no code can be made for this machine; `--target` names one".to_owned()))
}

fn wanted(args: &Args, key: &str) -> bool {
    args.map.as_ref().is_none_or(|name| is_named(key, name))
}

fn print(args: &Args, world: &World, emit: Emit) -> Result<End, End> {
    let show = |plan: &Plan| -> Result<String, End> {
        Ok(match emit {
            Emit::Plan => plan.to_string(),
            Emit::Clif => legend(world, plan) + &compiler(args)?.clif(plan),
            Emit::Asm => compiler(args)?.assembly(plan),
        })
    };
    let mut out = anstream::stdout().lock();
    let mut found = false;
    for (_, file) in world.asked() {
        for map in db::maps(&world.db, world.inside, file).into_iter().filter(|map| wanted(args, &map.key)) {
            if let Some(plan) = world.plan(&map.key) {
                write!(out, "{}{}", if found { "\n" } else { "" }, show(&plan)?)?;
                found = true;
            }
        }
    }
    match &args.map {
        Some(name) if !found => Err(End::Call(format!("there is no map `{name}`"))),
        _ => Ok(End::Fine),
    }
}

/// What the numbers of rules stand for.
fn legend(world: &World, plan: &Plan) -> String {
    let place = |(number, rule): (usize, &Rule)| format!("; @{number:04x} {}\n", world.place(rule));
    plan.rules.iter().enumerate().map(place).collect()
}

fn file(args: &Args, world: &World, output: &Path) -> Result<End, End> {
    let maps: Vec<Ready> = takers(world).into_iter().filter(|map| wanted(args, &map.name)).collect();
    let holders = holders(&maps, &world.shared());
    let entries: Vec<Entry> = maps.iter().chain(&holders).filter_map(entry).collect();
    if let Some(lacks) = entries.iter().find_map(|entry| entry.plan.lacks_environment()) {
        return Err(End::Call(format!("{lacks}: choose one with `--env`")));
    }
    if entries.is_empty() {
        return Err(match &args.map {
            Some(name) => End::Call(format!("there is no map `{name}` that takes a message")),
            None => End::takes_nothing(),
        });
    }
    write::whole(output, &artifact(&compiler(args)?, &said(world), &entries))?;
    Ok(End::Fine)
}

fn entry(map: &Ready) -> Option<Entry> {
    let plan = map.plan()?.clone();
    let (name, takes, holds) = (map.name.clone(), map.takes.clone(), map.holds.clone());
    Some(Entry { name, takes, holds, plan, rules: map.rules().to_vec() })
}
