//! Holds FHIR JSON against R4 and profiles.
//!
//! Two passes over each resource: against the standard's own type, then against each profile that its `meta.profile` names
//! or that was asked for, where only what the profile narrows is looked at again.

mod bundle;
mod json;
mod primitive;
mod problem;
mod slices;
mod sound;
mod together;
mod values;
mod walk;

use std::sync::Arc;

pub use problem::{Code, Problem};
use rustc_hash::FxHashSet;
pub use sound::sound;

use self::bundle::Scope;
use self::json::{Json, Object};
use self::problem::Path;
use crate::standard::fhir::{Fhir, Profiles};
use crate::standard::shape::{Kind, Shape};

/// The most problems that are told of one text; a hundred thousand help nobody.
const PROBLEMS_MAX: usize = 10_000;

/// What is wrong with a resource, in the order in which the standard lists elements; nothing where all is well.
///
/// `profiles` are canonical URLs, or a package's short name with a profile of it (`uscore.Patient`): the resource must
/// follow these too.
pub fn resource(json: &str, fhir: &Fhir, profiles: &[&str]) -> Vec<Problem> {
    let mut validator = Validator { fhir, problems: Vec::new(), told: FxHashSet::default() };
    match json::read(json) {
        Ok(json) => validator.root(&json, profiles),
        Err(broken) => {
            let place = format!("not JSON: it stops at line {}, column {}", broken.line, broken.column);
            validator.tell(Code::Unreadable, &Path::Root("$"), place);
        }
    }
    validator.problems
}

struct Validator<'f> {
    fhir: &'f Fhir,
    problems: Vec<Problem>,
    /// The two passes may find the same.
    told: FxHashSet<Problem>,
}

impl Validator<'_> {
    fn root(&mut self, json: &Json, profiles: &[&str]) {
        let Some(object) = json.object() else {
            return self.tell(
                Code::NoResource,
                &Path::Root("$"),
                format!("a resource is an object, this is {}", json.kind()),
            );
        };
        let at = Path::Root(self.type_of(object).map_or("$", |(name, _)| name));
        self.resource(&at, object, Scope::default());
        for profile in profiles {
            self.asked(&at, object, profile);
        }
    }

    /// A resource against its type, and the profiles that it says it follows.
    fn resource(&mut self, at: &Path, object: &Object, around: Scope) {
        let Some((name, shape)) = self.type_of(object) else {
            let what = if object.get("resourceType").is_some() { "names no resource of R4" } else { "is not there" };
            return self.tell(Code::NoResource, at, format!("`resourceType` {what}"));
        };
        let entries = bundle::Entries::of(object);
        let scope = inside(around, name, object, &entries);
        self.object(at, object, &shape, scope);
        let meta = object.get("meta").and_then(Json::object);
        let named = meta.map_or(&[][..], |meta| meta.items("profile")).iter().filter_map(Json::text);
        for profile in named.filter_map(|url| self.fhir.by_url(url)).filter(|profile| profile.key != name) {
            self.profile(at, object, &profile, scope);
        }
    }

    /// A profile that the caller asks for.
    fn asked(&mut self, at: &Path, object: &Object, asked: &str) {
        let named = || match asked.split_once('.').map(|(package, name)| self.fhir.profile(package, name)) {
            Some(Profiles::Found(profile)) => Some(profile),
            _ => None,
        };
        let Some(profile) = self.fhir.by_url(asked).or_else(named) else {
            return self.tell(Code::NoProfile, at, format!("no profile `{asked}` is known"));
        };
        let Some((name, _)) = self.type_of(object) else { return };
        let entries = bundle::Entries::of(object);
        self.profile(at, object, &profile, inside(Scope::default(), name, object, &entries));
    }

    /// The second pass, against what a profile narrows.
    fn profile(&mut self, at: &Path, object: &Object, profile: &Shape, scope: Scope) {
        let (name, base) = (object.text("resourceType").unwrap_or(""), &profile.base);
        if base != name {
            return self.tell(Code::NoProfile, at, format!("`{}` is a profile of {base}, not of this", profile.title));
        }
        self.object(at, object, profile, Scope { narrowed: true, ..scope });
    }

    /// The type of a resource that can stand alone, as the text spells it.
    fn type_of<'a>(&self, object: &'a Object) -> Option<(&'a str, Arc<Shape>)> {
        let name = object.text("resourceType")?;
        let shape = self.fhir.shape(name).filter(|_| self.is_resource(name))?;
        Some((name, shape))
    }

    fn is_resource(&self, name: &str) -> bool {
        let concrete = !matches!(name, "Resource" | "DomainResource") && !name.contains([':', '.']);
        concrete && self.fhir.shape(name).is_some_and(|shape| shape.kind == Kind::Resource)
    }

    fn tell(&mut self, code: Code, at: &Path, message: String) {
        let problem = Problem { code, path: at.to_string(), message };
        if self.problems.len() < PROBLEMS_MAX && self.told.insert(problem.clone()) {
            self.problems.push(problem);
        }
    }
}

/// What is around the elements of a resource that stands in `around`.
fn inside<'a>(around: Scope<'a>, name: &str, object: &'a Object, entries: &'a bundle::Entries<'a>) -> Scope<'a> {
    Scope {
        bundle: if name == "Bundle" { Some(entries) } else { around.bundle },
        container: if around.contained { around.container } else { Some(object) },
        ..around
    }
}

#[cfg(test)]
mod tests;
