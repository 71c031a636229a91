//! Groups and their members, by the tables of the host.

use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, condcodes::IntCC};
use emr_abi::{Call, Group, Member};
use std::mem::offset_of;

use super::issue::{Path, Where};
use super::output::nth;
use super::{Gen, Words, at, fixed, offset};
use crate::kinds::Kind;

/// As many members of a group are counted off; who asks for a later one asks the interpreter.
pub const MEMBERS: u32 = 16;

impl Gen<'_, '_> {
    pub fn outer(&mut self, group: Value, levels: u32) -> Value {
        let mut at = group;
        for _ in 0..levels {
            let record = self.group(at);
            at = self.b.ins().uload32(fixed(), record, offset(offset_of!(Group, parent)));
        }
        at
    }

    pub fn group(&mut self, number: Value) -> Value {
        let groups = self.given(at!(groups));
        // One that is not there stands before the first.
        let from = self.b.ins().imul_imm_s(number, i64::from(nth(1, size_of::<Group>())));
        self.b.ins().iadd(groups, from)
    }

    /// The nth of what stands at a node, from 1.
    pub fn nth_member(&mut self, group: Value, node: u32, number: u32, kind: &Kind) -> Words {
        let (done, found) = self.meeting();
        let mut member = self.first_member(group, node);
        for _ in 1..number {
            let more = self.label();
            let is_none = self.is(IntCC::Equal, member, i64::from(Member::NONE));
            self.b.ins().brif(is_none, done, &[BlockArg::Value(member)], more, &[]);
            self.b.switch_to_block(more);
            member = self.next_member(member);
        }
        self.goto(done, member);
        self.b.switch_to_block(done);
        self.member_item(found, kind)
    }

    /// What stands at a node first.
    pub fn member(&mut self, group: Value, node: u32, kind: &Kind) -> Words {
        let index = self.first_member(group, node);
        self.member_item(index, kind)
    }

    /// The number of the member that stands at a node first, [`Member::NONE`] if there is none.
    pub fn first_member(&mut self, group: Value, node: u32) -> Value {
        let record = self.group(group);
        let firsts = self.b.ins().uload32(fixed(), record, offset(offset_of!(Group, firsts)));
        let from = self.b.ins().ishl_imm_u(firsts, 2);
        let table = self.given(at!(firsts));
        let place = self.b.ins().iadd(table, from);
        self.b.ins().uload32(fixed(), place, nth(self.shared.slot(node) as usize, size_of::<u32>()))
    }

    /// The number of the next member at the node of this one.
    pub fn next_member(&mut self, index: Value) -> Value {
        let record = self.member_record(index);
        self.b.ins().uload32(fixed(), record, offset(offset_of!(Member, next)))
    }

    pub fn member_record(&mut self, index: Value) -> Value {
        let members = self.given(at!(members));
        let from = self.b.ins().ishl_imm_u(index, 3);
        self.b.ins().iadd(members, from)
    }

    /// The one member at a node; it is said if a segment that joined the group made it two.
    pub fn only_member(&mut self, group: Value, node: u32, kind: &Kind) -> Words {
        if let Kind::Segment(_) = kind {
            let flags = self.given(at!(flags));
            let joined = self.b.ins().band_imm_u(flags, i64::try_from(emr_abi::flags::JOINED).unwrap_or(0));
            let (odd, fine) = (self.cold(), self.label());
            self.either(joined, odd, fine);
            self.b.switch_to_block(odd);
            let slot = self.int(i64::from(self.shared.slot(node)));
            let second = self.helper(Call::joined, &[group, slot]);
            let found = self.cold();
            self.either(second, found, fine);
            self.b.switch_to_block(found);
            self.say_several(Where::In(second, Path::default()));
            self.jump(fine);
            self.b.switch_to_block(fine);
        }
        self.member(group, node, kind)
    }

    /// The item of a member, by its number in the table; missing for [`Member::NONE`].
    pub fn member_item(&mut self, index: Value, kind: &Kind) -> Words {
        let missing = self.missing(kind);
        let Some(missing) = missing.first().copied() else { return Vec::new() };
        let (some, (done, item)) = (self.label(), self.meeting());
        let is_none = self.is(IntCC::Equal, index, i64::from(Member::NONE));
        self.b.ins().brif(is_none, done, &[BlockArg::Value(missing)], some, &[]);
        self.b.switch_to_block(some);
        let record = self.member_record(index);
        let found = self.b.ins().uload32(fixed(), record, offset(offset_of!(Member, item)));
        self.goto(done, found);
        self.b.switch_to_block(done);
        vec![item]
    }
}
