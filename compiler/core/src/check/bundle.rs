//! What the type of a Bundle asks of it (FHIR R4, the invariants `bdl-1` to `bdl-12`).

use super::scope::Scope;
use super::typed::{Expr, Field, Kind, Sent, Statement, TyKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;

/// Holds a Bundle whose type stands in the mapping to it.
pub(super) fn hold(scope: &mut Scope, statements: &[Statement], fields: &[Field], at: &At) {
    let Some((ty, written)) = fields.iter().find(|field| field.name == "type").and_then(constant) else { return };
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    if has("total") && !matches!(ty, "searchset" | "history") {
        say(scope, written, format!("a Bundle of type `{ty}` has no `total`"), "take the rule for `total` away");
    }
    if !matches!(ty, "transaction" | "batch")
        && let Some(patch) = statements.iter().find_map(patched)
    {
        let message = format!("a Bundle of type `{ty}` is not carried out, so nothing is patched");
        say(scope, patch, message, "emit the resource, or make the Bundle a `transaction`");
    }
    match ty {
        "message" => begins_with(scope, "MessageHeader", ty, statements, at),
        "document" => {
            for name in ["identifier", "timestamp"].into_iter().filter(|name| !has(name)) {
                let help = format!("add `{name}: …`");
                say(scope, written, format!("a Bundle of type `document` needs `{name}`"), &help);
            }
            begins_with(scope, "Composition", ty, statements, at);
        }
        _ => {}
    }
}

fn constant(field: &Field) -> Option<(&str, &At)> {
    let value = &field.values.first()?.value;
    match &*value.kind {
        Kind::Text(text) => Some((text, &value.at)),
        _ => None,
    }
}

/// The first entry is that of what is emitted first: what one emits inside another comes behind it.
fn begins_with(scope: &mut Scope, wanted: &str, ty: &str, statements: &[Statement], at: &At) {
    let first = statements.iter().find_map(|statement| match statement {
        Statement::Let(_, value) | Statement::Do(value) => emitted(value),
        Statement::Require { .. } | Statement::Ignore(_) => None,
    });
    let help = "entries stand in the order of the text: what it refers to is emitted behind it, and named by `refer`, \
                or emitted inside it";
    match first {
        Some((names, at)) if names.iter().any(|name| *name != wanted) => {
            let found = names.join(" or ");
            let message = format!("a Bundle of type `{ty}` begins with a {wanted}, and this emits a {found} first");
            say(scope, at, message, help);
        }
        Some(_) => {}
        None => say(scope, at, format!("a Bundle of type `{ty}` begins with a {wanted}, and none is emitted"), help),
    }
}

/// Where something is patched.
fn patched(statement: &Statement) -> Option<&At> {
    fn inside(expr: &Expr) -> Option<&At> {
        match &*expr.kind {
            Kind::Emit { sent: Sent::Patch, .. } => Some(&expr.at),
            _ => expr.inside().into_iter().find_map(inside),
        }
    }
    match statement {
        Statement::Let(_, value) | Statement::Do(value) => inside(value),
        Statement::Require { .. } | Statement::Ignore(_) => None,
    }
}

/// What the first `emit` inside an expression emits.
fn emitted(expr: &Expr) -> Option<(Vec<&str>, &At)> {
    match (&*expr.kind, &expr.ty.kind) {
        (Kind::Emit { .. }, TyKind::Reference(targets)) => {
            Some((targets.iter().map(|target| target.as_str()).collect(), &expr.at))
        }
        _ => expr.inside().into_iter().find_map(emitted),
    }
}

fn say(scope: &mut Scope, at: &At, message: String, help: &str) {
    scope.problem(Diagnostic::new(Code::WrongBundle, at.clone(), message).help(help.to_owned()));
}
