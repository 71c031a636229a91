//! How the types of FHIR are written: what an engine is told of them so that it can write and read XML, in which elements
//! stand in the order of their definitions.

use std::sync::Arc;

/// The type of that key: `Patient`, `Patient.contact`, `HumanName`. Nothing for a type without elements, and for none.
pub type Definitions = Arc<dyn Fn(&str) -> Option<Arc<Definition>> + Send + Sync>;

/// A type with elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    pub is_resource: bool,
    /// In their order, those that it has from its base first. A choice is there once for each of its types.
    pub elements: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// `valueQuantity`
    pub name: String,
    pub kind: Kind,
    /// Whether JSON has a list of it.
    pub repeats: bool,
}

/// What an element is in JSON and XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A primitive that is a text in JSON.
    Text,
    /// A primitive that stands in JSON without quotes: a number, `true` or `false`.
    Bare,
    /// A text, in XML an attribute of what it belongs to.
    Attribute,
    /// The XHTML of a narrative, in JSON a text.
    Markup,
    /// A resource of any type.
    Resource,
    /// What has elements, by the key of its type.
    Elements(String),
}

impl Definition {
    /// The element of that name, and its place.
    pub fn find(&self, name: &str) -> Option<(usize, &Element)> {
        self.elements.iter().enumerate().find(|(_, element)| element.name == name)
    }
}
