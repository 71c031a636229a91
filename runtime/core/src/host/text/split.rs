//! The maps to segments and fields: lines are named, and of those that the plan reads the bars are noted that it asks
//! for. Bytes of fields are looked at only where the scan found something strange.

use std::ops::Range;

use emr_abi::{BAR_MAX, Bar};
use emr_message::{Name, message::SEGMENTS_MAX, piece::Encoding};

use super::kinds::{Kind, Kinds};
use super::lanes::{AT_ONCE, Lanes, Work};
use super::maps::{Bitmaps, Separators, lowest};
use super::scan::Look;

/// The longest message whose bars are all noted.
pub const WHOLE_MAX: usize = 1 << 16;
/// Longer segments go to the interpreter.
pub const SEGMENT_MAX: usize = 1 << 16;
/// The most bars of a message that are noted, so that a file of names cannot take many times its size.
const BARS_MAX: usize = 1 << 22;
/// The most bars that a segment has noted, whatever its kind.
pub const BARS: usize = BAR_MAX as usize + 1;

/// How many may be written behind those: of a whole block, and as many as are written at once.
const SPARE: usize = 64 + AT_ONCE;

/// How far ahead the memory of a message is asked for.
const AHEAD: usize = 1024;

/// Where the bars are of a segment that is not there.
pub const NOWHERE: u32 = 0;

/// The interpreter does this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defer;

/// A line of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the message.
    pub at: u32,
    pub end: u32,
    /// Index of its first bar.
    pub bars: u32,
    /// Bit `i` for a repetition separator in the field behind bar `i`, of the first fields.
    pub repeats: u64,
    /// 0 if the plan does not read it.
    pub kind: u32,
    /// The how-manieth of its name, if it is read.
    pub occurrence: u32,
}

/// A field that was rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it stands now.
    pub at: u32,
    pub line: u32,
    /// The bar that it began at.
    pub bar: u32,
}

/// All segments of a message; used again for the next.
#[derive(Default)]
pub struct Table {
    pub lines: Vec<Line>,
    /// Their names as numbers, 0 for a line that has none. What stands there may be none that a segment can have ([`name`]).
    pub tags: Vec<u32>,
    pub bars: Vec<Bar>,
    used: usize,
    /// The fields that were rewritten, as far as it is filled, and where they stood.
    pub rewritten: Vec<u8>,
    pub filled: usize,
    pub moved: Vec<Moved>,
    ended: Vec<Ended>,
    /// Where in the text a separator stands in them that is none.
    pub literals: Vec<usize>,
    /// Where an explicit null stood in them, in order.
    pub nulls: Vec<usize>,
    /// Where a blank stands for a text of nothing but white space.
    pub blanks: Vec<usize>,
    /// Where leaves stand that had white space around them, and each as it was, in order.
    pub untrimmed: Vec<(usize, String)>,
    pub flags: u64,
    pub message_bytes: usize,
}

impl Table {
    pub fn begin(&mut self) {
        self.lines.clear();
        self.tags.clear();
        // None begins where an absent field of the last segment would.
        self.filled = 1;
        if self.rewritten.is_empty() {
            self.rewritten.push(b'\r');
        }
        self.moved.clear();
        self.ended.clear();
        self.literals.clear();
        self.nulls.clear();
        self.blanks.clear();
        self.untrimmed.clear();
        self.flags = 0;
        self.message_bytes = 0;
        // The first are those of the segment that is not there, all 0 for ever.
        self.used = BARS;
        self.reserve(0);
    }

    /// Makes room for so many bars, and [`SPARE`].
    #[inline(always)]
    fn reserve(&mut self, bars: usize) {
        if self.bars.len() < self.used + bars + SPARE {
            self.grow(bars);
        }
    }

    #[cold]
    fn grow(&mut self, bars: usize) {
        self.bars.resize((self.used + bars + SPARE) * 2, Bar::default());
    }

    pub fn bars_of(&self, line: &Line, kind: &Kind) -> &[Bar] {
        self.bars.get(line.bars as usize..).and_then(|bars| bars.get(..kind.bars())).unwrap_or_default()
    }

    /// The bars of a line again, and as many more as are wanted.
    #[inline(always)]
    fn pad(&mut self, line: &Ended, wanted: usize) -> usize {
        self.reserve(BARS);
        let first = self.used;
        self.bars.copy_within(line.first..line.first + line.count, first);
        if let Some(behind) = self.bars.get_mut(first + line.count..first + wanted) {
            behind.fill(Bar { end: line.end as u32 + 1, start: line.end as u32 + 1 });
        }
        self.used += wanted;
        first
    }

    /// The field that begins at a bar; empty if it is behind the end.
    #[inline(always)]
    pub fn field(&self, line: &Line, bar: usize) -> Option<Range<usize>> {
        let (before, behind) = (line.bars as usize + bar, line.bars as usize + bar + 1);
        Some(self.bars.get(before)?.start as usize..self.bars.get(behind)?.end as usize)
    }

    /// From the first field that is read to the bar behind the last, or the end.
    #[inline(always)]
    pub fn span(&self, line: &Line, kind: &Kind) -> Option<[usize; 2]> {
        let first = self.field(line, kind.first())?.start;
        let last = kind.bars().checked_sub(2).and_then(|bar| self.field(line, bar)).map_or(first, |last| last.end);
        Some([first, last.min(line.end as usize)])
    }

    /// Adds to what was rewritten; behind it is a byte more.
    pub fn add(&mut self, bytes: &[u8]) {
        self.rewritten.truncate(self.filled);
        self.rewritten.extend_from_slice(bytes);
        self.filled = self.rewritten.len();
        self.rewritten.push(b'\r');
    }

    /// Notes that a field stands elsewhere now.
    pub fn move_field(&mut self, line: &Line, bar: usize, [start, end]: [u32; 2]) {
        if let Some([before, behind, ..]) = self.bars.get_mut(line.bars as usize + bar..) {
            (before.start, behind.end) = (start, end);
        }
    }
}

/// A line by what stands in it.
#[derive(Clone, Copy)]
pub struct Ended {
    from: usize,
    end: usize,
    /// Its first bar, and how many there are, with the end.
    first: usize,
    count: usize,
    /// 0 if there is nothing of it.
    strange: u64,
    /// As [`Line::repeats`].
    repeats: u64,
}

/// The fields in which these separators of a block stand, as bits: `bars` are all of the block, before which the line had so
/// many.
#[inline(always)]
fn holding(mut separators: u64, bars: u64, before: usize) -> u64 {
    let mut fields = 0;
    while separators != 0 {
        let upto = separators ^ separators.wrapping_sub(1);
        let behind = before + (bars & upto).count_ones() as usize;
        // What stands before the first bar is no field, and nothing is told of those that have no bit.
        fields |= behind.checked_sub(1).and_then(|bar| 1_u64.checked_shl(bar as u32)).unwrap_or(0);
        separators &= separators.wrapping_sub(1);
    }
    fields
}

pub struct Split<'a> {
    /// In whole blocks; a line end follows the last line.
    pub text: &'a [u8],
    pub ascii: bool,
    pub encoding: &'a Encoding,
    pub by: Separators,
    pub kinds: &'a mut Kinds,
    pub maps: &'a mut Bitmaps,
    pub table: &'a mut Table,
}

/// How much of a message is read, so that the next is taken apart as it costs least.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Share {
    pub read: usize,
    pub of: usize,
}

impl Share {
    /// Whether it is more than so many quarters.
    pub fn is_more_than(self, quarters: usize) -> bool {
        4 * self.read > quarters * self.of
    }
}

/// Line by line, where little is read: what stands elsewhere is not looked at.
pub struct Lines<'a>(pub Split<'a>);

impl Work for Lines<'_> {
    type Done = Result<Share, Defer>;

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) -> Result<Share, Defer> {
        let mut look = Look::new(lanes, self.0.encoding.delimiters.field, self.0.by, self.0.ascii);
        self.0.lines(&mut look)?;
        Ok(Share { read: look.count, of: self.0.text.len() / 64 })
    }
}

/// Block by block, where most is read: the lines become the text, and all bars are noted, whatever their line. The lines
/// are named when it is known that the text is right ([`Noted`]).
pub struct Whole<'a> {
    pub lines: &'a [u8],
    /// As many blocks as the lines and an end behind them take.
    pub text: &'a mut [u8],
    pub field: u8,
    pub by: Separators,
    pub maps: &'a mut Bitmaps,
    pub table: &'a mut Table,
}

impl Work for Whole<'_> {
    /// Whether all bytes are ASCII.
    type Done = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> bool {
        let Whole { lines, text, field, by, maps, table } = self;
        table.reserve(text.len());
        let (start, ended) = (table.used, &mut table.ended);
        let Some(room) = table.bars.get_mut(start..) else { return false };
        let (full, rest) = lines.as_chunks::<64>();
        let mut last = [0; 64];
        last.iter_mut().zip(rest.iter().chain(b"\r")).for_each(|(to, byte)| *to = *byte);

        let (cr, lf) = (lanes.splat(b'\r'), lanes.splat(b'\n'));
        let mut look = Look::new(lanes, field, by, false);
        let mut line = Ended { from: 0, end: 0, first: start, count: 0, strange: 0, repeats: 0 };
        let mut used = 0;
        for (block, to) in text.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            let (from, base) = (full.get(block).unwrap_or(&last), block * 64);
            lanes.ask(lines.as_ptr().wrapping_add(base + AHEAD));
            *to = *from;
            let bytes = lanes.load(from);
            let mut ends = lanes.mask(lanes.or(lanes.equal(bytes, cr), lanes.equal(bytes, lf)));
            let found = look.found(bytes, ends);
            let marks = found.marks;
            maps.put_all(block, ends, found);
            let bars = marks.bars | ends;
            lanes.note(bars, base, room.get_mut(used..).unwrap_or_default());
            // Of the block what belongs to the line, and how many bars came before that.
            let (mut inside, mut before) = (u64::MAX, start + used);
            while ends != 0 {
                let line_end = ends ^ ends.wrapping_sub(1);
                let behind = start + used + (bars & line_end).count_ones() as usize;
                line.end = base + ends.trailing_zeros() as usize;
                line.strange |= marks.strange & inside & line_end;
                let in_line = bars & inside & line_end;
                line.repeats |= holding(marks.repetitions & inside & line_end, in_line, before - line.first);
                line.count = behind - line.first;
                if line.end > line.from {
                    ended.push(line);
                }
                line = Ended { from: line.end + 1, end: 0, first: behind, count: 0, strange: 0, repeats: 0 };
                before = behind;
                inside = !line_end;
                ends &= ends.wrapping_sub(1);
            }
            used += bars.count_ones() as usize;
            line.strange |= marks.strange & inside;
            line.repeats |= holding(marks.repetitions & inside, bars & inside, before - line.first);
        }
        table.used += used;
        look.high == 0
    }
}

/// What [`Whole`] noted, line by line.
pub struct Noted<'a>(pub Split<'a>);

impl Work for Noted<'_> {
    type Done = Result<Share, Defer>;

    #[inline(always)]
    fn run<L: Lanes>(mut self, _: L) -> Result<Share, Defer> {
        self.0.all_lines()
    }
}

impl Split<'_> {
    #[inline(always)]
    fn lines<L: Lanes>(&mut self, look: &mut Look<L>) -> Result<(), Defer> {
        let mut from = 0;
        for word in 0..self.text.len() / 64 {
            let mut ends = self.maps.ends.get(word).copied().unwrap_or_default();
            while ends != 0 {
                let end = word * 64 + ends.trailing_zeros() as usize;
                ends &= ends.wrapping_sub(1);
                if end > from {
                    self.line(look, from, end)?;
                }
                from = end + 1;
            }
        }
        Ok(())
    }

    /// Names the lines.
    #[inline(always)]
    fn all_lines(&mut self) -> Result<Share, Defer> {
        let mut read = 0;
        for index in 0..self.table.ended.len() {
            let Some(ended) = self.table.ended.get(index).copied() else { break };
            let Some(kind) = self.name(ended.from, ended.end)? else { continue };
            let first = if ended.count < kind.bars() { self.table.pad(&ended, kind.bars()) } else { ended.first };
            if let Some(line) = self.table.lines.last_mut() {
                (line.bars, line.repeats) = (first as u32, ended.repeats);
            }
            if let Some(last) = kind.bars().checked_sub(1).and_then(|last| self.table.bars.get(first + last)) {
                read += (last.end as usize).min(ended.end) - ended.from;
            }
            if ended.strange != 0 || kind.reads_delimiters() {
                self.tidy(kind)?;
            }
        }
        Ok(Share { read, of: self.text.len() })
    }

    #[inline(always)]
    fn line<L: Lanes>(&mut self, look: &mut Look<L>, from: usize, end: usize) -> Result<(), Defer> {
        let Some(kind) = self.name(from, end)? else { return Ok(()) };
        let (strange, repeats) = self.bars(look, from, end, kind.bars());
        if let Some(line) = self.table.lines.last_mut() {
            (line.bars, line.repeats) = (self.table.used as u32, repeats);
        }
        self.table.used += kind.bars();
        if strange || kind.reads_delimiters() { self.tidy(kind) } else { Ok(()) }
    }

    /// Notes a line by its name; gives its kind, if it is read.
    #[inline(always)]
    fn name(&mut self, from: usize, end: usize) -> Result<Option<Kind>, Defer> {
        self.table.message_bytes += end - from;
        // A message has fewer than 2³² bytes, or it would not have been loaded.
        let (at, text_end) = (from as u32, end as u32);
        let head = self.text.get(from..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        let [a, b, c, bar] = head;
        let is_named = end - from == 3 || end - from > 3 && bar == self.encoding.delimiters.field;
        let tag = if is_named { u32::from_le_bytes([a, b, c, 0]) } else { 0 };
        if self.table.lines.len() == SEGMENTS_MAX {
            return Err(Defer);
        }
        let line = Line { at, end: text_end, bars: NOWHERE, repeats: 0, kind: 0, occurrence: 0 };
        let Some((kind, seen)) = self.kinds.find(tag) else {
            self.table.tags.push(tag);
            self.table.lines.push(line);
            return Ok(None);
        };
        if end - from > SEGMENT_MAX || self.table.used > BARS_MAX {
            return Err(Defer);
        }
        *seen += 1;
        self.table.tags.push(tag);
        self.table.lines.push(Line { kind: kind.number, occurrence: *seen, ..line });
        Ok(Some(*kind))
    }

    /// Notes as many bars. Gives whether there is anything strange up to the last, and [`Line::repeats`] so far.
    #[inline(always)]
    fn bars<L: Lanes>(&mut self, look: &mut Look<L>, from: usize, end: usize, wanted: usize) -> (bool, u64) {
        self.table.reserve(BARS);
        let room = self.table.bars.get_mut(self.table.used..).unwrap_or_default();
        let (blocks, _) = self.text.as_chunks::<64>();
        let (mut count, mut strange, mut repeats) = (0, 0, 0);
        let mut inside = u64::MAX << (from % 64);
        let mut block = from / 64;
        while count < wanted && block <= end / 64 {
            let marks = look.at(block, blocks, self.maps);
            let base = block * 64;
            // The end stands for a bar.
            let (line, last) = upto(end - base);
            let found = (marks.bars | last) & inside & line;
            look.lanes.note(found, base, room.get_mut(count..).unwrap_or_default());
            repeats |= holding(marks.repetitions & inside & line, found, count);
            count += found.count_ones() as usize;
            // What stands behind the last bar does not matter.
            let read = match wanted.checked_sub(1).and_then(|last| room.get(last)) {
                Some(last) if count >= wanted => lowest((last.end as usize + 1).wrapping_sub(base)),
                _ => u64::MAX,
            };
            strange |= marks.strange & inside & line & read;
            inside = u64::MAX;
            block += 1;
        }
        if let Some(behind) = room.get_mut(count..wanted) {
            behind.fill(Bar { end: end as u32 + 1, start: end as u32 + 1 });
        }
        (strange != 0, repeats)
    }
}

/// The bits of a block up to the byte at that offset, and that of the byte itself, if it is in the block.
#[inline(always)]
fn upto(offset: usize) -> (u64, u64) {
    let before = lowest(offset);
    let last = before.wrapping_add(1);
    (before | last, last)
}

/// A name of a segment as a number.
pub fn tag(name: &str) -> u32 {
    match name.as_bytes() {
        &[a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        _ => 0,
    }
}

/// The name that a number stands for; [`Name::NONE`] if no segment can be called so.
pub fn name(tag: u32) -> Name {
    let [a, b, c, _] = tag.to_le_bytes();
    Name::of(a, b, c).unwrap_or(Name::NONE)
}
