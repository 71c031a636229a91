//! What one message needs while its program runs, and what helpers do with it.

use std::borrow::Cow;
use std::sync::Arc;

use emr_abi::{Context, List};
use emr_message::builtin::Pattern;
use emr_message::convert::{Primitive, convert};
use emr_message::{Place, Receipt, Secrets, Table, json};
use rustc_hash::{FxHashMap, FxHashSet};

use super::arena::Arena;
use super::came::Came;
use super::dates::{Offsets, is_no_day};
use super::edits::Edits;
use super::entries::{Entries, Maker};
use super::groups::Grouped;
use super::pattern::Matcher;
use super::structure::Structure;
use super::text::{Text, name};
use super::traces::Traces;

/// The host's own part of a context.
pub struct Work {
    pub text: Text,
    /// The resource that came in place of a message, or beside it.
    pub came: Came,
    pub structure: Structure,
    pub arena: Arena,
    pub entries: Entries,
    pub makers: Vec<Maker>,
    /// Those that the code names by number, and those that it gives as text.
    pub patterns: Vec<Option<Matcher>>,
    pub written: FxHashMap<String, Option<Arc<Pattern>>>,
    pub tables: Vec<Table>,
    /// The numbers of those whose rows come with each message.
    pub asked: Vec<(u32, String)>,
    pub dates: Offsets,
    pub receipt: Receipt,
    pub secrets: Secrets,
    pub lists: Vec<List>,
    pub items: Vec<Vec<u64>>,
    /// Of lists whose items are told apart by a text, by number.
    pub grouped: FxHashMap<usize, Grouped>,
    /// What is inside of each resource that is being written.
    pub contained: Vec<Vec<Vec<u8>>>,
    /// What was written in blocks that ask for what was there before, by number.
    pub met: FxHashMap<u64, FxHashSet<Box<[u8]>>>,
    /// For each number the first that says the same.
    pub same: Vec<u32>,
    pub issues: Vec<Raised>,
    pub refusal: Option<Raised>,
    pub traces: Traces,
    pub edits: Edits,
    /// Where the output begins, and how much room is asked for beyond what there is.
    pub start: usize,
    pub wanted: usize,
    /// Where resources are written in place.
    pub region: Option<Region>,
}

/// Room for entries that are written where they stay, behind the room for what comes before them. All places are
/// addresses.
#[derive(Clone, Copy)]
pub struct Region {
    pub from: usize,
    /// How far it is filled.
    pub filled: usize,
    /// [`emr_abi::Context::limit`] inside it, and before it.
    pub limit: usize,
    pub head_limit: usize,
    /// Whether an entry asks a server for something.
    pub requests: bool,
}

/// An issue, by its number in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    pub issue: u32,
    pub place: Option<Place>,
}

/// The text of a message as it is, from the form that JSON has.
pub fn decoded(text: &str) -> Cow<'_, str> {
    if !has_escape(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let plain = match c {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    u32::from_str_radix(&digits, 16)
                        .ok()
                        .and_then(char::from_u32)
                        .unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                Some(other) => other,
                None => '\\',
            },
            c => c,
        };
        out.push(plain);
    }
    Cow::Owned(out)
}

/// Whether there is a backslash; eight bytes at a time, since texts are short.
#[inline]
pub fn has_escape(text: &[u8]) -> bool {
    let is_in = |word: [u8; 8]| {
        let word = u64::from_le_bytes(word) ^ (ONES * b'\\' as u64);
        word.wrapping_sub(ONES) & !word & TOPS != 0
    };
    match text.last_chunk::<8>() {
        Some(last) => text.as_chunks::<8>().0.iter().any(|word| is_in(*word)) || is_in(*last),
        None => text.contains(&b'\\'),
    }
}

const ONES: u64 = u64::MAX / 255;
const TOPS: u64 = ONES << 7;

/// Whether it is plain to see that a text stays as it is.
#[inline]
pub fn is_same(text: &[u8], into: Primitive) -> bool {
    let visible = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, 0x21..=0x7e));
    match into {
        Primitive::String | Primitive::Markdown => {
            visible(text.first()) && visible(text.last()) && !begins_blank(text) && !ends_blank(text)
        }
        Primitive::Code | Primitive::Uri => is_word(text),
        Primitive::Decimal => is_number(text),
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => {
            text.len() <= 9 && !text.starts_with(b"0") && text.iter().all(u8::is_ascii_digit) && !text.is_empty()
        }
        _ => false,
    }
}

/// Whether a text may begin with white space that JSON escapes.
fn begins_blank(text: &[u8]) -> bool {
    matches!(text, [b'\\', escaped, ..] if !matches!(escaped, b'"' | b'\\'))
}

/// Whether a text may end with it.
fn ends_blank(text: &[u8]) -> bool {
    matches!(text, [.., b'\\', b'n' | b't' | b'r'] | [.., b'\\', b'u', _, _, _, _])
}

/// Whether there is something, and all of it is visible ASCII but a backslash: eight bytes at a time.
fn is_word(text: &[u8]) -> bool {
    let odd = |word: u64| {
        let below = word.wrapping_sub(ONES * 0x21) & !word;
        let over = word.wrapping_add(ONES) | word;
        let escape = word ^ (ONES * b'\\' as u64);
        let escape = escape.wrapping_sub(ONES) & !escape;
        (below | over | escape) & TOPS != 0
    };
    match text.last_chunk::<8>() {
        Some(last) => {
            let (words, _) = text.as_chunks::<8>();
            !words.iter().any(|word| odd(u64::from_le_bytes(*word))) && !odd(u64::from_le_bytes(*last))
        }
        None => !text.is_empty() && text.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'\\'),
    }
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, as JSON writes it too.
fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_whole = whole == 1 || whole > 1 && !digits.starts_with(b"0");
    is_whole
        && match digits.get(whole..) {
            Some([]) => true,
            Some([b'.', fraction @ ..]) => !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

/// A text of the arena, for the results of a helper.
pub struct Made {
    pub at: *const u8,
    pub length: usize,
}

impl Work {
    /// Adds an issue; the same is said once of one place.
    pub fn raise(&mut self, issue: u32, place: Option<Place>) {
        let same = |issue: u32| usize::try_from(issue).ok().and_then(|issue| self.same.get(issue)).copied();
        let known = |other: &Raised| other.place == place && same(other.issue) == same(issue);
        if !self.issues.iter().any(known) {
            self.issues.push(Raised { issue, place });
        }
    }

    /// The place of a segment, by its index.
    pub fn place(&self, segment: u32) -> Option<Place> {
        let tags = self.text.tags();
        let index = usize::try_from(segment).ok()?;
        let tag = *tags.get(index)?;
        let before = tags.get(..=index)?.iter().filter(|other| **other == tag).count();
        let name = name(tag);
        let occurrence = u32::try_from(before).ok()?;
        Some(Place { segment, name, occurrence, field: 0, repetition: 0, component: 0, subcomponent: 0 })
    }

    /// A text as JSON holds it, in the arena.
    pub fn made(&mut self, text: &str) -> Made {
        let is_plain = !text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'));
        if is_plain {
            return self.kept(text.as_bytes());
        }
        let mut quoted = Vec::with_capacity(text.len() + 2);
        json::write_str(&mut quoted, text);
        self.kept(quoted.get(1..quoted.len() - 1).unwrap_or_default())
    }

    /// A whole number.
    pub fn counted(&mut self, number: usize) -> Made {
        if let Ok(small @ 0..100) = u8::try_from(number) {
            let (tens, ones) = (b'0' + small / 10, b'0' + small % 10);
            return if small < 10 { self.kept(&[ones]) } else { self.kept(&[tens, ones]) };
        }
        let (mut digits, mut at, mut left) = ([0; 20], 20, number);
        loop {
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
            }
            left /= 10;
            if left == 0 {
                return self.kept(digits.get(at..).unwrap_or_default());
            }
        }
    }

    /// Bytes as they are, in the arena.
    pub fn kept(&mut self, bytes: &[u8]) -> Made {
        let room = self.arena.room(bytes.len());
        room.copy_from_slice(bytes);
        Made { at: room.as_ptr(), length: bytes.len() }
    }

    /// A text as a primitive: `None` if it is no such thing.
    pub fn convert(&mut self, text: &str, into: Primitive) -> Option<Made> {
        if into == Primitive::Instant {
            return self.date(text, into);
        }
        self.convert_any(text, into)
    }

    fn convert_any(&mut self, text: &str, into: Primitive) -> Option<Made> {
        let plain = decoded(text);
        let converted = match convert(&plain, into, self.dates.zone()) {
            Ok(converted) => converted,
            Err(_) => return None,
        };
        match converted {
            None => Some(Made { at: std::ptr::null(), length: 0 }),
            // A part of the text, and not a word of the library's own, behind which nothing may be read.
            Some(Cow::Borrowed(same)) if text.as_bytes().as_ptr_range().contains(&same.as_ptr()) => {
                Some(Made { at: same.as_ptr(), length: same.len() })
            }
            Some(other) => Some(self.made(&other)),
        }
    }

    #[inline]
    pub fn date(&mut self, text: &str, into: Primitive) -> Option<Made> {
        let room = self.arena.chunk();
        let written = match into {
            Primitive::Date => self.dates.date(text.as_bytes(), room),
            Primitive::Instant if text.len() <= 8 => None,
            _ => self.dates.date_time(text.as_bytes(), room),
        };
        match written {
            Some(length) => {
                let at = room.as_ptr();
                self.arena.keep(length);
                Some(Made { at, length })
            }
            None if is_no_day(text.as_bytes()) => None,
            None => self.convert_any(text, into),
        }
    }

    /// A pattern that a plan gives as text, made ready once. It is shared, since a copy has no memory of its own yet, and
    /// making that costs more than to match a text.
    pub fn pattern(&mut self, pattern: &str) -> Option<Arc<Pattern>> {
        if let Some(known) = self.written.get(pattern) {
            return known.clone();
        }
        let made = Pattern::new(pattern).ok().map(Arc::new);
        self.written.insert(pattern.to_owned(), made.clone());
        made
    }

    /// Room for so many words more in a list.
    pub fn push(&mut self, list: usize, words: usize) -> *mut u64 {
        let (Some(record), Some(items)) = (self.lists.get_mut(list), self.items.get_mut(list)) else {
            return std::ptr::null_mut();
        };
        let used = usize::try_from(record.count).unwrap_or(0) * words;
        if items.len() < used + words.max(1) {
            items.resize((used + words).next_power_of_two().max(32), 0);
            record.items = items.as_mut_ptr();
            record.room = items.len() as u64;
        }
        record.count += 1;
        items.get_mut(used..).map_or(std::ptr::null_mut(), <[u64]>::as_mut_ptr)
    }

    /// Adds an item to a list.
    pub fn add(&mut self, list: usize, item: &[u64]) {
        let from = self.lists.get(list).map_or(0, |list| usize::try_from(list.count).unwrap_or(0)) * item.len();
        self.push(list, item.len());
        let room = self.items.get_mut(list).and_then(|items| items.get_mut(from..));
        room.into_iter().flatten().zip(item).for_each(|(to, word)| *to = *word);
    }

    pub fn copy(&mut self, from: usize, to: usize, words: usize) {
        let count = self.lists.get(from).map_or(0, |list| list.count);
        let used = usize::try_from(count).unwrap_or(0) * words;
        let copied: Vec<u64> = self.items.get(from).and_then(|items| items.get(..used)).unwrap_or_default().to_vec();
        self.fill(to, copied, count);
    }

    /// Makes a list of the words of so many items.
    pub fn fill(&mut self, list: usize, copied: Vec<u64>, count: u64) {
        if let (Some(record), Some(items)) = (self.lists.get_mut(list), self.items.get_mut(list)) {
            if items.len() < copied.len() {
                items.resize(copied.len().next_power_of_two().max(32), 0);
            }
            items.iter_mut().zip(copied).for_each(|(to, from)| *to = from);
            *record = List { items: items.as_mut_ptr(), count, room: items.len() as u64 };
        }
    }
}

/// What a context needs that holds nothing yet.
pub fn empty(helpers: emr_abi::Helpers) -> Context {
    use std::ptr::{null, null_mut};
    Context {
        limit: null(),
        fuel: 0,
        stop: 0,
        live: 0,
        flags: 0,
        text: null(),
        segments: null(),
        components: null(),
        repetitions: null(),
        subcomponents: null(),
        separators: null(),
        groups: null(),
        firsts: null(),
        members: null(),
        constants: null(),
        lists: null_mut(),
        scratch: null_mut(),
        scratch_end: null(),
        references: null(),
        why: 0,
        classes: [0; 256],
        results: [0; emr_abi::RESULTS_MAX],
        helpers,
        host: null_mut(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_stays_as_it_is_is_what_a_conversion_leaves(
            text in "[ \t\n\r\\\\\"nrtux\u{a0}\u{85}\u{2028}a-c0-9.-]{0,12}", into in 0..Primitive::ALL.len(),
        ) {
            let into = Primitive::ALL[into];
            let quoted = json::quoted(&text);
            let inside = &quoted[1..quoted.len() - 1];
            let plain = decoded(inside);
            prop_assert_eq!(plain.as_ref(), text.as_str());
            if is_same(inside.as_bytes(), into) {
                let converted = convert(&text, into, None).unwrap();
                prop_assert_eq!(converted.as_deref(), Some(text.as_str()), "{:?}", into);
            }
        }
    }
}
