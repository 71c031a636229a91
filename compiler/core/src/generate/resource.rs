//! Resources of FHIR, each value one of those that its element may have. Which one is a matter of numbers alone, so that the
//! same call writes the same resources.

use super::asks::Asked;
use super::sample;
use crate::check::types;
use crate::json::{self, Json};
use crate::standard::fhir::{Fhir, rules};
use crate::standard::shape::{Element, Kind, Shape, Type};
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;

/// Codes of a value set that are taken as examples.
const CODES_MAX: usize = 3;
/// How often something is written that repeats, at most.
const TURNS_MAX: u64 = 2;
/// Elements that hold their own type are written no deeper.
const DEPTH_MAX: usize = 12;

/// What is known of the resources that are written.
pub struct Writer<'a> {
    pub shape: &'a Shape,
    /// By the path of the element, as [`super::asks`] spells it.
    pub asks: &'a BTreeMap<SmolStr, Asked>,
    pub fhir: &'a Fhir,
    pub seed: u64,
}

/// In the order in which the standard lists them, and behind them what its invariants want.
type Members = Vec<(String, Json)>;

/// Where a value is written: the path of its element, and which of all that stand there it is.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p str,
    turn: u64,
    depth: usize,
}

impl Writer<'_> {
    /// The resource of that number.
    pub fn resource(&self, number: u64) -> String {
        let any = if self.is_any() { self.resources("") } else { Vec::new() };
        let chosen = usize::try_from(number).ok().and_then(|number| any.get(number % any.len().max(1)));
        let path = chosen.map(|shape| format!(":{}", shape.key)).unwrap_or_default();
        let place = Place { path: &path, turn: 0, depth: 0 };
        Json::Object(self.object(chosen.map_or(self.shape, |shape| shape), place, number).into()).to_string()
    }

    /// Whether the map takes resources of any type.
    fn is_any(&self) -> bool {
        matches!(self.shape.key.as_str(), "Resource" | "DomainResource")
    }

    fn object(&self, shape: &Shape, place: Place, number: u64) -> Members {
        let mut object = Members::new();
        if shape.kind == Kind::Resource {
            object.push(("resourceType".to_owned(), text(types::base(shape))));
            // References lead to the resources of a Bundle by their ids.
            object.push(("id".to_owned(), text(&format!("{}", place.turn + 1))));
        }
        if place.depth < DEPTH_MAX {
            shape.elements.iter().for_each(|element| self.element(element, place, number, &mut object));
        }
        let is_empty = object.is_empty();
        if let Some(first) = shape.elements.iter().find(|element| is_empty && self.may_stand_alone(element)) {
            self.written(
                first,
                (&first.name, first.types.first()),
                Place { depth: place.depth + 1, ..place },
                number,
                &mut object,
            );
        }
        self.stand_together(shape, place, number, &mut object);
        object
    }

    /// Adds what the invariants of the type want, and takes away what they do not let stand.
    fn stand_together(&self, shape: &Shape, place: Place, number: u64, object: &mut Members) {
        let broken = |object: &Members| rules::broken(shape, object.iter().map(|(name, _)| name.as_str())).next();
        while let Some(rule) = broken(object) {
            let before = object.len();
            if let Some(element) = rule.wanted().next().and_then(|name| shape.element(name)) {
                let Some(ty) = element.types.first() else { return };
                let place = Place { depth: place.depth + 1, ..place };
                self.written(element, (&element.called(ty).into(), Some(ty)), place, number, object);
            } else if let Some(element) = rule.asked_of().last().and_then(|name| shape.element(name)) {
                object.retain(|(name, _)| element.named(name).is_none());
            }
            if object.len() == before {
                return;
            }
        }
    }

    /// An element that says enough by itself, where an object has to hold one and none is asked for.
    fn may_stand_alone(&self, element: &Element) -> bool {
        let is_primitive = |ty: &Type| self.fhir.shape(&ty.shape).is_some_and(|it| it.kind == Kind::FhirPrimitive);
        element.name != "id" && element.max > 0 && element.types.first().is_some_and(is_primitive)
    }

    fn element(&self, element: &Element, place: Place, number: u64, object: &mut Members) {
        if element.max == 0 || object.iter().any(|(name, _)| *name == element.name) {
            return;
        }
        let named = |ty: &Type| SmolStr::from(element.called(ty));
        let asked: Vec<_> = element.types.iter().filter(|ty| self.is_asked(&below(place.path, &named(ty)))).collect();
        // An entry of a Bundle is there for its resource.
        let is_required = element.min > 0 || !self.resources(&below(place.path, &element.name)).is_empty();
        let key = self.mixed(number, place, &element.name);
        if asked.is_empty() && !is_required || number > 0 && !is_required && key.is_multiple_of(4) {
            return;
        }
        let all = if asked.is_empty() { element.types.iter().collect() } else { asked };
        let Some(ty) = all.get(usize::try_from(key / 4).unwrap_or_default() % all.len().max(1)) else { return };
        self.written(element, (&named(ty), Some(ty)), place, number, object);
    }

    fn written(
        &self,
        element: &Element,
        (name, ty): (&SmolStr, Option<&Type>),
        place: Place,
        number: u64,
        object: &mut Members,
    ) {
        let Some(ty) = ty else { return };
        let path = below(place.path, name);
        let chance = if number > 0 { self.mixed(number, place, name) } else { 0 };
        // Of a Bundle each of the resources that are asked for, so that references lead to them.
        let (turns, resources) = (1 + chance % TURNS_MAX.min(u64::from(element.max)), self.kinds(&path));
        let turns = if element.repeats() { turns * resources.max(1) } else { 1 };
        let values = (0..turns).filter_map(|turn| {
            let turn = if element.repeats() { place.turn * TURNS_MAX + turn } else { place.turn };
            self.value(element, ty, Place { path: &path, turn, depth: place.depth + 1 }, number)
        });
        let mut values: Vec<Json> = values.collect();
        let value =
            if element.repeats() { (!values.is_empty()).then(|| Json::List(values.into())) } else { values.pop() };
        object.extend(value.map(|value| (name.to_string(), value)));
    }

    fn value(&self, element: &Element, ty: &Type, place: Place, number: u64) -> Option<Json> {
        if let Some(known) = element.fixed.as_ref().or(element.pattern.as_ref()) {
            return json::read(&known.to_string());
        }
        let shape = self.fhir.shape(&ty.shape)?;
        match shape.kind {
            Kind::FhirPrimitive => self.primitive(element, &ty.name, place, number),
            Kind::Resource => {
                let shapes = self.resources(place.path);
                let shape = shapes.get(usize::try_from(place.turn).ok()? % shapes.len().max(1))?;
                let path = format!("{}:{}", place.path, shape.key);
                let turn = place.turn / u64::try_from(shapes.len()).ok()?;
                Some(Json::Object(self.object(shape, Place { path: &path, turn, ..place }, number).into()))
            }
            _ if ty.name == "Reference" => Some(Json::Object(self.reference(&shape, ty, place, number).into())),
            _ => {
                let object = self.object(&shape, place, number);
                (!object.is_empty()).then(|| Json::Object(object.into()))
            }
        }
    }

    /// To a resource that is asked for, where it may lead to one.
    fn reference(&self, shape: &Shape, ty: &Type, place: Place, number: u64) -> Members {
        let mut object =
            if self.is_asked_below(place.path) { self.object(shape, place, number) } else { Members::new() };
        if self.asks.get(&below(place.path, "reference")).is_some_and(|asked| !asked.texts.is_empty()) {
            return object;
        }
        let base =
            |key: &SmolStr| self.fhir.shape(key).map_or_else(|| key.clone(), |shape| types::base(&shape).clone());
        let allowed: Vec<SmolStr> = ty.targets.iter().filter(|key| *key != "Resource").map(base).collect();
        let asked = self.resources("entry.resource").into_iter().map(|shape| shape.key.clone());
        let mut all: Vec<SmolStr> = asked.filter(|key| allowed.is_empty() || allowed.contains(key)).collect();
        if all.is_empty() {
            all = allowed;
        }
        let index = usize::try_from(self.mixed(number, place, "reference")).unwrap_or_default();
        let target = all.get(index % all.len().max(1)).map_or("Patient", SmolStr::as_str);
        object.retain(|(name, _)| name != "reference");
        object.insert(0, ("reference".to_owned(), text(&format!("{target}/1"))));
        object
    }

    /// Of how many types the resources are that stand in each item of a list.
    fn kinds(&self, path: &str) -> u64 {
        u64::try_from(self.resources(&format!("{path}.resource")).len()).unwrap_or_default()
    }

    /// The types of resources that are asked for at a place that may hold any.
    fn resources(&self, path: &str) -> Vec<std::sync::Arc<Shape>> {
        let start = format!("{path}:");
        let names = self.asks.keys().filter_map(|it| it.strip_prefix(start.as_str())).filter(|it| !it.contains('.'));
        names.filter_map(|name| self.fhir.shape(name)).collect()
    }

    fn primitive(&self, element: &Element, ty: &str, place: Place, number: u64) -> Option<Json> {
        let mut all: Vec<String> = Vec::new();
        let mut add = |text: &str| {
            if self.fhir.fits(ty, text) && !all.iter().any(|known| known == text) {
                all.push(text.to_owned());
            }
        };
        // The type of Bundle that holds its entries to nothing.
        if types::base(self.shape) == "Bundle" && place.path == "type" && !self.asks.contains_key("type") {
            return Some(text("collection"));
        }
        let set = element.binding.as_ref().and_then(|binding| self.fhir.value_set(&binding.set));
        let asked = self.asks.get(place.path);
        asked.iter().flat_map(|asked| &asked.texts).for_each(|text| add(text));
        set.iter().flat_map(|set| &set.codes).take(CODES_MAX).for_each(|coded| add(&coded.code));
        asked.iter().flat_map(|asked| &asked.patterns).filter_map(|it| sample::of_pattern(it)).for_each(|it| add(&it));
        if set.is_none() {
            sample::of_fhir(ty).iter().for_each(|text| add(text));
        }
        let index = match number {
            0 => place.turn,
            _ => self.mixed(number, place, ty),
        };
        let chosen = all.get(usize::try_from(index).ok()? % all.len().max(1))?;
        match ty {
            "boolean" | "decimal" | "integer" | "positiveInt" | "unsignedInt" => json::read(chosen),
            _ => Some(text(chosen)),
        }
    }

    fn is_asked(&self, path: &str) -> bool {
        self.asks.contains_key(path) || self.is_asked_below(path)
    }

    fn is_asked_below(&self, path: &str) -> bool {
        let all = self.asks.range(SmolStr::from(path)..).take_while(|(it, _)| it.starts_with(path));
        all.map(|(it, _)| it.get(path.len()..).unwrap_or_default()).any(|rest| rest.starts_with(['.', ':']))
    }

    fn mixed(&self, number: u64, place: Place, name: &str) -> u64 {
        let text = [place.path, ".", name].concat();
        let key = emr_abi::hash(text.as_bytes(), 0);
        sample::mixed(self.seed, number, &[key, place.turn])
    }
}

fn text(text: &str) -> Json {
    Json::Text(text.into())
}

fn below(path: &str, name: &str) -> SmolStr {
    if path.is_empty() { name.into() } else { format_smolstr!("{path}.{name}") }
}
