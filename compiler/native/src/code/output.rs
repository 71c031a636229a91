//! Writing: where output goes, and what is known of it before it is stored.

use cranelift_codegen::ir::{
    BlockArg, InstBuilder, Value,
    condcodes::IntCC,
    types::{I8, I8X16, I16, I32, I64},
};
use emr_abi::{Call, REFERENCE, Stop};
use emr_compiler::plan::{Block, Form, Spot, Step, Val};

use super::{Gen, at, mem, offset};
use crate::kinds::{Kind, Live};

/// The most that one copy writes without asking for room.
pub const COPY: usize = 16;

/// The place of output: a register, a known distance from it, and constants not stored yet. Constants meet there across
/// steps, and an advance costs nothing until a length is not known.
#[derive(Clone)]
pub struct Cursor {
    pub base: Value,
    pub off: i64,
    pub pending: Vec<u8>,
}

impl Cursor {
    pub fn at(base: Value) -> Cursor {
        Cursor { base, off: 0, pending: Vec::new() }
    }

    /// How far it is from its register.
    pub fn distance(&self) -> i64 {
        self.off + i64::try_from(self.pending.len()).unwrap_or(0)
    }
}

impl<'p> Gen<'_, 'p> {
    /// Stores the constants.
    pub fn flush(&mut self, cursor: &mut Cursor) {
        let bytes = std::mem::take(&mut cursor.pending);
        let mut rest = bytes.as_slice();
        let mut off = cursor.off;
        while !rest.is_empty() {
            // What a store writes past the constant is overwritten by whatever comes next.
            let size = match rest.len() {
                1 => 1,
                2 => 2,
                3..=4 => 4,
                5..=8 => 8,
                _ => 16,
            };
            let (now, later) = rest.split_at(size.min(rest.len()));
            let mut word = [0; 16];
            word.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            let [a, b, c, d, e, f, g, h, ..] = word;
            let low = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
            let value = match size {
                1 => self.b.ins().iconst(I8, low),
                2 => self.b.ins().iconst(I16, low),
                4 => self.b.ins().iconst(I32, low),
                8 => self.b.ins().iconst(I64, low),
                _ => {
                    let constant = self.b.func.dfg.constants.insert(word.to_vec().into());
                    self.b.ins().vconst(I8X16, constant)
                }
            };
            self.b.ins().store(mem(), value, cursor.base, i32::try_from(off).unwrap_or(i32::MAX));
            off += i64::try_from(now.len()).unwrap_or(0);
            rest = later;
        }
        cursor.off = off;
    }

    /// The cursor as one register.
    pub fn place(&mut self, cursor: &mut Cursor) -> Value {
        self.flush(cursor);
        cursor.base = self.add(cursor.base, cursor.off);
        cursor.off = 0;
        cursor.base
    }

    /// Copies text of the message or of a constant: one vector whatever its length, a loop for what is longer. Both sides
    /// have room behind them.
    pub fn copy(&mut self, cursor: &mut Cursor, from: Value, length: Value) {
        self.copy_asking(cursor, from, length, true);
    }

    /// The same, to where there is room.
    pub fn copy_blindly(&mut self, cursor: &mut Cursor, from: Value, length: Value) {
        self.copy_asking(cursor, from, length, false);
    }

    fn copy_asking(&mut self, cursor: &mut Cursor, from: Value, length: Value, asks: bool) {
        self.flush(cursor);
        let off = i32::try_from(cursor.off).unwrap_or(i32::MAX);
        let first = self.b.ins().load(I8X16, mem(), from, 0);
        self.b.ins().store(mem(), first, cursor.base, off);
        let (long, done) = (self.cold(), self.label());
        let is_long = self.above(length, 16);
        self.either(is_long, long, done);

        self.b.switch_to_block(long);
        if asks {
            let place = self.add(cursor.base, cursor.off);
            let end = self.b.ins().iadd(place, length);
            self.ask_for_room(end);
        }
        let (next, at) = self.meeting();
        self.b.set_cold_block(next);
        let second = self.int(16);
        self.goto(next, second);
        self.b.switch_to_block(next);
        let (source, target) = (self.b.ins().iadd(from, at), self.b.ins().iadd(cursor.base, at));
        for step in [0, 16] {
            let vector = self.b.ins().load(I8X16, mem(), source, step);
            self.b.ins().store(mem(), vector, target, off + step);
        }
        let at = self.add(at, 32);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, at, length);
        self.b.ins().brif(more, next, &[BlockArg::Value(at)], done, &[]);

        self.b.switch_to_block(done);
        cursor.base = self.b.ins().iadd(cursor.base, length);
    }

    /// Ends the routine if the place is behind the last at which writing may go on.
    pub fn ask_for_room(&mut self, place: Value) {
        let limit = self.load(at!(limit));
        let (full, fits) = (self.cold(), self.label());
        let over = self.b.ins().icmp(IntCC::UnsignedGreaterThan, place, limit);
        self.either(over, full, fits);
        self.b.switch_to_block(full);
        self.stop(Stop::Room);
        self.b.switch_to_block(fits);
    }

    // ---- values

    pub fn write(&mut self, cursor: &mut Cursor, of: Val, form: Form) {
        let kind = self.kind(of);
        if kind == Kind::Any {
            return self.give_up();
        }
        // Which segment it is about is no value of it.
        if form != Form::Segment {
            self.count_live(of, &kind);
        }
        match (form, &kind) {
            (Form::Coding | Form::Concept, Kind::Coded(_)) => self.write_coded(cursor, of, form),
            (Form::Reference, Kind::Reference) => {
                let words = self.get(of);
                self.write_reference(cursor, self.word(&words, 0));
            }
            (Form::Reference, Kind::Contained) => {
                let words = self.get(of);
                let number = self.word(&words, 0);
                self.write_by(cursor, Call::inside, &[number]);
            }
            (Form::Json | Form::Reference | Form::Coding | Form::Concept, Kind::Node) => {
                let words = self.get(of);
                let node = self.word(&words, 0);
                self.write_by(cursor, Call::json, &[node]);
            }
            (Form::Items, Kind::Node) => {
                let words = self.get(of);
                let node = self.word(&words, 0);
                self.write_by(cursor, Call::json_items, &[node]);
            }
            (Form::Items | Form::Reference, _) => self.give_up(),
            (Form::Json | Form::Coding | Form::Concept, Kind::Text(_)) if self.shared.takes_resources => {
                self.give_up();
            }
            (Form::Segment, Kind::Segment(_)) => {
                let words = self.get(of);
                let segment = self.word(&words, 0);
                self.write_by(cursor, Call::segment, &[segment]);
            }
            (Form::Segment, _) => self.give_up(),
            (Form::Copy, Kind::Segment(_)) => {
                let words = self.get(of);
                let (segment, none) = (self.word(&words, 0), self.int(0));
                self.write_by(cursor, Call::place, &[segment, none]);
            }
            (Form::Copy, Kind::Piece(_) | Kind::Part | Kind::Field) => {
                let words = self.get(of);
                let (none, origin) = (self.int(0), self.origin(&kind, &words));
                self.write_by(cursor, Call::place, &[none, origin]);
            }
            (Form::Bare, _) => self.write_bare(cursor, of),
            _ => {
                let (at, length) = self.raw_leaf(of);
                cursor.pending.push(b'"');
                self.copy(cursor, at, length);
                cursor.pending.push(b'"');
            }
        }
    }

    /// A change of a segment: noted with what was written, or written whole where it is told where that comes from.
    pub fn edit(&mut self, segment: Val, at: Spot, body: &'p Block, mut cursor: Cursor) -> Option<Cursor> {
        let Spot { field, repetition, component, subcomponent } = at;
        let number = self.segment_number(segment);
        if self.shared.typing.traced {
            cursor.pending.push(b'[');
            self.write_by(&mut cursor, Call::segment, &[number]);
            let place = format!(",{field},{repetition},{component},{subcomponent},");
            cursor.pending.extend_from_slice(place.as_bytes());
            let mut written = self.block(body, cursor)?;
            let end = self.place(&mut written);
            return Some(Cursor { base: end, off: -1, pending: b"],".to_vec() });
        }
        let start = self.place(&mut cursor);
        let mut written = self.block(body, Cursor::at(start))?;
        let end = self.place(&mut written);
        let spot = u64::from(field) << 48
            | u64::from(repetition.cast_unsigned()) << 32
            | u64::from(component) << 16
            | u64::from(subcomponent);
        let spot = self.int(spot.cast_signed());
        self.helper(Call::edit, &[number, spot, start, end]);
        Some(Cursor::at(end))
    }

    pub fn drop_segment(&mut self, segment: Val, cursor: &mut Cursor) {
        let number = self.segment_number(segment);
        if self.shared.typing.traced {
            cursor.pending.push(b'[');
            self.write_by(cursor, Call::segment, &[number]);
            return cursor.pending.extend_from_slice(b"],");
        }
        let start = self.place(cursor);
        // Each edit has a place of its own in the output.
        cursor.pending.push(b',');
        let end = self.place(cursor);
        let none = self.int(0);
        self.helper(Call::edit, &[number, none, start, end]);
    }

    /// The number of a segment, from 1.
    fn segment_number(&mut self, segment: Val) -> Value {
        if !matches!(self.kind(segment), Kind::Segment(_)) {
            self.give_up();
            return self.int(0);
        }
        let words = self.get(segment);
        self.word(&words, 0)
    }

    fn write_reference(&mut self, cursor: &mut Cursor, entry: Value) {
        let start = self.place(cursor);
        let (odd, fine, (done, place)) = (self.cold(), self.label(), self.meeting());
        let is_there = self.is(IntCC::SignedGreaterThanOrEqual, entry, 0);
        self.either(is_there, fine, odd);
        self.b.switch_to_block(odd);
        let end = self.helper(Call::reference, &[start, entry]);
        self.go_on_or_return(end);
        self.goto(done, end);
        self.b.switch_to_block(fine);
        let (table, from) = (self.load(at!(references)), self.b.ins().ishl_imm_u(entry, 6));
        let from = self.b.ins().iadd(table, from);
        for at in [0, 16, 32, 48] {
            let vector = self.b.ins().load(I8X16, mem(), from, at);
            self.b.ins().store(mem(), vector, start, at);
        }
        let end = self.add(start, i64::try_from(REFERENCE).unwrap_or(0));
        self.goto(done, end);
        self.b.switch_to_block(done);
        *cursor = Cursor::at(place);
    }

    /// What a helper writes.
    fn write_by(&mut self, cursor: &mut Cursor, call: Call, words: &[Value]) {
        let start = self.place(cursor);
        let end = self.helper(call, &[&[start], words].concat());
        self.go_on_or_return(end);
        *cursor = Cursor::at(end);
    }

    fn write_bare(&mut self, cursor: &mut Cursor, of: Val) {
        let (at, length) = self.leaf(of);
        let is_number = self.facts.is_bare(self.shared.typing.plan, of);
        let fits = if is_number { self.above(length, 0) } else { self.helper(Call::bare, &[at, length]) };
        let null = self.tables.constant("null");
        let (null_at, null_length) = self.constant(null);
        let at = self.b.ins().select(fits, at, null_at);
        let length = self.b.ins().select(fits, length, null_length);
        self.copy(cursor, at, length);
    }

    /// `{"system":…,"code":…,"display":…}`, what there is of it.
    fn write_coded(&mut self, cursor: &mut Cursor, of: Val, form: Form) {
        let words = self.get(of);
        let (open, close) = if form == Form::Concept { ("{\"coding\":[{", "}]}") } else { ("{", "}") };
        cursor.pending.extend_from_slice(open.as_bytes());
        for (index, name) in ["\"system\":\"", "\"code\":\"", "\"display\":\""].into_iter().enumerate() {
            let (at, length) = (self.word(&words, 2 * index), self.word(&words, 2 * index + 1));
            let start = self.place(cursor);
            let (some, (done, end)) = (self.label(), self.meeting());
            let is_there = self.above(length, 0);
            self.b.ins().brif(is_there, some, &[], done, &[BlockArg::Value(start)]);
            self.b.switch_to_block(some);
            let mut inner = Cursor::at(start);
            inner.pending.extend_from_slice(name.as_bytes());
            self.copy(&mut inner, at, length);
            inner.pending.extend_from_slice(b"\",");
            let place = self.place(&mut inner);
            self.goto(done, place);
            self.b.switch_to_block(done);
            *cursor = Cursor::at(end);
        }
        // The code is always there, and behind it stands a comma.
        cursor.off -= 1;
        cursor.pending.extend_from_slice(close.as_bytes());
    }

    /// Notes that a source value was written, where the plan asks for how many.
    fn count_live(&mut self, of: Val, kind: &Kind) {
        if !self.counting {
            return;
        }
        let live = match kind.live() {
            Live::No => return,
            Live::Yes => self.int(1),
            Live::Told | Live::Traced => {
                let words = self.get(of);
                self.live(kind, &words)
            }
        };
        self.count_as_live(live);
    }

    pub fn count_as_live(&mut self, more: Value) {
        let before = self.load(at!(live));
        let after = self.b.ins().iadd(before, more);
        self.store(at!(live), after);
    }
}

/// The most that a block writes without asking for room, what it calls included.
pub fn reserve(steps: &Block, called: &dyn Fn(&Step) -> usize) -> usize {
    steps.iter().map(|step| step_reserve(step, called)).sum()
}

fn step_reserve(step: &Step, called: &dyn Fn(&Step) -> usize) -> usize {
    let inner: usize = step.blocks().into_iter().map(|block| reserve(block, called)).sum();
    inner
        + match step {
            Step::Put(text) => text.len(),
            // Three copies and the names around them.
            Step::Write { .. } => 3 * COPY + 96,
            Step::Wrap { open, close, .. } => open.len() + close.len(),
            Step::Call { .. } => called(step),
            // Five numbers and what is around them.
            Step::Edit { .. } | Step::Drop { .. } => 48,
            _ => 0,
        }
}

/// The offset of a thing in a table of words.
pub fn nth(index: usize, size: usize) -> i32 {
    offset(index * size)
}
