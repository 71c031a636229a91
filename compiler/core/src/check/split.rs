//! `split(message, OBR)`: several messages of one, and what a map gives that gives messages.

use super::scope::Scope;
use super::signature::Signature;
use super::typed::{Edit, Expr, Kind, TyKind};
use super::{edited, expression};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::built;
use crate::standard::shape::Kind as ShapeKind;
use crate::syntax::tree::{Argument, At, Count, ExprKind};

/// A message for each group that the segment opens, with all that stands outside of these groups.
pub(super) fn split(scope: &mut Scope, arguments: &[Argument], at: &At) -> Expr {
    let wrong = |scope: &mut Scope, message: &str| {
        let diagnostic = Diagnostic::new(Code::WrongCall, at.clone(), message);
        scope.problem(diagnostic.help("as in `split(message, OBR)`"));
        Expr::error(at)
    };
    let [message, part] = arguments else {
        return wrong(scope, "`split` takes a message and a segment of it");
    };
    let base = expression::infer(scope, &message.value);
    if base.is_error() {
        return base;
    }
    let (Kind::Slot(of), TyKind::Structure(..)) = (&*base.kind, &base.ty.kind) else {
        return wrong(scope, "`split` takes a message as it came: one that the map takes");
    };
    let (ExprKind::Path(what), false) = (&*part.value.kind, base.ty.is_list()) else {
        return wrong(scope, "`split` takes one message and a segment of it");
    };
    let of = *of;
    let refused = ("a message is split by segments and groups", "name a segment, as in `split(message, OBR)`");
    let parts = edited::of_each(scope, (what, None), at, refused, &|item| Edit::Part { item });
    if parts.is_error() {
        return parts;
    }
    Expr::new(Kind::Split { of, parts }, base.ty.with(Count::Any), at)
}

/// A map gives one message, or several by `split`; nothing else makes several, or one of several.
pub(super) fn held(scope: &mut Scope, body: Expr, signature: &Signature, at: &At) -> Expr {
    let TyKind::Fhir(key) = &signature.result.kind else { return body };
    let shape = built::name(key).and_then(|_| scope.world.standards().shape(key));
    let is_message = shape.is_some_and(|shape| shape.kind == ShapeKind::Structure);
    let several = signature.result.is_list();
    if !is_message || body.is_error() || is_whole(&body, several) {
        return body;
    }
    let message = match several {
        true => "several messages are made by `split` alone",
        false => "one of several messages is not taken from the others",
    };
    let help = "as in `-> ORU_R01* = split(message, OBR)`; a route sends each of them on: `orders then one_order`";
    scope.problem(Diagnostic::new(Code::SplitAlone, at.clone(), message).help(help));
    Expr::error(at)
}

fn is_whole(value: &Expr, several: bool) -> bool {
    match &*value.kind {
        Kind::Split { .. } => several,
        Kind::Edited { .. } | Kind::Block(_) | Kind::With { .. } => !several,
        Kind::Call { .. } | Kind::Slot(_) => value.ty.is_list() == several,
        Kind::Do { value, .. } | Kind::When { value, .. } | Kind::Warn { value, .. } => is_whole(value, several),
        Kind::Else(first, second) => is_whole(first, several) && is_whole(second, several),
        Kind::Match { arms, otherwise } => {
            arms.iter().map(|arm| &arm.value).chain(otherwise).all(|value| is_whole(value, several))
        }
        _ => value.ty.kind == TyKind::Nothing,
    }
}
