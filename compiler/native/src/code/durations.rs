//! Durations: one word of milliseconds, [`i64::MIN`] where there is none. What they are made of is text, which helpers read.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::{Builtin, Call};
use emr_compiler::check::typed::{Arithmetic, Compare};
use emr_compiler::plan::{IssueId, Val};

use super::{Gen, at};
use crate::kinds::{Kind, Live, leaf};

impl<'p> Gen<'_, 'p> {
    /// Whether there is one, as a condition.
    pub fn is_duration(&mut self, word: Value) -> Value {
        self.is(IntCC::NotEqual, word, i64::MIN)
    }

    /// A text as a duration.
    pub fn convert_to_duration(&mut self, (at, length): (Value, Value), of: Val, to: Val, issue: Option<IssueId>) {
        let got = self.helper(Call::milliseconds, &[at, length]);
        let got = match issue {
            Some(issue) => self.checked_duration(got, |this| (issue, this.place_of_first(of))),
            None => got,
        };
        self.set(to, &Kind::Duration, &[got]);
    }

    /// A function of the library that gives one.
    pub fn duration_of(&mut self, function: Builtin, arguments: &[Val], to: Val, issue: IssueId) {
        if self.are_unknown(function, arguments) {
            return self.give_up();
        }
        let count = self.hand_over_texts(arguments);
        let number = self.int(function as i64);
        let got = self.helper(Call::duration, &[number, count]);
        let got = self.checked_duration(got, |this| (issue, this.place_of_any(arguments)));
        self.set(to, &Kind::Duration, &[got]);
    }

    /// How many minutes a duration has. It counts as a value of the message.
    pub fn in_minutes(&mut self, of: Val, to: Val) {
        let words = match self.kind(of) {
            Kind::Duration => self.get(of),
            Kind::Any => return self.give_up(),
            _ => return self.clear(to),
        };
        let length = self.helper(Call::in_minutes, &[self.word(&words, 0)]);
        let (at, live) = (self.load(at!(results)), self.int(1));
        self.set_text(to, at, length, Live::Yes, live);
    }

    /// What is calculated where one side at least is a duration; the other is one too, or a text.
    pub fn calculate_durations(&mut self, op: Arithmetic, [left, right]: [Val; 2], to: Val, issue: IssueId) {
        if [left, right].iter().any(|val| self.kind(*val) == Kind::Any) {
            return self.give_up();
        }
        let is_made_of = |val: &Val| matches!(self.kind(*val), Kind::Duration) || leaf(&self.kind(*val)).is_some();
        if ![left, right].iter().all(is_made_of) {
            return self.clear(to);
        }
        let number = self.int(op as i64);
        match (self.kind(left), self.kind(right)) {
            (Kind::Duration, Kind::Duration) => {
                let (one, other) = (self.get(left), self.get(right));
                let words = [number, self.word(&one, 0), self.word(&other, 0)];
                let got = self.helper(Call::durations, &words);
                let got = self.checked_duration(got, |this| (issue, this.place_of_any(&[left, right])));
                self.set(to, &Kind::Duration, &[got]);
            }
            (Kind::Duration, _) => {
                let by = self.get(left);
                let (at, length) = self.raw_leaf(right);
                let got = self.helper(Call::scaled, &[number, self.word(&by, 0), at, length]);
                let got = self.checked_duration(got, |this| (issue, this.place_of_any(&[left, right])));
                self.set(to, &Kind::Duration, &[got]);
            }
            _ => {
                let by = self.get(right);
                let (at, length) = self.raw_leaf(left);
                let got = self.helper(Call::moved, &[number, at, length, self.word(&by, 0)]);
                let got = self.checked(got, issue, &[left, right]);
                let at = self.load(at!(results));
                let told = self.any_live(&[left]);
                let told = self.told_with_origin_of(told, &[left]);
                let live = leaf(&self.kind(left)).unwrap_or(Live::No);
                self.set_text(to, at, got, live, told);
            }
        }
    }

    /// Whether one duration stands to another as `op` says: never where one is missing.
    pub fn compare_durations(&mut self, op: Compare, left: Val, right: Val) -> Value {
        let (left, right) = (self.get(left), self.get(right));
        let (left, right) = (self.word(&left, 0), self.word(&right, 0));
        let code = match op {
            Compare::Equal => IntCC::Equal,
            Compare::NotEqual => IntCC::NotEqual,
            Compare::Less => IntCC::SignedLessThan,
            Compare::LessOrEqual => IntCC::SignedLessThanOrEqual,
            Compare::Greater => IntCC::SignedGreaterThan,
            Compare::GreaterOrEqual => IntCC::SignedGreaterThanOrEqual,
        };
        let mut holds = self.b.ins().icmp(code, left, right);
        for word in [left, right] {
            let is_there = self.is_duration(word);
            holds = self.b.ins().band(holds, is_there);
        }
        self.b.ins().uextend(I64, holds)
    }

    /// Says the issue where the helper took exception to what it was given.
    fn checked_duration(
        &mut self,
        got: Value,
        about: impl FnOnce(&mut Self) -> (IssueId, super::issue::Where),
    ) -> Value {
        let is_bad = self.load(at!(results));
        let (bad, fine) = (self.cold(), self.label());
        self.either(is_bad, bad, fine);
        self.b.switch_to_block(bad);
        let (issue, place) = about(self);
        self.say(issue, place);
        self.jump(fine);
        self.b.switch_to_block(fine);
        got
    }
}
