//! What the type of a Bundle asks of it (FHIR R4, the invariants `bdl-1` to `bdl-12`).

use super::scope::Scope;
use super::typed::{Expr, Field, Kind, Sent, Statement, TyKind};
use crate::diagnostic::{Code, Diagnostic, a};
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
    entries(scope, ty, fields);
    if needs("response", ty)
        && let Some((_, emitted)) = emitted_first(statements)
    {
        let message = format!("entries of a Bundle of type `{ty}` have a `response`, and what is emitted has none");
        say(scope, emitted, message, "write the entries by `entry: { resource: …, response: … }`");
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
    let first = emitted_first(statements);
    let help = "entries stand in the order of the text: what it refers to is emitted behind it, and named by `refer`, \
                or emitted inside it";
    match first {
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

/// Whether each entry of a Bundle of that type has an element (`bdl-3`, `bdl-4`); no entry of another type has it.
fn needs(element: &str, ty: &str) -> bool {
    match element {
        "request" => matches!(ty, "transaction" | "batch" | "history"),
        _ => matches!(ty, "transaction-response" | "batch-response" | "history"),
    }
}

/// Entries that stand in the mapping as blocks.
fn entries(scope: &mut Scope, ty: &str, fields: &[Field]) {
    let mut blocks = Vec::new();
    for value in fields.iter().filter(|field| field.name == "entry").flat_map(|field| &field.values) {
        entry_blocks(&value.value, &mut blocks);
    }
    for (entry, at) in blocks {
        let written = |name: &str| entry.iter().find(|field| field.name == name);
        for name in ["request", "response"] {
            match (written(name), needs(name, ty)) {
                (None, true) => {
                    let message = format!("each entry of a Bundle of type `{ty}` has a `{name}`, and this has none");
                    let help = match name {
                        "request" => "emit the resource, which writes it, or add `request: { method: …, url: … }`",
                        _ => "add `response: { status: … }`",
                    };
                    say(scope, at, message, help);
                }
                (Some(field), false) => not_there(scope, field, ty, at),
                _ => {}
            }
        }
        if let Some(field) = written("search").filter(|_| ty != "searchset") {
            not_there(scope, field, ty, at);
        }
    }
}

fn not_there(scope: &mut Scope, field: &Field, ty: &str, entry: &At) {
    let (name, at) = (&field.name, field.values.first().map_or(entry, |value| &value.value.at));
    let message = format!("no entry of a Bundle of type `{ty}` has a `{name}`");
    say(scope, at, message, &format!("take the rule for `{name}` away"));
}

/// The blocks that an expression comes to, each with its place.
fn entry_blocks<'e>(expr: &'e Expr, found: &mut Vec<(&'e [Field], &'e At)>) {
    match &*expr.kind {
        Kind::Block(block) => found.push((&block.fields, &expr.at)),
        Kind::Each { body: value, .. }
        | Kind::EachBy { body: value, .. }
        | Kind::When { value, .. }
        | Kind::Warn { value, .. }
        | Kind::Do { value, .. } => entry_blocks(value, found),
        Kind::Else(first, second) => [first, second].into_iter().for_each(|value| entry_blocks(value, found)),
        Kind::List(items) => items.iter().for_each(|item| entry_blocks(item, found)),
        _ => {}
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
