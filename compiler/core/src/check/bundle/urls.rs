//! Entries that go by the same `fullUrl` (`bdl-7`).

use super::super::promise::Bodies;
use super::super::typed::{Block, Expr, Field, Function, Kind};
use super::entries::{self, Entry};
use crate::diagnostic::{Code, Diagnostic, Label};
use rustc_hash::FxHashSet;

/// Each entry that a map writes with the `fullUrl` of another of the Bundle. Those that are never there together, and
/// those whose resources may say of which version they are, are not told.
pub fn twice(function: &Function, bodies: &dyn Bodies) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_bundle(&function.body, &mut |bundle| {
        let fields = &bundle.fields;
        if fields.iter().any(may_be_history) {
            return;
        }
        let entries = entries::of(fields);
        let named = entries.iter().filter(|entry| !may_be_versioned(entry, bodies));
        let named: Vec<(&Entry, &str, &Expr)> = named
            .filter_map(|entry| {
                let value = entry.value("fullUrl")?;
                Some((entry, constant(value)?, value))
            })
            .collect();
        for (number, (entry, url, value)) in named.iter().enumerate() {
            if entry.repeats {
                let message = format!("each of these entries has the `fullUrl` `{url}`");
                found.push(own(Diagnostic::new(Code::WrongBundle, value.at.clone(), message)));
                continue;
            }
            let before = named.iter().take(number);
            let other = before.filter(|(other, ..)| !entry.is_doubtful && !other.is_doubtful && !other.repeats);
            if let Some((.., first)) = other.into_iter().find(|(_, known, _)| known == url) {
                let message = format!("another entry of the Bundle has the `fullUrl` `{url}`");
                let mut diagnostic = own(Diagnostic::new(Code::WrongBundle, value.at.clone(), message));
                diagnostic.labels.push(Label { at: first.at.clone(), message: "here".to_owned() });
                found.push(diagnostic);
            }
        }
    });
    found
}

fn own(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.help("each entry has its own: make it of what tells its resource from others, or emit the resource")
}

fn each_bundle<'e>(expr: &'e Expr, found: &mut dyn FnMut(&'e Block)) {
    if let Kind::Block(block) = &*expr.kind
        && block.resource.as_deref() == Some("Bundle")
    {
        found(block);
    }
    expr.inside().into_iter().for_each(|inner| each_bundle(inner, found));
}

/// A history has one resource in several versions.
fn may_be_history(field: &Field) -> bool {
    let is_other = |value: &Expr| matches!(&*value.kind, Kind::Text(text) if text != "history");
    field.name == "type" && !field.values.iter().all(|value| is_other(&value.value))
}

fn constant(value: &Expr) -> Option<&str> {
    match &*value.kind {
        Kind::Text(text) => Some(text),
        Kind::Convert { value, .. } => constant(value),
        _ => None,
    }
}

/// Whether the resource of an entry may have a `meta.versionId`.
fn may_be_versioned(entry: &Entry, bodies: &dyn Bodies) -> bool {
    entry.value("resource").is_some_and(|resource| may_have_version(resource, bodies, &mut FxHashSet::default()))
}

fn may_have_version<'b>(resource: &'b Expr, bodies: &'b dyn Bodies, seen: &mut FxHashSet<&'b str>) -> bool {
    match &*resource.kind {
        Kind::Block(block) => {
            let meta = block.fields.iter().filter(|field| field.name == "meta").flat_map(|field| &field.values);
            meta.into_iter().any(|value| match &*value.value.kind {
                Kind::Block(meta) => meta.fields.iter().any(|field| field.name == "versionId"),
                _ => true,
            })
        }
        Kind::Each { body: value, .. }
        | Kind::When { value, .. }
        | Kind::Warn { value, .. }
        | Kind::Do { value, .. } => may_have_version(value, bodies, seen),
        Kind::Else(first, second) => [first, second].into_iter().any(|it| may_have_version(it, bodies, seen)),
        // Who calls himself adds nothing.
        Kind::Call { function, .. } if !seen.insert(function) => false,
        Kind::Call { function, .. } => {
            bodies.function(function).is_none_or(|callee| may_have_version(&callee.body, bodies, seen))
        }
        // What says what becomes of the message writes nothing.
        Kind::Reject(_) | Kind::Skip => false,
        _ => true,
    }
}
