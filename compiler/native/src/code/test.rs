//! Tests, as branches.

use cranelift_codegen::ir::{Block as Label, InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::{Call, Member, flags};
use emr_compiler::check::typed::{Compare, Comparison};
use emr_compiler::plan::{Test, Val};

use super::{Gen, at};
use crate::kinds::{Kind, Level, leaf};
use crate::tables::escaped;

impl<'p> Gen<'_, 'p> {
    /// Goes on at one of two labels.
    pub fn branch(&mut self, test: &Test, yes: Label, no: Label) {
        match test {
            Test::Always(true) => self.jump(yes),
            Test::Always(false) => self.jump(no),
            Test::Present(of) => self.present(*of, yes, no),
            Test::Null(of) => self.null(*of, yes, no),
            Test::Absent(of) => {
                let gone = self.label();
                self.present(*of, no, gone);
                self.b.switch_to_block(gone);
                self.null(*of, no, yes);
            }
            Test::True(of) => self.is_true(*of, yes, no),
            Test::Reason(of, _) => {
                if self.kind(*of) == Kind::Any {
                    self.give_up();
                }
                self.jump(no);
            }
            Test::Compare { op: Compare::Equal, left, right, how } => self.equal(*left, &[*right], *how, yes, no),
            Test::Compare { op: Compare::NotEqual, left, right, how } => self.equal(*left, &[*right], *how, no, yes),
            Test::Compare { op, left, right, how } => {
                let holds = self.compared(*op, *left, *right, *how);
                self.either(holds, yes, no);
            }
            Test::In { of, list, how } => self.equal(*of, list, *how, yes, no),
            Test::Matches { of, pattern } => {
                let (text, length) = self.raw_leaf(*of);
                let number = self.tables.pattern(pattern);
                let number = self.count(number);
                let (some, is_there) = (self.label(), self.above(length, 0));
                self.either(is_there, some, no);
                self.b.switch_to_block(some);
                let holds = self.helper(Call::matches, &[number, text, length]);
                self.either(holds, yes, no);
            }
            Test::Not(test) => self.branch(test, no, yes),
            Test::Both(left, right) => {
                let next = self.label();
                self.branch(left, next, no);
                self.b.switch_to_block(next);
                self.branch(right, yes, no);
            }
            Test::Either(left, right) => {
                let next = self.label();
                self.branch(left, yes, next);
                self.b.switch_to_block(next);
                self.branch(right, yes, no);
            }
        }
    }

    /// The splitter takes nulls out; the host knows where they stood. Lists have items that are there only.
    fn null(&mut self, of: Val, yes: Label, no: Label) {
        let (kind, words) = (self.kind(of), self.get(of));
        match kind {
            Kind::Piece(_) | Kind::Part | Kind::Field => {
                let flags = self.given(at!(flags));
                let any = self.b.ins().band_imm_u(flags, i64::try_from(flags::NULLS).unwrap_or(-1));
                let asked = self.cold();
                self.either(any, asked, no);
                self.b.switch_to_block(asked);
                let repeats = self.int(i64::from(kind == Kind::Field));
                let is_null = self.helper(Call::null, &[self.word(&words, 0), self.word(&words, 1), repeats]);
                self.either(is_null, yes, no);
            }
            Kind::Any => {
                self.give_up();
                self.jump(no);
            }
            _ => self.jump(no),
        }
    }

    pub fn present(&mut self, of: Val, yes: Label, no: Label) {
        let (kind, words) = (self.kind(of), self.get(of));
        let first = self.word(&words, 0);
        let there = match kind {
            Kind::Missing => return self.jump(no),
            Kind::Any => {
                self.give_up();
                return self.jump(no);
            }
            Kind::Field => {
                let length = self.word(&words, 1);
                return self.if_present_by(Call::repeated, first, length, yes, no);
            }
            Kind::Part | Kind::Piece(Level::Field | Level::Repetition | Level::Component) => {
                let length = self.word(&words, 1);
                return match self.head_of(of) {
                    Some((_, head)) => self.if_headed(first, length, head, yes, no),
                    None => self.if_present(first, length, yes, no),
                };
            }
            Kind::Piece(Level::Subcomponent) | Kind::Text(_) => self.above(self.word(&words, 1), 0),
            Kind::Coded(_) => self.above(self.word(&words, 3), 0),
            Kind::Segment(_) => self.is(IntCC::NotEqual, first, 0),
            Kind::Node => self.node_is_there(first),
            Kind::Group(_) | Kind::Bool | Kind::Reference | Kind::Contained => {
                self.is(IntCC::SignedGreaterThanOrEqual, first, 0)
            }
            Kind::Duration => self.is_duration(first),
            Kind::Members(node) => {
                let member = self.first_member(first, node);
                self.is(IntCC::NotEqual, member, i64::from(Member::NONE))
            }
            Kind::List(_) => {
                let count = self.list_count(first);
                self.above(count, 0)
            }
        };
        self.either(there, yes, no);
    }

    pub fn is_true(&mut self, of: Val, yes: Label, no: Label) {
        match self.kind(of) {
            Kind::Bool => {
                let words = self.get(of);
                let is_true = self.is(IntCC::Equal, self.word(&words, 0), 1);
                self.either(is_true, yes, no);
            }
            _ => {
                let (text, length) = self.raw_leaf(of);
                self.switch(text, length, &[("true".to_owned(), yes)], no);
            }
        }
    }

    /// Whether a value is one of several.
    fn equal(&mut self, of: Val, list: &[Val], how: Comparison, yes: Label, no: Label) {
        if [self.kind(of)].into_iter().chain(list.iter().map(|val| self.kind(*val))).any(|kind| kind == Kind::Any) {
            self.give_up();
            return self.jump(no);
        }
        let by_text = matches!(how, Comparison::Text | Comparison::Boolean)
            || how == Comparison::Coded && !matches!(self.kind(of), Kind::Coded(_));
        let mut rest = Vec::new();
        let mut keys = Vec::new();
        for val in list {
            match self.facts.constant(*val) {
                // What only blanks surround is the same text.
                Some(text) if by_text && !text.trim().is_empty() => keys.push((escaped(text.trim()), yes)),
                _ => rest.push(*val),
            }
        }
        if !keys.is_empty() {
            let next = self.label();
            let (text, length) = self.leaf(of);
            let is_part = self.is_part(of);
            let (text, length) = if is_part { (text, length) } else { self.trimmed(text, length) };
            self.switch(text, length, &keys, next);
            self.b.switch_to_block(next);
        }
        for val in rest {
            let next = self.label();
            self.equal_to(of, val, how, yes, next);
            self.b.switch_to_block(next);
        }
        self.jump(no);
    }

    fn equal_to(&mut self, left: Val, right: Val, how: Comparison, yes: Label, no: Label) {
        match (self.kind(left), self.kind(right)) {
            (Kind::Reference, Kind::Reference) => {
                let (left, right) = (self.get(left), self.get(right));
                let (left, right) = (self.word(&left, 0), self.word(&right, 0));
                let same = self.b.ins().icmp(IntCC::Equal, left, right);
                let there = self.is(IntCC::SignedGreaterThanOrEqual, left, 0);
                let both = self.b.ins().band(same, there);
                self.either(both, yes, no);
            }
            (Kind::Coded(_), Kind::Coded(_)) if how == Comparison::Coded => {
                let (one, other) = (self.get(left), self.get(right));
                let [one_at, one_length] = [self.word(&one, 0), self.word(&one, 1)];
                let [other_at, other_length] = [self.word(&other, 0), self.word(&other, 1)];
                let (named, both, codes) = (self.label(), self.label(), self.label());
                let is_named = self.above(one_length, 0);
                self.either(is_named, named, codes);
                self.b.switch_to_block(named);
                let is_named = self.above(other_length, 0);
                self.either(is_named, both, codes);
                self.b.switch_to_block(both);
                let same = self.ask(Compare::Equal, Comparison::Text, [one_at, one_length, other_at, other_length]);
                self.either(same, codes, no);
                self.b.switch_to_block(codes);
                let same = self.compared(Compare::Equal, left, right, how);
                self.either(same, yes, no);
            }
            _ => {
                let holds = self.compared(Compare::Equal, left, right, how);
                self.either(holds, yes, no);
            }
        }
    }

    fn compared(&mut self, op: Compare, left: Val, right: Val, how: Comparison) -> Value {
        if how == Comparison::Duration && [left, right].iter().all(|val| self.kind(*val) == Kind::Duration) {
            return self.compare_durations(op, left, right);
        }
        for val in [left, right] {
            let kind = self.kind(val);
            if kind == Kind::Any {
                self.give_up();
                return self.int(0);
            }
            if leaf(&kind).is_none() {
                return self.int(0);
            }
        }
        let (left, left_length) = self.leaf_or_blank(left);
        let (right, right_length) = self.leaf_or_blank(right);
        self.ask(op, how, [left, left_length, right, right_length])
    }

    fn ask(&mut self, op: Compare, how: Comparison, texts: [Value; 4]) -> Value {
        let how = if how == Comparison::Coded { Comparison::Text } else { how };
        let (op, how) = (self.int(op as i64), self.int(how as i64));
        let [left, left_length, right, right_length] = texts;
        self.helper(Call::compare, &[op, how, left, left_length, right, right_length])
    }

    /// A text that was made, without blanks around it.
    pub fn trimmed(&mut self, text: Value, length: Value) -> (Value, Value) {
        let none = self.int(0);
        let (slow, done) = (self.cold(), self.label());
        let (got, got_length) = (self.b.append_block_param(done, I64), self.b.append_block_param(done, I64));
        let some = self.label();
        let is_there = self.above(length, 0);
        let args = |a, b| [cranelift_codegen::ir::BlockArg::Value(a), cranelift_codegen::ir::BlockArg::Value(b)];
        self.b.ins().brif(is_there, some, &[], done, &args(text, none));
        self.b.switch_to_block(some);
        let odd = self.ends_oddly(text, length);
        self.b.ins().brif(odd, slow, &[], done, &args(text, length));
        self.b.switch_to_block(slow);
        // It need not be this text that made the message odd.
        let longer = self.label();
        let is_word = self.is_short_word(text, length);
        self.b.ins().brif(is_word, done, &args(text, length), longer, &[]);
        self.b.switch_to_block(longer);
        let into = self.int(emr_compiler::check::typed::Primitive::String as i64);
        let trimmed = self.helper(Call::convert, &[into, text, length]);
        let place = self.load(at!(results));
        self.b.ins().jump(done, &args(place, trimmed));
        self.b.switch_to_block(done);
        (got, got_length)
    }
}
