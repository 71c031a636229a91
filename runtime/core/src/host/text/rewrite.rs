//! Segments whose text is not what compiled code may copy: escapes are undone, blanks taken off, nulls taken out, and
//! what JSON escapes is escaped. The tidy segment holds the fields that are read and no others.

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
    pub fn tidy(&mut self) -> Result<(), Defer> {
        let line = *self.table.lines.last().ok_or(Defer)?;
        let kind = *self.kinds.numbered(line.kind).ok_or(Defer)?;
        // MSH-2 is text as it stands, though it looks like separators; where it is read, it is not read in place.
        if kind.reads_delimiters() || self.must_be_rewritten(&line, &kind) { self.rewrite(line, &kind) } else { Ok(()) }
    }

    fn must_be_rewritten(&mut self, line: &Line, kind: &Kind) -> bool {
        let starts = self.table.starts_of(line, kind);
        let end = line.end as usize;
        // The bar that closes a field belongs to it here: it tells of blanks before it.
        let (mut from, to) = (line.at as usize, starts.last().map_or(end, |&last| last as usize).min(end + 1));
        let mut spaced = false;
        while let Some(at) = self.maps.strange(from, to) {
            let field = starts.partition_point(|&start| start as usize <= at).checked_sub(1);
            if field.is_some_and(|field| kind.fields >> field & 1 == 1) {
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
        let splits = |byte: u8| byte == self.encoding.delimiters.field || self.by.has(byte);
        let blank = match after.first() {
            _ if at == end => ends_blank(before),
            Some(&byte) if splits(byte) => ends_blank(before),
            Some(b' ') if before.last() == Some(&b' ') => return Strange::Blanks,
            Some(128..) => starts_blank(after),
            _ => true,
        };
        if blank { Strange::Text } else { Strange::Nothing }
    }

    fn rewrite(&mut self, line: Line, kind: &Kind) -> Result<(), Defer> {
        let mut starts = [0; 64];
        let old = self.table.starts_of(&line, kind);
        let count = old.len();
        starts.get_mut(..count).ok_or(Defer)?.copy_from_slice(old);

        let begin = self.here();
        let (end, mut written) = (line.end as usize, 0);
        for (i, &start) in starts.iter().enumerate().take(count) {
            let start = start as usize;
            if start > end {
                break;
            }
            self.table.rewritten.push(self.encoding.delimiters.field);
            let here = u32::try_from(self.here()).map_err(|_| Defer)?;
            if let Some(to) = self.table.starts_mut(&line, kind).get_mut(i) {
                *to = here;
            }
            written += 1;
            if let Some(&next) = starts.get(i + 1)
                && kind.fields >> i & 1 == 1
            {
                let text = start..(next as usize - 1).min(end);
                if i == 0 && kind.reads_delimiters() { self.verbatim(text)? } else { self.field(text)? }
            }
        }
        let end = self.here();
        if end - begin > SEGMENT_MAX || self.table.rewritten.len() > SEGMENT_MAX + GROWTH_MAX * self.text.len() {
            return Err(Defer);
        }
        let end = u32::try_from(end).map_err(|_| Defer)?;
        self.table.starts_mut(&line, kind).get_mut(written..).unwrap_or_default().fill(end + 1);
        self.table.rewritten.push(b'\r');
        self.maps.reach(self.here());

        let number = self.table.lines.len() - 1;
        self.table.lines.last_mut().ok_or(Defer)?.end = end;
        self.table.moved.push(u32::try_from(number).map_err(|_| Defer)?);
        self.table.flags |= flags::ESCAPED;
        Ok(())
    }

    /// Where the next byte that is rewritten will stand: behind the message.
    fn here(&self) -> usize {
        self.text.len() + self.table.rewritten.len()
    }

    fn field(&mut self, text: Range<usize>) -> Result<(), Defer> {
        if self.maps.strange(text.start, text.end + 1).is_none() {
            self.copy(text);
            return Ok(());
        }
        let mut from = text.start;
        let mut field = Levels::default();
        loop {
            let separator = next(&self.maps.separators, from, text.end);
            let state = self.leaf(from..separator.unwrap_or(text.end))?;
            field.add(state);
            let Some(at) = separator else { return field.close(Level::Field) };
            let byte = self.text.get(at).copied().ok_or(Defer)?;
            if byte == self.by.repetition {
                field.close(Level::Repetition)?;
            } else if byte == self.by.component {
                field.close(Level::Component)?;
            }
            self.maps.set(self.here(), byte, self.by);
            self.table.rewritten.push(byte);
            from = at + 1;
        }
    }

    /// A field in which nothing is strange.
    fn copy(&mut self, text: Range<usize>) {
        let mut from = text.start;
        while let Some(at) = next(&self.maps.separators, from, text.end) {
            let byte = self.text.get(at).copied().unwrap_or_default();
            self.maps.set(self.here() + (at - text.start), byte, self.by);
            from = at + 1;
        }
        self.table.rewritten.extend_from_slice(self.text.get(text).unwrap_or_default());
    }

    fn leaf(&mut self, at: Range<usize>) -> Result<State, Defer> {
        let bytes = self.text.get(at.clone()).unwrap_or_default();
        if self.maps.strange(at.start, at.end + 1).is_none() {
            self.table.rewritten.extend_from_slice(bytes);
            return Ok(if bytes.is_empty() { State::Absent } else { State::Present });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Defer)?;
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
        json::write_inside(&mut self.table.rewritten, trimmed);
        Ok(())
    }
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
