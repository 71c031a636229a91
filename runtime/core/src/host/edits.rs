//! A message that is changed, without a detour: what its edits name is written anew, all else is copied as it stands.
//!
//! This knows whole fields that are given plain texts, which most edits are. Whatever else there is goes through
//! [`emr_message::encode`], which says what an edit means.

use std::fmt::Write;
use std::ops::Range;

use super::text::{Plain, Text, maps};
use emr_message::encode::KEPT;

/// An edit that compiled code made, with the place in the output of what it writes.
#[derive(Clone, Copy)]
pub struct Edit {
    /// From 0.
    pub segment: u32,
    /// Nothing drops the segment.
    pub spot: Option<Spot>,
    /// The JSON of the new value, with a comma behind it.
    pub at: usize,
    pub length: usize,
}

/// Field, repetition, component and subcomponent, as [`emr_message::encode`] counts them.
#[derive(Clone, Copy)]
pub struct Spot {
    pub field: u16,
    pub repetition: i16,
    pub component: u16,
    pub subcomponent: u16,
}

impl Spot {
    /// From a word of compiled code.
    pub fn of(word: u64) -> Spot {
        let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
        Spot {
            field: u16::from_be_bytes([a, b]),
            repetition: i16::from_be_bytes([c, d]),
            component: u16::from_be_bytes([e, f]),
            subcomponent: u16::from_be_bytes([g, h]),
        }
    }
}

/// All edits of a message, in the order in which they were made.
#[derive(Default)]
pub struct Edits {
    all: Vec<Edit>,
    /// Of the segment that is being changed.
    bars: Vec<u64>,
}

impl Edits {
    pub fn clear(&mut self) {
        self.all.clear();
    }

    pub fn add(&mut self, edit: Edit) {
        self.take_back(edit.at);
        self.all.push(edit);
    }

    /// Forgets those whose values are no longer written: output ends at that place.
    pub fn take_back(&mut self, end: usize) {
        while self.all.last().is_some_and(|edit| edit.at >= end) {
            self.all.pop();
        }
    }

    /// The text with the edits; nothing if there is something in them that is not done here. `value` is what was written
    /// for an edit.
    pub fn apply<'o>(&mut self, text: &Text, value: impl Fn(&Edit) -> &'o [u8], out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        let plain = text.plain()?;
        // Mostly they are in order, so that this does little.
        self.all.sort_by_key(|edit| (edit.segment, edit.spot.map_or(0, |spot| spot.field)));
        let mut at = 0;
        for own in self.all.chunk_by(|one, other| one.segment == other.segment) {
            let segment = usize::try_from(own.first()?.segment).ok()?;
            let line = text.line(segment)?;
            out.extend_from_slice(plain.bytes.get(at..line.start)?);
            at = line.end;
            if own.iter().any(|edit| edit.spot.is_none()) {
                at = behind_line_end(plain.bytes, at);
                continue;
            }
            let declares = matches!(plain.bytes.get(line.start..line.start + 3)?, b"MSH" | b"FHS" | b"BHS");
            text.bars(line.clone(), &mut self.bars);
            let mut fields = Fields::new(&plain, line, &self.bars, declares)?;
            let mut before = 0;
            for edit in own {
                let Spot { field, repetition, component, .. } = edit.spot?;
                let is_plain = component == 0 && repetition <= 0 && field != before && !(declares && field == CHARSET);
                before = field;
                if !is_plain {
                    return None;
                }
                match plain_value(value(edit), plain.is_special)? {
                    Value::Kept => {}
                    Value::New(value) => fields.set(field, value, out),
                }
            }
            fields.finish(out);
        }
        out.extend_from_slice(plain.bytes.get(at..)?);
        if !matches!(out.last(), Some(b'\r' | b'\n')) {
            out.extend_from_slice(line_end(plain.bytes));
        }
        Some(())
    }

    /// The edits as [`emr_message::encode`] reads them.
    pub fn spelled<'o>(&self, value: impl Fn(&Edit) -> &'o [u8]) -> Vec<u8> {
        let mut all = b"[".to_vec();
        for edit in &self.all {
            let mut open = format!("[{}", edit.segment);
            if let Some(Spot { field, repetition, component, subcomponent }) = edit.spot {
                // A text takes what is written to it.
                let _ = write!(open, ",{field},{repetition},{component},{subcomponent},");
                all.extend_from_slice(open.as_bytes());
                let value = value(edit);
                all.extend_from_slice(value.strip_suffix(b",").unwrap_or(value));
            } else {
                all.extend_from_slice(open.as_bytes());
            }
            all.extend_from_slice(b"],");
        }
        all.push(b']');
        all
    }
}

/// MSH-18 says how all other bytes are meant.
const CHARSET: u16 = 18;

/// The fields of one segment, from the left to the right.
struct Fields<'t> {
    /// From the block on in which it begins, to its end.
    text: &'t [u8],
    /// Where its bars are in that.
    bars: &'t [u64],
    separator: u8,
    /// The number of the field that begins at `from`, and how far the segment was taken.
    number: u16,
    from: usize,
    taken: usize,
    /// All fields are passed, and `number` is the last.
    is_over: bool,
}

impl<'t> Fields<'t> {
    fn new(message: &Plain<'t>, line: Range<usize>, bars: &'t [u64], declares: bool) -> Option<Self> {
        let from = line.start % 64;
        let text = message.bytes.get(line.start - from..line.end)?;
        // The name is field 0; MSH-1 is the separator behind it.
        let number = u16::from(declares);
        Some(Fields { text, bars, separator: message.field, number, from, taken: from, is_over: false })
    }

    /// Goes on to a field, if there are so many.
    fn go_to(&mut self, field: u16) {
        let between = field.checked_sub(self.number).and_then(|fields| fields.checked_sub(1));
        let Some(between) = between.filter(|_| !self.is_over) else { return };
        let bars = |word: usize| self.bars.get(word).copied().unwrap_or_default();
        match maps::nth(bars, usize::from(between), self.from, self.text.len()) {
            Some(bar) => (self.from, self.number) = (bar + 1, field),
            None => {
                let left = maps::count(self.bars, self.from, self.text.len());
                self.number += u16::try_from(left).unwrap_or(between);
                self.is_over = true;
            }
        }
    }

    /// Writes all up to a field, and then a value in place of that.
    fn set(&mut self, field: u16, value: &[u8], out: &mut Vec<u8>) {
        self.go_to(field);
        if self.is_over {
            if !value.is_empty() {
                self.finish(out);
                out.extend(std::iter::repeat_n(self.separator, usize::from(field.saturating_sub(self.number))));
                out.extend_from_slice(value);
                self.number = field;
            }
            return;
        }
        out.extend_from_slice(self.text.get(self.taken..self.from).unwrap_or_default());
        out.extend_from_slice(value);
        let end = self.text.len();
        self.taken = maps::next(self.bars, self.from, end).unwrap_or(end);
        self.from = self.taken;
        if self.from < end {
            self.from += 1;
            self.number += 1;
        } else {
            self.is_over = true;
        }
    }

    /// Writes what was not taken yet.
    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text.get(self.taken..).unwrap_or_default());
        self.taken = self.text.len();
    }
}

enum Value<'v> {
    /// What stands there stays.
    Kept,
    New(&'v [u8]),
}

/// A text that stands in the message as it stands in JSON.
fn plain_value<'v>(written: &'v [u8], is_special: &[bool; 256]) -> Option<Value<'v>> {
    let written = written.strip_suffix(b",").unwrap_or(written);
    Some(match written {
        b"{}" | b"" => Value::New(b""),
        b"null" => Value::New(b"\"\""),
        kept if kept == KEPT.as_bytes() => Value::Kept,
        [b'"', text @ .., b'"'] => {
            let is_plain = |byte: &u8| !is_special.get(usize::from(*byte)).copied().unwrap_or(true);
            return text.iter().all(is_plain).then_some(Value::New(text));
        }
        [b'0'..=b'9' | b'-', ..] => Value::New(written),
        _ => return code(written, is_special),
    })
}

/// `{"code":"…"}`: a code alone, as tables between senders give it, which fits each place.
fn code<'v>(written: &'v [u8], is_special: &[bool; 256]) -> Option<Value<'v>> {
    let written = fitted(written).unwrap_or(written);
    let text = written.strip_prefix(b"{\"code\":\"")?.strip_suffix(b"\"}")?;
    let is_plain = |byte: &u8| !is_special.get(usize::from(*byte)).copied().unwrap_or(true);
    text.iter().all(is_plain).then_some(Value::New(text))
}

/// What is in `{"fits":"1 2.7:9","is":…}`.
fn fitted(written: &[u8]) -> Option<&[u8]> {
    let rest = written.strip_prefix(b"{\"fits\":\"")?.strip_suffix(b"}")?;
    let end = rest.iter().position(|&byte| byte == b'"')?;
    let value = rest.get(end..)?.strip_prefix(b"\",\"is\":")?;
    Some(value.strip_suffix(b",").unwrap_or(value))
}

fn behind_line_end(text: &[u8], at: usize) -> usize {
    match text.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => at + 2,
        [b'\r' | b'\n', ..] => at + 1,
        _ => at,
    }
}

/// The first line end of the text.
fn line_end(text: &[u8]) -> &'static [u8] {
    match memchr::memchr2(b'\r', b'\n', text).and_then(|at| text.get(at..)) {
        Some([b'\r', b'\n', ..]) => b"\r\n",
        Some([b'\n', ..]) => b"\n",
        _ => b"\r",
    }
}
