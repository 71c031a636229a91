//! `emr profile`: what senders really send.

mod diff;
mod infer;

use crate::end::End;

/// Learns profiles from messages, and compares them
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Writes a profile of what messages really hold
    Infer(infer::Args),
    /// Shows where two profiles say something else, place by place
    Diff(diff::Args),
}

pub fn run(args: &Args) -> Result<End, End> {
    match &args.command {
        Command::Infer(args) => infer::run(args),
        Command::Diff(args) => diff::run(args),
    }
}
