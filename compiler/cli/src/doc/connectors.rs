//! `emr doc connectors`: what feeds, targets, routes, alarms and tables can be told.

use std::io::Write;

use emr_compiler::manual::{Manual, connectors};

use super::builtins::wrapped;
use crate::end::End;
use crate::shown::{self, Format};

#[derive(clap::Args)]
pub struct Args {
    /// Of this connector alone, and without what all can be told
    name: Option<String>,
    /// How they are listed; `json` is one array
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &Args) -> Result<End, End> {
    let mut all = connectors();
    if let Some(name) = &args.name {
        let known: Vec<_> = all.iter().map(|it| format!("`{}`", it.name)).collect();
        all.retain(|it| it.name == *name);
        if all.is_empty() {
            return Err(End::Call(format!("there is no connector `{name}`; there are {}", known.join(", "))));
        }
    }
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", shown::json(&all)?)?,
        Format::Text => {
            for (index, manual) in all.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                write!(out, "{}", text(manual))?;
            }
        }
    }
    Ok(End::Fine)
}

fn text(manual: &Manual) -> String {
    let Manual { name, text, feed, target, route, alarm, table } = manual;
    let mut said = format!("{name}\n{}", wrapped(text, 4));
    let parts = [
        ("feed", "from", feed),
        ("target", "to", target),
        ("route", "", route),
        ("alarm", "", alarm),
        ("table", "=", table),
    ];
    for (part, preposition, settings) in parts {
        let Some(settings) = settings else { continue };
        let whose = match name.as_str() {
            "every" => format!("each {part}"),
            name => format!("{part} … {preposition} {name}"),
        };
        said.push_str(&format!("\n  {whose}\n"));
        for setting in settings {
            said.push_str(&wrapped(&setting.to_string(), 4));
            said.push_str(&wrapped(&setting.text, 8));
        }
    }
    said
}
