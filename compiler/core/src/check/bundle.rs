//! What a Bundle asks of itself, by its type and otherwise (FHIR R4, the invariants `bdl-1` to `bdl-12`).

mod entries;
mod urls;

use super::scope::Scope;
use super::typed::{Expr, Field, Kind, Sent, Statement, TyKind};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::syntax::tree::At;
use entries::{Entry, needs};
pub(super) use urls::twice;

/// Holds a Bundle to what can be known of it: most of that by its type, where this stands in the mapping.
pub(super) fn hold(scope: &mut Scope, statements: &[Statement], fields: &[Field], at: &At) {
    let written = fields.iter().find(|field| field.name == "type").and_then(constant);
    let entries = entries::of(fields);
    entries::hold(scope, written.map(|(ty, _)| ty), &entries);
    let Some((ty, written)) = written else { return };
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
    if needs("response", ty)
        && let Some((_, emitted)) = emitted_first(statements)
    {
        let message = format!("entries of a Bundle of type `{ty}` have a `response`, and what is emitted has none");
        say(scope, emitted, message, "write the entries by `entry: { resource: …, response: … }`");
    }
    match ty {
        "message" => begins_with(scope, "MessageHeader", ty, (fields, &entries, statements), at),
        "document" => {
            for name in ["identifier", "timestamp"].into_iter().filter(|name| !has(name)) {
                let help = format!("add `{name}: …`");
                say(scope, written, format!("a Bundle of type `document` needs `{name}`"), &help);
            }
            identified(scope, fields);
            begins_with(scope, "Composition", ty, (fields, &entries, statements), at);
        }
        _ => {}
    }
}

/// The identifier of a document says of which system it is (`bdl-9`).
fn identified(scope: &mut Scope, fields: &[Field]) {
    let values = fields.iter().filter(|field| field.name == "identifier").flat_map(|field| &field.values);
    for value in values.map(|value| &value.value) {
        let Kind::Block(block) = &*value.kind else { continue };
        for name in ["system", "value"] {
            if !block.fields.iter().any(|field| field.name == name) {
                let message = format!("the `identifier` of a Bundle of type `document` needs a `{name}`");
                say(scope, &value.at, message, &format!("add `{name}: …`"));
            }
        }
    }
}

fn constant(field: &Field) -> Option<(&str, &At)> {
    let value = &field.values.first()?.value;
    match &*value.kind {
        Kind::Text(text) => Some((text, &value.at)),
        _ => None,
    }
}

/// The first entry is the first that the map writes itself, or that of what is emitted first: what one emits inside another
/// comes behind it (`bdl-11`, `bdl-12`).
fn begins_with(
    scope: &mut Scope,
    wanted: &str,
    ty: &str,
    (fields, entries, statements): (&[Field], &[Entry], &[Statement]),
    at: &At,
) {
    if let Some(first) = entries.first() {
        if let Some((found, at)) = first.resource(scope).filter(|(found, _)| found != wanted) {
            let message = format!("a Bundle of type `{ty}` begins with a {wanted}, and this is {}", a(&found));
            let help =
                "what a map writes in `entry` stands before what it emits: write the other one first, or emit both";
            say(scope, &at, message, help);
        }
        return;
    }
    // What else is written in `entry` comes first, and nobody knows what that is.
    if fields.iter().any(|field| field.name == "entry") {
        return;
    }
    let help = "entries stand in the order of the text: what it refers to is emitted behind it, and named by `refer`, \
                or emitted inside it";
    match emitted_first(statements) {
        Some((names, at)) if names.iter().any(|name| *name != wanted) => {
            let found = names.join(" or ");
            let message = format!("a Bundle of type `{ty}` begins with a {wanted}, and this emits {} first", a(&found));
            say(scope, at, message, help);
        }
        Some(_) => {}
        None => say(scope, at, format!("a Bundle of type `{ty}` begins with a {wanted}, and none is emitted"), help),
    }
}

fn emitted_first(statements: &[Statement]) -> Option<(Vec<&str>, &At)> {
    statements.iter().find_map(|statement| match statement {
        Statement::Let(_, value) | Statement::Do(value) => emitted(value),
        Statement::Require { .. } | Statement::Ignore(_) => None,
    })
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
