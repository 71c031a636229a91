//! Where what a map takes stands in the message, as far as all its calls say the same: `RXA-10` for the XCN of a conversion.

use super::source::{self, Named, Names};
use crate::check::typed::{Block, Expr, Function, Key, Kind, Slot, Statement, TyKind};
use crate::standard::Standards;
use std::collections::BTreeMap;

/// By the map and the number of its parameter; nothing where calls differ, or give what is no part of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls(BTreeMap<(Key, usize), Option<Named>>);

/// Maps call maps, which call others: this often a place is handed on.
const ROUNDS_MAX: usize = 16;

impl Calls {
    /// Of all these maps, each with the text of its item.
    pub fn of(standards: &Standards, maps: &[(&Function, &str)]) -> Calls {
        let mut known = Calls::default();
        for _ in 0..ROUNDS_MAX {
            let mut found = Calls::default();
            for (function, text) in maps {
                let names = known.names(function);
                Walk { standards, text, names, found: &mut found }.expr(&function.body);
            }
            if found == known {
                break;
            }
            known = found;
        }
        known
    }

    /// What the parameters of a map stand for.
    pub fn names(&self, function: &Function) -> Names {
        let named = |(number, param): (usize, &crate::check::typed::Param)| {
            let whole = matches!(param.ty.kind, TyKind::Structure(..));
            let own = Named {
                path: if whole { String::new() } else { param.name.to_string() },
                ty: param.ty.clone(),
                titles: Vec::new(),
            };
            let given = self.0.get(&(function.key.clone(), number)).cloned().flatten();
            let given = given.filter(|given| !given.path.is_empty() && !whole);
            (param.slot, given.map_or(own, |given| Named { ty: param.ty.clone(), ..given }))
        };
        function.params.iter().enumerate().map(named).collect()
    }

    fn add(&mut self, key: (Key, usize), given: Option<Named>) {
        let known = self.0.entry(key).or_insert_with(|| given.clone());
        if known.as_ref().map(|known| &known.path) != given.as_ref().map(|given| &given.path) {
            *known = None;
        }
    }
}

struct Walk<'a> {
    standards: &'a Standards,
    text: &'a str,
    names: Names,
    found: &'a mut Calls,
}

impl Walk<'_> {
    fn expr(&mut self, expr: &Expr) {
        match &*expr.kind {
            Kind::Call { function, arguments } => {
                for (number, argument) in arguments.iter().enumerate() {
                    if !matches!(&*argument.kind, Kind::Absent) {
                        let given = self.path(argument);
                        self.found.add((function.clone(), number), given);
                    }
                    self.expr(argument);
                }
            }
            Kind::Each { list, item, filter, body } => {
                self.expr(list);
                self.bind(*item, list);
                filter.iter().chain([body]).for_each(|inner| self.expr(inner));
            }
            Kind::EachBy { list, item, filter, key, items, body } => {
                self.expr(list);
                self.bind(*item, list);
                self.bind(*items, list);
                filter.iter().chain([key, body]).for_each(|inner| self.expr(inner));
            }
            Kind::Do { statements, value } => {
                self.statements(statements);
                self.expr(value);
            }
            Kind::Block(block) => self.block(block),
            _ => expr.inside().into_iter().for_each(|inner| self.expr(inner)),
        }
    }

    fn block(&mut self, block: &Block) {
        self.statements(&block.statements);
        for field in &block.fields {
            field.values.iter().for_each(|value| self.expr(&value.value));
            field.extras.iter().for_each(|extras| self.block(extras));
        }
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Let(slot, value) => {
                    self.expr(value);
                    self.bind(*slot, value);
                }
                Statement::Do(value) => self.expr(value),
                Statement::Require { .. } | Statement::Ignore(_) => {}
            }
        }
    }

    fn bind(&mut self, slot: Slot, value: &Expr) {
        if let Some(named) = self.path(value) {
            self.names.insert(slot, named);
        }
    }

    fn path(&self, expr: &Expr) -> Option<Named> {
        source::path((self.standards, self.text), &self.names, expr)
    }
}
