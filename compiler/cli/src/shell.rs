//! `emr completions` and `emr man`: what a shell and its manual are told of the commands.

use std::path::PathBuf;

use clap_complete::Shell;

use crate::end::End;
use crate::write;

#[derive(clap::Args)]
pub struct Completions {
    /// The shell that is to complete the words of `emr`
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the script for the shell, which its start-up file reads.
pub fn completions(args: &Completions, mut command: clap::Command) -> End {
    clap_complete::generate(args.shell, &mut command, "emr", &mut std::io::stdout());
    End::Fine
}

#[derive(clap::Args)]
pub struct Man {
    /// The folder to write the pages into: a folder that `man` looks through, such as ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes a page for `emr` and one for each command, `emr-map.1`.
pub fn man(args: &Man, command: clap::Command) -> Result<End, End> {
    write::folder(&args.out)?;
    clap_mangen::generate_to(command, &args.out)?;
    Ok(End::Fine)
}
