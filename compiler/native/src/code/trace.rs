//! Traced plans: where in the output each value begins, which rule writes it, and what of the message it comes from.
//!
//! The host keeps the marks. A text that was made has its origin in a word of its own; a part of the message is found by
//! its address. Output that is taken back takes its marks along. In a plan that is not traced nothing of this is code.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC};
use emr_abi::Call;
use emr_compiler::plan::{RuleId, Val};

use super::{Cursor, Gen};
use crate::kinds::{Kind, Level, Live};

impl Gen<'_, '_> {
    /// What is written next comes of this rule and value.
    pub fn trace(&mut self, cursor: &Cursor, rule: RuleId, of: Option<Val>) {
        let here = self.add(cursor.base, cursor.distance());
        let origin = match of {
            Some(of) => self.origin_of(of),
            None => self.int(0),
        };
        let rule = self.int(i64::from(rule));
        self.helper(Call::trace, &[here, rule, origin]);
    }

    /// Output ends at that place: what was marked behind it is not written.
    pub fn untrace(&mut self, place: Value) {
        if self.shared.typing.traced {
            self.helper(Call::untrace, &[place]);
        }
    }

    /// In a traced plan, whether a text is live together with the origin of what it is made of.
    pub fn told_with_origin(&mut self, told: Value, kind: &Kind, words: &[Value]) -> Value {
        if !self.shared.typing.traced {
            return told;
        }
        let origin = self.origin(kind, words);
        self.b.ins().bor(told, origin)
    }

    /// The same, made of several: it has the origin of the first that has one.
    pub fn told_with_origin_of(&mut self, told: Value, vals: &[Val]) -> Value {
        if !self.shared.typing.traced {
            return told;
        }
        let mut first = self.int(0);
        for val in vals {
            let next = self.origin_of(*val);
            let is_none = self.is(IntCC::Equal, first, 0);
            first = self.b.ins().select(is_none, next, first);
        }
        self.b.ins().bor(told, first)
    }

    /// The word of a text that grows: its own, or the origin of the first that is added to it.
    pub fn word_of_grown(&mut self, own: Value, length: Value, first: Val) -> Value {
        let origin = self.origin_of(first);
        let has_own = self.above(length, 0);
        self.b.ins().select(has_own, own, origin)
    }

    fn origin_of(&mut self, val: Val) -> Value {
        let (kind, words) = (self.kind(val), self.get(val));
        self.origin(&kind, &words)
    }

    /// Where a value stands in the message, as one word ([`emr_abi::Helpers::trace`]); 0 if that cannot be said of it.
    pub fn origin(&mut self, kind: &Kind, words: &[Value]) -> Value {
        let first = self.word(words, 0);
        let level = match kind {
            Kind::Piece(level) => *level,
            Kind::Part => {
                let (address, level) = (self.b.ins().ishl_imm_u(first, 3), self.word(words, 2));
                let level = self.b.ins().ishl_imm_u(level, 1);
                return self.b.ins().bor(address, level);
            }
            Kind::Field => Level::Field,
            Kind::Text(Live::Traced) => {
                let word = self.word(words, 2);
                return self.b.ins().band_imm_s(word, -2);
            }
            Kind::Text(_)
            | Kind::Coded(_)
            | Kind::Bool
            | Kind::Node
            | Kind::Reference
            | Kind::Contained
            | Kind::Duration
            | Kind::Missing => {
                return self.int(0);
            }
            // A list of what has no place has none.
            Kind::List(item) if **item == Kind::Node => return self.int(0),
            Kind::Any | Kind::Group(_) | Kind::Members(_) | Kind::Segment(_) | Kind::List(_) => {
                self.give_up();
                return self.int(0);
            }
        };
        let address = self.b.ins().ishl_imm_u(first, 3);
        self.b.ins().bor_imm_u(address, (level as i64) << 1)
    }
}
