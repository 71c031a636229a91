//! Taking the message apart: steps down and up, and fields between bars.

use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::{BAR_MAX, Bar, Call, PARTS_MAX, Segment};
use emr_compiler::plan::{Part, Val};
use std::mem::offset_of;

use super::groups::MEMBERS;
use super::issue::Where;
use super::output::nth;
use super::{Gen, Words, at, offset, open};
use crate::kinds::{Kind, Level};

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
        if let (Part::Field { repeats: false, number }, Kind::Piece(Level::Field)) = (part, &kind) {
            let (at, length) = (self.word(&words, 0), self.word(&words, 1));
            let repetition = match &from {
                Kind::Segment(of) => match self.shared.typing.bar(*of, *number) {
                    Some(bar) => self.expect_one_in(segment, bar, at, length),
                    None => self.expect_one(at, length),
                },
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
            (Part::Element(names), Kind::Node | Kind::List(_)) if kind == Kind::Node => {
                let node = self.fit(from, words, &Kind::Node);
                vec![self.node_element(self.word(&node, 0), names)]
            }
            (Part::Resource(name), Kind::Node | Kind::List(_)) if kind == Kind::Node => {
                let node = self.fit(from, words, &Kind::Node);
                vec![self.node_of_type(self.word(&node, 0), name)]
            }
            (Part::Index(number), Kind::Node) => vec![self.node_item(first, *number)],
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
            (Part::Component(number), Kind::Piece(level))
                if *level < Level::Subcomponent && usize::from(*number) <= PARTS_MAX && *number > 0 =>
            {
                self.part_of_words(words, *level, usize::from(*number))
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
            Kind::Node => vec![self.node_first(self.word(words, 0))],
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

    // ---- fields

    fn field(&mut self, segment: Value, kind: u32, number: u16) -> Words {
        let bars = (kind as usize).checked_sub(1).and_then(|index| self.shared.bars.get(index)).copied().unwrap_or(0);
        let known = |bar: u32| bar <= BAR_MAX && bars & (1 << bar) != 0;
        let bar = self.shared.typing.bar(kind, number);
        let Some(bar) = bar.filter(|bar| known(*bar) && known(*bar + 1)) else {
            self.give_up();
            return self.missing(&Kind::Field);
        };
        let record = self.segment(segment);
        let bars = self.b.ins().load(I64, open(), record, offset(offset_of!(Segment, bars)));
        let [start, end] = [(bar, offset_of!(Bar, start)), (bar + 1, offset_of!(Bar, end))]
            .map(|(bar, part)| self.b.ins().uload32(open(), bars, nth(bar as usize, size_of::<Bar>()) + offset(part)));
        let length = self.b.ins().isub(end, start);
        let text = self.given(at!(text));
        let at = self.b.ins().iadd(text, start);
        vec![at, length]
    }

    /// The record of a segment; there is one for a segment that is not there, too.
    fn segment(&mut self, number: Value) -> Value {
        let segments = self.given(at!(segments));
        let record = self.b.ins().imul_imm_s(number, i64::from(nth(1, size_of::<Segment>())));
        self.b.ins().iadd(segments, record)
    }

    /// Where the standard or the profile has one value, and the message several: it is said.
    /// Gives how long the first is.
    fn expect_one(&mut self, at: Value, length: Value) -> Value {
        self.if_second(at, length, |this, second| this.say_several(second))
    }

    /// The same for the field of a segment that is behind a bar: where a separator stands in it, the segment tells of its
    /// first fields.
    fn expect_one_in(&mut self, segment: Value, bar: u32, at: Value, length: Value) -> Value {
        let Some(bit) = 1_i64.checked_shl(bar) else { return self.expect_one(at, length) };
        let record = self.segment(segment);
        let repeats = self.b.ins().load(I64, open(), record, offset(offset_of!(Segment, repeats)));
        let repeats = self.b.ins().band_imm_u(repeats, bit);
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
}
