//! Parts of HL7 v2 as targets: the places that rules name, and what values they take.

use super::block::{Building, Fields};
use super::convert::{How, Want, base_key, is_hl7_primitive, primitive_named};
use super::rule;
use super::scope::Scope;
use super::typed::{Expr, Field, Kind, Primitive, TyKind};
use super::{expression, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::built;
use crate::standard::shape::{Element, Kind as ShapeKind, Shape};
use crate::syntax::tree::{At, Count, ExprKind, Part, PartKind, Rule, Target};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// Whether a shape is one of HL7 v2.
pub(super) fn is_target(shape: &Shape) -> bool {
    built::name(&shape.key).is_some()
}

/// Whether what is built here is a message, or a part of one.
pub(super) fn is_built(kind: &TyKind) -> bool {
    matches!(kind, TyKind::Fhir(key) if built::name(key).is_some())
}

/// Whether a whole message is wanted.
pub(super) fn is_message(scope: &Scope, want: &Want) -> bool {
    let [ty] = want.types.as_slice() else { return false };
    let shape = built::name(&ty.name).and_then(|_| scope.world.standards().shape(&ty.name));
    shape.is_some_and(|shape| shape.kind == ShapeKind::Structure)
}

// ---- rules -----------------------------------------------------------------------------------------------

/// One rule of a block that builds a part of a message.
pub(super) fn rule(scope: &mut Scope, rule: &Rule, shape: &Arc<Shape>, fields: &mut Fields) {
    match names(scope, &rule.target, shape) {
        Some(names) => place(scope, rule, shape, &names, fields),
        None => {
            for value in rule.values.iter().filter(|value| !matches!(&*value.kind, ExprKind::Block(_))) {
                expression::infer(scope, value);
            }
        }
    }
}

/// The first element that a rule assigns, and what it is called there.
pub(super) fn first_element(scope: &mut Scope, target: &Target, shape: &Arc<Shape>) -> Option<(Element, bool)> {
    let before = scope.problems.len();
    let names = names(scope, target, shape);
    scope.problems.truncate(before);
    let names = names?;
    Some((shape.element(&names.first()?.0)?.clone(), names.len() == 1))
}

type Names = Vec<(SmolStr, At)>;

/// The elements from the shape down to the place: `PATIENT`, `PID`, `3`, `1`.
fn names(scope: &mut Scope, target: &Target, shape: &Arc<Shape>) -> Option<Names> {
    let first = (target.first.text.clone(), target.first.at.clone());
    match shape.kind {
        ShapeKind::Structure | ShapeKind::Group => {
            let (which, rest) = chosen(scope, &target.parts, first, shape)?;
            let mut names = vec![which.clone()];
            // Groups and segments have names, what is below them numbers.
            let mut around = inner(scope, shape, &which.0);
            let mut rest = rest;
            while let Some((Part { kind: PartKind::Child(child), at }, others)) = rest.split_first() {
                let Some(group) = around.clone() else { break };
                let (which, others) = chosen(scope, others, (child.clone(), at.clone()), &group)?;
                around = inner(scope, &group, &which.0);
                names.push(which);
                rest = others;
            }
            names.extend(numbers(scope, rest, true)?);
            Some(names)
        }
        _ => {
            let owner = types::short(&shape.key);
            if target.first.text != owner {
                let message = format!("`{}` is no place of {owner}", target.first.text);
                let diagnostic = Diagnostic::new(Code::WrongOwner, target.first.at.clone(), message);
                scope.problem(diagnostic.help(format!("write the number behind its owner: `{}`", place_name(shape))));
                return None;
            }
            let names = numbers(scope, &target.parts, shape.kind == ShapeKind::Segment)?;
            if names.is_empty() {
                let message = format!("`{owner}` is what this block builds");
                let diagnostic = Diagnostic::new(Code::WrongOwner, target.at.clone(), message);
                scope.problem(diagnostic.help(format!("write a place of it: `{}`", place_name(shape))));
                return None;
            }
            Some(names)
        }
    }
}

fn place_name(shape: &Shape) -> String {
    built::place(&shape.key, shape.elements.first().map_or("1", |element| element.name.as_str()))
}

/// The name with its place, where a bracket behind it says which: `ROL[after PV1]`, `PID[place 2]`.
fn chosen<'p>(
    scope: &mut Scope,
    parts: &'p [Part],
    (name, at): (SmolStr, At),
    shape: &Shape,
) -> Option<((SmolStr, At), &'p [Part])> {
    let places: Vec<usize> = (0..shape.elements.len())
        .filter(|index| shape.elements.get(*index).is_some_and(|element| built::bare(&element.name) == name))
        .collect();
    let (wanted, rest) = match parts.split_first() {
        Some((Part { kind: PartKind::Place(number), .. }, rest)) => {
            let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
            (index.and_then(|index| places.get(index)).copied(), rest)
        }
        Some((Part { kind: PartKind::After(before), .. }, rest)) => {
            let stands = |place: &&usize| {
                let ahead = shape.elements.get(..**place).unwrap_or_default().iter().rev();
                let mut ahead = ahead.take_while(|element| built::bare(&element.name) != name);
                ahead.any(|element| built::bare(&element.name) == before)
            };
            (places.iter().find(stands).copied(), rest)
        }
        _ if places.len() > 1 => {
            let message = format!("`{name}` has {} places in this structure", places.len());
            let diagnostic = Diagnostic::new(Code::AmbiguousPlace, at, message);
            scope.problem(diagnostic.help(format!("write `{name}[place 1]`, or what stands before it: `[after …]`")));
            return None;
        }
        _ => return Some(((name, at), parts)),
    };
    match wanted.and_then(|index| shape.elements.get(index)) {
        Some(element) => Some(((element.name.clone(), at), rest)),
        None => {
            scope.error(Code::UnknownPath, &at, "there is no such place in the structure");
            None
        }
    }
}

fn inner(scope: &Scope, shape: &Shape, name: &str) -> Option<Arc<Shape>> {
    let ty = shape.element(name)?.types.first()?.shape.clone();
    scope.world.standards().shape(&ty).filter(|shape| shape.kind == ShapeKind::Group)
}

/// Numbers of fields and components.
fn numbers(scope: &mut Scope, parts: &[Part], has_field: bool) -> Option<Names> {
    let mut names = Names::new();
    for part in parts {
        let number = match &part.kind {
            PartKind::Field(number) if has_field && names.is_empty() => number,
            PartKind::Component(number) if !has_field || !names.is_empty() => number,
            PartKind::Unfinished => return None,
            PartKind::Field(_) | PartKind::Component(_) => {
                let diagnostic = Diagnostic::new(
                    Code::WrongPathSpelling,
                    part.at.clone(),
                    "the field stands behind a minus, components behind dots",
                );
                scope.problem(diagnostic.help("as in `PID-5.1`, and `XPN.1` of a data type"));
                return None;
            }
            PartKind::Child(name) => {
                let message = format!("`{name}` is no place of a message");
                let diagnostic = Diagnostic::new(Code::UnknownPath, part.at.clone(), message);
                scope.problem(diagnostic.help("segments and groups have names, fields and components numbers"));
                return None;
            }
            _ => {
                let diagnostic =
                    Diagnostic::new(Code::UnknownPath, part.at.clone(), "a target is one place, not a part of a list");
                scope.problem(diagnostic.help("several repetitions are several values or blocks, with commas between"));
                return None;
            }
        };
        names.push((format_smolstr!("{number}"), part.at.clone()));
    }
    Some(names)
}

fn place(scope: &mut Scope, rule: &Rule, shape: &Arc<Shape>, names: &[(SmolStr, At)], fields: &mut Fields) {
    let Some(((name, at), rest)) = names.split_first() else { return };
    let Some((building, element)) = enter(scope, shape, name, at, fields) else { return };
    let Some((_, next)) = rest.first() else { return rule::assign(scope, rule, building, &element, &shape.key) };
    let ty = element.types.first().map(|ty| ty.shape.clone()).unwrap_or_default();
    let below = scope.world.standards().shape(&ty).filter(|shape| !shape.elements.is_empty());
    let Some(below) = below else {
        let message = format!("`{}` has no components", built::place(&shape.key, name));
        let help = match types::short(&ty) {
            "varies" => "what it holds varies: write a value, or the block of a type, as in `CWE { … }`".to_owned(),
            simple => format!("it is a value of type {simple}"),
        };
        scope.problem(Diagnostic::new(Code::UnknownPath, next.clone(), message).help(help));
        return;
    };
    if !building.values.is_empty() {
        let message = format!("`{}` is assigned as a whole already", built::place(&shape.key, name));
        let diagnostic = Diagnostic::new(Code::AssignedTwice, rule.target.at.clone(), message);
        scope.problem(diagnostic.label(building.first.clone(), "the first time").help("keep one of the two rules"));
        return;
    }
    if building.first.is_empty() {
        building.first = rule.target.at.clone();
    }
    let (_, inner) = building.nested.get_or_insert_with(|| (below.key.clone(), Fields::default()));
    place(scope, rule, &below, rest, inner);
}

fn enter<'f>(
    scope: &mut Scope,
    shape: &Arc<Shape>,
    name: &SmolStr,
    at: &At,
    fields: &'f mut Fields,
) -> Option<(&'f mut Building, Element)> {
    let owner = types::short(&shape.key);
    if owner == "MSH" && matches!(name.as_str(), "1" | "2") {
        let message = format!("`MSH-{name}` says how to read the message: it is written for you");
        scope.problem(Diagnostic::new(Code::WrittenForYou, at.clone(), message).help("take the rule away"));
        return None;
    }
    let Some(element) = shape.element(name) else {
        scope.problem(unknown(shape, name, at));
        return None;
    };
    let building = fields.entry(name.clone()).or_default();
    building.element = Some(element.clone());
    Some((building, element.clone()))
}

/// A place that the segment, data type, structure or group does not have.
pub(super) fn unknown(shape: &Shape, name: &str, at: &At) -> Diagnostic {
    let owner = types::short(&shape.key);
    let message = format!("`{owner}` has no `{}`", built::place(&shape.key, name));
    let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), message);
    match (shape.kind, shape.elements.last()) {
        (ShapeKind::Structure | ShapeKind::Group, _) => {
            let known: Vec<_> = shape.elements.iter().map(|element| format!("`{}`", element.name)).collect();
            let message = format!("`{owner}` has no segment or group `{name}` of its own");
            Diagnostic::new(Code::UnknownPath, at.clone(), message).help(format!("it has {}", known.join(", ")))
        }
        (_, Some(last)) => diagnostic.help(format!("its last one is `{}`", built::place(&shape.key, &last.name))),
        (_, None) => diagnostic.help("it is a value without components"),
    }
}

/// What several rules say of places below one is written because they say it, be it by constants.
pub(super) fn count_of(fields: &[Field]) -> Count {
    let mut values = fields.iter().flat_map(|field| &field.values);
    match values.any(|value| !value.value.ty.may_be_missing() && !value.value.is_nothing()) {
        true => Count::One,
        false => Count::Optional,
    }
}

// ---- values ----------------------------------------------------------------------------------------------

/// The name of the one part of HL7 that is wanted.
pub(super) fn wanted(want: &Want) -> Option<SmolStr> {
    let [ty] = want.types.as_slice() else { return None };
    Some(SmolStr::from(built::name(&ty.name)?))
}

/// How a value becomes a part of a message; nothing where it cannot, of which the caller says something.
pub(super) fn how(scope: &mut Scope, value: &Expr, want: &Want, name: &SmolStr) -> Option<How> {
    let key = want.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
    let simple = name == "varies" || is_hl7_primitive(scope, name) && is_datatype_or_none(scope, name);
    match &value.ty.kind {
        TyKind::Fhir(own) if *own == key => Some(How::Same),
        TyKind::Fhir(own) if built::name(own).is_some() => {
            let own_name = built::name(own).unwrap_or_default();
            let fits = name == "varies" || simple && is_hl7_primitive(scope, own_name);
            fits.then_some(How::Same)
        }
        TyKind::Fhir(own) => from_fhir(scope, value, own, want, (name, &key)),
        TyKind::Coded => {
            super::binding::coded(scope, value, want);
            let holds_codes = simple || matches!(name.as_str(), "CWE" | "CE" | "CNE" | "CF");
            let constant = matches!(&*value.kind, Kind::Code { .. });
            holds_codes.then_some(if constant { How::As(key) } else { How::Coded(key) })
        }
        TyKind::Hl7(_, own) => {
            let same = own == name || name == "varies" || own == "varies";
            let both = is_hl7_primitive(scope, own) && is_datatype(scope, name);
            let coded = |name: &str| matches!(name, "CWE" | "CE" | "CNE" | "CF");
            let times = |name: &str| matches!(name, "TS" | "DTM" | "DT");
            let alike = coded(own) && coded(name) || times(own) && times(name);
            (same || both || alike).then_some(How::Copy(key))
        }
        TyKind::Segment(_, own) => (own == name).then_some(How::Copy(key)),
        TyKind::Structure(_, own) => {
            let local = |name: &str| scope.world.standards().local.get(name).map(|shape| shape.base.clone());
            let base = |name: &SmolStr| local(name).unwrap_or_else(|| name.clone());
            (base(own) == base(name)).then_some(How::Whole(key))
        }
        _ => None,
    }
}

/// The target that a part of the message becomes where it is taken as it stands.
pub(super) fn copied(scope: &mut Scope, value: &Expr, want: &Want, name: &SmolStr) -> Option<SmolStr> {
    match value.ty.kind {
        TyKind::Hl7(..) | TyKind::Segment(..) => match how(scope, value, want, name)? {
            How::Copy(key) => Some(key),
            _ => None,
        },
        _ => None,
    }
}

fn is_datatype(scope: &Scope, name: &str) -> bool {
    scope.world.standards().datatype(super::ANY_VERSION, name).is_some()
}

fn is_datatype_or_none(scope: &Scope, name: &str) -> bool {
    let standards = scope.world.standards();
    is_datatype(scope, name)
        || standards.segment(super::ANY_VERSION, name).is_none()
            && standards.structure(super::ANY_VERSION, name).is_none()
}

/// A primitive of FHIR is a value of a data type, or the first part of it.
fn from_fhir(
    scope: &mut Scope,
    value: &Expr,
    own: &SmolStr,
    want: &Want,
    (name, key): (&SmolStr, &SmolStr),
) -> Option<How> {
    let base = base_key(scope, own);
    let takes_codes = matches!(name.as_str(), "CWE" | "CE" | "CNE" | "CF" | "varies");
    if takes_codes && matches!(base.as_str(), "Coding" | "CodeableConcept") {
        return Some(How::Same);
    }
    primitive_named(&base)?;
    if !is_datatype(scope, name) && name != "varies" {
        return None;
    }
    let is_time = matches!(base.as_str(), "date" | "dateTime" | "instant" | "time");
    let is_number = matches!(base.as_str(), "boolean" | "decimal" | "integer" | "positiveInt" | "unsignedInt");
    let wants_time = matches!(name.as_str(), "DT" | "DTM" | "TS" | "TM");
    if wants_time && (is_number || base == "time" && name != "TM") || name == "NM" && (is_time || base == "boolean") {
        return None;
    }
    if is_time && name != "varies" {
        return Some(How::Primitive(Primitive::Hl7Time, key.clone()));
    }
    super::binding::constant(scope, value, want);
    let constant = matches!(&*value.kind, Kind::Text(_) | Kind::Code { .. });
    Some(if constant { How::As(key.clone()) } else { How::Same })
}
