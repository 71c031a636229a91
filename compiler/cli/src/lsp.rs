//! `emr lsp`: the language server on standard input and output.

use crate::end::End;

#[derive(clap::Args)]
pub struct Args {
    /// What we do in any case; some editors say it
    #[arg(long, hide = true)]
    stdio: bool,
}

pub fn run() -> Result<End, End> {
    emr_lsp::stdio()?;
    Ok(End::Fine)
}
