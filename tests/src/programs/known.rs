//! What the standards and the library say, as somebody needs it who writes mappings without thinking.

use crate::corpus::{files, root};
use emr_compiler::standard::Standards;
use emr_compiler::standard::hl7::Version;
use emr_compiler::standard::shape::{Element, Kind, Shape, Strength};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

/// The FHIR types that are one value, but for `xhtml`, which no map writes.
pub const PRIMITIVES: [&str; 18] = [
    "string",
    "markdown",
    "code",
    "id",
    "uri",
    "url",
    "canonical",
    "oid",
    "uuid",
    "boolean",
    "decimal",
    "integer",
    "positiveInt",
    "unsignedInt",
    "date",
    "dateTime",
    "instant",
    "time",
];

/// What a field of type `varies` is read as.
pub const VARYING: [&str; 8] = ["NM", "ST", "CWE", "DTM", "TX", "SN", "DT", "TM"];

/// A field, component or subcomponent below a segment or a data type, by its numbers.
#[derive(Clone, Debug)]
pub struct Place {
    pub numbers: Vec<u16>,
    pub ty: String,
    /// The field repeats.
    pub list: bool,
    /// The type of the whole field.
    pub field: String,
}

/// A segment or group of a structure, seen from one of its groups.
#[derive(Clone, Debug)]
pub struct Member {
    /// How a rule names it: `PID`, `ROL[place 2]`.
    pub text: String,
    pub name: String,
    /// Of a group, its key.
    pub group: Option<String>,
    pub list: bool,
}

pub struct Known {
    pub standards: Standards,
    /// The types of HL7 that a convert of the library makes a FHIR type of; a resource stands for a reference to it.
    converts: BTreeMap<String, Vec<String>>,
}

impl Default for Known {
    fn default() -> Known {
        let mut converts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in files(&root().join("stdlib/prelude"), &[".emr"]) {
            let text = fs::read_to_string(file).unwrap();
            for line in text.lines().filter_map(|line| line.strip_prefix("convert ")) {
                let (_, rest) = line.split_once('(').unwrap();
                let (from, rest) = rest.split_once(") -> ").unwrap();
                let to = rest.split(['?', ' ']).next().unwrap();
                let to = to.trim_start_matches("Reference(").trim_end_matches(')');
                converts.entry(to.to_owned()).or_default().push(from.to_owned());
            }
        }
        Known { standards: Standards::embedded(), converts }
    }
}

impl Known {
    pub fn shape(&self, key: &str) -> Option<Arc<Shape>> {
        self.standards.fhir.shape(key)
    }

    /// Whether a value of that type of HL7 becomes one of that FHIR type by itself.
    pub fn fits(&self, hl7: &str, fhir: &str) -> bool {
        let older: &[&str] = match hl7 {
            "CE" | "CNE" | "CF" => &["CWE"],
            "TS" => &["DTM"],
            "IS" => &["ID", "ST"],
            "ID" | "TX" | "FT" => &["ST"],
            _ => &[],
        };
        let from = self.converts.get(fhir);
        let converted = from.is_some_and(|from| from.iter().any(|from| from == hl7 || older.contains(&from.as_str())));
        converted || natural(hl7, self.is_simple(hl7)).contains(&fhir)
    }

    pub fn is_simple(&self, hl7: &str) -> bool {
        let shape = self.standards.hl7.datatype(Version::Union, hl7);
        hl7 != "varies" && shape.is_some_and(|shape| shape.kind == Kind::Hl7Primitive)
    }

    /// All that stands below a segment.
    pub fn fields(&self, version: Version, segment: &str) -> Vec<Place> {
        let Some(shape) = self.standards.hl7.segment(version, segment) else { return Vec::new() };
        self.below(version, &shape, 2)
    }

    /// All that stands below a data type.
    pub fn components(&self, version: Version, datatype: &str) -> Vec<Place> {
        let Some(shape) = self.standards.hl7.datatype(version, datatype) else { return Vec::new() };
        self.below(version, &shape, 1)
    }

    fn below(&self, version: Version, shape: &Shape, depth: usize) -> Vec<Place> {
        let mut all = Vec::new();
        for element in shape.elements.iter().filter(|element| element.max > 0) {
            let (Ok(number), Some(ty)) = (element.name.parse(), element.types.first()) else { continue };
            let ty = ty.shape.to_string();
            let inner = (depth > 0).then(|| self.standards.hl7.datatype(version, &ty)).flatten();
            for place in inner.map(|inner| self.below(version, &inner, depth - 1)).unwrap_or_default() {
                let numbers = [vec![number], place.numbers].concat();
                all.push(Place { numbers, ty: place.ty, list: element.repeats(), field: ty.clone() });
            }
            all.push(Place { numbers: vec![number], ty: ty.clone(), list: element.repeats(), field: ty });
        }
        all
    }

    /// What a rule can name that stands in a group (or in the structure itself), or in those that it lies in. A segment
    /// is left out where two places are equally near.
    pub fn members(&self, version: Version, structure: &str, within: &[String]) -> Vec<Member> {
        let mut seen: Vec<Member> = Vec::new();
        let mut ambiguous: Vec<String> = Vec::new();
        let chain = within.iter().rev().map(String::as_str).chain([structure]);
        for (level, key) in chain.enumerate() {
            let Some(shape) = self.standards.structure(version, key) else { continue };
            let (members, several) = self.inside(version, &shape);
            let known: Vec<String> = seen.iter().map(|member| member.name.clone()).collect();
            let new =
                members.into_iter().filter(|member| !known.contains(&member.name) && !ambiguous.contains(&member.name));
            // Only in its own group is one of several places told by its number.
            seen.extend(new.filter(|member| level == 0 || !member.text.contains('[')));
            ambiguous.extend(several);
        }
        seen
    }

    /// The members of a group by name, then what stands once in the groups inside it; and the names of what stands there
    /// more than once.
    fn inside(&self, version: Version, shape: &Shape) -> (Vec<Member>, Vec<String>) {
        let mut own: Vec<Member> = Vec::new();
        for element in &shape.elements {
            let same = shape.elements.iter().filter(|other| other.name == element.name);
            let place = 1 + own.iter().filter(|known| known.name == element.name.as_str()).count();
            let text =
                if same.count() > 1 { format!("{}[place {place}]", element.name) } else { element.name.to_string() };
            let group = self.group_of(version, element);
            own.push(Member { text, name: element.name.to_string(), group, list: element.repeats() });
        }
        let mut inner: Vec<Member> = Vec::new();
        let mut several: Vec<String> = own.iter().map(|member| member.name.clone()).collect();
        for element in shape.elements.iter().filter(|element| !element.choice) {
            let Some(group) = self.group_of(version, element).and_then(|key| self.standards.structure(version, &key))
            else {
                continue;
            };
            let (members, more) = self.inside(version, &group);
            several.extend(more);
            for mut member in members {
                member.list |= element.repeats();
                let again = inner.iter().any(|known| known.name == member.name) || member.text.contains('[');
                if again || several.contains(&member.name) {
                    several.push(member.name);
                } else {
                    inner.push(member);
                }
            }
        }
        inner.retain(|member| !several.contains(&member.name));
        several.retain(|name| !own.iter().any(|member| member.name == *name && !member.text.contains('[')));
        (own.into_iter().chain(inner).collect(), several)
    }

    fn group_of(&self, version: Version, element: &Element) -> Option<String> {
        let key = element.types.first()?.shape.to_string();
        (self.standards.hl7.segment(version, &key).is_none()).then_some(key)
    }

    /// The codes that an element takes and no others; empty if it takes any.
    pub fn codes(&self, element: &Element) -> Vec<(String, String)> {
        let binding = element.binding.as_ref().filter(|binding| binding.strength == Strength::Required);
        let set = binding.and_then(|binding| self.standards.fhir.value_set(&binding.set));
        let codes = set.filter(|set| set.complete).map(|set| {
            set.codes.iter().map(|coded| (coded.system.to_string(), coded.code.to_string())).take(40).collect()
        });
        codes.unwrap_or_default()
    }
}

/// The FHIR primitives that a simple type of HL7 reads as.
fn natural(hl7: &str, simple: bool) -> &'static [&'static str] {
    match hl7 {
        "NM" | "SI" => &["decimal", "integer", "positiveInt", "unsignedInt", "string"],
        "DT" | "DTM" | "TS" => &["dateTime", "date", "instant", "string"],
        "TM" => &["time", "string"],
        "ID" | "IS" => &["code", "string", "boolean", "uri", "url", "markdown", "id", "canonical", "oid"],
        _ if simple => &["string", "markdown", "code", "uri", "url", "id", "canonical", "oid", "uuid", "base64Binary"],
        _ => &[],
    }
}
