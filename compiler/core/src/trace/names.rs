//! What people call the parts of a message, by the dictionary of its version.

use super::Source;
use crate::plan::interpret::{Nodes, spelled};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::Element;
use emr_message::{Message, Place};
use smol_str::SmolStr;

pub(super) struct Names<'a> {
    pub standards: &'a Standards,
    pub message: &'a Message,
    pub version: Version,
    /// The places of the resource that came in place of a message.
    pub nodes: Option<&'a Nodes>,
}

impl Names<'_> {
    /// A place with the name of its field and those of the parts in it.
    pub fn source(&self, place: Place) -> Source {
        if let Some(path) = self.node(&place) {
            return Source { path: path.to_owned(), name: String::new(), place };
        }
        let mut name = self.field(&place).map(|field| field.title.to_string()).unwrap_or_default();
        let parts = [place.component, place.subcomponent];
        for depth in 1..=parts.iter().take_while(|part| **part > 0).count() {
            let title = self.part(&place, parts.get(..depth).unwrap_or_default());
            if let Some(title) = title.filter(|title| !title.is_empty()) {
                name = format!("{name}, {title}");
            }
        }
        Source { path: spelled(&place), name, place }
    }

    /// The path of a place of a resource.
    pub fn node(&self, place: &Place) -> Option<&str> {
        self.nodes.and_then(|nodes| nodes.path(place))
    }

    pub fn segment(&self, name: &str) -> SmolStr {
        let known = [self.version, Version::Union].map(|version| self.standards.segment(version, name));
        known.into_iter().flatten().next().map(|shape| shape.title.clone()).unwrap_or_default()
    }

    /// By the dictionary of the message's version, else by that of all: a sender may be ahead of what it says.
    fn field(&self, place: &Place) -> Option<Element> {
        let find = |version| {
            let shape = self.standards.segment(version, place.name.as_str())?;
            shape.element(&place.field.to_string()).cloned()
        };
        find(self.version).or_else(|| find(Version::Union))
    }

    /// "Family Name", of a component and the subcomponents below it.
    pub fn part(&self, place: &Place, parts: &[u16]) -> Option<SmolStr> {
        let mut ty = self.type_of(place)?;
        let mut title = SmolStr::default();
        for part in parts {
            let shape =
                self.standards.datatype(self.version, &ty).or_else(|| self.standards.datatype(Version::Union, &ty))?;
            let element = shape.element(&part.to_string())?.clone();
            title = element.title.clone();
            ty = element.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
        }
        Some(title)
    }

    /// The type of a field; of one that varies, what OBX-2 says.
    fn type_of(&self, place: &Place) -> Option<SmolStr> {
        let name = self.field(place)?.types.first()?.name.clone();
        if place.name.as_str() == "OBX" && place.field == 5 {
            let said = self.message.field(place.segment as usize, 2).value().map(|said| SmolStr::from(said.trim()));
            return said.or(Some(name));
        }
        Some(name)
    }

    pub fn title(&self, place: &Place) -> SmolStr {
        self.field(place).map(|field| field.title).unwrap_or_default()
    }
}
