//! Loops: over repetitions of a field, members of a group, items of a list, or one value if it is there.

use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::{Member, Stop};
use emr_compiler::plan::{Block, Until, Val};

use super::{Cursor, Gen, at};
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
        if until == Until::Last {
            self.give_up();
            return cursor;
        }
        let place = self.place(&mut cursor);
        self.forget(body);
        self.forget_one(item);
        let outer = self.only;
        if let Until::Only(_) = until {
            self.only = self.b.declare_var(I64);
            let none = self.int(0);
            self.b.def_var(self.only, none);
        }
        let (done, end) = self.meeting();
        let (kind, words) = (self.kind(of), self.get(of));
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
        self.only = outer;
        self.b.switch_to_block(done);
        Cursor::at(end)
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
