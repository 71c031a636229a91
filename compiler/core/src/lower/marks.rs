//! Which rule of the text each step comes of: noted while steps are made, and put beside them when a routine is done.
//!
//! Until then a step that comes of another rule than the one before it stands behind a `Trace`; a traced plan, whose
//! `Trace`s are for lineage, has no marks. Constants have none either, so that they still come together.

use super::{Env, Lower};
use crate::plan::{Rule, Step};
use crate::syntax::tree::At;

impl<'a> Lower<'a> {
    /// What `make` adds comes of the rule at this place.
    pub(super) fn ruled<T>(&mut self, env: &Env<'a>, at: &At, make: impl FnOnce(&mut Self) -> T) -> T {
        if self.explain {
            return self.under(env, at, make);
        }
        if self.trace {
            return make(self);
        }
        let rule = Rule { function: env.function.clone(), at: at.clone() };
        let before = self.rule.replace(number(self.marked.insert_full(rule).0));
        let made = make(self);
        self.rule = before;
        made
    }

    /// The same, told while it is carried out.
    fn under<T>(&mut self, env: &Env<'a>, at: &At, make: impl FnOnce(&mut Self) -> T) -> T {
        let mut made = None;
        let body = self.block(|lower| made = Some(make(lower)));
        if !body.is_empty() {
            let rule = self.rule(env, at);
            self.push(Step::Under { rule, body });
        }
        made.expect("a block is made once")
    }

    /// The marks of a routine, as numbers among the rules of the plan; what only marks name comes last there.
    pub(super) fn mark_routines(&mut self) {
        for routine in &mut self.routines {
            for mark in &mut routine.marks {
                if let Some(rule) = self.marked.get_index(mark.rule as usize) {
                    mark.rule = number(self.rules.insert_full(rule.clone()).0);
                }
            }
        }
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
