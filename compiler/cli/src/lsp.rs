//! `emr lsp`: the language server on standard input and output.

use crate::end::End;

pub fn run() -> Result<End, End> {
    emr_lsp::stdio()?;
    Ok(End::Fine)
}
