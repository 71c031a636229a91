//! A profile learnt from messages: what a sender really does, as the text that one would write of it.
//!
//! Nothing of a message gets into it but its structure: how often places are there, how long values are, and the codes of
//! fields that hold codes.

use super::seen::{self, Seen};
use super::stray::{self, Stray};
use super::text;
use crate::check::{is_hl7_name, profile_shapes};
use crate::lower::grammar;
use crate::select::MessageType;
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, Kind, MANY, Shape, Type};
use crate::syntax;
use emr_message::Message;
use emr_message::group::{self, Grammar, Groups};
use indexmap::IndexMap;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Structures change where members repeat that did not, and messages are then taken apart in another way. Mostly once.
const ROUNDS_MAX: usize = 4;

/// A profile for each structure that the messages have, and the segments and structures that they need, as the formatter
/// lays them out.
pub fn infer(messages: &[Message], standards: &Standards) -> String {
    let mut sent: BTreeMap<SmolStr, Vec<&Message>> = BTreeMap::new();
    for message in messages {
        sent.entry(MessageType::of(message).structure(standards)).or_default().push(message);
    }
    let local = seen::local(messages);
    let mut out = format!("// Learnt from {}.\n", text::count(messages.len(), "message"));
    let is_name =
        |structure: &SmolStr| is_hl7_name(structure) && standards.segment(Version::Union, structure).is_none();
    let nameless: usize = sent.extract_if(.., |structure, _| !is_name(structure)).map(|(_, all)| all.len()).sum();
    if nameless > 0 {
        out += &format!("// {} of no structure that could have a profile.\n", text::count(nameless, "message"));
    }
    let mut declared = FormerNames::new();
    for (structure, messages) in &sent {
        let learnt = learn(structure, messages, &local, standards);
        out += &text::profile(&learnt, &mut declared);
    }
    out += &text::segments(&local);
    syntax::format(&out).text
}

/// The names of profiles that are taken, each with how often.
pub(super) type FormerNames = BTreeMap<String, usize>;

/// What is known of the messages of one structure.
pub(super) struct Learnt<'m> {
    pub structure: SmolStr,
    /// Whether the standard lacks it, so that it is declared.
    pub own: bool,
    pub version: Version,
    pub messages: usize,
    pub standards: Standards,
    pub shapes: Vec<Shape>,
    pub grammar: Grammar,
    pub seen: BTreeMap<u32, Seen<'m>>,
    pub placed: Vec<Stray>,
    pub unplaced: Vec<SmolStr>,
}

fn learn<'m>(structure: &SmolStr, messages: &[&'m Message], local: &[Shape], standards: &Standards) -> Learnt<'m> {
    let mut known = Declared::default();
    known.extend(local.iter().map(|shape| (shape.key.clone(), Arc::new(shape.clone()))));
    let mut standards = standards.with_local(known.clone());
    let version = version(structure, messages, &standards);
    let base = standards.structure(version, structure).filter(|shape| shape.kind == Kind::Structure);
    let own = base.is_none();
    let base = base.unwrap_or_else(|| Arc::new(flat(structure, messages, &standards)));
    if own {
        known.insert(base.key.clone(), base.clone());
        standards = standards.with_local(known);
    }
    let mut shapes = profile_shapes(&standards, version, &[base], structure);
    let (placed, unplaced) = stray::place(&mut shapes, version, structure, messages, &standards);
    let mut grammar = grammar_of(&shapes, version, structure, &standards);
    let mut seen = BTreeMap::new();
    for _ in 0..ROUNDS_MAX {
        let groups: Vec<Groups> = messages.iter().map(|message| grouped(&grammar, message)).collect();
        seen = seen::all(&grammar, messages, &groups);
        if !widened(&mut shapes, structure, &grammar, &seen) {
            break;
        }
        grammar = grammar_of(&shapes, version, structure, &standards);
    }
    let (structure, messages) = (structure.clone(), messages.len());
    Learnt { structure, own, version, messages, standards, shapes, grammar, seen, placed, unplaced }
}

type Declared = rustc_hash::FxHashMap<SmolStr, Arc<Shape>>;

/// The version that all name, if it has their structure and all their segments.
fn version(structure: &str, messages: &[&Message], standards: &Standards) -> Version {
    let mut named = messages.iter().map(|message| Version::parse(&MessageType::of(message).version));
    let first = named.next().flatten();
    let Some(version) = first.filter(|_| named.all(|version| version == first)) else { return Version::Union };
    let has_all = || {
        let mut names = messages.iter().flat_map(|message| message.segments()).map(|segment| segment.name);
        let known = |name: &str| standards.segment(version, name).is_some();
        names.all(|name| known(name.as_str()) || standards.segment(Version::Union, name.as_str()).is_none())
    };
    let fits = standards.structure(version, structure).is_some() && has_all();
    if fits { version } else { Version::Union }
}

/// A structure that the standard lacks: its segments in the order in which they first came.
fn flat(structure: &SmolStr, messages: &[&Message], standards: &Standards) -> Shape {
    let mut counts: IndexMap<SmolStr, (usize, u32)> = IndexMap::new();
    for message in messages {
        let mut here: BTreeMap<&str, u32> = BTreeMap::new();
        for segment in message.segments() {
            *here.entry(segment.name.as_str()).or_default() += 1;
        }
        let names = message.segments().iter().map(|segment| segment.name.as_str());
        for name in names.filter(|name| standards.segment(Version::Union, name).is_some()) {
            counts.entry(name.into()).or_default();
        }
        for (name, count) in here {
            if let Some((messages, most)) = counts.get_mut(name) {
                (*messages, *most) = (*messages + 1, count.max(*most));
            }
        }
    }
    let element = |(name, (there, most)): (&SmolStr, &(usize, u32))| Element {
        types: vec![Type { name: name.clone(), shape: name.clone(), targets: Vec::new() }],
        ..Element::new(name, u32::from(*there == messages.len()), if *most > 1 { MANY } else { 1 })
    };
    let (key, base) = (structure.clone(), structure.clone());
    let (title, url) = (SmolStr::default(), SmolStr::default());
    Shape { key, kind: Kind::Structure, title, base, url, elements: counts.iter().map(element).collect() }
}

pub(super) fn grammar_of(shapes: &[Shape], version: Version, key: &str, standards: &Standards) -> Grammar {
    let mut local = Declared::clone(&standards.local);
    local.extend(shapes.iter().map(|shape| (shape.key.clone(), Arc::new(shape.clone()))));
    grammar::of(version, key, &standards.with_local(local))
}

pub(super) fn grouped(grammar: &Grammar, message: &Message) -> Groups {
    group::build(grammar, message.segments().iter().map(|segment| segment.name))
}

/// Gives each place the room that was seen there; true if a place repeats now that did not, or the other way.
fn widened(shapes: &mut [Shape], key: &str, grammar: &Grammar, seen: &BTreeMap<u32, Seen>) -> bool {
    let mut changed = false;
    for (node, path) in text::paths(grammar) {
        let Some(most) = seen.get(&node).map(|seen| seen.times.most).filter(|most| *most > 0) else { continue };
        let Some((name, around)) = path.split_last() else { continue };
        let around = around.iter().fold(SmolStr::from(key), |key, name| format_smolstr!("{key}.{name}"));
        let shape = shapes.iter_mut().find(|shape| shape.key == around);
        let Some(element) = shape.and_then(|shape| shape.elements.iter_mut().find(|it| it.name == *name)) else {
            continue;
        };
        changed |= (element.max > 1) != (most > 1);
        element.max = most;
    }
    changed
}
