//! Bytes to a message: charset, delimiters and where each segment stands. Nothing else is looked at here, so that a
//! message costs its text and twenty bytes a segment.
//!
//! Reading is tolerant: any line end, a byte order mark, MLLP framing, lines that are no segment. What was odd is
//! told by [`Message::notes`]; [`Message::print`] gives the same bytes again, but for line ends and framing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::piece::Encoding;
use crate::{Charset, Delimiters, Level, Note, Piece, Place, notes};

/// A message, decoded to UTF-8 where its charset was another, with its segments found. `Debug` prints the size only.
pub struct Message {
    text: String,
    segments: Vec<Segment>,
    /// Index of the first MSH.
    header: usize,
    encoding: Encoding,
    /// What MSH-1 and MSH-2 are read with.
    verbatim: Encoding,
    bom: bool,
    /// How the declared charset failed, though the text could be read.
    misdeclared: Option<Misdeclared>,
    /// The bytes as they came, where encoding the text would not give them again.
    original: Option<Vec<u8>>,
}

/// What the feed says about messages that do not say it themselves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where MSH-18 is empty; UTF-8 if this is too.
    pub charset: Option<Charset>,
}

/// Why bytes are no message. No value of them is kept; offsets count from the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// No bytes, or blanks only.
    Empty,
    /// Control characters and no MSH.
    Binary,
    /// Text without a line that begins with MSH.
    NoHeader,
    /// The character after MSH cannot separate fields.
    BadDelimiters,
    /// MSH-18 names no charset that we know, and the bytes are not plain ASCII.
    UnknownCharset,
    /// A byte that the message's charset does not have.
    BadCharset { charset: Charset, offset: usize },
    /// More than [`TEXT_MAX`] bytes or [`SEGMENTS_MAX`] lines.
    TooLarge,
}

/// The longest text, in bytes: an offset has 32 bits.
pub const TEXT_MAX: usize = u32::MAX as usize;
/// The most lines, so that a file of line ends cannot take many times its size.
pub const SEGMENTS_MAX: usize = 1 << 22;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misdeclared {
    Unknown,
    IsUtf8,
}

/// A line of a message; its text is [`Message::text_of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// [`Name::NONE`] where the line does not begin with a segment's name and the field separator.
    pub name: Name,
    /// The how-manieth segment of this name, from 1.
    pub occurrence: u32,
    /// Line in the message's text, from 1.
    pub line: u32,
    start: u32,
    end: u32,
}

impl Segment {
    /// Where the segment stands in the decoded text, without its line end.
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A segment's name: a capital and two capitals or digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name([u8; 3]);

impl Name {
    /// That of a line which is no segment.
    pub const NONE: Name = Name([0; 3]);

    pub fn read(text: &str) -> Option<Name> {
        match *text.as_bytes() {
            [a, b, c] => Name::of(a, b, c),
            _ => None,
        }
    }

    /// The same of its bytes: an upper-case letter, and two of these or digits (HL7 v2.5.1 §2.5.2).
    pub fn of(a: u8, b: u8, c: u8) -> Option<Name> {
        let rest = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        (a.is_ascii_uppercase() && rest(b) && rest(c)).then_some(Name([a, b, c]))
    }

    pub fn is_none(self) -> bool {
        self == Name::NONE
    }

    /// Whether a site made it up: its name begins with Z.
    pub fn is_local(self) -> bool {
        matches!(self.0, [b'Z', ..])
    }

    /// Empty for [`Name::NONE`].
    pub fn as_str(&self) -> &str {
        if self.is_none() { "" } else { std::str::from_utf8(&self.0).unwrap_or_default() }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.as_str())
    }
}

impl Message {
    /// Reads one message; [`crate::batch::Splitter`] takes a file with several apart. Linear in time; in memory the text
    /// and its index.
    pub fn read(bytes: &[u8], settings: &Settings) -> Result<Message, Unreadable> {
        Message::of(Decoded::read(bytes, settings)?)
    }

    /// The same without what stands behind the header, for those who ask for nothing else: all of it is checked as
    /// [`Message::read`] does, and none of it is copied where it is UTF-8.
    pub fn read_header(bytes: &[u8], settings: &Settings) -> Result<Message, Unreadable> {
        let decoded = Decoded::read(bytes, settings)?;
        let text = decoded.text.as_bytes();
        let start = header_start(text).unwrap_or_default();
        let line = text.get(start..).unwrap_or_default();
        let end = start + memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
        let text = decoded.text.get(..end).unwrap_or_default().to_owned().into();
        Message::of(Decoded { text, original: None, ..decoded })
    }

    fn of(decoded: Decoded<'_>) -> Result<Message, Unreadable> {
        let Decoded { text, charset, misdeclared, original, bom } = decoded;
        let text = text.into_owned();
        let delimiters = header(text.as_bytes())?;
        let (segments, header) = index(&text, delimiters.field)?;
        let none = Delimiters {
            component: None,
            repetition: None,
            escape: None,
            subcomponent: None,
            truncation: None,
            ..delimiters
        };
        Ok(Message {
            text,
            segments,
            header,
            encoding: Encoding { delimiters, charset },
            verbatim: Encoding { delimiters: none, charset },
            bom,
            misdeclared,
            original,
        })
    }

    /// All lines but empty ones, in the order of the file.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Index of the first MSH.
    pub fn header(&self) -> usize {
        self.header
    }

    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The segment as it stands in the message, with its name and without its line end. Empty for a wrong index.
    pub fn text_of(&self, segment: usize) -> &str {
        self.segments.get(segment).and_then(|segment| self.text.get(segment.range())).unwrap_or_default()
    }

    /// The nth field, counted as the standard does: MSH-1 is the separator itself, and so in FHS and BHS. An empty
    /// piece where there are fewer, or no such segment.
    pub fn field(&self, segment: usize, n: u16) -> Piece<'_> {
        let place = Place { field: n, ..self.place(segment) };
        let text = self.text_of(segment);
        let declares = matches!(&place.name.0, b"MSH" | b"FHS" | b"BHS");
        let before = if declares { n.checked_sub(1) } else { Some(n) };
        let (text, level) = match (declares, n) {
            (_, 0) => ("", Level::Field),
            (true, 1) => (text.get(3..4).unwrap_or_default(), Level::Verbatim),
            (true, 2) => (self.nth(text, 1), Level::Verbatim),
            _ => (self.nth(text, before.unwrap_or_default()), Level::Field),
        };
        let encoding = if level == Level::Verbatim { &self.verbatim } else { &self.encoding };
        Piece { text, level, place, encoding }
    }

    /// How many fields the segment has; the last one may be empty.
    pub fn fields(&self, segment: usize) -> u16 {
        let separators = memchr::memchr_iter(self.encoding.delimiters.field, self.text_of(segment).as_bytes()).count();
        let declares = self.segments.get(segment).is_some_and(|s| matches!(&s.name.0, b"MSH" | b"FHS" | b"BHS"));
        u16::try_from(separators + usize::from(declares)).unwrap_or(u16::MAX)
    }

    /// A field of the first MSH.
    pub fn msh(&self, n: u16) -> Piece<'_> {
        self.field(self.header, n)
    }

    /// The segment's place, without a field.
    pub fn place(&self, segment: usize) -> Place {
        let found = self.segments.get(segment);
        Place {
            segment: u32::try_from(segment).unwrap_or(u32::MAX),
            name: found.map_or(Name::NONE, |segment| segment.name),
            occurrence: found.map_or(0, |segment| segment.occurrence),
            field: 0,
            repetition: 0,
            component: 0,
            subcomponent: 0,
        }
    }

    /// What was odd, in the order of the message. Found anew at each call; nothing is kept.
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        notes::of(self, &self.text, self.bom, self.misdeclared)
    }

    /// The message in its own charset, each segment closed by CR: byte for byte what was read, but for line ends,
    /// empty lines and framing.
    pub fn print(&self) -> Vec<u8> {
        let charset = self.encoding.charset;
        let lines: Vec<u8> = match &self.original {
            Some(original) => ended(original.split(|&byte| byte == b'\r' || byte == b'\n')),
            None => {
                let mut text = String::with_capacity(self.text.len() + 1);
                for index in 0..self.segments.len() {
                    text.push_str(self.text_of(index));
                    text.push('\r');
                }
                charset.encode(&text).expect("text that was decoded from this charset has bytes in it")
            }
        };
        if self.bom { [self.mark(charset), lines.as_slice()].concat() } else { lines }
    }

    /// All of the text, line ends too.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The bytes as they came, where encoding the text would not give them again.
    pub(crate) fn original(&self) -> Option<&[u8]> {
        self.original.as_deref()
    }

    /// The byte order mark, if there was one, as another charset writes it.
    pub(crate) fn mark(&self, charset: Charset) -> &'static [u8] {
        match (self.bom, charset) {
            (false, _) => b"",
            (true, Charset::Utf16Le) => b"\xff\xfe",
            (true, Charset::Utf16Be) => b"\xfe\xff",
            (true, _) => b"\xef\xbb\xbf",
        }
    }

    /// The text after the nth field separator, up to the next.
    fn nth<'m>(&self, text: &'m str, n: u16) -> &'m str {
        text.split(char::from(self.encoding.delimiters.field)).nth(usize::from(n)).unwrap_or_default()
    }
}

/// The text of a message, before anybody looks at it.
struct Decoded<'b> {
    text: Cow<'b, str>,
    charset: Charset,
    misdeclared: Option<Misdeclared>,
    original: Option<Vec<u8>>,
    bom: bool,
}

impl<'b> Decoded<'b> {
    fn read(bytes: &'b [u8], settings: &Settings) -> Result<Decoded<'b>, Unreadable> {
        let framed = unframed(bytes);
        let (marked, unmarked) = without_mark(bytes.get(framed.clone()).unwrap_or_default());
        let at = framed.end - unmarked.len();
        let (charset, misdeclared) = match marked {
            Some(charset) => (charset, None),
            None => declared(unmarked, settings)?,
        };
        let text =
            charset.decode(unmarked).map_err(|offset| Unreadable::BadCharset { charset, offset: at + offset })?;
        let original = (charset.is_ambiguous() && charset.encode(&text).is_none_or(|again| again != unmarked))
            .then(|| unmarked.to_vec());
        Ok(Decoded { text, charset, misdeclared, original, bom: framed.len() > unmarked.len() })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} segments, {} bytes)", self.segments.len(), self.text.len())
    }
}

fn ended<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        out.extend_from_slice(line);
        out.push(b'\r');
    }
    out
}

/// What stands between MLLP's start and end blocks and blank lines.
fn unframed(bytes: &[u8]) -> Range<usize> {
    let is_framing = |byte: &u8| matches!(byte, 0x0b | 0x1c | b'\r' | b'\n');
    let start = bytes.iter().position(|byte| !is_framing(byte)).unwrap_or(bytes.len());
    let rest = bytes.get(start..).unwrap_or_default();
    // A line end of UTF-16 has a NUL on one side: nothing may be cut off there.
    if rest.starts_with(b"\xff\xfe") || rest.starts_with(b"\xfe\xff") || rest.iter().take(2).any(|&byte| byte == 0) {
        return start..bytes.len();
    }
    let end = bytes.iter().rposition(|byte| !is_framing(byte)).map_or(start, |last| last + 1);
    start..end
}

/// The charset that a byte order mark or the first two characters show, and the bytes after the mark.
fn without_mark(bytes: &[u8]) -> (Option<Charset>, &[u8]) {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (Some(Charset::Utf8), rest),
        [0xff, 0xfe, rest @ ..] => (Some(Charset::Utf16Le), rest),
        [0xfe, 0xff, rest @ ..] => (Some(Charset::Utf16Be), rest),
        [b'M', 0, b'S', 0, ..] => (Some(Charset::Utf16Le), bytes),
        [0, b'M', 0, b'S', ..] => (Some(Charset::Utf16Be), bytes),
        _ => (None, bytes),
    }
}

/// The charset that MSH-18 or the settings declare (HL7 v2.5.1 §2.15.9.18).
pub(crate) fn declared(bytes: &[u8], settings: &Settings) -> Result<(Charset, Option<Misdeclared>), Unreadable> {
    let delimiters = header(bytes)?;
    let start = header_start(bytes).unwrap_or_default();
    let line = bytes.get(start..).unwrap_or_default();
    let line = line.get(..memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len())).unwrap_or_default();
    // The 17th bar stands before MSH-18.
    let mut bars = memchr::memchr_iter(delimiters.field, line);
    let before = bars.nth(16).map_or(line.len(), |bar| bar + 1);
    let field = line.get(before..bars.next().unwrap_or(line.len())).unwrap_or_default();
    let field = String::from_utf8_lossy(field);
    let mut names = field.split(|c: char| delimiters.repetition.map(char::from) == Some(c)).map(str::trim);
    let first = names.next().unwrap_or_default();

    // The repetitions after the first are those that ISO 2022 switches to, known to us for Japanese.
    if names.any(|name| Charset::named(name) == Ok(Charset::Iso2022Jp)) {
        return Ok((Charset::Iso2022Jp, None));
    }
    if first.is_empty() {
        return Ok((settings.charset.unwrap_or(Charset::Utf8), None));
    }
    match Charset::named(first) {
        // MSH could not be read if it were UTF-16.
        Ok(Charset::Utf16Le | Charset::Utf16Be) => Ok((Charset::Utf8, Some(Misdeclared::IsUtf8))),
        // UTF-8 says the same as ASCII wherever ASCII says anything, so nothing can be misread.
        Ok(Charset::Ascii) if !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok() => {
            Ok((Charset::Utf8, Some(Misdeclared::IsUtf8)))
        }
        Ok(charset) => Ok((charset, None)),
        // ESC begins a switch of ISO 2022: what follows it only looks like ASCII.
        Err(_) if bytes.is_ascii() && !bytes.contains(&0x1b) => Ok((Charset::Utf8, Some(Misdeclared::Unknown))),
        Err(_) => Err(Unreadable::UnknownCharset),
    }
}

/// The delimiters of the first line that begins with MSH, or why there are none.
fn header(bytes: &[u8]) -> Result<Delimiters, Unreadable> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::Empty);
    }
    match header_start(bytes).and_then(|start| bytes.get(start..)) {
        Some(line) => Delimiters::read(line).ok_or(Unreadable::BadDelimiters),
        None if bytes.iter().any(|&byte| byte == 0 || byte == 0x7f || (byte < b' ' && !byte.is_ascii_whitespace())) => {
            Err(Unreadable::Binary)
        }
        None => Err(Unreadable::NoHeader),
    }
}

/// Where the first line begins that looks like a header; one that cannot be read only if there is no other.
fn header_start(bytes: &[u8]) -> Option<usize> {
    let starts = memchr::memmem::find_iter(bytes, b"MSH").filter(|&at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        matches!(before, None | Some(b'\r' | b'\n'))
    });
    let mut first = None;
    for start in starts {
        if bytes.get(start..).and_then(Delimiters::read).is_some() {
            return Some(start);
        }
        first = first.or(Some(start));
    }
    first
}

/// The lines of the text, and which of them is the first MSH.
fn index(text: &str, separator: u8) -> Result<(Vec<Segment>, usize), Unreadable> {
    let bytes = text.as_bytes();
    if bytes.len() > TEXT_MAX {
        return Err(Unreadable::TooLarge);
    }
    let mut segments = Vec::new();
    let mut seen = HashMap::new();
    let mut header = None;
    let (mut start, mut line) = (0, 1);
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        if length > 0 {
            if segments.len() == SEGMENTS_MAX {
                return Err(Unreadable::TooLarge);
            }
            let name = match *rest.get(..length.min(4)).unwrap_or_default() {
                [a, b, c] => Name::of(a, b, c),
                [a, b, c, after] if after == separator => Name::of(a, b, c),
                _ => None,
            };
            let name = name.unwrap_or(Name::NONE);
            let occurrence: &mut u32 = seen.entry(name).or_default();
            *occurrence += 1;
            if &name.0 == b"MSH" && length > 3 {
                header = header.or(Some(segments.len()));
            }
            let (from, to) = (offset(start)?, offset(start + length)?);
            segments.push(Segment { name, occurrence: *occurrence, line, start: from, end: to });
        }
        let is_pair = matches!(rest.get(length..), Some([b'\r', b'\n', ..]));
        start += length + if is_pair { 2 } else { 1 };
        line += 1;
    }
    segments.shrink_to_fit();
    Ok((segments, header.ok_or(Unreadable::NoHeader)?))
}

fn offset(at: usize) -> Result<u32, Unreadable> {
    u32::try_from(at).map_err(|_| Unreadable::TooLarge)
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Empty => f.write_str("nothing but blanks"),
            Unreadable::Binary => f.write_str("not text: no HL7 v2 message can be in it"),
            Unreadable::NoHeader => f.write_str("no line begins with MSH, so there is no HL7 v2 message"),
            Unreadable::BadDelimiters => f.write_str("the character after MSH cannot separate fields"),
            Unreadable::UnknownCharset => f.write_str("MSH-18 names a character set that is not known here"),
            Unreadable::BadCharset { charset, offset } => {
                write!(f, "the byte at offset {offset} is not of the message's character set, {}", charset.name())
            }
            Unreadable::TooLarge => write!(f, "more than {TEXT_MAX} bytes or {SEGMENTS_MAX} lines"),
        }
    }
}

impl std::error::Error for Unreadable {}

#[cfg(test)]
mod tests;
