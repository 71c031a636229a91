//! What makes two resources the same: the key of the function that gives them.

use super::{Env, Frame, Lower, write::Place};
use crate::check::typed::{Expr, Kind};
use crate::plan::{Block, KeyPart, Step};

impl Lower<'_> {
    /// The parts of the key of what is emitted; none where it has no key.
    pub(super) fn keys(&mut self, resource: &Expr, frame: &mut Frame, out: &mut Block) -> Vec<KeyPart> {
        let (function, arguments) = match &*resource.kind {
            Kind::Call { function, arguments } => (function, arguments),
            Kind::With { base, .. } => return self.keys(base, frame, out),
            _ => return Vec::new(),
        };
        let Some(callee) = self.world.function(function) else { return Vec::new() };
        if callee.keyed.is_empty() {
            return Vec::new();
        }
        let bound: Vec<_> = arguments.iter().map(|argument| self.value(argument, frame, out)).collect();
        let slots = callee.params.iter().map(|param| param.slot).zip(bound).collect();
        let env = Env { function: function.clone(), slots, keep: Vec::new() };
        let outer = std::mem::replace(&mut frame.env, env);
        let mut parts = Vec::new();
        for part in &callee.keyed {
            let mut body = Block::new();
            self.write(&part.value, &Place::item(), frame, &mut body);
            // A key that asks for a skip has no such part; the resource itself says what then.
            let body = vec![Step::Attempt(body)];
            parts.push(KeyPart { parameter: part.parameter.clone(), body });
        }
        frame.env = outer;
        parts
    }
}
