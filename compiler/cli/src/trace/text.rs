//! A trace for the terminal: each value on a line, and below it where it comes from.

use std::fmt::Write;

use emr_compiler::trace::{Could, Part, Read, Said, Segment, Source, Trace, Value};

use crate::style::{BOLD, DIM, PLAIN, RED, YELLOW};

/// The message, then what became of it.
pub fn whole(trace: &Trace) -> String {
    format!("{}\n{}", segments(&trace.segments), outcome(trace))
}

/// The message, field by field.
pub fn segments(all: &[Segment]) -> String {
    let mut out = String::new();
    let mut groups: &[String] = &[];
    for segment in all {
        if segment.groups != groups {
            groups = &segment.groups;
            if !groups.is_empty() {
                let _ = writeln!(out, "{DIM}{}{PLAIN}", groups.join(" › "));
            }
        }
        self::segment(segment, &mut out);
    }
    out
}

/// What was written, and what the mapping says of the message.
pub fn outcome(trace: &Trace) -> String {
    written(trace) + &told(trace)
}

/// What the mapping says of the message.
pub fn told(trace: &Trace) -> String {
    let mut out = rejection(trace);
    for issue in &trace.issues {
        said(issue, &format!("{YELLOW}warning[{}]{PLAIN}", issue.code), &mut out);
    }
    out
}

/// What was written, by resources, or why nothing was.
pub fn values(trace: &Trace) -> String {
    written(trace) + &rejection(trace)
}

fn rejection(trace: &Trace) -> String {
    let mut out = String::new();
    if let Some(rejected) = &trace.rejected {
        said(rejected, &format!("{RED}rejected[{}]{PLAIN}", rejected.code), &mut out);
    }
    out
}

fn written(trace: &Trace) -> String {
    let mut out = String::new();
    let mut before = None;
    for value in &trace.values {
        let root = value.path.strip_suffix(value.element.as_str()).unwrap_or_default();
        // What stands around a resource belongs to the Bundle.
        if before != Some(root) {
            before = Some(root);
            let place = root.trim_end_matches('.');
            let of = if place.is_empty() { String::new() } else { format!("  {DIM}{place}{PLAIN}") };
            let _ = writeln!(out, "{BOLD}{}{PLAIN}{of}", value.resource);
        }
        self::value(value, &mut out);
    }
    out
}

/// That there is no such value, or that none is made of a field of the source; which rules might have written one, and what
/// they would have read.
pub fn nothing(path: &str, could: &[Could], of_source: bool) -> String {
    let mut out = match of_source {
        true => format!("no value is made of `{path}`\n"),
        false => format!("no value is written to `{path}`\n"),
    };
    if could.is_empty() {
        out.push_str("  no rule of the map is about it\n");
    }
    for Could { rule, reads } in could {
        let _ = writeln!(out, "  {}  {}", rule.place(), short(&rule.text));
        for Read { path, name, there } in reads {
            let name = if name.is_empty() { String::new() } else { format!(" {DIM}{name}{PLAIN}") };
            let has = if *there { "has a value, of which nothing came" } else { "is empty" };
            let _ = writeln!(out, "      {path}{name} {has}");
        }
    }
    out
}

fn segment(segment: &Segment, out: &mut String) {
    let unplaced = if segment.unplaced { format!("  {YELLOW}unplaced{PLAIN}") } else { String::new() };
    let name = if segment.name.is_empty() { String::new() } else { format!("  {}", segment.name) };
    let _ = writeln!(out, "{BOLD}{}{PLAIN}{name}{unplaced}", segment.path);
    for field in &segment.fields {
        part(field, 1, out);
    }
}

fn part(part: &Part, depth: usize, out: &mut String) {
    let indent = depth * 2;
    let name = if part.name.is_empty() { String::new() } else { format!(" {DIM}{}{PLAIN}", part.name) };
    let text = part.text.as_ref().map(|text| format!("  {text}")).unwrap_or_default();
    let _ = writeln!(out, "{:indent$}{}{name}{text}", "", part.path);
    part.parts.iter().for_each(|inner| self::part(inner, depth + 1, out));
}

fn value(value: &Value, out: &mut String) {
    let _ = writeln!(out, "  {}: {}", value.element, value.json);
    if !value.sources.is_empty() {
        let _ = writeln!(out, "      from {}", sources(&value.sources));
    }
    if value.whole_message {
        let _ = writeln!(out, "      from all that came: it has no key");
    }
    if !value.conditions.is_empty() {
        let _ = writeln!(out, "      by the state of {}", sources(&value.conditions));
    }
    if !value.conversions.is_empty() {
        let _ = writeln!(out, "      through {}", value.conversions.join(", "));
    }
    // What the library does inside a rule is its own business, but for the last step.
    let own = value.rules.iter().rposition(|rule| !rule.library);
    let last = value.rules.len().checked_sub(1);
    for rule in own.into_iter().chain(last.filter(|last| Some(*last) != own)).filter_map(|index| value.rules.get(index))
    {
        let _ = writeln!(out, "      {DIM}{}{PLAIN}  {}", rule.place(), short(&rule.text));
    }
}

fn sources(sources: &[Source]) -> String {
    const SHOWN: usize = 6;
    let one = |source: &Source| match source.name.as_str() {
        "" => source.path.clone(),
        name => format!("{} {DIM}{name}{PLAIN}", source.path),
    };
    let mut shown: Vec<String> = sources.iter().take(SHOWN).map(one).collect();
    if let Some(more) = sources.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        shown.push(format!("{more} more"));
    }
    shown.join("; ")
}

fn said(said: &Said, head: &str, out: &mut String) {
    let place = said.source.as_ref().map(|source| format!("{}: ", source.path)).unwrap_or_default();
    let rule = said.rule.as_ref().map(|rule| format!(" ({})", rule.place())).unwrap_or_default();
    let _ = writeln!(out, "{head}: {place}{}{rule}", said.text);
}

/// What fits a line.
pub fn short(text: &str) -> String {
    const MOST: usize = 90;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
