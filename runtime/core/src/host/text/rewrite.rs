//! Segments whose text is not what compiled code may copy: escapes are undone, blanks taken off, nulls taken out, and
//! what JSON escapes is escaped. The tidy segment holds the fields that are read and no others.

use std::{ops::Range, slice};

use emr_abi::flags;
use emr_message::{Level, Name, Piece, Place, State, escape, json};

use super::kinds::Kind;
use super::maps::{last, next};
use super::split::{Defer, Line, SEGMENT_MAX, Split, Table};

/// The most that segments may grow by being rewritten; `\.sp100\` gives two hundred bytes.
const GROWTH_MAX: usize = 8;

impl Split<'_> {
    /// Looks closer at what is strange in the last segment, and rewrites it if it has to be.
    #[inline(never)]
    pub fn tidy(&mut self, kind: Kind) -> Result<(), Defer> {
        let line = *self.table.lines.last().ok_or(Defer)?;
        // MSH-2 is text as it stands, though it looks like separators; where it is read, it is not read in place.
        if kind.reads_delimiters() || self.must_be_rewritten(&line, &kind) { self.rewrite(line, &kind) } else { Ok(()) }
    }

    fn must_be_rewritten(&mut self, line: &Line, kind: &Kind) -> bool {
        let starts = self.table.starts_of(line, kind);
        let end = line.end as usize;
        let (mut from, to) = bounds(line, starts);
        let (mut spaced, mut field) = (false, 0);
        while let Some(at) = self.maps.strange(from, to) {
            field = field_at(starts, field, at);
            if kind.reads_field(field) {
                match self.look(at, end) {
                    Strange::Text => return true,
                    Strange::Blanks => spaced = true,
                    Strange::Nothing => {}
                }
            }
            from = at + 1;
        }
        if spaced {
            self.table.flags |= flags::SPACED;
        }
        false
    }

    fn look(&self, at: usize, end: usize) -> Strange {
        let (before, after) = self.text.split_at_checked(at).unwrap_or_default();
        let blank = match after.first() {
            _ if at == end => ends_blank(before),
            Some(&byte) if self.ends_leaf(byte) => ends_blank(before),
            Some(b' ') if before.last() == Some(&b' ') => return Strange::Blanks,
            Some(128..) => starts_blank(after),
            _ => true,
        };
        if blank { Strange::Text } else { Strange::Nothing }
    }

    /// Whether no leaf of a field goes over that byte.
    fn ends_leaf(&self, byte: u8) -> bool {
        byte == self.encoding.delimiters.field || self.by.has(byte)
    }

    /// Copies the segment from its first field that is read to its last, but for the leaves that become something else.
    fn rewrite(&mut self, line: Line, kind: &Kind) -> Result<(), Defer> {
        let mut old = [0; 64];
        let count = self.table.starts_of(&line, kind).len();
        let starts = old.get_mut(..count).ok_or(Defer)?;
        starts.copy_from_slice(self.table.starts_of(&line, kind));
        let starts = &*starts;

        let begin = self.here();
        let (end, last) = (line.end as usize, starts.last().map_or(0, |&last| last as usize));
        let first = starts.first().map_or(end, |&first| first as usize).min(end);
        let mut copy = Copied { starts, count: 0, to: first, line };
        self.table.rewritten.push(self.encoding.delimiters.field);
        if kind.reads_delimiters() {
            self.copy(&mut copy, kind, first);
            let field = copy.field(0, end);
            self.verbatim(field.clone())?;
            copy.to = field.end;
        }
        self.leaves(&mut copy, kind, bounds(&line, starts))?;
        self.copy(&mut copy, kind, last.min(end));

        let end = self.here();
        if end - begin > SEGMENT_MAX || self.table.rewritten.len() > SEGMENT_MAX + GROWTH_MAX * self.text.len() {
            return Err(Defer);
        }
        let end = u32::try_from(end).map_err(|_| Defer)?;
        self.table.starts_mut(&line, kind).get_mut(copy.count..).unwrap_or_default().fill(end + 1);
        self.table.rewritten.push(b'\r');

        let number = self.table.lines.len() - 1;
        self.table.lines.last_mut().ok_or(Defer)?.end = end;
        self.table.moved.push(u32::try_from(number).map_err(|_| Defer)?);
        self.table.flags |= flags::ESCAPED;
        Ok(())
    }

    /// Goes from one strange byte to the next and writes the leaves that they are in.
    fn leaves(&mut self, copy: &mut Copied, kind: &Kind, (mut from, to): (usize, usize)) -> Result<(), Defer> {
        let end = copy.line.end as usize;
        let (mut field, mut begun) = (0, None);
        while let Some(at) = self.maps.strange(from, to) {
            from = at + 1;
            field = field_at(copy.starts, field, at);
            if at < copy.to || !kind.reads_field(field) {
                continue;
            }
            if let Strange::Nothing = self.look(at, end) {
                continue;
            }
            let whole = copy.field(field, end);
            if begun != Some(field) {
                begun = Some(field);
                self.copy(copy, kind, whole.start);
            }
            let start = last(&self.maps.separators, copy.to.max(whole.start), at).map_or(copy.to, |found| found + 1);
            let leaf = start..next(&self.maps.separators, at, whole.end).unwrap_or(whole.end);
            self.copy(copy, kind, leaf.start);
            let before = self.table.rewritten.len();
            copy.to = leaf.end;
            match self.leaf(leaf.clone()) {
                Simple::Written => continue,
                Simple::Other => {}
            }
            self.table.rewritten.truncate(before);
            if self.decoded_leaf(leaf)? == State::Null {
                // What is null decides over the values around it.
                let here = copy.moved_to(field, &self.table, kind).ok_or(Defer)?;
                self.table.rewritten.truncate(here as usize - self.text.len());
                self.field(whole.clone())?;
                copy.to = whole.end;
            }
        }
        Ok(())
    }

    /// Copies what lies before `to`, and notes where the fields that begin in it stand now.
    fn copy(&mut self, copy: &mut Copied, kind: &Kind, to: usize) {
        let here = self.here();
        let moved = self.table.starts_mut(&copy.line, kind);
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
        while let Some(strange) = self.maps.strange(from, end) {
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
    /// Where its fields began.
    starts: &'s [u32],
    /// How many of them stand in their new place.
    count: usize,
    /// Up to this byte of the message.
    to: usize,
}

impl Copied<'_> {
    /// The text of the field that begins at the `i`th of the starts.
    fn field(&self, i: usize, end: usize) -> Range<usize> {
        let start = |i: usize| self.starts.get(i).map_or(end, |&start| start as usize);
        start(i).min(end)..(start(i + 1) - 1).min(end)
    }

    /// Where the field stands now.
    fn moved_to(&self, i: usize, table: &Table, kind: &Kind) -> Option<u32> {
        table.starts_of(&self.line, kind).get(i).copied()
    }
}

/// What became of a leaf.
enum Simple {
    Written,
    /// It takes a closer look; what was written of it does not count.
    Other,
}

/// From the first field that is read to the bar behind the last, which tells of blanks before it.
fn bounds(line: &Line, starts: &[u32]) -> (usize, usize) {
    let end = line.end as usize;
    let place = |start: Option<&u32>| start.map_or(end, |&start| start as usize);
    (place(starts.first()).min(end + 1), place(starts.last()).min(end + 1))
}

/// The last start that is not behind a byte, from one that is not.
fn field_at(starts: &[u32], from: usize, at: usize) -> usize {
    let mut field = from;
    while starts.get(field + 1).is_some_and(|&start| start as usize <= at) {
        field += 1;
    }
    field
}

/// What a strange byte turned out to be.
enum Strange {
    Nothing,
    /// Two blanks in a row, which may stay.
    Blanks,
    /// The text has to be rewritten.
    Text,
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
