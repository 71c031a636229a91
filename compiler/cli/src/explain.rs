//! `emr explain`: the page of a code.

use std::io::Write;

use emr_compiler::diagnostic::Code;

use crate::end::End;

#[derive(clap::Args)]
pub struct Args {
    /// The code as a message shows it, such as E0502; without one, all codes are listed
    code: Option<String>,
}

pub fn run(args: &Args) -> Result<End, End> {
    let mut out = anstream::stdout().lock();
    let Some(text) = &args.code else {
        for code in Code::ALL {
            writeln!(out, "{}  {}", code.text(), code.summary())?;
        }
        return Ok(End::Fine);
    };
    match Code::named(text) {
        Some(code) => write!(out, "{}", code.page())?,
        None => return Err(End::Call(format!("there is no code `{text}`; `emr explain` lists them all"))),
    }
    Ok(End::Fine)
}
