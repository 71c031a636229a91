//! The binary `emr`: which commands there are. Each is a file; how they end is in `end`.

mod account;
mod audit;
mod build;
mod check;
mod doc;
mod end;
mod engine;
mod explain;
mod fmt;
mod generate;
mod html;
mod impact;
mod input;
mod lock;
mod lsp;
mod map;
mod messages;
mod new;
mod operate;
mod profile;
mod run;
mod secrets;
mod shell;
mod shown;
mod style;
mod test;
mod trace;
mod validate;
mod world;
mod write;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Mappings from HL7 v2 to FHIR: check them, test them, run them
///
/// A mapping is a file that ends in `.emr`; a project is a folder of them, with an `emr.toml` for its settings.
#[derive(Parser)]
#[command(
    name = "emr",
    version,
    after_help = "Exit codes: 0 fine, 1 the mapping, a test or a message is wrong, 2 the call is wrong, 3 the \
                  environment failed."
)]
enum Command {
    /// Shows everything that is wrong with a project, in one pass
    Check(check::Args),
    /// Runs the tests of a project
    Test(test::Args),
    /// Sends messages through a map
    Map(map::Args),
    /// Writes files in the one layout that the language has
    Fmt(fmt::Args),
    /// Shows a message and what becomes of it, each value with its rule
    Trace(trace::Args),
    /// Learns profiles of senders from messages, and compares them
    Profile(profile::Args),
    /// Says of each field that messages bring whether rules read it, and why not
    Account(account::Args),
    /// Says what another version of a mapping changes in its outputs
    Impact(impact::Args),
    /// Makes messages that exercise each rule and each branch of a map
    Generate(generate::Args),
    /// Holds FHIR JSON against R4 and profiles
    Validate(validate::Args),
    /// Starts the feeds and routes of a project
    Run(run::Args),
    /// Says where the messages of each feed are
    Status(operate::status::Args),
    /// Finds messages by time, feed, state, control id or key
    Messages(operate::search::Args),
    /// Shows a message of the journal: what it says, what became of it, what becomes of it now
    Show(operate::show::Args),
    /// Lists parked messages, lets them go, gives them up
    Park(operate::park::Args),
    /// Says whether journals are whole, and repairs them
    Journal(operate::journal::Args),
    /// Delivers messages once more that were settled
    Replay(operate::replay::Args),
    /// Has the engine that runs go on with the project as its files are now
    Reload(operate::change::Reload),
    /// Lets a route deliver that says `start: held`
    Start(operate::change::Start),
    /// Proves that the audit of a project is as it was written, and writes it as FHIR
    Audit(audit::Args),
    /// Compiles the maps of a project into one file, or prints what they come to
    Build(build::Args),
    /// Notes what the projects hold that a project uses
    Lock(lock::Args),
    /// Writes the mapping as people exchange it, a row for each rule
    Doc(doc::Args),
    /// Explains a diagnostic, with an example and the cure
    Explain(explain::Args),
    /// Makes a project that compiles and whose tests pass
    New(new::Args),
    /// Talks to an editor over standard input and output
    Lsp(lsp::Args),
    /// Prints a script that lets a shell complete the words of `emr`
    Completions(shell::Completions),
    /// Writes pages for `man` into a folder
    Man(shell::Man),
}

fn main() -> ExitCode {
    end::without_values();
    end::code(match Command::parse() {
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Map(args) => map::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Account(args) => account::run(&args),
        Command::Impact(args) => impact::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Profile(args) => profile::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Status(args) => operate::status::run(&args),
        Command::Messages(args) => operate::search::run(&args),
        Command::Show(args) => operate::show::run(&args),
        Command::Park(args) => operate::park::run(&args),
        Command::Journal(args) => operate::journal::run(&args),
        Command::Replay(args) => operate::replay::run(&args),
        Command::Reload(args) => operate::change::reload(&args),
        Command::Start(args) => operate::change::start(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Lock(args) => lock::run(&args),
        Command::Doc(args) => doc::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::New(args) => new::run(&args),
        Command::Lsp(_) => lsp::run(),
        Command::Completions(args) => Ok(shell::completions(&args, Command::command())),
        Command::Man(args) => shell::man(&args, Command::command()),
    })
}
