//! What was seen at each place of a structure: how often, how long, which codes.

use crate::standard::shape::{Element, Kind, MANY, Shape, Type};
use emr_message::group::{self, Grammar, Groups, Item};
use emr_message::{Message, Piece, State, number, time};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// More different codes than these are no list that a sender chooses from.
pub(super) const CODES_MAX: usize = 8;

/// The least and the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub least: u32,
    pub most: u32,
}

impl Span {
    const NONE: Span = Span { least: u32::MAX, most: 0 };

    fn add(&mut self, count: u32) {
        *self = Span { least: self.least.min(count), most: self.most.max(count) };
    }
}

/// A segment or group.
pub(super) struct Seen<'m> {
    /// In each group around it.
    pub times: Span,
    segments: u32,
    pub fields: BTreeMap<u16, Field<'m>>,
}

pub(super) struct Field<'m> {
    /// In each segment that has it at all.
    times: Span,
    segments: u32,
    /// How many repetitions there were in all.
    values: u32,
    pub value: Value<'m>,
    pub parts: BTreeMap<u16, Part<'m>>,
}

#[derive(Default)]
pub(super) struct Part<'m> {
    there: u32,
    pub value: Value<'m>,
}

/// The values of a place.
pub(super) struct Value<'m> {
    pub length: Span,
    /// Nothing once there are too many.
    pub codes: Option<BTreeSet<String>>,
    pieces: Vec<Piece<'m>>,
}

impl Default for Seen<'_> {
    fn default() -> Self {
        Self { times: Span::NONE, segments: 0, fields: BTreeMap::new() }
    }
}

impl Default for Field<'_> {
    fn default() -> Self {
        Self { times: Span::NONE, segments: 0, values: 0, value: Value::default(), parts: BTreeMap::new() }
    }
}

impl Default for Value<'_> {
    fn default() -> Self {
        Self { length: Span::NONE, codes: Some(BTreeSet::new()), pieces: Vec::new() }
    }
}

impl Seen<'_> {
    /// How often a field is there in the segments.
    pub fn times_of(&self, field: &Field) -> Span {
        if field.segments < self.segments { Span { least: 0, ..field.times } } else { field.times }
    }
}

impl Field<'_> {
    /// Whether each repetition has the component.
    pub fn always(&self, part: &Part) -> bool {
        part.there == self.values
    }
}

/// What was seen at each node of the grammar, in all messages.
pub(super) fn all<'m>(grammar: &Grammar, messages: &[&'m Message], groups: &[Groups]) -> BTreeMap<u32, Seen<'m>> {
    let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
    for (message, groups) in messages.iter().zip(groups) {
        for group in 0..groups.count() {
            let mut counts: BTreeMap<u32, u32> = members(grammar, groups.node(group)).map(|node| (node, 0)).collect();
            for (node, item) in groups.members(group) {
                *counts.entry(node).or_default() += 1;
                if let Item::Segment(segment) = item {
                    seen.entry(node).or_default().segment(message, segment as usize);
                }
            }
            for (node, count) in counts {
                seen.entry(node).or_default().times.add(count);
            }
        }
    }
    seen
}

/// The places of a group, choices laid open.
pub(super) fn members(grammar: &Grammar, group: u32) -> impl Iterator<Item = u32> {
    let mut waiting = vec![group];
    let mut found = Vec::new();
    while let Some(node) = waiting.pop() {
        let kind = grammar.nodes.get(node as usize).map(|node| &node.kind);
        match kind {
            Some(group::Kind::Group(members)) if node == group => waiting.extend(members.iter().rev()),
            Some(group::Kind::Choice(members)) => waiting.extend(members.iter().rev()),
            _ => found.push(node),
        }
    }
    found.into_iter()
}

impl<'m> Seen<'m> {
    fn segment(&mut self, message: &'m Message, segment: usize) {
        self.segments += 1;
        for number in 1..=message.fields(segment) {
            let field = message.field(segment, number);
            let mut count = 0;
            for piece in field.repetitions().filter(|piece| piece.state() == State::Present) {
                count += 1;
                self.fields.entry(number).or_default().repetition(piece);
            }
            if count > 0 {
                let seen = self.fields.entry(number).or_default();
                seen.times.add(count);
                seen.segments += 1;
            }
        }
    }
}

impl<'m> Field<'m> {
    fn repetition(&mut self, piece: Piece<'m>) {
        self.values += 1;
        self.value.add(piece);
        for number in 1..=piece.parts() {
            let part = piece.part(number);
            if part.state() == State::Present {
                let seen = self.parts.entry(number).or_default();
                seen.there += 1;
                seen.value.add(part);
            }
        }
    }
}

impl<'m> Value<'m> {
    fn add(&mut self, piece: Piece<'m>) {
        let Some(text) = piece.value() else { return };
        let text = text.trim();
        self.length.add(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
        if let Some(codes) = &mut self.codes {
            codes.insert(text.to_owned());
        }
        if self.codes.as_ref().is_some_and(|codes| codes.len() > CODES_MAX) {
            self.codes = None;
        }
        self.pieces.push(piece);
    }

    /// The type that the values have, as far as they tell.
    fn ty(&self) -> &'static str {
        let texts = || self.pieces.iter().filter_map(|piece| piece.value());
        let whole = || self.pieces.iter().all(|piece| piece.parts() <= 1);
        let is_time =
            |text: &str| text.len() >= 8 && text.starts_with(['1', '2']) && time::DateTime::read(text).is_ok();
        if self.pieces.is_empty() {
            "ST"
        } else if !whole() {
            "CWE"
        } else if texts().all(|text| is_time(text.trim())) {
            "DTM"
        } else if texts().all(|text| number::decimal(text.trim()).is_ok()) {
            "NM"
        } else {
            "ST"
        }
    }
}

/// The segments that sites made for themselves, with what their values tell of their fields.
pub(super) fn local(messages: &[Message]) -> Vec<Shape> {
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for message in messages {
        for (index, segment) in message.segments().iter().enumerate().filter(|(_, segment)| segment.name.is_local()) {
            seen.entry(segment.name.as_str()).or_default().segment(message, index);
        }
    }
    seen.iter().map(|(name, seen)| shape(name, seen)).collect()
}

fn shape(name: &str, seen: &Seen) -> Shape {
    let element = |(number, field): (&u16, &Field)| {
        let (span, ty) = (seen.times_of(field), SmolStr::from(field.value.ty()));
        let types = vec![Type { name: ty.clone(), shape: ty, targets: Vec::new() }];
        let max = if span.most > 1 { MANY } else { 1 };
        Element { types, ..Element::new(&number.to_string(), span.least.min(1), max) }
    };
    Shape {
        key: name.into(),
        kind: Kind::Segment,
        title: SmolStr::default(),
        base: name.into(),
        url: SmolStr::default(),
        elements: seen.fields.iter().map(element).collect(),
    }
}
