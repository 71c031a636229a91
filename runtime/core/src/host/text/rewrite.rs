//! Segments whose text is not what compiled code may copy: escapes are undone, blanks taken off, nulls taken out, and
//! what JSON escapes is escaped. The tidy segment holds the fields that are read and no others.

use std::ops::Range;
use std::slice;

use emr_abi::flags;
use emr_message::{Level, Name, Piece, Place, State, escape, json};

use super::kinds::Kind;
use super::maps::{Bits, last, next};
use super::split::{Defer, Line, SEGMENT_MAX, Split};

/// The most that segments may grow by being rewritten; `\.sp100\` gives two hundred bytes.
const GROWTH_MAX: usize = 8;

impl Split<'_> {
    /// Looks closer at what is strange in the last segment, and rewrites it if it has to be: it is copied from its first
    /// field that is read to its last, but for the leaves that become something else.
    #[inline(never)]
    pub fn tidy(&mut self, kind: Kind) -> Result<(), Defer> {
        let line = *self.table.lines.last().ok_or(Defer)?;
        let mut before = [0; 64];
        let starts = self.table.starts_of(&line, &kind);
        let before = before.get_mut(..starts.len()).ok_or(Defer)?;
        before.copy_from_slice(starts);
        let starts = &*before;
        let (end, mut field) = (line.end as usize, 0);
        let first = starts.first().map_or(end, |&first| first as usize).min(end);
        let last = starts.last().map_or(end, |&last| last as usize).min(end + 1);

        let mut copy = Copied { line, kind, starts, count: 0, to: first, begun: None };
        // MSH-2 is text as it stands, though it looks like separators; where it is read, it is not read in place.
        if kind.reads_delimiters() {
            self.begin(&mut copy, 0);
            let whole = copy.field(0);
            self.verbatim(whole.clone())?;
            copy.to = whole.end;
        }
        // The bar behind the last field tells of blanks before it.
        let mut strange = Bits::within(first, last);
        while let Some(at) = strange.next(|word| self.maps.marks.get(word).map_or(0, |marks| marks.strange)) {
            field = field_at(starts, field, at);
            if at >= copy.to && kind.reads_field(field) && self.matters(at, end) {
                self.rewrite(&mut copy, field, at)?;
            }
        }
        if copy.begun.is_some() { self.end(copy) } else { Ok(()) }
    }

    /// Whether the leaf of a strange byte has to be looked at.
    fn matters(&self, at: usize, end: usize) -> bool {
        match self.text.get(at) {
            _ if at == end => self.is_blank_before(at),
            Some(&byte) if byte == self.encoding.delimiters.field || self.by.has(byte) => self.is_blank_before(at),
            Some(128..) => starts_blank(self.text.get(at..).unwrap_or_default()),
            _ => true,
        }
    }

    fn is_blank_before(&self, at: usize) -> bool {
        ends_blank(self.text.get(at.saturating_sub(3)..at).unwrap_or_default())
    }

    /// Copies what lies before a field of which something will change.
    fn begin(&mut self, copy: &mut Copied, field: usize) {
        if copy.begun.is_none() {
            self.table.rewritten.push(self.encoding.delimiters.field);
        }
        copy.begun = Some(field);
        self.copy(copy, copy.field(field).start);
    }

    /// Writes the leaf in which that byte stands.
    fn rewrite(&mut self, copy: &mut Copied, field: usize, at: usize) -> Result<(), Defer> {
        if copy.begun != Some(field) {
            self.begin(copy, field);
        }
        let whole = copy.field(field);
        let start = last(&self.maps.separators, copy.to, at).map_or(copy.to, |found| found + 1);
        let leaf = start..next(&self.maps.separators, at, whole.end).unwrap_or(whole.end);
        self.copy(copy, leaf.start);
        let before = self.table.rewritten.len();
        copy.to = leaf.end;
        if let Simple::Written = self.leaf(leaf.clone()) {
            return Ok(());
        }
        self.table.rewritten.truncate(before);
        if self.decoded_leaf(leaf)? == State::Null {
            // What is null decides over the values around it.
            let here = *self.table.starts_of(&copy.line, &copy.kind).get(field).ok_or(Defer)?;
            self.table.rewritten.truncate(here as usize - self.text.len());
            self.field(whole.clone())?;
            copy.to = whole.end;
        }
        Ok(())
    }

    /// Copies the rest, and notes that the segment stands elsewhere now.
    fn end(&mut self, mut copy: Copied) -> Result<(), Defer> {
        let end = copy.line.end as usize;
        let last = copy.starts.last().map_or(end, |&last| last as usize).min(end);
        self.copy(&mut copy, last);
        let begin = self.table.starts_of(&copy.line, &copy.kind).first().map_or(0, |&first| first as usize);
        let end = self.here();
        if end.saturating_sub(begin) >= SEGMENT_MAX
            || self.table.rewritten.len() > SEGMENT_MAX + GROWTH_MAX * self.text.len()
        {
            return Err(Defer);
        }
        let end = u32::try_from(end).map_err(|_| Defer)?;
        self.table.starts_mut(&copy.line, &copy.kind).get_mut(copy.count..).unwrap_or_default().fill(end + 1);
        self.table.rewritten.push(b'\r');

        let number = self.table.lines.len() - 1;
        self.table.lines.last_mut().ok_or(Defer)?.end = end;
        self.table.moved.push(u32::try_from(number).map_err(|_| Defer)?);
        self.table.flags |= flags::ESCAPED;
        Ok(())
    }

    /// Copies what lies before `to`, and notes where the fields that begin in it stand now.
    fn copy(&mut self, copy: &mut Copied, to: usize) {
        let here = self.here();
        let moved = self.table.starts_mut(&copy.line, &copy.kind);
        while let (Some(&start), Some(moved)) = (copy.starts.get(copy.count), moved.get_mut(copy.count))
            && start as usize <= to
        {
            // A segment that is rewritten stays below 2³² bytes, or it is deferred.
            *moved = (here + start as usize - copy.to) as u32;
            copy.count += 1;
        }
        self.table.rewritten.extend_from_slice(self.text.get(copy.to..to).unwrap_or_default());
        copy.to = copy.to.max(to);
    }

    /// Where the next byte that is rewritten will stand: behind the message.
    fn here(&self) -> usize {
        self.text.len() + self.table.rewritten.len()
    }

    /// A leaf with nothing in it but quotes, delimiters that are escaped, and blanks around it.
    fn leaf(&mut self, at: Range<usize>) -> Simple {
        let whole = self.text.get(at.clone()).unwrap_or_default();
        let blanks = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| **byte == b' ').count();
        let (before, behind) = (blanks(&mut whole.iter()), blanks(&mut whole.iter().rev()));
        let Some(bytes) = whole.get(before..whole.len() - behind) else { return Simple::Written };
        if bytes == b"\"\"" || starts_blank(bytes) || ends_blank(bytes) {
            return Simple::Other;
        }
        let (start, end) = (at.start + before, at.end - behind);
        let mut from = start;
        let mut bits = Bits::within(start, end);
        while let Some(strange) = bits.next(|word| self.maps.marks.get(word).map_or(0, |marks| marks.strange)) {
            if strange < from {
                continue;
            }
            let rest = self.text.get(strange..end).unwrap_or_default();
            let taken = match rest {
                [b'"', ..] => {
                    self.run(from..strange, b"\\\"");
                    1
                }
                [open, letter, close, ..] if *open == self.by.escape && close == open => {
                    let Some(byte) = self.escaped(*letter) else { return Simple::Other };
                    self.run(from..strange, if byte == b'\\' { b"\\\\" } else { slice::from_ref(&byte) });
                    3
                }
                // A line break inside the text; at either end it would be off.
                [open, b'.', b'b', b'r', close, _, ..]
                    if *open == self.by.escape && close == open && strange > start =>
                {
                    self.table.flags |= flags::SPACED;
                    self.run(from..strange, b"\\n");
                    5
                }
                [b'\\', ..] if self.by.escape != b'\\' => {
                    self.run(from..strange, b"\\\\");
                    1
                }
                [b' ', ..] => {
                    self.table.flags |= flags::SPACED;
                    self.run(from..strange, b" ");
                    1
                }
                [byte, ..] if !byte.is_ascii() => {
                    self.run(from..strange, &[*byte]);
                    1
                }
                _ => return Simple::Other,
            };
            from = strange + taken;
        }
        self.run(from..end, b"");
        if before > 0 {
            self.table.flags |= flags::TRIMMED;
        }
        Simple::Written
    }

    /// Bytes as they are, and what follows them.
    fn run(&mut self, at: Range<usize>, then: &[u8]) {
        self.table.rewritten.extend_from_slice(self.text.get(at).unwrap_or_default());
        then.iter().for_each(|byte| self.literal(*byte));
    }

    /// The delimiter that stands between two escape characters as a letter (HL7 v2.5.1 §2.7.1).
    fn escaped(&self, letter: u8) -> Option<u8> {
        let by = &self.encoding.delimiters;
        match letter {
            b'F' => Some(by.field),
            b'S' => by.component,
            b'T' => by.subcomponent,
            b'R' => by.repetition,
            b'E' => by.escape,
            _ => None,
        }
    }

    /// A byte that is text, also where it looks like a separator.
    fn literal(&mut self, byte: u8) {
        if self.by.has(byte) {
            let here = self.here();
            self.table.literals.push(here);
        }
        self.table.rewritten.push(byte);
    }

    /// A field with a null in it.
    fn field(&mut self, text: Range<usize>) -> Result<(), Defer> {
        let mut from = text.start;
        let mut field = Levels::default();
        loop {
            let separator = next(&self.maps.separators, from, text.end);
            let state = self.decoded_leaf(from..separator.unwrap_or(text.end))?;
            field.add(state);
            let Some(at) = separator else { return field.close(Level::Field) };
            let byte = self.text.get(at).copied().ok_or(Defer)?;
            if byte == self.by.repetition {
                field.close(Level::Repetition)?;
            } else if byte == self.by.component {
                field.close(Level::Component)?;
            }
            self.table.rewritten.push(byte);
            from = at + 1;
        }
    }

    /// A leaf of any kind.
    fn decoded_leaf(&mut self, at: Range<usize>) -> Result<State, Defer> {
        let text = std::str::from_utf8(self.text.get(at).unwrap_or_default()).map_err(|_| Defer)?;
        let state = Piece { text, level: Level::Subcomponent, place: NOWHERE, encoding: self.encoding }.state();
        match state {
            State::Absent => {}
            State::Null => self.table.flags |= flags::NULLS,
            State::Present => self.write(&escape::decode(text, &self.encoding.delimiters, self.encoding.charset))?,
        }
        Ok(state)
    }

    /// MSH-2, which is text as it stands.
    fn verbatim(&mut self, at: Range<usize>) -> Result<(), Defer> {
        match std::str::from_utf8(self.text.get(at).unwrap_or_default()).map_err(|_| Defer)? {
            "" => Ok(()),
            text => self.write(text),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Defer> {
        let trimmed = text.trim();
        if trimmed.len() < text.len() {
            self.table.flags |= flags::TRIMMED;
        }
        if trimmed.is_empty() {
            // It is there for one who tests it, and would not be for compiled code.
            return Err(Defer);
        }
        if trimmed.contains("  ") || trimmed.contains(['\t', '\r', '\n']) {
            self.table.flags |= flags::SPACED;
        }
        let before = self.table.rewritten.len();
        json::write_inside(&mut self.table.rewritten, trimmed);
        let written = self.table.rewritten.get(before..).unwrap_or_default();
        let here = self.text.len() + before;
        let literals = (here..).zip(written).filter(|(_, byte)| self.by.has(**byte)).map(|(at, _)| at);
        self.table.literals.extend(literals);
        Ok(())
    }
}

/// How far a segment is copied.
struct Copied<'s> {
    line: Line,
    kind: Kind,
    /// Where its fields began.
    starts: &'s [u32],
    /// How many of them stand in their new place.
    count: usize,
    /// Up to this byte of the message.
    to: usize,
    /// The last field that was begun, once one was.
    begun: Option<usize>,
}

impl Copied<'_> {
    /// The text of the field that begins at the `i`th of the starts.
    fn field(&self, i: usize) -> Range<usize> {
        let end = self.line.end as usize;
        let start = |i: usize| self.starts.get(i).map_or(end + 1, |&start| start as usize);
        start(i).min(end)..(start(i + 1) - 1).min(end)
    }
}

/// What became of a leaf.
enum Simple {
    Written,
    /// It takes a closer look; what was written of it does not count.
    Other,
}

/// The last start that is not behind a byte, from one that is not.
fn field_at(starts: &[u32], from: usize, at: usize) -> usize {
    let mut field = from;
    while starts.get(field + 1).is_some_and(|&start| start as usize <= at) {
        field += 1;
    }
    field
}

/// Only the text of a piece is asked for here.
const NOWHERE: Place =
    Place { segment: 0, name: Name::NONE, occurrence: 0, field: 0, repetition: 0, component: 0, subcomponent: 0 };

/// Whether the text without its nulls still tells what is there at each level above the leaf: compiled code takes a
/// value for present if any byte of it is no separator.
#[derive(Default)]
struct Levels {
    field: Leaves,
    repetition: Leaves,
    component: Leaves,
}

/// The leaves of a value as far as they were seen.
#[derive(Clone, Copy, Default)]
struct Leaves {
    any: bool,
    present: bool,
    /// A null that is not the first of them.
    late: bool,
}

impl Levels {
    fn add(&mut self, state: State) {
        for leaves in [&mut self.field, &mut self.repetition, &mut self.component] {
            leaves.present |= state == State::Present;
            leaves.late |= state == State::Null && leaves.any;
            leaves.any = true;
        }
    }

    /// A value of this level ends, and with it those of the levels below.
    fn close(&mut self, level: Level) -> Result<(), Defer> {
        let of = |from: Level, leaves: &mut Leaves| if level <= from { leaves.close() } else { Ok(()) };
        of(Level::Component, &mut self.component)?;
        of(Level::Repetition, &mut self.repetition)?;
        of(Level::Field, &mut self.field)
    }
}

impl Leaves {
    /// A null at the beginning makes the value null; one behind it (`^""`) counts as a value ([`Piece::state`]).
    fn close(&mut self) -> Result<(), Defer> {
        let Leaves { present, late, .. } = std::mem::take(self);
        if late && !present { Err(Defer) } else { Ok(()) }
    }
}

/// Whether the text begins with white space of Unicode's, or of ASCII's that is a control or a blank.
fn starts_blank(text: &[u8]) -> bool {
    matches!(
        text,
        [b'\t'..=b'\r' | b' ', ..]
            | [0xc2, 0x85 | 0xa0, ..]
            | [0xe1, 0x9a, 0x80, ..]
            | [0xe2, 0x80, 0x80..=0x8a | 0xa8 | 0xa9 | 0xaf, ..]
            | [0xe2, 0x81, 0x9f, ..]
            | [0xe3, 0x80, 0x80, ..]
    )
}

/// The same for its end. No character ends like another one as a whole.
fn ends_blank(text: &[u8]) -> bool {
    (1..=3).any(|length| {
        let at = text.len().checked_sub(length);
        at.and_then(|at| text.get(at..)).is_some_and(|last| starts_blank(last) && whole(last))
    })
}

/// Whether the bytes are one character.
fn whole(bytes: &[u8]) -> bool {
    match bytes {
        [first] => first.is_ascii(),
        [0xc2, _] => true,
        [first, _, _] => *first >= 0xe1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_that_of_unicode() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            assert_eq!(starts_blank(text.as_bytes()), character.is_whitespace(), "{character:?}");
            assert_eq!(ends_blank(format!("\u{e9}{character}").as_bytes()), character.is_whitespace(), "{character:?}");
        }
    }
}
