//! What is below a field, by the maps of separators.
//!
//! The parts of a value are found once for all that read them: where each ends, and how long the first leaf of each is. A
//! value that fits one word of a map is taken apart without a branch, longer ones by a helper.

use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, condcodes::IntCC, types::I64};
use emr_abi::{Call, PARTS_MAX};
use emr_compiler::plan::Val;

use super::output::nth;
use super::{Gen, Words, at, fixed, mem, open};
use crate::kinds::{Kind, Level};

/// Of how many bytes a word of a map tells, wherever it begins.
const WINDOW: i64 = 57;

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

impl Gen<'_, '_> {
    /// Word of a map: bit 0 stands for the byte at that place. 57 bits of it are right.
    pub fn window(&mut self, map: i32, at: Value) -> Value {
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
    pub fn until(&mut self, map: i32, at: Value, length: Value, otherwise: Call) -> Value {
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
    pub fn part(&mut self, of: Val, level: Level, number: u8) -> Words {
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

    /// The nth part of what is no value of its own, by a helper. One that is not there stands where nothing else does.
    pub fn part_of_words(&mut self, words: &[Value], level: Level, number: usize) -> Words {
        let (at, mut length) = (self.word(words, 0), self.word(words, 1));
        if level == Level::Field {
            length = self.repetition(at, length);
        }
        let size = u32::try_from(8 * (2 * number + 1)).unwrap_or(u32::MAX);
        let slot = self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3));
        let (count, to) = (self.count(number), self.b.ins().stack_addr(I64, slot, 0));
        let call = if level < Level::Component { Call::components } else { Call::subcomponents };
        self.helper(call, &[at, length, count, to]);
        let [before, end] = [number - 1, number].map(|index| self.b.ins().load(I64, mem(), to, nth(index, 8)));
        let start = self.add(before, 1);
        let there = self.b.ins().isub(end, start);
        let (is_past, none) = (self.b.ins().icmp(IntCC::SignedGreaterThan, start, length), self.int(0));
        let (from, text) = (self.b.ins().iadd(at, start), self.given(at!(text)));
        let from = self.b.ins().select(is_past, text, from);
        vec![from, self.b.ins().select(is_past, none, there)]
    }

    /// A part that the value does not have stands at the beginning of the text, where nothing else does.
    pub fn apart_from_neighbours(&mut self, of: Val, level: Level, part: &Words) -> Words {
        let (whole, length) = self.with_parts(of, level);
        let (at, text) = (self.word(part, 0), self.given(at!(text)));
        let end = self.b.ins().iadd(whole, length);
        let is_past = self.b.ins().icmp(IntCC::UnsignedGreaterThan, at, end);
        vec![self.b.ins().select(is_past, text, at), self.word(part, 1)]
    }

    /// What parts are counted in: the value, or its first repetition if it is a field.
    pub fn with_parts(&mut self, of: Val, level: Level) -> (Value, Value) {
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
    pub fn split(&mut self, of: Val, level: Level) -> Split {
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
    pub fn split_long(&mut self, of: Val, (at, length): (Value, Value), is_whole: bool, most: usize) -> Value {
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
    pub fn split_short(
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
    pub fn note_head(&mut self, part: Val, of: Val, number: u8) {
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

    /// The same as [`Self::if_present`] of a value whose first leaf is known: mostly that tells.
    pub fn if_headed(&mut self, at: Value, length: Value, head: Value, yes: super::Label, no: super::Label) {
        let (rest, odd) = (self.label(), self.cold());
        let is_there = self.above(head, 0);
        self.either(is_there, yes, rest);
        self.b.switch_to_block(rest);
        let is_longer = self.above(length, 0);
        self.either(is_longer, odd, no);
        self.b.switch_to_block(odd);
        let is_there = self.helper(Call::present, &[at, length]);
        self.either(is_there, yes, no);
    }

    /// Goes on at one of two labels, as anything but separators is in the value or not.
    pub fn if_present(&mut self, at: Value, length: Value, yes: super::Label, no: super::Label) {
        self.if_present_by(Call::present, at, length, yes, no);
    }

    /// The same, and what begins with a separator a helper looks at.
    pub fn if_present_by(&mut self, call: Call, at: Value, length: Value, yes: super::Label, no: super::Label) {
        let (some, odd) = (self.label(), self.cold());
        let is_there = self.above(length, 0);
        self.either(is_there, some, no);
        self.b.switch_to_block(some);
        let first = self.b.ins().uload8(I64, fixed(), at, 0);
        let class = self.b.ins().iadd(self.ctx, first);
        let class = self.b.ins().uload8(I64, mem(), class, at!(classes));
        self.either(class, odd, yes);
        self.b.switch_to_block(odd);
        let is_there = self.helper(call, &[at, length]);
        self.either(is_there, yes, no);
    }
}
