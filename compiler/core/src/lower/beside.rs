//! What stands beside the value of a primitive: its id and its extensions (FHIR R4, "JSON representation of primitive
//! elements"). What came has it under `_name`, what is made gets it from rules and from reasons.

use super::block::{Field, json};
use super::element::Source;
use super::write::{Name, To};
use super::{Bound, Env, Lower};
use crate::check::typed::{self, Expr, Kind, Ty, TyKind};
use crate::plan::{Block, Constant, Form, Part, Step, Test, Until, Val};
use crate::standard::built;
use crate::standard::shape::typed as named;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeSet;

/// The type of what stands there.
const ELEMENT: &str = "Element";

/// Whether the id and the extensions of a primitive that came are written with its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// Something else stands there, or nothing can.
    Not,
    /// Also where there is no value: they may say why.
    Written,
    /// Where there is a value; else another source is taken.
    WithValue,
    /// In a second list, which is needed where this value was set.
    Listed(Val),
}

impl<'a> Lower<'a> {
    /// What stands beside the items of a list of primitives, in a list of its own.
    pub(super) fn shadow(&mut self, field: &Field<'a>, primitive: bool, to: &To) {
        let found = match to.beside {
            Beside::Listed(found) => Some(found),
            _ => None,
        };
        let has_reason = primitive && self.has_reason(&field.sources);
        if !has_reason && found.is_none() {
            return;
        }
        let to = To { shadow: true, skipped: None, ..to.clone() };
        let items = self.block(|lower| lower.sources(&field.sources, &to));
        let list = self.block(|lower| {
            lower.wrap(format!("\"_{}\":[", field.name), items, "],", false, Vec::new());
        });
        match found {
            Some(found) if !has_reason => self.when(Test::Present(found), list, Block::new()),
            _ => self.extend(list),
        }
    }

    /// How the id and the extensions of primitives that come are written with a field.
    pub(super) fn besides(&mut self, field: &Field<'a>, shape: &SmolStr) -> Beside {
        if field.extras.is_some() || built::name(shape).is_some() {
            return Beside::Not;
        }
        if !field.list {
            return Beside::Written;
        }
        if field.sources.iter().any(|source| self.lists_what_came(source)) {
            return Beside::Listed(self.missing());
        }
        Beside::Not
    }

    /// Whether a source of a list has primitives as they came, beside which something may stand.
    fn lists_what_came(&self, source: &Source<'a>) -> bool {
        match source {
            Source::Rule(value, env) => self.names_primitive(&value.value, env),
            Source::Json { ty, .. } => self.is_primitive_type(ty),
            _ => false,
        }
    }

    fn names_primitive(&self, expr: &'a Expr, env: &Env<'a>) -> bool {
        match &*expr.kind {
            Kind::Keep => env.keep.iter().flat_map(|kept| kept.iter()).any(|source| self.lists_what_came(source)),
            Kind::Element { .. } => self.is_primitive_type(&expr.ty) && self.is_json(expr, env),
            _ => expr.chosen().into_iter().any(|one| self.names_primitive(one, env)),
        }
    }

    /// Whether a primitive may be absent for a reason, so that its list needs its shadow.
    fn has_reason(&self, sources: &[Source<'a>]) -> bool {
        let mut reasons = BTreeSet::new();
        for source in sources {
            if let Source::Rule(value, _) = source {
                self.reasons(&value.value, &mut reasons);
            }
        }
        !reasons.is_empty()
    }

    /// What rules say beside a primitive, behind what came with its value.
    pub(super) fn extras(&mut self, field: &Field<'a>, primitive: bool) {
        let Some((extras, env)) = &field.extras else { return };
        if !primitive {
            return;
        }
        let name = format!("_{}", field.name);
        if field.list {
            let items = self.block(|lower| lower.write_block(extras, env, &To::new(Name::Item), &Vec::new()));
            return self.wrap(format!("{}:[", json(&name)), items, "],", false, Vec::new());
        }
        let to = To::new(Name::Field(name.into()));
        let Some((of, name)) = field.sources.first().and_then(|source| self.primitive_of(source)) else {
            return self.write_block(extras, env, &to, &Vec::new());
        };
        let came = self.json_part(of, Part::Element(vec![format_smolstr!("_{name}")]));
        let added = self.block(|lower| lower.write_extras(extras, came, env, &to));
        let alone = self.block(|lower| lower.write_block(extras, env, &to, &Vec::new()));
        self.when(Test::Present(came), added, alone);
    }

    fn write_extras(&mut self, extras: &'a typed::Block, came: Val, env: &Env<'a>, to: &To) {
        self.statements(&extras.statements, env);
        let mut fields = self.json_fields(came, ELEMENT);
        for own in self.fields(extras, env, &Vec::new()) {
            match fields.iter_mut().find(|field| field.name == own.name) {
                Some(field) if own.list => field.sources.extend(own.sources),
                Some(field) => *field = own,
                None => fields.push(own),
            }
        }
        self.write_fields(&fields, &SmolStr::new_static(ELEMENT), None, false, env, to);
    }

    /// Where a source names one primitive that came: in what, and under which name.
    fn primitive_of(&mut self, source: &Source<'a>) -> Option<(Val, SmolStr)> {
        match source {
            Source::Json { of, name, ty } if self.is_primitive_type(ty) => Some((*of, name.clone())),
            Source::Rule(value, env) => self.primitive_named(&value.value, env),
            _ => None,
        }
    }

    fn primitive_named(&mut self, expr: &'a Expr, env: &Env<'a>) -> Option<(Val, SmolStr)> {
        match &*expr.kind {
            Kind::Keep => {
                let kept = env.keep.clone().unwrap_or_default();
                kept.first().and_then(|source| self.primitive_of(source))
            }
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Later(inner, env, _), _)) => self.primitive_named(inner, &env),
                _ => None,
            },
            Kind::Element { of, name } if self.is_primitive_type(&expr.ty) && self.is_json(of, env) => {
                Some((self.json(of, env), name.clone()))
            }
            _ => None,
        }
    }

    /// A primitive that came, with its id and its extensions where the expression tells where it stands.
    pub(super) fn write_primitive(&mut self, expr: &'a Expr, env: &Env<'a>, to: &To) {
        match &*expr.kind {
            Kind::Slot(slot) if let Some((Bound::Later(inner, env, _), _)) = env.get(*slot) => {
                self.write_primitive(inner, &env, to);
            }
            Kind::Element { of, name } => self.each_json(of, env, &mut |lower, of| {
                lower.write_primitive_of(of, name, &expr.ty, env, to);
            }),
            Kind::OfType { value, name: ty } => match (&*value.kind, &value.ty.kind) {
                (Kind::Element { of, name }, TyKind::Choice(_)) => {
                    let name: SmolStr = named(name, ty).into();
                    self.each_json(of, env, &mut |lower, of| {
                        lower.write_primitive_of(of, &name, &expr.ty, env, to);
                    });
                }
                _ => self.write_primitive(value, env, to),
            },
            Kind::When { value, condition } => {
                self.held(value, condition, env, |lower| lower.write_primitive(value, env, to));
            }
            Kind::Else(first, second) if !expr.ty.is_list() => {
                let wrote = self.json(first, env);
                let yes = self.block(|lower| {
                    lower.take(env, &first.at);
                    lower.write_primitive(first, env, &to.before_another());
                });
                let no = self.block(|lower| {
                    lower.take(env, &second.at);
                    lower.write_primitive(second, env, to);
                });
                self.when(Test::Present(wrote), yes, no);
            }
            _ => {
                let val = self.json(expr, env);
                self.write_value(val, &expr.ty, env, to);
            }
        }
    }

    /// For each value that came: the one, or the items of a list.
    fn each_json(&mut self, expr: &'a Expr, env: &Env<'a>, body: &mut dyn FnMut(&mut Self, Val)) {
        let val = self.json(expr, env);
        self.each_of(val, expr.ty.is_list(), Until::All, body);
    }

    /// The primitive of that name in something that came, with what stands beside it (FHIR R4 JSON, "primitive types").
    pub(super) fn write_primitive_of(&mut self, of: Val, name: &str, ty: &Ty, env: &Env<'a>, to: &To) {
        let val = self.json_part(of, Part::Element(vec![name.into()]));
        if to.beside == Beside::Not {
            return self.write_value(val, ty, env, to);
        }
        let beside = self.json_part(of, Part::Element(vec![format_smolstr!("_{name}")]));
        if let Beside::Listed(found) = to.beside {
            return self.write_items(val, beside, found, ty, env, to);
        }
        self.write_value(val, ty, env, to);
        let base = self.json_type(ty);
        let written = self.block(|lower| lower.written_beside(beside, &base, env, to));
        let there = self.block(|lower| lower.when(Test::Present(beside), written, Block::new()));
        match to.beside {
            Beside::WithValue => self.when(Test::Present(val), there, Block::new()),
            _ => self.extend(there),
        }
    }

    /// The items of a list of primitives, or what stands beside them: where nothing does, item by item.
    fn write_items(&mut self, items: Val, beside: Val, found: Val, ty: &Ty, env: &Env<'a>, to: &To) {
        let whole = self.block(|lower| {
            let of = if to.shadow { beside } else { items };
            lower.push(Step::Constant { value: Constant::Text("true".into()), to: found });
            let written = lower.block(|lower| {
                lower.trace(Some(of), env, to);
                lower.push(Step::Write { of, form: Form::Items });
                lower.put(",");
            });
            lower.when(Test::Present(of), written, Block::new());
        });
        let alone = self.block(|lower| lower.write_value(items, ty, env, to));
        self.when(Test::Present(beside), whole, alone);
    }

    /// The id and the extensions of a primitive that came.
    fn written_beside(&mut self, of: Val, base: &str, env: &Env<'a>, to: &To) {
        self.trace(Some(of), env, to);
        self.put(&to.opened_with("_", base));
        self.push(Step::Write { of, form: Form::Json });
        self.put(&to.closed());
    }
}
