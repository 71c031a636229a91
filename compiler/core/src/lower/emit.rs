//! Resources for the Bundle, and the reference that stays of each.

use super::block::{Over, under};
use super::items::Walk;
use super::write::{Name, To};
use super::{Bound, Env, Lower, Made};
use crate::check::typed::{Expr, Function, Kind, Sent, Ty, TyKind};
use crate::diagnostic::a;
use crate::plan::{self, Code, Constant, KeyPart, Step, Test, Until, Val};
use crate::syntax::tree::{At, Count};

impl<'a> Lower<'a> {
    /// The reference to what is emitted; missing if nothing is.
    pub(super) fn emit(&mut self, resource: &'a Expr, sent: Sent, env: &Env<'a>, over: &Over<'a>) -> Val {
        if self.is_json(resource, env) {
            return self.emit_came(resource, sent, env, over);
        }
        match &*resource.kind {
            Kind::Call { function, arguments } => {
                let Some(function) = self.function(function) else { return self.missing() };
                if function.result.is_list() {
                    let inner = self.bound(function, arguments, env);
                    return self.emit(&function.body, sent, &inner, over);
                }
                if !over.is_empty() || !self.takes_values(function, arguments, env) {
                    let inner = self.bound(function, arguments, env);
                    return self.emit_function(function, &inner, sent, over);
                }
                let arguments = self.arguments(arguments, env);
                let made = Made::Emit(function.key.clone(), sent);
                let routine = self.routine(made, function.params.len(), |lower| {
                    let inner = lower.given(function);
                    Some(lower.emit_function(function, &inner, sent, &Vec::new()))
                });
                self.to(|to| Step::Call { routine, arguments, to: Some(to) })
            }
            Kind::With { base, fields } => {
                let over = under(fields, env, over);
                self.emit(base, sent, env, &over)
            }
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Later(inner, env, before), _)) => {
                    self.emit(inner, sent, &env, &[before, over.clone()].concat())
                }
                _ => self.missing(),
            },
            Kind::Else(first, second) => {
                let to = self.fresh();
                let from = self.emit(first, sent, env, over);
                self.push(Step::Set { from, to });
                let yes = self.taken(env, &first.at);
                let no = self.block(|lower| {
                    lower.take(env, &second.at);
                    let from = lower.emit(second, sent, env, over);
                    lower.push(Step::Set { from, to });
                });
                self.when(Test::Present(to), yes, no);
                to
            }
            Kind::When { value, condition } => {
                let test = self.test(condition, env);
                let to = self.missing();
                self.held_by(test, value, condition, env, |lower| {
                    let from = lower.emit(value, sent, env, over);
                    lower.push(Step::Set { from, to });
                });
                to
            }
            Kind::Match { arms, otherwise } => {
                let to = self.missing();
                self.arms(arms, otherwise.as_ref(), env, &mut |lower, value| {
                    let from = lower.emit(value, sent, env, over);
                    lower.push(Step::Set { from, to });
                });
                to
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.emit(value, sent, env, over)
            }
            Kind::Each { list, item, filter, body } => {
                let many = list.ty.is_list() || body.ty.is_list();
                let to = self.constant(if many { Constant::List } else { Constant::Missing });
                self.walk(Walk::new(list, *item, filter.as_ref()), env, Until::All, &mut |lower| {
                    let from = lower.emit(body, sent, env, over);
                    lower.add(from, to, many);
                });
                to
            }
            Kind::List(_)
            | Kind::EachBy { .. }
            | Kind::Pick { .. }
            | Kind::Range { .. }
            | Kind::OfType { .. }
            | Kind::Builtin { .. } => {
                let (to, many) = self.result_of(&resource.ty);
                self.items(resource, env, over, &mut |lower, item| {
                    let from = match item {
                        Bound::Later(expr, env, over) => lower.emit(expr, sent, &env, &over),
                        Bound::Json(val, over) => lower.emit_one_that_came(val, resource, sent, env, &over),
                        Bound::Val(_) | Bound::Coding(..) => return,
                    };
                    lower.add(from, to, many);
                });
                to
            }
            Kind::Absent | Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => {
                self.effect(resource, env);
                self.missing()
            }
            _ => self.emitted(resource, Vec::new(), sent, env, over, &resource.at),
        }
    }

    /// A function's resource, under the function's key.
    pub(super) fn emit_function(&mut self, function: &'a Function, env: &Env<'a>, sent: Sent, over: &Over<'a>) -> Val {
        let key = self.key(function, env);
        let to = self.emitted(&function.body, key.clone(), sent, env, over, &function.at);
        if sent != Sent::Patch {
            self.tell_of_no_key(function, &key, to, env);
        }
        to
    }

    /// Resources that came, as they are.
    fn emit_came(&mut self, resource: &'a Expr, sent: Sent, env: &Env<'a>, over: &Over<'a>) -> Val {
        let (to, many) = self.result_of(&resource.ty);
        let of = self.json(resource, env);
        self.each_of(of, many, Until::All, &mut |lower, val| {
            let from = lower.emit_one_that_came(val, resource, sent, env, over);
            lower.add(from, to, many);
        });
        to
    }

    fn emit_one_that_came(&mut self, val: Val, resource: &'a Expr, sent: Sent, env: &Env<'a>, over: &Over<'a>) -> Val {
        let ty = resource.ty.with(Count::One);
        let made = self.added(&ty, Vec::new(), sent, env, &resource.at, &|lower, to| {
            lower.write_that_came(val, &ty, env, to, over)
        });
        self.push(Step::Copied { of: val, made });
        made
    }

    fn emitted(
        &mut self,
        resource: &'a Expr,
        key: Vec<KeyPart>,
        sent: Sent,
        env: &Env<'a>,
        over: &Over<'a>,
        at: &At,
    ) -> Val {
        let made = self.added(&resource.ty, key, sent, env, at, &|lower, to| lower.write(resource, env, to, over));
        if let Some(of) = self.copied(resource, env) {
            self.push(Step::Copied { of, made });
        }
        made
    }

    /// What came and is given as it is, or with changes.
    fn copied(&self, resource: &Expr, env: &Env<'a>) -> Option<Val> {
        match &*resource.kind {
            Kind::With { base, .. } => self.copied(base, env),
            Kind::Slot(slot) => match env.get(*slot)? {
                (Bound::Json(val, _), _) => Some(val),
                (Bound::Later(inner, env, _), _) => self.copied(inner, &env),
                _ => None,
            },
            _ => None,
        }
    }

    /// A resource of that type, which `write` writes.
    fn added(
        &mut self,
        ty: &Ty,
        key: Vec<KeyPart>,
        sent: Sent,
        env: &Env<'a>,
        at: &At,
        write: &dyn Fn(&mut Self, &To),
    ) -> Val {
        let name = match &ty.kind {
            TyKind::Fhir(key) => self.base(key),
            _ => "Resource".into(),
        };
        let rule = self.rule(env, at);
        let text = format!("two different {name} resources have one key; the first is kept");
        let issue = self.said(Code::OneKey, &text, env, at);
        let skipped = self.said(Code::Skipped, "what is skipped had other values in it", env, at);
        let patches = sent == Sent::Patch;
        let to = To { at: at.clone(), patches, ..To::new(Name::Item) };
        let mut body = self.block(|lower| write(lower, &to));
        if self.may_fail(&body) {
            body = vec![Step::Attempt { body, issue: skipped }];
        }
        let sent = match sent {
            Sent::Whole => plan::Sent::Whole,
            Sent::IfNew => plan::Sent::IfNew,
            Sent::Patch => {
                let text = format!("{} cannot be patched without its key", a(&name));
                plan::Sent::Patch(self.said(Code::Unkeyed, &text, env, at))
            }
        };
        self.to(|to| Step::Emit { resource: name, sent, key, body, to, rule, issue })
    }
}
