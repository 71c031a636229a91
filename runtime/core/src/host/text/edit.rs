//! A segment copied from its first field that is read to its last, in stretches between the bytes that have to change.

use emr_abi::flags;

use super::maps::{Bits, Marks, Separators};
use super::rewrite::{Segment, ends_blank, starts_blank};
use super::split::Split;

/// What a segment needs beyond two bytes for each of its own: the bar before it, and the last vector of a stretch.
const ROOM: usize = 1 + STRETCH;
/// How many bytes are copied at a time.
const STRETCH: usize = 32;

impl Split<'_> {
    /// Writes the segment anew and notes where its fields stand then. False if nothing of it has to change; nothing if
    /// it takes a closer look, and then what was noted does not count.
    pub fn edit(&mut self, segment: &Segment) -> Option<bool> {
        let end = segment.line.end as usize;
        let first = segment.starts.first().map_or(end, |&first| first as usize).min(end);
        // The bar behind the last field tells of blanks before it.
        let last = segment.starts.last().map_or(end, |&last| last as usize).min(end + 1);
        let table = &mut *self.table;
        let used = table.rewritten.len();
        table.rewritten.resize(used + 2 * (end - first) + ROOM, 0);
        let from = segment.line.starts as usize;
        let mut edit = Edit {
            text: self.text,
            bar: self.encoding.delimiters.field,
            by: self.by,
            segment,
            first,
            end,
            from: first,
            seen: first,
            base: self.text.len(),
            to: used,
            out: &mut table.rewritten,
            starts: table.starts.get_mut(from..from + segment.starts.len())?,
            count: 0,
            literals: &mut table.literals,
            flags: &mut table.flags,
        };
        edit.changes(&self.maps.marks, last)?;
        let changed = edit.to > used;
        if changed {
            edit.finish(last.min(end));
        }
        let to = edit.to;
        table.rewritten.truncate(to);
        Some(changed)
    }
}

/// The delimiter that stands between two escape characters as a letter (HL7 v2.5.1 §2.7.1).
fn escaped(by: Separators, bar: u8, letter: u8) -> Option<u8> {
    match letter {
        b'F' => Some(bar),
        b'S' => Some(by.component),
        b'T' => Some(by.subcomponent),
        b'R' => Some(by.repetition),
        b'E' => Some(by.escape),
        _ => None,
    }
}

struct Edit<'a> {
    text: &'a [u8],
    bar: u8,
    by: Separators,
    segment: &'a Segment<'a>,
    /// Where its first field begins, and where the segment ends.
    first: usize,
    end: usize,
    /// How far it is copied, and how far it is dealt with.
    from: usize,
    seen: usize,
    /// Where the first byte of `out` will stand in the text.
    base: usize,
    out: &'a mut [u8],
    to: usize,
    /// Where its fields stand now, as far as that is known of the first `count`.
    starts: &'a mut [u32],
    count: usize,
    literals: &'a mut Vec<usize>,
    flags: &'a mut u64,
}

impl Edit<'_> {
    fn changes(&mut self, marks: &[Marks], last: usize) -> Option<()> {
        let mut field = 0;
        let mut strange = Bits::within(self.first, last);
        while let Some(at) = strange.next(|word| marks.get(word).map_or(0, |marks| marks.strange)) {
            if at < self.seen {
                continue;
            }
            while self.segment.starts.get(field + 1).is_some_and(|&start| start as usize <= at) {
                field += 1;
            }
            if self.segment.kind.reads_field(field) {
                self.change(at)?;
            }
        }
        Some(())
    }

    #[inline(always)]
    fn change(&mut self, at: usize) -> Option<()> {
        let rest = self.text.get(at..self.end)?;
        match rest.first() {
            Some(byte) if !self.is_edge(*byte) => match byte {
                b'"' => self.quote(at, rest),
                byte if *byte == self.by.escape => self.escape(at, rest),
                b'\\' => self.replace(at..at + 1, b"\\\\"),
                b' ' => self.blanks(at, rest),
                128.. if !starts_blank(rest) => Some(()),
                _ => None,
            },
            _ => self.edge(at),
        }
    }

    fn is_edge(&self, byte: u8) -> bool {
        byte == self.bar || self.by.has(byte)
    }

    /// The byte before, if it belongs to the leaf.
    fn before(&self, at: usize) -> Option<u8> {
        let before = self.text.get(self.first..at)?.last();
        before.copied().filter(|byte| !self.is_edge(*byte))
    }

    /// A leaf ends here, with a blank or something that is no ASCII.
    fn edge(&mut self, at: usize) -> Option<()> {
        let leaf = self.text.get(self.from..at)?;
        let blanks = leaf.iter().rev().take_while(|byte| **byte == b' ').count();
        let kept = at - blanks;
        if ends_blank(self.text.get(kept.saturating_sub(3)..kept)?) {
            return None;
        }
        if blanks > 0 { self.replace(kept..at, b"") } else { Some(()) }
    }

    /// A blank at the beginning of a leaf, or behind another.
    fn blanks(&mut self, at: usize, rest: &[u8]) -> Option<()> {
        let count = rest.iter().take_while(|byte| **byte == b' ').count();
        let behind = rest.get(count..)?;
        self.seen = at + count;
        if behind.first().is_none_or(|byte| self.is_edge(*byte)) {
            // What ends the leaf takes them off.
            Some(())
        } else if self.before(at).is_some() {
            *self.flags |= flags::SPACED;
            Some(())
        } else if starts_blank(behind) {
            None
        } else {
            *self.flags |= flags::TRIMMED;
            self.replace(at..at + count, b"")
        }
    }

    /// A quote of the text; or a null, which is taken out where it is all of a field.
    fn quote(&mut self, at: usize, rest: &[u8]) -> Option<()> {
        if self.before(at).is_some() || !rest.starts_with(b"\"\"") {
            return self.replace(at..at + 1, b"\\\"");
        }
        let begins = at == self.first || self.text.get(at - 1) == Some(&self.bar);
        let ends = rest.get(2).is_none_or(|byte| *byte == self.bar);
        if !begins || !ends {
            return None;
        }
        *self.flags |= flags::NULLS;
        self.replace(at..at + 2, b"")
    }

    /// A delimiter that is text, or a line break inside of it; at either end it would be off.
    fn escape(&mut self, at: usize, rest: &[u8]) -> Option<()> {
        let plain = |byte: u8| byte != b' ' && byte != self.by.escape && byte.is_ascii_graphic();
        match rest {
            // A letter may be a separator, which goes before.
            [_, letter, close, ..] if *close == self.by.escape && !self.is_edge(*letter) => {
                let byte = escaped(self.by, self.bar, *letter)?;
                let text: &[u8] = if byte == b'\\' { b"\\\\" } else { &[byte] };
                self.replace(at..at + 3, text)
            }
            [_, b'.', b'b', b'r', close, behind, ..]
                if *close == self.by.escape
                    && !b".br".iter().any(|byte| self.is_edge(*byte))
                    && self.before(at).is_some_and(plain)
                    && plain(*behind)
                    && !self.is_edge(*behind) =>
            {
                *self.flags |= flags::SPACED;
                self.replace(at..at + 5, b"\\n")
            }
            _ => None,
        }
    }

    /// Copies what lies before a range, and writes something else in its place.
    #[inline(always)]
    fn replace(&mut self, range: std::ops::Range<usize>, with: &[u8]) -> Option<()> {
        if self.from == self.first && self.count == 0 {
            *self.out.get_mut(self.to)? = self.bar;
            self.to += 1;
        }
        self.copy(range.start);
        for byte in with {
            // It is text, also where it looks like a separator.
            if self.by.has(*byte) {
                self.literals.push(self.base + self.to);
            }
            *self.out.get_mut(self.to)? = *byte;
            self.to += 1;
        }
        (self.from, self.seen) = (range.end, range.end.max(self.seen));
        Some(())
    }

    #[inline(always)]
    fn copy(&mut self, to: usize) {
        while let (Some(&start), Some(moved)) = (self.segment.starts.get(self.count), self.starts.get_mut(self.count))
            && start as usize <= to
        {
            // A segment that is rewritten stays below 2³² bytes, or it is deferred.
            *moved = (self.base + self.to + start as usize).wrapping_sub(self.from) as u32;
            self.count += 1;
        }
        let (from, length) = (self.from, to - self.from);
        let (source, room) = (self.text.get(from..), self.out.get_mut(self.to..));
        stretch(source.unwrap_or_default(), room.unwrap_or_default(), length);
        self.to += length;
    }

    /// Copies the rest.
    fn finish(&mut self, last: usize) {
        self.copy(last.max(self.from));
        let end = (self.base + self.to) as u32;
        self.starts.get_mut(self.count..).unwrap_or_default().fill(end + 1);
    }
}

/// Copies so many bytes, and perhaps a few more that do not matter.
#[inline(always)]
fn stretch(source: &[u8], room: &mut [u8], length: usize) {
    let (from, to) = (source.as_chunks::<STRETCH>().0, room.as_chunks_mut::<STRETCH>().0);
    let count = length.div_ceil(STRETCH);
    if count <= from.len() && count <= to.len() {
        from.iter().zip(to).take(count).for_each(|(from, to)| *to = *from);
    } else if let (Some(from), Some(to)) = (source.get(..length), room.get_mut(..length)) {
        to.copy_from_slice(from);
    }
}
