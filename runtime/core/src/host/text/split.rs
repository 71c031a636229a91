//! The maps to segments and fields: lines are named, and of those that the plan reads the bars are noted that it asks
//! for. Bytes of fields are looked at only where the scan found something strange.

use emr_message::{Name, message::SEGMENTS_MAX, piece::Encoding};

use super::kinds::{Kind, Kinds};
use super::lanes::{Lanes, Work};
use super::maps::{Bitmaps, Separators, lowest};
use super::scan::Look;

/// Longer segments go to the interpreter.
pub const SEGMENT_MAX: usize = 1 << 16;
/// The most bars of a message that are noted, so that a file of names cannot take many times its size.
const STARTS_MAX: usize = 1 << 22;
/// How many starts can be read of a segment, whatever its kind, and the word before them.
const STARTS: usize = 1 + 64 + 8;
/// Where the starts are of a segment that is not there.
pub const NOWHERE: u32 = 1;

/// The interpreter does this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defer;

/// A line of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the message.
    pub at: u32,
    /// Where its text ends, rewritten or not.
    pub end: u32,
    /// Index of its first start. The word before says whether a repetition separator stands in it.
    pub starts: u32,
    /// 0 if the plan does not read it.
    pub kind: u32,
    /// The how-manieth of its name, if it is read.
    pub occurrence: u32,
}

/// All segments of a message; used again for the next.
#[derive(Default)]
pub struct Table {
    pub lines: Vec<Line>,
    /// Their names as numbers, 0 for a line that is no segment.
    pub tags: Vec<u32>,
    pub starts: Vec<u32>,
    used: usize,
    /// The segments that were rewritten, and which lines they were.
    pub rewritten: Vec<u8>,
    pub moved: Vec<u32>,
    /// Where in the text a separator stands in them that is none.
    pub literals: Vec<usize>,
    /// Where an explicit null stood in them, in order.
    pub nulls: Vec<usize>,
    /// Where a blank stands for a text of nothing but white space.
    pub blanks: Vec<usize>,
    pub flags: u64,
    pub message_bytes: usize,
}

impl Table {
    pub fn begin(&mut self) {
        self.lines.clear();
        self.tags.clear();
        self.rewritten.clear();
        self.moved.clear();
        self.literals.clear();
        self.nulls.clear();
        self.blanks.clear();
        self.flags = 0;
        self.message_bytes = 0;
        // The first are those of the segment that is not there, all 0 for ever.
        self.used = STARTS;
        self.reserve();
    }

    #[inline(always)]
    fn reserve(&mut self) {
        if self.starts.len() < self.used + STARTS {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.starts.resize((self.used + STARTS) * 2, 0);
    }

    pub fn starts_of(&self, line: &Line, kind: &Kind) -> &[u32] {
        let from = line.starts as usize;
        self.starts.get(from..from + kind.bars.count_ones() as usize).unwrap_or_default()
    }

    pub fn starts_mut(&mut self, line: &Line, kind: &Kind) -> &mut [u32] {
        let from = line.starts as usize;
        self.starts.get_mut(from..from + kind.bars.count_ones() as usize).unwrap_or_default()
    }
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

impl Work for Split<'_> {
    type Done = Result<(), Defer>;

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) -> Result<(), Defer> {
        let mut look = Look::new(lanes, self.encoding.delimiters.field, self.by, self.ascii);
        let mut from = 0;
        for word in 0..self.text.len() / 64 {
            let mut ends = self.maps.ends.get(word).copied().unwrap_or_default();
            while ends != 0 {
                let end = word * 64 + ends.trailing_zeros() as usize;
                ends &= ends.wrapping_sub(1);
                if end > from {
                    self.line(&mut look, from, end)?;
                }
                from = end + 1;
            }
        }
        Ok(())
    }
}

impl Split<'_> {
    #[inline(always)]
    fn line<L: Lanes>(&mut self, look: &mut Look<L>, from: usize, end: usize) -> Result<(), Defer> {
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
        let Some((kind, seen)) = self.kinds.find(tag) else {
            self.table.tags.push(if is_name([a, b, c]) { tag } else { 0 });
            self.table.lines.push(Line { at, end: text_end, starts: NOWHERE, kind: 0, occurrence: 0 });
            return Ok(());
        };
        if end - from > SEGMENT_MAX || self.table.used > STARTS_MAX {
            return Err(Defer);
        }
        *seen += 1;
        let starts = self.table.used as u32 + 1;
        let (kind, wanted) = (*kind, kind.bars);
        self.table.tags.push(tag);
        self.table.lines.push(Line { at, end: text_end, starts, kind: kind.number, occurrence: *seen });
        self.table.reserve();
        let strange = self.bars(look, from, end, wanted);
        self.table.used += 1 + wanted.count_ones() as usize;
        if strange || kind.reads_delimiters() { self.tidy(kind) } else { Ok(()) }
    }

    /// Notes the place after each of the bars that are wanted. Gives whether there is anything strange up to the last.
    #[inline(always)]
    fn bars<L: Lanes>(&mut self, look: &mut Look<L>, from: usize, end: usize, wanted: u64) -> bool {
        let room = self.table.starts.get_mut(self.table.used..).unwrap_or_default();
        let Some((repeats, room)) = room.split_first_mut() else { return false };
        let (blocks, _) = self.text.as_chunks::<64>();
        let all = wanted.count_ones() as usize;
        let (mut wanted, mut found, mut strange, mut repetitions) = (wanted, 0, 0, 0);
        let mut inside = u64::MAX << (from % 64);
        let mut block = from / 64;
        while wanted != 0 && block <= end / 64 {
            let marks = look.at(block, blocks, self.maps);
            let base = block * 64;
            let line = lowest(end - base);
            let bars = marks.bars & inside & line;
            let mut picked = look.lanes.pick(wanted, bars);
            wanted = wanted.checked_shr(bars.count_ones()).unwrap_or_default();
            // What stands behind the last bar does not matter.
            let read = if wanted == 0 { u64::MAX >> picked.leading_zeros() } else { line << 1 | 1 };
            strange |= marks.strange & inside & read;
            repetitions |= marks.repetitions & inside & line;
            let count = picked.count_ones() as usize;
            for to in room.get_mut(found..found + count).unwrap_or_default() {
                *to = (base as u32).wrapping_add(picked.trailing_zeros()).wrapping_add(1);
                picked &= picked.wrapping_sub(1);
            }
            found += count;
            inside = u64::MAX;
            block += 1;
        }
        *repeats = u32::from(repetitions != 0);
        // What is too much will be overwritten by the next segment.
        let (rest, _) = room.get_mut(found..).unwrap_or_default().as_chunks_mut::<8>();
        for starts in rest.iter_mut().take((all - found).div_ceil(8)) {
            *starts = [end as u32 + 1; 8];
        }
        strange != 0
    }
}

/// Whether a segment can be called so, as [`Name::read`] has it.
fn is_name([a, b, c]: [u8; 3]) -> bool {
    let rest = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    a.is_ascii_uppercase() && rest(b) && rest(c)
}

/// A name of a segment as a number.
pub fn tag(name: &str) -> u32 {
    match name.as_bytes() {
        &[a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        _ => 0,
    }
}

/// The name that a number stands for.
pub fn name(tag: u32) -> Name {
    let [a, b, c, _] = tag.to_le_bytes();
    std::str::from_utf8(&[a, b, c]).ok().and_then(Name::read).unwrap_or(Name::NONE)
}
