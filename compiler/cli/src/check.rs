//! `emr check`: everything that is wrong, at once.

use std::io::Write;
use std::path::PathBuf;

use emr_compiler::diagnostic::{Diagnostic, Report, Severity, render, reports, sarif};
use emr_project::Source;

use crate::end::End;
use crate::shown;
use crate::style::count;
use crate::world::{Chosen, World};

#[derive(clap::Args)]
pub struct Args {
    /// A project's folder, or an `.emr` file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How diagnostics are shown; `json` is one array, `sarif` one run of SARIF 2.1.0
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The zone of times without an offset, where `emr.toml` names none
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
}

pub fn run(args: &Args) -> Result<End, End> {
    let world = World::open(&args.path, &Chosen { timezone: args.timezone.clone(), env: None })?;
    let found = world.problems();
    match args.format {
        Format::Json => {
            let all: Vec<Report> = found
                .iter()
                .flat_map(|(source, problems)| reports(&source.path.to_string_lossy(), &source.text, problems))
                .collect();
            let json = shown::json(&all)?;
            writeln!(anstream::stdout(), "{json}")?;
        }
        Format::Sarif => {
            let path = |source: &Source| source.path.to_string_lossy().into_owned();
            let files = found.iter().map(|(source, problems)| (path(source), source.text.as_str(), &problems[..]));
            let run = sarif(env!("CARGO_PKG_VERSION"), files);
            writeln!(anstream::stdout(), "{run:#}")?;
        }
        Format::Text => {
            for (source, problems) in &found {
                let text = render(&source.path.to_string_lossy(), &source.text, problems, true);
                // Two of them, one after the other, need an empty line between.
                write!(anstream::stdout(), "{text}")?;
            }
        }
    }
    let all = || found.iter().flat_map(|(_, problems)| problems);
    let errors = all().filter(|it| it.severity() == Severity::Error).count();
    let summary = match (errors, all().count() - errors) {
        (0, 0) => "no problems".to_owned(),
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    anstream::eprintln!("{} checked: {summary}", count(found.len(), "file"));
    Ok(if errors == 0 { End::Fine } else { End::Wrong })
}

/// Shows the diagnostics of a file on standard error, for commands whose output is something else.
pub fn show(source: &Source, problems: &[Diagnostic]) {
    anstream::eprint!("{}", render(&source.path.to_string_lossy(), &source.text, problems, true));
}
