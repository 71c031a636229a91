//! The entries that a map writes itself, as blocks of `entry`.

use super::super::scope::Scope;
use super::super::typed::{Expr, Field, Kind, TyKind};
use super::super::types;
use super::say;
use crate::syntax::tree::At;

/// An entry that stands in the mapping as a block.
pub struct Entry<'e> {
    pub fields: &'e [Field],
    pub at: &'e At,
    /// It is one of alternatives, or there under a condition: perhaps never beside the others.
    pub is_doubtful: bool,
    /// It is written for each of several things.
    pub repeats: bool,
}

impl<'e> Entry<'e> {
    pub fn field(&self, name: &str) -> Option<&'e Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The value of an element that has one.
    pub fn value(&self, name: &str) -> Option<&'e Expr> {
        self.field(name)?.values.first().map(|value| &value.value)
    }

    /// The type of its resource, where that is known.
    pub fn resource(&self, scope: &Scope) -> Option<(String, At)> {
        let value = self.value("resource")?;
        let TyKind::Fhir(key) = &value.ty.kind else { return None };
        let shape = scope.world.standards().fhir.shape(key)?;
        let name = types::base(&shape).to_string();
        (!matches!(name.as_str(), "Resource" | "DomainResource")).then(|| (name, value.at.clone()))
    }
}

/// Whether each entry of a Bundle of that type has an element (`bdl-3`, `bdl-4`); no entry of another type has it.
pub fn needs(element: &str, ty: &str) -> bool {
    match element {
        "request" => matches!(ty, "transaction" | "batch" | "history"),
        _ => matches!(ty, "transaction-response" | "batch-response" | "history"),
    }
}

/// In the order of the text.
pub fn of(fields: &[Field]) -> Vec<Entry<'_>> {
    let mut found = Vec::new();
    for value in fields.iter().filter(|field| field.name == "entry").flat_map(|field| &field.values) {
        blocks(&value.value, (false, false), &mut found);
    }
    found
}

/// The blocks that an expression comes to.
fn blocks<'e>(expr: &'e Expr, (is_doubtful, repeats): (bool, bool), found: &mut Vec<Entry<'e>>) {
    match &*expr.kind {
        Kind::Block(block) => found.push(Entry { fields: &block.fields, at: &expr.at, is_doubtful, repeats }),
        Kind::Each { list, filter, body, .. } | Kind::EachBy { list, filter, body, .. } => {
            // One that is chosen out of many may be there once.
            let is_chosen = filter.is_some();
            blocks(body, (is_doubtful || is_chosen, repeats || list.ty.is_list() && !is_chosen), found);
        }
        Kind::When { value, .. } => blocks(value, (true, repeats), found),
        Kind::Warn { value, .. } | Kind::Do { value, .. } => blocks(value, (is_doubtful, repeats), found),
        Kind::Else(first, second) => {
            [first, second].into_iter().for_each(|value| blocks(value, (true, repeats), found));
        }
        Kind::List(items) => items.iter().for_each(|item| blocks(item, (is_doubtful, repeats), found)),
        _ => {}
    }
}

/// Holds entries to the type of their Bundle, where that is known, and to what all entries have.
pub fn hold(scope: &mut Scope, ty: Option<&str>, entries: &[Entry]) {
    for entry in entries {
        if let Some(ty) = ty {
            hold_to_type(scope, ty, entry);
        }
        let is_told = ty.is_some_and(|ty| needs("request", ty) || needs("response", ty));
        if !is_told && ["resource", "request", "response"].iter().all(|name| entry.field(name).is_none()) {
            let message = "an entry of a Bundle has a `resource`, a `request` or a `response`, and this has none";
            say(scope, entry.at, message.to_owned(), "add `resource: …`");
        }
        if let Some(value) = entry.value("fullUrl").filter(|value| is_of_version(value)) {
            let message = "a `fullUrl` names a resource, and no version of it".to_owned();
            say(scope, &value.at, message, "take `/_history/…` away; the version stands in `meta.versionId`");
        }
    }
}

fn hold_to_type(scope: &mut Scope, ty: &str, entry: &Entry) {
    for name in ["request", "response"] {
        match (entry.field(name), needs(name, ty)) {
            (None, true) => {
                let message = format!("each entry of a Bundle of type `{ty}` has a `{name}`, and this has none");
                let help = match name {
                    "request" => "emit the resource, which writes it, or add `request: { method: …, url: … }`",
                    _ => "add `response: { status: … }`",
                };
                say(scope, entry.at, message, help);
            }
            (Some(field), false) => not_there(scope, field, ty, entry.at),
            _ => {}
        }
    }
    if let Some(field) = entry.field("search").filter(|_| ty != "searchset") {
        not_there(scope, field, ty, entry.at);
    }
}

fn not_there(scope: &mut Scope, field: &Field, ty: &str, entry: &At) {
    let (name, at) = (&field.name, field.values.first().map_or(entry, |value| &value.value.at));
    let message = format!("no entry of a Bundle of type `{ty}` has a `{name}`");
    say(scope, at, message, &format!("take the rule for `{name}` away"));
}

/// Whether a text that is written names a version (`bdl-8`).
fn is_of_version(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Text(text) => text.contains("/_history/"),
        Kind::Convert { value, .. } => is_of_version(value),
        Kind::Join(parts) => parts.iter().any(is_of_version),
        _ => false,
    }
}
