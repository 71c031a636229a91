//! A field copied in stretches between the bytes that have to change.

use std::ops::Range;

use emr_abi::flags;

use super::maps::{Bits, Separators};
use super::rewrite::{ends_blank, starts_blank};
use super::split::Split;

/// What a field needs beyond two bytes for each of its own: the last vector of a stretch.
const ROOM: usize = STRETCH;
/// How many bytes are copied at a time.
const STRETCH: usize = 32;

impl Split<'_> {
    /// Writes a field anew in which something strange stands at that byte, and takes what is marked of it behind that. False
    /// if nothing of it has to change; nothing if it takes a closer look, and then what was noted does not count.
    #[inline(always)]
    pub fn edit(&mut self, field: Range<usize>, first: usize, strange: &mut Bits) -> Option<bool> {
        let table = &mut *self.table;
        let used = table.filled;
        let room = used + 2 * field.len() + ROOM;
        if table.rewritten.len() < room {
            grow(&mut table.rewritten, room);
        }
        let mut edit = Edit {
            text: self.text,
            bar: self.encoding.delimiters.field,
            by: self.by,
            first: field.start,
            end: field.end,
            from: field.start,
            seen: first,
            base: self.text.len(),
            to: used,
            out: &mut table.rewritten,
            changed: false,
            literals: &mut table.literals,
            nulls: &mut table.nulls,
            flags: &mut table.flags,
        };
        let mut next = Some(first);
        while let Some(at) = next {
            if at >= edit.seen {
                edit.change(at)?;
            }
            // The bar behind it tells of blanks before it.
            next = strange.next_upto(field.end, |word| self.maps.marks.get(word).map_or(0, |marks| marks.strange));
        }
        if edit.changed {
            edit.copy(field.end.max(edit.from));
        }
        table.filled = edit.to;
        Some(edit.changed)
    }
}

#[cold]
fn grow(rewritten: &mut Vec<u8>, room: usize) {
    rewritten.resize(2 * room, 0);
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
    /// Where the field begins and ends.
    first: usize,
    end: usize,
    /// How far it is copied, and how far it is dealt with.
    from: usize,
    seen: usize,
    /// Where the first byte of `out` will stand in the text.
    base: usize,
    out: &'a mut [u8],
    to: usize,
    changed: bool,
    literals: &'a mut Vec<usize>,
    nulls: &'a mut Vec<usize>,
    flags: &'a mut u64,
}

impl Edit<'_> {
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
        } else {
            // It is kept with what it was.
            None
        }
    }

    /// A quote of the text; or a null, which is taken out where it is all of a field.
    fn quote(&mut self, at: usize, rest: &[u8]) -> Option<()> {
        if self.before(at).is_some() || !rest.starts_with(b"\"\"") {
            return self.replace(at..at + 1, b"\\\"");
        }
        if at != self.first || rest.len() != 2 {
            return None;
        }
        *self.flags |= flags::NULLS;
        self.nulls.push(self.base + self.to);
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
    fn replace(&mut self, range: Range<usize>, with: &[u8]) -> Option<()> {
        self.changed = true;
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
        let (from, length) = (self.from, to - self.from);
        let (source, room) = (self.text.get(from..), self.out.get_mut(self.to..));
        stretch(source.unwrap_or_default(), room.unwrap_or_default(), length);
        self.to += length;
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
