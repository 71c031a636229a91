//! Code tables: a text against constants, by its length and then by its bytes as numbers.

use cranelift_codegen::ir::{Block as Label, InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::Call;
use emr_compiler::check::typed::CodeKey;
use emr_compiler::plan::{Block, Val};

use super::{Cursor, Gen, fixed, offset};
use crate::kinds::Kind;
use crate::tables::escaped;

/// The bytes from there as a number, little end first.
fn number(bytes: &[u8], from: usize, size: usize) -> i64 {
    let mut word = [0; 8];
    word.iter_mut().zip(bytes.iter().skip(from).take(size)).for_each(|(to, byte)| *to = *byte);
    i64::from_le_bytes(word)
}

/// What [`Gen::first_bytes`] gives for this text.
fn first_number(key: &[u8]) -> i64 {
    match key.len() {
        3 => number(key, 0, 2) | number(key, 1, 2) << 16,
        size @ 5..8 => number(key, 0, 4) | number(key, size - 4, 4) << 32,
        size => number(key, 0, size.min(8)),
    }
}

impl<'p> Gen<'_, 'p> {
    pub fn choose(
        &mut self,
        of: Val,
        arms: &'p [(Vec<CodeKey>, Block)],
        other: &'p Block,
        mut cursor: Cursor,
    ) -> Cursor {
        if self.kind(of) == Kind::Any {
            self.give_up();
            return cursor;
        }
        let (text, length) = self.leaf(of);
        let (text, length) = if self.kind(of).may_be_padded() { self.trimmed(text, length) } else { (text, length) };
        self.flush(&mut cursor);
        let (done, end) = self.meeting();
        let labels: Vec<Label> = arms.iter().map(|_| self.label()).collect();
        // The first arm that holds the key: codes before a range of numbers are looked at first.
        let mut codes = Vec::new();
        for ((keys, _), label) in arms.iter().zip(&labels) {
            for key in keys {
                match key {
                    CodeKey::Code(code) => codes.push((escaped(code), *label)),
                    CodeKey::Range(from, to) => {
                        let next = self.label();
                        self.switch(text, length, &std::mem::take(&mut codes), next);
                        self.b.switch_to_block(next);
                        let (from, to) = (self.int(i64::from(*from)), self.int(to.map_or(-1, i64::from)));
                        let holds = self.helper(Call::within, &[text, length, from, to]);
                        let next = self.label();
                        self.either(holds, *label, next);
                        self.b.switch_to_block(next);
                    }
                }
            }
        }
        let none = self.label();
        self.switch(text, length, &codes, none);
        for ((_, body), label) in arms.iter().zip(labels) {
            self.b.switch_to_block(label);
            self.into(body, cursor.clone(), done);
        }
        self.b.switch_to_block(none);
        self.into(other, cursor, done);
        self.b.switch_to_block(done);
        Cursor::at(end)
    }

    /// Goes on at the label of the first key that is the text. The block that is open ends.
    pub fn switch(&mut self, text: Value, length: Value, keys: &[(String, Label)], other: Label) {
        let mut lengths: Vec<usize> = Vec::new();
        for (key, _) in keys {
            if !lengths.contains(&key.len()) {
                lengths.push(key.len());
            }
        }
        let mut groups = Vec::new();
        for size in lengths {
            let (group, next) = (self.label(), self.label());
            let fits = if size == 0 {
                self.is(IntCC::SignedLessThan, length, 1)
            } else {
                self.is(IntCC::Equal, length, i64::try_from(size).unwrap_or(-1))
            };
            self.either(fits, group, next);
            self.b.switch_to_block(next);
            groups.push((size, group));
        }
        self.jump(other);
        for (size, group) in groups {
            self.b.switch_to_block(group);
            let mut seen: Vec<&str> = Vec::new();
            let first = self.first_bytes(text, size);
            for (key, to) in keys.iter().filter(|(key, _)| key.len() == size) {
                if seen.contains(&key.as_str()) {
                    continue;
                }
                seen.push(key);
                let next = self.label();
                let same = self.same(text, first, key.as_bytes());
                self.either(same, *to, next);
                self.b.switch_to_block(next);
            }
            self.jump(other);
        }
    }

    /// The first bytes of a text, as many as it has up to eight, as [`first_number`] has them.
    fn first_bytes(&mut self, text: Value, size: usize) -> Value {
        match size {
            0 => self.int(0),
            1 => self.b.ins().uload8(I64, fixed(), text, 0),
            2 => self.b.ins().uload16(I64, fixed(), text, 0),
            4 => self.b.ins().uload32(fixed(), text, 0),
            3 | 5..8 => {
                // Two halves that overlap: a mask would be carried out again for each key.
                let half = if size == 3 { 2 } else { 4 };
                let [low, high] = [0, size - half].map(|at| {
                    let at = offset(at);
                    if size == 3 {
                        self.b.ins().uload16(I64, fixed(), text, at)
                    } else {
                        self.b.ins().uload32(fixed(), text, at)
                    }
                });
                let high = self.b.ins().ishl_imm_u(high, i64::try_from(8 * half).unwrap_or(0));
                self.b.ins().bor(low, high)
            }
            _ => self.b.ins().load(I64, fixed(), text, 0),
        }
    }

    fn same(&mut self, text: Value, first: Value, key: &[u8]) -> Value {
        if key.is_empty() {
            return self.int(1);
        }
        let mut same = self.is(IntCC::Equal, first, first_number(key));
        let mut at = 8;
        while at < key.len() {
            // The last word may overlap the one before it.
            let from = at.min(key.len() - 8);
            let word = self.b.ins().load(I64, fixed(), text, i32::try_from(from).unwrap_or(0));
            let next = self.is(IntCC::Equal, word, number(key, from, 8));
            same = self.b.ins().band(same, next);
            at += 8;
        }
        same
    }
}
