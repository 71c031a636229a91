//! Shapes from the snapshot of a StructureDefinition.
//!
//! A snapshot is a flat list of elements whose ids are paths (`Patient.identifier:mrn.system`). An element that has others
//! below it gets a shape of its own, under the key `URL#id`.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;
use smol_str::SmolStr;

use super::codes::items;
use crate::standard::fhir::{bare, strength};
use crate::standard::shape::{Binding, Discriminator, Element, Kind, MANY, Shape, Slice, Type};

/// A StructureDefinition with a place for each of its elements.
pub struct Definition {
    json: Value,
    type_name: SmolStr,
    /// The elements by their ids, and the ids below each id, in the order of the snapshot.
    places: FxHashMap<String, usize>,
    below: FxHashMap<String, Vec<String>>,
}

/// Finds the shape that an element narrows.
pub type Base<'a> = dyn Fn(&str) -> Option<Arc<Shape>> + 'a;

impl Definition {
    /// Nothing where it is no StructureDefinition with elements.
    pub fn read(json: Value) -> Option<Definition> {
        let type_name = json.get("type")?.as_str()?.into();
        let mut definition = Definition { json, type_name, places: FxHashMap::default(), below: FxHashMap::default() };
        let mut places = FxHashMap::default();
        let mut below = FxHashMap::<String, Vec<String>>::default();
        for (place, element) in definition.elements().iter().enumerate() {
            let id = element.get("id").or_else(|| element.get("path"))?.as_str()?;
            let (parent, last) = id.rsplit_once('.').unwrap_or(("", id));
            // A slice hangs below the list that it is a part of.
            let parent = match last.split_once(':') {
                Some((name, _)) if parent.is_empty() => name.to_string(),
                Some((name, _)) => format!("{parent}.{name}"),
                None => parent.to_string(),
            };
            places.insert(id.to_string(), place);
            below.entry(parent).or_default().push(id.to_string());
        }
        (definition.places, definition.below) = (places, below);
        (!definition.places.is_empty()).then_some(definition)
    }

    /// The shape of the element with that id, or of the whole if it is empty. `key` is the definition's own, without the
    /// part after `#`. Types and targets are still canonical URLs where the definition names them so.
    pub fn shape(&self, key: &str, id: &str, base: &Base) -> Option<Shape> {
        let text = |name: &str| self.json.get(name).and_then(Value::as_str).unwrap_or("");
        let root = id.is_empty();
        let id = if root { self.root()? } else { id };
        let narrowed = match self.list(id) {
            _ if root => base(&self.type_name),
            // A slice narrows what its list has narrowed already.
            Some(list) if self.children(list).next().is_some() => base(&format!("{key}#{list}")),
            _ => base(&self.narrows(id)?),
        };
        let kind = match text("kind") {
            _ if !root => narrowed.as_ref()?.kind,
            "resource" => Kind::Resource,
            "primitive-type" => Kind::FhirPrimitive,
            _ => Kind::Datatype,
        };
        let mut shape = Shape {
            key: if root { key.into() } else { format!("{key}#{id}").into() },
            kind,
            title: if root { text("name").into() } else { SmolStr::default() },
            base: narrowed.as_ref().map_or_else(|| self.type_name.clone(), |narrowed| narrowed.base.clone()),
            url: if root { text("url").into() } else { SmolStr::default() },
            elements: narrowed.map(|narrowed| narrowed.elements.clone()).unwrap_or_default(),
        };
        for child in self.children(id) {
            // A snapshot names the JSON value of a primitive as an element.
            if kind == Kind::FhirPrimitive && child.ends_with(".value") {
                continue;
            }
            let Some(element) = self.element(key, child, &shape.elements) else { continue };
            match shape.elements.iter_mut().find(|old| old.name == element.name) {
                Some(old) => *old = element,
                None => shape.elements.push(element),
            }
        }
        Some(shape)
    }

    /// How often the root may stand, and for an extension, the elements that it may stand on.
    pub fn placement(&self) -> Option<(u32, u32, Vec<SmolStr>)> {
        let (min, max) = range(self.at(self.root()?)?);
        // A context may also be FHIRPath, or another extension: then it is not said here.
        let path = |context: &Value| {
            let element = context.get("type")?.as_str()? == "element";
            context.get("expression").filter(|_| element)?.as_str().map(SmolStr::from)
        };
        let contexts: Option<Vec<SmolStr>> = items(self.json.get("context")).map(path).collect();
        Some((min, max, contexts.unwrap_or_default()))
    }

    fn elements(&self) -> &[Value] {
        let of = |name: &str| self.json.get(name)?.get("element")?.as_array();
        of("snapshot").or_else(|| of("differential")).map_or(&[], Vec::as_slice)
    }

    fn root(&self) -> Option<&str> {
        self.below.get("")?.first().map(String::as_str)
    }

    fn at(&self, id: &str) -> Option<&Value> {
        self.elements().get(*self.places.get(id)?)
    }

    /// The elements right below one, without slices.
    fn children(&self, id: &str) -> impl Iterator<Item = &str> {
        let depth = id.len();
        let all = self.below.get(id).into_iter().flatten();
        all.filter(move |child| child.get(depth..).is_some_and(|rest| rest.starts_with('.'))).map(String::as_str)
    }

    fn slices(&self, id: &str) -> impl Iterator<Item = &str> {
        let depth = id.len();
        let all = self.below.get(id).into_iter().flatten();
        all.filter(move |child| child.get(depth..).is_some_and(|rest| rest.starts_with(':'))).map(String::as_str)
    }

    /// The id of the list that a slice is a part of.
    fn list<'a>(&self, id: &'a str) -> Option<&'a str> {
        let (list, _) = id.rsplit_once(':')?;
        (!id.get(list.len()..)?.contains('.')).then_some(list)
    }

    /// The key of the type that the element with that id narrows.
    fn narrows(&self, id: &str) -> Option<String> {
        let element = self.at(id)?;
        if let Some(reference) = element.get("contentReference").and_then(Value::as_str) {
            return reference.rsplit('#').next().map(str::to_string);
        }
        let code = items(element.get("type")).next()?.get("code")?.as_str()?;
        Some(match code {
            "BackboneElement" | "Element" => {
                let base = element.get("base").and_then(|base| base.get("path"));
                base.or_else(|| element.get("path"))?.as_str()?.to_string()
            }
            _ => bare(code).to_string(),
        })
    }

    fn element(&self, key: &str, id: &str, narrowed: &[Element]) -> Option<Element> {
        let json = self.at(id)?;
        let last = json.get("path")?.as_str()?.rsplit('.').next()?;
        let name = choice_of(last, narrowed);
        let old = narrowed.iter().find(|element| element.name == name);
        let mut element = old.cloned().unwrap_or_else(|| Element::new(name, 0, 1));
        element.choice |= last.ends_with("[x]");
        (element.min, element.max) = range(json);
        let types = self.types(key, id, json, old);
        if !types.is_empty() {
            element.types = types;
        }
        if let Some(binding) = binding(json) {
            element.binding = Some(binding);
        }
        element.fixed = value_of(json, "fixed").or(element.fixed);
        element.pattern = value_of(json, "pattern").or(element.pattern);
        element.must_support = json.get("mustSupport") == Some(&Value::Bool(true));
        element.slices = self.sliced(key, id, json, &element);
        Some(element)
    }

    fn types(&self, key: &str, id: &str, json: &Value, old: Option<&Element>) -> Vec<Type> {
        let own = (self.children(id).next().is_some()).then(|| SmolStr::from(format!("{key}#{id}")));
        if let Some(reference) = json.get("contentReference").and_then(Value::as_str) {
            let path = reference.rsplit('#').next().unwrap_or(reference);
            let own = self.children(path).next().map(|_| format!("{key}#{path}"));
            let shape = own.unwrap_or_else(|| path.to_string()).into();
            return vec![Type { name: "BackboneElement".into(), shape, targets: Vec::new() }];
        }
        let listed: Vec<&Value> = items(json.get("type")).collect();
        let single = listed.len() == 1;
        let types = listed.into_iter().filter_map(|kind| {
            let code = kind.get("code")?.as_str()?;
            // `http://hl7.org/fhirpath/System.String`: the type that the standard gives the element.
            if code.contains("/fhirpath/") {
                return old?.types.first().cloned();
            }
            let before = old.and_then(|old| old.types.iter().find(|before| before.name == code));
            let mut profiles = items(kind.get("profile")).filter_map(Value::as_str);
            let profile = profiles.next().filter(|_| profiles.next().is_none()).map(bare);
            let shape = own.clone().filter(|_| single).or_else(|| profile.map(SmolStr::from));
            let shape = shape.or_else(|| before.map(|before| before.shape.clone()));
            let targets = items(kind.get("targetProfile")).filter_map(Value::as_str);
            Some(Type {
                name: code.into(),
                shape: shape.unwrap_or_else(|| code.into()),
                targets: targets.map(|target| bare(target).into()).collect(),
            })
        });
        types.collect()
    }

    fn sliced(&self, key: &str, id: &str, json: &Value, list: &Element) -> Vec<Slice> {
        let slicing = json.get("slicing");
        let discriminators = items(slicing.and_then(|slicing| slicing.get("discriminator")));
        let discriminators: Vec<_> = discriminators.filter_map(discriminator).collect();
        let slices = self.slices(id).filter_map(|slice| {
            let name = self.at(slice)?.get("sliceName")?.as_str()?;
            let without = Element { slices: Vec::new(), fixed: None, pattern: None, ..list.clone() };
            let element = self.element(key, slice, std::slice::from_ref(&without))?;
            let url = (element.types.first()?.name == "Extension").then(|| self.extension_url(slice, &element));
            Some(Slice { name: name.into(), discriminators: discriminators.clone(), element, url: url.flatten() })
        });
        slices.collect()
    }

    /// The URL of the extension that a slice is: its profile's, or the one that the slice itself fixes.
    fn extension_url(&self, id: &str, element: &Element) -> Option<SmolStr> {
        let inline = self.at(&format!("{id}.url")).and_then(|url| url.get("fixedUri")?.as_str()).map(SmolStr::from);
        let profile = || Some(element.types.first()?.shape.clone()).filter(|shape| shape.contains("://"));
        inline.or_else(profile)
    }
}

/// The name without `[x]`; in older snapshots `valueQuantity` stands for the choice `value` narrowed to one type.
fn choice_of<'a>(last: &'a str, narrowed: &'a [Element]) -> &'a str {
    if let Some(name) = last.strip_suffix("[x]") {
        return name;
    }
    if narrowed.iter().any(|element| element.name == last) {
        return last;
    }
    let mut choices = narrowed.iter().filter(|element| element.choice);
    let found = choices.find(|element| {
        let rest = last.strip_prefix(element.name.as_str()).unwrap_or("");
        element.types.iter().any(|kind| !rest.is_empty() && kind.name.eq_ignore_ascii_case(rest))
    });
    found.map_or(last, |element| &element.name)
}

fn range(element: &Value) -> (u32, u32) {
    let min = element.get("min").and_then(Value::as_u64).and_then(|min| u32::try_from(min).ok());
    let max = element.get("max").and_then(Value::as_str).and_then(|max| max.parse().ok());
    (min.unwrap_or(0), max.unwrap_or(MANY))
}

fn binding(element: &Value) -> Option<Binding> {
    let binding = element.get("binding")?;
    let set = bare(binding.get("valueSet")?.as_str()?).into();
    Some(Binding { strength: strength(binding.get("strength")?.as_str()?)?, set })
}

/// `fixedCode`, `patternCodeableConcept`: the value whatever its type.
fn value_of(element: &Value, prefix: &str) -> Option<Value> {
    let mut all = element.as_object()?.iter();
    let typed = |rest: &str| rest.starts_with(|first: char| first.is_ascii_uppercase());
    all.find(|(key, _)| key.strip_prefix(prefix).is_some_and(typed)).map(|(_, value)| value.clone())
}

fn discriminator(json: &Value) -> Option<Discriminator> {
    let path = SmolStr::from(json.get("path")?.as_str()?);
    Some(match json.get("type")?.as_str()? {
        "value" | "pattern" => Discriminator::Value(path),
        "type" => Discriminator::Type(path),
        "exists" => Discriminator::Exists(path),
        "profile" => Discriminator::Profile(path),
        _ => return None,
    })
}
