//! Loops over groups of items that have a text in common: the host tells the groups apart, by the text of each item.

use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::Call;
use emr_compiler::plan::{Block, Val};

use super::{Cursor, Gen};
use crate::kinds::Kind;

/// What a loop over groups names: the value for each item and for its key, and that for all items of a group.
#[derive(Clone, Copy)]
pub struct Named {
    pub item: Val,
    pub by: Val,
    pub items: Val,
}

impl<'p> Gen<'_, 'p> {
    /// For each item its key, then for each key, in the order in which they were met, the items that have it.
    pub fn each_by(&mut self, of: Val, named: Named, key: &'p Block, body: &'p Block, mut cursor: Cursor) -> Cursor {
        let Named { item, by, items } = named;
        let one = self.kind(of).item(self.shared.typing);
        if self.kind(of) == Kind::Any || one == Kind::Any {
            self.give_up();
            return cursor;
        }
        let place = self.place(&mut cursor);
        for block in [key, body] {
            self.forget(block);
        }
        [item, by, items].into_iter().for_each(|val| self.forget_one(val));
        let [all, numbers] = [(); 2].map(|()| self.empty_list());
        self.push_items(of, all, &one);
        let count = self.list_count(all);
        let keyed = self.turns(place, count, |this, index, place| {
            let words = this.list_item(all, index, &one);
            this.set(item, &one, &words);
            this.split_early(item);
            this.key_of(key, by, numbers, Cursor::at(place))
        });

        let groups = self.helper(Call::groups, &[numbers]);
        let own = self.own_list(items);
        let width = self.count(one.words());
        let group_of = Kind::List(Box::new(one));
        let end = self.turns(keyed, groups, |this, group, place| {
            this.helper(Call::group, &[numbers, group, all, own, width]);
            this.set(items, &group_of, &[own]);
            this.inside(body, Cursor::at(place))
        });
        Cursor::at(end)
    }

    /// A loop of so many turns, each of which gets its number, from 0, and the place of output; gives that behind the last.
    fn turns(
        &mut self,
        place: Value,
        count: Value,
        turn: impl FnOnce(&mut Self, Value, Value) -> Option<Cursor>,
    ) -> Value {
        let (head, (next, place_out), (done, end)) = (self.label(), self.meeting(), self.meeting());
        let [place_in, index] = [(); 2].map(|()| self.b.append_block_param(head, I64));
        let first = self.int(0);
        self.jump_with(head, &[place, first]);
        self.b.switch_to_block(head);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, index, count);
        let some = self.label();
        self.b.ins().brif(more, some, &[], done, &[BlockArg::Value(place_in)]);
        self.b.switch_to_block(some);
        self.burn();
        self.ask_for_room(place_in);
        if let Some(mut cursor) = turn(self, index, place_in) {
            let end = self.place(&mut cursor);
            self.goto(next, end);
        }
        self.b.switch_to_block(next);
        let index = self.add(index, 1);
        self.jump_with(head, &[place_out, index]);
        self.b.switch_to_block(done);
        end
    }

    /// Carries out the key and notes in which group the item is by it.
    fn key_of(&mut self, key: &'p Block, by: Val, numbers: Value, cursor: Cursor) -> Option<Cursor> {
        let before = (self.sure.clone(), self.split.clone(), self.heads.clone(), self.singles.clone());
        let keyed = self.block(key, cursor);
        if keyed.is_some() {
            let (at, length) = self.raw_leaf(by);
            self.helper(Call::keyed, &[numbers, at, length]);
        }
        (self.sure, self.split, self.heads, self.singles) = before;
        self.forget(key);
        keyed
    }
}
