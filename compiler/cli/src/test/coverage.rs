//! Coverage for the terminal.

use std::fmt::Write;

use emr_compiler::coverage::{Count, File, Kind, Point};

use crate::style::{BOLD, DIM, PLAIN, YELLOW, count};

/// What several of a kind are called, and which kinds these are.
pub type Counted = (&'static str, fn(Kind) -> bool);

/// What is counted apart.
pub const COUNTED: [Counted; 3] = [
    ("rules", |kind| kind == Kind::Rule),
    ("branches", Kind::is_branch),
    ("code-table arms", |kind| kind == Kind::Code),
];

/// How much of a project was never exercised, in a sentence; nothing if all was.
pub fn line(files: &[File]) -> Option<String> {
    let missed = |(name, is_meant): Counted| {
        let Count { all, exercised } = Count::of(points(files), is_meant);
        (exercised < all).then(|| format!("{} of {all} {name}", all - exercised))
    };
    let all: Vec<String> = COUNTED.into_iter().filter_map(missed).collect();
    let (last, before) = all.split_last()?;
    let all = if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) };
    Some(format!("{all} are never exercised; `--coverage` lists them"))
}

/// The fields that no rule reads, in a sentence; nothing if there are none.
pub fn lost(paths: &[String]) -> Option<String> {
    const SHOWN: usize = 6;
    let (verb, more) = (if paths.len() == 1 { "is" } else { "are" }, paths.len().saturating_sub(SHOWN));
    let mut shown: Vec<String> = paths.iter().take(SHOWN).cloned().collect();
    shown.extend((more > 0).then(|| format!("{more} more")));
    let all = count(paths.len(), "field");
    (!paths.is_empty())
        .then(|| format!("{all} of the test messages {verb} neither read nor ignored: {}", shown.join(", ")))
}

/// What was never exercised, line by line; the fields that no rule reads; and a table of how much there is of each file.
pub fn text(files: &[File], lost: &[String]) -> String {
    let mut out = String::new();
    let missed: Vec<(String, &Point)> = placed(files).filter(|(_, point)| point.times == 0).collect();
    listed("never exercised", &missed, &mut out);
    if !lost.is_empty() {
        let _ = writeln!(out, "\n{BOLD}fields of the test messages that are neither read nor ignored{PLAIN}");
        let _ = writeln!(out, "  {}", lost.join(", "));
    }
    table(files, &mut out);
    out
}

/// What is exercised by some messages and not by the others: the same files, as each of both exercise them. Nothing if there
/// is none.
pub fn only(head: &str, all: &[File], others: &[File]) -> String {
    let pairs = placed(all).zip(points(others));
    let only = pairs.filter(|((_, point), other)| point.times > 0 && other.times == 0).map(|(point, _)| point);
    let mut out = String::new();
    listed(head, &only.collect::<Vec<_>>(), &mut out);
    out
}

/// `patient.emr:12`, and what can be exercised there.
fn placed(files: &[File]) -> impl Iterator<Item = (String, &Point)> {
    files.iter().flat_map(|file| file.points.iter().map(move |point| (format!("{}:{}", file.path, point.line), point)))
}

fn listed(head: &str, points: &[(String, &Point)], out: &mut String) {
    if points.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}{head}{PLAIN}");
    let place = points.iter().map(|(place, _)| place.chars().count()).max().unwrap_or_default();
    for (at, point) in points {
        let _ = writeln!(out, "  {at:place$}  {YELLOW}{:11}{PLAIN}  {}", point.kind.text(), point.text);
    }
}

fn table(files: &[File], out: &mut String) {
    let rows: Vec<(&str, Vec<&Point>)> = files
        .iter()
        .map(|file| (file.path.as_str(), file.points.iter().collect()))
        .chain([("all", points(files).collect())])
        .collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let heads: Vec<String> = COUNTED.iter().map(|(name, _)| format!("{name:>20}")).collect();
    let _ = writeln!(out, "\n{DIM}{:width$}{}{PLAIN}", "", heads.concat());
    for (name, points) in rows {
        let cell = |(_, is_meant): Counted| {
            let count = Count::of(points.iter().copied(), is_meant);
            match count.all {
                0 => format!("{:>20}", "-"),
                all => format!("{:>20}", format!("{} of {all}, {:>3} %", count.exercised, count.percent())),
            }
        };
        let _ = writeln!(out, "{name:width$}{}", COUNTED.into_iter().map(cell).collect::<String>());
    }
    out.push('\n');
}

pub fn points(files: &[File]) -> impl Iterator<Item = &Point> {
    files.iter().flat_map(|file| &file.points)
}
