//! What was odd about a message that could be read all the same: each with its place, none with a value.

use crate::message::Misdeclared;
use crate::{Charset, Delimiters, Message, Name, Place, delimiters, escape};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    pub odd: Odd,
    pub place: Place,
    /// Line in the message, from 1.
    pub line: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// The text begins with a byte order mark.
    Mark,
    /// MSH-18 names a charset that is not known here; all bytes were ASCII.
    UnknownCharset,
    /// MSH-18 says ASCII or UTF-16, but the text is UTF-8.
    IsUtf8,
    Delimiters(delimiters::Oddity),
    /// The first line that does not end with CR alone.
    LineEnd,
    /// A line that does not begin with a segment's name: kept, mapped by nothing.
    NoName,
    /// Another MSH: the file holds several messages.
    SecondHeader,
    /// Blanks at the end of a segment.
    TrailingBlanks,
    /// An escape sequence that the standard does not know, or none at all: kept as it is.
    UnknownEscape,
    /// A control character, read as a blank.
    Control,
}

impl Odd {
    /// One sentence for a person.
    pub fn text(self) -> &'static str {
        match self {
            Odd::Mark => "a byte order mark stands before the message",
            Odd::UnknownCharset => "the character set in MSH-18 is not known; the message is plain ASCII",
            Odd::IsUtf8 => "MSH-18 names another character set, but the message is UTF-8",
            Odd::Delimiters(delimiters::Oddity::Missing) => "MSH-2 is empty; the standard's characters are taken",
            Odd::Delimiters(delimiters::Oddity::DoubledEscape) => "MSH-2 names the escape character twice",
            Odd::Delimiters(delimiters::Oddity::Repeated) => "MSH-2 uses one character for two roles",
            Odd::Delimiters(delimiters::Oddity::Unusable) => "MSH-2 holds a character that cannot delimit",
            Odd::LineEnd => "lines do not end with a carriage return alone",
            Odd::NoName => "the line does not begin with the name of a segment",
            Odd::SecondHeader => "another MSH stands inside the message",
            Odd::TrailingBlanks => "blanks stand at the end of the segment",
            Odd::UnknownEscape => "an escape sequence is not known; it is kept as it is",
            Odd::Control => "a control character is read as a blank",
        }
    }
}

pub(crate) fn of(
    message: &Message,
    text: &str,
    marked: bool,
    misdeclared: Option<Misdeclared>,
) -> impl Iterator<Item = Note> {
    let header = message.header();
    let misdeclared = misdeclared.map(|how| match how {
        Misdeclared::Unknown => Odd::UnknownCharset,
        Misdeclared::IsUtf8 => Odd::IsUtf8,
    });
    let delimiters = message.encoding().delimiters.oddity.map(Odd::Delimiters);
    let line_end = message.segments().iter().position(|segment| {
        let after = text.get(segment.range().end..).unwrap_or_default();
        after.starts_with('\n') || after.starts_with("\r\n")
    });
    let mark = marked.then_some(Odd::Mark);
    let on_header = [(mark, 0), (misdeclared, 18), (delimiters, 2)].into_iter();
    let on_header = on_header.filter_map(move |(odd, field)| Some(note(message, odd?, header, field)));
    let line_end = line_end.map(|segment| note(message, Odd::LineEnd, segment, 0));
    on_header.chain(line_end).chain((0..message.segments().len()).flat_map(|segment| in_segment(message, segment)))
}

/// Whether bytes are visible ASCII, blanks, tabs and line ends alone: every charset that can write a header reads them alike.
pub fn is_ascii_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() && !controls(bytes)
}

/// Whether bytes are text in UTF-8.
pub fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Counted and not searched for, since that is done many bytes at a time.
fn controls(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let any = |bytes: &[u8]| bytes.iter().fold(false, |any, byte| any | escape::is_unwanted(*byte));
    chunks.iter().any(|chunk| any(chunk)) || any(rest)
}

/// Whether each escape in a text begins a sequence that the standard knows (HL7 v2.5.1 §2.7).
pub fn knows_escapes(text: &[u8], delimiters: &Delimiters, charset: Charset) -> bool {
    let Some(escape) = delimiters.escape else { return true };
    let mut rest = text;
    // Few messages have many.
    while let Some(at) = memchr::memchr(escape, rest) {
        let after = rest.get(at + 1..).unwrap_or_default();
        // A sequence ends in its own field.
        let is_end = |byte: &u8| *byte == escape || *byte == delimiters.field || matches!(byte, b'\r' | b'\n');
        let end = after.iter().position(is_end);
        let Some((inner, [end, next @ ..])) = end.and_then(|end| after.split_at_checked(end)) else { return false };
        let is_known = |inner| escape::is_known(inner, delimiters, charset);
        if *end != escape || !std::str::from_utf8(inner).is_ok_and(is_known) {
            return false;
        }
        rest = next;
    }
    true
}

fn in_segment(message: &Message, segment: usize) -> Vec<Note> {
    let text = message.text_of(segment);
    let mut found = Vec::new();
    let name = message.place(segment).name;
    if name.is_none() {
        found.push(note(message, Odd::NoName, segment, 0));
    }
    if segment > message.header() && Some(name) == Name::read("MSH") {
        found.push(note(message, Odd::SecondHeader, segment, 0));
    }
    if escape::trim_end(text).len() < text.len() {
        found.push(note(message, Odd::TrailingBlanks, segment, 0));
    }
    let encoding = message.encoding();
    let escapes = encoding.delimiters.escape.is_some_and(|escape| text.as_bytes().contains(&escape));
    if name.is_none() || !(escapes || text.bytes().any(escape::is_unwanted)) {
        return found;
    }
    for n in 1..=message.fields(segment) {
        let field = message.field(segment, n);
        let known = &field.encoding.delimiters;
        let unknown = escape::unknown(field.text, known, encoding.charset).len();
        found.extend(std::iter::repeat_n(note(message, Odd::UnknownEscape, segment, n), unknown));
        if field.text.bytes().any(escape::is_unwanted) {
            found.push(note(message, Odd::Control, segment, n));
        }
    }
    found
}

fn note(message: &Message, odd: Odd, segment: usize, field: u16) -> Note {
    let line = message.segments().get(segment).map_or(0, |segment| segment.line);
    Note { odd, place: Place { field, ..message.place(segment) }, line }
}
