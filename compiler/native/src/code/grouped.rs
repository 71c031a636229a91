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
        let [all, numbers] = [(); 2].map(|()| {
            let number = self.tables.list();
            self.list(number)
        });
        let none = self.int(0);
        self.set_list_count(all, none);
        self.set_list_count(numbers, none);
        self.push_items(of, all, &one);

        // The keys.
        let (head, (next, place_out), (keyed, place_keyed)) = (self.label(), self.meeting(), self.meeting());
        let [place_in, index] = [(); 2].map(|()| self.b.append_block_param(head, I64));
        self.jump_with(head, &[place, none]);
        self.b.switch_to_block(head);
        let count = self.list_count(all);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, index, count);
        let some = self.label();
        self.b.ins().brif(more, some, &[], keyed, &[BlockArg::Value(place_in)]);
        self.b.switch_to_block(some);
        self.burn();
        self.ask_for_room(place_in);
        let words = self.list_item(all, index, &one);
        self.set(item, &one, &words);
        self.split_early(item);
        if let Some(mut cursor) = self.key_of(key, by, numbers, Cursor::at(place_in)) {
            let end = self.place(&mut cursor);
            self.goto(next, end);
        }
        self.b.switch_to_block(next);
        let index = self.add(index, 1);
        self.jump_with(head, &[place_out, index]);

        // The groups.
        self.b.switch_to_block(keyed);
        let groups = self.helper(Call::groups, &[numbers]);
        let own = self.own_list(items);
        let (head, (next, place_out), (done, end)) = (self.label(), self.meeting(), self.meeting());
        let [place_in, group] = [(); 2].map(|()| self.b.append_block_param(head, I64));
        let first = self.int(0);
        self.jump_with(head, &[place_keyed, first]);
        self.b.switch_to_block(head);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, group, groups);
        let some = self.label();
        self.b.ins().brif(more, some, &[], done, &[BlockArg::Value(place_in)]);
        self.b.switch_to_block(some);
        self.burn();
        self.ask_for_room(place_in);
        let width = self.count(one.words());
        self.helper(Call::group, &[numbers, group, all, own, width]);
        self.set(items, &Kind::List(Box::new(one)), &[own]);
        if let Some(mut cursor) = self.inside(body, Cursor::at(place_in)) {
            let end = self.place(&mut cursor);
            self.goto(next, end);
        }
        self.b.switch_to_block(next);
        let group = self.add(group, 1);
        self.jump_with(head, &[place_out, group]);
        self.b.switch_to_block(done);
        Cursor::at(end)
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
