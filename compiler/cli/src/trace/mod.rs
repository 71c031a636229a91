//! `emr trace`: a message or a resource, and what becomes of it, each value with the rule that wrote it and what it is made
//! of.

mod html;
pub mod text;

use std::io::Write;
use std::path::PathBuf;

use emr_compiler::db;
use emr_compiler::trace::{self, Said, Trace, Wanted};

use crate::end::End;
use crate::engine::{Engine, Kind, Settings, Why, is_json};
use crate::input::{Input, inputs};
use crate::map::block::{self, Then};
use crate::secrets::Vault;
use crate::shown;
use crate::world::{Chosen, World};

/// It shows what is in the message: that is what it is for.
#[derive(clap::Args)]
pub struct Args {
    /// A file of one message or resource of FHIR, or more; `-` is standard input
    file: PathBuf,
    /// The project's folder, or an `.emr` file
    #[arg(long, value_name = "PATH", default_value = ".")]
    with: PathBuf,
    /// The map, where several take what the file has
    #[arg(long, value_name = "NAME")]
    map: Option<String>,
    /// Which message or resource of the file
    #[arg(long, value_name = "N", default_value_t = 1)]
    message: usize,
    /// Only this value of a resource or a message, as `Patient.birthDate`, `Patient.name[0].family` or `PID-3[2].1`
    #[arg(long, value_name = "ELEMENT")]
    why: Option<String>,
    /// How it is shown; `html` is a page by itself, to be sent to others
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    vault: Vault,
    /// The charset of messages whose MSH-18 is empty, before that of `emr.toml`
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Html,
}

pub fn run(args: &Args) -> Result<End, End> {
    let wanted = args.why.as_deref().map(|path| Wanted::read(path).ok_or_else(|| no_path(path))).transpose()?;
    let world = World::open(&args.with, &args.chosen)?.trusting(&args.vault);
    world.sound()?;
    if let Some(wanted) = &wanted {
        wanted.known(db::standards(&world.db, world.inside)).map_err(End::Call)?;
    }
    let settings = Settings::of(&world, args.charset.as_deref())?;
    let engine = Engine::new(&world, args.map.as_deref(), settings, Kind::Interpreter)?.alone_in("trace")?;
    let (input, bytes, count) = message(args)?;
    let shown = input.path.display().to_string();
    let told = |why: Why| match why {
        Why::Message(why) | Why::Call(why) => End::Call(format!("`{shown}`: {why}")),
    };
    let mut traced = traced(&world, &engine, &bytes).map_err(told)?;
    if let Some(wanted) = &wanted {
        let makes_messages = trace::makes_messages(&world.db, world.inside, &traced.map);
        of_kind(wanted, args.why.as_deref().unwrap_or_default(), (&traced.map, makes_messages))?;
        traced.values = wanted.chosen(std::mem::take(&mut traced.values), makes_messages);
    }
    let could = wanted.filter(|_| traced.values.is_empty()).map(|wanted| {
        let makes_messages = trace::makes_messages(&world.db, world.inside, &traced.map);
        let of_source = matches!(wanted, Wanted::Field(_)) && !makes_messages;
        (trace::could(&world.db, world.inside, &traced, &wanted), of_source)
    });
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Json => {
            if args.why.is_some() {
                traced.segments.clear();
            }
            let json = shown::json(&traced)?;
            writeln!(out, "{json}")?;
        }
        Format::Html => write!(out, "{}", html::page(&traced, &shown, is_json(&bytes)))?,
        Format::Text if args.why.is_some() => write!(out, "{}", text::values(&traced))?,
        Format::Text => write!(out, "{}", text::whole(&traced))?,
    }
    out.flush()?;
    if count > 1 {
        anstream::eprintln!("message {} of {count}; `--message N` shows another", args.message);
    }
    if let Some((could, of_source)) = could {
        let path = args.why.as_deref().unwrap_or_default();
        anstream::eprint!("{}", text::nothing(path, &could, of_source));
    }
    Ok(if traced.rejected.is_some() { End::Wrong } else { End::Fine })
}

/// What the map that takes it makes of a message or a resource, and why.
fn traced(world: &World, engine: &Engine, bytes: &[u8]) -> Result<Trace, Why> {
    let none = |map: &str| Why::Call(format!("the map `{map}` cannot run"));
    if !is_json(bytes) {
        let (map, message) = engine.chosen(bytes)?;
        let traced = trace::trace(&world.db, world.inside, map, &message, &engine.runs(map)?);
        return traced.ok_or_else(|| none(map));
    }
    let ((_, ready), resource, problems) = engine.chosen_resource(bytes)?;
    let runs = engine.runs(&ready.name)?;
    let traced = trace::trace_resource(&world.db, world.inside, &ready.name, &resource, &runs);
    let mut traced = traced.ok_or_else(|| none(&ready.name))?;
    traced.issues.splice(0..0, problems.into_iter().map(Said::of_resource));
    Ok(traced)
}

fn no_path(path: &str) -> End {
    End::Call(format!(
        "`{path}` is no element of a resource and no field: these are written like `Patient.birthDate` and `PID-5.1`"
    ))
}

/// That what a map makes has what is asked for.
fn of_kind(wanted: &Wanted, path: &str, (map, makes_messages): (&str, bool)) -> Result<(), End> {
    let why = match (wanted, makes_messages) {
        (Wanted::Element(_), true) => "messages: a field of one is written like `PID-5.1`",
        _ => return Ok(()),
    };
    Err(End::Call(format!("`{path}` is not there, for the map `{map}` makes {why}")))
}

/// The message that is asked for, and how many the file has.
fn message(args: &Args) -> Result<(Input, Vec<u8>, usize), End> {
    let mut files = inputs(std::slice::from_ref(&args.file))?;
    let (Some(input), true) = (files.pop(), files.is_empty()) else {
        return Err(End::Call(format!("`{}` is a folder; a trace is of one file", args.file.display())));
    };
    let (mut found, mut count) = (None, 0);
    for block in block::all(vec![input.clone()]) {
        for message in block.messages {
            count += 1;
            if count == args.message {
                found = Some(message);
            }
        }
        match block.then {
            Then::Nothing(why) => return Err(End::Call(format!("`{}`: {why}", input.path.display()))),
            Then::Fault(end) => return Err(end),
            Then::More | Then::End { .. } => {}
        }
    }
    let Some(found) = found else {
        let (file, has) = (input.path.display(), crate::style::count(count, "message"));
        return Err(End::Call(format!("there is no message {} in `{file}`: it has {has}", args.message)));
    };
    Ok((input, found, count))
}
