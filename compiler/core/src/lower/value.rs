//! Expressions as values of a routine: at most one text, part of the message or reference, or a list of such.

use super::element::Source;
use super::items::Walk;
use super::{Bound, Env, Lower, Made, Reason};
use crate::check::typed::{Expr, Function, Kind, Left, Pick, Primitive, Statement, Ty, TyKind};
use crate::plan::{Block, Code, CodePart, Constant, Form, Step, Test, Until, Val};
use crate::settings;
use crate::syntax::tree::Count;
use emr_abi::Builtin;
use smol_str::SmolStr;

impl<'a> Lower<'a> {
    pub(super) fn value(&mut self, expr: &'a Expr, env: &Env<'a>) -> Val {
        if self.is_json(expr, env) {
            return self.json(expr, env);
        }
        match &*expr.kind {
            Kind::Text(text) | Kind::Number(text) | Kind::Json(text) => self.text(text.clone()),
            Kind::Boolean(value) => self.text(if *value { "true".into() } else { "false".into() }),
            Kind::Duration(milliseconds) => self.constant(Constant::Duration(*milliseconds)),
            Kind::Code { system, code, display } => match &expr.ty.kind {
                TyKind::Fhir(key) if self.is_primitive(key) => self.text(code.clone()),
                _ => self.constant(Constant::Coded {
                    system: Some(system.clone()),
                    code: code.clone(),
                    display: display.clone(),
                    live: false,
                }),
            },
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Val(val) | Bound::Json(val, _) | Bound::Coding(val, _), _)) => val,
                Some((Bound::Later(inner, env, _), _)) => self.value(inner, &env),
                None => self.missing(),
            },
            Kind::Path { root, steps } => self.path(*root, steps, env),
            Kind::Receipt(part) => {
                let to = self.to(|to| Step::Receipt { part: *part, to });
                if part.is_sure() {
                    self.surely(to);
                }
                to
            }
            Kind::Join(parts) => {
                let parts = parts.iter().map(|part| self.value(part, env)).collect();
                self.to(|to| Step::Join { parts, to })
            }
            Kind::List(items) => {
                let parts = items.iter().map(|item| self.value(item, env)).collect();
                self.to(|to| Step::Gather { parts, to })
            }
            Kind::Builtin { function: Builtin::join, arguments } => match arguments.as_slice() {
                [between, parts] => self.joined_text(between, parts, env),
                _ => self.missing(),
            },
            Kind::Builtin { function: function @ (Builtin::system_of | Builtin::display), arguments } => {
                let part = if *function == Builtin::display { CodePart::Display } else { CodePart::System };
                match arguments.as_slice() {
                    [code] => {
                        let of = self.coded(code, env);
                        self.code_part(of, part)
                    }
                    _ => self.missing(),
                }
            }
            Kind::Builtin { function, arguments } => {
                let arguments = arguments.iter().map(|argument| self.value(argument, env)).collect();
                let text = format!("`{}` cannot be done with this value", function.name());
                let issue = self.said(Code::NotCalculated, &text, env, &expr.at);
                self.to(|to| Step::Builtin { function: *function, arguments, to, issue })
            }
            Kind::Call { function, arguments } => self.call_for_value(function, arguments, env),
            Kind::Convert { value, to: into } => self.converted(expr, value, *into, env),
            Kind::Via { value, table } => self.via(value, table, env),
            Kind::Lookup { table, keys, column } => self.lookup(table, keys, *column, expr, env),
            Kind::Coded(value) => {
                let coded = self.value(value, env);
                match &expr.ty.kind {
                    TyKind::Fhir(key) if self.is_primitive(key) => self.code_part(coded, CodePart::Code),
                    _ => coded,
                }
            }
            Kind::Element { of, name } => self.element(of, env, &[name.as_str()], expr.ty.is_list()),
            Kind::Block(_) | Kind::With { .. } => self.coded(expr, env),
            Kind::Copy { value, .. } => self.value(value, env),
            Kind::Edited { .. } | Kind::Edits(_) | Kind::KeepEach { .. } | Kind::Split { .. } => self.missing(),
            Kind::Keep => {
                let kept = env.keep.clone().unwrap_or_default();
                self.sources_value(&kept, expr.ty.is_list())
            }
            Kind::Each { list, item, filter, body } => {
                let (to, many) = self.result_of(&expr.ty);
                self.walk(Walk::new(list, *item, filter.as_ref()), env, Until::All, &mut |lower| {
                    lower.caught(env, &body.at, |lower| {
                        let val = lower.value(body, env);
                        lower.add(val, to, many);
                    });
                });
                to
            }
            Kind::EachBy { body, .. } => {
                let to = self.constant(Constant::List);
                self.each_by(expr, env, &mut |lower| {
                    lower.caught(env, &body.at, |lower| {
                        let val = lower.value(body, env);
                        lower.push(Step::Push { of: val, to });
                    });
                });
                to
            }
            Kind::Pick { which, list } => {
                let of = self.value(list, env);
                if !list.ty.is_list() {
                    return of;
                }
                let issue = self.second(expr, env);
                let to = self.to(|to| Step::Pick { which: *which, of, to, issue });
                self.look_at(to);
                to
            }
            Kind::Range { list, from, to } => self.range_value(list, (*from, *to), env),
            Kind::OfType { value, name } => {
                let (to, many) = self.result_of(&expr.ty);
                self.of_type(value, name, env, &Vec::new(), &mut |lower, item| {
                    let val = match item {
                        Bound::Later(expr, env, _) => lower.value(expr, &env),
                        Bound::Val(val) | Bound::Json(val, _) | Bound::Coding(val, _) => val,
                    };
                    lower.add(val, to, many);
                });
                to
            }
            Kind::Else(first, second) => {
                let to = self.fresh();
                let from = self.value(first, env);
                self.push(Step::Set { from, to });
                let yes = self.taken(env, &first.at);
                let no = self.block(|lower| {
                    lower.take(env, &second.at);
                    let from = lower.value(second, env);
                    lower.push(Step::Set { from, to });
                });
                self.when(Test::Present(to), yes, no);
                to
            }
            Kind::When { value, condition } => {
                let test = self.test(condition, env);
                let to = self.missing();
                self.held_by(test, value, condition, env, |lower| {
                    let from = lower.value(value, env);
                    lower.push(Step::Set { from, to });
                });
                to
            }
            Kind::Warn { value, text } => {
                let val = self.value(value, env);
                let issue = self.warning(text, env, expr);
                self.when(Test::Present(val), vec![Step::Issue { issue, at: Some(val) }], Block::new());
                val
            }
            Kind::Match { arms, otherwise } => {
                let to = self.missing();
                self.arms(arms, otherwise.as_ref(), env, &mut |lower, value| {
                    let from = lower.value(value, env);
                    lower.push(Step::Set { from, to });
                });
                to
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.value(value, env)
            }
            Kind::Environment(name) => self.environment(name, expr, env),
            Kind::Absent | Kind::Null | Kind::Secret(_) | Kind::Error => self.missing(),
            Kind::DataAbsent(reason) => self.constant(Constant::Reason(reason.clone())),
            Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => {
                self.effect(expr, env);
                self.missing()
            }
            // In a list of its own or in an `each` it is a rule by itself.
            Kind::Emit { resource, sent } if self.covers => {
                self.ruled(env, &expr.at, |lower| lower.emit(resource, *sent, env, &Vec::new()))
            }
            Kind::Emit { resource, sent } => self.emit(resource, *sent, env, &Vec::new()),
            Kind::Refer { .. } => self.refer(expr, env),
            Kind::Contain(resource) => self.contain(resource, env),
            Kind::And(..)
            | Kind::Or(..)
            | Kind::Not(_)
            | Kind::Compare { .. }
            | Kind::In { .. }
            | Kind::InCodes { .. }
            | Kind::InSet { .. }
            | Kind::Matches { .. }
            | Kind::Is { .. }
            | Kind::IsType { .. }
            | Kind::True(_) => {
                let test = self.test(expr, env);
                self.to(|to| Step::Decide { test, to })
            }
            Kind::Arithmetic { op, left, right } => {
                let (left, right) = (self.value(left, env), self.value(right, env));
                let issue = self.said(Code::NotCalculated, "this cannot be calculated", env, &expr.at);
                self.to(|to| Step::Calculate { op: *op, left, right, to, issue })
            }
        }
    }

    /// What the environment gives that was chosen; without one no message can be mapped.
    fn environment(&mut self, name: &SmolStr, expr: &'a Expr, env: &Env<'a>) -> Val {
        match (self.world.environment(name), &expr.ty.kind) {
            (Some(given), TyKind::Duration) => match settings::milliseconds(&given) {
                Some(milliseconds) => self.constant(Constant::Duration(milliseconds)),
                None => self.missing(),
            },
            (Some(given), _) => self.text(given),
            (None, _) => {
                let text = format!("no environment is chosen, and `{name}` is what one gives");
                let issue = self.said(Code::NoEnvironment, &text, env, &expr.at);
                self.push(Step::Reject { issue, at: None });
                self.missing()
            }
        }
    }

    /// `join(", ", …)`: a text that grows, so that there need be no list.
    fn joined_text(&mut self, between: &'a Expr, parts: &'a Expr, env: &Env<'a>) -> Val {
        let between = self.value(between, env);
        let to = self.missing();
        let parts = match &*parts.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(parts),
        };
        for part in parts {
            self.each(part, env, Until::All, &mut |lower, of| lower.push(Step::Append { of, between, to }));
        }
        to
    }

    // ---- small steps

    pub(super) fn to(&mut self, step: impl FnOnce(Val) -> Step) -> Val {
        let to = self.fresh();
        self.push(step(to));
        to
    }

    pub(super) fn constant(&mut self, value: Constant) -> Val {
        let is_there = !matches!(value, Constant::Missing | Constant::List);
        let to = self.to(|to| Step::Constant { value, to });
        if is_there {
            self.surely(to);
        }
        to
    }

    pub(super) fn text(&mut self, text: SmolStr) -> Val {
        self.constant(Constant::Text(text))
    }

    pub(super) fn missing(&mut self) -> Val {
        self.constant(Constant::Missing)
    }

    pub(super) fn code_part(&mut self, of: Val, part: CodePart) -> Val {
        self.to(|to| Step::CodePart { of, part, to })
    }

    /// Where what comes of an expression is gathered: a list, or the one value.
    pub(super) fn result_of(&mut self, ty: &Ty) -> (Val, bool) {
        let many = ty.is_list();
        (self.constant(if many { Constant::List } else { Constant::Missing }), many)
    }

    pub(super) fn add(&mut self, from: Val, to: Val, many: bool) {
        self.push(if many { Step::Push { of: from, to } } else { Step::Set { from, to } });
    }

    pub(super) fn value_if(&mut self, test: Test, make: impl FnOnce(&mut Self) -> Val) -> Val {
        let to = self.missing();
        let yes = self.block(|lower| {
            let from = make(lower);
            lower.push(Step::Set { from, to });
        });
        self.when(test, yes, Block::new());
        to
    }

    /// What is said of a second item behind `only`.
    pub(super) fn second(&mut self, expr: &Expr, env: &Env<'a>) -> u32 {
        self.said(Code::NotOnly, "there is more than one value, and only one is taken", env, &expr.at)
    }

    pub(super) fn until(&mut self, which: Pick, expr: &Expr, env: &Env<'a>) -> Until {
        match which {
            Pick::First => Until::First,
            Pick::Last => Until::Last,
            Pick::Only => Until::Only(self.second(expr, env)),
        }
    }

    pub(super) fn warning(&mut self, text: &str, env: &Env<'a>, expr: &Expr) -> u32 {
        let text = if text.is_empty() { "a value is missing" } else { text };
        self.said(Code::Warned, text, env, &expr.at)
    }

    fn converted(&mut self, expr: &Expr, value: &'a Expr, into: Primitive, env: &Env<'a>) -> Val {
        let of = self.value(value, env);
        let issue = invalid(into).map(|text| self.said(Code::Invalid, text, env, &expr.at));
        self.to(|to| Step::Convert { of, into, to, issue })
    }

    // ---- calls

    pub(super) fn function(&self, key: &str) -> Option<&'a Function> {
        self.world.function(key)
    }

    /// Whether a routine can take the arguments as values; otherwise the function is carried out in place.
    pub(super) fn takes_values(&self, function: &Function, arguments: &[Expr], env: &Env<'a>) -> bool {
        function.params.iter().zip(arguments).all(|(param, argument)| {
            match (self.is_plain(&param.ty), self.is_json(argument, env)) {
                // A reference that came has elements, one that is made has none.
                (true, came) => self.is_plain(&argument.ty) && (!came || self.is_primitive_type(&param.ty)),
                (false, came) => came,
            }
        })
    }

    pub(super) fn arguments(&mut self, arguments: &'a [Expr], env: &Env<'a>) -> Vec<Val> {
        arguments.iter().map(|argument| self.value(argument, env)).collect()
    }

    /// The parameters of a function that is carried out in place.
    pub(super) fn bound(&mut self, function: &'a Function, arguments: &'a [Expr], env: &Env<'a>) -> Env<'a> {
        let inner = Env::new(&function.key);
        self.take(&inner, &function.body.at);
        for (param, argument) in function.params.iter().zip(arguments) {
            if self.is_json(argument, env) {
                let val = self.json(argument, env);
                inner.put(param.slot, self.came(val, &param.ty), param.ty.clone());
            } else if self.is_plain(&param.ty) && self.is_plain(&argument.ty) {
                let val = self.value(argument, env);
                inner.bind(param.slot, val, param.ty.clone());
            } else {
                inner.later(param.slot, argument, env);
            }
        }
        inner
    }

    fn call_for_value(&mut self, key: &SmolStr, arguments: &'a [Expr], env: &Env<'a>) -> Val {
        let Some(function) = self.function(key) else { return self.missing() };
        if !self.is_plain(&function.result) || !self.takes_values(function, arguments, env) {
            let inner = self.bound(function, arguments, env);
            return self.value(&function.body, &inner);
        }
        let arguments = self.arguments(arguments, env);
        let made = Made::Value(function.key.clone());
        let routine = self.routine(made, function.params.len(), |lower| {
            let inner = lower.given(function);
            Some(lower.value(&function.body, &inner))
        });
        self.to(|to| Step::Call { routine, arguments, to: Some(to) })
    }

    // ---- statements

    pub(super) fn statements(&mut self, statements: &'a [Statement], env: &Env<'a>) {
        for statement in statements {
            match statement {
                Statement::Let(slot, value) if self.is_json(value, env) => {
                    let val = self.ruled(env, &value.at, |lower| lower.json(value, env));
                    env.put(*slot, self.came(val, &value.ty), value.ty.clone());
                }
                Statement::Let(slot, value) if self.is_plain(&value.ty) && self.is_of_one_form(value) => {
                    let val = self.ruled(env, &value.at, |lower| lower.value(value, env));
                    env.bind(*slot, val, value.ty.clone());
                }
                Statement::Let(slot, value) => env.later(*slot, value, env),
                Statement::Ignore(ignored) if self.accounts => self.ignored(ignored, env),
                Statement::Ignore(_) => {}
                Statement::Do(value) => self.ruled(env, &value.at, |lower| lower.effect(value, env)),
                Statement::Require { condition, otherwise } => self.ruled(env, &condition.at, |lower| {
                    let test = lower.test(condition, env);
                    let no = lower.block(|lower| {
                        lower.take(env, &otherwise.at);
                        lower.effect(otherwise, env);
                    });
                    lower.when(test, Block::new(), no);
                }),
            }
        }
    }

    /// Whether all that a value may be is written alike: with quotes, or without. What is not is written where it is used.
    fn is_of_one_form(&self, value: &Expr) -> bool {
        let mut choices = Vec::new();
        add_choices(value, &mut choices);
        let some = choices.iter().filter(|choice| choice.ty.kind != TyKind::Nothing);
        let mut bare = some.map(|choice| self.form(&choice.ty) == Form::Bare);
        let first = bare.next();
        bare.all(|other| Some(other) == first)
    }

    /// What is left is looked at under a rule that says so: only where it is accounted for.
    fn ignored(&mut self, ignored: &'a [Left], env: &Env<'a>) {
        for one in ignored {
            let rule = self.rule(env, &one.at);
            let reason = Reason { because: one.because.clone(), swept: one.swept };
            self.ignored.insert(rule, reason);
            let body = self.block(|lower| {
                let val = lower.value(&one.what, env);
                lower.to(|to| Step::Decide { test: Test::Present(val), to });
            });
            self.push(Step::Under { rule, body });
        }
    }

    /// Carries out an expression for what it emits or says; its value is dropped.
    pub(super) fn effect(&mut self, expr: &'a Expr, env: &Env<'a>) {
        match &*expr.kind {
            Kind::Each { list, item, filter, body } => {
                self.walk(Walk::new(list, *item, filter.as_ref()), env, Until::All, &mut |lower| {
                    lower.caught(env, &body.at, |lower| lower.effect(body, env));
                });
            }
            Kind::EachBy { body, .. } => self.each_by(expr, env, &mut |lower| {
                lower.caught(env, &body.at, |lower| lower.effect(body, env));
            }),
            Kind::When { value, condition } => self.held(value, condition, env, |lower| lower.effect(value, env)),
            Kind::Match { arms, otherwise } => {
                self.arms(arms, otherwise.as_ref(), env, &mut |lower, value| lower.effect(value, env));
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.effect(value, env);
            }
            Kind::AbsentWarn(text) => {
                let issue = self.warning(text, env, expr);
                let at = self.focus();
                self.push(Step::Issue { issue, at });
            }
            Kind::Reject(text) => {
                let issue = self.said(Code::Rejected, text, env, &expr.at);
                let at = self.focus();
                self.push(Step::Reject { issue, at });
            }
            Kind::Skip => self.push(Step::Fail),
            Kind::Absent | Kind::Null | Kind::Slot(_) | Kind::DataAbsent(_) | Kind::Keep => {}
            _ if self.is_plain(&expr.ty) => {
                self.value(expr, env);
            }
            _ => {}
        }
    }

    /// The first arm whose condition holds.
    pub(super) fn arms(
        &mut self,
        arms: &'a [crate::check::typed::Arm],
        otherwise: Option<&'a Expr>,
        env: &Env<'a>,
        body: &mut dyn FnMut(&mut Self, &'a Expr),
    ) {
        let Some((arm, rest)) = arms.split_first() else {
            if let Some(otherwise) = otherwise {
                self.take(env, &otherwise.at);
                body(self, otherwise);
            }
            return;
        };
        let test = self.test(&arm.condition, env);
        let seen = self.focus();
        let yes = self.block(|lower| {
            lower.take(env, &arm.value.at);
            body(lower, &arm.value);
        });
        self.look_again(seen);
        let no = self.block(|lower| lower.arms(rest, otherwise, env, body));
        self.when(test, yes, no);
        self.look_again(seen);
    }

    pub(super) fn each_by(&mut self, expr: &'a Expr, env: &Env<'a>, body: &mut dyn FnMut(&mut Self)) {
        let Kind::EachBy { list, item, filter, key, items, .. } = &*expr.kind else { return };
        let mut of = self.value(list, env);
        if let Some(filter) = filter {
            let chosen = self.constant(Constant::List);
            self.each_of(of, true, Until::All, &mut |lower, val| {
                env.bind(*item, val, list.ty.with(Count::One));
                lower.filtered_by(Some(filter), env, &mut |lower| lower.push(Step::Push { of: val, to: chosen }));
            });
            of = chosen;
        }
        let (one, by, group) = (self.fresh(), self.fresh(), self.fresh());
        env.bind(*item, one, list.ty.with(Count::One));
        let key = self.block(|lower| {
            let from = lower.value(key, env);
            lower.push(Step::Set { from, to: by });
        });
        env.bind(*items, group, list.ty.with(Count::Some));
        let body = self.block(|lower| body(lower));
        self.push(Step::EachBy { of, item: one, key, by, items: group, body });
    }

    pub(super) fn sources_value(&mut self, sources: &[Source<'a>], many: bool) -> Val {
        let parts: Vec<Val> = sources.iter().map(|source| self.source_value(source)).collect();
        match (many, parts.as_slice()) {
            (true, _) => self.to(|to| Step::Gather { parts, to }),
            (false, []) => self.missing(),
            (false, [first, ..]) => *first,
        }
    }
}

/// All that a value may be, one by one. What follows statements that emit is left whole: they are carried out once.
fn add_choices<'e>(value: &'e Expr, to: &mut Vec<&'e Expr>) {
    match &*value.kind {
        Kind::Do { statements, .. } if !statements.iter().all(only_names) => to.push(value),
        Kind::Else(..) | Kind::Match { .. } | Kind::When { .. } | Kind::Warn { .. } | Kind::Do { .. } => {
            value.chosen().into_iter().for_each(|it| add_choices(it, to));
        }
        _ => to.push(value),
    }
}

/// Whether a statement does nothing but name a value of the message.
fn only_names(statement: &Statement) -> bool {
    matches!(statement, Statement::Let(_, value) if !matches!(value.ty.kind, TyKind::Reference(_)))
}

/// What is said of a text that the conversion refuses; nothing for one that takes any.
fn invalid(into: Primitive) -> Option<&'static str> {
    Some(match into {
        Primitive::String | Primitive::Markdown | Primitive::Code => return None,
        Primitive::Id => "this is no valid id",
        Primitive::Uri => "this is no valid URI",
        Primitive::Boolean => "this is neither yes nor no",
        Primitive::Decimal => "this is no valid number",
        Primitive::Integer => "this is no valid whole number",
        Primitive::PositiveInt => "this is no whole number above 0",
        Primitive::UnsignedInt => "this is no whole number from 0 up",
        Primitive::Date => "this is no valid date",
        Primitive::DateTime | Primitive::Moment | Primitive::Hl7Time => "this is no valid date or time",
        Primitive::Instant => "this is no valid date with a time, known to the hour",
        Primitive::Time => "this is no valid time of day",
        Primitive::Base64 => "this is no valid base64",
        Primitive::Duration => "this is no valid duration",
    })
}
