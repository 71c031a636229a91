//! What a mapping says of a message that it makes, as that message: segments, delimiters, escapes and charset.
//!
//! A plan writes JSON in any case. For a message it is of one of two forms. A message that is built is an object of
//! segments and groups, each under its name and in the order of the structure; a segment is an object of fields by number,
//! a field and a component an object of their parts by number, repetitions a list. Before them stands, under the empty name,
//! a list of structure and version. A message that is changed is a list of [`edit`]s, each a list that begins with the number
//! of a segment. Several messages of one are `{"split":[…]}`: for each of them a list of the numbers of the segments that it
//! alone has. In all, `null` is the explicit null, `{"=":[…]}` what stands at a place of the source, `{"of":{"=":[…]},"with":[…]}`
//! the same with edits of it (of a field or component without its number), and `{"system":…,"code":…,"display":…}` a coded value.
//! `{"fits":"1 2.7:9","is":…}` says how many components a coded value has at its place: one, and nine since 2.7.
//! In an edit, `{"=":0}` is what stands at its place, and `{"else":…}` the same or, where nothing does, that.

mod build;
mod coded;
mod edit;
mod json;
mod kept;
mod leaf;
mod split;
mod value;

use std::collections::BTreeSet;
use std::fmt;

use crate::{Charset, Message, Place, Receipt};
pub use edit::dropped;
use json::Node;
pub use leaf::{taken, value};

/// How many components a coded value is written with at the most.
pub const CODED: usize = coded::ALL;

/// In an edit: what stands at its place.
pub const KEPT: &str = "{\"=\":0}";

/// A message that was made. `Debug` prints sizes only.
pub struct Encoded {
    pub bytes: Vec<u8>,
    /// Places of it that hold a character which its charset lacks; `?` stands there.
    pub lacking: Vec<Place>,
    /// MSH-18 names a charset that is not known here; the message is in UTF-8.
    pub unknown_charset: Option<Place>,
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({} bytes)", self.bytes.len())
    }
}

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// The JSON is of none of the forms.
    NoMessage,
    /// The parts of a message would be many times as long as it is.
    TooLarge,
}

/// The message that a plan wrote for a source, or several one after the other.
pub fn encode(written: &[u8], source: &Message, receipt: &Receipt) -> Result<Encoded, Unmade> {
    let node = std::str::from_utf8(written).ok().and_then(json::read).ok_or(Unmade::NoMessage)?;
    match &node {
        Node::List(edits) => edit::message(edits, source).ok_or(Unmade::NoMessage),
        Node::Object(members) => match members.as_slice() {
            [("split", Node::List(parts))] => split::messages(parts, source),
            _ => Ok(build::message(members, source, receipt)),
        },
        _ => Err(Unmade::NoMessage),
    }
}

/// The fields of the source, each with the number of its segment, that stand in the message as they came, though no rule
/// names them.
pub fn kept(written: &[u8], source: &Message) -> BTreeSet<(usize, u16)> {
    let node = std::str::from_utf8(written).ok().and_then(json::read);
    node.map(|node| kept::fields(&node, source)).unwrap_or_default()
}

/// What stands for a place of the source.
pub fn copy(place: &Place) -> String {
    let Place { segment, field, repetition, component, subcomponent, .. } = place;
    format!("{{\"=\":[{segment},{field},{repetition},{component},{subcomponent}]}}")
}

/// The place of the message that is made which a path into the JSON names: `PID-5.1` of `[2][5]`, or of
/// `PATIENT.PID.5[0].1`.
pub fn spelled(path: &str, written: &[u8], source: &Message) -> String {
    let inside = spelled_inside(path, written, source);
    if let Some(place) = inside.or_else(|| edit::spelled(path, written, source)) {
        return place;
    }
    let parts: Vec<&str> = path.split('.').collect();
    let is_segment = |part: &&str| crate::Name::read(part.split('[').next().unwrap_or(part)).is_some();
    let Some(at) = parts.iter().rposition(is_segment) else { return path.to_owned() };
    let (_, below) = parts.split_at(at);
    let mut place = String::new();
    for (index, part) in fitted(below.join(".")).split('.').enumerate() {
        place.push_str(match index {
            0 => "",
            1 => "-",
            _ => ".",
        });
        place.push_str(&counted_from_1(part));
    }
    place
}

/// A path without the steps into what must fit its place: `8[1]` of `8.is[1]`.
fn fitted(path: String) -> String {
    path.replace(".is[", "[").replace(".is.", ".").trim_end_matches(".is").to_owned()
}

/// The place in a part of the source that is taken over: `PID-5.1` of `PATIENT.PID.with[0][5].1`.
fn spelled_inside(path: &str, written: &[u8], source: &Message) -> Option<String> {
    if let Some(around) = path.strip_suffix(".of") {
        return Some(spelled(around, written, source));
    }
    let (around, rest) = path.rsplit_once(".with[")?;
    let (number, below) = rest.split_once(']')?;
    let node = json::read(std::str::from_utf8(written).ok()?)?;
    let Node::List(edits) = follow(&node, &format!("{around}.with"))? else { return None };
    let edits = edit::read(edits)?;
    let change = edits.get(number.parse::<usize>().ok()?)?.change.as_ref()?;
    let mut place = spelled(around, written, source);
    if change.field > 0 {
        place += &format!("-{}", change.field);
    }
    if change.repetition > 0 {
        place += &format!("[{}]", change.repetition);
    }
    for number in [change.component, change.subcomponent].into_iter().filter(|number| *number > 0) {
        place += &format!(".{number}");
    }
    Some(place + &spelled_below(below))
}

/// What stands below the value of an edit, `[5].1`, as HL7 counts.
fn spelled_below(path: &str) -> String {
    let below = fitted(path.strip_prefix("[5]").unwrap_or_default().to_owned());
    let parts: Vec<String> = below.split('.').filter(|part| *part != "else").map(counted_from_1).collect();
    parts.join(".")
}

/// What stands at a path: names, each with numbers in brackets behind it. Names may have brackets themselves.
fn follow<'n, 'j>(node: &'n Node<'j>, path: &str) -> Option<&'n Node<'j>> {
    path.split('.').try_fold(node, |node, part| {
        let (mut found, mut numbers) = match node {
            Node::Object(members) => {
                let named =
                    members.iter().filter_map(|(name, node)| Some((name.len(), node, part.strip_prefix(name)?)));
                let (_, found, rest) = named.max_by_key(|(length, ..)| *length)?;
                (found, rest)
            }
            other => (other, part),
        };
        while let Some((number, rest)) = numbers.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let Node::List(items) = found else { return None };
            found = items.get(number.parse::<usize>().ok()?)?;
            numbers = rest;
        }
        Some(found)
    })
}

/// `5[1]` as HL7 counts; the first is not numbered.
fn counted_from_1(part: &str) -> String {
    let Some((name, number)) = part.split_once('[') else { return part.to_owned() };
    match number.trim_end_matches(']').parse::<usize>() {
        Ok(0) => name.to_owned(),
        Ok(number) => format!("{name}[{}]", number + 1),
        Err(_) => part.to_owned(),
    }
}

/// Text in a charset; where that lacks a character, with `?` and the places of it.
fn in_charset(text: String, charset: Charset, separator: u8) -> Encoded {
    if charset == Charset::Utf8 {
        return Encoded { bytes: text.into_bytes(), lacking: Vec::new(), unknown_charset: None };
    }
    if let Some(bytes) = charset.encode(&text) {
        return Encoded { bytes, lacking: Vec::new(), unknown_charset: None };
    }
    let has = |c: char| charset.encode(c.encode_utf8(&mut [0; 4])).is_some();
    let lacking = places(&text, separator, &|field| !field.chars().all(has));
    let replaced: String = text.chars().map(|c| if has(c) { c } else { '?' }).collect();
    Encoded { bytes: charset.encode(&replaced).unwrap_or_default(), lacking, unknown_charset: None }
}

/// The fields of a message for which something holds.
fn places(text: &str, separator: u8, holds: &dyn Fn(&str) -> bool) -> Vec<Place> {
    let mut found = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (segment, line) in (0..).zip(text.split(['\r', '\n']).filter(|line| !line.is_empty())) {
        let name = line.get(..3).unwrap_or_default();
        names.push(name);
        let occurrence = names.iter().filter(|other| **other == name).count();
        let first = u16::from(matches!(name, "MSH" | "FHS" | "BHS"));
        for (field, value) in (first..).zip(line.split(char::from(separator))).skip(1) {
            if holds(value) {
                let name = crate::Name::read(name).unwrap_or(crate::Name::NONE);
                let occurrence = u32::try_from(occurrence).unwrap_or(u32::MAX);
                found.push(Place { segment, name, occurrence, field, repetition: 0, component: 0, subcomponent: 0 });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
