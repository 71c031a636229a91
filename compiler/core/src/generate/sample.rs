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

/// Values of a primitive type of FHIR.
pub fn of_fhir(name: &str) -> Vec<&'static str> {
    match name {
        "boolean" => vec!["true", "false"],
        "date" => vec!["2024-02-29", "2024-02"],
        "dateTime" => vec!["2024-02-29T08:30:15+01:00", "2024-02-29"],
        "instant" => vec!["2024-02-29T08:30:15.250+01:00"],
        "time" => vec!["08:30:15"],
        "decimal" => vec!["12.5", "3"],
        "integer" | "positiveInt" | "unsignedInt" => vec!["3", "12"],
        "uri" | "url" | "canonical" => vec!["http://example.org/example"],
        "oid" => vec!["urn:oid:1.2.3"],
        "uuid" => vec!["urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"],
        "base64Binary" => vec!["RXhhbXBsZQ=="],
        "xhtml" => vec!["<div xmlns=\"http://www.w3.org/1999/xhtml\">Example</div>"],
        _ => vec!["Example", "Other"],
    }
}

/// A number that looks like chance and is always the same (SplitMix64).
pub fn mixed(seed: u64, number: u64, of: &[u64]) -> u64 {
    of.iter().fold(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15), |state, part| {
        let mut z = state.wrapping_add(*part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
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
