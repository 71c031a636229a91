//! Taking the message apart: fields between bars, and what is below them by the maps of separators.
//!
//! The parts of a value are found once for all that read them: where each ends, and how long the first leaf of each is,
//! stand in a slot of the stack. A value that fits one word of a map is taken apart without a branch, longer ones by a
//! helper.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, StackSlotData, StackSlotKind, Value,
    condcodes::IntCC,
    types::{I32, I64},
};
use emr_abi::{Call, Group, Member, PARTS_MAX, Segment};
use emr_compiler::check::typed::Primitive;
use emr_compiler::plan::{Block, Constant, Part, Plan, Step, Val};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::mem::offset_of;

use super::issue::{Path, Where};
use super::output::nth;
use super::{Gen, Words, at, fixed, mem, offset, open};
use crate::kinds::{Kind, Level};

/// Of how many bytes a word of a map tells, wherever it begins.
const WINDOW: i64 = 57;

/// As many members of a group are counted off; who asks for a later one asks the interpreter.
const MEMBERS: u32 = 16;

/// A value that was taken apart, by the numbers of the parts that are read: where they and those before them end, and how
/// long the first leaf of each is. Those that nobody asks for after all cost nothing but a register for a while.
#[derive(Clone, Default)]
pub struct Split {
    ends: Vec<(usize, Value)>,
    heads: Vec<(usize, Value)>,
}

impl Split {
    fn end(&self, number: usize) -> Option<Value> {
        self.ends.iter().find(|(end, _)| *end == number).map(|(_, value)| *value)
    }

    fn head(&self, number: usize) -> Option<Value> {
        self.heads.iter().find(|(head, _)| *head == number).map(|(_, value)| *value)
    }
}

/// What can be read from a routine's steps without carrying them out.
#[derive(Default)]
pub struct Facts<'p> {
    /// Which parts of a value are taken.
    parts: FxHashMap<Val, Vec<u8>>,
    /// The only step that sets a value.
    setters: FxHashMap<Val, Option<&'p Step>>,
}

impl<'p> Facts<'p> {
    pub fn of(body: &'p Block) -> Facts<'p> {
        let mut facts = Facts::default();
        facts.block(body);
        facts
    }

    fn block(&mut self, steps: &'p Block) {
        for step in steps {
            if let Step::Take { of, part: Part::Component(number), .. } = step {
                let parts = self.parts.entry(*of).or_default();
                if !parts.contains(number) {
                    parts.push(*number);
                }
            }
            if let Some(to) = step.sets() {
                self.setters.entry(to).and_modify(|only| *only = None).or_insert(Some(step));
            }
            step.blocks().into_iter().for_each(|inner| self.block(inner));
        }
    }

    /// The step that alone sets the value.
    pub fn setter(&self, val: Val) -> Option<&'p Step> {
        self.setters.get(&val).copied().flatten()
    }

    /// The text that a value is wherever it is set.
    pub fn constant(&self, val: Val) -> Option<&'p SmolStr> {
        match self.setter(val)? {
            Step::Constant { value: Constant::Text(text), .. } => Some(text),
            _ => None,
        }
    }

    /// Whether no step sets it.
    pub fn is_given(&self, val: Val) -> bool {
        !self.setters.contains_key(&val)
    }

    /// Whether the value's text, if there is one, needs no quotes in JSON.
    pub fn is_bare(&self, _plan: &Plan, val: Val) -> bool {
        matches!(
            self.setter(val),
            Some(
                Step::Convert {
                    into: Primitive::Boolean
                        | Primitive::Decimal
                        | Primitive::Integer
                        | Primitive::PositiveInt
                        | Primitive::UnsignedInt,
                    ..
                } | Step::Wrote { .. }
                    | Step::Decide { .. }
                    | Step::Probe { .. }
            )
        )
    }
}

impl<'p> Gen<'_, 'p> {
    // ---- steps down and up

    pub fn take(&mut self, of: Val, part: &Part, to: Val) {
        let from = self.kind(of);
        if let (Part::Component(number), Kind::Piece(level)) = (part, &from)
            && *level < Level::Subcomponent
            && usize::from(*number) <= PARTS_MAX
            && *number > 0
        {
            let mut words = self.part(of, *level, *number);
            if self.shared.asked.is_apart(self.instance.routine, to) {
                words = self.apart_from_neighbours(of, *level, &words);
            }
            let kind = self.shared.typing.take(&from, part);
            self.set(to, &kind, &words);
            self.note_head(to, of, *number);
            return;
        }
        if let Part::Range(first, last) = part {
            return self.range(of, *first, *last, to);
        }
        let words = self.get(of);
        let segment = self.word(&words, 0);
        let (kind, words) = self.step_into(&from, &words, part);
        self.set(to, &kind, &words);
        if let (Part::Field { repeats: false, .. }, Kind::Piece(Level::Field)) = (part, &kind) {
            let (at, length) = (self.word(&words, 0), self.word(&words, 1));
            let repetition = match &from {
                Kind::Segment(_) => self.expect_one_in(segment, at, length),
                _ => self.expect_one(at, length),
            };
            if self.kind(to) == kind {
                let single = self.b.declare_var(I64);
                self.b.def_var(single, repetition);
                self.singles.insert(to, single);
            }
        }
    }

    fn step_into(&mut self, from: &Kind, words: &[Value], part: &Part) -> (Kind, Words) {
        let kind = self.shared.typing.take(from, part);
        let first = self.word(words, 0);
        let found = match (part, from) {
            (_, Kind::Missing) => Vec::new(),
            (Part::Outer(levels), Kind::Group(_)) => vec![self.outer(first, *levels)],
            (Part::Member { repeats: true, .. }, Kind::Group(_)) if matches!(kind, Kind::Members(_)) => vec![first],
            (Part::Member { name, nth, .. }, Kind::Group(node)) => {
                match self.shared.typing.plan.grammar.named(*node, name, *nth) {
                    Some(member) => self.only_member(first, member, &kind),
                    None => Vec::new(),
                }
            }
            (Part::Field { number, repeats }, Kind::Segment(segment)) if kind != Kind::Any => {
                self.field(first, *segment, *number)
            }
            (Part::Component(1), Kind::Piece(Level::Subcomponent)) => words.to_vec(),
            (Part::Component(_), Kind::Piece(Level::Subcomponent)) => self.missing(&kind),
            (Part::Index(1), Kind::Piece(Level::Field) | Kind::Field) => {
                let (at, length) = (first, self.word(words, 1));
                vec![at, self.repetition(at, length)]
            }
            (Part::Index(1), Kind::Piece(Level::Repetition)) => words.to_vec(),
            (Part::Index(number), Kind::Piece(Level::Field) | Kind::Field) => {
                let (length, number) = (self.word(words, 1), self.int(i64::from(*number)));
                let length = self.helper(Call::nth, &[first, length, number]);
                vec![self.load(at!(results)), length]
            }
            (Part::Index(_), Kind::Piece(Level::Repetition)) => self.missing(&kind),
            (Part::Index(number), Kind::List(item)) if *number > 0 => self.item_or_missing(first, *number, item),
            (Part::Index(number @ 1..=MEMBERS), Kind::Members(node)) => self.nth_member(first, *node, *number, &kind),
            (Part::Index(1), one) if !matches!(one, Kind::Members(_) | Kind::Any) => words.to_vec(),
            (Part::Index(number), one) if !matches!(one, Kind::Members(_) | Kind::Any) && *number != 1 => {
                self.missing(&kind)
            }
            (
                Part::Component(_) | Part::Field { .. } | Part::Member { .. },
                Kind::Field | Kind::Members(_) | Kind::List(_),
            ) if kind != Kind::Missing && kind != Kind::Any => {
                let (one, words) = self.first(from, words);
                return self.step_into(&one, &words, part);
            }
            _ if kind == Kind::Missing => Vec::new(),
            _ => {
                self.give_up();
                self.missing(&kind)
            }
        };
        (kind, found)
    }

    /// The first item that is there.
    pub fn first(&mut self, kind: &Kind, words: &[Value]) -> (Kind, Words) {
        let item = kind.item(self.shared.typing);
        let words = match kind {
            Kind::Field => {
                let (at, length) = (self.word(words, 0), self.word(words, 1));
                let repetition = self.repetition(at, length);
                // One without a value before others is passed over, unless none has one.
                let (odd, found, fine) = (self.cold(), self.cold(), self.label());
                let place = [(); 2].map(|()| self.b.append_block_param(fine, I64));
                let itself = [at, repetition].map(BlockArg::Value);
                let is_last = self.b.ins().icmp(IntCC::Equal, repetition, length);
                let (more, kept) = (self.label(), self.label());
                self.b.ins().brif(is_last, fine, &itself, more, &[]);
                self.b.switch_to_block(more);
                self.if_present(at, repetition, kept, odd);
                self.b.switch_to_block(kept);
                self.b.ins().jump(fine, &itself);
                self.b.switch_to_block(odd);
                let later = self.helper(Call::second, &[at, length]);
                self.b.ins().brif(later, found, &[], fine, &itself);
                self.b.switch_to_block(found);
                let later_at = self.load(at!(results));
                self.jump_with(fine, &[later_at, later]);
                self.b.switch_to_block(fine);
                place.to_vec()
            }
            Kind::Members(node) => self.member(self.word(words, 0), *node, &item),
            Kind::List(of) => self.item_or_missing(self.word(words, 0), 1, of),
            _ => words.to_vec(),
        };
        (item, words)
    }

    /// The nth item of a list, from 1.
    pub fn item_or_missing(&mut self, list: Value, number: u32, kind: &Kind) -> Words {
        let missing = self.missing(kind);
        let (some, done) = (self.label(), self.label());
        let params: Words = missing.iter().map(|_| self.b.append_block_param(done, I64)).collect();
        let count = self.list_count(list);
        let is_there = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, count, i64::from(number));
        let otherwise: Vec<BlockArg> = missing.iter().copied().map(BlockArg::Value).collect();
        self.b.ins().brif(is_there, some, &[], done, &otherwise);
        self.b.switch_to_block(some);
        let index = self.int(i64::from(number) - 1);
        let found: Vec<BlockArg> = self.list_item(list, index, kind).into_iter().map(BlockArg::Value).collect();
        self.b.ins().jump(done, &found);
        self.b.switch_to_block(done);
        params
    }

    // ---- groups

    fn outer(&mut self, group: Value, levels: u32) -> Value {
        let mut at = group;
        for _ in 0..levels {
            let record = self.group(at);
            at = self.b.ins().uload32(fixed(), record, offset(offset_of!(Group, parent)));
        }
        at
    }

    fn group(&mut self, number: Value) -> Value {
        let groups = self.given(at!(groups));
        // One that is not there stands before the first.
        let from = self.b.ins().imul_imm_s(number, i64::from(nth(1, size_of::<Group>())));
        self.b.ins().iadd(groups, from)
    }

    /// The nth of what stands at a node, from 1.
    fn nth_member(&mut self, group: Value, node: u32, number: u32, kind: &Kind) -> Words {
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
    fn member(&mut self, group: Value, node: u32, kind: &Kind) -> Words {
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

    fn member_record(&mut self, index: Value) -> Value {
        let members = self.given(at!(members));
        let from = self.b.ins().ishl_imm_u(index, 3);
        self.b.ins().iadd(members, from)
    }

    /// The one member at a node; it is said if a segment that joined the group made it two.
    fn only_member(&mut self, group: Value, node: u32, kind: &Kind) -> Words {
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

    // ---- fields

    fn field(&mut self, segment: Value, kind: u32, number: u16) -> Words {
        let first = if self.shared.typing.declares(kind) { 2 } else { 1 };
        let bars = (kind as usize).checked_sub(1).and_then(|index| self.shared.bars.get(index)).copied().unwrap_or(0);
        let bar = u32::from(number).checked_sub(first);
        let known = |bar: u32| bar < 64 && bars & (1 << bar) != 0;
        let Some(bar) = bar.filter(|bar| known(*bar) && known(*bar + 1)) else {
            self.give_up();
            return self.missing(&Kind::Field);
        };
        let rank = |bar: u32| nth((bars & ((1 << bar) - 1)).count_ones() as usize, size_of::<u32>());
        let starts = self.starts(segment);
        let [start, end] = [bar, bar + 1].map(|bar| {
            let start = self.b.ins().load(I32, open(), starts, rank(bar));
            self.b.ins().uextend(I64, start)
        });
        let over = self.b.ins().isub(end, start);
        let length = self.add(over, -1);
        let none = self.int(0);
        let length = self.b.ins().smax(length, none);
        let text = self.given(at!(text));
        let at = self.b.ins().iadd(text, start);
        vec![at, length]
    }

    /// Where the places after the bars of a segment stand; there is a record for one that is not there, too.
    fn starts(&mut self, segment: Value) -> Value {
        let segments = self.given(at!(segments));
        let record = self.b.ins().imul_imm_s(segment, i64::from(nth(1, size_of::<Segment>())));
        let record = self.b.ins().iadd(segments, record);
        self.b.ins().load(I64, open(), record, offset(offset_of!(Segment, starts)))
    }

    /// Where the standard or the profile has one value, and the message several: it is said.
    /// Gives how long the first is.
    fn expect_one(&mut self, at: Value, length: Value) -> Value {
        self.if_second(at, length, |this, second| this.say_several(second))
    }

    /// The same for a field of a segment, most of which have no second repetition anywhere.
    fn expect_one_in(&mut self, segment: Value, at: Value, length: Value) -> Value {
        let starts = self.starts(segment);
        let repeats = self.b.ins().load(I32, open(), starts, -nth(1, size_of::<u32>()));
        let (some, (done, single)) = (self.cold(), self.meeting());
        self.b.ins().brif(repeats, some, &[], done, &[BlockArg::Value(length)]);
        self.b.switch_to_block(some);
        let first = self.expect_one(at, length);
        self.goto(done, first);
        self.b.switch_to_block(done);
        single
    }

    /// Says something of the second repetition with a value, if there is one. Gives how long the first is.
    pub fn if_second(&mut self, at: Value, length: Value, say: impl FnOnce(&mut Self, Where)) -> Value {
        let repetition = self.repetition(at, length);
        let (several, fine) = (self.cold(), self.label());
        let is_one = self.b.ins().icmp(IntCC::Equal, repetition, length);
        self.either(is_one, fine, several);
        self.b.switch_to_block(several);
        let second = self.helper(Call::second, &[at, length]);
        let found = self.cold();
        self.either(second, found, fine);
        self.b.switch_to_block(found);
        let place = self.place_found(Level::Repetition);
        say(self, place);
        self.jump(fine);
        self.b.switch_to_block(fine);
        repetition
    }

    // ---- parts of values

    /// Word of a map: bit 0 stands for the byte at that place. 57 bits of it are right.
    fn window(&mut self, map: i32, at: Value) -> Value {
        let (text, map) = (self.given(at!(text)), self.given(map));
        let bit = self.b.ins().isub(at, text);
        let byte = self.b.ins().ushr_imm_u(bit, 3);
        let shift = self.b.ins().band_imm_u(bit, 7);
        let place = self.b.ins().iadd(map, byte);
        let word = self.b.ins().load(I64, open(), place, 0);
        self.b.ins().ushr(word, shift)
    }

    /// All ones from that bit up: the end of the value as a separator, and as many more as anyone asks for.
    pub fn beyond(&mut self, length: Value) -> Value {
        let ones = self.int(-1);
        self.b.ins().ishl(ones, length)
    }

    /// How far it is to the first set bit of a map within a value.
    fn until(&mut self, map: i32, at: Value, length: Value, otherwise: Call) -> Value {
        let (long, short, (done, found)) = (self.cold(), self.label(), self.meeting());
        let is_long = self.is(IntCC::SignedGreaterThanOrEqual, length, WINDOW);
        self.either(is_long, long, short);
        self.b.switch_to_block(long);
        let slow = self.helper(otherwise, &[at, length]);
        self.goto(done, slow);
        self.b.switch_to_block(short);
        let (window, end) = (self.window(map, at), self.beyond(length));
        let word = self.b.ins().bor(window, end);
        let fast = self.b.ins().ctz(word);
        self.goto(done, fast);
        self.b.switch_to_block(done);
        found
    }

    /// The length of the first repetition.
    pub fn repetition(&mut self, at: Value, length: Value) -> Value {
        self.until(at!(repetitions), at, length, Call::repetition)
    }

    /// The length of the first leaf.
    pub fn head(&mut self, at: Value, length: Value) -> Value {
        self.until(at!(separators), at, length, Call::head)
    }

    /// Takes a parameter or an item apart where it begins, if more than one part of it is read.
    pub fn split_early(&mut self, val: Val) {
        let several = self.facts.parts.get(&val).is_some_and(|parts| parts.len() > 1);
        if let (true, Kind::Piece(level)) = (several, self.kind(val))
            && level < Level::Subcomponent
        {
            self.split(val, level);
        }
    }

    /// The nth part of a value, from 1.
    fn part(&mut self, of: Val, level: Level, number: u8) -> Words {
        let split = match self.split.get(&of) {
            Some(split) => split.clone(),
            None => self.split(of, level),
        };
        let words = self.get(of);
        let number = usize::from(number);
        let whole = self.word(&words, 0);
        let Some(end) = split.end(number) else {
            self.give_up();
            return vec![whole, self.int(0)];
        };
        let Some(before) = split.end(number - 1) else { return vec![whole, end] };
        let start = self.add(before, 1);
        let at = self.b.ins().iadd(whole, start);
        vec![at, self.b.ins().isub(end, start)]
    }

    /// A part that the value does not have stands at the beginning of the text, where nothing else does.
    fn apart_from_neighbours(&mut self, of: Val, level: Level, part: &Words) -> Words {
        let (whole, length) = self.with_parts(of, level);
        let (at, text) = (self.word(part, 0), self.given(at!(text)));
        let end = self.b.ins().iadd(whole, length);
        let is_past = self.b.ins().icmp(IntCC::UnsignedGreaterThan, at, end);
        vec![self.b.ins().select(is_past, text, at), self.word(part, 1)]
    }

    /// What parts are counted in: the value, or its first repetition if it is a field.
    fn with_parts(&mut self, of: Val, level: Level) -> (Value, Value) {
        let words = self.get(of);
        let (at, length) = (self.word(&words, 0), self.word(&words, 1));
        let length = match (level, self.singles.get(&of).copied()) {
            (Level::Field, Some(single)) => self.b.use_var(single),
            (Level::Field, None) => self.repetition(at, length),
            _ => length,
        };
        (at, length)
    }

    /// Finds the ends of all parts that are read, and the first leaf of each.
    fn split(&mut self, of: Val, level: Level) -> Split {
        let mut parts: Vec<usize> =
            self.facts.parts.get(&of).into_iter().flatten().map(|part| usize::from(*part)).collect();
        parts.retain(|part| *part <= PARTS_MAX && *part > 0);
        let most = parts.iter().copied().max().unwrap_or(1);
        let (at, length) = self.with_parts(of, level);
        let is_whole = level < Level::Component;
        let ends: Vec<usize> = (1..=most).filter(|end| parts.contains(end) || parts.contains(&(end + 1))).collect();
        let heads: Vec<usize> = (1..=most).filter(|part| is_whole && parts.contains(part)).collect();

        let (long, short, done) = (self.cold(), self.label(), self.label());
        let limit = WINDOW.min(62 - i64::try_from(most).unwrap_or(0));
        let is_long = self.above(length, limit);
        self.either(is_long, long, short);

        self.b.switch_to_block(long);
        let found = self.split_long(of, (at, length), is_whole, most);
        let load = |this: &mut Self, index: usize| this.b.ins().load(I64, mem(), found, nth(index, 8));
        let mut told: Vec<Value> = ends.iter().map(|end| load(self, *end)).collect();
        told.extend(heads.iter().map(|part| load(self, most + part)));
        self.jump_with(done, &told);

        self.b.switch_to_block(short);
        let told = self.split_short((at, length), is_whole, most, (&ends, &heads));
        self.jump_with(done, &told);

        let mut param = |number: &usize| (*number, self.b.append_block_param(done, I64));
        let split =
            Split { ends: ends.iter().map(&mut param).collect(), heads: heads.iter().map(&mut param).collect() };
        self.b.switch_to_block(done);
        self.split.insert(of, split.clone());
        split
    }

    /// By a helper: the ends of the parts from the second word on that this gives the place of, and behind them the lengths
    /// of the leaves.
    fn split_long(&mut self, of: Val, (at, length): (Value, Value), is_whole: bool, most: usize) -> Value {
        let slot = match self.slots.get(&of) {
            Some(slot) => *slot,
            None => {
                let size = u32::try_from(8 * (2 * most + 1)).unwrap_or(u32::MAX);
                let slot = self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3));
                self.slots.insert(of, slot);
                slot
            }
        };
        let call = if is_whole { Call::components } else { Call::subcomponents };
        let (count, to) = (self.count(most), self.b.ins().stack_addr(I64, slot, 0));
        self.helper(call, &[at, length, count, to]);
        to
    }

    /// By a word of the maps: the ends and the lengths of the leaves that are asked for.
    fn split_short(
        &mut self,
        (at, length): (Value, Value),
        is_whole: bool,
        most: usize,
        (ends, heads): (&[usize], &[usize]),
    ) -> Vec<Value> {
        let beyond = self.beyond(length);
        let window = self.window(if is_whole { at!(components) } else { at!(subcomponents) }, at);
        let mut word = self.b.ins().bor(window, beyond);
        let mut leaves = word;
        if is_whole {
            let lower = self.window(at!(separators), at);
            leaves = self.b.ins().bor(lower, beyond);
        }
        let (mut told, mut lengths, mut before) = (Vec::new(), Vec::new(), None);
        for number in 1..=most {
            if heads.contains(&number) {
                let rest = match before {
                    Some(before) => {
                        let start = self.add(before, 1);
                        self.b.ins().ushr(leaves, start)
                    }
                    None => leaves,
                };
                lengths.push(self.b.ins().ctz(rest));
            }
            before = None;
            if ends.contains(&number) {
                let end = self.b.ins().ctz(word);
                told.push(end);
                before = Some(end);
            }
            if number < most {
                let less = self.add(word, -1);
                word = self.b.ins().band(word, less);
            }
        }
        told.extend(lengths);
        told
    }

    /// The length of the first leaf of a part, found with the part.
    fn note_head(&mut self, part: Val, of: Val, number: u8) {
        if self.facts.setter(part).is_some() {
            self.heads.insert(part, (of, number));
        }
    }

    /// The first leaf of a value that is a part of another, as long as that is taken apart.
    pub fn head_of(&mut self, val: Val) -> Option<(Value, Value)> {
        let (of, number) = *self.heads.get(&val)?;
        if self.kind(of) == Kind::Piece(Level::Component) {
            return None;
        }
        let head = self.split.get(&of)?.head(usize::from(number))?;
        let words = self.get(val);
        Some((self.word(&words, 0), head))
    }

    // ---- presence

    /// Goes on at one of two labels, as anything but separators is in the value or not.
    pub fn if_present(&mut self, at: Value, length: Value, yes: super::Label, no: super::Label) {
        let (some, odd) = (self.label(), self.cold());
        let is_there = self.above(length, 0);
        self.either(is_there, some, no);
        self.b.switch_to_block(some);
        let first = self.b.ins().uload8(I64, fixed(), at, 0);
        let class = self.b.ins().iadd(self.ctx, first);
        let class = self.b.ins().uload8(I64, mem(), class, at!(classes));
        self.either(class, odd, yes);
        self.b.switch_to_block(odd);
        let is_there = self.helper(Call::present, &[at, length]);
        self.either(is_there, yes, no);
    }
}
