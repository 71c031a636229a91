//! What is patched must be told to a server as changes: which items of a list a rule is about, and nothing that a change
//! cannot hold.

use super::promise::Bodies;
use super::typed::{Block, Expr, Field, Function, Key, Kind, Sent, TyKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// The constants that items of a list hold, as FHIRPath writes them: what tells them from others.
pub(crate) type Named = BTreeMap<SmolStr, String>;

/// The constants of an item, whichever way it is made.
pub(crate) fn named<'w>(expr: &'w Expr, function: &dyn Fn(&str) -> Option<&'w Function>) -> Named {
    match &*expr.kind {
        Kind::Block(block) => over(Named::new(), &block.fields),
        Kind::With { base, fields } => over(named(base, function), fields),
        Kind::Call { function: key, .. } => match function(key) {
            Some(called) => named(&called.body, function),
            None => Named::new(),
        },
        _ => {
            let given = expr.chosen().into_iter().filter(|value| !value.is_nothing());
            given.map(|value| named(value, function)).reduce(both).unwrap_or_default()
        }
    }
}

/// Those that both hold.
fn both(mut one: Named, other: Named) -> Named {
    one.retain(|name, literal| other.get(name) == Some(literal));
    one
}

fn over(mut named: Named, fields: &[Field]) -> Named {
    for field in fields.iter().filter(|field| !field.values.is_empty()) {
        named.remove(&field.name);
        if let ([only], false) = (field.values.as_slice(), field.adds || field.list)
            && let Some(literal) = literal(&only.value)
        {
            named.insert(field.name.clone(), literal);
        }
    }
    named
}

/// FHIRPath N1 §4.1, literals.
fn literal(value: &Expr) -> Option<String> {
    match &*value.kind {
        Kind::Text(text) => Some(quoted(text)),
        Kind::Code { code, .. } if matches!(&value.ty.kind, TyKind::Fhir(key) if key == "code") => Some(quoted(code)),
        Kind::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// What stands in the way of sending what a function patches.
pub(super) fn cannot_be_sent(function: &Function, bodies: &dyn Bodies) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    patches(&function.body, &mut |resource, at| {
        let mut sending = Sending { bodies, at, seen: FxHashSet::default(), found: &mut found };
        sending.resource(resource, &mut Vec::new());
    });
    found
}

fn patches<'w>(expr: &'w Expr, found: &mut dyn FnMut(&'w Expr, &'w At)) {
    if let Kind::Emit { resource, sent: Sent::Patch } = &*expr.kind {
        found(resource, &expr.at);
    }
    expr.inside().into_iter().for_each(|inner| patches(inner, found));
}

struct Sending<'w, 'f> {
    bodies: &'w dyn Bodies,
    /// Where it is patched.
    at: &'w At,
    seen: FxHashSet<Key>,
    found: &'f mut Vec<Diagnostic>,
}

impl<'w> Sending<'w, '_> {
    /// Each block that may be what is sent, under each `with` around it, the innermost first.
    fn resource(&mut self, expr: &'w Expr, over: &mut Vec<&'w [Field]>) {
        match &*expr.kind {
            Kind::Block(block) => {
                self.no_contained(expr);
                self.block(block, over);
            }
            Kind::With { base, fields } => {
                fields.iter().flat_map(|field| &field.values).for_each(|value| self.no_contained(&value.value));
                over.insert(0, fields);
                self.resource(base, over);
                over.remove(0);
            }
            Kind::Call { function, .. } => {
                if let Some(function) = self.bodies.function(function) {
                    self.resource(&function.body, over);
                }
            }
            _ => expr.chosen().into_iter().for_each(|one| self.resource(one, over)),
        }
    }

    fn block(&mut self, block: &'w Block, over: &[&'w [Field]]) {
        let mut fields: Vec<(&'w Field, Vec<&'w Expr>)> = Vec::new();
        for field in block.fields.iter().chain(over.iter().copied().flatten()) {
            let own: Vec<&Expr> = field.values.iter().map(|value| &value.value).collect();
            match fields.iter_mut().find(|(known, _)| known.name == field.name) {
                Some((_, sources)) if field.adds => sources.extend(own),
                Some(_) if own.is_empty() => {}
                Some((known, sources)) => (*known, *sources) = (field, own),
                None => fields.push((field, own)),
            }
        }
        for (field, sources) in fields {
            if field.extras.is_some() && (field.list || field.choice) {
                let message = format!("what stands beside the values of `{}` cannot be patched", field.name);
                self.say(Code::NoPatch, message, "assign it where the whole resource is sent, with `emit`");
            }
            if field.list && !self.are_told_apart(&sources) {
                let message = format!(
                    "several sources write `{}`, and nothing tells which items of the server's each is about",
                    field.name
                );
                let help = "give each of them a constant that the others do not have: `PID-13 with { use: \"home\" }`";
                self.say(Code::NotToldApart, message, help);
            }
        }
    }

    /// Any two of them differ in a constant.
    fn are_told_apart(&self, sources: &[&'w Expr]) -> bool {
        let given = sources.iter().filter(|source| !source.is_nothing() && !matches!(&*source.kind, Kind::Keep));
        let all: Vec<Named> = given.map(|source| named(source, &|key| self.bodies.function(key))).collect();
        all.iter().enumerate().all(|(index, one)| {
            let mut later = all.iter().skip(index + 1);
            later.all(|other| one.iter().any(|(name, value)| other.get(name).is_some_and(|known| known != value)))
        })
    }

    /// A change has no place for resources inside the one that is changed.
    fn no_contained(&mut self, expr: &'w Expr) {
        match &*expr.kind {
            Kind::Contain(_) => {
                let help = "emit it, or refer to it: `refer m(…)`";
                self.say(Code::NoPatch, "what is patched cannot contain a resource".to_owned(), help);
            }
            // What is emitted is a resource of its own.
            Kind::Emit { .. } => {}
            Kind::Call { function: key, .. } => {
                if let Some(function) = self.bodies.function(key).filter(|_| self.seen.insert(key.clone())) {
                    self.no_contained(&function.body);
                }
            }
            _ => {}
        }
        if !matches!(&*expr.kind, Kind::Emit { .. }) {
            expr.inside().into_iter().for_each(|inner| self.no_contained(inner));
        }
    }

    fn say(&mut self, code: Code, message: String, help: &str) {
        let diagnostic = Diagnostic::new(code, self.at.clone(), message).help(help.to_owned());
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }
}
