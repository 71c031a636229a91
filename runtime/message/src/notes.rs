//! What was odd about a message that could be read all the same: each with its place, none with a value.

use crate::message::{Misdeclared, declared};
use crate::{Charset, Delimiters, Message, Name, Place, Settings, delimiters, escape};

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

/// Whether it is certain, at a look over the bytes, that a message can be noted for nothing but its line ends and blanks
/// at the ends of lines. Costs a small part of reading it; where it says no, [`Message::notes`] knows more.
pub fn is_plain(bytes: &[u8], settings: &Settings) -> bool {
    if !bytes.starts_with(b"MSH") {
        return false;
    }
    let Some(delimiters) = Delimiters::read(bytes).filter(|it| it.oddity.is_none()) else { return false };
    let Ok((charset, None)) = declared(bytes, settings) else { return false };
    // In other charsets a byte of a longer character may look like one that is asked for here.
    let readable = bytes.is_ascii() || charset == Charset::Utf8;
    readable && !controls(bytes) && lines(bytes, &delimiters, charset)
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

/// Whether each line has a name, only the first is a header, and every escape in them is known.
fn lines(bytes: &[u8], delimiters: &Delimiters, charset: Charset) -> bool {
    let mut ends = memchr::memchr2_iter(b'\r', b'\n', bytes);
    ends.all(|end| is_named(bytes.get(end + 1..).unwrap_or_default(), delimiters.field))
        && escapes(bytes.get(HEAD..).unwrap_or_default(), delimiters, charset)
}

/// MSH-1 and MSH-2 escape nothing. A line that follows a shorter header has no more than its name before this.
const HEAD: usize = 8;

/// Whether a line behind the first is empty or begins with a name, and not with that of a header.
fn is_named(line: &[u8], field: u8) -> bool {
    match *line {
        [] | [b'\r' | b'\n', ..] => true,
        [b'M', b'S', b'H', ..] => false,
        [a, b, c] => Name::of(a, b, c).is_some(),
        [a, b, c, end, ..] => (end == field || matches!(end, b'\r' | b'\n')) && Name::of(a, b, c).is_some(),
        _ => false,
    }
}

fn escapes(text: &[u8], delimiters: &Delimiters, charset: Charset) -> bool {
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
