//! What the checker knows of single built-in functions, beyond their signatures in the library.

use super::condition;
use super::scope::Scope;
use super::typed::{Expr, Kind, Ty, TyKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{Argument, At, Count, Word};
use emr_abi::Builtin;

/// `any(…)` and `all(…)` take a comparison of a list, which is none elsewhere.
pub(super) fn special(scope: &mut Scope, name: &Word, arguments: &[Argument], at: &At) -> Option<Expr> {
    let all = match name.text.as_str() {
        "any" => false,
        "all" => true,
        _ => return None,
    };
    match arguments {
        [Argument { name: None, value }] => Some(condition::over_list(scope, value, all, at)),
        _ => {
            let diagnostic =
                Diagnostic::new(Code::WrongCall, at.clone(), format!("`{}` takes one condition", name.text));
            scope.problem(diagnostic.help(format!("as in `{}(PID-3.5 == \"MR\")`", name.text)));
            Some(Expr::error(at))
        }
    }
}

/// A result `any` has the type of the first argument.
pub(super) fn result(declared: &Ty, arguments: &[Expr]) -> Ty {
    if declared.kind != TyKind::Fhir("any".into()) {
        return declared.clone();
    }
    let first = arguments.iter().find(|argument| !argument.is_nothing());
    let kind = first.map_or(TyKind::Nothing, |first| first.ty.kind.clone());
    let sure = first.is_some_and(|first| !first.ty.may_be_missing());
    let count = match (declared.count, sure) {
        (Count::Optional, true) => Count::One,
        (Count::Any, true) => Count::Some,
        (count, _) => count,
    };
    Ty { kind, count }
}

/// Patterns are literals, checked here, and linear in time.
pub(super) fn patterns(scope: &mut Scope, function: Builtin, arguments: &[Expr]) {
    if !matches!(function.name(), "extract" | "replace") {
        return;
    }
    let Some(pattern) = arguments.get(1) else { return };
    match &*pattern.kind {
        Kind::Text(text) => condition::pattern_is_valid(scope, text, &pattern.at),
        Kind::Error => {}
        _ => scope.error(Code::WrongType, &pattern.at, "a pattern stands in the mapping, in single quotes"),
    }
}
