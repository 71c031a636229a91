//! Files of several messages: HL7 batches (FHS, BHS … BTS, FTS; HL7 v2.5.1 §2.10.3), messages one after another,
//! messages with MLLP framing around each.
//!
//! Works on bytes, before any charset is decoded, and holds one message at a time, however long the file is.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read};

use crate::message::TEXT_MAX;

/// What a piece of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message with the lines after it that belong to none, up to the next header or trailer.
    Message,
    /// A line of FHS, BHS, BTS or FTS.
    Envelope,
    /// A line that is neither: before the first message, or after a trailer.
    Stray,
}

/// How much is asked of the input at once.
const CHUNK: usize = 1 << 16;

/// How much of a line outside of messages is kept, so that a file without line ends takes no more than others.
const LINE_MAX: usize = 1 << 16;

/// How much of a message is kept: enough for [`crate::Message::read`] to say that it is too large.
const MESSAGE_MAX: usize = TEXT_MAX.saturating_add(1);

/// How much of the beginning of a file is kept until a message is found.
const BEGINNING_MAX: usize = 1 << 16;

/// How many characters of a line tell what it is, and what a trailer counts.
const TELLING: usize = 64;

/// Takes a file apart as it is read. Lines lose their ends and MLLP's blocks where they stand around a piece; a byte
/// order mark stays, as it tells the charset of the message that it stands before.
pub struct Splitter<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer is taken already.
    taken: usize,
    ended: bool,
    /// Not known before the first bytes.
    unit: Option<Unit>,
    /// What the line is that closed the message before it, a header or trailer.
    ahead: Option<Kind>,
    /// That line.
    line: Vec<u8>,
    beginning: Vec<u8>,
    messages: usize,
    miscounted: usize,
    since_batch: usize,
    batches: usize,
}

impl<R: Read> Splitter<R> {
    pub fn new(input: R) -> Splitter<R> {
        Splitter {
            input,
            buffer: Vec::new(),
            taken: 0,
            ended: false,
            unit: None,
            ahead: None,
            line: Vec::new(),
            beginning: Vec::new(),
            messages: 0,
            miscounted: 0,
            since_batch: 0,
            batches: 0,
        }
    }

    /// Puts the next piece of the file into `part`, in the place of what is there, and says what it is; nothing at the
    /// end. What stood in the file before a fault of the input is given before the fault.
    pub fn next(&mut self, part: &mut Vec<u8>) -> io::Result<Option<Kind>> {
        part.clear();
        let kind = match self.ahead.take() {
            Some(kind) => {
                part.extend_from_slice(&self.line);
                kind
            }
            None => match self.line(part, false)? {
                Some((kind, _)) => kind,
                None => return Ok(None),
            },
        };
        match kind {
            Kind::Message => self.rest(part)?,
            Kind::Envelope => self.count(part),
            Kind::Stray => {}
        }
        Ok(Some(kind))
    }

    /// How many messages were found up to now.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// How many trailers up to now count otherwise than there are: BTS-1 messages, FTS-1 batches.
    pub fn miscounted(&self) -> usize {
        self.miscounted
    }

    /// How the file begins, without blanks before that, so that a file without a message can be told what it is.
    /// Empty once there is a message.
    pub fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// The lines of a message after its header.
    fn rest(&mut self, part: &mut Vec<u8>) -> io::Result<()> {
        self.messages += 1;
        self.since_batch += 1;
        self.beginning = Vec::new();
        loop {
            let end = part.len();
            match self.line(part, true)? {
                Some((Kind::Stray, _)) => {}
                Some((kind, start)) => {
                    self.ahead = Some(kind);
                    self.line.clear();
                    self.line.extend_from_slice(part.get(start..).unwrap_or_default());
                    part.truncate(end);
                    return Ok(());
                }
                None => {
                    part.truncate(end);
                    return Ok(());
                }
            }
        }
    }

    fn count(&mut self, line: &[u8]) {
        let text = self.unit().telling(line);
        let counted = match text.get(..3) {
            Some(b"BTS") => {
                self.batches += 1;
                std::mem::take(&mut self.since_batch)
            }
            Some(b"FTS") => self.batches,
            _ => return,
        };
        self.miscounted += usize::from(said(&text).is_some_and(|said| said != counted));
    }

    /// Appends the next line, and in a message the line ends before it; says what it is and where in `part` it begins.
    /// The line's kind follows from its beginning, so that whatever is cut off of it does not change that.
    fn line(&mut self, part: &mut Vec<u8>, in_message: bool) -> io::Result<Option<(Kind, usize)>> {
        let unit = self.begin()?;
        self.take(unit, Take::Ends, |bytes| {
            if in_message {
                append(part, bytes, MESSAGE_MAX);
            }
        })?;
        let start = part.len();
        self.take(unit, Take::Text, |bytes| {
            append(part, bytes, MESSAGE_MAX);
            let line = part.get(start..).unwrap_or_default();
            if !in_message && line.len() > LINE_MAX && unit.kind(line) != Kind::Message {
                part.truncate(start + LINE_MAX);
            }
        })?;
        let line = part.get(start..).unwrap_or_default();
        Ok(if line.is_empty() { None } else { Some((unit.kind(line), start)) })
    }

    /// Hands over what of the input is of a kind, up to the first that is not.
    fn take(&mut self, unit: Unit, what: Take, mut to: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            let rest = self.buffer.get(self.taken..).unwrap_or_default();
            let found = unit.find(rest, what != Take::Ends);
            let whole = if self.ended { rest.len() } else { rest.len() - rest.len() % unit.width() };
            let length = found.unwrap_or(whole);
            // Half a unit at the end of the file is no line end.
            let length = if what == Take::Ends && found.is_none() { length - length % unit.width() } else { length };
            to(rest.get(..length).unwrap_or_default());
            self.taken += length;
            if found.is_some() || self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Goes past the line ends that the file begins with, and looks at the first characters.
    fn begin(&mut self) -> io::Result<Unit> {
        if let Some(unit) = self.unit {
            return Ok(unit);
        }
        self.take(Unit::Byte, Take::Ends, |_| {})?;
        loop {
            let rest = self.buffer.get(self.taken..).unwrap_or_default();
            if self.ended || rest.len() >= 4 {
                let unit = Unit::of(rest);
                self.unit = Some(unit);
                return Ok(unit);
            }
            self.fill()?;
        }
    }

    fn unit(&self) -> Unit {
        self.unit.unwrap_or(Unit::Byte)
    }

    /// Reads more behind what is not taken yet.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = loop {
            match self.input.read(self.buffer.get_mut(before..).unwrap_or_default()) {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        let new = self.buffer.get(before..).unwrap_or_default();
        if self.messages == 0 {
            let new = if self.beginning.is_empty() { new.trim_ascii_start() } else { new };
            append(&mut self.beginning, new, BEGINNING_MAX);
        }
        Ok(())
    }
}

/// The messages of a file that is in memory already.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut splitter = Splitter::new(bytes);
    std::iter::from_fn(move || {
        let mut part = Vec::new();
        loop {
            // Bytes in memory can be read.
            match splitter.next(&mut part).ok()?? {
                Kind::Message => return Some(part),
                Kind::Envelope | Kind::Stray => {}
            }
        }
    })
}

/// Whether what is taken for one message is a batch, or has another header behind its own: whoever reads it as one message
/// reads the first alone. Says nothing of UTF-16.
pub fn is_several(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let kind = text.get(..3).unwrap_or_default();
    let is_header = |at: usize| matches!(text.get(..at).and_then(<[u8]>::last), Some(b'\r' | b'\n'));
    matches!(kind, b"FHS" | b"BHS") || kind == b"MSH" && memchr::memmem::find_iter(text, kind).any(is_header)
}

/// How long the message is that stands alone in these bytes, from the first on: as [`messages`] gives it. Nothing where a
/// look over their lines does not say so.
pub fn only(bytes: &[u8]) -> Option<usize> {
    let kind = |line: &[u8]| Unit::Byte.kind(line);
    if Unit::of(bytes) != Unit::Byte || kind(bytes) != Kind::Message || memchr::memchr2(0x0b, 0x1c, bytes).is_some() {
        return None;
    }
    let length = bytes.iter().rposition(|byte| !is_end(*byte))? + 1;
    let message = bytes.get(..length)?;
    let mut lines = memchr::memchr2_iter(b'\r', b'\n', message).filter_map(|end| message.get(end + 1..));
    // What begins otherwise is no header or trailer.
    let may_tell = |line: &[u8]| matches!(line.first(), Some(b'M' | b'F' | b'B' | 0xef));
    lines.all(|line| !may_tell(line) || kind(line) == Kind::Stray).then_some(length)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    Ends,
    Text,
}

fn append(part: &mut Vec<u8>, bytes: &[u8], max: usize) {
    let room = max.saturating_sub(part.len()).min(bytes.len());
    part.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

/// What a character is made of. In every charset of one byte or more a line end is what it is in ASCII, and what a line
/// begins with too: the later bytes of GB18030 and the like are digits and letters, but never begin a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    /// UTF-16, the lower byte first.
    Little,
    /// UTF-16, the higher byte first.
    Big,
}

impl Unit {
    /// What a file is made of that begins so.
    fn of(bytes: &[u8]) -> Unit {
        match bytes {
            [0xff, 0xfe, ..] | [_, 0, _, 0, ..] if !bytes.starts_with(&[0, 0]) => Unit::Little,
            [0xfe, 0xff, ..] | [0, _, 0, _, ..] if !bytes.starts_with(&[0, 0]) => Unit::Big,
            _ => Unit::Byte,
        }
    }

    fn width(self) -> usize {
        if self == Unit::Byte { 1 } else { 2 }
    }

    /// The ASCII character of a unit; of others and of half a unit, none.
    fn ascii(self, unit: &[u8]) -> Option<u8> {
        match (self, unit) {
            (Unit::Little, &[byte, 0]) | (Unit::Big, &[0, byte]) | (Unit::Byte, &[byte]) => Some(byte),
            _ => None,
        }
    }

    /// Where the first line end stands, or with `end` false the first character that is none.
    fn find(self, bytes: &[u8], end: bool) -> Option<usize> {
        if self == Unit::Byte && end {
            let found = memchr::memchr3(b'\r', b'\n', 0x1c, bytes);
            // There are four of them, and this is the rarest.
            return memchr::memchr(0x0b, bytes.get(..found.unwrap_or(bytes.len()))?).or(found);
        }
        if self == Unit::Byte {
            return bytes.iter().position(|byte| !is_end(*byte));
        }
        let mut units = bytes.chunks_exact(2);
        units.position(|unit| self.ascii(unit).is_some_and(is_end) == end).map(|n| n * 2)
    }

    /// The beginning of a line as ASCII, without a byte order mark; what is not ASCII is of no use here.
    fn telling(self, line: &[u8]) -> Cow<'_, [u8]> {
        let mark: &[u8] = match self {
            Unit::Byte => b"\xef\xbb\xbf",
            Unit::Little => b"\xff\xfe",
            Unit::Big => b"\xfe\xff",
        };
        let line = line.strip_prefix(mark).unwrap_or(line);
        let line = line.get(..TELLING * self.width()).unwrap_or(line);
        match self {
            Unit::Byte => line.into(),
            _ => line.chunks_exact(2).map(|unit| self.ascii(unit).unwrap_or(0xff)).collect(),
        }
    }

    fn kind(self, line: &[u8]) -> Kind {
        let line = self.telling(line);
        let named = |name: &[u8]| line.starts_with(name) && line.get(3).is_none_or(u8::is_ascii_punctuation);
        if named(b"MSH") && line.len() > 3 {
            Kind::Message
        } else if [b"FHS", b"BHS", b"BTS", b"FTS"].iter().any(|name| named(*name)) {
            Kind::Envelope
        } else {
            Kind::Stray
        }
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)
}

/// BTS-1 or FTS-1, where it is a number.
fn said(trailer: &[u8]) -> Option<usize> {
    let separator = trailer.get(3)?;
    let field = trailer.split(|byte| byte == separator).nth(1)?;
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
