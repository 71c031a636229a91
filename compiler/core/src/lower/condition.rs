//! Conditions: what must be known for them comes before, what is decided is a test.

use super::{Env, Lower};
use crate::check::typed::{Comparison, Expr, Kind, State};
use crate::plan::{Block, Constant, Step, Test, Val};

impl<'a> Lower<'a> {
    /// Where it is told why, what the text asks is a step of its own: whether a value is there is asked elsewhere too.
    pub(super) fn test(&mut self, expr: &'a Expr, env: &Env<'a>) -> Test {
        match self.asked_for(expr, env) {
            Test::Always(value) => Test::Always(value),
            test if self.tells => Test::True(self.to(|to| Step::Decide { test, to })),
            test => test,
        }
    }

    fn asked_for(&mut self, expr: &'a Expr, env: &Env<'a>) -> Test {
        match &*expr.kind {
            Kind::Boolean(value) => Test::Always(*value),
            Kind::And(left, right) => {
                let left = self.test(left, env);
                self.joined(left, right, env, true)
            }
            Kind::Or(left, right) => {
                let left = self.test(left, env);
                self.joined(left, right, env, false)
            }
            Kind::Not(inner) => match self.test(inner, env) {
                Test::Not(test) => *test,
                Test::Always(value) => Test::Always(!value),
                test => Test::Not(Box::new(test)),
            },
            Kind::Compare { op, left, right, how } => {
                let (left, right) = (self.compared(left, *how, env), self.compared(right, *how, env));
                Test::Compare { op: *op, left, right, how: *how }
            }
            Kind::In { value, list, how } => {
                let of = self.compared(value, *how, env);
                let list = list.iter().map(|item| self.compared(item, *how, env)).collect();
                Test::In { of, list, how: *how }
            }
            Kind::Matches { value, pattern } => {
                let of = self.value(value, env);
                Test::Matches { of, pattern: pattern.clone() }
            }
            Kind::IsType { value, name } => self.is_type(value, name, env),
            Kind::InSet { value, set } => self.in_set(value, set, env),
            Kind::InCodes { value, table } => self.in_codes(value, table, env),
            Kind::Is { value, state } => self.state(value, *state, env),
            Kind::True(inner) => {
                let val = self.value(inner, env);
                Test::True(val)
            }
            _ => {
                let val = self.value(expr, env);
                Test::True(val)
            }
        }
    }

    /// The right side is looked at only if the left one leaves it open: what it converts may raise issues.
    fn joined(&mut self, left: Test, right: &'a Expr, env: &Env<'a>, and: bool) -> Test {
        let mut test = Test::Always(and);
        let steps = self.block(|lower| test = lower.test(right, env));
        if steps.iter().all(is_silent) {
            self.extend(steps);
            return match (and, left, test) {
                (true, Test::Always(true), other) | (false, Test::Always(false), other) => other,
                (true, left, right) => Test::Both(Box::new(left), Box::new(right)),
                (false, left, right) => Test::Either(Box::new(left), Box::new(right)),
            };
        }
        let to = self.to(|to| Step::Decide { test: left, to });
        let more = self.block(|lower| {
            lower.extend(steps);
            lower.push(Step::Decide { test, to });
        });
        let (yes, no) = if and { (more, Block::new()) } else { (Block::new(), more) };
        self.when(Test::True(to), yes, no);
        Test::True(to)
    }

    fn compared(&mut self, expr: &'a Expr, how: Comparison, env: &Env<'a>) -> Val {
        if how == Comparison::Coded { self.coded(expr, env) } else { self.value(expr, env) }
    }

    fn state(&mut self, value: &'a Expr, state: State, env: &Env<'a>) -> Test {
        if !self.is_plain(&value.ty) && !self.is_json(value, env) {
            let wrote = self.probe(value, env);
            return match state {
                State::Present => Test::True(wrote),
                State::Null => Test::Always(false),
                State::Absent => Test::Not(Box::new(Test::True(wrote))),
            };
        }
        let val = self.value(value, env);
        match state {
            State::Present => Test::Present(val),
            State::Null => Test::Null(val),
            State::Absent => Test::Absent(val),
        }
    }
}

/// Whether a step neither says anything nor takes long.
fn is_silent(step: &Step) -> bool {
    match step {
        Step::Take { .. } | Step::Set { .. } | Step::Decide { .. } | Step::CodePart { .. } => true,
        // A mark, which is no step in the end.
        Step::Trace { .. } => true,
        Step::Constant { value, .. } => !matches!(value, Constant::List),
        // A text is read as it is: no conversion of it can fail.
        Step::Convert { into, .. } => matches!(into, crate::check::typed::Primitive::String),
        _ => false,
    }
}
