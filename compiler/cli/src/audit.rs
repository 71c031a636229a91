//! `emr audit`: whether the audit of a project is as it was written, and the audit as FHIR.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anstream::{eprintln, println};
use emr_runtime::observe::audit::{self, Report, hex};

use crate::end::End;
use crate::operate;
use crate::style::count;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Finds any line of the audit that was changed, taken out or put in
    Verify(Of),
    /// Writes each line of the audit as an AuditEvent of FHIR R4, one JSON object a line
    Export(Of),
}

#[derive(clap::Args)]
struct Of {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Where the journals of its feeds are [default: `journal` in the project's folder]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<End, End> {
    match &args.command {
        Command::Verify(of) => verify(of),
        Command::Export(of) => export(of),
    }
}

fn verify(of: &Of) -> Result<End, End> {
    let report = read(of, |_| {})?;
    let lines = count(usize::try_from(report.lines).unwrap_or(usize::MAX), "line");
    match report.last {
        Some((number, hash)) => println!("{lines}, the last is {number} {}", hex(&hash)),
        None => println!("{lines}"),
    }
    Ok(told(&report))
}

fn export(of: &Of) -> Result<End, End> {
    let project = of.project.canonicalize()?;
    let site = project.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let report = read(of, |line| {
        let event = audit::event(line, &site).filter(|_| written.is_ok());
        if let Some(event) = event {
            written = writeln!(out, "{event}");
        }
    })?;
    written.and_then(|()| out.flush())?;
    Ok(told(&report))
}

fn read(of: &Of, seen: impl FnMut(&audit::Line)) -> Result<Report, End> {
    let folder = operate::journals(&of.project, of.journal.as_deref()).join(audit::FOLDER);
    audit::verify(&folder, seen).map_err(|why| End::Call(format!("there is no audit in `{}`: {why}", folder.display())))
}

fn told(report: &Report) -> End {
    for fault in &report.faults {
        eprintln!("{fault}");
    }
    if report.faults.is_empty() { End::Fine } else { End::Wrong }
}
