//! References by the key of a resource that is not emitted there.

use super::{Env, Lower};
use crate::check::typed::{Expr, Function, Kind};
use crate::diagnostic::a;
use crate::plan::{self, Code, Step, Val};

impl<'a> Lower<'a> {
    /// Missing where the key is.
    pub(super) fn refer(&mut self, expr: &'a Expr, env: &Env<'a>) -> Val {
        let Kind::Refer { function, arguments, by } = &*expr.kind else { return self.missing() };
        let Some(function) = self.function(function) else { return self.missing() };
        let key = if by.is_empty() {
            let inner = self.bound(function, arguments, env);
            self.key(function, &inner)
        } else {
            self.key_by(function, by, env)
        };
        let resource = self.resource(function);
        let text =
            format!("a reference to {} that the message does not bring, and that cannot be searched for", a(&resource));
        let issue = self.said(Code::Dangling, &text, env, &expr.at);
        self.to(|to| Step::Refer { resource, key, to, issue })
    }

    fn key_by(&mut self, function: &'a Function, by: &'a [Expr], env: &Env<'a>) -> Vec<plan::KeyPart> {
        let parts = function.keyed.iter().zip(by);
        parts.map(|(part, by)| self.key_part(part.parameter.as_ref(), by, env)).collect()
    }
}
