//! How the types of R4 are written, as an engine is told that writes XML.

use std::sync::{Arc, LazyLock};

use emr_abi::fhir::{Definition, Element, Kind};

use super::embedded;
use crate::standard::memo::Memo;
use crate::standard::shape::{self, Shape, Type};

static WRITTEN: LazyLock<Memo<Option<Arc<Definition>>>> = LazyLock::new(Memo::default);

/// The type of that key, with its elements in the order in which they are written. Nothing for a primitive.
pub fn definition(key: &str) -> Option<Arc<Definition>> {
    // A key may come from a message: what is no type is not remembered.
    embedded::has(key).then(|| WRITTEN.get(key, || of(&*embedded::shape(key)?).map(Arc::new)))?
}

fn of(shape: &Shape) -> Option<Definition> {
    let is_resource = shape.kind == shape::Kind::Resource;
    let elements = shape.elements.iter().flat_map(|element| {
        element.types.iter().map(move |ty| Element {
            name: element.called(ty),
            kind: if is_attribute(shape, &element.name) { Kind::Attribute } else { kind(ty) },
            repeats: element.repeats(),
        })
    });
    (shape.kind != shape::Kind::FhirPrimitive).then(|| Definition { is_resource, elements: elements.collect() })
}

/// FHIR R4 §2.1.6 (xml.html): the id of an element, but not that of a resource, and the URL of an extension.
fn is_attribute(shape: &Shape, element: &str) -> bool {
    match element {
        "id" => shape.kind != shape::Kind::Resource,
        "url" => shape.key == "Extension",
        _ => false,
    }
}

/// FHIR R4 §2.6.2 (json.html, primitive elements) says which stand in JSON without quotes.
fn kind(ty: &Type) -> Kind {
    match ty.name.as_str() {
        "boolean" | "decimal" | "integer" | "positiveInt" | "unsignedInt" => Kind::Bare,
        "xhtml" => Kind::Markup,
        "Resource" => Kind::Resource,
        _ if embedded::shape(&ty.shape).is_some_and(|shape| shape.kind == shape::Kind::FhirPrimitive) => Kind::Text,
        _ => Kind::Elements(ty.shape.to_string()),
    }
}
