//! Counting: where somebody asked which alternatives are taken, each says so when it is.

use super::{Env, Lower};
use crate::check::typed::Expr;
use crate::plan::{Block, Step, Test};
use crate::syntax::tree::At;

impl<'a> Lower<'a> {
    /// From here on what stands at a place of the text is taken.
    pub(super) fn take(&mut self, env: &Env<'a>, at: &At) {
        if self.covers {
            let rule = self.rule(env, at);
            self.push(Step::Under { rule, body: Block::new() });
        }
    }

    /// The same as a block, which is empty where nobody counts.
    pub(super) fn taken(&mut self, env: &Env<'a>, at: &At) -> Block {
        self.block(|lower| lower.take(env, at))
    }

    /// What `make` adds is carried out when the condition holds.
    pub(super) fn held(&mut self, value: &'a Expr, condition: &'a Expr, env: &Env<'a>, make: impl FnOnce(&mut Self)) {
        let test = self.test(condition, env);
        self.held_by(test, value, condition, env, make);
    }

    /// The same, of a condition that is a test already.
    pub(super) fn held_by(
        &mut self,
        test: Test,
        value: &'a Expr,
        condition: &'a Expr,
        env: &Env<'a>,
        make: impl FnOnce(&mut Self),
    ) {
        let seen = self.focus();
        let yes = self.block(|lower| {
            lower.take(env, &value.at);
            make(lower);
        });
        let no = self.taken(env, &condition.at);
        self.when(test, yes, no);
        // What was read where the condition holds is not what was looked at where it does not.
        self.look_again(seen);
    }

    /// The second if the first writes nothing.
    pub(super) fn written_or(
        &mut self,
        (first, second): (&'a Expr, &'a Expr),
        env: &Env<'a>,
        write: impl FnOnce(&mut Self),
        otherwise: impl FnOnce(&mut Self),
    ) {
        let wrote = self.block(|lower| {
            if !lower.covers {
                return write(lower);
            }
            let body = lower.block(write);
            let wrote = lower.to(|to| Step::Wrote { body, to });
            let yes = lower.taken(env, &first.at);
            lower.when(Test::True(wrote), yes, Block::new());
        });
        let then = self.block(|lower| {
            lower.take(env, &second.at);
            otherwise(lower);
        });
        self.or(wrote, then);
    }
}
