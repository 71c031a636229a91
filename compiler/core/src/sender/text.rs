//! What was learnt, as the text of a profile.

use super::learn::{FormerNames, Learnt};
use super::seen::{Field, Part, Seen, Span, Value};
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, Shape};
use emr_message::group::{self, Grammar};
use smol_str::{SmolStr, format_smolstr};
use std::fmt::Write;

/// Types that were one text before their parts were told apart.
const WERE_TEXTS: [&str; 3] = ["TS", "FN", "SAD"];

/// Types of one code.
const CODES: [&str; 2] = ["ID", "IS"];

/// Types whose first component is a code.
const CODED: [&str; 4] = ["CE", "CWE", "CNE", "CF"];

pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Each place that a line can name, with the way there: of several of one name in a group, the first.
pub(super) fn paths(grammar: &Grammar) -> Vec<(u32, Vec<SmolStr>)> {
    let mut found = Vec::new();
    let mut waiting: Vec<(u32, Vec<SmolStr>)> = vec![(0, Vec::new())];
    while let Some((node, path)) = waiting.pop() {
        let inner = super::seen::members(grammar, node).filter_map(|member| {
            let name = &grammar.nodes.get(member as usize)?.name;
            let named = grammar.named(node, name, 0) == Some(member);
            named.then(|| (member, [path.clone(), vec![name.as_str().into()]].concat()))
        });
        let inner: Vec<_> = inner.collect();
        if !path.is_empty() {
            found.push((node, path));
        }
        if matches!(grammar.nodes.get(node as usize).map(|node| &node.kind), Some(group::Kind::Group(_))) {
            waiting.extend(inner.into_iter().rev());
        }
    }
    found
}

/// `ADT_A01` as the name of a profile: `AdtA01`.
fn name(structure: &str, taken: &mut FormerNames) -> String {
    let words = structure.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name: String = words
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        })
        .collect();
    if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
        name.insert_str(0, "Sent");
    }
    let before = taken.entry(name.clone()).or_default();
    *before += 1;
    if *before > 1 { format!("{name}{before}") } else { name }
}

pub(super) fn profile(learnt: &Learnt, taken: &mut FormerNames) -> String {
    let mut out = String::new();
    if learnt.own {
        let members = learnt.shapes.iter().find(|shape| shape.key == learnt.structure).map(members).unwrap_or_default();
        let _ = write!(out, "\nstructure {} {{ {members} }}\n", learnt.structure);
    }
    let version = match learnt.version {
        Version::Union => String::new(),
        version => format!(" version \"{version}\""),
    };
    let _ = write!(out, "\n/// {}.\n", count(learnt.messages, "message"));
    if !learnt.unplaced.is_empty() {
        let names: Vec<_> = learnt.unplaced.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(out, "/// No one place could be found for {}.", names.join(", "));
    }
    let _ = writeln!(out, "profile {} of {}{version} {{", name(&learnt.structure, taken), learnt.structure);
    for (node, path) in paths(&learnt.grammar) {
        if let Some(seen) = learnt.seen.get(&node).filter(|seen| seen.times.most > 0) {
            lines(learnt, &path, seen, &mut out);
        }
    }
    out += "}\n";
    out
}

/// The members of a structure without groups that was seen, as it is declared.
fn members(shape: &Shape) -> String {
    let member = |element: &Element| {
        let count = match (element.min > 0, element.repeats()) {
            (true, false) => "",
            (false, false) => "?",
            (true, true) => "+",
            (false, true) => "*",
        };
        format!("{}{count}", element.name)
    };
    shape.elements.iter().map(member).collect::<Vec<_>>().join(", ")
}

fn lines(learnt: &Learnt, path: &[SmolStr], seen: &Seen, out: &mut String) {
    let place = path.join(".");
    let Some((segment, around)) = path.split_last() else { return };
    let key = around.iter().fold(learnt.structure.clone(), |key, name| format_smolstr!("{key}.{name}"));
    let stray = learnt.placed.iter().find(|stray| stray.name == *segment && stray.is_in(&key));
    let after = stray.map(|stray| format!(" after {}", stray.after)).unwrap_or_default();
    let _ = writeln!(out, "    {place} {}{after}", range(seen.times));
    let Some(shape) = learnt.standards.segment(learnt.version, segment) else { return };
    for (number, field) in &seen.fields {
        // The delimiters say how to read the message, and are no values of it.
        if segment == "MSH" && *number <= 2 {
            continue;
        }
        self::field(learnt, &format!("{place}-{number}"), *number, &shape, seen.times_of(field), field, out);
    }
}

fn field(learnt: &Learnt, place: &str, number: u16, shape: &Shape, times: Span, field: &Field, out: &mut String) {
    let number = number.to_string();
    let own = shape.element(&number);
    let union = learnt.standards.segment(Version::Union, &shape.key);
    let later = union.as_ref().and_then(|shape| shape.element(&number));
    let ty = own.or(later).and_then(|element| element.types.first()).map_or("ST", |ty| ty.name.as_str());
    let written = if own.is_none() { format!(" as {ty}") } else { String::new() };
    let value = value(learnt, ty, own.or(later), &field.value, true);
    let _ = writeln!(out, "    {place} {}{written}{value}", range(times));
    let Some(parts) = learnt.standards.datatype(learnt.version, ty).filter(|_| !WERE_TEXTS.contains(&ty)) else {
        return;
    };
    for (number, part) in &field.parts {
        if let Some(element) = parts.element(&number.to_string()) {
            component(learnt, &format!("{place}.{number}"), element, field.always(part), part, out);
        }
    }
}

fn component(learnt: &Learnt, place: &str, element: &Element, always: bool, part: &Part, out: &mut String) {
    let ty = element.types.first().map_or("ST", |ty| ty.name.as_str());
    let value = value(learnt, ty, Some(element), &part.value, false);
    let _ = writeln!(out, "    {place} {}..1{value}", u32::from(always));
}

/// The codes of a place for codes, where there are few, else how long its values are.
fn value(learnt: &Learnt, ty: &str, element: Option<&Element>, value: &Value, is_field: bool) -> String {
    let bound = element.is_some_and(|element| element.binding.is_some());
    let holds_codes = CODES.contains(&ty) || is_field && bound && CODED.contains(&ty);
    let codes =
        value.codes.as_ref().filter(|codes| holds_codes && !codes.is_empty() && codes.iter().all(|code| is_code(code)));
    if let Some(codes) = codes {
        let codes: Vec<_> = codes.iter().map(|code| format!("\"{}\"", escaped(code))).collect();
        return format!(" in ({})", codes.join(", "));
    }
    let parts = learnt.standards.datatype(learnt.version, ty).is_some_and(|shape| !shape.elements.is_empty());
    if ty == "varies" || parts && !WERE_TEXTS.contains(&ty) || value.length.most == 0 {
        return String::new();
    }
    format!(" length {}", range(value.length))
}

/// Whether a text may be a code: it stands on one line. Anything else is a sender's slip, and no word of a list.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 20 && !text.chars().any(char::is_control)
}

fn escaped(code: &str) -> String {
    code.replace('\\', "\\\\").replace('"', "\\\"").replace('{', "\\{")
}

fn range(span: Span) -> String {
    format!("{}..{}", span.least.min(span.most), span.most)
}

/// The declarations of segments that sites made for themselves.
pub(super) fn segments(local: &[Shape]) -> String {
    let mut out = String::new();
    for shape in local.iter().filter(|shape| !shape.elements.is_empty()) {
        let _ = writeln!(out, "\nsegment {} {{", shape.key);
        for element in &shape.elements {
            let ty = element.types.first().map_or("ST", |ty| ty.name.as_str());
            let count = match (element.min > 0, element.repeats()) {
                (true, false) => "",
                (false, false) => "?",
                (true, true) => "+",
                (false, true) => "*",
            };
            let _ = writeln!(out, "    {} {ty}{count}", element.name);
        }
        out += "}\n";
    }
    out
}
