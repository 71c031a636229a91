//! The type of a FHIR value that may have several: asked (`X is Quantity`), chosen (`X as Patient`), and known in the
//! arm or behind the condition that asked for it.

use super::convert::base_key;
use super::scope::Scope;
use super::typed::{Expr, Kind, Pick, Slot, Statement, Ty, TyKind};
use super::types;
use crate::diagnostic::{Code, Diagnostic, a};
use crate::standard::shape;
use crate::syntax::tree::{At, Word};
use smol_str::{SmolStr, format_smolstr};

/// What is known of a value at some point: how it is spelled, and its type.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    of: SmolStr,
    ty: SmolStr,
}

/// `X is Quantity`
pub(super) fn is_type(scope: &mut Scope, value: Expr, ty: &Word, at: &At) -> Expr {
    match possible(scope, &value, ty) {
        Some(name) => Expr::new(Kind::IsType { value, name }, Ty::fhir("boolean"), at),
        None => Expr::error(at),
    }
}

/// `X as Quantity`, where X has one of several types: it, or each of a list, if it is of that one.
pub(super) fn of_type(scope: &mut Scope, value: Expr, ty: &Word, at: &At) -> Expr {
    match possible(scope, &value, ty) {
        Some(name) => typed(value, name, at),
        None => Expr::error(at),
    }
}

/// Whether a type leaves open of which of several it is.
pub(super) fn is_open(kind: &TyKind) -> bool {
    match kind {
        TyKind::Choice(_) => true,
        TyKind::Fhir(key) => is_any_resource(key),
        _ => false,
    }
}

fn is_any_resource(key: &str) -> bool {
    matches!(key, "Resource" | "DomainResource")
}

pub(super) fn typed(value: Expr, name: SmolStr, at: &At) -> Expr {
    let kind = if name == "Reference" { TyKind::Reference(Vec::new()) } else { TyKind::Fhir(name.clone()) };
    let ty = Ty { kind, count: value.ty.count.maybe() };
    Expr::new(Kind::OfType { value, name }, ty, at)
}

/// The name of the type, if the value may have it; what is wrong is reported.
fn possible(scope: &mut Scope, value: &Expr, ty: &Word) -> Option<SmolStr> {
    let mut problems = Vec::new();
    let kind = types::fhir_type(ty, scope.world, &mut problems);
    scope.problems.extend(problems);
    let Some(TyKind::Fhir(key)) = kind else { return None };
    let name = base_key(scope, &key);
    let shown = types::show_kind(&value.ty.kind);
    let never = |scope: &mut Scope, help: String| {
        let message = format!("this is never {}", a(&format!("`{}`", ty.text)));
        scope.problem(Diagnostic::new(Code::NeverOfType, ty.at.clone(), message).help(help));
        None
    };
    if name != key {
        let help = format!("a value has a type, and no profile: ask for `{name}`");
        return never(scope, help);
    }
    let fits = match &value.ty.kind {
        TyKind::Choice(types) => types.iter().any(|known| base_key(scope, known) == name),
        TyKind::Reference(_) => name == "Reference",
        TyKind::Coded => matches!(name.as_str(), "Coding" | "CodeableConcept" | "code"),
        TyKind::Fhir(key) if is_any_resource(key) => {
            scope.world.standards().fhir.shape(&name).is_some_and(|shape| shape.kind == shape::Kind::Resource)
        }
        TyKind::Fhir(key) => base_key(scope, key) == name,
        TyKind::Error | TyKind::Nothing => return None,
        _ => {
            return never(
                scope,
                format!("{} is of HL7 v2: what it holds is said by another field, or by `as`", a(&shown)),
            );
        }
    };
    if fits { Some(name) } else { never(scope, format!("it is {}", a(&shown))) }
}

// ---- what is known ------------------------------------------------------------------------------------------------

/// The value with the type that is known of it here.
pub(super) fn narrowed(scope: &Scope, value: Expr) -> Expr {
    if !is_open(&value.ty.kind) {
        return value;
    }
    let known = spelled(&value).and_then(|of| scope.facts.iter().rev().find(|fact| fact.of == of));
    match known {
        Some(fact) => {
            let at = value.at.clone();
            typed(value, fact.ty.clone(), &at)
        }
        None => value,
    }
}

/// Notes what a condition that holds says of types; `subject` is what a `match` looks at, under another name.
pub(super) fn learn(scope: &mut Scope, condition: &Expr, subject: Option<&Statement>) {
    match &*condition.kind {
        Kind::And(left, right) => {
            learn(scope, left, subject);
            learn(scope, right, subject);
        }
        Kind::IsType { value, name } => {
            let mut facts: Vec<SmolStr> = spelled(value).into_iter().collect();
            if let (Kind::Slot(asked), Some(Statement::Let(slot, subject))) = (&*value.kind, subject)
                && asked == slot
            {
                facts.extend(spelled(subject));
            }
            scope.facts.extend(facts.into_iter().map(|of| Fact { of, ty: name.clone() }));
        }
        _ => {}
    }
}

/// How a value is known again: by the slot that it begins at and the names below it.
fn spelled(value: &Expr) -> Option<SmolStr> {
    match &*value.kind {
        Kind::Slot(Slot(number)) => Some(format_smolstr!("{number}")),
        Kind::Element { of, name } => Some(format_smolstr!("{}.{name}", spelled(of)?)),
        Kind::Pick { which: Pick::First, list } => Some(format_smolstr!("{}[0]", spelled(list)?)),
        Kind::OfType { value, .. } => spelled(value),
        _ => None,
    }
}
