//! `emr map`: messages through a map, in one order on any number of threads, however many there are.

pub mod block;
mod output;
pub mod pool;
pub mod pretty;
mod symbols;

use std::io::IsTerminal;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use emr_message::Receipt;
use emr_message::convert::moment;
use emr_runtime::clock;
use emr_runtime::host::is_artifact;
use indicatif::{ProgressBar, ProgressStyle};

use crate::build;
use crate::end::End;
use crate::engine::{Engine, Form, Kind, Outcome, Settings, Why, Worker};
use crate::input::{Input, inputs};
use crate::messages;
use crate::secrets::Vault;
use crate::style::{PLAIN, RED, YELLOW, count};
use crate::world::{Chosen, Opt, World};
use block::{Block, Then};
use output::Output;

/// Results go to standard output, each on a line of its own (newline-delimited JSON), or into a folder, each a file of
/// its own. Issues go to standard error. They name places and never show a value of the message.
#[derive(clap::Args)]
pub struct Args {
    /// Files of one message or more, folders of such files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The project's folder, an `.emr` file, or what `emr build` made of one
    #[arg(long, value_name = "PATH", default_value = ".")]
    with: PathBuf,
    /// The map, where several take the message; `a then b` sends what `a` makes through `b`
    #[arg(long, value_name = "NAME")]
    map: Option<String>,
    /// Writes a file for each message into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many threads work; the results do not depend on it [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    vault: Vault,
    /// The charset of messages whose MSH-18 is empty, before that of `emr.toml`: ISO-8859-1
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
    /// What `receipt.received` is: 2026-03-12T08:30:00+01:00 [default: when the command began]
    #[arg(long, value_name = "TIME")]
    received: Option<String>,
    /// Lays JSON out over lines
    #[arg(long)]
    pretty: bool,
    /// What runs the map; the results do not depend on it
    #[arg(long, value_enum, default_value = "auto")]
    engine: Kind,
    /// What is done to the map before it runs; the results do not depend on it
    #[arg(long, value_enum, default_value = "speed")]
    opt: Opt,
    /// Names the code of each rule for `perf report`, in /tmp/perf-PID.map
    #[arg(long)]
    perf_map: bool,
}

pub fn run(args: &Args) -> Result<End, End> {
    let inputs = inputs(&args.files)?;
    let engine = engine(args)?;
    if args.perf_map {
        symbols::write(&engine)?;
    }
    let output = Output::new(args.out.as_deref())?;
    let mut tally = Tally { output, bar: bar(inputs.len()), pretty: args.pretty, mapped: 0, refused: 0, issues: 0 };
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN);
    let receipt = receipt(args)?;
    let work = |worker: &mut Worker, block: Block| work(worker, block, &receipt);
    pool::ordered(jobs, block::all(inputs), || engine.worker(), work, |done| tally.take(done))?;
    tally.close()
}

fn engine(args: &Args) -> Result<Engine, End> {
    let (zone, charset, map) = (args.chosen.timezone.as_deref(), args.charset.as_deref(), args.map.as_deref());
    if args.with.extension().is_some_and(|ending| ending == build::ENDING) || is_artifact(&args.with) {
        if args.chosen.env.is_some() {
            return Err(End::Call(
                "an artifact is of the environment that it was built for: `--env` is for `emr build`".to_owned(),
            ));
        }
        return Engine::stored(&args.with, map, (zone, charset), args.vault.secrets(), args.engine);
    }
    let mut world = World::open(&args.with, &args.chosen)?.trusting(&args.vault);
    world.opt = args.opt;
    world.sound()?;
    Engine::new(&world, map, Settings::of(&world, charset)?, args.engine)
}

/// That of the run's first message.
fn receipt(args: &Args) -> Result<Receipt, End> {
    let Some(text) = args.received.as_deref() else {
        return clock::received().ok_or_else(|| End::World("the clock of this machine tells no time".to_owned()));
    };
    let time = moment(text).ok().and_then(|time| Receipt::new(&time).ok());
    let wrong = "`--received` takes a time with its offset, such as `2026-03-12T08:30:00+01:00`";
    time.ok_or_else(|| End::Call(wrong.to_owned()))
}

/// What came of a block.
struct Done {
    input: Arc<Input>,
    first: Option<usize>,
    /// What came of each message, and where its JSON ends.
    outcomes: Vec<(Result<Outcome, Why>, usize)>,
    json: Vec<u8>,
    then: Then,
}

fn work(worker: &mut Worker, block: Block, receipt: &Receipt) -> Done {
    let Block { input, messages, before, first, then } = block;
    let mut json = Vec::new();
    let receipt = receipt.of_file(input.name());
    let one = |(index, message): (usize, Vec<u8>)| {
        let receipt = receipt.numbered(u32::try_from(before + index + 1).unwrap_or(u32::MAX));
        (worker.received(&message, &receipt, &mut json), json.len())
    };
    let outcomes = messages.into_iter().enumerate().map(one).collect();
    Done { input, first, outcomes, json, then }
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
        let Done { input, first, outcomes, json, then } = done;
        let mut start = 0;
        for (n, (outcome, end)) in outcomes.into_iter().enumerate() {
            let json = json.get(start..end).unwrap_or_default();
            self.message(&input, first.map(|first| first + n), outcome, json)?;
            start = end;
        }
        let place = input.path.display();
        match then {
            Then::More => return Ok(()),
            Then::End { miscounted: 0 } => {}
            Then::End { .. } => self.say(&format!(
                "{place}: {YELLOW}warning{PLAIN}: BTS-1 or FTS-1 does not count what is there: is the file whole?"
            )),
            Then::Nothing(why) => self.refuse(&place.to_string(), "error", &why),
            Then::Fault(end) => return Err(self.abandon(end)),
        }
        self.bar.inc(1);
        Ok(())
    }

    fn message(
        &mut self,
        input: &Input,
        number: Option<usize>,
        outcome: Result<Outcome, Why>,
        json: &[u8],
    ) -> Result<(), End> {
        let place = messages::place(input, number);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(Why::Message(why)) => {
                self.refuse(&place, "error", &why);
                return Ok(());
            }
            Err(Why::Call(why)) => return Err(self.abandon(End::Call(why))),
        };
        for issue in &outcome.issues {
            self.issues += 1;
            self.say(&format!("{place}: {YELLOW}{}{PLAIN}: {issue}", coded("warning", &issue.code)));
        }
        if let Some(why) = outcome.rejected {
            self.refuse(&place, &coded("rejected", &why.code), &why.to_string());
            return Ok(());
        }
        self.mapped += 1;
        let mut name = input.result.clone().into_os_string();
        if let Some(number) = number {
            name.push(format!("-{number}"));
        }
        let name = PathBuf::from(name);
        match outcome.form {
            Form::Json if self.pretty => self.output.write(&name, &pretty::laid_out(json), outcome.form),
            form => self.output.write(&name, json, form),
        }
    }

    /// What ends the command before all is done.
    fn abandon(&self, end: End) -> End {
        self.bar.abandon();
        end
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

/// `warning[R0501]`, as `emr check` writes a code.
fn coded(what: &str, code: &str) -> String {
    if code.is_empty() { what.to_owned() } else { format!("{what}[{code}]") }
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
