//! Rules: the element that a target names, and the values that it is given.

use super::block::{Building, Fields};
use super::convert::Want;
use super::scope::Scope;
use super::typed::Value;
use super::{built, expression, extension, path, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::standard::built::place as spelled;
use crate::standard::shape::{self, Element, Shape};
use crate::syntax::tree::{At, ExprKind, Part, PartKind, Rule};
use smol_str::SmolStr;
use std::sync::Arc;

/// One rule: its target among the fields, its values as the element takes them.
pub(super) fn rule(scope: &mut Scope, rule: &Rule, shape: &Arc<Shape>, fields: &mut Fields) {
    if built::is_target(shape) {
        return built::rule(scope, rule, shape, fields);
    }
    let target = &rule.target;
    let before = scope.problems.len();
    match enter(scope, shape, &target.first.text, &target.first.at, fields) {
        Some(entered) => place(scope, rule, entered, &target.parts),
        // The values are looked at all the same: what is wrong with them is said in the same pass.
        None => {
            let said = scope.problems.len();
            for value in rule.values.iter().filter(|value| !matches!(&*value.kind, ExprKind::Block(_))) {
                expression::infer(scope, value);
            }
            debug_assert!(said > before, "an element that cannot be entered is reported");
        }
    }
}

/// Follows a target part by part, and assigns at its end.
pub(super) fn place(scope: &mut Scope, rule: &Rule, entered: Entered, parts: &[Part]) {
    let (building, element, owner) = entered;
    let Some((part, rest)) = parts.split_first() else {
        return assign(scope, rule, building, &element, &owner);
    };
    match &part.kind {
        PartKind::Child(child) => {
            if let Some(next) = descend(scope, building, &element, child, &part.at) {
                place(scope, rule, next, rest);
            }
        }
        PartKind::Url(url) if element.name == "extension" || element.name == "modifierExtension" => {
            extension::by_url(scope, rule, building, url, part, rest);
        }
        PartKind::Slice(slice) => extension::slice(scope, rule, (building, element, owner), slice, part, rest),
        PartKind::Unfinished => {}
        _ => {
            let diagnostic =
                Diagnostic::new(Code::UnknownPath, part.at.clone(), "a target is one element, not a part of a list");
            scope.problem(diagnostic.help("several items are several values or blocks: `name: { … }, { … }`"));
        }
    }
}

pub(super) type Entered<'f> = (&'f mut Building, Element, SmolStr);

/// The element of that name, and the place where its values are collected.
pub(super) fn enter<'f>(
    scope: &mut Scope,
    shape: &Arc<Shape>,
    name: &SmolStr,
    at: &At,
    fields: &'f mut Fields,
) -> Option<Entered<'f>> {
    let Some(element) = shape.element(name) else {
        scope.problem(unknown_target(shape, name, at));
        return None;
    };
    if element.max == 0 {
        let message = format!("`{}.{name}` is forbidden by the profile", types::short(&shape.key));
        scope.error(Code::UnknownElement, at, message);
        return None;
    }
    let building = fields.entry(name.clone()).or_default();
    building.element = Some(element.clone());
    Some((building, element.clone(), shape.key.clone()))
}

/// `valueQuantity` is how JSON writes `value`.
fn unknown_target(shape: &Shape, name: &str, at: &At) -> Diagnostic {
    let choices = || shape.elements.iter().filter(|element| element.choice);
    let meant = choices().find(|choice| {
        let mut written = choice.types.iter().map(|ty| format!("{}{}", choice.name, ty.name));
        written.any(|written| written.eq_ignore_ascii_case(name))
    });
    match meant {
        Some(choice) => {
            let message = format!("`{}` has no element `{name}`", types::short(&shape.key));
            Diagnostic::new(Code::UnknownElement, at.clone(), message)
                .help(format!("write `{}`; the type of the value gives the rest", choice.name))
                .fix(at.clone(), choice.name.clone())
        }
        // `valueExtension` has the right stem and no type: that `value` is near is no help.
        None if choices().any(|choice| name.starts_with(choice.name.as_str())) => path::listed(shape, name, at),
        None => path::unknown_element(shape, name, at),
    }
}

/// `name.family`, `birthDate.extension`: one element deeper.
fn descend<'f>(
    scope: &mut Scope,
    building: &'f mut Building,
    element: &Element,
    child: &SmolStr,
    at: &At,
) -> Option<Entered<'f>> {
    let [ty] = element.types.as_slice() else {
        let message = format!("`{}` may have several types, so `{child}` is not known", element.name);
        let diagnostic = Diagnostic::new(Code::NotAChoice, at.clone(), message);
        scope.problem(diagnostic.help("name the type: `value: Quantity { … }`"));
        return None;
    };
    let shape = scope.world.standards().shape(&ty.shape)?;
    if shape.kind == shape::Kind::FhirPrimitive {
        let Some(inner) = shape.element(child).cloned().or_else(|| path::primitive_part(scope, &shape, child)) else {
            let message = format!("{} has no element `{child}`", a(&shape.key));
            scope.error(Code::UnknownElement, at, message);
            return None;
        };
        let deeper = building.extras.entry(child.clone()).or_default();
        deeper.element = Some(inner.clone());
        return Some((deeper, inner, shape.key.clone()));
    }
    if building.first.is_empty() {
        building.first = at.clone();
    }
    let (_, fields) = building.nested.get_or_insert_with(|| (shape.key.clone(), Fields::default()));
    enter(scope, &shape, child, at, fields)
}

/// Puts the values of a rule under an element.
pub(super) fn assign(scope: &mut Scope, rule: &Rule, building: &mut Building, element: &Element, owner: &str) {
    let label = spelled(owner, &element.name);
    if !building.values.is_empty() || building.nested.is_some() || !building.by_url.is_empty() {
        if !rule.adds || !building.adds {
            let diagnostic =
                Diagnostic::new(Code::AssignedTwice, rule.target.at.clone(), format!("`{label}` is assigned twice"));
            let help =
                if element.repeats() { "add to the list with `+:` in both rules" } else { "keep one of the two rules" };
            scope.problem(diagnostic.label(building.first.clone(), "the first time").help(help));
        }
    } else {
        building.first = rule.target.at.clone();
    }
    if rule.adds && !element.repeats() {
        let diagnostic = Diagnostic::new(
            Code::ManyForOne,
            rule.target.at.clone(),
            format!("`{label}` takes one value, so nothing can be added"),
        );
        scope.problem(diagnostic.help("write `:`"));
    }
    building.adds |= rule.adds;
    let values = values(scope, rule, element, owner);
    building.values.extend(values);
}

/// The values of a rule, as the element takes them.
pub(super) fn values(scope: &mut Scope, rule: &Rule, element: &Element, owner: &str) -> Vec<Value> {
    let want = Want::element(owner, element);
    if rule.values.len() > 1 && !want.list {
        let diagnostic =
            Diagnostic::new(Code::ManyForOne, rule.at.clone(), format!("`{}` takes one value", want.label));
        scope.problem(diagnostic.help("say which: `A else B`"));
    }
    let rule_at = rule.at.clone();
    let values = expression::values(scope, &rule.values, &want, rule.adds || rule.values.len() > 1);
    let sound = values.into_iter().filter(|value| !value.is_error());
    sound.map(|value| Value { value, rule: rule_at.clone() }).collect()
}
