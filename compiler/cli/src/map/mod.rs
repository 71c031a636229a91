//! `emr map`: messages through a map, in one order on any number of threads.

mod output;
mod pool;
mod pretty;

use std::io::IsTerminal;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use crate::end::End;
use crate::engine::{Engine, Outcome, Settings};
use crate::input::{Input, inputs, messages};
use crate::style::{PLAIN, RED, YELLOW, count};
use crate::world::World;
use output::Output;

/// Results go to standard output, each on a line of its own (newline-delimited JSON), or into a folder, each a file of
/// its own. Issues go to standard error. They name places and never show a value of the message.
#[derive(clap::Args)]
pub struct Args {
    /// Files of one message or more, folders of such files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The project's folder, or an `.emr` file
    #[arg(long, value_name = "PATH")]
    with: PathBuf,
    /// The map, where several take the message
    #[arg(long, value_name = "NAME")]
    map: Option<String>,
    /// Writes a file for each message into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many threads work; the results do not depend on it [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// The zone of times without an offset, before that of `emr.toml`: Europe/Zurich
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// The charset of messages whose MSH-18 is empty, before that of `emr.toml`: ISO-8859-1
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
    /// Lays the JSON out over lines
    #[arg(long)]
    pretty: bool,
}

pub fn run(args: &Args) -> Result<End, End> {
    let inputs = inputs(&args.files)?;
    let world = World::open(&args.with, args.timezone.as_deref())?;
    world.sound()?;
    let settings = Settings::new(&world.outside, args.charset.as_deref())?;
    let engine = Engine::new(&world, args.map.as_deref(), settings)?;
    let output = Output::new(args.out.as_deref())?;
    let mut tally = Tally { output, bar: bar(inputs.len()), pretty: args.pretty, mapped: 0, refused: 0, issues: 0 };
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN);
    let source = inputs.into_iter().flat_map(pieces);
    pool::ordered(jobs, source, |piece| piece.work(&engine), |done| tally.take(done))?;
    tally.close()
}

/// A message and where it stands, or why its file has none.
struct Piece {
    input: Arc<Input>,
    what: Result<(Arc<Vec<u8>>, crate::input::Place), Refused>,
    /// The last one of its file.
    last: bool,
}

/// Why there is nothing to write.
enum Refused {
    Message(String),
    /// Not the message's fault: ends the command.
    Command(End),
}

fn pieces(input: Input) -> Box<dyn Iterator<Item = Piece> + Send> {
    let input = Arc::new(input);
    let one = |input, why| Box::new(std::iter::once(Piece { input, what: Err(why), last: true }));
    let bytes = match input.read() {
        Ok(bytes) => Arc::new(bytes),
        Err(why) => return one(input, Refused::Command(why)),
    };
    let places = messages(&bytes);
    let Some(last) = places.len().checked_sub(1) else {
        return one(input, Refused::Message(crate::engine::no_message(&bytes)));
    };
    let piece = move |(n, place)| Piece { input: input.clone(), what: Ok((bytes.clone(), place)), last: n == last };
    Box::new(places.into_iter().enumerate().map(piece))
}

struct Done {
    input: Arc<Input>,
    number: Option<usize>,
    outcome: Result<Outcome, Refused>,
    last: bool,
}

impl Piece {
    fn work(self, engine: &Engine) -> Done {
        let Piece { input, what, last } = self;
        match what {
            Ok((bytes, place)) => {
                let message = bytes.get(place.range).unwrap_or_default();
                let outcome = engine.run(message).map_err(|why| match why {
                    crate::engine::Why::Message(text) => Refused::Message(text),
                    crate::engine::Why::Call(text) => Refused::Command(End::Call(text)),
                });
                Done { input, number: place.number, outcome, last }
            }
            Err(why) => Done { input, number: None, outcome: Err(why), last },
        }
    }
}

/// Writes what comes, in order, and counts it.
struct Tally {
    output: Output,
    bar: ProgressBar,
    pretty: bool,
    mapped: usize,
    refused: usize,
    issues: usize,
}

impl Tally {
    fn take(&mut self, done: Done) -> Result<(), End> {
        let number = done.number.map(|number| format!(" (message {number})")).unwrap_or_default();
        let place = format!("{}{number}", done.input.path.display());
        match done.outcome {
            Ok(outcome) => self.outcome(&place, &done.input, done.number, outcome)?,
            Err(Refused::Message(why)) => self.refuse(&place, "error", &why),
            Err(Refused::Command(end)) => {
                self.bar.abandon();
                return Err(end);
            }
        }
        if done.last {
            self.bar.inc(1);
        }
        Ok(())
    }

    fn outcome(&mut self, place: &str, input: &Input, number: Option<usize>, outcome: Outcome) -> Result<(), End> {
        for issue in &outcome.issues {
            self.issues += 1;
            self.say(&format!("{place}: {YELLOW}warning{PLAIN}: {issue}"));
        }
        match outcome.result {
            Ok(json) => {
                self.mapped += 1;
                let json = if self.pretty { pretty::laid_out(&json) } else { json };
                let mut name = input.result.clone().into_os_string();
                if let Some(number) = number {
                    name.push(format!("-{number}"));
                }
                self.output.write(&PathBuf::from(name), &json)
            }
            Err(why) => {
                self.refuse(place, "rejected", &why.to_string());
                Ok(())
            }
        }
    }

    fn refuse(&mut self, place: &str, what: &str, why: &str) {
        self.refused += 1;
        self.say(&format!("{place}: {RED}{what}{PLAIN}: {why}"));
    }

    /// Where a progress bar stands, a line goes above it.
    fn say(&self, line: &str) {
        self.bar.suspend(|| anstream::eprintln!("{line}"));
    }

    fn close(self) -> Result<End, End> {
        self.bar.finish_and_clear();
        self.output.close()?;
        if self.mapped + self.refused > 1 {
            let (mapped, refused, issues) = (self.mapped, self.refused, count(self.issues, "issue"));
            anstream::eprintln!(
                "{}: {mapped} mapped, {refused} rejected; {issues}",
                count(mapped + refused, "message")
            );
        }
        Ok(if self.refused == 0 { End::Fine } else { End::Wrong })
    }
}

/// Nothing is shown for one file, or where nobody looks.
fn bar(files: usize) -> ProgressBar {
    if files < 2 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {eta} left");
    let bar = ProgressBar::new(files as u64);
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}
