//! What `else`, `when` and `warn` make of a value.

use super::convert::{self, Want};
use super::scope::Scope;
use super::typed::{Expr, Kind, Ty, TyKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{At, Count, Word};

/// `A else B`: B decides whether something may still be missing.
pub(super) fn otherwise(first: Expr, second: Expr, at: &At) -> Expr {
    if first.is_error() || second.is_error() {
        return Expr::error(at);
    }
    let count = match &*second.kind {
        Kind::Absent | Kind::AbsentWarn(_) => first.ty.count.maybe(),
        _ if second.is_nothing() && !gives_nothing(&second) => first.ty.count.surely(),
        _ if second.is_nothing() => first.ty.count.maybe(),
        _ if first.is_nothing() => second.ty.count,
        _ => {
            let list = first.ty.is_list() || second.ty.is_list();
            match (list, second.ty.may_be_missing() && first.ty.may_be_missing()) {
                (true, true) => Count::Any,
                (true, false) => Count::Some,
                (false, true) => Count::Optional,
                (false, false) => Count::One,
            }
        }
    };
    let kind = if first.is_nothing() { second.ty.kind.clone() } else { first.ty.kind.clone() };
    Expr::new(Kind::Else(first, second), Ty { kind, count }, at)
}

/// What stands behind an `else` is looked at only if the value before it may be missing or invalid.
pub(super) fn never_taken(scope: &mut Scope, first: &Expr, second: &Expr) {
    if is_certain(first) {
        let message = "this is never taken: the value before the `else` is always there";
        let diagnostic = Diagnostic::new(Code::UnreachableArm, second.at.clone(), message);
        scope.problem(diagnostic.help("take the `else` away"));
    }
}

/// A value that no message can take away: a constant, or what ends in one.
fn is_certain(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) | Kind::Code { .. } | Kind::Reject(_) => true,
        Kind::Else(_, last) | Kind::Warn { value: last, .. } => is_certain(last),
        Kind::Match { arms, otherwise: Some(last) } => arms.iter().map(|arm| &arm.value).chain([last]).all(is_certain),
        _ => false,
    }
}

/// Whether a value of no type may really come to nothing: `skip`, `reject` and a data-absent-reason do not.
fn gives_nothing(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Skip | Kind::Reject(_) | Kind::DataAbsent(_) => false,
        Kind::Warn { value, .. } => gives_nothing(value),
        Kind::Else(_, second) => gives_nothing(second),
        _ => true,
    }
}

pub(super) fn when(value: Expr, condition: Expr, at: &At) -> Expr {
    let ty = value.ty.with(value.ty.count.maybe());
    if value.is_error() || condition.is_error() {
        return Expr::error(at);
    }
    Expr::new(Kind::When { value, condition }, ty, at)
}

pub(super) fn warn(value: Expr, text: Option<&Word>, at: &At) -> Expr {
    let ty = value.ty.clone();
    let text = text.map(|word| word.text.clone()).unwrap_or_default();
    if value.is_error() { value } else { Expr::new(Kind::Warn { value, text }, ty, at) }
}

/// Two alternatives without a place that says what is wanted: the second becomes like the first.
pub(super) fn agree(scope: &mut Scope, first: Expr, second: Expr) -> (Expr, Expr) {
    let settled = first.ty.kind == second.ty.kind
        || [&first, &second].into_iter().any(|it| it.is_nothing() || it.is_error())
        || matches!((&first.ty.kind, &second.ty.kind), (TyKind::Hl7(..), TyKind::Hl7(..)));
    if settled {
        return (first, second);
    }
    match (&first.ty.kind, &second.ty.kind) {
        (TyKind::Reference(a), TyKind::Reference(b)) => {
            let mut targets = a.clone();
            targets.extend(b.iter().filter(|it| !a.contains(it)).cloned());
            let kind = TyKind::Reference(targets);
            let both = |mut value: Expr| {
                value.ty.kind = kind.clone();
                value
            };
            (both(first), both(second))
        }
        (TyKind::Fhir(_), TyKind::Fhir(_)) if is_plain(scope, &first) && is_plain(scope, &second) => (first, second),
        (TyKind::Hl7(..), TyKind::Fhir(_)) => {
            let want = Want { list: true, ..Want::ty(&second.ty, "the other alternative") };
            (convert::to(scope, first, &want), second)
        }
        _ => {
            let want = Want { list: true, ..Want::ty(&first.ty, "the first alternative") };
            let second = convert::to(scope, second, &want);
            (first, second)
        }
    }
}

/// A primitive of FHIR, which can stand beside any other.
fn is_plain(scope: &Scope, value: &Expr) -> bool {
    matches!(&value.ty.kind, TyKind::Fhir(key) if convert::primitive_named(&convert::base_key(scope, key)).is_some())
}
