//! XML of JSON. Numbers keep their digits as they were written.

use std::collections::BTreeMap;

use emr_abi::fhir::{Definition, Definitions, Element, Kind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::super::Why;
use super::{FHIR, text, xhtml};

/// No resource is nested as deep; what comes from elsewhere may be anything.
const DEPTH_MAX: usize = 128;

/// A resource that stands in JSON.
///
/// # Errors
/// It is no resource of FHIR R4 in JSON, or has what XML cannot carry. No value is told.
pub fn write(json: &[u8], types: &Definitions) -> Result<String, Why> {
    let json: &RawValue = serde_json::from_slice(json).map_err(|_| no_json())?;
    let mut writer = Writer { types, out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned() };
    writer.resource(json, &format!(" xmlns=\"{FHIR}\""), DEPTH_MAX)?;
    Ok(writer.out)
}

struct Writer<'t> {
    types: &'t Definitions,
    out: String,
}

// Every level is scanned again for each level above it, some twenty times in all for a Bundle however many entries it has.
// Documents are a few levels deep, and only so do numbers keep their digits.
type Members<'j> = BTreeMap<String, &'j RawValue>;

/// What JSON has of an element: under its name, and of a primitive under that name behind `_` what extends it (FHIR R4
/// §2.6.2, json.html).
#[derive(Default)]
struct Parts<'j> {
    value: Option<&'j RawValue>,
    more: Option<&'j RawValue>,
}

/// An element, in what it stands, and how deep what stands in it may be.
struct Spot<'s> {
    of: &'s str,
    element: &'s Element,
    depth: usize,
}

impl Writer<'_> {
    fn resource(&mut self, json: &RawValue, namespace: &str, depth: usize) -> Result<(), Why> {
        let mut members: Members<'_> = read(json)?;
        let name: String = members.remove("resourceType").and_then(|name| read(name).ok()).unwrap_or_default();
        let definition = (self.types)(&name).filter(|definition| definition.is_resource);
        let definition = definition.ok_or("a resource is of a type that FHIR R4 does not have")?;
        self.out.extend(["<", &name, namespace]);
        self.inside(&name, (&name, &definition), members, depth)
    }

    /// What stands in an element whose tag was begun, and the end of both.
    fn inside(
        &mut self,
        tag: &str,
        (of, definition): (&str, &Definition),
        members: Members<'_>,
        depth: usize,
    ) -> Result<(), Why> {
        let depth = depth.checked_sub(1).ok_or("it is nested too deep")?;
        let mut found: BTreeMap<usize, (&Element, Parts<'_>)> = BTreeMap::new();
        for (name, json) in members {
            let plain = name.strip_prefix('_').unwrap_or(&name);
            // The name may be anything, also of a patient.
            let unknown = || format!("`{of}` has an element that FHIR R4 does not have there");
            let (place, element) = definition.find(plain).ok_or_else(unknown)?;
            let (_, parts) = found.entry(place).or_insert_with(|| (element, Parts::default()));
            *(if plain == name { &mut parts.value } else { &mut parts.more }) = Some(json);
        }
        let spot = |element| Spot { of, element, depth };
        // Before all others, wherever they are defined.
        for (element, parts) in found.values().filter(|(element, _)| element.kind == Kind::Attribute) {
            let value: Option<String> = parts.value.filter(|_| parts.more.is_none()).and_then(|json| read(json).ok());
            self.attribute(&element.name, &value.ok_or_else(|| spot(element).wrong())?)?;
        }
        let begun = self.out.len();
        for (element, parts) in found.values().filter(|(element, _)| element.kind != Kind::Attribute) {
            if self.out.len() == begun {
                self.out.push('>');
            }
            for (value, more) in parts.items().ok_or_else(|| spot(element).wrong())? {
                self.element(&spot(element), value, more)?;
            }
        }
        match self.out.len() == begun {
            true => self.out.push_str("/>"),
            false => self.out.extend(["</", tag, ">"]),
        }
        Ok(())
    }

    fn element(&mut self, spot: &Spot<'_>, value: Option<&RawValue>, more: Option<&RawValue>) -> Result<(), Why> {
        let name = spot.element.name.as_str();
        match (&spot.element.kind, value, more) {
            (Kind::Text | Kind::Bare, Some(_), _) | (Kind::Text | Kind::Bare, _, Some(_)) => {
                self.primitive(spot, value, more)
            }
            (Kind::Markup, Some(json), None) => {
                let markup: String = read(json).map_err(|_| spot.wrong())?;
                self.out.push_str(&xhtml::of(&markup)?);
                Ok(())
            }
            (Kind::Resource, Some(json), None) => {
                self.out.extend(["<", name, ">"]);
                self.resource(json, "", spot.depth)?;
                self.out.extend(["</", name, ">"]);
                Ok(())
            }
            (Kind::Elements(key), Some(json), None) => {
                self.out.extend(["<", name]);
                self.object(spot, key, json)
            }
            _ => Err(spot.wrong()),
        }
    }

    /// An element with its value as an attribute, and what extends it as any element has it.
    fn primitive(&mut self, spot: &Spot<'_>, value: Option<&RawValue>, more: Option<&RawValue>) -> Result<(), Why> {
        let Element { name, kind, .. } = spot.element;
        self.out.extend(["<", name]);
        match (kind, value) {
            (_, None) => {}
            (Kind::Text, Some(json)) if is(json, b'"') => self.attribute("value", &read::<String>(json)?)?,
            (Kind::Bare, Some(json)) if !matches!(json.get().as_bytes(), [b'"' | b'{' | b'[' | b'n', ..]) => {
                self.attribute("value", json.get())?;
            }
            _ => return Err(spot.wrong()),
        }
        match more {
            Some(json) => self.object(spot, "Element", json),
            None => {
                self.out.push_str("/>");
                Ok(())
            }
        }
    }

    /// What an element of that type has, behind its tag, which was begun.
    fn object(&mut self, spot: &Spot<'_>, key: &str, json: &RawValue) -> Result<(), Why> {
        let definition = (self.types)(key).filter(|_| is(json, b'{')).ok_or_else(|| spot.wrong())?;
        self.inside(&spot.element.name, (key, &definition), read(json)?, spot.depth)
    }

    fn attribute(&mut self, name: &str, value: &str) -> Result<(), Why> {
        self.out.extend([" ", name, "="]);
        text::quoted(value, &mut self.out)
    }
}

type Items<'j> = Vec<(Option<&'j RawValue>, Option<&'j RawValue>)>;

impl<'j> Parts<'j> {
    /// One by one: where a list of values and one of what extends them are there, they go together, with `null` where one of
    /// the two has nothing.
    fn items(&self) -> Option<Items<'j>> {
        let list = |json: Option<&'j RawValue>| match json {
            Some(json) if is(json, b'[') => read::<Vec<Option<&RawValue>>>(json).ok(),
            json => Some(Vec::from_iter(json.map(Some))),
        };
        let (values, more) = (list(self.value)?, list(self.more)?);
        let at = |list: &[Option<&'j RawValue>], place: usize| list.get(place).copied().flatten();
        Some((0..values.len().max(more.len())).map(|place| (at(&values, place), at(&more, place))).collect())
    }
}

impl Spot<'_> {
    fn wrong(&self) -> Why {
        format!("`{}.{}` is not as JSON has it in FHIR R4", self.of, self.element.name)
    }
}

fn is(json: &RawValue, first: u8) -> bool {
    json.get().as_bytes().first() == Some(&first)
}

fn read<'j, T: Deserialize<'j>>(json: &'j RawValue) -> Result<T, Why> {
    serde_json::from_str(json.get()).map_err(|_| no_json())
}

fn no_json() -> Why {
    "it is no resource in JSON".to_owned()
}
