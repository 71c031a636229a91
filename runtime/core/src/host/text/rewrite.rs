//! Segments whose text is not what compiled code may copy: escapes are undone, blanks taken off, nulls taken out, and
//! what JSON escapes is escaped. Mostly a copy with a few changes does ([`super::edit`]); otherwise each leaf is decoded.

use std::ops::Range;

use emr_abi::flags;
use emr_message::{Level, Name, Piece, Place, State, escape, json};

use super::kinds::Kind;
use super::maps::next;
use super::split::{Defer, Line, SEGMENT_MAX, Split};

/// The most that segments may grow by being rewritten; `\.sp100\` gives two hundred bytes.
const GROWTH_MAX: usize = 8;

impl Split<'_> {
    /// Looks closer at what is strange in the last segment, and rewrites it if it has to be.
    #[inline(never)]
    pub fn tidy(&mut self, kind: Kind) -> Result<(), Defer> {
        let line = *self.table.lines.last().ok_or(Defer)?;
        let mut before = [0; 64];
        let starts = self.table.starts_of(&line, &kind);
        let before = before.get_mut(..starts.len()).ok_or(Defer)?;
        before.copy_from_slice(starts);
        let segment = Segment { line, kind, starts: before };
        let (from, literals, flags) = (self.table.rewritten.len(), self.table.literals.len(), self.table.flags);
        // MSH-2 is text as it stands, though it looks like separators; where it is read, it is not read in place.
        let edited = if kind.reads_delimiters() { None } else { self.edit(&segment) };
        match edited {
            Some(false) => return Ok(()),
            Some(true) => {}
            None => {
                self.table.rewritten.truncate(from);
                self.table.literals.truncate(literals);
                self.table.flags = flags;
                self.decode(&segment)?;
            }
        }
        self.moved(&segment)
    }

    /// Writes every field that is read anew, leaf by leaf.
    #[cold]
    fn decode(&mut self, segment: &Segment) -> Result<(), Defer> {
        let there = segment.starts.partition_point(|&start| start <= segment.line.end);
        for i in 0..there {
            self.table.rewritten.push(self.encoding.delimiters.field);
            let here = u32::try_from(self.here()).map_err(|_| Defer)?;
            *self.table.starts_mut(&segment.line, &segment.kind).get_mut(i).ok_or(Defer)? = here;
            let text = segment.field(i);
            if i == 0 && segment.kind.reads_delimiters() {
                self.verbatim(text)?;
            } else if segment.kind.reads_field(i) {
                self.field(text)?;
            }
        }
        let end = u32::try_from(self.here()).map_err(|_| Defer)?;
        self.table.starts_mut(&segment.line, &segment.kind).get_mut(there..).unwrap_or_default().fill(end + 1);
        Ok(())
    }

    /// Notes that the segment stands elsewhere now. What follows its last field does not matter.
    fn moved(&mut self, segment: &Segment) -> Result<(), Defer> {
        let begin = self.table.starts_of(&segment.line, &segment.kind).first().map_or(0, |&first| first as usize);
        let end = self.here();
        if end.saturating_sub(begin) >= SEGMENT_MAX
            || self.table.rewritten.len() > SEGMENT_MAX + GROWTH_MAX * self.text.len()
        {
            return Err(Defer);
        }
        self.table.rewritten.push(b'\r');
        let number = self.table.lines.len() - 1;
        self.table.lines.last_mut().ok_or(Defer)?.end = u32::try_from(end).map_err(|_| Defer)?;
        self.table.moved.push(u32::try_from(number).map_err(|_| Defer)?);
        self.table.flags |= flags::ESCAPED;
        Ok(())
    }

    /// Where the next byte that is rewritten will stand: behind the message.
    fn here(&self) -> usize {
        self.text.len() + self.table.rewritten.len()
    }

    /// A field with a null in it.
    fn field(&mut self, text: Range<usize>) -> Result<(), Defer> {
        let mut from = text.start;
        let mut field = Levels::default();
        loop {
            let separator = next(&self.maps.separators, from, text.end);
            let state = self.decoded_leaf(from..separator.unwrap_or(text.end))?;
            if state == State::Null {
                let here = self.here();
                self.table.nulls.push(here);
            }
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
            self.table.flags |= flags::TRIMMED | flags::BLANKS;
            let here = self.here();
            self.table.blanks.push(here);
            self.table.rewritten.push(b' ');
            return Ok(());
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

/// A segment that is rewritten.
pub struct Segment<'s> {
    pub line: Line,
    pub kind: Kind,
    /// Where its fields began.
    pub starts: &'s [u32],
}

impl Segment<'_> {
    /// The text of the field that begins at the `i`th of the starts.
    fn field(&self, i: usize) -> Range<usize> {
        let end = self.line.end as usize;
        let start = |i: usize| self.starts.get(i).map_or(end + 1, |&start| start as usize);
        start(i).min(end)..(start(i + 1) - 1).min(end)
    }
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
pub fn starts_blank(text: &[u8]) -> bool {
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
pub fn ends_blank(text: &[u8]) -> bool {
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
