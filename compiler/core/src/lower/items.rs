//! Items one by one: those of the message are values, those of FHIR are the expressions that write them.

use super::block::{Over, under};
use super::element::Source;
use super::write::{Name, To};
use super::{Bound, Env, Lower};
use crate::check::typed::{Expr, Kind, Slot, Ty};
use crate::plan::{Block, Step, Test, Until, Val};
use crate::syntax::tree::Count;
use emr_abi::Builtin;

/// Called with each item, as a slot could stand for it.
pub(super) type Item<'b, 'a> = &'b mut dyn FnMut(&mut Lower<'a>, Bound<'a>);

/// `each item in list where filter`.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub list: &'a Expr,
    pub item: Slot,
    pub filter: Option<&'a Expr>,
}

impl<'a> Walk<'a> {
    pub fn new(list: &'a Expr, item: Slot, filter: Option<&'a Expr>) -> Self {
        Self { list, item, filter }
    }
}

impl<'a> Lower<'a> {
    /// The body for each item of a list, or for an optional value if it is there.
    pub(super) fn walk(&mut self, walk: Walk<'a>, env: &Env<'a>, until: Until, body: &mut dyn FnMut(&mut Self)) {
        let Walk { list, item, filter } = walk;
        let ty = list.ty.with(Count::One);
        if self.is_json(list, env) {
            let val = self.json(list, env);
            return self.each_of(val, list.ty.is_list(), until, &mut |lower, val| {
                env.put(item, lower.came(val, &ty), ty.clone());
                lower.filtered_by(filter, env, body);
            });
        }
        if self.is_plain(&ty) {
            return self.each(list, env, until, &mut |lower, val| {
                env.bind(item, val, ty.clone());
                lower.filtered_by(filter, env, body);
            });
        }
        self.items(list, env, &Vec::new(), &mut |lower, found| {
            let there = lower.is_there(&found);
            env.put(item, found, ty.clone());
            let yes = lower.block(|lower| lower.filtered_by(filter, env, body));
            lower.when(there, yes, Block::new());
        });
    }

    /// Each item of something of FHIR, in order.
    pub(super) fn items(&mut self, expr: &'a Expr, env: &Env<'a>, over: &Over<'a>, found: Item<'_, 'a>) {
        if self.is_json(expr, env) {
            let val = self.json(expr, env);
            return self.each_of(val, expr.ty.is_list(), Until::All, &mut |lower, val| {
                found(lower, Bound::Json(val, over.clone()))
            });
        }
        match &*expr.kind {
            Kind::With { base, fields } => self.items(base, env, &under(fields, env, over), found),
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Later(inner, env, before), _)) => {
                    self.items(inner, &env, &[before, over.clone()].concat(), found);
                }
                Some((Bound::Json(val, before), _)) => {
                    let over = [before, over.clone()].concat();
                    self.each_of(val, expr.ty.is_list(), Until::All, &mut |lower, val| {
                        found(lower, Bound::Json(val, over.clone()));
                    });
                }
                Some(_) => found(self, Bound::Later(expr, env.clone(), over.clone())),
                None => {}
            },
            Kind::Keep => {
                let kept = env.keep.clone().unwrap_or_default();
                self.items_of(&kept, over, found);
            }
            Kind::Element { of, name } => {
                self.project(of, env, &Vec::new(), name, &mut |lower, sources| lower.items_of(sources, over, found));
            }
            Kind::List(items) => items.iter().for_each(|item| self.items(item, env, over, found)),
            Kind::Each { list, item, filter, body } => {
                self.walk(Walk::new(list, *item, filter.as_ref()), env, Until::All, &mut |lower| {
                    lower.items(body, env, over, found);
                });
            }
            Kind::Call { function, arguments } if expr.ty.is_list() => {
                let Some(function) = self.function(function) else { return };
                let inner = self.bound(function, arguments, env);
                self.items(&function.body, &inner, over, found);
            }
            Kind::EachBy { body, .. } => self.each_by(expr, env, &mut |lower| lower.items(body, env, over, found)),
            Kind::Builtin { function: Builtin::distinct, arguments } => {
                arguments.iter().for_each(|list| self.unlike(list, env, over, found));
            }
            Kind::Range { list, from, to } => self.ranged(list, (*from, *to), env, over, found),
            Kind::OfType { value, name } => self.of_type(value, name, env, over, found),
            Kind::Pick { which, list } => self.picked(*which, list, expr, env, over, found),
            Kind::Else(first, second) => {
                let wrote = self.probe(first, env);
                let yes = self.block(|lower| {
                    lower.take(env, &first.at);
                    lower.items(first, env, over, found);
                });
                let no = self.block(|lower| {
                    lower.take(env, &second.at);
                    lower.items(second, env, over, found);
                });
                self.when(Test::True(wrote), yes, no);
            }
            Kind::When { value, condition } => {
                self.held(value, condition, env, |lower| lower.items(value, env, over, found))
            }
            Kind::Match { arms, otherwise } => {
                self.arms(arms, otherwise.as_ref(), env, &mut |lower, value| lower.items(value, env, over, found));
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.items(value, env, over, found);
            }
            Kind::Warn { value, .. } => self.items(value, env, over, found),
            Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => self.effect(expr, env),
            Kind::Absent | Kind::Null | Kind::DataAbsent(_) | Kind::Error => {}
            _ => found(self, Bound::Later(expr, env.clone(), over.clone())),
        }
    }

    fn items_of(&mut self, sources: &[Source<'a>], over: &Over<'a>, found: Item<'_, 'a>) {
        for source in sources {
            match source {
                Source::Rule(value, env) => self.items(&value.value, env, over, found),
                Source::Coding(val) => found(self, Bound::Coding(*val, over.clone())),
                Source::Json { of, name, ty } => {
                    let val = self.json_value(*of, name, ty);
                    self.each_of(val, ty.is_list(), Until::All, &mut |lower, val| {
                        found(lower, Bound::Json(val, over.clone()))
                    });
                }
                Source::Part(..) | Source::Beside(..) => {}
            }
        }
    }

    /// What an item comes to, which is of that type.
    pub(super) fn write_item(&mut self, item: Bound<'a>, ty: &Ty, env: &Env<'a>, to: &To) {
        match item {
            Bound::Later(expr, env, over) => self.write(expr, &env, to, &over),
            Bound::Json(val, over) => self.write_that_came(val, &ty.with(Count::One), env, to, &over),
            Bound::Coding(val, over) => self.write_coding(val, to, &over),
            Bound::Val(val) => self.write_coding(val, to, &Over::new()),
        }
    }

    /// Whether an item would write something.
    pub(super) fn is_there(&mut self, found: &Bound<'a>) -> Test {
        match found {
            Bound::Val(val) | Bound::Json(val, _) | Bound::Coding(val, _) => Test::Present(*val),
            Bound::Later(expr, ..) if !expr.ty.may_be_missing() => Test::Always(true),
            Bound::Later(expr, env, over) => Test::True(self.probe_over(expr, env, over)),
        }
    }

    /// Whether an expression would write something.
    pub(super) fn probe(&mut self, expr: &'a Expr, env: &Env<'a>) -> Val {
        self.probe_over(expr, env, &Vec::new())
    }

    fn probe_over(&mut self, expr: &'a Expr, env: &Env<'a>, over: &Over<'a>) -> Val {
        if self.is_plain(&expr.ty) || over.is_empty() && self.is_json(expr, env) {
            let val = self.value(expr, env);
            return self.to(|to| Step::Decide { test: Test::Present(val), to });
        }
        let to = To::new(Name::Item);
        let body = self.block(|lower| lower.write(expr, env, &to, over));
        self.to(|to| Step::Probe { body, to })
    }
}
