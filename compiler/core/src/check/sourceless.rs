//! Values that no source has a part in: alone they make no block.

use super::scope::Scope;
use super::typed::{Expr, Kind};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::syntax::tree::Count;

/// Whether no source has a part in it: such a value alone makes no block.
pub(super) fn is_constant(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) | Kind::Duration(_) | Kind::Code { .. } | Kind::Json(_) => {
            true
        }
        Kind::Environment(_) => true,
        Kind::DataAbsent(_) | Kind::Absent | Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => true,
        Kind::List(items) => items.iter().all(is_constant),
        Kind::Else(first, second) => is_constant(first) && is_constant(second),
        Kind::Match { arms, otherwise } => arms.iter().map(|arm| &arm.value).chain(otherwise).all(is_constant),
        Kind::Do { value, .. } => is_constant(value),
        Kind::When { value, .. } | Kind::Warn { value, .. } | Kind::Coded(value) => is_constant(value),
        Kind::Block(block) => {
            block.fields.iter().flat_map(|field| &field.values).all(|value| is_constant(&value.value))
        }
        _ => false,
    }
}

/// What must be there is written also where the message brings nothing but the defaults of its rules: they are the value
/// that was asked for.
pub(super) fn surely(mut value: Expr) -> Expr {
    let is_sure = !value.ty.may_be_missing();
    match &mut *value.kind {
        Kind::Block(block) if is_sure && !block.fields.is_empty() => block.always = true,
        Kind::Else(_, last) | Kind::Do { value: last, .. } | Kind::Warn { value: last, .. } => in_place(last),
        Kind::Match { arms, otherwise } => {
            arms.iter_mut().map(|arm| &mut arm.value).chain(otherwise).for_each(in_place);
        }
        _ => {}
    }
    value
}

fn in_place(value: &mut Expr) {
    let at = value.at.clone();
    let taken = std::mem::replace(value, Expr::error(&at));
    *value = surely(taken);
}

/// Constants alone make a block only in an element that must be there: they are part of what is around it, as a
/// constant text would be. Elsewhere the block is never written, which is worth a word.
pub(super) fn of_constants(scope: &mut Scope, value: Expr, required: bool) -> Expr {
    let value = if required { surely(value) } else { value };
    if !is_constant(&value) || matches!(&*value.kind, Kind::Block(block) if block.fields.is_empty()) {
        return value;
    }
    if required {
        return with_constants(value);
    }
    // What is said of the whole block need not be said of those inside it, and a value that is wrong is no constant.
    let inside = |it: &Diagnostic| value.at.start <= it.at.start && it.at.end <= value.at.end;
    scope.problems.retain(|it| it.code != Code::NeverWritten || !inside(it));
    if scope.problems.iter().any(|it| it.severity() == Severity::Error && inside(it)) {
        return value;
    }
    let message = "this block is never written: it holds constants alone";
    let diagnostic = Diagnostic::new(Code::NeverWritten, value.at.clone(), message);
    scope.problem(
        diagnostic.help("a block is written if one of its sources has a value: put in the one that it depends on"),
    );
    value
}

fn with_constants(mut value: Expr) -> Expr {
    if !is_constant(&value) {
        return value;
    }
    if let Kind::Block(block) = &mut *value.kind
        && !block.fields.is_empty()
    {
        block.always = true;
        for inner in block.fields.iter_mut().flat_map(|field| &mut field.values) {
            let constant = std::mem::replace(&mut inner.value, Expr::error(&value.at));
            inner.value = with_constants(constant);
        }
        value.ty.count = Count::One;
    }
    value
}
