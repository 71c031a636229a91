//! Conditions: what they compare is computed before, so that a test itself only looks.

use super::{Frame, Lower};
use crate::check::typed::{Expr, Kind, State};
use crate::plan::{Block, Test, Val};

impl Lower<'_> {
    pub(super) fn test(&mut self, expr: &Expr, frame: &mut Frame, out: &mut Block) -> Test {
        match &*expr.kind {
            Kind::Boolean(value) => Test::Always(*value),
            Kind::And(left, right) => {
                let (left, right) = (self.test(left, frame, out), self.test(right, frame, out));
                Test::Both(Box::new(left), Box::new(right))
            }
            Kind::Or(left, right) => {
                let (left, right) = (self.test(left, frame, out), self.test(right, frame, out));
                Test::Either(Box::new(left), Box::new(right))
            }
            Kind::Not(inner) => Test::Not(Box::new(self.test(inner, frame, out))),
            Kind::Compare { op, left, right, how } => {
                let (left, right) = (self.value(left, frame, out), self.value(right, frame, out));
                Test::Compare { op: *op, left, right, how: *how }
            }
            Kind::In { value, list, how } => {
                let of = self.value(value, frame, out);
                let list: Vec<Val> = list.iter().map(|item| self.value(item, frame, out)).collect();
                Test::In { of, list, how: *how }
            }
            Kind::Matches { value, pattern } => {
                let of = self.value(value, frame, out);
                Test::Matches { of, pattern: pattern.clone() }
            }
            Kind::Is { value, state } => {
                let of = self.value(value, frame, out);
                match state {
                    State::Present => Test::Present(of),
                    State::Null => Test::Null(of),
                    State::Absent => Test::Absent(of),
                }
            }
            Kind::True(value) => Test::True(self.value(value, frame, out)),
            _ => Test::True(self.value(expr, frame, out)),
        }
    }
}
