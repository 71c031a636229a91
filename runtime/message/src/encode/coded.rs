//! Codes in the components that their place has in the version that is written.

use super::json::Node;
use crate::piece::Level;
use crate::{Delimiters, escape};
use std::borrow::Cow;

/// How many components of CWE are written: two codes, each with name and system, their versions and the text.
pub const ALL: usize = 9;

/// How many components a place has in a version, of `1 2.7:9`: one, and nine since 2.7. All where the version is none.
pub fn room(fits: &str, version: &str) -> usize {
    let Some(version) = numbers(version) else { return ALL };
    let mut found = ALL;
    for part in fits.split(' ') {
        let (since, count) = part.split_once(':').unwrap_or(("0", part));
        if numbers(since).is_some_and(|since| since <= version) {
            found = count.parse().unwrap_or(ALL);
        }
    }
    found
}

fn numbers(version: &str) -> Option<Vec<u16>> {
    version.trim().split('.').map(|number| number.parse().ok()).collect()
}

/// A Coding as three components of CWE and its like, a CodeableConcept as two such triples and the text behind them;
/// where one value stands, the first code. Types before CWE have no component for the text: there it stands beside a
/// code, or in its place.
pub fn write(members: &[(&str, Node<'_>)], delimiters: &Delimiters, room: usize, level: Level, out: &mut String) {
    let between = match level {
        Level::Field | Level::Repetition => delimiters.component,
        Level::Component => delimiters.subcomponent,
        Level::Subcomponent | Level::Verbatim => None,
    };
    let room = if between.is_some() { room } else { 1 };
    let parts = fit(parts(members), room);
    let used = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
    for (index, part) in parts.iter().take(used).enumerate() {
        if index > 0 {
            out.extend(between.map(char::from));
        }
        escape::encode_into(part, delimiters, out);
    }
}

/// What stands in the components of a CWE.
fn parts<'n>(members: &'n [(&str, Node<'_>)]) -> [Cow<'n, str>; ALL] {
    let mut parts: [Cow<'n, str>; ALL] = Default::default();
    let mut triples = parts.chunks_exact_mut(3);
    match member(members, "coding") {
        Some(Node::List(codings)) => {
            for (coding, triple) in codings.iter().take(2).zip(triples) {
                if let Node::Object(members) = coding {
                    triple.clone_from_slice(&coding_of(members));
                }
            }
        }
        _ => {
            if let Some(triple) = triples.next() {
                triple.clone_from_slice(&coding_of(members));
            }
        }
    }
    if let Some(last) = parts.last_mut() {
        *last = text(members, "text");
    }
    parts
}

/// The code, its name and the name of its system.
fn coding_of<'n>(members: &'n [(&str, Node<'_>)]) -> [Cow<'n, str>; 3] {
    let system = match member(members, "system") {
        Some(Node::Text(uri)) => system_name(uri),
        _ => "".into(),
    };
    [text(members, "code"), text(members, "display"), system]
}

fn text<'n>(members: &'n [(&str, Node<'_>)], name: &str) -> Cow<'n, str> {
    match member(members, name) {
        Some(Node::Text(text)) => text.as_ref().into(),
        _ => "".into(),
    }
}

fn member<'n, 'j>(members: &'n [(&str, Node<'j>)], name: &str) -> Option<&'n Node<'j>> {
    members.iter().find(|(known, _)| *known == name).map(|(_, node)| node)
}

/// The parts for which there is room. The text of a CE is its name (CE.2), or the other name (CE.5) where that is free;
/// where there is one component and no code, the text is the value.
fn fit(mut parts: [Cow<'_, str>; ALL], room: usize) -> Vec<Cow<'_, str>> {
    if room < ALL {
        let [code, name, _, other, other_name, .., text] = &mut parts;
        let text = std::mem::take(text);
        if room == 1 && code.is_empty() {
            *code = if text.is_empty() { std::mem::take(name) } else { text };
        } else if name.is_empty() {
            *name = text;
        } else if other.is_empty() && other_name.is_empty() && *name != text {
            *other_name = text;
        }
    }
    parts.into_iter().take(room).collect()
}

/// The name that HL7 has for a code system (table 0396), by its URI; a URI without one stays as it is.
fn system_name(uri: &str) -> Cow<'_, str> {
    const KNOWN: [(&str, &str); 8] = [
        ("http://loinc.org", "LN"),
        ("http://snomed.info/sct", "SCT"),
        ("http://unitsofmeasure.org", "UCUM"),
        ("http://hl7.org/fhir/sid/icd-10", "I10"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "I10C"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "RXNORM"),
        ("http://hl7.org/fhir/sid/cvx", "CVX"),
        ("http://hl7.org/fhir/sid/ndc", "NDC"),
    ];
    if let Some((_, name)) = KNOWN.iter().find(|(known, _)| *known == uri) {
        return (*name).into();
    }
    match uri.strip_prefix("http://terminology.hl7.org/CodeSystem/v2-") {
        Some(table) => format!("HL7{table}").into(),
        None => uri.into(),
    }
}
