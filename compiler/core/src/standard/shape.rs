//! One model for both standards: an HL7 segment and a FHIR element are both shapes.
//!
//! What reads a shape (checker, hover, completion, validation) knows no standard by name.

use serde_json::Value;
use smol_str::SmolStr;

/// How many at the most; `MANY` where a standard says `*`.
pub const MANY: u32 = u32::MAX;

/// A type of a standard and the elements that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How it is found: `PID`, `CX`, `ADT_A01`, `ADT_A01.INSURANCE`; `Patient`, `Patient.contact`, `HumanName`;
    /// for a profile or a narrowed element of one, what the package's own key says.
    pub key: SmolStr,
    pub kind: Kind,
    /// What people call it ("Patient Identification"); empty where the standard has no name apart from the key.
    pub title: SmolStr,
    /// The type that it narrows: `Patient` for a profile of it, else the key itself.
    pub base: SmolStr,
    /// The canonical URL of a FHIR definition; empty for HL7 v2.
    pub url: SmolStr,
    pub elements: Vec<Element>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// HL7 v2: a message structure, a group inside one, a segment, a data type with components, one without.
    Structure,
    Group,
    Segment,
    Composite,
    Hl7Primitive,
    /// FHIR: a resource, a data type with elements, an element with elements of its own, one that is a JSON value.
    Resource,
    Datatype,
    Backbone,
    FhirPrimitive,
}

/// A place inside a shape: a segment or group of a structure, a field, a component, an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// `5` for a field or component, `PID` or `INSURANCE` in a structure, `birthDate`; a choice is `value`.
    pub name: SmolStr,
    /// "Patient Name"; empty for FHIR, whose names speak for themselves.
    pub title: SmolStr,
    /// One, or several for a choice element. Empty for a withdrawn field, whose type nobody names.
    pub types: Vec<Type>,
    pub min: u32,
    /// [`MANY`] for `*`; 0 is withdrawn or forbidden.
    pub max: u32,
    /// FHIR `value[x]`: the name in JSON takes the type behind it.
    /// HL7: a group of which one member is there.
    pub choice: bool,
    /// Of HL7 fields and components: the most characters, 0 where the standard names none.
    pub length: u32,
    pub binding: Option<Binding>,
    /// Of a field that a project declares: the codes that it takes, all if there is none.
    pub codes: Vec<SmolStr>,
    /// Of a profile: the value that it must be (`fixed[x]`), or contain (`pattern[x]`).
    pub fixed: Option<Value>,
    pub pattern: Option<Value>,
    pub slices: Vec<Slice>,
    pub must_support: bool,
    /// In the union of HL7 versions: the first that has it, and the first that has it no more.
    pub since: Option<SmolStr>,
    pub withdrawn: Option<SmolStr>,
}

/// How a choice is called in JSON for a value of a type: `valueQuantity` (FHIR R4, `formats.html#choice`).
pub fn typed(stem: &str, ty: &str) -> String {
    let mut letters = ty.chars();
    let first: String = letters.next().map(|first| first.to_ascii_uppercase()).into_iter().collect();
    format!("{stem}{first}{}", letters.as_str())
}

/// A type that an element may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// The name that the standard gives it: `CX`, `HumanName`, `Reference`, `BackboneElement`.
    pub name: SmolStr,
    /// The key of the shape that holds its elements. Mostly the name; `Patient.contact` for a backbone element,
    /// `Questionnaire.item` for a content reference, a key of the package's own for an element that a profile narrows.
    pub shape: SmolStr,
    /// Of `Reference` and `canonical`: the resources that it may point to (`Patient`); empty is any.
    pub targets: Vec<SmolStr>,
}

/// Which codes an element takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub strength: Strength,
    /// The canonical URL of a value set without its version, or an HL7 table as `v2-0001`.
    pub set: SmolStr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    Example,
    Preferred,
    Extensible,
    Required,
}

/// A named part of a list, or of a choice, in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    pub name: SmolStr,
    /// How one knows that an item belongs to it.
    pub discriminators: Vec<Discriminator>,
    /// The element as the slice narrows it: its types' shapes, cardinality, fixed and pattern values, binding.
    pub element: Element,
    /// Of an extension slice: the URL of the extension that it is.
    pub url: Option<SmolStr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discriminator {
    /// The value at a path is fixed or matches a pattern (`value`, `pattern`): path, `$this` for the item itself.
    Value(SmolStr),
    Type(SmolStr),
    Exists(SmolStr),
    Profile(SmolStr),
}

impl Shape {
    /// Whether it is a profile of a FHIR resource, which names it in its `meta.profile` (FHIR R4 §2.26.3.2).
    pub fn is_profile(&self) -> bool {
        self.kind == Kind::Resource && self.base != self.key && !self.base.is_empty() && !self.url.is_empty()
    }

    pub fn element(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name == name)
    }
}

impl Element {
    /// How it is called in JSON for a value of one of its types.
    pub fn called(&self, ty: &Type) -> String {
        if self.choice { typed(&self.name, &ty.name) } else { self.name.to_string() }
    }

    /// Whether a name in JSON is that of the element, and the type that it then has (none where the standard names no type).
    pub fn named(&self, name: &str) -> Option<Option<&Type>> {
        if !self.choice {
            return (self.name == name).then(|| self.types.first());
        }
        let rest = name.strip_prefix(self.name.as_str())?;
        let is_it = |ty: &&Type| {
            let (mut rest, mut name) = (rest.chars(), ty.name.chars());
            let first = name.next().map(|first| first.to_ascii_uppercase());
            rest.next() == first && rest.as_str() == name.as_str()
        };
        self.types.iter().find(is_it).map(Some)
    }

    /// A place of which nothing is known but its name and how many there may be.
    pub fn new(name: &str, min: u32, max: u32) -> Self {
        Self {
            name: name.into(),
            title: SmolStr::default(),
            types: Vec::new(),
            min,
            max,
            choice: false,
            length: 0,
            binding: None,
            codes: Vec::new(),
            fixed: None,
            pattern: None,
            slices: Vec::new(),
            must_support: false,
            since: None,
            withdrawn: None,
        }
    }

    pub fn repeats(&self) -> bool {
        self.max > 1
    }

    pub fn slice(&self, name: &str) -> Option<&Slice> {
        self.slices.iter().find(|slice| slice.name == name)
    }
}
