//! JSON of XML. What FHIR R4 does not have is passed over: nobody here could read it.

use std::collections::BTreeMap;

use emr_abi::fhir::{Definition, Definitions, Element, Kind};
use serde_json::value::RawValue;

use super::super::super::Why;
use super::events::{Events, Next, Space, Start, ill_formed};
use super::xhtml;

/// A resource that stands in XML.
///
/// # Errors
/// It is no resource of FHIR R4 in well-formed XML, or has a DTD or an entity. No value is told.
pub fn read(xml: &[u8], types: &Definitions) -> Result<String, Why> {
    let text = std::str::from_utf8(xml).map_err(|_| "it is not in UTF-8")?;
    let mut reader = Reader { types, events: Events::of(text) };
    let start = reader.events.root()?;
    let resource = reader.resource(&start)?.ok_or("it is no resource of FHIR R4")?;
    reader.events.over()?;
    Ok(resource)
}

struct Reader<'x, 't> {
    types: &'t Definitions,
    events: Events<'x>,
}

/// What JSON has of an element: its value, and what extends it where it is a primitive.
#[derive(Default)]
struct Parts {
    value: Option<String>,
    more: Option<String>,
}

type Found<'d> = BTreeMap<usize, (&'d Element, Vec<Parts>)>;

impl Reader<'_, '_> {
    /// Nothing for one of a type that is not known.
    fn resource(&mut self, start: &Start<'_>) -> Result<Option<String>, Why> {
        let known = (self.types)(&start.name).filter(|definition| definition.is_resource && start.space == Space::Fhir);
        let Some(definition) = known else {
            self.events.skip()?;
            return Ok(None);
        };
        let mut out = format!("{{\"resourceType\":{}", json(&start.name));
        let found = self.inside(start, &definition)?;
        members(&found, &mut out);
        out.push('}');
        Ok(Some(out))
    }

    /// What stands in an element that began, up to its end.
    fn inside<'d>(&mut self, start: &Start<'_>, definition: &'d Definition) -> Result<Found<'d>, Why> {
        let is_attribute = |(_, element): &(usize, &Element)| element.kind == Kind::Attribute;
        let mut found = Found::new();
        for (name, value) in start.attributes()? {
            if let Some((place, element)) = definition.find(&name).filter(is_attribute) {
                found.insert(place, (element, vec![Parts { value: Some(json(&value)), more: None }]));
            }
        }
        loop {
            match self.events.next()? {
                Next::Start(start) => match definition.find(&start.name).filter(|it| !is_attribute(it)) {
                    Some((place, element)) if start.space == space(element) => {
                        let parts = self.element(&start, element)?;
                        found.entry(place).or_insert_with(|| (element, Vec::new())).1.extend(parts);
                    }
                    _ => self.events.skip()?,
                },
                Next::Text(_) => {}
                Next::End => return Ok(found),
                Next::Over => return Err(ill_formed()),
            }
        }
    }

    fn element(&mut self, start: &Start<'_>, element: &Element) -> Result<Option<Parts>, Why> {
        let value = match &element.kind {
            Kind::Text | Kind::Bare | Kind::Attribute => return self.primitive(start, element).map(Some),
            Kind::Markup => Some(json(&xhtml::div(start, &mut self.events)?)),
            Kind::Resource => self.held()?,
            Kind::Elements(key) => Some(self.object(start, key)?),
        };
        Ok(value.map(|value| Parts { value: Some(value), more: None }))
    }

    fn primitive(&mut self, start: &Start<'_>, element: &Element) -> Result<Parts, Why> {
        let value = start.attributes()?.into_iter().find(|(name, _)| name == "value");
        let value = value.map(|(_, value)| if element.kind == Kind::Bare { bare(value) } else { json(&value) });
        let more = Some(self.object(start, "Element")?).filter(|more| more != "{}");
        Ok(Parts { value, more })
    }

    fn object(&mut self, start: &Start<'_>, key: &str) -> Result<String, Why> {
        let definition = (self.types)(key).unwrap_or_default();
        let mut out = "{".to_owned();
        let found = self.inside(start, &definition)?;
        members(&found, &mut out);
        out.push('}');
        Ok(out)
    }

    /// The resource that an element holds.
    fn held(&mut self) -> Result<Option<String>, Why> {
        let mut held = None;
        loop {
            match self.events.next()? {
                Next::Start(start) => held = self.resource(&start)?.or(held),
                Next::Text(_) => {}
                Next::End => return Ok(held),
                Next::Over => return Err(ill_formed()),
            }
        }
    }
}

fn space(element: &Element) -> Space {
    if element.kind == Kind::Markup { Space::Xhtml } else { Space::Fhir }
}

/// Writes members behind what is there. What XML has several times is a list, whether it may be or not.
fn members(found: &Found<'_>, out: &mut String) {
    for (element, parts) in found.values() {
        let is_list = element.repeats || parts.len() > 1;
        let mut member = |prefix: &str, all: &[Option<&String>]| {
            if all.iter().all(Option::is_none) {
                return;
            }
            if !out.ends_with('{') {
                out.push(',');
            }
            out.extend([json(&format!("{prefix}{}", element.name)).as_str(), ":"]);
            let all = all.iter().map(|part| part.map_or("null", String::as_str));
            let all = all.collect::<Vec<_>>().join(",");
            if is_list { out.extend(["[", &all, "]"]) } else { out.push_str(&all) }
        };
        member("", &parts.iter().map(|part| part.value.as_ref()).collect::<Vec<_>>());
        member("_", &parts.iter().map(|part| part.more.as_ref()).collect::<Vec<_>>());
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A number or a truth value; a text where it is none, as whoever reads it will say.
fn bare(value: String) -> String {
    let is_bare = value.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | 't' | 'f'));
    match serde_json::from_str::<&RawValue>(&value) {
        Ok(_) if is_bare && !value.ends_with(char::is_whitespace) => value,
        _ => json(&value),
    }
}
