//! Fields whose text is not what compiled code may copy: escapes are undone, blanks taken off, nulls taken out, and
//! what JSON escapes is escaped. Mostly a copy with a few changes does ([`super::edit`]); otherwise each leaf is decoded.

use std::ops::Range;

use emr_abi::flags;
use emr_message::{Level, Name, Piece, Place, State, escape, json};

use super::kinds::Kind;
use super::maps::{Bits, next};
use super::split::{Defer, Line, Moved, SEGMENT_MAX, Split};

/// The most that fields may grow by being rewritten; `\.sp100\` gives two hundred bytes.
const GROWTH_MAX: usize = 8;

impl Split<'_> {
    /// Looks closer at what is strange in the fields of the last segment that are read, and rewrites those that have to be.
    #[inline(always)]
    pub fn tidy(&mut self, kind: Kind) -> Result<(), Defer> {
        let line = *self.table.lines.last().ok_or(Defer)?;
        if !kind.reads_any() {
            return Ok(());
        }
        let [mut from, to] = self.table.span(&line, &kind).ok_or(Defer)?;
        let mut bar = kind.first();
        // MSH-2 is text as it stands, though it looks like separators.
        if kind.reads_delimiters() {
            from = self.verbatim(&line)?;
            bar += 1;
        }
        let mut strange = Bits::within(from, to + 1);
        let mut done = from;
        while let Some(at) = strange.next(|word| self.maps.marks.get(word).map_or(0, |marks| marks.strange)) {
            if at < done {
                continue;
            }
            let field = loop {
                let field = self.table.field(&line, bar).ok_or(Defer)?;
                if field.end >= at {
                    break field;
                }
                bar += 1;
            };
            if at < field.start {
                // It is one of the delimiters.
                continue;
            }
            done = field.end + 1;
            if kind.reads_field(bar) {
                self.rewrite(&line, bar, field, at, &mut strange)?;
                bar += 1;
            }
        }
        Ok(())
    }

    /// A field in which something strange stands there, and more of it behind.
    #[inline(always)]
    fn rewrite(
        &mut self,
        line: &Line,
        bar: usize,
        field: Range<usize>,
        first: usize,
        strange: &mut Bits,
    ) -> Result<(), Defer> {
        let table = &*self.table;
        let (from, literals, nulls, flags) = (table.filled, table.literals.len(), table.nulls.len(), table.flags);
        match self.edit(field.clone(), first, strange) {
            Some(false) => return Ok(()),
            Some(true) => {}
            None => {
                self.table.filled = from;
                self.table.literals.truncate(literals);
                self.table.nulls.truncate(nulls);
                self.table.flags = flags;
                self.field(field)?;
            }
        }
        self.moved(line, bar, from)
    }

    /// MSH-2, which is text as it stands. Gives where the next field begins, which is behind what is marked of this one.
    #[cold]
    fn verbatim(&mut self, line: &Line) -> Result<usize, Defer> {
        let (from, field) = (self.table.filled, self.table.field(line, 0).ok_or(Defer)?);
        let text = self.text.get(field.clone()).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| Defer)?;
        if !text.is_empty() {
            self.write(text)?;
            self.moved(line, 0, from)?;
        }
        Ok(field.end + 1)
    }

    /// Notes that a field stands where was written last.
    #[inline(always)]
    fn moved(&mut self, line: &Line, bar: usize, from: usize) -> Result<(), Defer> {
        let table = &mut *self.table;
        let length = table.filled - from;
        if length >= SEGMENT_MAX || table.filled > SEGMENT_MAX + GROWTH_MAX * self.text.len() {
            return Err(Defer);
        }
        // What was rewritten is shorter than 2³² bytes.
        let start = (self.text.len() + from) as u32;
        table.move_field(line, bar, [start, start + length as u32]);
        // So that two fields never begin at the same place.
        if let Some(behind) = table.rewritten.get_mut(table.filled) {
            *behind = b'\r';
        }
        table.filled += 1;
        let number = (table.lines.len() - 1) as u32;
        table.moved.push(Moved { at: start, line: number, bar: bar as u32 });
        table.flags |= flags::ESCAPED;
        Ok(())
    }

    /// Where the next byte that is rewritten will stand: behind the message.
    fn here(&self) -> usize {
        self.text.len() + self.table.filled
    }

    /// Decodes a field leaf by leaf.
    #[cold]
    fn field(&mut self, text: Range<usize>) -> Result<(), Defer> {
        let mut from = text.start;
        loop {
            let separator = next(&self.maps.separators, from, text.end);
            let state = self.decoded_leaf(from..separator.unwrap_or(text.end))?;
            if state == State::Null {
                let here = self.here();
                self.table.nulls.push(here);
            }
            let Some(at) = separator else { return Ok(()) };
            let byte = self.text.get(at).copied().ok_or(Defer)?;
            self.table.add(&[byte]);
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

    fn write(&mut self, text: &str) -> Result<(), Defer> {
        let trimmed = text.trim();
        if trimmed.len() < text.len() {
            self.table.flags |= flags::TRIMMED;
            let here = self.here();
            self.table.untrimmed.push((here, text.to_owned()));
            // Those who ask for it as it was find it spaced.
            if text.starts_with(escaped) || text.ends_with(escaped) {
                self.table.flags |= flags::SPACED;
            }
        }
        if trimmed.is_empty() {
            self.table.flags |= flags::TRIMMED | flags::BLANKS;
            let here = self.here();
            self.table.blanks.push(here);
            self.table.add(b" ");
            return Ok(());
        }
        if trimmed.contains("  ") || trimmed.contains(['\t', '\r', '\n']) {
            self.table.flags |= flags::SPACED;
        }
        let mut written = Vec::with_capacity(trimmed.len());
        json::write_inside(&mut written, trimmed);
        let literals = (self.here()..).zip(&written).filter(|(_, byte)| self.by.has(**byte)).map(|(at, _)| at);
        self.table.literals.extend(literals);
        self.table.add(&written);
        Ok(())
    }
}

/// White space that JSON escapes.
fn escaped(character: char) -> bool {
    character < ' '
}

/// Only the text of a piece is asked for here.
const NOWHERE: Place =
    Place { segment: 0, name: Name::NONE, occurrence: 0, field: 0, repetition: 0, component: 0, subcomponent: 0 };

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
