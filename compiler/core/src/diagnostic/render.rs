//! Diagnostics as a terminal shows them, and as other programs read them.

use std::ops::Range;

use codespan_reporting::diagnostic::{Diagnostic as Shown, Label as Mark};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{self, termcolor};
use serde::Serialize;

use super::{Code, Diagnostic, Fix, Severity};

/// The diagnostics of one file as text, each followed by an empty line; with the escapes of a terminal if `coloured`.
pub fn render(path: &str, text: &str, diagnostics: &[Diagnostic], coloured: bool) -> String {
    let file = SimpleFile::new(path, text);
    let config = term::Config::default();
    let mut out = if coloured { termcolor::Buffer::ansi() } else { termcolor::Buffer::no_color() };
    for it in diagnostics {
        term::emit_to_write_style(&mut out, &config, &file, &shown(it, text)).expect("every range lies in its text");
    }
    String::from_utf8(out.into_inner()).expect("it is made of text")
}

/// What `--format json` writes of each diagnostic of one file.
pub fn reports(path: &str, text: &str, diagnostics: &[Diagnostic]) -> Vec<Report> {
    let starts = line_starts(text);
    diagnostics.iter().map(|it| report(path, text, &starts, it)).collect()
}

/// A diagnostic for another program. Lines and columns count from 1, columns in characters; a place ends before its
/// `end_column`. The range of `fix` is in bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub file: String,
    #[serde(flatten)]
    pub place: Place,
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub labels: Vec<LabelReport>,
    pub help: Option<String>,
    pub fix: Option<Fix>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelReport {
    #[serde(flatten)]
    pub place: Place,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

fn shown(it: &Diagnostic, text: &str) -> Shown<()> {
    let (beside, others): (Vec<_>, Vec<_>) = it.labels.iter().partition(|label| label.at == it.at);
    let beside = beside.iter().map(|label| label.message.as_str()).collect::<Vec<_>>().join("; ");
    let others = others.iter().map(|label| Mark::secondary((), within(text, &label.at)).with_message(&label.message));
    let repair = it.fix.iter().filter(|_| it.help.is_none()).map(|fix| match fix.text.trim() {
        "" => "help: leave it out".to_owned(),
        text => format!("help: write `{text}`"),
    });
    match it.severity() {
        Severity::Error => Shown::error(),
        Severity::Warning => Shown::warning(),
    }
    .with_code(it.code.text())
    .with_message(&it.message)
    .with_label(Mark::primary((), within(text, &it.at)).with_message(beside))
    .with_labels_iter(others)
    .with_notes(it.help.iter().map(|help| format!("help: {help}")).chain(repair).collect())
}

fn report(path: &str, text: &str, starts: &[usize], it: &Diagnostic) -> Report {
    let place = |at: &Range<usize>| place(text, starts, &within(text, at));
    let labels = it.labels.iter().map(|label| LabelReport { place: place(&label.at), message: label.message.clone() });
    Report {
        file: path.to_owned(),
        place: place(&it.at),
        code: Code::text(it.code),
        severity: it.severity(),
        message: it.message.clone(),
        labels: labels.collect(),
        help: it.help.clone(),
        fix: it.fix.clone(),
    }
}

/// Where a range of the text stands.
pub(super) fn place(text: &str, starts: &[usize], at: &Range<usize>) -> Place {
    let (line, column) = position(text, starts, at.start);
    let (end_line, end_column) = position(text, starts, at.end);
    Place { line, column, end_line, end_column }
}

// A stage that counts wrongly must not take the whole list of diagnostics down with it.
pub(super) fn within(text: &str, at: &Range<usize>) -> Range<usize> {
    let end = text.floor_char_boundary(at.end);
    text.floor_char_boundary(at.start.min(end))..end
}

pub(super) fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn position(text: &str, starts: &[usize], at: usize) -> (usize, usize) {
    let line = starts.partition_point(|start| *start <= at);
    let start = starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
    (line, text.get(start..at).map_or(0, |before| before.chars().count()) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "map lab(OBR, OBX) -> Observation {\n    status: OBX-11 via Größe\n}\n";

    fn missing() -> Diagnostic {
        Diagnostic::new(Code::MayBeMissing, 47..65, "`status` must always have a value, but OBX-11 may be empty")
            .label(47..65, "this may give no value")
            .label(21..32, "`status` is 1..1 here")
            .help("say what to send when it is missing: … else \"unknown\"")
            .fix(65..65, " else \"unknown\"")
    }

    #[test]
    fn as_text() {
        insta::assert_snapshot!(render("lab.emr", TEXT, &[missing()], false));
    }

    #[test]
    fn as_text_with_colours() {
        let coloured = render("lab.emr", TEXT, &[missing()], true);
        assert!(coloured.contains("\u{1b}["));
        let words = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&coloured, "").into_owned();
        assert_eq!(words, render("lab.emr", TEXT, &[missing()], false));
    }

    #[test]
    fn as_json() {
        let reports = reports("lab.emr", TEXT, &[missing()]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&reports).unwrap());
    }

    #[test]
    fn a_fix_without_a_help_is_the_help() {
        let it = Diagnostic::new(Code::WrongPathSpelling, 47..53, "m");
        assert!(render("m", TEXT, &[it.clone().fix(47..53, "OBX-11")], false).contains("help: write `OBX-11`"));
        assert!(render("m", TEXT, &[it.fix(47..53, "")], false).contains("help: leave it out"));
    }

    #[test]
    fn a_range_outside_the_text_is_shown_at_its_end() {
        for at in [500..600, 62..63, 63..70] {
            let it = Diagnostic::new(Code::Unreadable, at, "m");
            assert!(render("m", TEXT, std::slice::from_ref(&it), false).contains("error[E0101]: m"));
            assert_eq!(reports("m", TEXT, &[it]).len(), 1);
        }
    }
}
