//! What is calculated and counted.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::Call;
use emr_compiler::check::typed::Arithmetic;
use emr_compiler::plan::{IssueId, Val};

use super::{Gen, at};
use crate::kinds::Kind;

impl<'p> Gen<'_, 'p> {
    pub fn calculate(&mut self, op: Arithmetic, left: Val, right: Val, to: Val, issue: IssueId) {
        if [left, right].iter().any(|val| self.kind(*val) == Kind::Duration) {
            return self.calculate_durations(op, [left, right], to, issue);
        }
        let Kind::Text(live) = self.kind(to) else { return self.calculate_if_there(left, right, to) };
        let both = [left, right];
        let [(left_at, left_length), (right_at, right_length)] = both.map(|val| self.raw_leaf(val));
        let op = self.int(op as i64);
        let got = self.helper(Call::calculate, &[op, left_at, left_length, right_at, right_length]);
        let got = self.checked(got, issue, &both);
        let at = self.load(at!(results));
        let told = self.any_live(&both);
        let told = self.told_with_origin_of(told, &both);
        self.set_text(to, at, got, live, told);
    }

    /// The length of what a helper gives; a negative one is an issue, and missing.
    pub fn checked(&mut self, got: Value, issue: IssueId, of: &[Val]) -> Value {
        let is_bad = self.is(IntCC::SignedLessThan, got, 0);
        let (bad, fine) = (self.cold(), self.label());
        self.either(is_bad, bad, fine);
        self.b.switch_to_block(bad);
        let about = self.place_of_any(of);
        self.say(issue, about);
        self.jump(fine);
        self.b.switch_to_block(fine);
        let none = self.int(0);
        self.b.ins().smax(got, none)
    }

    /// How many items a value has.
    pub fn count_items(&mut self, of: Val, to: Val) {
        let (kind, words) = (self.kind(of), self.get(of));
        let Kind::Text(live) = self.kind(to) else { return self.give_up() };
        let count = match &kind {
            Kind::Missing => self.int(0),
            Kind::List(_) => self.list_count(self.word(&words, 0)),
            _ => {
                let item = kind.item(self.shared.typing);
                let own = self.own_list(to);
                let none = self.int(0);
                self.set_list_count(own, none);
                self.push_items(of, own, &item);
                self.list_count(own)
            }
        };
        let told = self.told_of_all(of);
        let length = self.helper(Call::counted, &[count]);
        let at = self.load(at!(results));
        self.set_text(to, at, length, live, told);
    }

    /// Whether one item of a value is true, or all of them.
    pub fn truth(&mut self, of: Val, to: Val, all: bool) {
        let (kind, words) = (self.kind(of), self.get(of));
        let holds = match &kind {
            Kind::Missing => return self.set_bool(to, all),
            Kind::List(item) if **item == Kind::Missing => return self.set_bool(to, all),
            Kind::List(item) if **item == Kind::Bool => {
                let list = self.word(&words, 0);
                let truths = self.helper(Call::truths, &[list]);
                if all {
                    let count = self.list_count(list);
                    self.b.ins().icmp(IntCC::Equal, truths, count)
                } else {
                    self.above(truths, 0)
                }
            }
            Kind::Bool if all => self.is(IntCC::NotEqual, self.word(&words, 0), 0),
            Kind::Bool => self.is(IntCC::Equal, self.word(&words, 0), 1),
            _ => return self.give_up(),
        };
        let holds = self.b.ins().uextend(I64, holds);
        self.set(to, &Kind::Bool, &[holds]);
    }

    fn set_bool(&mut self, to: Val, value: bool) {
        let value = self.int(i64::from(value));
        self.set(to, &Kind::Bool, &[value]);
    }

    /// What is calculated of something that is missing is missing; all else is the interpreter's.
    fn calculate_if_there(&mut self, left: Val, right: Val, to: Val) {
        self.clear(to);
        if self.kind(left) == Kind::Any {
            return self.give_up();
        }
        let (_, length) = self.leaf_or_blank(left);
        let mut there = self.above(length, 0);
        // What has no kind may be a duration, which is always there.
        if self.kind(right) != Kind::Any {
            let (_, length) = self.leaf_or_blank(right);
            let both = self.above(length, 0);
            there = self.b.ins().band(there, both);
        }
        self.give_up_when(there);
    }
}
