//! Expressions: `value` for a place that wants certain types, `infer` where nothing is wanted.

use super::alternative::{agree, never_taken, otherwise, warn, when};
use super::convert::{self, Want};
use super::literal::{duration, number, text};
use super::operator::{arithmetic, as_type, mark_new, prefixed, via};
use super::scope::Scope;
use super::typed::{Expr, Kind, Ty, TyKind};
use super::{
    block, built, call, choose, chosen, condition, each, kept, lookup, path, refer, sourceless, systems, terms, types,
    with,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{self, At, Binary, Count, ExprKind, Word};
use smol_str::SmolStr;

/// The value of an expression, as what stands there takes it.
pub(super) fn value(scope: &mut Scope, expr: &tree::Expr, want: &Want) -> Expr {
    if !scope.deeper(&expr.at) {
        scope.depth -= 1;
        return Expr::error(&expr.at);
    }
    let value = match &*expr.kind {
        // What these give, or one of what they give, is the value itself.
        ExprKind::Null
        | ExprKind::Else(..)
        | ExprKind::When { .. }
        | ExprKind::Warn { .. }
        | ExprKind::Match { .. }
        | ExprKind::List { .. } => wanted(scope, expr, want),
        _ => {
            let clears = std::mem::take(&mut scope.clears);
            let value = wanted(scope, expr, want);
            scope.clears = clears;
            value
        }
    };
    scope.depth -= 1;
    value
}

/// The value of an expression, of the type that it has by itself.
pub(super) fn infer(scope: &mut Scope, expr: &tree::Expr) -> Expr {
    if !scope.deeper(&expr.at) {
        scope.depth -= 1;
        return Expr::error(&expr.at);
    }
    let value = natural(scope, expr);
    scope.depth -= 1;
    value
}

fn wanted(scope: &mut Scope, expr: &tree::Expr, want: &Want) -> Expr {
    let at = &expr.at;
    match &*expr.kind {
        ExprKind::Else(first, second) => {
            let first = before_another(scope, |scope| value(scope, first, want));
            let second = value(scope, second, want);
            never_taken(scope, &first, &second);
            kept::or(scope, first, second, at)
        }
        ExprKind::When { value: guarded, condition } => {
            let condition = condition::condition(scope, condition);
            let guarded = choose::in_arm(scope, Some(&condition), None, |scope| value(scope, guarded, want));
            when(guarded, condition, at)
        }
        ExprKind::Warn { value: inner, text } => {
            let inner = value(scope, inner, want);
            warn(inner, text.as_ref(), at)
        }
        ExprKind::Block(inner) => match single_shape(scope, want, at) {
            Some(shape) => {
                let block = block::value(scope, inner, &shape, at);
                sourceless::of_constants(scope, block, want.required)
            }
            None => Expr::error(at),
        },
        ExprKind::TypedBlock { ty, block: inner } => typed_block(scope, ty, inner, Some(want), at),
        ExprKind::Each(inner) => each::each(scope, inner, Some(want), at),
        ExprKind::Match { on, arms } => choose::choose(scope, on.as_ref(), arms, Some(want), at),
        ExprKind::With { value: base, block } => with::with(scope, base, block, Some(want), at),
        ExprKind::List { items, parts } if parts.is_empty() => {
            let items = values(scope, items, want, items.len() > 1);
            list(scope, items, want, at)
        }
        ExprKind::Keep if scope.kept.is_some() => kept::keep(scope, want, at),
        ExprKind::Keep => match scope.keep.clone() {
            Some(ty) => Expr::new(Kind::Keep, ty, at),
            None => misplaced_keep(scope, at),
        },
        ExprKind::Null if scope.clears => Expr::new(Kind::Null, Ty::NOTHING, at),
        ExprKind::Null if built::wanted(want).is_some() => {
            let ty = want.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
            Expr::new(Kind::Json("null".into()), Ty::one(TyKind::Fhir(ty)), at)
        }
        _ => {
            let value = natural(scope, expr);
            convert::to(scope, value, want)
        }
    }
}

/// Several sources of one element, which may have others `beside` them: there an explicit null says nothing.
pub(super) fn values(scope: &mut Scope, sources: &[tree::Expr], want: &Want, beside: bool) -> Vec<Expr> {
    let mut values: Vec<_> = sources.iter().map(|source| value(scope, source, want)).collect();
    if beside {
        values.iter_mut().for_each(without_null);
    }
    values
}

/// A value that another would be taken in place of: an explicit null is none then, and what is kept has to be there.
fn before_another(scope: &mut Scope, value: impl FnOnce(&mut Scope) -> Expr) -> Expr {
    let outer = scope.kept.clone();
    if let Some(kept) = &mut scope.kept {
        kept.is_last = false;
    }
    let mut value = value(scope);
    scope.kept = outer;
    without_null(&mut value);
    value
}

fn without_null(value: &mut Expr) {
    match &mut *value.kind {
        Kind::Copy { null, .. } => *null = false,
        Kind::Each { body: inner, .. }
        | Kind::When { value: inner, .. }
        | Kind::Warn { value: inner, .. }
        | Kind::Do { value: inner, .. } => without_null(inner),
        Kind::Match { arms, otherwise } => {
            arms.iter_mut().map(|arm| &mut arm.value).chain(otherwise).for_each(without_null);
        }
        _ => {}
    }
}

fn list(scope: &mut Scope, mut items: Vec<Expr>, want: &Want, at: &At) -> Expr {
    if items.len() == 1 {
        return items.pop().unwrap_or_else(|| Expr::error(at));
    }
    if !want.list {
        let message = format!("`{}` takes one value, and this is a list", want.label);
        scope.problem(Diagnostic::new(Code::ManyForOne, at.clone(), message).help("keep one of the values"));
        return Expr::error(at);
    }
    let sure = items.iter().any(|item| !item.ty.may_be_missing() && !item.is_nothing());
    let kind = items.iter().find(|item| !item.is_nothing()).map_or(TyKind::Nothing, |item| item.ty.kind.clone());
    let ty = Ty { kind, count: if sure { Count::Some } else { Count::Any } };
    Expr::new(Kind::List(items), ty, at)
}

/// The one type with elements that a block can be here.
fn single_shape(scope: &mut Scope, want: &Want, at: &At) -> Option<SmolStr> {
    match want.types.as_slice() {
        [only] if !want.choice => Some(only.shape.clone()),
        [] => None,
        _ => {
            let message = format!("`{}` takes {}", want.label, want.show());
            let diagnostic = Diagnostic::new(Code::NotAChoice, at.clone(), message);
            scope.problem(diagnostic.help("name the type before the brace, as in `Quantity { … }`"));
            None
        }
    }
}

fn typed_block(scope: &mut Scope, ty: &Word, inner: &tree::Block, want: Option<&Want>, at: &At) -> Expr {
    let mut problems = Vec::new();
    let kind = types::fhir_type(ty, scope.world, &mut problems);
    scope.problems.extend(problems);
    let Some(TyKind::Fhir(key)) = kind else { return Expr::error(at) };
    if let Some(want) = want {
        let base = convert::base_key(scope, &key);
        let resource = want.types.iter().any(|ty| ty.name == "Resource");
        match want.takes(scope, &base).cloned() {
            Some(narrowed) => {
                let block = block::value(scope, inner, &narrowed.shape, at);
                return sourceless::of_constants(scope, block, want.required);
            }
            None if resource => {}
            None => {
                let message = format!("`{}` takes {}, not `{}`", want.label, want.show(), ty.text);
                let mut diagnostic = Diagnostic::new(Code::WrongType, ty.at.clone(), message);
                if want.takes(scope, "Reference").is_some() {
                    diagnostic = diagnostic.help("write `emit` before it: what is emitted is referred to");
                }
                scope.problem(diagnostic);
                return Expr::error(at);
            }
        }
    }
    let block = block::value(scope, inner, &key, at);
    sourceless::of_constants(scope, block, false)
}

fn natural(scope: &mut Scope, expr: &tree::Expr) -> Expr {
    let at = &expr.at;
    match &*expr.kind {
        ExprKind::Missing => Expr::error(at),
        ExprKind::Text(parts) => text(scope, parts, at),
        ExprKind::Raw(text) => Expr::new(Kind::Text(text.clone()), Ty::fhir("string"), at),
        ExprKind::Number(text) => number(text, at),
        ExprKind::Duration(text) => duration(scope, text, at),
        ExprKind::Boolean(value) => Expr::new(Kind::Boolean(*value), Ty::fhir("boolean"), at),
        ExprKind::Code { system, code, display } => {
            let Some(uri) = systems::named(scope, system) else { return Expr::error(at) };
            terms::hold(scope, &uri, &code.text, &code.at);
            if let Some(display) = display {
                terms::hold_display(scope, &uri, &code.text, display);
            }
            let display = display.as_ref().map(|word| word.text.clone());
            Expr::new(Kind::Code { system: uri, code: code.text.clone(), display }, Ty::one(TyKind::Coded), at)
        }
        // It stands where the whole path stands, whichever part of it made it.
        ExprKind::Path(inner) => Expr { at: at.clone(), ..path::path(scope, inner) },
        ExprKind::Call { name, arguments, parts } => {
            if let Some(table) = lookup::named(scope, name) {
                return lookup::read(scope, &table, arguments, parts, at);
            }
            let called = call::call(scope, name, arguments, at);
            Expr { at: at.clone(), ..path::below(scope, called, parts, at) }
        }
        ExprKind::List { items, parts } => natural_list(scope, items, parts, at),
        ExprKind::Block(_) => {
            let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), "nothing says what this block builds");
            scope.problem(diagnostic.help("name its type before the brace, as in `Period { … }`"));
            Expr::error(at)
        }
        ExprKind::TypedBlock { ty, block } => typed_block(scope, ty, block, None, at),
        ExprKind::Prefix(prefix, inner) => prefixed(scope, *prefix, inner, at),
        ExprKind::Binary(op @ (Binary::Plus | Binary::Minus | Binary::Times | Binary::Over), left, right) => {
            arithmetic(scope, *op, left, right, at)
        }
        ExprKind::Binary(..) | ExprKind::Is { .. } => condition::condition(scope, expr),
        ExprKind::Via { value, codes } => via(scope, value, codes, at),
        ExprKind::As { value, ty } => as_type(scope, value, ty, at),
        ExprKind::With { value: base, block } => with::with(scope, base, block, None, at),
        ExprKind::IfNew(inner) => {
            let mut inner = infer(scope, inner);
            if !mark_new(&mut inner) && !inner.is_error() {
                scope.error(Code::WrongType, at, "only what is emitted can be made `if new`");
            }
            inner.at = at.clone();
            inner
        }
        ExprKind::ReferBy { map, key } => refer::by_key(scope, map, key, at),
        ExprKind::Each(inner) => each::each(scope, inner, None, at),
        ExprKind::Match { on, arms } => choose::choose(scope, on.as_ref(), arms, None, at),
        ExprKind::Else(first, second) => {
            let (first, second) = (infer(scope, first), infer(scope, second));
            let (first, second) = agree(scope, first, second);
            never_taken(scope, &first, &second);
            otherwise(first, second, at)
        }
        ExprKind::When { value, condition } => {
            let condition = condition::condition(scope, condition);
            let value = choose::in_arm(scope, Some(&condition), None, |scope| infer(scope, value));
            when(value, condition, at)
        }
        ExprKind::Warn { value, text } => {
            let value = infer(scope, value);
            warn(value, text.as_ref(), at)
        }
        ExprKind::Skip => Expr::new(Kind::Skip, Ty::NOTHING, at),
        ExprKind::Keep => match scope.keep.clone() {
            Some(ty) => Expr::new(Kind::Keep, ty, at),
            None => misplaced_keep(scope, at),
        },
        ExprKind::Null => {
            let message = "FHIR has no explicit null: what has no value is not written";
            let diagnostic = Diagnostic::new(Code::NullInFhir, at.clone(), message);
            let help = "write `absent`; to clear what a server has, send the resource with `patch`";
            scope.problem(diagnostic.help(help));
            Expr::error(at)
        }
        ExprKind::Reject(text) => Expr::new(Kind::Reject(text.text.clone()), Ty::NOTHING, at),
        ExprKind::Absent(None) => Expr::new(Kind::Absent, Ty::NOTHING, at),
        ExprKind::Absent(Some(reason)) => data_absent(scope, reason, at),
        ExprKind::WarnOnly(text) => {
            let text = text.as_ref().map(|word| word.text.clone()).unwrap_or_default();
            Expr::new(Kind::AbsentWarn(text), Ty::NOTHING, at)
        }
    }
}

fn data_absent(scope: &mut Scope, reason: &Word, at: &At) -> Expr {
    const REASONS: &str = "http://hl7.org/fhir/ValueSet/data-absent-reason";
    if let Some(set) = scope.world.standards().fhir.value_set(REASONS)
        && set.complete
        && set.find(None, &reason.text).is_none()
    {
        let message = format!("`{}` is not a reason why a value is absent", reason.text);
        let known: Vec<_> = set.codes.iter().map(|coded| format!("`{}`", coded.code)).collect();
        let diagnostic = Diagnostic::new(Code::UnknownCode, reason.at.clone(), message);
        scope.problem(diagnostic.help(format!("the reasons are {}", known.join(", "))));
    }
    Expr::new(Kind::DataAbsent(reason.text.clone()), Ty::NOTHING, at)
}

fn misplaced_keep(scope: &mut Scope, at: &At) -> Expr {
    let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), "there is nothing to keep here");
    scope.problem(diagnostic.help("`keep` stands in the block of `with`, and in code tables"));
    Expr::error(at)
}

fn natural_list(scope: &mut Scope, items: &[tree::Expr], parts: &[tree::Part], at: &At) -> Expr {
    let mut values: Vec<Expr> = items.iter().map(|item| infer(scope, item)).collect();
    if values.len() == 1 {
        let only = values.pop().unwrap_or_else(|| Expr::error(at));
        return path::below(scope, only, parts, at);
    }
    if let (Some(TyKind::Hl7(..) | TyKind::Segment(..)), false) =
        (values.first().map(|first| &first.ty.kind), parts.is_empty())
    {
        return chosen::below_list(scope, values, parts, at);
    }
    let list = chosen::together(scope, values, at);
    path::below(scope, list, parts, at)
}
