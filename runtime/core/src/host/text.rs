//! A message made ready for compiled code: its fields found, and each leaf of those that are read in the form in which
//! it goes into JSON, so that code copies bytes without a look at them.
//!
//! Most segments stay where they are: one pass finds bars and separators, and whatever could need a change. Those
//! that do need one are written anew behind the message. What compiled code could not read as the interpreter would
//! is deferred to the interpreter.

use emr_abi::{Layout, SLACK, Segment};
use emr_message::identity::Digest;
use emr_message::piece::Encoding;
use emr_message::{Charset, Delimiters, Message, Place, Settings, Unreadable};

mod edit;
mod kinds;
mod lanes;
mod maps;
mod rewrite;
mod scan;
mod split;

#[cfg(test)]
mod tests;

use kinds::Kinds;
use lanes::Chosen;
use maps::{Bitmaps, Separators};
use scan::{Again, Ends};
use split::{Defer, Line, Split, Table};
pub use split::{name, tag};

/// Longer messages go to the interpreter, which takes less memory for them; no offset of a rewritten segment passes 32
/// bits.
const LENGTH_MAX: usize = 16 << 20;

/// A message made ready for compiled code; its buffers are used again for the next one.
pub struct Text {
    lanes: Chosen,
    kinds: Kinds,
    declared: Option<Declared>,
    /// The message in whole blocks, the segments that were rewritten, [`SLACK`].
    text: Vec<u8>,
    /// Where the rewritten segments begin.
    message_end: usize,
    maps: Bitmaps,
    table: Table,
    segments: Vec<Segment>,
    classes: [u8; 256],
}

/// Why a message is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    Unreadable(Unreadable),
    /// The interpreter does this message.
    Defer,
}

/// Bits for the bytes of the text, as [`emr_abi::Context`] has them.
#[derive(Clone, Copy, Debug)]
pub struct Maps {
    pub components: *const u8,
    pub repetitions: *const u8,
    pub subcomponents: *const u8,
    pub separators: *const u8,
}

/// What MSH-18 said last time, since messages of a feed say the same.
struct Declared {
    field: Vec<u8>,
    charset: Charset,
}

impl Text {
    pub fn new(layout: &Layout) -> Text {
        Text::with(layout, Chosen::best())
    }

    fn with(layout: &Layout, lanes: Chosen) -> Text {
        Text {
            lanes,
            kinds: Kinds::new(layout),
            declared: None,
            text: Vec::new(),
            message_end: 0,
            maps: Bitmaps::default(),
            table: Table::default(),
            segments: Vec::new(),
            classes: [0; 256],
        }
    }

    /// Reads a message. Allocates nothing once the buffers are large enough, but for escapes and where the charset is
    /// neither UTF-8 nor ASCII.
    ///
    /// If it fails, the text holds nothing that may be used.
    pub fn read(&mut self, bytes: &[u8], settings: &Settings) -> Result<(), Unready> {
        let (encoding, ascii) = match self.load(bytes, settings)? {
            Some(loaded) => loaded,
            None => self.load_oddly(bytes, settings)?,
        };
        self.split(&encoding, ascii).map_err(|Defer| Unready::Defer)
    }

    /// How many bytes the text has, the rewritten segments included.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Of all segments as they came, for identities.
    pub fn digest(&self) -> Digest {
        let message = self.text.get(..self.message_end).unwrap_or_default();
        let segment = |line: &Line| {
            let rest = message.get(line.at as usize..).unwrap_or_default();
            rest.get(..memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())).unwrap_or_default()
        };
        // Mostly they stand in one piece, with the line ends that the standard asks for.
        let lines = &self.table.lines;
        let whole = lines
            .first()
            .zip(lines.last())
            .and_then(|(first, last)| message.get(first.at as usize..last.at as usize + segment(last).len()));
        match whole {
            Some(whole)
                if whole.len() + 1 == self.table.message_bytes + lines.len()
                    && memchr::memchr(b'\n', whole).is_none() =>
            {
                Digest::of_joined(whole)
            }
            _ => Digest::of_segments(lines.iter().map(segment)),
        }
    }

    /// [`emr_abi::Context::text`].
    pub fn base(&self) -> *const u8 {
        self.text.as_ptr()
    }

    /// The segments of the message in order, after the one that is not there.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of all segments in order as numbers ([`tag`]), 0 for a line that is none.
    pub fn tags(&self) -> &[u32] {
        &self.table.tags
    }

    pub fn maps(&self) -> Maps {
        Maps {
            components: self.maps.components.as_ptr().cast(),
            repetitions: self.maps.repetitions.as_ptr().cast(),
            subcomponents: self.maps.subcomponents.as_ptr().cast(),
            separators: self.maps.separators.as_ptr().cast(),
        }
    }

    /// [`emr_abi::flags`].
    pub fn flags(&self) -> u64 {
        self.table.flags
    }

    /// Whether an explicit null was taken out at that byte of the text.
    pub fn has_null(&self, at: usize) -> bool {
        self.table.nulls.binary_search(&at).is_ok()
    }

    /// 1 for a separator below the field.
    pub fn classes(&self) -> &[u8; 256] {
        &self.classes
    }

    /// The lengths of all segments together, as the interpreter measures a message.
    pub fn message_bytes(&self) -> usize {
        self.table.message_bytes
    }

    /// Where the text at that address stands in the message, down to the subcomponent: the caller knows which levels
    /// are meant. `None` if no leaf of a field that is read begins there, as with a value that is not there.
    pub fn place(&self, at: *const u8) -> Option<Place> {
        let at = at.addr().checked_sub(self.base().addr())?;
        let (segment, line) = self.line_at(at)?;
        let kind = self.kinds.numbered(line.kind)?;
        let starts = self.table.starts_of(line, kind);
        let field = starts.partition_point(|&start| start as usize <= at).checked_sub(1)?;
        let start = *starts.get(field)? as usize;
        if at > line.end as usize || kind.fields >> field & 1 == 0 {
            return None;
        }
        let maps = &self.maps;
        let is_behind_blank = at > start && self.table.blanks.binary_search(&(at - 1)).is_ok();
        if is_behind_blank || at > start && maps::last(&maps.separators, start, at) != Some(at - 1) {
            return None;
        }
        let after = |map: &[u64], from: usize| maps::last(map, from, at).map_or(from, |found| found + 1);
        let repetition = after(&maps.repetitions, start);
        let component = after(&maps.components, repetition);
        let part = |map: &[u64], from: usize| u16::try_from(maps::count(map, from, at) + 1).ok();
        Some(Place {
            segment: u32::try_from(segment).ok()?,
            name: kind.name,
            occurrence: line.occurrence,
            field: kind.field(field)?,
            repetition: maps::count(&maps.repetitions, start, at) + 1,
            component: part(&maps.components, repetition)?,
            subcomponent: part(&maps.subcomponents, component)?,
        })
    }

    /// The segment whose text, rewritten or not, holds that byte.
    fn line_at(&self, at: usize) -> Option<(usize, &split::Line)> {
        let Table { lines, moved, .. } = &self.table;
        let number = if at < self.message_end {
            lines.partition_point(|line| line.at as usize <= at).checked_sub(1)?
        } else {
            *moved.get(
                moved.partition_point(|&line| (lines.get(line as usize)).is_some_and(|line| (line.end as usize) < at)),
            )? as usize
        };
        Some((number, lines.get(number)?))
    }

    /// Takes the message as it is, if it begins with an ordinary header and its charset is known; `None` if not. Gives
    /// also whether all of it is ASCII.
    fn load(&mut self, bytes: &[u8], settings: &Settings) -> Result<Option<(Encoding, bool)>, Unready> {
        let (offset, bytes) = unframed(bytes);
        if bytes.len() > LENGTH_MAX {
            return Err(Unready::Defer);
        }
        let Some(delimiters) = ordinary(bytes) else { return Ok(None) };
        self.fill([bytes].into_iter());
        let ascii = self.scan(delimiters.field);
        let Some(charset) = self.charset(&delimiters, settings, ascii) else { return Ok(None) };
        if ascii && !matches!(charset, Charset::Iso2022Jp | Charset::Utf16Le | Charset::Utf16Be) {
            return Ok(Some((Encoding { delimiters, charset }, true)));
        }
        // What is UTF-8 already stays as it stands; where it is not, decoding says at which byte.
        if charset == Charset::Utf8 && simdutf8::basic::from_utf8(bytes).is_ok() {
            return Ok(Some((Encoding { delimiters, charset }, false)));
        }
        let wrong = |at| Unready::Unreadable(Unreadable::BadCharset { charset, offset: offset + at });
        let decoded = charset.decode(bytes).map_err(wrong)?;
        if let std::borrow::Cow::Owned(decoded) = &decoded {
            if decoded.len() > LENGTH_MAX {
                return Err(Unready::Defer);
            }
            if ordinary(decoded.as_bytes()) != Some(delimiters) {
                return Ok(None);
            }
            self.fill([decoded.as_bytes()].into_iter());
            self.scan(delimiters.field);
        }
        Ok(Some((Encoding { delimiters, charset }, false)))
    }

    /// Takes the segments that [`Message::read`] finds, whatever stands around and between them.
    #[cold]
    fn load_oddly(&mut self, bytes: &[u8], settings: &Settings) -> Result<(Encoding, bool), Unready> {
        let message = Message::read(bytes, settings).map_err(Unready::Unreadable)?;
        let encoding = *message.encoding();
        let texts = (0..message.segments().len()).map(|segment| message.text_of(segment).as_bytes());
        if texts.clone().map(|text| text.len() + 1).sum::<usize>() > LENGTH_MAX {
            return Err(Unready::Defer);
        }
        self.fill(texts);
        let ascii = self.scan(encoding.delimiters.field);
        Ok((encoding, ascii))
    }

    /// The lines become the text, each with its end, and blocks are made whole.
    fn fill<'t>(&mut self, lines: impl Iterator<Item = &'t [u8]>) {
        self.text.clear();
        for line in lines {
            self.text.extend_from_slice(line);
            self.text.push(b'\r');
        }
        self.text.resize(self.text.len().next_multiple_of(64), 0);
        self.message_end = self.text.len();
    }

    /// Notes the line ends; gives whether all bytes are ASCII.
    fn scan(&mut self, field: u8) -> bool {
        let (blocks, _) = self.text.as_chunks::<64>();
        self.maps.begin(blocks.len());
        self.lanes.run(Ends { blocks, field, maps: &mut self.maps })
    }

    /// The charset by MSH-18 or the settings, as [`Message::read`] has it; `None` where it is left to that.
    fn charset(&mut self, delimiters: &Delimiters, settings: &Settings, ascii: bool) -> Option<Charset> {
        let field = self.msh_18();
        if field.is_empty() {
            return Some(settings.charset.unwrap_or(Charset::Utf8));
        }
        let charset = match &self.declared {
            Some(declared) if declared.field == field => declared.charset,
            _ => {
                let name = std::str::from_utf8(field).ok()?;
                // Several may mean that they are switched between, and a blank name is none.
                if name.trim().is_empty() || name.contains(char::from(delimiters.repetition?)) {
                    return None;
                }
                let charset = Charset::named(name.trim()).ok()?;
                self.declared = Some(Declared { field: field.to_vec(), charset });
                charset
            }
        };
        match charset {
            Charset::Utf16Le | Charset::Utf16Be => None,
            // It may be UTF-8 all the same.
            Charset::Ascii if !ascii => None,
            charset => Some(charset),
        }
    }

    /// MSH-18 of the first line; the 17 bars before it and perhaps one behind it close it in.
    fn msh_18(&self) -> &[u8] {
        let end = maps::next(&self.maps.ends, 0, self.message_end).unwrap_or_default();
        let Some(before) = self.maps.bar(16, 0, end) else { return &[] };
        let after = self.maps.bar(0, before + 1, end).unwrap_or(end);
        self.text.get(before + 1..after).unwrap_or_default()
    }

    fn split(&mut self, encoding: &Encoding, ascii: bool) -> Result<(), Defer> {
        let by = Separators::of(&encoding.delimiters).ok_or(Defer)?;
        self.kinds.begin();
        self.table.begin();
        let (text, kinds, maps, table) = (&self.text, &mut self.kinds, &mut self.maps, &mut self.table);
        self.lanes.run(Split { text, ascii, encoding, by, kinds, maps, table })?;

        if !self.table.rewritten.is_empty() {
            self.add_rewritten(by);
        }
        self.text.resize(self.text.len() + SLACK, 0);
        self.classes = [0; 256];
        for separator in [by.component, by.repetition, by.subcomponent] {
            if let Some(class) = self.classes.get_mut(usize::from(separator)) {
                *class = 1;
            }
        }
        self.list();
        Ok(())
    }

    /// The segments that were rewritten, in whole blocks, and their separators.
    fn add_rewritten(&mut self, by: Separators) {
        self.text.extend_from_slice(&self.table.rewritten);
        self.text.resize(self.text.len().next_multiple_of(64), 0);
        let (blocks, _) = self.text.as_chunks::<64>();
        self.maps.reach(blocks.len());
        self.lanes.run(Again { blocks, from: self.message_end / 64, by, maps: &mut self.maps });
        self.table.literals.iter().for_each(|&at| self.maps.clear(at));
        self.table.blanks.iter().for_each(|&at| self.maps.end_leaf(at));
    }

    /// The table of segments, now that the starts will not move any more.
    fn list(&mut self) {
        let starts = self.table.starts.as_ptr();
        self.segments.clear();
        self.segments.push(Segment { starts: starts.wrapping_add(split::NOWHERE as usize), kind: 0, index: 0 });
        self.segments.extend((0..).zip(&self.table.lines).map(|(index, line)| Segment {
            starts: starts.wrapping_add(line.starts as usize),
            kind: line.kind,
            index,
        }));
    }
}

/// The bytes without line ends and MLLP's blocks around them, and where they begin.
fn unframed(bytes: &[u8]) -> (usize, &[u8]) {
    let is_framing = |byte: &u8| matches!(byte, 0x0b | 0x1c | b'\r' | b'\n');
    let start = bytes.iter().position(|byte| !is_framing(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_framing(byte)).map_or(start, |last| last + 1);
    (start, bytes.get(start..end).unwrap_or_default())
}

/// The delimiters of a text that begins with an MSH as it should be; [`Delimiters::read`] knows all others.
fn ordinary(bytes: &[u8]) -> Option<Delimiters> {
    let &[b'M', b'S', b'H', field, component, repetition, escape, subcomponent, fifth, sixth, ..] = bytes else {
        return None;
    };
    let truncation = match (fifth == field, sixth == field) {
        (true, _) => None,
        (false, true) => Some(fifth),
        (false, false) => return None,
    };
    let roles = [field, component, repetition, escape, subcomponent];
    let mut seen = 0_u128;
    for byte in roles.into_iter().chain(truncation) {
        if !byte.is_ascii_graphic() || byte == b'"' {
            return None;
        }
        seen |= 1 << byte;
    }
    let apart = seen.count_ones() as usize == roles.len() + usize::from(truncation.is_some());
    (apart && field.is_ascii_punctuation()).then_some(Delimiters {
        field,
        component: Some(component),
        repetition: Some(repetition),
        escape: Some(escape),
        subcomponent: Some(subcomponent),
        truncation,
        oddity: None,
    })
}
