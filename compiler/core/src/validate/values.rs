//! What an element says of its value beyond its type: bindings, targets of references, fixed values and patterns.

use super::bundle::{Led, Scope};
use super::json::{Json, Object};
use super::problem::Path;
use super::walk::Item;
use super::{Code, Validator};
use crate::standard::fhir::ValueSet;
use crate::standard::shape::{Element, Strength};

impl Validator<'_> {
    pub fn values(&mut self, at: &Path, item: &Item, element: &Element, scope: Scope) {
        if let Some(value) = item.value {
            self.bound(at, item, value, element);
            if let Some(object) = value.object().filter(|_| item.kind.name == "Reference") {
                self.reference(at, object, item, scope);
            }
        }
        if let Some(fixed) = &element.fixed
            && !item.value.is_some_and(|value| value.is(fixed))
        {
            self.tell(Code::NotFixed, at, format!("`{}` is not the value that is fixed for it", element.name));
        }
        if let Some(pattern) = &element.pattern
            && !item.value.is_some_and(|value| value.holds(pattern))
        {
            self.tell(Code::NotPattern, at, format!("`{}` lacks what its pattern demands", element.name));
        }
    }

    /// A required binding, where all codes of its value set are known.
    fn bound(&mut self, at: &Path, item: &Item, value: &Json, element: &Element) {
        let binding = element.binding.as_ref().filter(|binding| binding.strength == Strength::Required);
        let Some(binding) = binding else { return };
        let Some(set) = self.fhir.value_set(&binding.set).filter(|set| set.complete) else { return };
        if holds(&set, &item.kind.name, value) == Some(false) {
            let message = format!("its code is not one of the {} of `{}`", set.codes.len(), binding.set);
            self.tell(Code::UnknownCode, at, message);
        }
    }

    fn reference(&mut self, at: &Path, object: &Object, item: &Item, scope: Scope) {
        let said = object.text("type").filter(|name| self.is_resource(name));
        let followed = object.text("reference").map(|to| scope.follow(to, |name| self.is_resource(name)));
        let target = match followed {
            Some(Led::To(name)) => Some(name),
            Some(Led::Nowhere) => {
                let message = "it points to a resource that is not there".to_string();
                self.tell(Code::Dangling, &Path::Name(at, "reference"), message);
                None
            }
            _ => said,
        };
        if object.text("reference").is_some_and(|to| to.contains(char::is_whitespace)) {
            let message = "a reference has no white space".to_string();
            self.tell(Code::BadValue, &Path::Name(at, "reference"), message);
        }
        let allowed = &item.kind.targets;
        if let Some(target) = target.filter(|target| !allowed.is_empty() && allowed.iter().all(|name| name != target)) {
            let message = format!("it points to {target}, and may point to {}", allowed.join(", "));
            self.tell(Code::WrongTarget, at, message);
        }
    }
}

/// Whether a coded value has a code of the set. Nothing is said of what has no code but an extension that says why, and of
/// types that are not coded.
pub fn holds(set: &ValueSet, kind: &str, value: &Json) -> Option<bool> {
    let coded = |object: &Object| match (object.text("code"), object.get("extension")) {
        (Some(code), _) => Some(set.find(object.text("system"), code).is_some() && object.text("system").is_some()),
        (None, Some(_)) => None,
        (None, None) => Some(false),
    };
    match (kind, value) {
        ("CodeableConcept", Json::Object(concept)) => {
            let codings: Vec<_> = concept.items("coding").iter().filter_map(Json::object).map(coded).collect();
            if codings.is_empty() && concept.get("extension").is_some() {
                return None;
            }
            // One of its codings must be from the set, whatever the others are.
            if codings.contains(&Some(true)) { Some(true) } else { (!codings.contains(&None)).then_some(false) }
        }
        ("Coding" | "Quantity" | "Age" | "Duration" | "Count" | "Distance", Json::Object(object)) => coded(object),
        (_, Json::Text(code)) => Some(set.find(None, code).is_some()),
        _ => None,
    }
}
