//! Lists that a plan makes: all items of some values, in order.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::Member;
use emr_compiler::plan::Val;

use super::{Gen, Words};
use crate::kinds::{Kind, Level};

impl<'p> Gen<'_, 'p> {
    pub fn gather(&mut self, parts: &[Val], to: Val) {
        let Kind::List(item) = self.kind(to) else { return self.give_up() };
        let own = self.own_list(to);
        let none = self.int(0);
        self.set_list_count(own, none);
        for part in parts {
            self.push_items(*part, own, &item);
        }
        let kind = self.kind(to);
        self.set(to, &kind, &[own]);
    }

    pub fn push_all(&mut self, of: Val, to: Val) {
        let Kind::List(item) = self.kind(to) else { return self.give_up() };
        let own = self.own_list(to);
        self.push_items(of, own, &item);
        let kind = self.kind(to);
        self.set(to, &kind, &[own]);
    }

    /// The items of a value from one to another, both counted from 1.
    pub fn range(&mut self, of: Val, first: u32, last: Option<u32>, to: Val) {
        let Kind::List(item) = self.kind(to) else { return self.give_up() };
        let own = self.own_list(to);
        let none = self.int(0);
        self.set_list_count(own, none);
        self.push_items(of, own, &item);
        let skipped = first.saturating_sub(1);
        let all = self.list_count(own);
        let left = self.add(all, -i64::from(skipped));
        let mut kept = self.b.ins().smax(left, none);
        if let Some(last) = last {
            let most = self.int(i64::from(last.saturating_sub(skipped)));
            kept = self.b.ins().smin(kept, most);
        }
        if skipped > 0 {
            self.move_items(own, kept, i64::from(skipped), &item);
        }
        self.set_list_count(own, kept);
        let kind = self.kind(to);
        self.set(to, &kind, &[own]);
    }

    /// Moves so many items to the beginning of a list, from `skipped` on.
    fn move_items(&mut self, list: Value, count: Value, skipped: i64, item: &Kind) {
        let head = self.label();
        let index = self.b.append_block_param(head, I64);
        let zero = self.int(0);
        self.jump_with(head, &[zero]);
        self.b.switch_to_block(head);
        let (some, done) = (self.label(), self.label());
        let more = self.b.ins().icmp(IntCC::SignedLessThan, index, count);
        self.either(more, some, done);
        self.b.switch_to_block(some);
        let from = self.add(index, skipped);
        let words = self.list_item(list, from, item);
        self.put_item(list, index, &words);
        let next = self.add(index, 1);
        self.jump_with(head, &[next]);
        self.b.switch_to_block(done);
    }

    /// The last item of a value, by a list for which `to` has no other use.
    pub fn last_of(&mut self, of: Val, to: Val, item: &Kind) -> Words {
        let own = self.own_list(to);
        let none = self.int(0);
        self.set_list_count(own, none);
        self.push_items(of, own, item);
        let count = self.list_count(own);
        self.last_item(own, count, item)
    }

    /// Adds all items of a value to a list.
    pub fn push_items(&mut self, of: Val, list: Value, item: &Kind) {
        let kind = self.kind(of);
        let words = self.get(of);
        match &kind {
            Kind::Missing => {}
            Kind::Any => self.give_up(),
            Kind::Field => self.push_repetitions(&words, list, item),
            Kind::Members(_) => self.push_members(&kind, &words, list, item),
            Kind::Node if *item == Kind::Node => self.push_nodes(self.word(&words, 0), list),
            Kind::Node => self.push_nodes_as(self.word(&words, 0), list, item),
            Kind::List(of) => {
                if **of == Kind::Missing {
                    return;
                }
                self.push_list(&words, of, list, item);
            }
            _ => {
                let (some, done) = (self.label(), self.label());
                self.present(of, some, done);
                self.b.switch_to_block(some);
                let fitted = self.fit(&kind, &words, item);
                self.push(list, item, &fitted);
                self.jump(done);
                self.b.switch_to_block(done);
            }
        }
    }

    fn push_repetitions(&mut self, words: &[Value], list: Value, item: &Kind) {
        let head = self.label();
        let [at, left] = [(); 2].map(|()| self.b.append_block_param(head, I64));
        self.jump_with(head, &[self.word(words, 0), self.word(words, 1)]);
        self.b.switch_to_block(head);
        let size = self.repetition(at, left);
        let (some, next, again, done) = (self.label(), self.label(), self.label(), self.label());
        self.if_present(at, size, some, next);
        self.b.switch_to_block(some);
        let fitted = self.fit(&Kind::Piece(Level::Repetition), &[at, size], item);
        self.push(list, item, &fitted);
        self.jump(next);
        self.b.switch_to_block(next);
        let is_last = self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, size, left);
        self.either(is_last, done, again);
        self.b.switch_to_block(again);
        let over = self.add(size, 1);
        let (at, left) = (self.b.ins().iadd(at, over), self.b.ins().isub(left, over));
        self.jump_with(head, &[at, left]);
        self.b.switch_to_block(done);
    }

    fn push_members(&mut self, kind: &Kind, words: &[Value], list: Value, item: &Kind) {
        let Kind::Members(node) = kind else { return };
        let one = kind.item(self.shared.typing);
        let head = self.label();
        let member = self.b.append_block_param(head, I64);
        let first = self.first_member(self.word(words, 0), *node);
        self.jump_with(head, &[first]);
        self.b.switch_to_block(head);
        let (some, done) = (self.label(), self.label());
        let is_none = self.is(IntCC::Equal, member, i64::from(Member::NONE));
        self.either(is_none, done, some);
        self.b.switch_to_block(some);
        let found = self.member_item(member, &one);
        self.push(list, item, &found);
        let next = self.next_member(member);
        self.jump_with(head, &[next]);
        self.b.switch_to_block(done);
    }

    pub fn push_list(&mut self, words: &[Value], of: &Kind, list: Value, item: &Kind) {
        let from = self.word(words, 0);
        let head = self.label();
        let index = self.b.append_block_param(head, I64);
        // What is there now: a list may be added to itself.
        let count = self.list_count(from);
        let zero = self.int(0);
        self.jump_with(head, &[zero]);
        self.b.switch_to_block(head);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, index, count);
        let (some, done) = (self.label(), self.label());
        self.either(more, some, done);
        self.b.switch_to_block(some);
        let found = self.list_item(from, index, of);
        let fitted = self.fit(of, &found, item);
        self.push(list, item, &fitted);
        let index = self.add(index, 1);
        self.jump_with(head, &[index]);
        self.b.switch_to_block(done);
    }
}
