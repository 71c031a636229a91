//! `keep` in a change of a message: what stands at the place that is changed.

use super::alternative::otherwise;
use super::convert::{self, Want};
use super::scope::{Kept, Scope};
use super::typed::{Arm, Expr, Kind, Ty, TyKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{At, Count};
use emr_message::encode::KEPT;

pub(super) fn keep(scope: &mut Scope, want: &Want, at: &At) -> Expr {
    match scope.kept.clone() {
        Some(Kept { is_last: true, .. }) => all(want, at),
        Some(Kept { place: Some(place), .. }) => convert::to(scope, Expr { at: at.clone(), ..place }, want),
        Some(Kept { lacking: Some(lacking), .. }) => {
            let or = Expr::new(Kind::Absent, Ty::NOTHING, at);
            Expr::new(Kind::KeepEach { lacking, or }, ty(want).with(Count::Optional), at)
        }
        _ => Expr::error(at),
    }
}

/// What stands at the place, be it nothing or an explicit null.
pub(super) fn all(want: &Want, at: &At) -> Expr {
    Expr::new(Kind::Json(KEPT.into()), ty(want), at)
}

fn ty(want: &Want) -> Ty {
    let ty = want.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
    Ty::one(TyKind::Fhir(ty))
}

/// The first, or where it gives nothing the second. What is kept at each of several places has its other value beside it,
/// since some of them may need it and others not.
pub(super) fn or(scope: &mut Scope, first: Expr, second: Expr, at: &At) -> Expr {
    if !keeps_each(&first) {
        return otherwise(first, second, at);
    }
    let ty = first.ty.with(second.ty.count);
    let own_at = first.at.clone();
    match *first.kind {
        Kind::KeepEach { lacking, or: known } => {
            let or = match &*known.kind {
                Kind::Absent => second,
                _ => otherwise(known, second, at),
            };
            Expr::new(Kind::KeepEach { lacking, or }, ty, at)
        }
        Kind::Else(value, other) => {
            let other = or(scope, other, second, at);
            otherwise(value, other, at)
        }
        Kind::When { value, condition } => {
            let value = or(scope, value, second.clone(), at);
            Expr::new(Kind::Match { arms: vec![Arm { condition, value }], otherwise: Some(second) }, ty, at)
        }
        Kind::Match { arms, otherwise } => {
            let mut filled = Vec::new();
            for Arm { condition, value } in arms {
                filled.push(Arm { condition, value: or(scope, value, second.clone(), at) });
            }
            let otherwise = match otherwise {
                Some(value) => or(scope, value, second, at),
                None => second,
            };
            Expr::new(Kind::Match { arms: filled, otherwise: Some(otherwise) }, ty, at)
        }
        _ => {
            let message = "some of these repetitions may be kept and others not, so this cannot be said of all";
            let diagnostic = Diagnostic::new(Code::WrongType, own_at, message);
            scope.problem(diagnostic.help("write `keep else …`, or name one of them: `PID-3[1].4`"));
            Expr::error(at)
        }
    }
}

fn keeps_each(value: &Expr) -> bool {
    match &*value.kind {
        Kind::KeepEach { .. } => true,
        Kind::Else(_, second) => keeps_each(second),
        Kind::When { value, .. } | Kind::Warn { value, .. } | Kind::Do { value, .. } => keeps_each(value),
        Kind::Match { arms, otherwise } => arms.iter().map(|arm| &arm.value).chain(otherwise).any(keeps_each),
        _ => false,
    }
}
