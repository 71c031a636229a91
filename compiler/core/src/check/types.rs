//! What the type that somebody wrote means: a segment, a data type, a resource, a profile.

use super::suggest::nearest;
use super::typed::{Key, Ty, TyKind};
use super::{ANY_VERSION, World};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{DeclaredKind, Found};
use crate::standard::fhir::Profiles;
use crate::standard::shape::{Kind, Shape};
use crate::syntax::tree::{Count, Declaration, Type, Word};
use smol_str::SmolStr;

/// The type of a parameter, and the profile that a message is held to.
pub fn param(written: &Type, world: &dyn World, problems: &mut Vec<Diagnostic>) -> (Ty, Option<Key>) {
    if let Found::One(export) = world.find(&written.name.text)
        && export.kind == DeclaredKind::Profile
    {
        let kind = match world.profile(&export.key) {
            Some(facts) => TyKind::Structure(facts.version, export.key.clone()),
            None => TyKind::Error,
        };
        return (Ty { kind, count: written.count }, Some(export.key));
    }
    let version = ANY_VERSION;
    let name = written.name.text.as_str();
    if name == "Coding" {
        // A code is handed on with its system and display, and written as what takes it.
        return (Ty { kind: TyKind::Coded, count: written.count }, None);
    }
    let standards = world.standards();
    if is_hl7_name(name) {
        let kind = if standards.segment(version, name).is_some() {
            Some(TyKind::Segment(version, name.into()))
        } else if standards.datatype(version, name).is_some() || name == "varies" {
            Some(TyKind::Hl7(version, name.into()))
        } else {
            standards.structure(version, name).map(|shape| match shape.kind {
                Kind::Structure => TyKind::Structure(version, shape.key.clone()),
                _ => TyKind::Group(version, shape.key.clone()),
            })
        };
        if let Some(kind) = kind {
            return (Ty { kind, count: written.count }, None);
        }
    }
    (result(written, world, problems), None)
}

/// The type of a result, or of a parameter that is no HL7 type.
pub fn result(written: &Type, world: &dyn World, problems: &mut Vec<Diagnostic>) -> Ty {
    let count = written.count;
    let name = &written.name;
    let kind = match name.text.as_str() {
        "Reference" => {
            for target in &written.references {
                if world.standards().fhir.shape(&target.text).is_none_or(|shape| shape.kind != Kind::Resource) {
                    problems.push(unknown_type(target, world));
                }
            }
            TyKind::Reference(written.references.iter().map(|word| word.text.clone()).collect())
        }
        // What a list function takes: any type at all.
        "any" => TyKind::Fhir("any".into()),
        // A date or a time of either standard, as it came.
        "moment" => TyKind::Fhir("moment".into()),
        "duration" => TyKind::Duration,
        _ => match fhir_type(name, world, problems) {
            Some(kind) => kind,
            None => TyKind::Error,
        },
    };
    Ty { kind, count }
}

/// A FHIR type by name, profile, or as the type of an element (`Patient.contact`, `Observation.value`).
pub fn fhir_type(name: &Word, world: &dyn World, problems: &mut Vec<Diagnostic>) -> Option<TyKind> {
    let fhir = &world.standards().fhir;
    if let Some(shape) = fhir.shape(&name.text) {
        return Some(TyKind::Fhir(shape.key.clone()));
    }
    if let Some((first, rest)) = name.text.split_once('.') {
        if world.packages().iter().any(|package| package == first) {
            return packaged(first, rest, name, world, problems);
        }
        if let Some(kind) = element_type(&name.text, world) {
            return Some(kind);
        }
    }
    if let Found::One(export) = world.find(&name.text)
        && export.kind == DeclaredKind::Profile
    {
        return world.standards().target(&export.key).map(TyKind::Fhir);
    }
    if is_hl7_name(&name.text)
        && let Some(key) = world.standards().target(&name.text)
    {
        return Some(TyKind::Fhir(key));
    }
    problems.push(unknown_type(name, world));
    None
}

fn packaged(
    package: &str,
    rest: &str,
    name: &Word,
    world: &dyn World,
    problems: &mut Vec<Diagnostic>,
) -> Option<TyKind> {
    let problem = match world.standards().fhir.profile(package, rest) {
        Profiles::Found(shape) => return Some(TyKind::Fhir(shape.key.clone())),
        Profiles::Several(candidates) => {
            let listed: Vec<_> = candidates.iter().map(|it| format!("`{package}.{it}`")).collect();
            Diagnostic::new(Code::UnknownType, name.at.clone(), format!("`{}` has several profiles", name.text))
                .help(format!("name one of them: {}", listed.join(", ")))
        }
        Profiles::Unknown(known) => {
            let message = format!("`{package}` has no profile `{rest}`");
            let diagnostic = Diagnostic::new(Code::UnknownType, name.at.clone(), message);
            match nearest(rest, known.iter().map(SmolStr::as_str)) {
                Some(near) => diagnostic.help(format!("did you mean `{package}.{near}`?")),
                None => diagnostic.help(format!("it has `{}`", known.join("`, `"))),
            }
        }
        // A package that is missing is one warning of the project; what it would have told is unverified.
        Profiles::NoPackage => return None,
    };
    problems.push(problem);
    None
}

/// `Observation.value` is a choice, `Patient.name` a `HumanName`.
fn element_type(path: &str, world: &dyn World) -> Option<TyKind> {
    let (owner, element) = path.rsplit_once('.')?;
    let shape = world.standards().fhir.shape(owner)?;
    let element = shape.element(element)?;
    if element.choice {
        return Some(TyKind::Choice(element.types.iter().map(|it| it.name.clone()).collect()));
    }
    let first = element.types.first()?;
    Some(if first.name == "Reference" {
        TyKind::Reference(first.targets.clone())
    } else {
        TyKind::Fhir(first.shape.clone())
    })
}

/// HL7 writes its types in capitals; FHIR's begin with one at the most.
pub fn is_hl7_name(name: &str) -> bool {
    let last = name.split('.').next().unwrap_or(name);
    name == "varies"
        || last.len() >= 2 && last.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

pub fn is_known_hl7(name: &str, world: &dyn World) -> bool {
    let standards = world.standards();
    standards.segment(ANY_VERSION, name).is_some()
        || standards.datatype(ANY_VERSION, name).is_some()
        || standards.structure(ANY_VERSION, name).is_some()
}

fn unknown_type(name: &Word, world: &dyn World) -> Diagnostic {
    let message = format!("there is no type `{}`", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownType, name.at.clone(), message);
    let standards = world.standards();
    if let Some(group) = group_of(&name.text, world) {
        return diagnostic.help(format!("a group is named with its message: did you mean `{group}`?"));
    }
    let near = if is_hl7_name(&name.text) {
        let known: Vec<SmolStr> = hl7_names(world);
        nearest(&name.text, known.iter().map(SmolStr::as_str)).map(str::to_owned)
    } else {
        let known = standards.fhir.resources().iter().chain(standards.fhir.datatypes()).copied();
        nearest(&name.text, known).map(str::to_owned)
    };
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("a type is a segment, group or data type of HL7 v2, a type of FHIR, or a profile"),
    }
}

/// `VXU_V04.ORDER` for `ORDER`: the group of that name, of a message that a map in sight takes if one has it.
fn group_of(name: &str, world: &dyn World) -> Option<String> {
    if !is_hl7_name(name) {
        return None;
    }
    let standards = world.standards();
    let of = |structure: &str| {
        let key = format!("{structure}.{name}");
        standards.structure(ANY_VERSION, &key).map(|_| key)
    };
    let declared = world.names().all().filter_map(|(_, export)| match world.declaration(&export.key)? {
        Declaration::Map(map) => Some(map),
        _ => None,
    });
    let taken =
        declared.flat_map(|map| &map.params).filter_map(|param| param.ty.name.text.split('.').next()).find_map(of);
    taken.or_else(|| standards.hl7.structures(ANY_VERSION).into_iter().find_map(of))
}

fn hl7_names(world: &dyn World) -> Vec<SmolStr> {
    let hl7 = &world.standards().hl7;
    let mut names: Vec<SmolStr> = Vec::new();
    names.extend(hl7.segments(ANY_VERSION).into_iter().map(SmolStr::from));
    names.extend(hl7.datatypes(ANY_VERSION).into_iter().map(SmolStr::from));
    names.extend(hl7.structures(ANY_VERSION).into_iter().map(SmolStr::from));
    names
}

/// How a type reads in a diagnostic: `XPN*`, `Reference(Patient)?`.
pub fn show(ty: &Ty) -> String {
    let count = match ty.count {
        Count::One => "",
        Count::Optional => "?",
        Count::Any => "*",
        Count::Some => "+",
    };
    format!("{}{count}", show_kind(&ty.kind))
}

pub fn show_kind(kind: &TyKind) -> String {
    match kind {
        TyKind::Structure(_, name) | TyKind::Group(_, name) | TyKind::Segment(_, name) | TyKind::Hl7(_, name) => {
            name.to_string()
        }
        TyKind::Fhir(key) => short(key).to_owned(),
        TyKind::Choice(types) => types.join(" or "),
        TyKind::Reference(targets) if targets.is_empty() => "Reference".to_owned(),
        TyKind::Reference(targets) => format!("Reference({})", targets.join(" | ")),
        TyKind::Coded => "code".to_owned(),
        TyKind::Duration => "duration".to_owned(),
        TyKind::Nothing | TyKind::Error => "nothing".to_owned(),
    }
}

/// The key of a package's element is long; its path says enough.
pub fn short(key: &str) -> &str {
    key.rsplit(['|', '#', '/']).next().unwrap_or(key)
}

/// The name in the key of a declaration.
pub fn short_key(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The type that a shape narrows, or itself: `Patient` for `uscore.Patient`.
pub fn base(shape: &Shape) -> &SmolStr {
    if shape.base.is_empty() { &shape.key } else { &shape.base }
}
