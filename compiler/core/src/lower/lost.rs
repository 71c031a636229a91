//! What a `skip` lets go besides what is written already: the values of the rules further down.
//!
//! A skip ends its block at once, so the rules behind it are never carried out. Whether they had values decides whether
//! an issue says so, and that must not depend on the order in which rules are written. It is asked of their sources,
//! on the way of the skip alone: nothing is converted, refused or emitted for it, and who skips nothing pays nothing.

use super::block::Field;
use super::element::Source;
use super::items::Walk;
use super::write::{Name, To};
use super::{Bound, Env, Lower};
use crate::check::typed::{self, Expr, Kind, Statement, TyKind};
use crate::plan::{Block, Step, Test, Until};

impl<'a> Lower<'a> {
    /// The steps of a field, which count what the fields behind it have where they skip the block.
    pub(super) fn counting(&mut self, mut steps: Block, later: &[Field<'a>]) -> Block {
        if later.is_empty() || !leaves(&steps) {
            return steps;
        }
        let seen = self.focus();
        let asked = self.block(|lower| {
            for source in later.iter().flat_map(|field| &field.sources) {
                if let Source::Rule(value, env) = source {
                    lower.count(&value.value, env);
                }
            }
        });
        self.look_again(seen);
        if !asked.is_empty() {
            before_skips(&mut steps, &asked);
        }
        steps
    }

    /// Counts the values of the message that an expression reads to give its own.
    fn count(&mut self, expr: &'a Expr, env: &Env<'a>) {
        let is_fhir = matches!(expr.ty.kind, TyKind::Fhir(_) | TyKind::Coded);
        match &*expr.kind {
            Kind::Path { .. } => self.count_present(expr, env),
            Kind::Element { .. } if self.is_json(expr, env) => self.count_present(expr, env),
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Later(inner, env, _), _)) => self.count(inner, &env),
                // A reference tells of what is around the block.
                Some(_) if matches!(expr.ty.kind, TyKind::Reference(_)) => {}
                // It may be a constant, which counts for nothing: what is written here goes with all the rest.
                Some((Bound::Val(_) | Bound::Coding(..), _)) if is_fhir => {
                    self.write(expr, env, &To::new(Name::Item), &Vec::new())
                }
                Some(_) => self.count_present(expr, env),
                None => {}
            },
            Kind::Each { list, item, filter, body } => {
                let walk = Walk::new(list, *item, filter.as_ref());
                self.walk(walk, env, Until::All, &mut |lower| lower.count(body, env));
            }
            Kind::EachBy { list, .. } => self.count(list, env),
            Kind::When { value, condition } => {
                let test = self.test(condition, env);
                let yes = self.block(|lower| lower.count(value, env));
                self.when(test, yes, Block::new());
            }
            Kind::Match { arms, otherwise } => {
                arms.iter().map(|arm| &arm.value).chain(otherwise).for_each(|value| self.count(value, env));
            }
            Kind::Do { statements, value } => {
                self.count_statements(statements, env);
                self.count(value, env);
            }
            Kind::Block(block) => {
                self.count_statements(&block.statements, env);
                self.count_fields(&block.fields, env);
            }
            Kind::With { base, fields } => {
                self.count(base, env);
                self.count_fields(fields, env);
            }
            _ if expr.is_condition() => {}
            _ => expr.inside().into_iter().for_each(|inner| self.count(inner, env)),
        }
    }

    fn count_fields(&mut self, fields: &'a [typed::Field], env: &Env<'a>) {
        fields.iter().flat_map(|field| &field.values).for_each(|value| self.count(&value.value, env));
    }

    fn count_statements(&mut self, statements: &'a [Statement], env: &Env<'a>) {
        for statement in statements {
            if let Statement::Let(_, value) = statement {
                self.count(value, env);
            }
        }
    }

    fn count_present(&mut self, expr: &'a Expr, env: &Env<'a>) {
        let val = self.value(expr, env);
        self.when(Test::Present(val), vec![Step::Count], Block::new());
    }
}

/// Whether a skip among these steps leaves them.
fn leaves(steps: &Block) -> bool {
    steps.iter().any(|step| match step {
        Step::Fail => true,
        Step::Attempt { .. } | Step::Emit { .. } => false,
        step => step.blocks().into_iter().any(leaves),
    })
}

/// Puts the steps before each skip that leaves the block.
fn before_skips(steps: &mut Block, asked: &Block) {
    let mut out = Block::new();
    for mut step in std::mem::take(steps) {
        match step {
            Step::Fail => out.extend(asked.iter().cloned()),
            Step::Attempt { .. } | Step::Emit { .. } => {}
            _ => step.blocks_mut().into_iter().for_each(|inner| before_skips(inner, asked)),
        }
        out.push(step);
    }
    *steps = out;
}
