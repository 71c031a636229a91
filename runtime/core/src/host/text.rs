//! A message made ready for compiled code: its fields found, and each leaf of those that are read in the form in which
//! it goes into JSON, so that code copies bytes without a look at them.
//!
//! Most fields stay where they are: one pass finds bars and separators, and whatever could need a change. Those that do
//! need one are written anew behind the message. What compiled code could not read as the interpreter would
//! is deferred to the interpreter.

use std::ops::Range;

use emr_abi::{Bar, Layout, SLACK, Segment};
use emr_message::identity::Digest;
use emr_message::piece::Encoding;
use emr_message::{Charset, Delimiters, Message, Place, Settings, Unreadable, notes};

mod edit;
mod kinds;
mod lanes;
pub mod maps;
mod rewrite;
mod room;
mod scan;
mod split;

#[cfg(test)]
mod tests;

use kinds::Kinds;
use lanes::Chosen;
use maps::{Bitmaps, Separators};
use room::Room;
use scan::{Again, Bars, Ends, Glance, Glanced};
use split::{Defer, Line, Lines, Noted, Split, Table, WHOLE_MAX, Whole};
pub use split::{name, tag};

/// Longer messages go to the interpreter, which takes less memory for them; no offset of a rewritten segment passes 32
/// bits.
const LENGTH_MAX: usize = 16 << 20;

/// The bytes of a header before the bar behind MSH-2, where that has no more than four.
const HEAD: usize = 8;

/// A message made ready for compiled code; its buffers are used again for the next one.
pub struct Text {
    lanes: Chosen,
    kinds: Kinds,
    declared: Option<Declared>,
    /// The message in whole blocks, the fields that were rewritten, [`SLACK`].
    text: Room,
    /// Where the rewritten fields begin.
    message_end: usize,
    /// Whether most of the last message was read, and whether therefore all bars of this one are noted.
    whole: bool,
    noted: bool,
    maps: Bitmaps,
    table: Table,
    segments: Vec<Segment>,
    /// The separators that they are of.
    by: Option<Separators>,
    classes: [u8; 256],
    /// Where the message ends and how it is to be understood, if its bytes stand here as they came.
    came: Option<(usize, Encoding)>,
    /// The delimiters of that, and the bytes that a text of it has only behind an escape or in one.
    delimiters: Option<Delimiters>,
    special: [bool; 256],
}

/// A message as it came, without its framing.
#[derive(Clone, Copy)]
pub struct Plain<'t> {
    pub bytes: &'t [u8],
    /// The separator of fields.
    pub field: u8,
    /// Of each byte whether it cannot stand for itself in a text.
    pub is_special: &'t [bool; 256],
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
            text: Room::default(),
            message_end: 0,
            whole: false,
            noted: false,
            maps: Bitmaps::default(),
            table: Table::default(),
            segments: Vec::new(),
            by: None,
            classes: [0; 256],
            came: None,
            delimiters: None,
            special: [true; 256],
        }
    }

    /// Reads a message. Allocates nothing once the buffers are large enough, but for escapes and where the charset is
    /// neither UTF-8 nor ASCII.
    ///
    /// If it fails, the text holds nothing that may be used.
    pub fn read(&mut self, bytes: &[u8], settings: &Settings) -> Result<(), Unready> {
        self.came = None;
        let (encoding, ascii) = match self.load(bytes, settings)? {
            Some(loaded) => loaded,
            None => self.load_oddly(bytes, settings)?,
        };
        if self.came.is_some() && self.delimiters != Some(encoding.delimiters) {
            self.distinguish(encoding.delimiters);
        }
        self.split(&encoding, ascii).map_err(|Defer| Unready::Defer)
    }

    /// The message as it came, if it is in UTF-8.
    pub fn plain(&self) -> Option<Plain<'_>> {
        let (end, encoding) = self.came.filter(|(_, encoding)| encoding.charset == Charset::Utf8)?;
        let field = encoding.delimiters.field;
        Some(Plain { bytes: self.text.get(..end)?, field, is_special: &self.special })
    }

    /// Whether it is certain that the message can be noted for nothing but line ends and blanks at the ends of lines; where
    /// this says no, [`Message::notes`] knows more.
    pub fn is_ordinary(&self) -> bool {
        let Some((end, Encoding { delimiters, charset })) = &self.came else { return false };
        let (Some(escape), [_, rest @ ..]) = (delimiters.escape, self.tags()) else { return false };
        let header = tag("MSH");
        if !rest.iter().all(|line| *line != header && !name(*line).is_none()) {
            return false;
        }
        let (blocks, _) = self.text.as_chunks::<64>();
        let glance = Glance { blocks, end: *end, escape, ends: &self.maps.ends };
        let Glanced { controls, escapes } = self.lanes.run(glance);
        // MSH-1 and MSH-2 escape nothing.
        let text = self.text.get(HEAD..*end).unwrap_or_default();
        !controls && (!escapes || notes::knows_escapes(text, delimiters, *charset))
    }

    /// Where the segment of that number stands, counted from 0.
    pub fn line(&self, number: usize) -> Option<Range<usize>> {
        self.table.lines.get(number).map(|line| line.at as usize..line.end as usize)
    }

    /// The bars of the blocks in which these bytes stand, as bits, the first of them that of the block of the first byte.
    pub fn bars(&self, within: Range<usize>, to: &mut Vec<u64>) {
        let (blocks, _) = self.text.as_chunks::<64>();
        let blocks = blocks.get(within.start / 64..within.end.div_ceil(64)).unwrap_or_default();
        let field = self.delimiters.map_or(b'|', |delimiters| delimiters.field);
        self.lanes.run(Bars { blocks, field, to });
    }

    /// Messages of a feed have the same delimiters.
    #[cold]
    fn distinguish(&mut self, delimiters: Delimiters) {
        self.delimiters = Some(delimiters);
        let Delimiters { field, component, repetition, escape, subcomponent, truncation, .. } = delimiters;
        let all = [Some(field), component, repetition, escape, subcomponent, truncation];
        for (byte, special) in (0..=u8::MAX).zip(&mut self.special) {
            *special = byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f) || all.contains(&Some(byte));
        }
    }

    /// How many bytes the text has, the rewritten fields included.
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

    /// The names of all segments in order as numbers ([`tag`]); for a line that is none, a number that is none either
    /// ([`name`]).
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

    /// A leaf as it was before white space was taken off its ends, by where it stands; nothing if none was.
    pub fn untrimmed(&self, at: *const u8) -> Option<&str> {
        let at = at.addr().checked_sub(self.base().addr())?;
        let found = self.table.untrimmed.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        self.table.untrimmed.get(found).map(|(_, text)| text.as_str())
    }

    /// Whether an explicit null was taken out behind that byte of the text, up to another and there.
    pub fn has_null_within(&self, after: usize, last: usize) -> bool {
        let first = self.table.nulls.partition_point(|null| *null <= after);
        self.table.nulls.get(first).is_some_and(|null| *null <= last)
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
        let (segment, bar) = if at < self.message_end { self.field_at(at)? } else { self.moved_at(at)? };
        let line = self.table.lines.get(segment)?;
        let kind = self.kinds.numbered(line.kind)?;
        let Range { start, end } = self.table.field(line, bar)?;
        if at > end || !kind.reads_field(bar) {
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
            field: kind.field(bar)?,
            repetition: maps::count(&maps.repetitions, start, at) + 1,
            component: part(&maps.components, repetition)?,
            subcomponent: part(&maps.subcomponents, component)?,
        })
    }

    /// The field of the message that holds that byte, by its segment and the bar before it.
    fn field_at(&self, at: usize) -> Option<(usize, usize)> {
        let number = self.table.lines.partition_point(|line| line.at as usize <= at).checked_sub(1)?;
        let line = self.table.lines.get(number).filter(|line| at <= line.end as usize)?;
        let bars = self.table.bars_of(line, self.kinds.numbered(line.kind)?);
        let holds = |bar: &[Bar]| matches!(bar, [from, to] if (from.start..=to.end).contains(&(at as u32)));
        Some((number, bars.windows(2).position(holds)?))
    }

    /// The same of a field that was rewritten.
    fn moved_at(&self, at: usize) -> Option<(usize, usize)> {
        let moved = &self.table.moved;
        let found = moved.get(moved.partition_point(|moved| moved.at as usize <= at).checked_sub(1)?)?;
        Some((found.line as usize, found.bar as usize))
    }

    /// Takes the message as it is, if it begins with an ordinary header and its charset is known; `None` if not. Gives
    /// also whether all of it is ASCII.
    fn load(&mut self, bytes: &[u8], settings: &Settings) -> Result<Option<(Encoding, bool)>, Unready> {
        let (offset, bytes) = unframed(bytes);
        if bytes.len() > LENGTH_MAX {
            return Err(Unready::Defer);
        }
        let Some(delimiters) = ordinary(bytes) else { return Ok(None) };
        let ascii = self.fill(bytes, &delimiters);
        let Some(charset) = self.charset(&delimiters, settings, ascii) else { return Ok(None) };
        let encoding = Encoding { delimiters, charset };
        let reads_ascii = !matches!(charset, Charset::Iso2022Jp | Charset::Utf16Le | Charset::Utf16Be);
        // What is UTF-8 already stays as it stands; where it is not, decoding says at which byte.
        if ascii && reads_ascii || charset == Charset::Utf8 && simdutf8::basic::from_utf8(bytes).is_ok() {
            self.came = Some((bytes.len(), encoding));
            return Ok(Some((encoding, ascii)));
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
            self.fill(decoded.as_bytes(), &delimiters);
        }
        Ok(Some((encoding, false)))
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
        let ascii = self.fill(&texts.collect::<Vec<_>>().join(&b'\r'), &encoding.delimiters);
        Ok((encoding, ascii))
    }

    /// The lines become the text, in whole blocks, and their ends are noted, and perhaps all bars; gives whether all bytes
    /// are ASCII.
    fn fill(&mut self, lines: &[u8], delimiters: &Delimiters) -> bool {
        let field = delimiters.field;
        // What the last message left is written over.
        self.message_end = (lines.len() + 1).next_multiple_of(64);
        let text = self.text.set_length(self.message_end);
        self.maps.begin(self.message_end / 64);
        self.table.begin();
        // Messages of a feed are read alike.
        let whole = self.whole && self.message_end <= WHOLE_MAX;
        let by = Separators::of(delimiters).filter(|_| whole);
        self.noted = by.is_some();
        if let Some(by) = by {
            let (maps, table) = (&mut self.maps, &mut self.table);
            return self.lanes.run(Whole { lines, text, field, by, maps, table });
        }
        if let Some((to, [end, rest @ ..])) = text.split_at_mut_checked(lines.len()) {
            to.copy_from_slice(lines);
            *end = b'\r';
            rest.iter_mut().for_each(|byte| *byte = 0);
        }
        let (blocks, _) = self.text.as_chunks::<64>();
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
        let (text, kinds, maps, table) = (&self.text, &mut self.kinds, &mut self.maps, &mut self.table);
        let split = Split { text, ascii, encoding, by, kinds, maps, table };
        let (share, quarters) =
            if self.noted { (self.lanes.run(Noted(split))?, 1) } else { (self.lanes.run(Lines(split))?, 3) };
        self.whole = share.is_more_than(quarters);

        if !self.table.moved.is_empty() {
            self.add_rewritten(by);
        }
        self.text.set_length(self.text.len() + SLACK);
        if self.by != Some(by) {
            self.classify(by);
        }
        self.list();
        Ok(())
    }

    /// Messages of a feed have the same separators.
    #[cold]
    fn classify(&mut self, by: Separators) {
        self.by = Some(by);
        self.classes = [0; 256];
        for separator in [by.component, by.repetition, by.subcomponent] {
            if let Some(class) = self.classes.get_mut(usize::from(separator)) {
                *class = 1;
            }
        }
    }

    /// The fields that were rewritten, in whole blocks, and their separators.
    fn add_rewritten(&mut self, by: Separators) {
        self.text.add_blocks(self.table.rewritten.get(..self.table.filled).unwrap_or_default());
        let (blocks, _) = self.text.as_chunks::<64>();
        self.maps.reach(blocks.len());
        self.lanes.run(Again { blocks, from: self.message_end / 64, by, maps: &mut self.maps });
        self.table.literals.iter().for_each(|&at| self.maps.clear(at));
        self.table.blanks.iter().for_each(|&at| self.maps.end_leaf(at));
    }

    /// The table of segments, now that the bars will not move any more.
    fn list(&mut self) {
        let bars = self.table.bars.as_ptr();
        self.segments.clear();
        self.segments.push(Segment { bars: bars.wrapping_add(split::NOWHERE as usize), repeats: 0 });
        self.segments.extend(
            self.table
                .lines
                .iter()
                .map(|line| Segment { bars: bars.wrapping_add(line.bars as usize), repeats: line.repeats }),
        );
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
