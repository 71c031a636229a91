//! `total map`: each way in which it, or what it calls, could refuse a message.

use super::promise::Bodies;
use super::required::brought_about_by_others;
use super::typed::{CodeTo, Expr, Field, Function, Key, Kind, Primitive, Slot, Statement};
use super::types;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// All ways as one diagnostic: those of the map by their places, those of others by name.
pub fn may_reject(function: &Function, bodies: &dyn Bodies) -> Option<Diagnostic> {
    let mut ways = Ways { bodies, seen: FxHashSet::default(), lets: FxHashMap::default(), found: Vec::new() };
    ways.function(function);
    if ways.found.is_empty() {
        return None;
    }
    let name = function.key.rsplit('.').next().unwrap_or_default();
    let message = format!("`{name}` is total, and may refuse a message");
    let mut diagnostic = Diagnostic::new(Code::MayReject, function.at.clone(), message);
    let mut others = BTreeSet::new();
    for (key, at, why) in ways.found {
        if key == function.key {
            diagnostic = diagnostic.label(at, why);
        } else {
            others.insert(format!("`{}`: {why}", types::short_key(&key)));
        }
    }
    let mut help = "say what else to do: a default, `else skip`, `else absent \"unknown\"`".to_owned();
    if !others.is_empty() {
        let others: Vec<String> = others.into_iter().collect();
        help += &format!("; what it calls may refuse too: {}", others.join("; "));
    }
    Some(diagnostic.help(help))
}

struct Ways<'w> {
    bodies: &'w dyn Bodies,
    seen: FxHashSet<Key>,
    /// What lets and items stand for, by function.
    lets: FxHashMap<(Key, Slot), &'w Expr>,
    found: Vec<(Key, At, String)>,
}

impl<'w> Ways<'w> {
    fn function(&mut self, function: &'w Function) {
        if !self.seen.insert(function.key.clone()) {
            return;
        }
        let keys = function.keyed.iter().map(|part| &part.value);
        keys.chain([&function.body]).for_each(|expr| self.expr(expr, &function.key));
    }

    fn expr(&mut self, expr: &'w Expr, key: &Key) {
        match &*expr.kind {
            Kind::Reject(_) => self.found.push((key.clone(), expr.at.clone(), "this refuses it".into())),
            Kind::Via { table, .. } => self.table(table, &expr.at, key),
            Kind::Call { function, .. } | Kind::Refer { function, .. } => {
                if let Some(function) = self.bodies.function(function) {
                    self.function(function);
                }
            }
            Kind::Do { statements, .. } => self.lets(statements, key),
            Kind::Block(block) => self.lets(&block.statements, key),
            _ => {}
        }
        expr.inside().into_iter().for_each(|inner| self.expr(inner, key));
        match &*expr.kind {
            Kind::Block(block) => {
                let decides = |field: &&Field| block.always || brought_about_by_others(&block.fields, field);
                block.fields.iter().filter(decides).for_each(|field| self.field(field, &block.shape, key));
            }
            Kind::With { fields, .. } => fields.iter().for_each(|field| self.field(field, "", key)),
            _ => {}
        }
    }

    fn lets(&mut self, statements: &'w [Statement], key: &Key) {
        for statement in statements {
            if let Statement::Let(slot, value) = statement {
                self.lets.insert((key.clone(), *slot), value);
            }
        }
    }

    fn table(&mut self, table: &Key, at: &At, key: &Key) {
        let Some(codes) = self.bodies.codes(table) else { return };
        let mut results = codes.arms.iter().map(|arm| &arm.result).chain(&codes.otherwise);
        if results.any(|result| matches!(result.what, CodeTo::Reject(_))) {
            let why = format!("`{}` refuses a code", types::short_key(table));
            self.found.push((key.clone(), at.clone(), why));
        }
    }

    /// A required element refuses the message where nothing comes of it.
    fn field(&mut self, field: &'w Field, shape: &str, key: &Key) {
        if !field.required || field.extras.is_some() || field.values.iter().any(|value| !self.fails(&value.value, key))
        {
            return;
        }
        let Some(first) = field.values.first() else { return };
        let why = format!("`{}` may be left without a value", element(shape, &field.name));
        self.found.push((key.clone(), first.value.at.clone(), why));
    }

    /// Whether a value may be missing where the message has something else than its types say.
    fn fails(&self, value: &'w Expr, key: &Key) -> bool {
        match &*value.kind {
            Kind::Skip | Kind::Reject(_) | Kind::DataAbsent(_) => false,
            Kind::Else(_, last) => self.fails(last, key),
            _ if value.ty.may_be_missing() => true,
            Kind::Convert { value, to } => is_fallible(*to) || self.fails(value, key),
            Kind::Coded(value) | Kind::Warn { value, .. } | Kind::Pick { list: value, .. } => self.fails(value, key),
            Kind::Do { value, .. } => self.fails(value, key),
            Kind::Each { list, body, .. } => self.fails(list, key) || self.fails(body, key),
            Kind::Via { value, .. } => self.fails(value, key),
            Kind::List(items) => items.iter().all(|item| self.fails(item, key)),
            Kind::Match { arms, otherwise } => {
                arms.iter().map(|arm| &arm.value).chain(otherwise).any(|value| self.fails(value, key))
            }
            Kind::Slot(slot) => {
                self.lets.get(&(key.clone(), *slot)).copied().is_some_and(|bound| self.fails(bound, key))
            }
            Kind::Call { function, .. } => {
                let function = self.bodies.function(function);
                function.is_some_and(|function| self.fails(&function.body, &function.key))
            }
            _ => false,
        }
    }
}

fn element(shape: &str, name: &str) -> String {
    if shape.is_empty() { name.to_owned() } else { format!("{}.{name}", types::short(shape)) }
}

/// Whether a text may not be one of the kind.
fn is_fallible(to: Primitive) -> bool {
    !matches!(to, Primitive::String | Primitive::Markdown | Primitive::Code)
}
