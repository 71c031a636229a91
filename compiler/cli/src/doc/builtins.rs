//! `emr doc builtins`: the manual of the functions that every module can call.

use std::io::Write;

use emr_compiler::manual::{Entry, functions};

use crate::end::End;
use crate::shown::{self, Format};

#[derive(clap::Args)]
pub struct Args {
    /// How they are listed; `json` is one array
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &Args) -> Result<End, End> {
    let all = functions();
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", shown::json(&all)?)?,
        Format::Text => {
            for (index, entry) in all.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                write!(out, "{}", self::entry(entry))?;
            }
        }
    }
    Ok(End::Fine)
}

/// How wide a terminal is at least.
const WIDTH: usize = 80;

fn entry(entry: &Entry) -> String {
    let mut text = format!("{}\n", entry.signature);
    let mut line = String::new();
    for word in entry.text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH - 4 {
            text.push_str(&format!("    {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&format!("    {line}\n"));
    for example in &entry.examples {
        text.push_str(&format!("    {} is {}\n", example.call, example.gives));
    }
    text
}
