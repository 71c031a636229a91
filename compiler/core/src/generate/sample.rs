//! Examples of values: by the type of a place, and by a pattern.

use crate::check::typed::Primitive;
use regex_syntax::hir::{Class, Hir, HirKind};

/// What is no date, no number and no time.
pub const INVALID: &str = "unknown?";

/// Values of a primitive type of HL7, the plainest first.
pub fn of_type(name: &str) -> Vec<&'static str> {
    match name {
        "DT" => vec!["20240229", "202402", INVALID],
        "DTM" | "TS" | "TSComponentOne" => vec!["20240229083015+0100", "20240229", INVALID],
        "TM" => vec!["083015", INVALID],
        "NM" => vec!["12.5", "3", INVALID],
        "SI" => vec!["1"],
        _ => vec!["Example"],
    }
}

/// Values that a conversion takes, and one that it does not.
pub fn converted(into: Primitive) -> Vec<&'static str> {
    match into {
        Primitive::Boolean => vec!["Y", "N", INVALID],
        Primitive::Decimal | Primitive::Duration => vec!["12.5", INVALID],
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => vec!["3", INVALID],
        Primitive::Date | Primitive::DateTime | Primitive::Instant | Primitive::Moment | Primitive::Hl7Time => {
            vec!["20240229083015+0100", "20240229", INVALID]
        }
        Primitive::Time => vec!["083015", INVALID],
        _ => Vec::new(),
    }
}

/// The shortest text that a pattern matches, as far as it can be read off; nothing for one that is no pattern.
pub fn of_pattern(pattern: &str) -> Option<String> {
    let mut out = String::new();
    written(&regex_syntax::parse(pattern).ok()?, &mut out);
    Some(out)
}

fn written(hir: &Hir, out: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.extend(first(class)),
        HirKind::Repetition(repetition) => (0..repetition.min.max(1)).for_each(|_| written(&repetition.sub, out)),
        HirKind::Capture(capture) => written(&capture.sub, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| written(part, out)),
        HirKind::Alternation(parts) => parts.iter().take(1).for_each(|part| written(part, out)),
    }
}

/// A letter or digit of a class, if it has one.
fn first(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let holds = |letter: &char| ranges.iter().any(|(from, to)| from <= letter && letter <= to);
    ['1', 'A', 'a', ' '].into_iter().find(holds).or(ranges.first().map(|(from, _)| *from))
}

#[cfg(test)]
mod tests {
    use super::of_pattern;

    #[test]
    fn a_pattern_matches_its_example() {
        for pattern in [r"\d+", r"^[<>]=?\s*([0-9.]+)$", "[A-Z]{3}-[0-9]{2,4}", "(M|F)x*", "ab?c"] {
            let example = of_pattern(pattern).unwrap();
            assert!(regex::Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(&example), "{pattern}: {example}");
        }
    }
}
