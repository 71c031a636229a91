//! `emr impact`: what another version of a mapping changes in the outputs of a corpus.

mod group;
mod show;

use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;

use crate::end::End;
use crate::engine::{Engine, Kind, Outcome, Settings, Told, Why, Worker};
use crate::input::inputs;
use crate::map::block::{self, Block, Then};
use crate::map::pool;
use crate::messages;
use crate::secrets::Vault;
use crate::shown::Format;
use crate::style::count;
use crate::world::{Chosen, World};
use group::{Groups, Version};

/// Differences are grouped by element and rule, with how many values and messages have them and one example each.
#[derive(clap::Args)]
pub struct Args {
    /// The mapping as it was: a project's folder, or an `.emr` file
    old: PathBuf,
    /// The mapping as it is to be
    new: PathBuf,
    /// Files of one message or more, or folders of such files
    #[arg(long, value_name = "DIR", required = true)]
    over: Vec<PathBuf>,
    /// The map, where several take the message
    #[arg(long, value_name = "NAME")]
    map: Option<String>,
    /// Shows the values of the examples; otherwise letters and digits are masked
    #[arg(long)]
    show_values: bool,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How many threads work; the results do not depend on it [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// The charset of messages whose MSH-18 is empty, before that of `emr.toml`
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    vault: Vault,
}

pub fn run(args: &Args) -> Result<End, End> {
    let inputs = inputs(&args.over)?;
    let (old, new) = (Side::open(&args.old, args)?, Side::open(&args.new, args)?);
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN);
    let mut groups = Groups::default();
    let mut refused = 0;
    let source = block::all(inputs);
    let workers = || (old.engine.worker(), new.engine.worker());
    pool::ordered(jobs, source, workers, both, |done| {
        for (message, pair) in done.messages {
            refused += take(&mut groups, &message, pair, (&old, &new))?;
        }
        match done.then {
            Then::Nothing(why) => {
                refused += 1;
                messages::say(&done.file, &why);
            }
            Then::Fault(end) => return Err(end),
            Then::More | Then::End { .. } => {}
        }
        Ok(())
    })?;
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Text => write!(out, "{}", show::text(&groups, args.show_values))?,
        Format::Json => writeln!(out, "{}", show::json(&groups, args.show_values)?)?,
    }
    out.flush()?;
    anstream::eprintln!(
        "{} compared: {} the same, {} different",
        count(groups.messages, "message"),
        groups.messages - groups.different,
        groups.different
    );
    Ok(if refused == 0 { End::Fine } else { End::Wrong })
}

/// A version of the mapping.
struct Side {
    world: World,
    engine: Engine,
}

impl Side {
    fn open(path: &std::path::Path, args: &Args) -> Result<Side, End> {
        let world = World::open(path, &args.chosen)?.trusting(&args.vault);
        world.sound()?;
        let settings = Settings::of(&world, args.charset.as_deref())?;
        let engine = Engine::new(&world, args.map.as_deref(), settings, Kind::Auto)?.alone_in("impact")?;
        Ok(Side { world, engine })
    }

    fn version(&self) -> Version<'_> {
        Version { world: &self.world, engine: &self.engine }
    }
}

/// What came of the messages of a block.
struct Done {
    file: String,
    messages: Vec<(Message, Pair)>,
    then: Then,
}

struct Message {
    place: String,
    bytes: Vec<u8>,
}

/// What both versions made of a message: the JSON, unless it was rejected.
struct Pair {
    old: Result<(Outcome, Vec<u8>), Why>,
    new: Result<(Outcome, Vec<u8>), Why>,
}

fn both((old, new): &mut (Worker<'_>, Worker<'_>), block: Block) -> Done {
    let Block { input, messages, first, then, .. } = block;
    let run = |worker: &mut Worker<'_>, bytes: &[u8]| {
        let mut json = Vec::new();
        worker.run(bytes, &mut json).map(|outcome| (outcome, json))
    };
    let one = |(index, bytes): (usize, Vec<u8>)| {
        let place = messages::place(&input, first.map(|first| first + index));
        let pair = Pair { old: run(old, &bytes), new: run(new, &bytes) };
        (Message { place, bytes }, pair)
    };
    Done { file: input.path.display().to_string(), messages: messages.into_iter().enumerate().map(one).collect(), then }
}

/// Counts what differs; how many messages neither version takes.
fn take(groups: &mut Groups, message: &Message, pair: Pair, (old, new): (&Side, &Side)) -> Result<usize, End> {
    let refused = |why: Why| match why {
        Why::Message(why) => Ok(why),
        Why::Call(why) => Err(End::Call(why)),
    };
    let (old_made, new_made) = match (pair.old, pair.new) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), Err(_)) => {
            messages::say(&message.place, &refused(why)?);
            return Ok(1);
        }
        (old, new) => {
            let why = refused(old.err().or(new.err()).unwrap_or(Why::Message(String::new())))?;
            groups.one_sided(&message.place, &why);
            return Ok(0);
        }
    };
    let said = |outcome: &Outcome| -> Vec<String> {
        let rejected = outcome.rejected.iter().map(|told| line("rejected", told));
        rejected.chain(outcome.issues.iter().map(|told| line("warning", told))).collect()
    };
    let (old_said, new_said) = (said(&old_made.0), said(&new_made.0));
    groups.message(
        (&message.place, &message.bytes),
        (old.version(), &old_made.1, &old_said),
        (new.version(), &new_made.1, &new_said),
    );
    Ok(0)
}

/// What is said, without where in the message and where in the text: both may move.
fn line(kind: &str, told: &Told) -> String {
    if told.code.is_empty() {
        format!("{kind}: {}", told.text)
    } else {
        format!("{kind}[{}]: {}", told.code, told.text)
    }
}
