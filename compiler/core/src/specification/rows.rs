//! A row for each rule of a checked map.

use super::source::{self, Names};
use super::{Rule, one_line};
use crate::check::typed::{Block, CodeKey, Expr, Field, Function, Kind, Slot, Statement, TyKind};
use crate::check::types::show;
use crate::standard::Standards;
use crate::standard::shape::{MANY, Type};
use crate::syntax::tree::At;
use emr_abi::Builtin;
use smol_str::SmolStr;

pub(super) struct Rows<'a> {
    pub(super) map: &'a str,
    /// Of the item, whose ranges everything has.
    text: &'a str,
    pub(super) standards: &'a Standards,
    pub(super) names: Names,
    /// Where a part that is taken over and changed goes.
    pub(super) into: Option<String>,
    pub found: Vec<(At, Rule)>,
}

/// What is known of a rule before its own value is looked at.
#[derive(Clone, Default)]
pub(super) struct Around {
    /// `Patient.contact`
    pub element: String,
    pub conditions: Vec<String>,
    /// `2 of 3`
    pub alternative: String,
}

impl<'a> Rows<'a> {
    pub fn new(map: &'a str, text: &'a str, standards: &'a Standards, names: Names) -> Self {
        Rows { map, text, standards, names, into: None, found: Vec::new() }
    }

    /// The rules of a map, or the one of a map that is a value.
    pub fn function(&mut self, function: &Function) {
        let around = Around { element: base(&show(&function.result)), ..Around::default() };
        self.value(&function.body, &around, &function.body.at, &Rule::default());
    }

    /// The rows of a value: those of its blocks, else one for each of its alternatives.
    pub(super) fn value(&mut self, value: &Expr, around: &Around, at: &At, rule: &Rule) {
        let all = self.alternatives(value);
        let count = all.len();
        for (number, alternative) in (1..).zip(all) {
            let mut inner = around.clone();
            inner.conditions.extend(alternative.conditions);
            if count > 1 {
                inner.alternative = format!("{number} of {count}");
            }
            if !self.blocks(alternative.value, &inner) {
                self.push(
                    alternative.value,
                    &inner,
                    at.clone(),
                    Rule { otherwise: alternative.otherwise, ..rule.clone() },
                );
            }
        }
    }

    /// The rules of the blocks in an expression. Whether there is one.
    pub(super) fn blocks(&mut self, expr: &Expr, around: &Around) -> bool {
        match &*expr.kind {
            Kind::Block(block) => {
                self.block(block, around);
                true
            }
            Kind::With { base, fields } => {
                self.blocks(base, around);
                let shape = match &expr.ty.kind {
                    TyKind::Fhir(key) => key.clone(),
                    _ => SmolStr::default(),
                };
                self.fields(fields, &shape, around);
                // What was changed is a row of its own.
                matches!(&*base.kind, Kind::Block(_))
            }
            Kind::Do { statements, value } => {
                self.statements(statements, around);
                self.blocks(value, around)
            }
            Kind::Edited { of, edits } => self.changed(*of, edits, around),
            Kind::Edits(edits) => {
                self.edits(edits, around);
                true
            }
            Kind::Each { list, item, filter, body } => {
                self.walk(*item, list);
                let mut inner = around.clone();
                inner.conditions.extend(filter.as_ref().map(|it| self.words(&it.at)));
                self.blocks(body, &inner)
            }
            Kind::EachBy { list, item, filter, items, body, .. } => {
                self.walk(*item, list);
                self.walk(*items, list);
                let mut inner = around.clone();
                inner.conditions.extend(filter.as_ref().map(|it| self.words(&it.at)));
                self.blocks(body, &inner)
            }
            Kind::When { value, condition } => {
                let inner = self.under(around, condition);
                self.blocks(value, &inner)
            }
            Kind::Match { arms, otherwise } => {
                let mut any = false;
                for arm in arms {
                    let mut inner = around.clone();
                    inner.conditions.push(self.asked(&arm.condition, &expr.at));
                    any |= self.blocks(&arm.value, &inner);
                }
                let mut inner = around.clone();
                inner.conditions.push("otherwise".to_owned());
                otherwise.iter().fold(any, |any, value| self.blocks(value, &inner) | any)
            }
            Kind::Else(value, other) => self.blocks(value, around) | self.blocks(other, around),
            Kind::List(values) | Kind::Builtin { function: Builtin::distinct, arguments: values } => {
                values.iter().fold(false, |any, value| self.blocks(value, around) | any)
            }
            Kind::Pick { list: value, .. }
            | Kind::Range { list: value, .. }
            | Kind::Warn { value, .. }
            | Kind::OfType { value, .. }
            | Kind::Contain(value) => self.blocks(value, around),
            Kind::Emit { resource, .. } => {
                let inner = Around { element: base(&show(&resource.ty)), ..around.clone() };
                self.blocks(resource, &inner)
            }
            _ => false,
        }
    }

    fn block(&mut self, block: &Block, around: &Around) {
        self.statements(&block.statements, around);
        self.fields(&block.fields, &block.shape, around);
    }

    pub(super) fn statements(&mut self, statements: &[Statement], around: &Around) {
        for statement in statements {
            match statement {
                Statement::Let(slot, value) => {
                    if let Some(named) = source::path((self.standards, self.text), &self.names, value) {
                        self.names.insert(*slot, named);
                    }
                    self.blocks(value, around);
                }
                Statement::Do(value) => {
                    self.blocks(value, around);
                }
                Statement::Require { .. } | Statement::Ignore(_) => {}
            }
        }
    }

    fn fields(&mut self, fields: &[Field], shape: &str, around: &Around) {
        let shape = self.standards.fhir.shape(shape);
        for field in fields {
            // The URL of an extension names it.
            if field.name == "url" && around.element.ends_with(']') {
                continue;
            }
            let element = shape.as_ref().and_then(|shape| shape.element(&field.name));
            let mut rule = Rule::default();
            if let Some(element) = element {
                // Of a choice the type is that of the value.
                if !element.choice {
                    let types: Vec<&str> = element.types.iter().map(|Type { name, .. }| name.as_str()).collect();
                    rule.element_type = types.join(" | ");
                }
                rule.element_cardinality = match element.max {
                    MANY => format!("{}..*", element.min),
                    max => format!("{}..{max}", element.min),
                };
            }
            for value in &field.values {
                let inner = Around { element: self.below(around, field, &value.value), ..around.clone() };
                let mut rule = rule.clone();
                if rule.element_type.is_empty() {
                    rule.element_type = base(&show(&value.value.ty));
                }
                self.value(&value.value, &inner, &value.rule, &rule);
            }
            if let Some(extras) = &field.extras {
                let inner = Around { element: format!("{}.{}", around.element, field.name), ..around.clone() };
                self.block(extras, &inner);
            }
        }
    }

    /// `Patient.extension["http://…"]`
    fn below(&self, around: &Around, field: &Field, value: &Expr) -> String {
        let url = match url(value) {
            Some(url) if field.name.ends_with("xtension") => format!("[\"{url}\"]"),
            _ => String::new(),
        };
        format!("{}.{}{url}", around.element, field.name)
    }

    pub(super) fn push(&mut self, value: &Expr, around: &Around, at: At, mut rule: Rule) {
        self.map.clone_into(&mut rule.map);
        rule.element.clone_from(&around.element);
        rule.conditions.clone_from(&around.conditions);
        rule.alternative.clone_from(&around.alternative);
        self.read(value, &mut rule);
        if rule.sources.is_empty() && rule.through.is_empty() {
            rule.constant = self.constant(value);
        } else if let Kind::Warn { text, .. } = &*value.kind {
            rule.through.push(format!("warn \"{text}\""));
        }
        self.found.push((at, rule));
    }

    /// As it is written; what is said by no rule, as the type of a Bundle, as it would be.
    fn constant(&self, value: &Expr) -> String {
        let words = self.words(&value.at);
        match &*value.kind {
            Kind::Text(text) if !words.starts_with(['"', '\'']) => format!("\"{text}\""),
            _ => words,
        }
    }

    /// All that a value is made of.
    fn read(&mut self, expr: &Expr, rule: &mut Rule) {
        match &*expr.kind {
            Kind::Path { .. } | Kind::Slot(_) => {
                if let Some(named) = source::path((self.standards, self.text), &self.names, expr) {
                    let shown = named.shown(self.standards);
                    if !shown.path.is_empty() && !rule.sources.contains(&shown) {
                        rule.sources.push(shown);
                    }
                }
            }
            Kind::When { value, condition } => {
                rule.conditions.push(self.words(&condition.at));
                self.read(value, rule);
            }
            Kind::Match { arms, otherwise } => {
                for arm in arms {
                    self.read(&arm.value, rule);
                }
                rule.conditions.push(self.words(&expr.at));
                otherwise.iter().for_each(|value| self.read(value, rule));
            }
            Kind::Else(value, other) => {
                self.read(value, rule);
                // An explicit null that is copied has no words of its own.
                if other.at != value.at {
                    rule.otherwise.push(self.words(&other.at));
                }
                // What a default is made of is read as well.
                self.read(other, rule);
            }
            Kind::Via { value, table } => {
                rule.tables.push(table.to_string());
                self.read(value, rule);
            }
            Kind::Call { function, arguments } | Kind::Refer { function, arguments, .. } => {
                rule.through.push(function.to_string());
                arguments.iter().for_each(|argument| self.read(argument, rule));
            }
            Kind::Each { list, item, filter, body } => {
                self.read(list, rule);
                self.walk(*item, list);
                rule.conditions.extend(filter.as_ref().map(|it| self.words(&it.at)));
                self.read(body, rule);
            }
            Kind::Lookup { table, keys, .. } => {
                rule.tables.push(table.to_string());
                keys.iter().for_each(|key| self.read(key, rule));
            }
            Kind::Do { value, .. } | Kind::With { base: value, .. } => self.read(value, rule),
            Kind::KeepEach { or, .. } => {
                rule.through.push("keep".to_owned());
                rule.otherwise.push(self.words(&or.at));
                self.read(or, rule);
            }
            Kind::Edited { .. } => {}
            Kind::Builtin { .. } | Kind::Join(_) | Kind::Arithmetic { .. } => self.computed(expr, rule),
            _ if expr.is_condition() => self.computed(expr, rule),
            _ => expr.inside().into_iter().for_each(|part| self.read(part, rule)),
        }
    }

    /// What is made of several parts is told in the words of the text, once for all that is inside.
    fn computed(&mut self, expr: &Expr, rule: &mut Rule) {
        let known = rule.through.len();
        expr.inside().into_iter().for_each(|part| self.read(part, rule));
        let words = self.words(&expr.at);
        // Of a constant the words are what is written; what the compiler computes by itself has no words of its own.
        let is_path = rule.sources.iter().any(|source| source.path == words);
        if !rule.sources.is_empty() && !is_path {
            rule.through.retain(|before| !words.contains(before.as_str()));
            rule.through.insert(known.min(rule.through.len()), words);
        }
    }

    pub(super) fn walk(&mut self, item: Slot, list: &Expr) {
        if let Some(named) = source::path((self.standards, self.text), &self.names, list) {
            self.names.insert(item, named);
        }
    }

    fn under(&self, around: &Around, condition: &Expr) -> Around {
        let mut inner = around.clone();
        inner.conditions.push(self.words(&condition.at));
        inner
    }

    pub(super) fn words(&self, at: &At) -> String {
        one_line(self.text.get(at.clone()).unwrap_or_default())
    }
}

/// The URL of an extension that is built.
fn url(value: &Expr) -> Option<SmolStr> {
    match &*value.kind {
        Kind::Block(block) => block.fields.iter().find(|field| field.name == "url").and_then(|field| {
            match field.values.first().map(|value| &*value.value.kind) {
                Some(Kind::Text(url)) => Some(url.clone()),
                _ => None,
            }
        }),
        Kind::Each { body: value, .. } | Kind::When { value, .. } | Kind::Else(value, _) => url(value),
        _ => None,
    }
}

fn base(ty: &str) -> String {
    ty.trim_end_matches(['?', '*', '+']).to_owned()
}

/// `"HB", "HGB"`
pub(super) fn key(key: &CodeKey) -> String {
    match key {
        CodeKey::Code(code) => code.to_string(),
        CodeKey::Range(from, Some(to)) => format!("{from}..{to}"),
        CodeKey::Range(from, None) => format!("{from}..*"),
    }
}
