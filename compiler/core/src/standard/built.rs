//! What of HL7 v2 a map can build: structures, groups, segments and data types as targets.
//!
//! A target has a key of its own, so that nothing takes it for a part of the message that a map reads. Its places are
//! those of the union of all versions. Components are never required here, nor are set ids and what the engine writes
//! into MSH.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::Standards;
use super::hl7::Version;
use super::shape::{Element, Kind, Shape, Strength, Type};

const MARK: &str = "HL7/";
/// Of segments, whose fields stand behind a minus.
const SEGMENT: &str = "HL7/-/";

/// The name in HL7 of a target; nothing for a key of FHIR.
pub fn name(key: &str) -> Option<&str> {
    key.strip_prefix(SEGMENT).or_else(|| key.strip_prefix(MARK))
}

/// How a person writes a place of a target, or an element of FHIR: `PID-3`, `XPN.1`, `Patient.name`.
pub fn place(owner: &str, element: &str) -> String {
    let short = owner.rsplit(['|', '#', '/']).next().unwrap_or(owner);
    let between = if owner.starts_with(SEGMENT) { '-' } else { '.' };
    format!("{short}{between}{element}")
}

/// The name of a segment or group without the number of its place: `ROL` of `ROL[place 2]`.
pub fn bare(element: &str) -> &str {
    element.split('[').next().unwrap_or(element)
}

impl Standards {
    /// The key of the target of that name, if HL7 has one: a structure, a group, a segment or a data type.
    pub fn target(&self, name: &str) -> Option<SmolStr> {
        if self.segment(Version::Union, name).is_some() {
            return Some(format_smolstr!("{SEGMENT}{name}"));
        }
        let known = self.datatype(Version::Union, name).is_some() || self.structure(Version::Union, name).is_some();
        (known || name == "varies").then(|| format_smolstr!("{MARK}{name}"))
    }

    /// A shape of FHIR, or of a target, by its key.
    pub fn shape(&self, key: &str) -> Option<Arc<Shape>> {
        match name(key) {
            Some(name) => self.built(key, name).map(Arc::new),
            None => self.fhir.shape(key),
        }
    }

    /// The most characters that a place of a target has in any version; nothing where none names a length.
    pub fn length(&self, owner: &str, element: &str) -> Option<u32> {
        let name = name(owner)?;
        let lengths = Version::ALL
            .iter()
            .filter(|version| **version != Version::Union)
            .filter_map(|version| Some(self.holder(*version, owner, name)?.element(element)?.length));
        lengths.max().filter(|most| *most > 0)
    }

    /// How many components a place of a target has in each version, where some have fewer than `all`: `1 2.7:9` is one,
    /// and nine since 2.7. The place is an element of the target, or the component `part` of that.
    pub fn components(&self, owner: &str, element: &str, part: Option<&str>, all: usize) -> Option<String> {
        let name = name(owner)?;
        let mut found: Vec<(Version, usize)> = Vec::new();
        for &version in Version::ALL.iter().filter(|version| **version != Version::Union) {
            let Some(shape) = self.holder(version, owner, name) else { continue };
            let of = |shape: &Shape, element: &str| Some(shape.element(element)?.types.first()?.shape.clone());
            let mut ty = of(&shape, element);
            if let (Some(part), Some(whole)) = (part, &ty) {
                ty = self.datatype(version, whole).and_then(|whole| of(&whole, part));
            }
            let Some(ty) = ty.filter(|ty| ty != "varies") else { continue };
            let Some(ty) = self.datatype(version, &ty) else { continue };
            let count = ty.elements.len().clamp(1, all);
            if found.last().is_none_or(|(_, known)| *known != count) {
                found.push((version, count));
            }
        }
        let first = found.first().map(|(_, count)| *count)?;
        let rest = found.iter().skip(1).map(|(since, count)| format!(" {since}:{count}"));
        found.iter().any(|(_, count)| *count < all).then(|| format!("{first}{}", rest.collect::<String>()))
    }

    /// The segment or data type of a target in a version.
    fn holder(&self, version: Version, owner: &str, name: &str) -> Option<Arc<Shape>> {
        match owner.starts_with(SEGMENT) {
            true => self.segment(version, name),
            false => self.datatype(version, name),
        }
    }

    fn built(&self, key: &str, name: &str) -> Option<Shape> {
        let version = Version::Union;
        let found = match key.starts_with(SEGMENT) {
            true => self.segment(version, name),
            false => self.datatype(version, name).or_else(|| self.structure(version, name)),
        };
        let Some(found) = found else {
            let empty = Shape {
                key: key.into(),
                kind: Kind::Hl7Primitive,
                title: SmolStr::default(),
                base: key.into(),
                url: SmolStr::default(),
                elements: Vec::new(),
            };
            return (name == "varies").then_some(empty);
        };
        let mut elements: Vec<Element> = Vec::new();
        for element in &found.elements {
            let before = elements.iter().filter(|other| bare(&other.name) == element.name).count();
            elements.push(self.element(element, found.kind, before, name));
        }
        Some(Shape { key: key.into(), base: key.into(), elements, ..(*found).clone() })
    }

    fn element(&self, element: &Element, around: Kind, before: usize, owner: &str) -> Element {
        let mut made = element.clone();
        if before > 0 {
            made.name = format_smolstr!("{}[place {}]", element.name, before + 1);
        }
        let first = element.types.first().map_or("ST", |ty| ty.shape.as_str());
        let key = self.target(first).unwrap_or_else(|| format_smolstr!("{MARK}{first}"));
        let is_given = match around {
            Kind::Structure | Kind::Group => element.name == "MSH",
            Kind::Segment => owner == "MSH" || first == "SI",
            _ => true,
        };
        made.types = vec![Type { name: key.clone(), shape: key, targets: Vec::new() }];
        made.min = if is_given || element.withdrawn.is_some() { 0 } else { element.min.min(1) };
        made.max = element.max.max(1);
        made.choice = false;
        // The codes of other tables are those of a site.
        made.binding = made.binding.filter(|binding| binding.strength == Strength::Required);
        made
    }
}
