//! `emr validate`: FHIR JSON against R4 and profiles.

use std::io::Write;
use std::path::{Path, PathBuf};

use emr_compiler::diagnostic::Severity;
use emr_compiler::standard::fhir::Fhir;
use emr_compiler::validate::{Problem, resource};
use emr_project::Disk;

use crate::end::End;
use crate::input::{Input, inputs};
use crate::shown::Format;
use crate::style::{PLAIN, RED};

/// The JSON may be a resource, a Bundle, or a resource on each line, as `emr map` gives them.
#[derive(clap::Args)]
pub struct Args {
    /// Files or folders of FHIR JSON; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The project whose FHIR packages count
    #[arg(long, value_name = "PATH")]
    with: Option<PathBuf>,
    /// A profile that every resource must follow, by its URL or as `uscore.Patient`
    #[arg(long)]
    profile: Vec<String>,
    /// How problems are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &Args) -> Result<End, End> {
    let fhir = match &args.with {
        Some(project) => packages(project)?,
        None => Fhir::r4(),
    };
    let profiles: Vec<_> = args.profile.iter().map(String::as_str).collect();
    let mut shown = Shown { out: anstream::stdout().lock(), format: args.format, problems: 0, resources: 0 };
    for input in inputs(&args.files)? {
        let bytes = input.read()?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            shown.not_text(&input)?;
            continue;
        };
        for (line, json) in resources(text) {
            shown.resources += 1;
            for problem in resource(json, &fhir, &profiles) {
                shown.problem(&input.path, line, &problem)?;
            }
        }
    }
    let (resources, problems) = (shown.resources, shown.problems);
    drop(shown);
    anstream::eprintln!(
        "{} validated: {}",
        crate::style::count(resources, "resource"),
        match problems {
            0 => "no problems".to_owned(),
            _ => crate::style::count(problems, "problem"),
        }
    );
    Ok(if problems == 0 { End::Fine } else { End::Wrong })
}

/// R4 with the packages of a project. A package that is named and not there ends the command: without it, a profile
/// that was asked for would be held against nothing.
fn packages(project: &Path) -> Result<Fhir, End> {
    let project = emr_project::open(&Disk, project, emr_project::packages::cache().as_deref())?;
    if let Some(settings) = &project.settings {
        crate::check::show(settings, &settings.problems);
        if settings.problems.iter().any(|it| it.severity() == Severity::Error) {
            return Err(End::Wrong);
        }
    }
    Ok(Fhir::with_packages(project.packages))
}

/// The resources of a text, each with its line if there is one on each line.
fn resources(text: &str) -> Vec<(Option<usize>, &str)> {
    let whole = |json: &str| serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok();
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    match (lines.next(), lines.next()) {
        (Some((_, first)), Some(_)) if first.starts_with('{') && whole(first) => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            lines.map(|(number, line)| (Some(number + 1), line)).collect()
        }
        _ => vec![(None, text)],
    }
}

struct Shown<W: Write> {
    out: W,
    format: Format,
    problems: usize,
    resources: usize,
}

impl<W: Write> Shown<W> {
    fn problem(&mut self, file: &Path, line: Option<usize>, problem: &Problem) -> Result<(), End> {
        self.problems += 1;
        let file = file.display();
        match self.format {
            Format::Text => {
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                let Problem { code, path, message } = problem;
                writeln!(self.out, "{file}{line}: {RED}{code}{PLAIN} {path}: {message}")?;
            }
            Format::Json => {
                let it = serde_json::json!({
                    "file": file.to_string(), "line": line, "code": problem.code.text(),
                    "path": problem.path, "message": problem.message,
                });
                writeln!(self.out, "{it}")?;
            }
        }
        Ok(())
    }

    fn not_text(&mut self, input: &Input) -> Result<(), End> {
        self.problems += 1;
        writeln!(self.out, "{}: {RED}error{PLAIN}: this is not text in UTF-8", input.path.display())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::resources;

    #[test]
    fn a_text_is_a_resource_or_has_one_on_each_line() {
        assert_eq!(resources("{\n\"a\": 1\n}\n"), [(None, "{\n\"a\": 1\n}\n")]);
        assert_eq!(resources("{\"a\":1}\n"), [(None, "{\"a\":1}\n")]);
        assert_eq!(resources("{\"a\":1}\n\n{\"b\":2}\n"), [(Some(1), "{\"a\":1}"), (Some(3), "{\"b\":2}")]);
        assert_eq!(resources(""), [(None, "")]);
    }
}
