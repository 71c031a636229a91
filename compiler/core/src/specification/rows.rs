//! A row for each rule of a checked map.

use super::source::{self, Named, Names};
use super::{Rule, one_line};
use crate::check::typed::{Block, CodeKey, Expr, Field, Function, Kind, Slot, Statement, TyKind};
use crate::check::types::show;
use crate::standard::Standards;
use crate::standard::shape::{MANY, Type};
use crate::syntax::tree::At;
use emr_abi::Builtin;
use smol_str::SmolStr;

pub(super) struct Rows<'a> {
    map: &'a str,
    /// Of the item, whose ranges everything has.
    text: &'a str,
    standards: &'a Standards,
    names: Names,
    pub found: Vec<(At, Rule)>,
}

/// What is known of a rule before its own value is looked at.
#[derive(Clone, Default)]
struct Around {
    /// `Patient.contact`
    element: String,
    conditions: Vec<String>,
}

impl<'a> Rows<'a> {
    pub fn new(map: &'a str, text: &'a str, standards: &'a Standards, function: &Function) -> Self {
        let named = |param: &crate::check::typed::Param| {
            let whole = matches!(param.ty.kind, TyKind::Structure(..));
            let path = if whole { String::new() } else { param.name.to_string() };
            (param.slot, Named { path, ty: param.ty.clone(), titles: Vec::new() })
        };
        Rows { map, text, standards, names: function.params.iter().map(named).collect(), found: Vec::new() }
    }

    /// The rules of a map, or the one of a map that is a value.
    pub fn function(&mut self, function: &Function) {
        let around = Around { element: base(&show(&function.result)), ..Around::default() };
        if !self.blocks(&function.body, &around) {
            self.push(&function.body, &around, function.body.at.clone(), Rule::default());
        }
    }

    /// The rules of the blocks in an expression. Whether there is one.
    fn blocks(&mut self, expr: &Expr, around: &Around) -> bool {
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
                    let inner = self.under(around, &arm.condition);
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

    fn statements(&mut self, statements: &[Statement], around: &Around) {
        for statement in statements {
            match statement {
                Statement::Let(slot, value) => {
                    if let Some(named) = source::path(self.standards, &self.names, value) {
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
                if !self.blocks(&value.value, &inner) {
                    self.push(&value.value, &inner, value.rule.clone(), rule);
                }
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

    fn push(&mut self, value: &Expr, around: &Around, at: At, mut rule: Rule) {
        self.map.clone_into(&mut rule.map);
        rule.element.clone_from(&around.element);
        rule.conditions.clone_from(&around.conditions);
        self.read(value, &mut rule);
        if rule.sources.is_empty() && rule.through.is_empty() {
            rule.constant = self.words(&value.at);
        }
        self.found.push((at, rule));
    }

    /// All that a value is made of.
    fn read(&mut self, expr: &Expr, rule: &mut Rule) {
        match &*expr.kind {
            Kind::Path { .. } | Kind::Slot(_) => {
                if let Some(named) = source::path(self.standards, &self.names, expr) {
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
                rule.otherwise.push(self.words(&other.at));
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
            _ => expr.inside().into_iter().for_each(|part| self.read(part, rule)),
        }
    }

    fn walk(&mut self, item: Slot, list: &Expr) {
        if let Some(named) = source::path(self.standards, &self.names, list) {
            self.names.insert(item, named);
        }
    }

    fn under(&self, around: &Around, condition: &Expr) -> Around {
        let mut inner = around.clone();
        inner.conditions.push(self.words(&condition.at));
        inner
    }

    fn words(&self, at: &At) -> String {
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
