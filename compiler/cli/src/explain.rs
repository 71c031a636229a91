//! `emr explain`: the page of a code.

use std::io::Write;

use emr_compiler::codes::{page, pages};

use crate::end::End;

#[derive(clap::Args)]
pub struct Args {
    /// The code as a message shows it, such as E0502; without one, all codes are listed
    code: Option<String>,
}

pub fn run(args: &Args) -> Result<End, End> {
    let mut out = anstream::stdout().lock();
    let Some(text) = &args.code else {
        for page in pages() {
            writeln!(out, "{}  {}", page.code, page.summary)?;
        }
        return Ok(End::Fine);
    };
    match page(text) {
        Some(page) => write!(out, "{}", page.text)?,
        None => return Err(End::Call(format!("there is no code `{text}`; `emr explain` lists them all"))),
    }
    Ok(End::Fine)
}
