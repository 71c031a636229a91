//! XML of JSON. Numbers keep their digits as they were written.

use std::collections::BTreeMap;

use emr_abi::fhir::{Definition, Definitions, Element, Kind};

use super::super::super::Why;
use super::outline::{Json, Outline};
use super::{FHIR, text, xhtml};

/// No resource is nested as deep; what comes from elsewhere may be anything.
const DEPTH_MAX: usize = 128;

/// A resource that stands in JSON.
///
/// # Errors
/// It is no resource of FHIR R4 in JSON, or has what XML cannot carry. No value is told.
pub fn write(json: &[u8], types: &Definitions) -> Result<String, Why> {
    let outline = Outline::of(json).ok_or_else(no_json)?;
    let mut writer = Writer { types, out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned() };
    writer.resource(outline.root(), &format!(" xmlns=\"{FHIR}\""), DEPTH_MAX)?;
    Ok(writer.out)
}

struct Writer<'t> {
    types: &'t Definitions,
    out: String,
}

/// What JSON has of an element: under its name, and of a primitive under that name behind `_` what extends it (FHIR R4
/// §2.6.2, json.html).
#[derive(Default)]
struct Parts<'j> {
    value: Option<Json<'j>>,
    more: Option<Json<'j>>,
}

/// An element, in what it stands, and how deep what stands in it may be.
struct Spot<'s> {
    of: &'s str,
    element: &'s Element,
    depth: usize,
}

impl Writer<'_> {
    fn resource(&mut self, json: Json<'_>, namespace: &str, depth: usize) -> Result<(), Why> {
        let mut members = json.members().ok_or_else(no_json)?;
        let name: String = members.remove("resourceType").and_then(Json::read).unwrap_or_default();
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
        members: BTreeMap<String, Json<'_>>,
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
            let value: Option<String> = parts.value.filter(|_| parts.more.is_none()).and_then(Json::read);
            self.attribute(&element.name, &value.ok_or_else(|| spot(element).wrong())?)?;
        }
        let begun = self.out.len();
        for (element, parts) in found.values().filter(|(element, _)| element.kind != Kind::Attribute) {
            if self.out.len() == begun {
                self.out.push('>');
            }
            for (value, more) in parts.items() {
                self.element(&spot(element), value, more)?;
            }
        }
        match self.out.len() == begun {
            true => self.out.push_str("/>"),
            false => self.out.extend(["</", tag, ">"]),
        }
        Ok(())
    }

    fn element(&mut self, spot: &Spot<'_>, value: Option<Json<'_>>, more: Option<Json<'_>>) -> Result<(), Why> {
        let name = spot.element.name.as_str();
        match (&spot.element.kind, value, more) {
            (Kind::Text | Kind::Bare, Some(_), _) | (Kind::Text | Kind::Bare, _, Some(_)) => {
                self.primitive(spot, value, more)
            }
            (Kind::Markup, Some(json), None) => {
                let markup: String = json.read().ok_or_else(|| spot.wrong())?;
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
    fn primitive(&mut self, spot: &Spot<'_>, value: Option<Json<'_>>, more: Option<Json<'_>>) -> Result<(), Why> {
        let Element { name, kind, .. } = spot.element;
        self.out.extend(["<", name]);
        match (kind, value) {
            (_, None) => {}
            (Kind::Text, Some(json)) if json.first() == b'"' => {
                self.attribute("value", &json.read::<String>().ok_or_else(no_json)?)?;
            }
            (Kind::Bare, Some(json)) if !matches!(json.first(), b'"' | b'{' | b'[' | b'n') => {
                self.attribute("value", json.text())?;
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
    fn object(&mut self, spot: &Spot<'_>, key: &str, json: Json<'_>) -> Result<(), Why> {
        let (definition, members) = (self.types)(key).zip(json.members()).ok_or_else(|| spot.wrong())?;
        self.inside(&spot.element.name, (key, &definition), members, spot.depth)
    }

    fn attribute(&mut self, name: &str, value: &str) -> Result<(), Why> {
        self.out.extend([" ", name, "="]);
        text::quoted(value, &mut self.out)
    }
}

type Items<'j> = Vec<(Option<Json<'j>>, Option<Json<'j>>)>;

impl<'j> Parts<'j> {
    /// One by one: where a list of values and one of what extends them are there, they go together, with `null` where one of
    /// the two has nothing.
    fn items(&self) -> Items<'j> {
        let list = |json: Option<Json<'j>>| json.and_then(Json::items).unwrap_or_else(|| Vec::from_iter(json));
        let (values, more) = (list(self.value), list(self.more));
        let at = |list: &[Json<'j>], place: usize| list.get(place).copied().filter(|json| !json.is_null());
        (0..values.len().max(more.len())).map(|place| (at(&values, place), at(&more, place))).collect()
    }
}

impl Spot<'_> {
    fn wrong(&self) -> Why {
        format!("`{}.{}` is not as JSON has it in FHIR R4", self.of, self.element.name)
    }
}

fn no_json() -> Why {
    "it is no resource in JSON".to_owned()
}
