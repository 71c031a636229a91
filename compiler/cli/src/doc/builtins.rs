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
    let mut text = format!("{}\n{}", entry.signature, wrapped(&entry.text, 4));
    for example in &entry.examples {
        text.push_str(&format!("    {} is {}\n", example.call, example.gives));
    }
    text
}

/// Sentences in lines, each so far from the edge.
pub(super) fn wrapped(sentences: &str, indent: usize) -> String {
    let mut text = String::new();
    let mut line = String::new();
    let mut end = |line: &mut String| {
        if !line.is_empty() {
            text.push_str(&format!("{:indent$}{line}\n", ""));
            line.clear();
        }
    };
    for word in sentences.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH - indent {
            end(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    end(&mut line);
    text
}
