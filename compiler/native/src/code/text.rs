//! Texts that code makes of others, behind one another in a place of its own.

use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_compiler::plan::Val;

use super::{Cursor, Gen, at};
use crate::kinds::{Kind, Live};
use crate::tables::escaped;

/// A part of a text.
enum Part {
    Constant(String),
    Text(Value, Value),
}

impl<'p> Gen<'_, 'p> {
    /// All parts as one text; missing if one is.
    pub fn join(&mut self, parts: &[Val], to: Val) {
        let Kind::Text(live) = self.kind(to) else { return self.give_up() };
        if parts.iter().any(|part| self.kind(*part) == Kind::Any) {
            return self.give_up();
        }
        let made: Vec<Part> = parts.iter().map(|part| self.text_part(*part)).collect();
        let mut all = self.int(1);
        for part in &made {
            if let Part::Text(_, length) = part {
                let there = self.above(*length, 0);
                let there = self.b.ins().uextend(I64, there);
                all = self.b.ins().band(all, there);
            }
        }
        let (some, done) = (self.label(), self.label());
        let (at, length) = (self.b.append_block_param(done, I64), self.b.append_block_param(done, I64));
        let (text, none) = (self.given(at!(text)), self.int(0));
        self.b.ins().brif(all, some, &[], done, &[BlockArg::Value(text), BlockArg::Value(none)]);
        self.b.switch_to_block(some);
        let start = self.load(at!(scratch));
        let whole = self.add_texts(start, &made);
        self.jump_with(done, &[start, whole]);
        self.b.switch_to_block(done);
        let told = self.any_live(parts);
        let told = self.told_with_origin_of(told, parts);
        self.set_text(to, at, length, live, told);
    }

    /// Adds to a text, with another between it and what is there already.
    pub fn append(&mut self, of: Val, between: Val, to: Val) {
        let Kind::Text(live) = self.kind(to) else { return self.give_up() };
        if [of, between]
            .iter()
            .any(|val| self.kind(*val) == Kind::Any && (*val == of || !self.facts.is_empty_text(*val)))
        {
            return self.give_up();
        }
        let (more, more_length) = self.raw_leaf(of);
        let words = self.get(to);
        let (at, length) = (self.word(&words, 0), self.word(&words, 1));
        let (some, (done, first, grown)) = (self.label(), self.meeting_text());
        let there = self.above(more_length, 0);
        self.b.ins().brif(there, some, &[], done, &[BlockArg::Value(at), BlockArg::Value(length)]);

        self.b.switch_to_block(some);
        let second = self.label();
        let has_first = self.above(length, 0);
        self.b.ins().brif(has_first, second, &[], done, &[BlockArg::Value(more), BlockArg::Value(more_length)]);

        // A text that grows turn by turn grows where it stands.
        self.b.switch_to_block(second);
        let between = self.text_part(between);
        let (end, free) = (self.b.ins().iadd(at, length), self.load(at!(scratch)));
        let (moved, (ready, start)) = (self.label(), self.meeting());
        let is_last = self.b.ins().icmp(IntCC::Equal, end, free);
        self.b.ins().brif(is_last, ready, &[BlockArg::Value(at)], moved, &[]);
        self.b.switch_to_block(moved);
        self.add_texts(free, &[Part::Text(at, length)]);
        self.goto(ready, free);
        self.b.switch_to_block(ready);
        let end = self.load(at!(scratch));
        let added = self.add_texts(end, &[between, Part::Text(more, more_length)]);
        let whole = self.b.ins().iadd(length, added);
        self.jump_with(done, &[start, whole]);

        self.b.switch_to_block(done);
        let told = if matches!(live, Live::Told | Live::Traced) {
            let more = self.any_live(&[of]);
            let mut before = self.word(&words, 2);
            if live == Live::Traced {
                before = self.word_of_grown(before, length, of);
            }
            // Without more to add it stays what it was.
            let none = self.int(0);
            let more = self.b.ins().select(there, more, none);
            self.b.ins().bor(before, more)
        } else {
            self.int(0)
        };
        self.set_text(to, first, grown, live, told);
    }

    fn meeting_text(&mut self) -> (super::Label, Value, Value) {
        let label = self.label();
        (label, self.b.append_block_param(label, I64), self.b.append_block_param(label, I64))
    }

    fn text_part(&mut self, val: Val) -> Part {
        if let Some(constant) = self.facts.constant(val) {
            return Part::Constant(escaped(constant));
        }
        let (at, length) = self.raw_leaf(val);
        Part::Text(at, length)
    }

    /// Writes the parts to the end of what code has made; gives how long they are. A message for which there is no room is
    /// left to the interpreter.
    fn add_texts(&mut self, start: Value, parts: &[Part]) -> Value {
        let known: usize = parts.iter().map(|part| if let Part::Constant(text) = part { text.len() } else { 0 }).sum();
        let mut whole = self.count(known);
        for part in parts {
            if let Part::Text(_, length) = part {
                let none = self.int(0);
                let length = self.b.ins().smax(*length, none);
                whole = self.b.ins().iadd(whole, length);
            }
        }
        let end = self.b.ins().iadd(start, whole);
        let last = self.given(at!(scratch_end));
        let (full, fits) = (self.cold(), self.label());
        let over = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, last);
        self.either(over, full, fits);
        self.b.switch_to_block(full);
        self.stop(emr_abi::Stop::Defer);
        self.b.switch_to_block(fits);
        let mut cursor = Cursor::at(start);
        for part in parts {
            match part {
                Part::Constant(text) => cursor.pending.extend_from_slice(text.as_bytes()),
                Part::Text(at, length) => {
                    let none = self.int(0);
                    let length = self.b.ins().smax(*length, none);
                    self.copy_blindly(&mut cursor, *at, length);
                }
            }
        }
        self.flush(&mut cursor);
        self.store(at!(scratch), end);
        whole
    }
}
