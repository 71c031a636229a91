//! Rows of tables, by their keys: the host finds them.

use cranelift_codegen::ir::Value;
use emr_abi::Call;
use emr_compiler::plan::{Cell, TableId, Val};

use super::output::nth;
use super::{Gen, Words, at};
use crate::kinds::{Kind, Live};

impl<'p> Gen<'_, 'p> {
    pub fn lookup(&mut self, table: TableId, keys: &[Val], cell: Cell, to: Val) {
        if keys.iter().any(|key| self.kind(*key) == Kind::Any) {
            return self.give_up();
        }
        let texts: Vec<(Value, Value)> = keys.iter().map(|key| self.key(*key)).collect();
        for (index, (at, length)) in texts.iter().enumerate() {
            self.store(at!(results) + nth(2 * index, 8), *at);
            self.store(at!(results) + nth(2 * index + 1, 8), *length);
        }
        let (table, count) = (self.int(i64::from(table)), self.count(keys.len()));
        match cell {
            Cell::Text(cell) => {
                let cell = self.int(i64::from(cell));
                let length = self.helper(Call::lookup, &[table, count, cell]);
                let place = self.load(at!(results));
                let told = self.int(1);
                let told = self.told_with_origin_of(told, keys);
                self.set_text(to, place, length, Live::Yes, told);
            }
            Cell::Code(cell) => {
                let cell = self.int(i64::from(cell));
                self.helper(Call::lookup_code, &[table, count, cell]);
                let words: Words = (0..6).map(|word| self.load(at!(results) + nth(word, 8))).collect();
                self.set(to, &Kind::Coded(Live::Yes), &words);
            }
        }
    }

    /// The text of a key without blanks around it: parts of the message have none.
    fn key(&mut self, key: Val) -> (Value, Value) {
        let (text, length) = self.leaf(key);
        if self.kind(key).may_be_padded() { self.trimmed(text, length) } else { (text, length) }
    }
}
