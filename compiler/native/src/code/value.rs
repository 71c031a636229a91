//! Values in registers: reading and setting them, and their text.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Value,
    condcodes::IntCC,
    types::{I8, I8X16, I64},
};
use emr_abi::{Call, List, flags};
use emr_compiler::check::typed::Primitive;
use emr_compiler::plan::{self, IssueId, Step, Val};
use std::mem::offset_of;

use super::output::nth;
use super::{Gen, Words, at, fixed, mem, offset};
use crate::kinds::{self, Kind, Level, Live, leaf};
use crate::tables;

impl<'p> Gen<'_, 'p> {
    pub fn kind(&self, val: Val) -> Kind {
        kinds::kind(&self.instance.vals, val)
    }

    pub fn get(&mut self, val: Val) -> Words {
        let vars = self.vars.get(val as usize).cloned().unwrap_or_default();
        vars.into_iter().map(|var| self.b.use_var(var)).collect()
    }

    /// A word of a value; of one that has it not, something harmless.
    pub fn word(&self, words: &[Value], index: usize) -> Value {
        words.get(index).copied().unwrap_or(self.ctx)
    }

    pub fn define(&mut self, val: Val, words: &[Value]) {
        let vars = self.vars.get(val as usize).cloned().unwrap_or_default();
        for (var, word) in vars.into_iter().zip(words) {
            self.b.def_var(var, *word);
        }
    }

    /// Sets a value to one of another kind.
    pub fn set(&mut self, val: Val, from: &Kind, words: &[Value]) {
        let to = self.kind(val);
        let words = self.fit(from, words, &to);
        self.define(val, &words);
        self.forget_one(val);
    }

    pub fn clear(&mut self, val: Val) {
        self.set(val, &Kind::Missing, &[]);
    }

    pub fn missing(&mut self, kind: &Kind) -> Words {
        match kind {
            Kind::Missing | Kind::Any => Vec::new(),
            Kind::Group(_) | Kind::Members(_) | Kind::Bool | Kind::Reference | Kind::Contained => vec![self.int(-1)],
            Kind::Segment(_) | Kind::Node => vec![self.int(0)],
            Kind::Duration => vec![self.int(i64::MIN)],
            Kind::List(_) => vec![self.list(0)],
            Kind::Field | Kind::Piece(_) | Kind::Part | Kind::Text(_) | Kind::Coded(_) => {
                let (text, none) = (self.given(at!(text)), self.int(0));
                let mut words = [text, none].repeat(kind.words().div_ceil(2));
                // The word that says whether it is live comes last.
                if let Some(last) = words.get_mut(kind.words() - 1) {
                    *last = none;
                }
                words.truncate(kind.words());
                words
            }
        }
    }

    pub fn fit(&mut self, from: &Kind, words: &[Value], to: &Kind) -> Words {
        match (from, to) {
            (from, to) if from == to => words.to_vec(),
            (Kind::Missing, to) => self.missing(to),
            (_, Kind::Any) => Vec::new(),
            (Kind::Piece(level), Kind::Part) => {
                let level = self.int(*level as i64);
                words.iter().copied().chain([level]).collect()
            }
            (Kind::Text(live), Kind::Text(Live::Told | Live::Traced))
            | (Kind::Coded(live), Kind::Coded(Live::Told)) => {
                let told = self.int(i64::from(*live == Live::Yes));
                words.iter().copied().chain([told]).collect()
            }
            (Kind::Bool, Kind::Text(live)) => {
                let (at, length) = self.spelled(self.word(words, 0));
                let mut words = vec![at, length];
                if matches!(live, Live::Told | Live::Traced) {
                    words.push(self.int(1));
                }
                words
            }
            (Kind::Node, Kind::Text(_)) => self.node_as_text(self.word(words, 0), to),
            (Kind::List(_), Kind::Node) => vec![self.node_of_list(self.word(words, 0))],
            // One that has no items yet.
            (Kind::List(item), Kind::List(_)) if **item == Kind::Missing => words.to_vec(),
            _ => {
                self.give_up();
                self.missing(to)
            }
        }
    }

    /// A boolean as text.
    fn spelled(&mut self, value: Value) -> (Value, Value) {
        let (yes, no) = (self.tables.constant("true"), self.tables.constant("false"));
        let ((yes_at, yes_length), (no_at, no_length)) = (self.constant(yes), self.constant(no));
        let is_true = self.is(IntCC::Equal, value, 1);
        let at = self.b.ins().select(is_true, yes_at, no_at);
        let length = self.b.ins().select(is_true, yes_length, no_length);
        let none = self.int(0);
        let is_missing = self.is(IntCC::SignedLessThan, value, 0);
        (at, self.b.ins().select(is_missing, none, length))
    }

    // ---- constants

    pub fn constant(&mut self, constant: tables::Constant) -> (Value, Value) {
        let base = self.given(at!(constants));
        (self.b.ins().iadd_imm_s(base, i64::try_from(constant.at).unwrap_or(0)), self.count(constant.length))
    }

    pub fn constant_words(&mut self, value: &plan::Constant) -> Words {
        match value {
            plan::Constant::Text(text) => {
                let constant = self.tables.constant(text);
                let (at, length) = self.constant(constant);
                vec![at, length]
            }
            plan::Constant::Coded { system, code, display, .. } => {
                let mut words = Vec::new();
                for text in [system.as_deref(), Some(code.as_str()), display.as_deref()] {
                    let constant = self.tables.constant(text.unwrap_or_default());
                    let (at, length) = self.constant(constant);
                    words.extend([at, length]);
                }
                words
            }
            _ => Vec::new(),
        }
    }

    // ---- lists

    /// The place of a list, by its number.
    pub fn list(&mut self, number: u32) -> Value {
        let lists = self.given(at!(lists));
        self.b.ins().iadd_imm_s(lists, i64::from(nth(number as usize, size_of::<List>())))
    }

    pub fn list_count(&mut self, list: Value) -> Value {
        self.b.ins().load(I64, mem(), list, offset(offset_of!(List, count)))
    }

    /// The nth item of a list, from 0.
    pub fn list_item(&mut self, list: Value, index: Value, kind: &Kind) -> Words {
        let items = self.b.ins().load(I64, mem(), list, offset(offset_of!(List, items)));
        let start = self.b.ins().imul_imm_s(index, i64::try_from(8 * kind.words()).unwrap_or(0));
        let place = self.b.ins().iadd(items, start);
        (0..kind.words()).map(|word| self.b.ins().load(I64, mem(), place, nth(word, 8))).collect()
    }

    /// Sets the nth item of a list, from 0, which has room for it.
    pub fn put_item(&mut self, list: Value, index: Value, words: &[Value]) {
        let items = self.b.ins().load(I64, mem(), list, offset(offset_of!(List, items)));
        let start = self.b.ins().imul_imm_s(index, i64::try_from(8 * words.len()).unwrap_or(0));
        let place = self.b.ins().iadd(items, start);
        for (index, word) in words.iter().enumerate() {
            self.b.ins().store(mem(), *word, place, nth(index, 8));
        }
    }

    /// Adds an item to a list.
    pub fn push(&mut self, list: Value, kind: &Kind, words: &[Value]) {
        let count = self.count(kind.words());
        let place = self.helper(Call::push, &[list, count]);
        for (index, word) in words.iter().enumerate() {
            self.b.ins().store(mem(), *word, place, nth(index, 8));
        }
    }

    // ---- text

    /// Whether it is a part of the message.
    pub fn is_part(&self, val: Val) -> bool {
        matches!(self.kind(val), Kind::Piece(_) | Kind::Part | Kind::Field)
    }

    /// The text of a value as it is, with the white space around it that conversions take off.
    pub fn raw_leaf(&mut self, val: Val) -> (Value, Value) {
        let (at, length) = self.leaf(val);
        if !self.is_part(val) {
            return (at, length);
        }
        let words = self.get(val);
        self.untrimmed((at, length), self.word(&words, 1))
    }

    /// The first leaf of a value of that length with the white space around it.
    pub fn untrimmed(&mut self, (at, length): (Value, Value), whole: Value) -> (Value, Value) {
        let flags = self.given(at!(flags));
        let set = self.b.ins().band_imm_u(flags, i64::try_from(flags::TRIMMED).unwrap_or(-1));
        let (odd, fine) = (self.cold(), self.label());
        let (got, got_length) = (self.b.append_block_param(fine, I64), self.b.append_block_param(fine, I64));
        self.b.ins().brif(set, odd, &[], fine, &[BlockArg::Value(at), BlockArg::Value(length)]);
        self.b.switch_to_block(odd);
        let raw_length = self.helper(Call::untrimmed, &[at, length, whole]);
        let raw = self.load(at!(results));
        self.jump_with(fine, &[raw, raw_length]);
        self.b.switch_to_block(fine);
        (got, got_length)
    }

    /// The text of a value, if it is one value and there; blanks around it may be off.
    pub fn leaf(&mut self, val: Val) -> (Value, Value) {
        let (kind, words) = (self.kind(val), self.get(val));
        if let Some(known) = self.head_of(val) {
            return known;
        }
        self.leaf_of(&kind, &words)
    }

    pub fn leaf_of(&mut self, kind: &Kind, words: &[Value]) -> (Value, Value) {
        match kind {
            Kind::Text(_) => (self.word(words, 0), self.word(words, 1)),
            Kind::Piece(Level::Subcomponent) => {
                let (at, length) = (self.word(words, 0), self.word(words, 1));
                (at, self.without_blank(at, length))
            }
            Kind::Piece(_) | Kind::Part | Kind::Field => {
                let (at, length) = (self.word(words, 0), self.word(words, 1));
                (at, self.head(at, length))
            }
            Kind::Coded(_) => (self.word(words, 2), self.word(words, 3)),
            Kind::Bool => self.spelled(self.word(words, 0)),
            Kind::Node => self.node_text(self.word(words, 0)),
            Kind::Any => {
                self.give_up();
                (self.given(at!(text)), self.int(0))
            }
            _ => (self.given(at!(text)), self.int(0)),
        }
    }

    /// How long a leaf is, or 0 if a blank stands for it.
    fn without_blank(&mut self, at: Value, length: Value) -> Value {
        let flags = self.given(at!(flags));
        let any = self.b.ins().band_imm_u(flags, i64::try_from(flags::BLANKS).unwrap_or(-1));
        let (odd, (done, own)) = (self.cold(), self.meeting());
        self.b.ins().brif(any, odd, &[], done, &[BlockArg::Value(length)]);
        self.b.switch_to_block(odd);
        let head = self.helper(Call::head, &[at, length]);
        self.goto(done, head);
        self.b.switch_to_block(done);
        own
    }

    /// The text of a value for one who tells one that is not there from one of nothing but white space.
    pub fn leaf_or_blank(&mut self, val: Val) -> (Value, Value) {
        let (at, length) = self.leaf(val);
        if self.is_part(val) {
            let flags = self.given(at!(flags));
            let any = self.b.ins().band_imm_u(flags, i64::try_from(flags::BLANKS).unwrap_or(-1));
            let (odd, fine) = (self.cold(), self.label());
            self.either(any, odd, fine);
            self.b.switch_to_block(odd);
            let first = self.b.ins().uload8(I64, fixed(), at, 0);
            let is_blank = self.is(IntCC::Equal, first, i64::from(b' '));
            let is_empty = self.is(IntCC::SignedLessThan, length, 1);
            let both = self.b.ins().band(is_blank, is_empty);
            self.give_up_when(both);
            self.jump(fine);
            self.b.switch_to_block(fine);
        }
        (at, length)
    }

    /// Whether the text is live, as a word.
    pub fn live(&mut self, kind: &Kind, words: &[Value]) -> Value {
        match leaf(kind) {
            _ if *kind == Kind::Node => self.node_live(self.word(words, 0)),
            Some(Live::Yes) => self.int(1),
            Some(Live::Told) => self.word(words, kind.words() - 1),
            Some(Live::Traced) => {
                let word = self.word(words, kind.words() - 1);
                self.b.ins().band_imm_u(word, 1)
            }
            _ => self.int(0),
        }
    }

    /// Of several values whether any is live, where their text does not say so by its kind.
    pub fn any_live(&mut self, vals: &[Val]) -> Value {
        let mut any = self.int(0);
        for val in vals {
            let (kind, words) = (self.kind(*val), self.get(*val));
            let live = self.live(&kind, &words);
            any = self.b.ins().bor(any, live);
        }
        any
    }

    /// Sets a value to a text that was made; `told` is whether it is live, and in a traced plan its origin.
    pub fn set_text(&mut self, to: Val, at: Value, length: Value, live: Live, told: Value) {
        let live = if self.shared.typing.traced { Live::Traced } else { live };
        let is_told = matches!(live, Live::Told | Live::Traced);
        let words = if is_told { vec![at, length, told] } else { vec![at, length] };
        self.set(to, &Kind::Text(live), &words);
    }

    pub fn convert(&mut self, of: Val, into: Primitive, to: Val, issue: Option<IssueId>) {
        let (from, words) = (self.kind(of), self.get(of));
        let known = self.head_of(of);
        let (kind, words) = self.first(&from, &words);
        let Some(live) = leaf(&kind) else {
            if kind == Kind::Duration {
                return self.set(to, &kind, &words);
            }
            if kind == Kind::Any {
                self.give_up();
            }
            return self.clear(to);
        };
        let (at, length) = known.unwrap_or_else(|| self.leaf_of(&kind, &words));
        let told = self.live(&kind, &words);
        let told = self.told_with_origin(told, &kind, &words);
        let is_part = matches!(kind, Kind::Piece(_) | Kind::Part);
        match into {
            Primitive::Duration => return self.convert_to_duration((at, length), of, to, issue),
            // Parts of the message have no blanks around them, texts that were made may have.
            Primitive::String | Primitive::Markdown if is_part => return self.set_text(to, at, length, live, told),
            _ => {}
        }
        let text = self.given(at!(text));
        let none = self.int(0);
        let (some, done) = (self.label(), self.label());
        let (got_at, got_length) = (self.b.append_block_param(done, I64), self.b.append_block_param(done, I64));
        let is_there = self.above(length, 0);
        self.b.ins().brif(is_there, some, &[], done, &[BlockArg::Value(text), BlockArg::Value(none)]);
        self.b.switch_to_block(some);
        let as_it_is = matches!(into, Primitive::String | Primitive::Markdown | Primitive::Code);
        if as_it_is {
            // Only what is spaced oddly changes.
            let odd = if is_part { self.spaced() } else { self.ends_oddly(at, length) };
            let slow = self.cold();
            self.b.ins().brif(odd, slow, &[], done, &[BlockArg::Value(at), BlockArg::Value(length)]);
            self.b.switch_to_block(slow);
        }
        if matches!(into, Primitive::Code | Primitive::Uri) {
            let slow = self.label();
            let is_word = match self.are_short_words(of) {
                Some(are_words) => are_words,
                None => self.is_short_word(at, length),
            };
            self.b.ins().brif(is_word, done, &[BlockArg::Value(at), BlockArg::Value(length)], slow, &[]);
            self.b.switch_to_block(slow);
        }
        let got = match into {
            Primitive::Date => self.helper(Call::date, &[at, length]),
            Primitive::DateTime => self.helper(Call::date_time, &[at, length]),
            _ => {
                let into = self.int(into as i64);
                self.helper(Call::convert, &[into, at, length])
            }
        };
        let (bad, good) = (self.cold(), self.label());
        let is_bad = self.is(IntCC::SignedLessThan, got, 0);
        self.either(is_bad, bad, good);
        self.b.switch_to_block(bad);
        if let Some(issue) = issue {
            let about = self.place_of_first(of);
            self.say(issue, about);
        }
        self.b.ins().jump(done, &[BlockArg::Value(text), BlockArg::Value(none)]);
        self.b.switch_to_block(good);
        let place = self.load(at!(results));
        self.b.ins().jump(done, &[BlockArg::Value(place), BlockArg::Value(got)]);
        self.b.switch_to_block(done);
        self.set_text(to, got_at, got_length, live, told);
    }

    /// The same of all parts of a text that was joined of parameters and constants: it may be longer, and what was just
    /// written piece by piece is slow to read at once.
    fn are_short_words(&mut self, of: Val) -> Option<Value> {
        let Some(Step::Join { parts, .. }) = self.facts.setter(of) else { return None };
        let visible =
            |text: &str| text.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'\\'));
        let mut all: Option<Value> = None;
        for part in parts {
            match self.facts.constant(*part) {
                Some(constant) if visible(constant) => {}
                None if self.facts.is_given(*part) && leaf(&self.kind(*part)).is_some() => {
                    let (at, length) = self.leaf(*part);
                    let is_word = self.is_short_word(at, length);
                    all = Some(all.map_or(is_word, |all| self.b.ins().band(all, is_word)));
                }
                _ => return None,
            }
        }
        all
    }

    /// Whether a text has up to sixteen bytes, all of them ASCII and neither blanks nor what JSON escapes.
    pub fn is_short_word(&mut self, at: Value, length: Value) -> Value {
        let text = self.b.ins().load(I8X16, fixed(), at, 0);
        let [blank, escape, last] = [b' ', b'\\', 0x7f].map(|byte| {
            let byte = self.b.ins().iconst(I8, i64::from(byte));
            self.b.ins().splat(I8X16, byte)
        });
        let low = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, text, blank);
        let high = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, text, last);
        let escaped = self.b.ins().icmp(IntCC::Equal, text, escape);
        let odd = self.b.ins().bor(low, high);
        let odd = self.b.ins().bor(odd, escaped);
        let odd = self.b.ins().vhigh_bits(I64, odd);
        let beyond = self.beyond(length);
        let inside = self.b.ins().band_not(odd, beyond);
        let is_word = self.is(IntCC::Equal, inside, 0);
        let is_short = self.is(IntCC::SignedLessThanOrEqual, length, 16);
        self.b.ins().band(is_word, is_short)
    }

    /// Whether any text of the message holds two blanks in a row or a line end.
    fn spaced(&mut self) -> Value {
        let flags = self.given(at!(flags));
        self.b.ins().band_imm_u(flags, i64::try_from(flags::SPACED).unwrap_or(0))
    }

    /// Whether a text that was made may have to be trimmed: it does not begin and end with a visible ASCII character, or
    /// something in the message is spaced, or the mapping itself makes blanks that JSON escapes.
    pub fn ends_oddly(&mut self, at: Value, length: Value) -> Value {
        let end = self.b.ins().iadd(at, length);
        let first = self.b.ins().uload8(I64, fixed(), at, 0);
        let last = self.b.ins().uload8(I64, fixed(), end, -1);
        let mut odd = self.given(at!(flags));
        odd = self.b.ins().band_imm_u(odd, i64::try_from(flags::SPACED).unwrap_or(0));
        if self.shared.makes_blanks {
            return self.int(1);
        }
        for byte in [first, last] {
            // 0x21 to 0x7f are visible, all but the last.
            let moved = self.add(byte, -0x21);
            let is_odd = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, moved, 0x7f - 0x22);
            let is_odd = self.b.ins().uextend(I64, is_odd);
            odd = self.b.ins().bor(odd, is_odd);
        }
        odd
    }
}
