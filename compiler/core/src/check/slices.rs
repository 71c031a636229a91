//! Which items of a list belong to a slice of a profile: what its discriminators ask, as a condition.

use super::chosen::{filtered, has_url, present};
use super::scope::Scope;
use super::suggest::nearest;
use super::typed::{Compare, Comparison, Expr, Kind, Ty, TyKind};
use super::{convert, path, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::shape::{Discriminator, Element, Slice, Strength};
use crate::syntax::tree::At;
use serde_json::Value as Json;
use smol_str::{SmolStr, format_smolstr};

/// More codes than this tell no slices apart.
const CODES_MAX: usize = 100;

/// The shape that has the element which a list is.
pub(super) fn owner(list: &Expr) -> Option<SmolStr> {
    let Kind::Element { of, .. } = &*list.kind else { return None };
    match &of.ty.kind {
        TyKind::Fhir(key) => Some(key.clone()),
        TyKind::Reference(_) => Some("Reference".into()),
        _ => None,
    }
}

/// Whether an item belongs to the slice (FHIR R4 §5.1.0.15).
pub(super) fn belongs(scope: &mut Scope, item: Expr, element: &Element, slice: &Slice, at: &At) -> Expr {
    let mut all: Option<Expr> = None;
    for by in &slice.discriminators {
        if matches!(by, Discriminator::Profile(way) if way.ends_with("resolve()")) && !is_alone(scope, element, slice) {
            return not_told(scope, slice, at);
        }
        let Some(one) = asked(scope, item.clone(), slice, by, at) else { return not_told(scope, slice, at) };
        all = Some(match all {
            Some(before) => joined(Kind::And(before, one), at),
            None => one,
        });
    }
    all.unwrap_or_else(|| not_told(scope, slice, at))
}

/// Whether no other slice refers to resources of the same type, which alone is known of what is referred to.
fn is_alone(scope: &Scope, element: &Element, slice: &Slice) -> bool {
    let of = |slice: &Slice| {
        let targets = slice.element.types.iter().flat_map(|ty| &ty.targets);
        targets.map(|target| convert::base_key(scope, target)).collect::<Vec<_>>()
    };
    let own = of(slice);
    let others = element.slices.iter().filter(|other| other.name != slice.name);
    !others.flat_map(of).any(|target| own.contains(&target))
}

fn not_told(scope: &mut Scope, slice: &Slice, at: &At) -> Expr {
    let message = format!("what belongs to the slice `{}` cannot be told from its items", slice.name);
    let diagnostic = Diagnostic::new(Code::UnknownSlice, at.clone(), message);
    scope.problem(diagnostic.help("choose by a condition, as in `[.code.text == \"…\"]`"));
    Expr::error(at)
}

pub(super) fn unknown(element: &Element, owner: &str, name: &str, at: &At) -> Diagnostic {
    let label = format!("{}.{}", types::short(owner), element.name);
    let diagnostic = Diagnostic::new(Code::UnknownSlice, at.clone(), format!("`{label}` has no slice `{name}`"));
    let known: Vec<&str> = element.slices.iter().map(|slice| slice.name.as_str()).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => diagnostic.help("only a profile of a FHIR package has slices here"),
        None => diagnostic.help(format!("it has `{}`", known.join("`, `"))),
    }
}

fn joined(kind: Kind, at: &At) -> Expr {
    Expr::new(kind, Ty::fhir("boolean"), at)
}

fn asked(scope: &mut Scope, item: Expr, slice: &Slice, by: &Discriminator, at: &At) -> Option<Expr> {
    match by {
        Discriminator::Value(way) => match &slice.url {
            Some(url) if way == "url" => Some(has_url(scope, item, url, at)),
            _ => valued(scope, item, slice, way, at),
        },
        Discriminator::Type(way) if way == "resolve()" => refers(scope, item, &slice.element, at),
        Discriminator::Type(way) => {
            let (element, names) = element_at(scope, slice, way)?;
            let value = names.iter().fold(item, |value, name| path::child(scope, value, name, at));
            let mut types = element.types.iter().map(|ty| convert::base_key(scope, &ty.name)).collect::<Vec<_>>();
            types.dedup();
            let is = types.into_iter().map(|name| is_one(&value, name, at));
            is.reduce(|left, right| joined(Kind::Or(left, right), at))
        }
        Discriminator::Exists(way) => {
            let (element, names) = element_at(scope, slice, way)?;
            let value = names.iter().fold(item, |value, name| path::child(scope, value, name, at));
            let there = present(value, at);
            match (element.min, element.max) {
                (_, 0) => Some(joined(Kind::Not(there), at)),
                (1.., _) => Some(there),
                _ => None,
            }
        }
        Discriminator::Profile(way) => profiled(scope, item, slice, way, at),
    }
}

/// What is made of a map to a profile is of that profile; of what is referred to, the type is known alone.
fn profiled(scope: &mut Scope, item: Expr, slice: &Slice, way: &str, at: &At) -> Option<Expr> {
    if let Some(before) = way.strip_suffix("resolve()") {
        let (element, names) = element_at(scope, slice, before.trim_end_matches('.'))?;
        let value = names.iter().fold(item, |value, name| path::child(scope, value, name, at));
        return refers(scope, value, &element, at);
    }
    let (element, names) = element_at(scope, slice, way)?;
    let value = names.iter().fold(item, |value, name| path::child(scope, value, name, at));
    let is = element.types.iter().map(|ty| is_one(&value, ty.shape.clone(), at));
    is.reduce(|left, right| joined(Kind::Or(left, right), at))
}

fn refers(scope: &Scope, value: Expr, element: &Element, at: &At) -> Option<Expr> {
    let mut targets: Vec<SmolStr> = element.types.iter().flat_map(|ty| &ty.targets).cloned().collect();
    targets.iter_mut().for_each(|target| *target = convert::base_key(scope, target));
    targets.dedup();
    let is = targets.into_iter().map(|target| is_one(&value, format_smolstr!("Reference({target})"), at));
    is.reduce(|left, right| joined(Kind::Or(left, right), at))
}

fn is_one(value: &Expr, name: SmolStr, at: &At) -> Expr {
    joined(Kind::IsType { value: value.clone(), name }, at)
}

/// The names of a path; none where it calls a function.
fn names(way: &str) -> Option<Vec<&str>> {
    (!way.contains('(')).then(|| way.split('.').filter(|name| !matches!(*name, "" | "$this")).collect())
}

/// The element of a slice at a path of names.
fn element_at<'p>(scope: &Scope, slice: &Slice, way: &'p str) -> Option<(Element, Vec<&'p str>)> {
    let names = names(way)?;
    let mut element = slice.element.clone();
    for name in &names {
        element = below(scope, &element, name)?;
    }
    Some((element, names))
}

fn below(scope: &Scope, element: &Element, name: &str) -> Option<Element> {
    let shape = scope.world.standards().fhir.shape(&element.types.first()?.shape)?;
    shape.element(name).cloned()
}

/// What the slice fixes at a path, or at an element on the way to it.
fn valued(scope: &mut Scope, item: Expr, slice: &Slice, way: &str, at: &At) -> Option<Expr> {
    let names = names(way)?;
    let (mut element, mut value) = (slice.element.clone(), item);
    for name in names {
        if let Some(fixed) = element.fixed.as_ref().or(element.pattern.as_ref()) {
            return holds(scope, value, fixed, at);
        }
        element = below(scope, &element, name)?;
        value = path::child(scope, value, name, at);
    }
    match element.fixed.as_ref().or(element.pattern.as_ref()) {
        Some(fixed) => holds(scope, value, fixed, at),
        None => bound(scope, value, &element, at),
    }
}

/// A required binding tells slices apart if all its codes are known.
fn bound(scope: &mut Scope, value: Expr, element: &Element, at: &At) -> Option<Expr> {
    let binding = element.binding.as_ref().filter(|binding| binding.strength == Strength::Required)?;
    let set = scope.world.standards().fhir.value_set(&binding.set).filter(|set| set.complete)?;
    if set.codes.len() > CODES_MAX || set.codes.is_empty() {
        return None;
    }
    let plain = element.types.iter().all(|ty| convert::primitive_named(&ty.name).is_some());
    let (how, list) = if plain {
        let code = |code: &SmolStr| Expr::new(Kind::Text(code.clone()), Ty::fhir("code"), at);
        (Comparison::Text, set.codes.iter().map(|coded| code(&coded.code)).collect())
    } else {
        let coded = |system: &SmolStr, code: &SmolStr| {
            let kind = Kind::Code { system: system.clone(), code: code.clone(), display: None };
            Expr::new(kind, Ty::one(TyKind::Coded), at)
        };
        (Comparison::Coded, set.codes.iter().map(|it| coded(&it.system, &it.code)).collect::<Vec<_>>())
    };
    let of = |value: Expr| joined(Kind::In { value, list: list.clone(), how }, at);
    Some(if value.ty.is_list() { present(filtered(scope, value, at, &|_, item| of(item)), at) } else { of(value) })
}

/// Whether a value has all that the JSON says, and maybe more; of a list, whether one of its items has.
fn holds(scope: &mut Scope, value: Expr, json: &Json, at: &At) -> Option<Expr> {
    if value.ty.is_list() {
        let failed = std::cell::Cell::new(false);
        let chosen = filtered(scope, value, at, &|scope, item| {
            holds(scope, item, json, at).unwrap_or_else(|| {
                failed.set(true);
                joined(Kind::Boolean(false), at)
            })
        });
        return (!failed.get()).then(|| present(chosen, at));
    }
    match json {
        Json::Object(members) => {
            let mut all: Option<Expr> = None;
            for (name, wanted) in members {
                let inner = path::child_known(scope, value.clone(), name, at)?;
                let wanted: Vec<&Json> = wanted.as_array().map_or_else(|| vec![wanted], |items| items.iter().collect());
                for wanted in wanted {
                    let one = holds(scope, inner.clone(), wanted, at)?;
                    all = Some(match all {
                        Some(before) => joined(Kind::And(before, one), at),
                        None => one,
                    });
                }
            }
            all
        }
        Json::String(text) => equal(value, Kind::Text(text.into()), "string", Comparison::Text, at),
        Json::Bool(truth) => equal(value, Kind::Boolean(*truth), "boolean", Comparison::Boolean, at),
        Json::Number(number) => {
            equal(value, Kind::Number(number.to_string().into()), "decimal", Comparison::Number, at)
        }
        Json::Null | Json::Array(_) => None,
    }
}

fn equal(left: Expr, right: Kind, name: &str, how: Comparison, at: &At) -> Option<Expr> {
    let right = Expr::new(right, Ty::fhir(name), at);
    Some(joined(Kind::Compare { op: Compare::Equal, left, right, how }, at))
}
