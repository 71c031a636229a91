//! Expressions as output: what they come to is written where it stands, each item with a comma behind it.

use super::beside::Beside;
use super::block::{Over, json, under};
use super::element::Source;
use super::items::Walk;
use super::patch::Parameter;
use super::{Bound, Env, Lower, Made};
use crate::check::typed::{Expr, Kind, Pick, Ty, TyKind};
use crate::plan::{Block, Form, Step, Test, Until, Val};
use crate::standard::built;
use crate::standard::shape::typed;
use crate::syntax::tree::At;
use emr_abi::Builtin;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Where the value of an element is written.
#[derive(Clone)]
pub(super) struct To {
    pub name: Name,
    /// The element's type is a primitive: what is said beside its value stands in `_name`.
    pub primitive: bool,
    /// The type of the element where what is written does not tell.
    pub hint: Option<SmolStr>,
    /// A block that is skipped here is left out; otherwise what is around it is skipped too.
    pub catches: bool,
    /// Set where an item of a required list is left out: if none is left, what is around the list is skipped too.
    pub skipped: Option<Val>,
    /// The second pass over a list of primitives: `null` for each that has a value.
    pub shadow: bool,
    /// The text of the rule.
    pub at: At,
    /// A resource that is written here is written as changes of one.
    pub patches: bool,
    pub beside: Beside,
}

#[derive(Clone)]
pub(super) enum Name {
    /// In a list, or alone.
    Item,
    Field(SmolStr),
    /// Of a choice: the type of what is written makes it whole.
    Stem(SmolStr),
    /// In a parameter of a change.
    Parameter(Rc<Parameter>),
    /// Among the changes of a part of a message.
    Part,
}

impl To {
    pub fn new(name: Name) -> Self {
        Self {
            name,
            primitive: false,
            hint: None,
            catches: false,
            skipped: None,
            shadow: false,
            at: 0..0,
            patches: false,
            beside: Beside::Not,
        }
    }

    /// One of several, which may be left out.
    pub fn list() -> Self {
        Self { catches: true, ..Self::new(Name::Item) }
    }

    /// The same for a source behind which another stands.
    pub fn before_another(&self) -> Self {
        let beside = if self.beside == Beside::Written { Beside::WithValue } else { self.beside };
        Self { beside, ..self.clone() }
    }

    /// What stands before a value of that type.
    pub fn opened(&self, ty: &str) -> String {
        self.opened_with("", ty)
    }

    pub fn opened_with(&self, prefix: &str, ty: &str) -> String {
        match &self.name {
            Name::Item | Name::Part => String::new(),
            Name::Field(name) => format!("{}:", json(&format!("{prefix}{name}"))),
            Name::Stem(stem) => format!("{}:", json(&format!("{prefix}{}", typed(stem, ty)))),
            Name::Parameter(parameter) => parameter.opened(prefix, ty),
        }
    }

    /// What stands behind a value, with the comma to the next.
    pub fn closed(&self) -> String {
        match &self.name {
            Name::Parameter(parameter) => format!("{},", parameter.after),
            _ => ",".to_owned(),
        }
    }
}

impl<'a> Lower<'a> {
    pub(super) fn write(&mut self, expr: &'a Expr, env: &Env<'a>, to: &To, over: &Over<'a>) {
        if self.is_json(expr, env) {
            return self.write_json(expr, env, to, over);
        }
        match &*expr.kind {
            Kind::Text(text) => self.leaf(&json(text), &expr.ty, env, to),
            Kind::Number(text) => self.leaf(text, &expr.ty, env, to),
            Kind::Boolean(value) => self.leaf(if *value { "true" } else { "false" }, &expr.ty, env, to),
            Kind::Json(text) => self.leaf(text, &expr.ty, env, to),
            Kind::Code { system, code, display } if over.is_empty() => {
                let written = self.code(system, code, display.as_deref(), &expr.ty);
                self.leaf(&written, &expr.ty, env, to);
            }
            Kind::Code { .. } => {
                let coded = self.value(expr, env);
                self.write_coded_over(coded, expr, env, to, over);
            }
            Kind::Coded(inner) => {
                let coded = self.value(inner, env);
                if over.is_empty() {
                    self.write_coded(coded, inner, &expr.ty, env, to);
                } else {
                    self.write_coded_over(coded, expr, env, to, over);
                }
            }
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Later(inner, env, before), _)) => {
                    self.write(inner, &env, to, &[before, over.clone()].concat());
                }
                Some((Bound::Val(val), _)) => self.write_value(val, &expr.ty, env, to),
                Some((Bound::Coding(val, before), _)) => {
                    self.write_coding(val, to, &[before, over.clone()].concat());
                }
                Some((Bound::Json(_, before), _)) => {
                    self.write_json(expr, env, to, &[before, over.clone()].concat());
                }
                None => {}
            },
            Kind::Block(block) => self.write_block(block, env, to, over),
            Kind::With { base, fields } => {
                let over = under(fields, env, over);
                self.write(base, env, to, &over);
            }
            Kind::Copy { value, null } => self.write_copy(value, *null, expr, env, to),
            Kind::Edited { of, edits } => self.write_edited(*of, edits, env, to),
            Kind::KeepEach { lacking, or } => self.write_kept(lacking, or, env, to),
            Kind::Edits(edits) => self.write_edits(edits, env, to),
            Kind::Split { parts, .. } => self.write_split(parts, expr, env),
            Kind::Keep => {
                for source in env.keep.clone().unwrap_or_default().iter() {
                    match source {
                        Source::Rule(value, env) => self.write(&value.value, env, to, over),
                        other => self.source(other, to, over),
                    }
                }
            }
            Kind::Call { function, arguments } if !self.is_plain(&expr.ty) => {
                self.write_call(function, arguments, env, to, over);
            }
            Kind::Element { of, name } if !self.is_plain(&expr.ty) => {
                self.project(of, env, &Vec::new(), name, &mut |lower, sources| {
                    for source in sources {
                        match source {
                            Source::Rule(value, env) => lower.write(&value.value, env, to, over),
                            other => lower.source(other, to, over),
                        }
                    }
                });
            }
            Kind::List(items) => items.iter().for_each(|item| self.write(item, env, to, over)),
            Kind::Each { list, item, filter, body } => {
                self.walk(Walk::new(list, *item, filter.as_ref()), env, Until::All, &mut |lower| {
                    lower.left_out(env, to, &body.at, |lower| lower.write(body, env, to, over));
                });
            }
            Kind::EachBy { body, .. } => self.each_by(expr, env, &mut |lower| {
                lower.left_out(env, to, &body.at, |lower| lower.write(body, env, to, over));
            }),
            Kind::Pick { which, list } if !self.is_plain(&expr.ty) => {
                self.write_pick(*which, list, expr, env, to, over)
            }
            Kind::Range { .. } | Kind::OfType { .. } | Kind::Builtin { function: Builtin::distinct, .. }
                if !self.is_plain(&expr.ty) =>
            {
                self.items(expr, env, over, &mut |lower, item| lower.write_item(item, &expr.ty, env, to));
            }
            Kind::Else(first, second) => {
                let hinted = self.hinted(first, to);
                // A block that is skipped here is missing, so the other value is taken.
                let optional = To { catches: true, ..to.before_another() };
                self.written_or(
                    (first, second),
                    env,
                    |lower| lower.write(first, env, &optional, over),
                    |lower| lower.write(second, env, &hinted, over),
                );
            }
            Kind::When { value, condition } => {
                self.held(value, condition, env, |lower| lower.write(value, env, to, over));
            }
            Kind::Warn { value, text } => {
                let issue = self.warning(text, env, expr);
                let body = self.block(|lower| lower.write(value, env, to, over));
                let at = self.focus();
                let wrote = self.to(|to| Step::Wrote { body, to });
                self.when(Test::True(wrote), vec![Step::Issue { issue, at }], Block::new());
            }
            Kind::Match { arms, otherwise } => {
                self.arms(arms, otherwise.as_ref(), env, &mut |lower, value| lower.write(value, env, to, over));
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.write(value, env, to, over);
            }
            Kind::DataAbsent(reason) => self.data_absent(reason, env, to),
            // Nothing is written, and a test may have asked for just that.
            Kind::Absent => self.take(env, &expr.at),
            Kind::Null | Kind::Error => {}
            Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => self.effect(expr, env),
            _ => {
                let val = self.value(expr, env);
                self.write_value(val, &expr.ty, env, to);
            }
        }
    }

    // ---- leaves

    /// A constant.
    fn leaf(&mut self, written: &str, ty: &Ty, env: &Env<'a>, to: &To) {
        if to.shadow {
            return self.put("null,");
        }
        let base = self.json_type(ty);
        self.trace(None, env, to);
        self.put(&format!("{}{written}{}", to.opened(&base), to.closed()));
    }

    /// A value that may be missing, or each of a list.
    pub(super) fn write_value(&mut self, val: Val, ty: &Ty, env: &Env<'a>, to: &To) {
        let (form, base) = (self.form(ty), self.json_type(ty));
        self.each_of(val, ty.is_list(), Until::All, &mut |lower, val| lower.written(val, form, &base, env, to));
    }

    /// How a value of that type stands in JSON.
    pub(super) fn form(&self, ty: &Ty) -> Form {
        match &ty.kind {
            TyKind::Reference(_) => Form::Reference,
            TyKind::Coded => Form::Code,
            TyKind::Fhir(key) => match self.base(key).as_str() {
                "boolean" | "decimal" | "integer" | "positiveInt" | "unsignedInt" => Form::Bare,
                "Coding" => Form::Coding,
                _ => Form::Text,
            },
            _ => Form::Text,
        }
    }

    pub(super) fn write_text(&mut self, val: Val, to: &To) {
        let env = Env::new(&SmolStr::default());
        self.write_value(val, &Ty::fhir("string"), &env, to);
    }

    pub(super) fn written(&mut self, of: Val, form: Form, base: &str, env: &Env<'a>, to: &To) {
        if to.shadow {
            return self.put("null,");
        }
        self.trace(Some(of), env, to);
        let open = to.opened(base);
        if !open.is_empty() {
            self.put(&open);
        }
        self.push(Step::Write { of, form });
        self.put(&to.closed());
    }

    pub(super) fn trace(&mut self, of: Option<Val>, env: &Env<'a>, to: &To) {
        if self.trace {
            let rule = self.rule(env, &to.at);
            self.push(Step::Trace { rule, of });
        }
    }

    /// How the name of a choice ends for a value of that type.
    pub(super) fn json_type(&self, ty: &Ty) -> SmolStr {
        match &ty.kind {
            TyKind::Reference(_) => "Reference".into(),
            TyKind::Fhir(key) => self.base(key),
            _ => "string".into(),
        }
    }

    fn code(&self, system: &str, code: &str, display: Option<&str>, ty: &Ty) -> String {
        let key = match &ty.kind {
            TyKind::Fhir(key) => self.base(key),
            _ => "code".into(),
        };
        let display = display.map(|display| format!(",\"display\":{}", json(display))).unwrap_or_default();
        let coding = format!("{{\"system\":{},\"code\":{}{display}}}", json(system), json(code));
        match key.as_str() {
            "CodeableConcept" => format!("{{\"coding\":[{coding}]}}"),
            "Coding" => coding,
            // What holds it in HL7 takes its parts from it.
            target if built::name(target).is_some() && !self.is_primitive(target) => coding,
            _ => json(code),
        }
    }

    /// A coded value as the FHIR type that holds it.
    fn write_coded(&mut self, coded: Val, from: &Expr, ty: &Ty, env: &Env<'a>, to: &To) {
        let base = self.json_type(ty);
        let form = match base.as_str() {
            "CodeableConcept" => Form::Concept,
            "Coding" => Form::Coding,
            target if built::name(target).is_some() && !self.is_primitive(target) => Form::Coding,
            _ => Form::Code,
        };
        let mut reasons = BTreeSet::new();
        self.reasons(from, &mut reasons);
        self.each_of(coded, from.ty.is_list(), Until::All, &mut |lower, val| {
            let mut body = lower.block(|lower| lower.written(val, form, &base, env, to));
            for reason in &reasons {
                let absent = lower.block(|lower| lower.data_absent(reason, env, to));
                body = vec![Step::If { test: Test::Reason(val, reason.clone()), yes: absent, no: body }];
            }
            lower.extend(body);
        });
    }

    /// `v2-0203#MR with { … }`, `X via T with { … }`
    fn write_coded_over(&mut self, coded: Val, expr: &Expr, env: &Env<'a>, to: &To, over: &Over<'a>) {
        let fields = self.coded_fields(coded, expr, over);
        let shape = self.json_type(&expr.ty);
        let live = !matches!(&*expr.kind, Kind::Code { .. });
        let body = self.block(|lower| lower.write_fields(&fields, &shape, None, live, env, to));
        self.when(Test::Present(coded), body, Block::new());
    }

    /// The only Coding of a concept, with what overrides its elements.
    pub(super) fn write_coding(&mut self, coded: Val, to: &To, over: &Over<'a>) {
        let (env, shape) = (Env::new(&SmolStr::default()), SmolStr::new_static("Coding"));
        self.each_of(coded, false, Until::All, &mut |lower, val| {
            if over.is_empty() {
                lower.written(val, Form::Coding, &shape, &env, to);
            } else {
                let fields = lower.coding_fields(val, over);
                lower.write_fields(&fields, &shape, None, true, &env, to);
            }
        });
    }

    fn data_absent(&mut self, reason: &str, env: &Env<'a>, to: &To) {
        self.trace(None, env, to);
        let base = to.hint.clone().unwrap_or_else(|| "string".into());
        let primitive = to.primitive || matches!(to.name, Name::Stem(_)) && self.is_primitive(&base);
        let extension = format!(
            "{{\"extension\":[{{\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\"valueCode\":{}}}]}}",
            json(reason)
        );
        match (&to.name, primitive) {
            (Name::Item, true) if !to.shadow => self.put("null,"),
            (_, true) => self.put(&format!("{}{extension}{}", to.opened_with("_", &base), to.closed())),
            (_, false) => self.put(&format!("{}{extension}{}", to.opened(&base), to.closed())),
        }
    }

    /// The type of the first alternative, for a second one that has none.
    fn hinted(&self, first: &Expr, to: &To) -> To {
        match (&to.name, &first.ty.kind) {
            (Name::Stem(_), TyKind::Fhir(_) | TyKind::Reference(_)) => {
                To { hint: Some(self.json_type(&first.ty)), ..to.clone() }
            }
            _ => to.clone(),
        }
    }

    // ---- what is written by others

    fn write_call(&mut self, key: &SmolStr, arguments: &'a [Expr], env: &Env<'a>, to: &To, over: &Over<'a>) {
        let Some(function) = self.function(key) else { return };
        let parameter = matches!(to.name, Name::Parameter(_));
        if !over.is_empty() || to.shadow || to.patches || parameter || !self.takes_values(function, arguments, env) {
            let inner = self.bound(function, arguments, env);
            return self.write(&function.body, &inner, to, over);
        }
        let arguments = self.arguments(arguments, env);
        let stem = match &to.name {
            Name::Stem(stem) => Some(stem.clone()),
            _ => None,
        };
        let inside = To {
            name: stem.clone().map_or(Name::Item, Name::Stem),
            hint: to.hint.clone(),
            at: function.at.clone(),
            catches: function.result.is_list(),
            ..To::new(Name::Item)
        };
        let made = Made::Write(function.key.clone(), stem);
        let routine = self.routine(made, function.params.len(), |lower| {
            let env = lower.given(function);
            lower.write(&function.body, &env, &inside, &Vec::new());
            None
        });
        let body = self.block(|lower| {
            let call = Step::Call { routine, arguments, to: None };
            match &to.name {
                Name::Field(name) => lower.wrap(format!("{}:", json(name)), vec![call], ",", false, Vec::new()),
                _ => lower.push(call),
            }
        });
        if to.catches {
            self.left_out(env, to, &to.at, |lower| lower.extend(body));
        } else {
            self.extend(body);
        }
    }

    /// `first`, `last`, `only` of things that have elements.
    fn write_pick(&mut self, which: Pick, list: &'a Expr, expr: &'a Expr, env: &Env<'a>, to: &To, over: &Over<'a>) {
        match &*list.kind {
            Kind::Else(first, second) => {
                self.written_or(
                    (first, second),
                    env,
                    |lower| lower.write_pick(which, first, expr, env, to, over),
                    |lower| lower.write_pick(which, second, expr, env, to, over),
                );
            }
            Kind::List(items) if which == Pick::First => {
                let mut all = Block::new();
                for item in items.iter().rev() {
                    let first = self.block(|lower| lower.write_pick(which, item, expr, env, to, over));
                    all = self.block(|lower| lower.or(first, all));
                }
                self.extend(all);
            }
            Kind::When { value, condition } => {
                self.held(value, condition, env, |lower| lower.write_pick(which, value, expr, env, to, over));
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.write_pick(which, value, expr, env, to, over);
            }
            Kind::With { base, fields } => {
                self.write_pick(which, base, expr, env, to, &under(fields, env, over));
            }
            Kind::Each { list, item, filter, body } if self.is_plain(&list.ty) => {
                let until = self.until(which, expr, env);
                self.walk(Walk::new(list, *item, filter.as_ref()), env, until, &mut |lower| {
                    lower.write_pick(which, body, expr, env, to, over);
                });
            }
            _ => self.picked(which, list, expr, env, over, &mut |lower, item| {
                lower.write_item(item, &expr.ty, env, to);
            }),
        }
    }

    /// A resource in `contained`, and the reference to it.
    pub(super) fn contain(&mut self, resource: &'a Expr, env: &Env<'a>) -> Val {
        let to = To { catches: true, ..To::new(Name::Item) };
        let body = self.block(|lower| lower.write(resource, env, &to, &Vec::new()));
        self.to(|to| Step::Contain { body, to })
    }
}
