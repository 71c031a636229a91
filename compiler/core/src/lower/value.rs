//! Expressions as values: scalars, parts of the message, references, lists of such.

use super::{Frame, Lower, Placed, is_value};
use crate::check::typed::{self, Expr, Kind, TyKind};
use crate::plan::{Block, Constant, Part, Step, Test, Val};
use crate::syntax::tree::At;

impl Lower<'_> {
    pub(super) fn value(&mut self, expr: &Expr, frame: &mut Frame, out: &mut Block) -> Val {
        let to = frame.fresh();
        self.value_to(expr, to, frame, out);
        to
    }

    /// The value of an expression, in a place that an alternative may share.
    fn value_to(&mut self, expr: &Expr, to: Val, frame: &mut Frame, out: &mut Block) {
        let at = &expr.at;
        match &*expr.kind {
            Kind::Text(text) => constant(Constant::Text(text.clone()), to, out),
            Kind::Number(text) => constant(Constant::Bare(text.clone()), to, out),
            Kind::Boolean(value) => constant(Constant::Bare(if *value { "true" } else { "false" }.into()), to, out),
            Kind::Duration(milliseconds) => constant(Constant::Duration(*milliseconds), to, out),
            Kind::Code { system, code, display } => {
                let (system, code, display) = (system.clone(), code.clone(), display.clone());
                constant(Constant::Coded { system, code, display }, to, out);
            }
            Kind::Json(text) => constant(Constant::Bare(text.clone()), to, out),
            Kind::Slot(slot) => match frame.env.slots.get(slot).copied() {
                Some(from) => out.push(Step::Set { from, to }),
                None => constant(Constant::Missing, to, out),
            },
            Kind::Path { root, steps } => {
                let Some(root) = frame.env.slots.get(root).copied() else {
                    return constant(Constant::Missing, to, out);
                };
                self.path(root, steps, to, frame, out);
            }
            Kind::Join(parts) => {
                let parts = parts.iter().map(|part| self.value(part, frame, out)).collect();
                out.push(Step::Join { parts, to });
            }
            Kind::List(items) => {
                let parts = items.iter().map(|item| self.value(item, frame, out)).collect();
                out.push(Step::Gather { parts, to });
            }
            Kind::Builtin { function, arguments } => {
                let arguments = arguments.iter().map(|argument| self.value(argument, frame, out)).collect();
                out.push(Step::Builtin { function: *function, arguments, to });
            }
            Kind::Call { function, arguments } => self.call_value(function, arguments, to, frame, out),
            Kind::Convert { value, to: into } => {
                let of = self.value(value, frame, out);
                let rule = self.rule(frame, at);
                out.push(Step::Convert { of, into: *into, to, rule });
            }
            Kind::Via { value, table } => {
                let of = self.value(value, frame, out);
                let (table, rule) = (self.table(table), self.rule(frame, at));
                out.push(Step::Translate { of, table, to, rule });
            }
            Kind::Coded(value) => self.value_to(value, to, frame, out),
            Kind::Each { list, item, filter, body } => {
                let of = self.value(list, frame, out);
                let item = frame.bind(*item);
                constant(Constant::Missing, to, out);
                let mut inner = Block::new();
                let mut given = Block::new();
                let val = self.value(body, frame, &mut given);
                given.push(Step::Push { of: val, to });
                self.filtered(filter.as_ref(), given, frame, &mut inner);
                out.push(Step::Each { of, item, body: inner, once: false });
            }
            Kind::EachBy { list, item, filter, key, items, body } => {
                let of = self.chosen(list, *item, filter.as_ref(), frame, out);
                let item = frame.bind(*item);
                let mut keyed = Block::new();
                let by = self.value(key, frame, &mut keyed);
                let items = frame.bind(*items);
                constant(Constant::Missing, to, out);
                let mut inner = Block::new();
                let val = self.value(body, frame, &mut inner);
                inner.push(Step::Push { of: val, to });
                out.push(Step::EachBy { of, item, key: keyed, by, items, body: inner });
            }
            Kind::Pick { which, list } => {
                let of = self.value(list, frame, out);
                let rule = self.rule(frame, at);
                out.push(Step::Pick { which: *which, of, to, rule });
            }
            Kind::Else(first, second) => {
                self.value_to(first, to, frame, out);
                let mut no = Block::new();
                self.value_to(second, to, frame, &mut no);
                out.push(Step::If { test: Test::Present(to), yes: Block::new(), no });
            }
            Kind::When { value, condition } => {
                let test = self.test(condition, frame, out);
                let mut yes = Block::new();
                self.value_to(value, to, frame, &mut yes);
                let mut no = Block::new();
                constant(Constant::Missing, to, &mut no);
                out.push(Step::If { test, yes, no });
            }
            Kind::Warn { value, text } => {
                self.value_to(value, to, frame, out);
                let rule = self.rule(frame, at);
                let yes = vec![Step::Issue { text: text.clone(), at: Some(to), rule }];
                out.push(Step::If { test: Test::Present(to), yes, no: Block::new() });
            }
            Kind::Match { arms, otherwise } => self.match_value(arms, otherwise.as_ref(), to, frame, out),
            Kind::Do { statements, value } => {
                for statement in statements {
                    self.statement(statement, frame, out);
                }
                self.value_to(value, to, frame, out);
            }
            Kind::Absent | Kind::Error | Kind::DataAbsent(_) => constant(Constant::Missing, to, out),
            Kind::AbsentWarn(text) => {
                let rule = self.rule(frame, at);
                out.push(Step::Issue { text: text.clone(), at: None, rule });
                constant(Constant::Missing, to, out);
            }
            Kind::Skip => out.push(Step::Fail),
            Kind::Reject(text) => {
                let rule = self.rule(frame, at);
                out.push(Step::Reject { text: text.clone(), at: None, rule });
            }
            Kind::Emit { resource, if_new } => self.emit(resource, *if_new, to, at, frame, out),
            // An element of a FHIR value is only ever written; the checker lets no other use through.
            Kind::Element { .. } | Kind::Contain(_) => constant(Constant::Missing, to, out),
            Kind::Keep => {
                let parts = frame.env.keep.clone().iter().map(|kept| self.kept(kept, frame, out)).collect();
                out.push(Step::Gather { parts, to });
            }
            Kind::And(..)
            | Kind::Or(..)
            | Kind::Not(_)
            | Kind::Compare { .. }
            | Kind::In { .. }
            | Kind::Matches { .. }
            | Kind::Is { .. }
            | Kind::True(_) => {
                let test = self.test(expr, frame, out);
                out.push(Step::Decide { test, to });
            }
            Kind::Arithmetic { op, left, right } => {
                let (left, right) = (self.value(left, frame, out), self.value(right, frame, out));
                let rule = self.rule(frame, at);
                out.push(Step::Calculate { op: *op, left, right, to, rule });
            }
            // What has elements is written, never held. A statement may name it for what it emits.
            Kind::Block(block) => {
                for statement in &block.statements {
                    self.statement(statement, frame, out);
                }
                constant(Constant::Missing, to, out);
            }
            Kind::With { base, .. } => self.value_to(base, to, frame, out),
        }
    }

    fn kept(&mut self, kept: &Placed, frame: &mut Frame, out: &mut Block) -> Val {
        let outer = std::mem::replace(&mut frame.env, kept.env.clone());
        let val = self.value(&kept.value.value, frame, out);
        frame.env = outer;
        val
    }

    /// The body of a loop, for the items that the filter lets through.
    pub(super) fn filtered(&mut self, filter: Option<&Expr>, given: Block, frame: &mut Frame, inner: &mut Block) {
        match filter {
            Some(filter) => {
                let test = self.test(filter, frame, inner);
                inner.push(Step::If { test, yes: given, no: Block::new() });
            }
            None => inner.extend(given),
        }
    }

    /// A list without what a filter keeps out.
    pub(super) fn chosen(
        &mut self,
        list: &Expr,
        item: typed::Slot,
        filter: Option<&Expr>,
        frame: &mut Frame,
        out: &mut Block,
    ) -> Val {
        let of = self.value(list, frame, out);
        let Some(filter) = filter else { return of };
        let item = frame.bind(item);
        let to = frame.fresh();
        let mut body = Block::new();
        let test = self.test(filter, frame, &mut body);
        out.push(Step::Filter { of, item, body, test, to });
        to
    }

    fn path(&mut self, root: Val, steps: &[typed::Step], to: Val, frame: &mut Frame, out: &mut Block) {
        let mut of = root;
        for (index, step) in steps.iter().enumerate() {
            let to = if index + 1 == steps.len() { to } else { frame.fresh() };
            let part = match step {
                typed::Step::Outer(levels) => Part::Outer(*levels),
                typed::Step::Member { member, .. } => Part::Member(*member),
                typed::Step::Field { number, repeats } => Part::Field { number: *number, repeats: *repeats },
                typed::Step::Component(number) => Part::Component(*number),
                typed::Step::Index(number) => Part::Index(*number),
                typed::Step::Range(from, last) => Part::Range(*from, *last),
                typed::Step::Filter { item, condition } => {
                    let item = frame.bind(*item);
                    let mut body = Block::new();
                    let test = self.test(condition, frame, &mut body);
                    out.push(Step::Filter { of, item, body, test, to });
                    of = to;
                    continue;
                }
            };
            out.push(Step::Take { of, part, to });
            of = to;
        }
        if steps.is_empty() {
            out.push(Step::Set { from: root, to });
        }
    }

    fn match_value(
        &mut self,
        arms: &[typed::Arm],
        otherwise: Option<&Expr>,
        to: Val,
        frame: &mut Frame,
        out: &mut Block,
    ) {
        let Some((arm, rest)) = arms.split_first() else {
            return match otherwise {
                Some(value) => self.value_to(value, to, frame, out),
                None => constant(Constant::Missing, to, out),
            };
        };
        let test = self.test(&arm.condition, frame, out);
        let (mut yes, mut no) = (Block::new(), Block::new());
        self.value_to(&arm.value, to, frame, &mut yes);
        self.match_value(rest, otherwise, to, frame, &mut no);
        out.push(Step::If { test, yes, no });
    }

    fn call_value(&mut self, key: &typed::Key, arguments: &[Expr], to: Val, frame: &mut Frame, out: &mut Block) {
        let arguments: Vec<Val> = arguments.iter().map(|argument| self.value(argument, frame, out)).collect();
        match self.routine(key, "") {
            Some((routine, function)) if is_value(&function.result) => {
                out.push(Step::Call { routine, arguments, to: Some(to) });
            }
            _ => constant(Constant::Missing, to, out),
        }
    }

    /// A resource for the Bundle; the value is the reference to it.
    pub(super) fn emit(&mut self, resource: &Expr, if_new: bool, to: Val, at: &At, frame: &mut Frame, out: &mut Block) {
        match &*resource.kind {
            // Decisions stay outside, so that only what is chosen is emitted.
            Kind::Else(first, second) => {
                self.emit(first, if_new, to, at, frame, out);
                let mut no = Block::new();
                self.emit(second, if_new, to, at, frame, &mut no);
                out.push(Step::If { test: Test::Present(to), yes: Block::new(), no });
            }
            Kind::When { value, condition } => {
                let test = self.test(condition, frame, out);
                let (mut yes, mut no) = (Block::new(), Block::new());
                self.emit(value, if_new, to, at, frame, &mut yes);
                constant(Constant::Missing, to, &mut no);
                out.push(Step::If { test, yes, no });
            }
            Kind::Do { statements, value } => {
                for statement in statements {
                    self.statement(statement, frame, out);
                }
                self.emit(value, if_new, to, at, frame, out);
            }
            Kind::Each { list, item, filter, body } => {
                let of = self.value(list, frame, out);
                let item = frame.bind(*item);
                constant(Constant::Missing, to, out);
                let (mut inner, mut given) = (Block::new(), Block::new());
                let val = frame.fresh();
                self.emit(body, if_new, val, at, frame, &mut given);
                given.push(Step::Push { of: val, to });
                self.filtered(filter.as_ref(), given, frame, &mut inner);
                out.push(Step::Each { of, item, body: inner, once: false });
            }
            Kind::Absent | Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => {
                self.value_to(resource, to, frame, out)
            }
            _ => self.emit_one(resource, if_new, to, at, frame, out),
        }
    }

    fn emit_one(&mut self, resource: &Expr, if_new: bool, to: Val, at: &At, frame: &mut Frame, out: &mut Block) {
        let rule = self.rule(frame, at);
        let name = match &resource.ty.kind {
            TyKind::Fhir(key) => self.resource_name(key),
            _ => Default::default(),
        };
        let key = self.keys(resource, frame, out);
        let mut body = Block::new();
        self.write(resource, &super::write::Place::item(), frame, &mut body);
        out.push(Step::Emit { resource: name, if_new, key, body, to, rule });
    }

    /// `Patient` for a profile of it.
    fn resource_name(&self, key: &smol_str::SmolStr) -> smol_str::SmolStr {
        match self.world.standards().fhir.shape(key) {
            Some(shape) if !shape.base.is_empty() => shape.base.clone(),
            _ => key.clone(),
        }
    }
}

pub(super) fn constant(value: Constant, to: Val, out: &mut Block) {
    out.push(Step::Constant { value, to });
}
