//! Loops: over repetitions of a field, members of a group, items of a list, or one value if it is there.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Value,
    condcodes::IntCC,
    types::{I8X16, I64},
};
use emr_abi::{Call, Member, Stop};
use emr_compiler::plan::{Block, Until, Val};

use super::{Cursor, Gen, at, mem};
use crate::kinds::Kind;

impl<'p> Gen<'_, 'p> {
    /// Counts a turn; ends the routine where the message took more than it may.
    pub fn burn(&mut self) {
        let fuel = self.load(at!(fuel));
        let left = self.add(fuel, -1);
        self.store(at!(fuel), left);
        let (spent, on) = (self.cold(), self.label());
        let is_spent = self.is(IntCC::SignedLessThan, left, 0);
        self.either(is_spent, spent, on);
        self.b.switch_to_block(spent);
        self.stop(Stop::Fuel);
        self.b.switch_to_block(on);
    }

    pub fn each(&mut self, of: Val, item: Val, body: &'p Block, until: Until, mut cursor: Cursor) -> Cursor {
        let place = self.place(&mut cursor);
        self.forget(body);
        self.forget_one(item);
        let outer = (self.only, self.first);
        if until == Until::Last {
            self.first = self.b.declare_var(I64);
            self.b.def_var(self.first, place);
        }
        if let Until::Only(_) = until {
            self.only = self.b.declare_var(I64);
            let none = self.int(0);
            self.b.def_var(self.only, none);
        }
        let (done, end) = self.meeting();
        let (mut kind, mut words) = (self.kind(of), self.get(of));
        if kind == Kind::Node {
            let items = self.empty_list();
            self.push_nodes(self.word(&words, 0), items);
            (kind, words) = (Kind::List(Box::new(Kind::Node)), vec![items]);
        }
        let one = kind.item(self.shared.typing);
        let first = self.word(&words, 0);
        match &kind {
            Kind::Missing | Kind::Any => {
                if kind == Kind::Any {
                    self.give_up();
                }
                self.goto(done, place);
            }
            Kind::Field => {
                let length = self.word(&words, 1);
                let head = self.label();
                let [place_in, at, left] = [(); 3].map(|()| self.b.append_block_param(head, I64));
                self.jump_with(head, &[place, first, length]);
                self.b.switch_to_block(head);
                let size = self.repetition(at, left);
                let (some, (next, place_out)) = (self.label(), self.meeting());
                let skip = self.label();
                self.if_present(at, size, some, skip);
                self.b.switch_to_block(skip);
                self.goto(next, place_in);
                self.b.switch_to_block(some);
                self.turn(item, &one, &[at, size], body, until, place_in, (next, done));
                self.b.switch_to_block(next);
                let (again, is_last) = (self.label(), self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, size, left));
                self.b.ins().brif(is_last, done, &[BlockArg::Value(place_out)], again, &[]);
                self.b.switch_to_block(again);
                let over = self.add(size, 1);
                let (at, left) = (self.b.ins().iadd(at, over), self.b.ins().isub(left, over));
                self.jump_with(head, &[place_out, at, left]);
            }
            Kind::Members(node) => {
                let head = self.label();
                let [place_in, member] = [(); 2].map(|()| self.b.append_block_param(head, I64));
                let first = self.first_member(first, *node);
                self.jump_with(head, &[place, first]);
                self.b.switch_to_block(head);
                let (some, (next, place_out)) = (self.label(), self.meeting());
                let is_none = self.is(IntCC::Equal, member, i64::from(Member::NONE));
                self.b.ins().brif(is_none, done, &[BlockArg::Value(place_in)], some, &[]);
                self.b.switch_to_block(some);
                let found = self.member_item(member, &one);
                self.turn(item, &one, &found, body, until, place_in, (next, done));
                self.b.switch_to_block(next);
                let after = self.next_member(member);
                self.jump_with(head, &[place_out, after]);
            }
            Kind::List(of) => {
                let head = self.label();
                let [place_in, index] = [(); 2].map(|()| self.b.append_block_param(head, I64));
                let zero = self.int(0);
                self.jump_with(head, &[place, zero]);
                self.b.switch_to_block(head);
                let count = self.list_count(first);
                let more = self.b.ins().icmp(IntCC::UnsignedLessThan, index, count);
                let (some, (next, place_out)) = (self.label(), self.meeting());
                self.b.ins().brif(more, some, &[], done, &[BlockArg::Value(place_in)]);
                self.b.switch_to_block(some);
                let found = self.list_item(first, index, of);
                self.turn(item, &one, &found, body, until, place_in, (next, done));
                self.b.switch_to_block(next);
                let index = self.add(index, 1);
                self.jump_with(head, &[place_out, index]);
            }
            _ => {
                let (some, none) = (self.label(), self.label());
                self.present(of, some, none);
                self.b.switch_to_block(none);
                self.goto(done, place);
                self.b.switch_to_block(some);
                let (next, place_out) = self.meeting();
                self.turn(item, &one, &words, body, until, place, (next, done));
                self.b.switch_to_block(next);
                self.goto(done, place_out);
            }
        }
        (self.only, self.first) = outer;
        self.b.switch_to_block(done);
        Cursor::at(end)
    }

    /// Moves what was written between two places to one before them; gives its new end.
    fn move_back(&mut self, to: Value, from: Value, end: Value) -> Value {
        if self.shared.typing.traced {
            self.helper(Call::trace_moved, &[to, from]);
        }
        let head = self.label();
        let [source, target] = [(); 2].map(|()| self.b.append_block_param(head, I64));
        self.jump_with(head, &[from, to]);
        self.b.switch_to_block(head);
        let vector = self.b.ins().load(I8X16, mem(), source, 0);
        self.b.ins().store(mem(), vector, target, 0);
        let (source, target) = (self.add(source, 16), self.add(target, 16));
        let done = self.label();
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, source, end);
        self.b.ins().brif(more, head, &[BlockArg::Value(source), BlockArg::Value(target)], done, &[]);
        self.b.switch_to_block(done);
        let length = self.b.ins().isub(end, from);
        self.b.ins().iadd(to, length)
    }

    pub fn jump_with(&mut self, label: super::Label, values: &[Value]) {
        let arguments: Vec<BlockArg> = values.iter().copied().map(BlockArg::Value).collect();
        self.b.ins().jump(label, &arguments);
    }

    /// One turn of a loop, going on at the next or at the end.
    #[expect(clippy::too_many_arguments, reason = "a loop has that many ends")]
    fn turn(
        &mut self,
        item: Val,
        kind: &Kind,
        words: &[Value],
        body: &'p Block,
        until: Until,
        place: Value,
        (next, done): (super::Label, super::Label),
    ) {
        self.burn();
        self.ask_for_room(place);
        self.set(item, kind, words);
        self.split_early(item);
        let live = match until {
            Until::Only(_) => Some(self.load(at!(live))),
            _ => None,
        };
        let Some(mut cursor) = self.inside(body, Cursor::at(place)) else { return };
        let end = self.place(&mut cursor);
        match until {
            Until::First => {
                let wrote = self.b.ins().icmp(IntCC::NotEqual, end, place);
                self.b.ins().brif(wrote, done, &[BlockArg::Value(end)], next, &[BlockArg::Value(end)]);
            }
            // Each takes the place of the one before it.
            Until::Last => {
                let kept = self.b.use_var(self.first);
                let wrote = self.b.ins().icmp(IntCC::NotEqual, end, place);
                let is_later = self.b.ins().icmp(IntCC::NotEqual, kept, place);
                let moves = self.b.ins().band(wrote, is_later);
                let moved = self.cold();
                self.b.ins().brif(moves, moved, &[], next, &[BlockArg::Value(end)]);
                self.b.switch_to_block(moved);
                let end = self.move_back(kept, place, end);
                self.goto(next, end);
            }
            // A second one is taken back, and said.
            Until::Only(issue) => {
                let wrote = self.b.ins().icmp(IntCC::NotEqual, end, place);
                let wrote = self.b.ins().uextend(I64, wrote);
                let before = self.b.use_var(self.only);
                let written = self.b.ins().iadd(before, wrote);
                self.b.def_var(self.only, written);
                let is_second = self.above(written, 1);
                let second = self.cold();
                self.b.ins().brif(is_second, second, &[], next, &[BlockArg::Value(end)]);
                self.b.switch_to_block(second);
                if let Some(live) = live {
                    self.store(at!(live), live);
                }
                let about = self.place_of_item(kind, words);
                self.say(issue, about);
                self.untrace(place);
                self.goto(done, place);
            }
            _ => self.goto(next, end),
        }
    }
}
