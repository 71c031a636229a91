//! Where values stand in a resource that came, for whoever asks why: each has a place, as parts of messages have.

use super::value::Value;
use super::why::Places;
use crate::json::Json;
use emr_message::{Name, Place};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::rc::Rc;

/// The places of a resource, each with its path as FHIRPath writes it: `Patient.name[0].family`.
#[derive(Default)]
pub struct Nodes {
    paths: Vec<String>,
    numbers: FxHashMap<String, u32>,
    /// By where a value is kept in memory: equal values of two places are kept twice.
    kept: FxHashMap<usize, u32>,
    /// What resources are found by: what a reference leads to depends on all of it.
    pub(super) addresses: Places,
}

impl Nodes {
    pub(super) fn of(resource: &Json) -> Nodes {
        let mut nodes = Nodes::default();
        nodes.add(resource, resource.resource_type().unwrap_or("Resource").to_owned());
        nodes
    }

    fn add(&mut self, value: &Json, path: String) {
        match value {
            Json::List(items) => {
                items.iter().enumerate().for_each(|(index, item)| self.add(item, format!("{path}[{index}]")));
            }
            Json::Object(members) => {
                members.iter().for_each(|(name, member)| self.add(member, format!("{path}.{name}")));
                self.find_by(value, &path);
            }
            _ => {}
        }
        let number = self.number(path);
        if let Some(at) = kept_at(value) {
            self.kept.insert(at, number);
        }
    }

    /// What is missing counts too.
    fn find_by(&mut self, value: &Json, path: &str) {
        let of_resource = value.resource_type().is_some().then_some(["resourceType", "id"]);
        let of_entry = value.member("resource").is_some().then_some("fullUrl");
        for name in of_resource.into_iter().flatten().chain(of_entry) {
            let place = self.at(format!("{path}.{name}"));
            self.addresses.places.insert(place);
        }
    }

    fn number(&mut self, path: String) -> u32 {
        if let Some(known) = self.numbers.get(&path) {
            return *known;
        }
        let number = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        self.paths.push(path.clone());
        self.numbers.insert(path, number);
        number
    }

    /// The place of a path, whether something stands there or not.
    pub(super) fn at(&mut self, path: String) -> Place {
        place(self.number(path))
    }

    /// The place of something that came, by its path.
    pub fn known(&self, path: &str) -> Option<Place> {
        self.numbers.get(path).map(|number| place(*number))
    }

    /// The path of a place; nothing for a place of a message.
    pub fn path(&self, place: &Place) -> Option<&str> {
        let number = usize::try_from(place.segment).ok().filter(|_| is_node(place))?;
        self.paths.get(number).map(String::as_str)
    }

    /// The place of a value that came as it is. One that is `true` or `false` has none of its own.
    pub(super) fn place(&self, value: &Json) -> Option<Place> {
        kept_at(value).and_then(|at| self.kept.get(&at)).map(|number| place(*number))
    }

    /// The places of a value that came, or of its items; none if they are not known.
    pub(super) fn places(&self, value: &Value) -> Places {
        let mut found = Places::default();
        self.find(value, &mut found);
        found
    }

    fn find(&self, value: &Value, found: &mut Places) {
        match value {
            Value::Json(Json::List(items)) => found.places.extend(items.iter().filter_map(|item| self.place(item))),
            Value::Json(json) => found.places.extend(self.place(json)),
            Value::List(items) => items.iter().for_each(|item| self.find(item, found)),
            _ => {}
        }
    }

    /// The places of an element of a value, or of each of its items: where it is missing too, since that it is missing is
    /// what decides then.
    pub(super) fn below(&mut self, value: &Value, names: &[SmolStr]) -> Places {
        let mut items = Vec::new();
        objects(value, &mut items);
        let mut found = Places::default();
        for item in items {
            let Some(path) = self.place(&item).and_then(|place| self.path(&place).map(str::to_owned)) else { continue };
            let there = names.iter().find_map(|name| Some((name, item.member(name)?)));
            match there {
                Some((name, Json::List(several))) => {
                    let all = (0..several.len()).map(|index| self.at(format!("{path}.{name}[{index}]")));
                    found.places.extend(all.collect::<Vec<_>>());
                }
                Some((name, _)) => _ = found.places.insert(self.at(format!("{path}.{name}"))),
                None => _ = found.places.insert(self.at(format!("{path}.{}", shared(names)))),
            }
        }
        found
    }
}

fn objects(value: &Value, found: &mut Vec<Json>) {
    match value {
        Value::Json(json) => found.extend(json.items().iter().cloned()),
        Value::List(items) => items.iter().for_each(|item| objects(item, found)),
        _ => {}
    }
}

/// `value` of `valueQuantity` and `valueString`: what a choice is called.
fn shared(names: &[SmolStr]) -> &str {
    let Some((first, others)) = names.split_first() else { return "" };
    let is_shared = |end: &usize| others.iter().all(|other| other.get(..*end) == first.get(..*end));
    let end = (0..=first.len()).rev().filter(|end| first.is_char_boundary(*end)).find(is_shared);
    end.and_then(|end| first.get(..end)).unwrap_or_default()
}

/// Such a place stands in no segment.
fn place(number: u32) -> Place {
    Place { segment: number, name: Name::NONE, occurrence: 1, field: 1, repetition: 0, component: 0, subcomponent: 0 }
}

/// Whether a place is one of a resource.
pub fn is_node(place: &Place) -> bool {
    place.name.is_none() && place.field > 0
}

fn kept_at(value: &Json) -> Option<usize> {
    match value {
        Json::Text(text) | Json::Number(text) => Some(Rc::as_ptr(text).cast::<()>().addr()),
        Json::Object(members) => Some(Rc::as_ptr(members).cast::<()>().addr()),
        _ => None,
    }
}
