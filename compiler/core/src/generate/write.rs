//! Messages of a structure, each value one of those that its place may have. Which one is a matter of numbers alone, so
//! that the same call writes the same messages.

use super::asks::{Asked, Place};
use super::sample;
use crate::check::ProfileFacts;
use crate::check::typed::Step as Way;
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, Kind as ShapeKind, MANY};
use emr_message::group::{Grammar, Kind, NodeId};
use emr_message::{Delimiters, escape};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// How often something is written that repeats, at most.
const TURNS_MAX: u64 = 3;
/// Codes of a table that are taken as examples.
const CODES_MAX: usize = 3;
/// The first messages walk through the values of each place in order; those behind mix them.
const IN_ORDER: u64 = 48;
/// The version of a map that names none.
const VERSION: Version = Version::V2_5_1;

/// What is known of the messages that are written.
pub struct Writer<'a> {
    grammar: &'a Grammar,
    asks: &'a BTreeMap<Place, Asked>,
    standards: &'a Standards,
    version: Version,
    /// `ADT`, `A01` and `ADT_A01`
    events: Vec<(SmolStr, SmolStr, SmolStr)>,
    held: BTreeMap<Place, Held>,
    /// The nodes that are written at all, with those around them.
    nodes: BTreeSet<NodeId>,
    seed: u64,
}

/// What a profile says of a place.
#[derive(Clone, Default)]
struct Held {
    min: u32,
    max: Option<u32>,
    one_of: Vec<SmolStr>,
    length: Option<(u32, u32)>,
    pattern: Option<SmolStr>,
}

impl<'a> Writer<'a> {
    pub fn new(
        grammar: &'a Grammar,
        asks: &'a BTreeMap<Place, Asked>,
        standards: &'a Standards,
        (structures, version): (&[SmolStr], Version),
        facts: Option<&ProfileFacts>,
        seed: u64,
    ) -> Self {
        let all = standards.hl7.events_of(version, structures).into_iter();
        let mut events: Vec<_> = all.map(|(code, event, structure)| (code, event, SmolStr::from(structure))).collect();
        let own = structures.iter().filter_map(|it| it.split_once('_').map(|(code, event)| (it, code, event)));
        events.extend(own.map(|(it, code, event)| (code.into(), event.into(), it.clone())));
        let mut held = BTreeMap::new();
        for line in facts.iter().flat_map(|facts| &facts.held) {
            let Some(place) = place_of(grammar, &line.steps) else { continue };
            let max = (line.max < MANY).then_some(line.max);
            let (one_of, length, pattern) = (line.one_of.clone(), line.length, line.pattern.clone());
            held.insert(place, Held { min: line.min, max, one_of, length, pattern });
        }
        let mut writer = Writer { grammar, asks, standards, version, events, held, nodes: BTreeSet::new(), seed };
        writer.nodes = writer.written();
        writer
    }

    /// Nodes that are asked of, or required, and those around them.
    fn written(&self) -> BTreeSet<NodeId> {
        let mut nodes: BTreeSet<NodeId> = self.asks.keys().chain(self.held.keys()).map(|place| place.node).collect();
        // A group stands behind what holds it.
        for (id, node) in (0..).zip(&self.grammar.nodes).collect::<Vec<_>>().into_iter().rev() {
            if let Kind::Group(members) | Kind::Choice(members) = &node.kind
                && members.iter().any(|member| nodes.contains(member))
            {
                nodes.insert(id);
            }
        }
        nodes
    }

    /// The message of that number.
    pub fn message(&self, number: u64) -> String {
        let mut out = Vec::new();
        if let Some(Kind::Group(members)) = self.grammar.nodes.first().map(|node| &node.kind) {
            members.iter().for_each(|member| self.node(*member, number, 0, &mut out));
        }
        out.iter().map(|segment| format!("{segment}\r")).collect()
    }

    fn node(&self, id: NodeId, number: u64, around: u64, out: &mut Vec<String>) {
        let Some(node) = self.grammar.nodes.get(id as usize) else { return };
        let held = self.held.get(&Place { node: id, ..Place::default() });
        let is_required = node.required || held.is_some_and(|held| held.min > 0);
        if held.is_some_and(|held| held.max == Some(0)) || !is_required && !self.nodes.contains(&id) {
            return;
        }
        let turn = self.mixed(number, &[u64::from(id), around]);
        if number > 0 && !is_required && turn.is_multiple_of(4) {
            return;
        }
        let most = held.and_then(|held| held.max).map_or(TURNS_MAX, u64::from).min(TURNS_MAX);
        let turns = if node.repeats && number > 0 { 1 + turn / 4 % most } else { 1 };
        for turn in 0..turns {
            let instance = around * TURNS_MAX + turn;
            match &node.kind {
                Kind::Segment(name) => out.push(self.segment(id, name.as_str(), number, instance)),
                Kind::Group(members) => {
                    members.iter().for_each(|member| self.node(*member, number, instance, out));
                }
                Kind::Choice(members) => {
                    let index = usize::try_from(number).unwrap_or_default() % members.len().max(1);
                    members.get(index).into_iter().for_each(|member| self.node(*member, number, instance, out));
                }
            }
        }
    }

    fn segment(&self, id: NodeId, name: &str, number: u64, instance: u64) -> String {
        let shape = self.standards.segment(self.version, name);
        let empty = Vec::new();
        let elements = shape.as_ref().map_or(&empty, |shape| &shape.elements);
        let mut fields: Vec<String> = Vec::new();
        let mut varies = "ST".to_owned();
        for element in elements {
            let Ok(field) = element.name.parse::<u16>() else { continue };
            let place = Place { node: id, field, ..Place::default() };
            let value = match (name, field) {
                ("MSH", 1) => continue,
                ("MSH", 2..) => {
                    self.header(field, number).unwrap_or_else(|| self.field(place, element, None, number, 0))
                }
                ("OBX", 2) if self.is_asked(place) => {
                    varies = Some(self.field(place, element, None, number, instance))
                        .filter(|found| !found.is_empty())
                        .unwrap_or(varies);
                    varies.clone()
                }
                ("OBX", 2) => varies.clone(),
                ("OBX", 5) => self.field(place, element, Some(&varies), number, instance),
                (_, 1) if element.title.starts_with("Set ID") => (instance + 1).to_string(),
                _ => self.field(place, element, None, number, instance),
            };
            fields.resize(usize::from(field), String::new());
            if let Some(last) = fields.last_mut() {
                *last = value;
            }
        }
        let fields = if name == "MSH" { fields.into_iter().skip(1).collect() } else { fields };
        let line = format!("{name}|{}", fields.join("|"));
        line.trim_end_matches('|').to_owned()
    }

    /// What says how the message is to be read, and who it is.
    fn header(&self, field: u16, number: u64) -> Option<String> {
        let index = usize::try_from(number).unwrap_or_default();
        Some(match field {
            2 => "^~\\&".to_owned(),
            7 => "20240229083015+0100".to_owned(),
            9 => {
                let (code, event, structure) = self.events.get(index % self.events.len().max(1))?;
                format!("{code}^{event}^{structure}")
            }
            10 => format!("{}", number + 1),
            11 if !self.asks.keys().any(|place| place.node == 1 && place.field == 11) => "P".to_owned(),
            12 => if self.version == Version::Union { VERSION } else { self.version }.text().to_owned(),
            18 => "UNICODE UTF-8".to_owned(),
            _ => return None,
        })
    }

    fn is_asked(&self, place: Place) -> bool {
        self.below(place).next().is_some() || self.held.range(place..).any(|(it, _)| same_field(*it, place))
    }

    /// What is asked of a field and its parts.
    fn below(&self, place: Place) -> impl Iterator<Item = (&Place, &Asked)> {
        self.asks.range(place..).take_while(move |(it, _)| same_field(**it, place))
    }

    fn field(&self, place: Place, element: &Element, ty: Option<&str>, number: u64, instance: u64) -> String {
        let held = self.held.get(&place);
        if held.is_some_and(|held| held.max == Some(0)) || !self.is_asked(place) && element.min == 0 {
            return String::new();
        }
        let own = element.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
        let ty = ty.map(SmolStr::from).unwrap_or(own);
        let most = held.and_then(|held| held.max).map_or(2, u64::from).min(2);
        let turn = self.mixed(number, &[u64::from(place.node), u64::from(place.field), instance]);
        let turns = if element.repeats() && number > 0 && most > 1 { 1 + turn % 2 } else { 1 };
        let is_required = element.min > 0 || held.is_some_and(|held| held.min > 0);
        let values = (0..turns).map(|turn| self.value(place, element, &ty, is_required, number, instance * 2 + turn));
        values.filter(|value| !value.is_empty()).collect::<Vec<_>>().join("~")
    }

    /// The value of a field, or of a component.
    fn value(&self, place: Place, element: &Element, ty: &str, required: bool, number: u64, turn: u64) -> String {
        let shape = self.standards.datatype(self.version, ty).filter(|shape| shape.kind == ShapeKind::Composite);
        let deep = place.component > 0 && place.subcomponent > 0;
        let Some(shape) = shape.filter(|_| !deep) else {
            let all = self.candidates(place, element, ty, required);
            let index = self.index(place, number, turn, all.len());
            return all.get(index).map(|text| escape::encode(text, &Delimiters::STANDARD)).unwrap_or_default();
        };
        if number > 0 && !required && self.mixed(number, &[place.key(), turn]).is_multiple_of(6) {
            return String::new();
        }
        let inside = |index: u8| match place.component {
            0 => Place { component: index, ..place },
            _ => Place { subcomponent: index, ..place },
        };
        let mut parts: Vec<String> = Vec::new();
        for (index, part) in (1u8..).zip(&shape.elements) {
            let place = inside(index);
            let held = self.held.get(&place);
            let is_known = self.asks.contains_key(&place) || held.is_some() || self.reaches(place);
            let ty = part.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
            let required = held.is_some_and(|held| held.min > 0) || index == 1 && required;
            parts.push(match is_known || index == 1 {
                true => self.value(place, part, &ty, required, number, turn),
                false => String::new(),
            });
        }
        let (between, cut) = if place.component == 0 { ("^", '^') } else { ("&", '&') };
        parts.join(between).trim_end_matches(cut).to_owned()
    }

    /// Whether something is asked of a part of a component.
    fn reaches(&self, place: Place) -> bool {
        self.asks
            .range(place..)
            .take_while(|(it, _)| same_field(**it, place))
            .any(|(it, _)| it.component == place.component && it.subcomponent > 0 && place.subcomponent == 0)
    }

    /// What a place may have, the plainest first; nothing among them where it may be missing.
    fn candidates(&self, place: Place, element: &Element, ty: &str, required: bool) -> Vec<String> {
        let held = self.held.get(&place).cloned().unwrap_or_default();
        let mut all: Vec<String> = Vec::new();
        let mut add = |text: &str| {
            if !all.iter().any(|known| known == text) {
                all.push(text.to_owned());
            }
        };
        if !held.one_of.is_empty() {
            held.one_of.iter().for_each(|code| add(code));
        } else if let Some(pattern) = &held.pattern {
            sample::of_pattern(pattern).iter().for_each(|text| add(text));
        } else {
            let asked = self.asks.get(&place);
            // Codes are worth more than words that nobody asks for.
            let codes = element.binding.as_ref().and_then(|it| self.standards.hl7.table(it.set.strip_prefix("v2-")?));
            let codes = codes.iter().flat_map(|table| &table.codes).take(CODES_MAX).map(|(code, _)| code.as_str());
            codes.chain(element.codes.iter().map(SmolStr::as_str)).for_each(&mut add);
            let plain = sample::of_type(ty);
            let is_plain = plain.first() == Some(&"Example");
            if !is_plain || element.binding.is_none() {
                plain.iter().for_each(|text| add(text));
            }
            if let Some(asked) = asked {
                asked.texts.iter().for_each(|text| add(text));
                asked.patterns.iter().filter_map(|it| sample::of_pattern(it)).for_each(|text| add(&text));
                asked.into.iter().flat_map(|into| sample::converted(*into)).for_each(&mut add);
            }
            if is_plain {
                add("Other");
            }
        }
        if let Some((least, most)) = held.length {
            all = all.iter().map(|text| fitted(text, least, most)).collect();
        }
        if !required {
            all.push(String::new());
        }
        all
    }

    fn index(&self, place: Place, number: u64, turn: u64, all: usize) -> usize {
        let all = u64::try_from(all).unwrap_or(u64::MAX).max(1);
        let chosen = match number {
            0 => turn,
            _ if number < IN_ORDER => number + turn + place.key() % 7,
            _ => self.mixed(number, &[place.key(), turn]),
        };
        usize::try_from(chosen % all).unwrap_or_default()
    }

    fn mixed(&self, number: u64, of: &[u64]) -> u64 {
        sample::mixed(self.seed, number, of)
    }
}

impl Place {
    fn key(self) -> u64 {
        let part = u64::from(self.component) << 8 | u64::from(self.subcomponent);
        u64::from(self.node) << 32 | u64::from(self.field) << 16 | part
    }
}

fn same_field(one: Place, other: Place) -> bool {
    one.node == other.node && one.field == other.field
}

/// Cut, or filled up.
fn fitted(text: &str, least: u32, most: u32) -> String {
    let mut fitted: String = text.chars().take(most as usize).collect();
    while fitted.chars().count() < least as usize {
        fitted.push('1');
    }
    fitted
}

fn place_of(grammar: &Grammar, steps: &[Way]) -> Option<Place> {
    let mut place = Place::default();
    for step in steps {
        match step {
            Way::Member { name, .. } => place.node = grammar.named(place.node, name, 0)?,
            Way::Field { number, .. } => place.field = *number,
            Way::Component(number) if place.component == 0 => place.component = *number,
            Way::Component(number) => place.subcomponent = *number,
            _ => return None,
        }
    }
    Some(place)
}
