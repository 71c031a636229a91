//! Whether a standard has the place that is asked for, and which one is meant where it has not.

use std::sync::Arc;

use super::{Element, Field};
use crate::check::suggest::nearest;
use crate::standard::Standards;
use crate::standard::fhir::Fhir;
use crate::standard::hl7::Version;
use crate::standard::shape::{self, Kind, Shape};
use smol_str::SmolStr;

pub fn element(wanted: &Element, fhir: &Fhir) -> Result<(), String> {
    let Element { resource, parts } = wanted;
    let resource = &resource.name;
    let root = fhir.shape(resource).filter(|shape| shape.kind == Kind::Resource);
    let Some(root) = root else {
        let near = nearest(resource, fhir.resources().iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("FHIR R4 has no resource `{resource}`{near}"));
    };
    // A choice is of several types until its name says which.
    let mut shapes = vec![root];
    let mut before = resource.clone();
    for part in parts {
        let below: Vec<Arc<Shape>> =
            shapes.iter().filter_map(|shape| below(shape, &part.name, fhir)).flatten().collect();
        if below.is_empty() {
            return Err(no_element(&before, &shapes, &part.name));
        }
        (before, shapes) = (format!("{before}.{}", part.name), below);
    }
    Ok(())
}

/// The types of an element, by the name that it has in JSON; nothing where the shape has no such element.
fn below(shape: &Shape, name: &str, fhir: &Fhir) -> Option<Vec<Arc<Shape>>> {
    // FHIR R4, json.html: the type of a resource is a member beside its elements.
    if name == "resourceType" && shape.kind == Kind::Resource {
        return Some(fhir.shape("string").into_iter().collect());
    }
    let of = |name: &str, ty: &shape::Type| fhir.shape(if name.is_empty() { &ty.name } else { &ty.shape });
    let bare = name.strip_prefix('_').unwrap_or(name);
    let types = shape.elements.iter().find_map(|element| match element.choice {
        _ if element.name == bare => Some(element.types.iter().filter_map(|ty| of(bare, ty)).collect::<Vec<_>>()),
        true => {
            let typed = element.types.iter().find(|ty| shape::typed(&element.name, &ty.name) == bare)?;
            Some(of(bare, typed).into_iter().collect())
        }
        false => None,
    })?;
    // Only what is one JSON value has its extensions beside it.
    let is_beside = bare.len() == name.len() || types.iter().any(|ty| ty.kind == Kind::FhirPrimitive);
    is_beside.then_some(types)
}

fn no_element(before: &str, shapes: &[Arc<Shape>], name: &str) -> String {
    let said = format!("FHIR R4 has no element `{before}.{name}`");
    let is_any_resource = |shape: &Arc<Shape>| matches!(shape.key.as_str(), "Resource" | "DomainResource");
    if shapes.iter().any(is_any_resource) {
        return format!("{said}; what stands in a resource there is asked for by its own type, as `Patient.name`");
    }
    let known: Vec<SmolStr> = shapes.iter().flat_map(|shape| names(shape)).collect();
    match nearest(name, known.iter().map(SmolStr::as_str)) {
        Some(near) => format!("{said}; did you mean `{before}.{near}`?"),
        None => format!("{said}; `{before}` has `{}`", known.join("`, `")),
    }
}

/// What elements are called, a choice for each type that it may have too.
fn names(shape: &Shape) -> impl Iterator<Item = SmolStr> + '_ {
    shape.elements.iter().flat_map(|element| {
        let typed = element.types.iter().filter(|_| element.choice && element.types.len() < TYPES_SHOWN);
        let typed = typed.map(|ty| shape::typed(&element.name, &ty.name).into());
        std::iter::once(element.name.clone()).chain(typed)
    })
}

/// `value[x]` of an extension may be of fifty types: nobody reads them.
const TYPES_SHOWN: usize = 12;

pub fn field(wanted: &Field, standards: &Standards) -> Result<(), String> {
    let Field { segment, field, components } = wanted;
    let (name, number) = (&segment.name, &field.name);
    let Some(shape) = standards.segment(Version::Union, name) else {
        let declared =
            standards.local.iter().filter(|(_, shape)| shape.kind == Kind::Segment).map(|(name, _)| name.as_str());
        let near = nearest(name, standards.hl7.segments(Version::Union).into_iter().chain(declared));
        return Err(match near {
            Some(near) => format!("HL7 v2 has no segment `{name}`; did you mean `{near}`?"),
            None => format!("HL7 v2 has no segment `{name}`, and the project declares none"),
        });
    };
    let Some(element) = shape.element(number) else {
        let last = shape.elements.last().map(|last| last.name.as_str()).unwrap_or_default();
        return Err(format!("HL7 v2 has no field `{name}-{number}`; the last one of `{name}` is `{name}-{last}`"));
    };
    let mut ty = element.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
    let mut place = format!("{name}-{number}");
    for component in components {
        // What a field holds whose type varies, or which nobody names, only a message says.
        let Some(shape) = standards.datatype(Version::Union, &ty) else { return Ok(()) };
        if shape.key == "varies" {
            return Ok(());
        }
        let Some(element) = shape.element(component) else {
            let said = format!("HL7 v2 has no `{place}.{component}`");
            return Err(match shape.elements.last() {
                Some(last) => format!("{said}; the last component of `{place}` ({ty}) is `{place}.{}`", last.name),
                None => format!("{said}; `{place}` ({ty}) has no components"),
            });
        };
        ty = element.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
        place = format!("{place}.{component}");
    }
    Ok(())
}
