//! What a reference can point to: the entries of the Bundle around it, and what its own resource contains.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::json::{Json, Object};
use crate::standard::shape::{Element, Kind, Shape};

/// The entries of a Bundle by their full URL, with the type of their resource (empty if it has none).
#[derive(Default)]
pub struct Entries<'a>(FxHashMap<&'a str, &'a str>);

/// What is around an element.
#[derive(Clone, Copy, Default)]
pub struct Scope<'a> {
    pub bundle: Option<&'a Entries<'a>>,
    /// The resource whose `contained` a reference such as `#a` is looked up in.
    pub container: Option<&'a Object>,
    /// The element belongs to a contained resource.
    pub contained: bool,
    /// A second pass: the element is held against what a profile or an extension's definition narrows. What the standard
    /// itself says was checked in the first.
    pub narrowed: bool,
    /// The object that is being looked at, and the element of it that leads further down.
    pub place: Option<&'a Place<'a>>,
    pub through: Option<&'a Element>,
}

/// An object on the way down from its resource, for rules about where something may stand.
pub struct Place<'a> {
    pub shape: &'a Shape,
    /// The object around it and the element that led here; none for a resource.
    pub inside: Option<(&'a Place<'a>, &'a Element)>,
}

impl<'a> Place<'a> {
    pub fn new(shape: &'a Shape, around: &Scope<'a>) -> Place<'a> {
        let inside = around.place.zip(around.through).filter(|_| shape.kind != Kind::Resource);
        Place { shape, inside }
    }

    /// The type of the resource that it is a part of.
    pub fn resource(&self) -> &str {
        let mut place = self;
        while let Some((around, _)) = place.inside {
            place = around;
        }
        &place.shape.base
    }

    /// Its paths as the standard writes them, from each type on the way: `Address.line`, `Patient.address.line`.
    /// `ancestors` gives what the type of the object itself specialises. A choice is written without `[x]`.
    pub fn paths(&self, ancestors: impl Fn(&str) -> Option<SmolStr>) -> Vec<String> {
        let mut paths = vec![self.shape.base.to_string()];
        let mut name = self.shape.base.clone();
        while let Some(parent) = ancestors(&name) {
            paths.push(parent.to_string());
            name = parent;
        }
        let (mut place, mut below) = (self, String::new());
        while let Some((around, element)) = place.inside {
            below = format!(".{}{below}", element.name);
            paths.push(format!("{}{below}", around.shape.base));
            place = around;
        }
        paths
    }
}

/// Where a reference leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Led<'a> {
    /// To a resource of that type, as far as the reference says it.
    To(&'a str),
    /// To a place that nobody here can look at.
    Elsewhere,
    /// To an entry or a contained resource that is not there.
    Nowhere,
}

impl<'a> Entries<'a> {
    pub fn of(bundle: &'a Object) -> Entries<'a> {
        let entries = bundle.items("entry").iter().filter_map(Json::object);
        let typed = entries.filter_map(|entry| {
            let resource = entry.get("resource").and_then(Json::object)?;
            Some((entry.text("fullUrl")?, resource.text("resourceType").unwrap_or("")))
        });
        Entries(typed.collect())
    }
}

impl<'a> Scope<'a> {
    /// Follows `Reference.reference` (FHIR R4 §2.3.0.1). `known` says whether a word is the name of a resource.
    pub fn follow(&self, reference: &'a str, known: impl Fn(&str) -> bool) -> Led<'a> {
        if let Some(id) = reference.strip_prefix('#') {
            return self.contained(id);
        }
        if let Some(found) = self.bundle.and_then(|entries| entries.0.get(reference)) {
            return if found.is_empty() { Led::Elsewhere } else { Led::To(found) };
        }
        if reference.starts_with("urn:") {
            return if self.bundle.is_some() { Led::Nowhere } else { Led::Elsewhere };
        }
        // `Patient?identifier=…` is conditional; `Patient/1/_history/2` names a version.
        let path = reference.split(['?', '#']).next().unwrap_or(reference);
        let path = path.split("/_history/").next().unwrap_or(path);
        let conditional = path.len() < reference.len() && !path.contains('/');
        let name = if conditional { Some(path) } else { path.rsplit('/').nth(1) };
        name.filter(|name| known(name)).map_or(Led::Elsewhere, Led::To)
    }

    fn contained(&self, id: &str) -> Led<'a> {
        let Some(container) = self.container else { return Led::Elsewhere };
        let mut contained = container.items("contained").iter().filter_map(Json::object);
        // `#` alone is the container.
        let found = if id.is_empty() { Some(container) } else { contained.find(|one| one.text("id") == Some(id)) };
        match found.map(|found| found.text("resourceType")) {
            Some(Some(name)) => Led::To(name),
            Some(None) => Led::Elsewhere,
            None => Led::Nowhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::read;
    use super::*;

    #[test]
    fn references_of_each_kind() {
        let bundle = r#"{"entry": [{"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Group"}},
            {"fullUrl": "http://a/b", "resource": {}}, {"fullUrl": "urn:uuid:3"}]}"#;
        let bundle = read(bundle).ok().unwrap();
        let entries = Entries::of(bundle.object().unwrap());
        let own = r##"{"resourceType": "Encounter", "contained": [{"resourceType": "Location", "id": "here"}]}"##;
        let own = read(own).ok().unwrap();
        let scope = Scope { bundle: Some(&entries), container: own.object(), ..Scope::default() };
        let cases = [
            ("urn:uuid:1", Led::To("Group")),
            ("urn:uuid:2", Led::Nowhere),
            ("urn:uuid:3", Led::Nowhere),
            ("http://a/b", Led::Elsewhere),
            ("#here", Led::To("Location")),
            ("#there", Led::Nowhere),
            ("#", Led::To("Encounter")),
            ("Patient/1", Led::To("Patient")),
            ("Patient/1/_history/2", Led::To("Patient")),
            ("http://example.org/fhir/Patient/1", Led::To("Patient")),
            ("Patient?identifier=http://a/b|1", Led::To("Patient")),
            ("Nobody/1", Led::Elsewhere),
            ("Patient", Led::Elsewhere),
            ("", Led::Elsewhere),
        ];
        for (reference, led) in cases {
            assert_eq!(scope.follow(reference, |name| name == "Patient"), led, "{reference}");
        }
        assert_eq!(Scope::default().follow("urn:uuid:2", |_| true), Led::Elsewhere, "without a Bundle nobody knows");
    }
}
