//! Maps that make messages: by exception of the one that came, and built of blocks.

use super::Writer;
use super::blocks::braces;
use super::known::Place;
use super::view::{Held, Named, View};
use std::collections::BTreeSet;

impl Writer<'_> {
    /// A message with changes.
    pub fn changed(&mut self, view: &View, parameter: &str, structure: &str) -> String {
        if self.chance(15)
            && let Some(named) = self.segment_to_split_by(view)
        {
            self.hit("split");
            return format!("map m(new: {parameter}) -> {structure}* = split(new, {named})");
        }
        self.hit("a message that is changed");
        let count = 1 + self.random.below(if self.small { 3 } else { 8 });
        let lines = self.edits(view, count, 1);
        format!("map m(new: {parameter}) -> {structure} = new with {}", braces(&lines))
    }

    fn edits(&mut self, view: &View, count: usize, depth: usize) -> Vec<String> {
        let mut taken = BTreeSet::new();
        let mut lines = Vec::new();
        for _ in 0..count {
            let made = match self.random.below(10) {
                0 if depth > 0 => self.edits_of_each(view, depth),
                1 if depth > 0 => self.edits_of_arms(view, depth),
                2 => self.drop_segment(view),
                _ => self.edit(view, &mut taken),
            };
            lines.extend(made);
        }
        lines
    }

    fn segment_to_split_by(&mut self, view: &View) -> Option<String> {
        let segments: Vec<Named> = view.segments().filter(|named| named.list).cloned().collect();
        (!segments.is_empty()).then(|| self.random.of(&segments).text.clone())
    }

    fn any_segment(&mut self, view: &View) -> Option<(Named, String)> {
        let all: Vec<Named> = view.segments().cloned().collect();
        if all.is_empty() {
            return None;
        }
        let named = self.random.of(&all).clone();
        match &named.held {
            Held::Segment(name) => Some((named.clone(), name.clone())),
            _ => None,
        }
    }

    fn edit(&mut self, view: &View, taken: &mut BTreeSet<String>) -> Option<String> {
        let (named, segment) = self.any_segment(view)?;
        let places = self.fields(view.version, &segment);
        let places: Vec<Place> = places.into_iter().filter(|place| may_be_written(&segment, place)).collect();
        if places.is_empty() {
            return None;
        }
        let place = self.random.of(&places).clone();
        let [number, below @ ..] = place.numbers.as_slice() else { return None };
        let whole = below.is_empty();
        let nth = if place.list && self.chance(30) { format!("[{}]", 1 + self.random.below(3)) } else { String::new() };
        let below: String = below.iter().map(|number| format!(".{number}")).collect();
        let target = format!("{}-{number}{nth}{below}", named.text);
        if !taken.insert(target.clone()) {
            return None;
        }
        self.hit("a rule of a message that is changed");
        let adds = whole && place.list && nth.is_empty() && self.chance(20);
        let value = self.new_value(view, &place, true);
        Some(format!("{target} {}: {value}", if adds { "+" } else { "" }).replace(" : ", ": "))
    }

    fn new_value(&mut self, view: &View, place: &Place, may_keep: bool) -> String {
        let ty = place.ty.clone();
        let value = match self.random.below(10) {
            0 => self.also("null", "null"),
            1 => "absent".to_owned(),
            2 => {
                self.hit("a coded value in a message");
                match matches!(ty.as_str(), "CWE" | "ID" | "IS" | "ST") {
                    true => "v2-0203#MR \"Medical record\"".to_owned(),
                    false => self.text_for(&ty),
                }
            }
            3 | 4 if matches!(ty.as_str(), "DTM" | "DT") => {
                let source = self.one(view, &|_, ty| matches!(ty, "DTM" | "DT"));
                match source {
                    Some(source) => {
                        self.hit("a time of FHIR in a message");
                        format!("{} as dateTime", source.text)
                    }
                    None => self.text_for(&ty),
                }
            }
            3..7 => match self.one(view, &|_, other| other == ty) {
                Some(source) if matches!(ty.as_str(), "CX" | "XPN" | "CWE" | "XAD") && self.chance(30) => {
                    self.hit("a field with changes");
                    let (value, other) = (self.text(), self.text());
                    return format!("{} with {{ {ty}.1: {value}, {ty}.3: keep else {other} }}", source.text);
                }
                Some(source) => {
                    self.hit("a copy of a place");
                    source.text
                }
                None => self.text_for(&ty),
            },
            _ => self.text_for(&ty),
        };
        let value = match self.random.below(6) {
            0 => format!("{value} when {}", self.condition(view, 1)),
            _ => value,
        };
        let constant = value.starts_with('"') || value == "null" || value == "absent";
        match self.random.below(8) {
            0 if !constant => format!("{value} else skip"),
            1 if !constant => self.also("keep in a message", &format!("{value} else keep")),
            2 if may_keep => self.also("keep in a message", &format!("keep else {value}")),
            _ => value,
        }
    }

    fn text_for(&mut self, ty: &str) -> String {
        match ty {
            "DTM" | "DT" => "\"20240229\"".to_owned(),
            "NM" | "SI" => "\"2\"".to_owned(),
            _ => self.text(),
        }
    }

    fn edits_of_each(&mut self, view: &View, depth: usize) -> Option<String> {
        let (named, segment) = self.any_segment(view)?;
        let last = segment.clone();
        let mut inner = View::empty().named(&last, Held::Segment(segment));
        inner.version = view.version;
        let condition = if self.chance(40) { format!(" where {}", self.condition(&inner, 0)) } else { String::new() };
        let count = 1 + self.random.below(3);
        let lines = self.edits(&inner, count, depth - 1);
        self.hit("each in a message that is changed");
        Some(format!("each {}{condition} {}", named.text, braces(&lines)))
    }

    fn edits_of_arms(&mut self, view: &View, depth: usize) -> Option<String> {
        let condition = self.condition(view, 1);
        let (yes, no) = (self.edits(view, 2, depth - 1), self.edits(view, 1, depth - 1));
        self.hit("match in a message that is changed");
        Some(format!("match {{ {condition} => {}, else => {} }}", braces(&yes), braces(&no)))
    }

    fn drop_segment(&mut self, view: &View) -> Option<String> {
        let (named, segment) = self.any_segment(view).filter(|(_, segment)| segment != "MSH")?;
        let mut inner = View::empty().named(&segment, Held::Segment(segment.clone()));
        inner.version = view.version;
        let condition = if self.chance(60) { format!(" where {}", self.condition(&inner, 0)) } else { String::new() };
        self.hit("drop");
        Some(format!("drop {}{condition} because \"it does not travel\"", named.text))
    }

    /// An ADT of parts of the message that came.
    pub fn built(&mut self, view: &View, parameter: &str) -> String {
        self.hit("a message that is built");
        let mut lines = vec!["MSH-9.2: \"A04\"".to_owned(), "EVN-2: \"20240229\"".to_owned()];
        for (target, required) in [("PID-3", "CX"), ("PID-5", "XPN"), ("PV1-2", "CWE")] {
            let source = self.source(view, &|_, ty| ty == required).filter(|it| target != "PV1-2" || !it.list);
            let block = format!("{{ {required}.1: \"x\", {required}.2: {} }}", self.part(view));
            lines.push(match source {
                Some(source) => format!("{target}: {} else skip", source.text),
                None if target == "PV1-2" => format!("{target}: \"I\""),
                None => format!("{target}: {block} else skip"),
            });
        }
        let mut taken = BTreeSet::from(["3".to_owned(), "5".to_owned()]);
        for _ in 0..self.random.below(4) {
            let places = self.fields(view.version, "PID");
            let places: Vec<Place> =
                places.into_iter().filter(|place| place.numbers.len() == 1 && place.ty != "?").collect();
            let place = self.random.of(&places).clone();
            let number = place.numbers.first().copied().unwrap_or_default();
            if taken.insert(number.to_string()) && place.ty != "varies" {
                lines.push(format!("PID-{number}: {}", self.new_value(view, &place, false)));
            }
        }
        let walked: Vec<Named> = view.segments().filter(|named| named.list).cloned().collect();
        if !walked.is_empty() {
            let named = self.random.of(&walked).clone();
            if let Held::Segment(segment) = named.held {
                let mut inner = View::empty().named(&segment, Held::Segment(segment.clone()));
                inner.version = view.version;
                self.hit("a list of segments that is built");
                let part = self.part(&inner);
                lines.push(format!("NK1: each {} {{ NK1-1: \"1\", NK1-2.1.1: {part} }}", named.text));
            }
        }
        lines.extend(self.taken_over(view));
        format!("map m({parameter}) -> ADT_A01 {}", braces(&lines))
    }

    /// A segment of the message that came, with changes.
    fn taken_over(&mut self, view: &View) -> Option<String> {
        let fits = |named: &&Named| match &named.held {
            Held::Segment(name) if named.list => matches!(name.as_str(), "AL1" | "DG1" | "DB1"),
            Held::Segment(name) => matches!(name.as_str(), "AL1" | "DG1" | "DB1" | "PD1" | "PV2"),
            _ => false,
        };
        let all: Vec<Named> = view.segments().filter(fits).cloned().collect();
        let named = if all.is_empty() { return None } else { self.random.of(&all).clone() };
        let Held::Segment(segment) = named.held else { return None };
        let mut inner = View::empty().named(&segment, Held::Segment(segment.clone()));
        inner.version = view.version;
        let mut taken = BTreeSet::new();
        let lines: Vec<String> = (0..3).filter_map(|_| self.edit(&inner, &mut taken)).collect();
        self.hit("a segment with changes");
        Some(format!("{segment}: {} with {}", named.text, braces(&lines)))
    }

    fn part(&mut self, view: &View) -> String {
        let source = self.one(view, &|_, ty| matches!(ty, "ST" | "ID" | "IS"));
        source.map_or_else(|| "\"y\"".to_owned(), |source| source.text)
    }
}

/// What the engine writes, and what nobody knows the type of.
fn may_be_written(segment: &str, place: &Place) -> bool {
    let [number, ..] = place.numbers.as_slice() else { return false };
    let of_engine = segment == "MSH" && (*number <= 2 || *number == 18);
    !of_engine && place.numbers.len() <= 3 && !matches!(place.ty.as_str(), "?" | "varies")
}
