//! What one message needs while its program runs, and what helpers do with it.

use std::borrow::Cow;
use std::sync::Arc;

use emr_abi::{Context, List, Member};
use emr_message::builtin::Pattern;
use emr_message::convert::{Primitive, convert};
use emr_message::{Place, json};
use rustc_hash::FxHashMap;

use super::arena::Arena;
use super::dates::{Offsets, Written};
use super::entries::{Entries, Maker};
use super::structure::Structure;
use super::text::Text;

/// The host's own part of a context.
pub struct Work {
    pub text: Text,
    pub structure: Structure,
    pub arena: Arena,
    pub entries: Entries,
    pub makers: Vec<Maker>,
    /// Those that the code names by number, and those that it gives as text.
    pub patterns: Vec<Option<Pattern>>,
    pub written: FxHashMap<String, Option<Arc<Pattern>>>,
    pub dates: Offsets,
    pub lists: Vec<List>,
    pub items: Vec<Vec<u64>>,
    /// For each number the first that says the same.
    pub same: Vec<u32>,
    pub issues: Vec<Raised>,
    pub refusal: Option<Raised>,
    /// The output's last byte, and how much is asked for beyond it.
    pub room: usize,
    pub wanted: usize,
}

/// An issue, by its number in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    pub issue: u32,
    pub place: Option<Place>,
}

/// The text of a message as it is, from the form that JSON has.
pub fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
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

/// Whether it is plain to see that a text stays as it is: visible ASCII at both ends and no escape, and no blanks at all in
/// what may hold none, or one at a time.
fn is_same(text: &[u8], into: Primitive) -> bool {
    let visible = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, 0x21..=0x7e));
    let ends = visible(text.first()) && visible(text.last()) && !text.contains(&b'\\');
    match into {
        Primitive::String | Primitive::Markdown => ends,
        Primitive::Code | Primitive::Uri => ends && text.iter().all(|byte| matches!(byte, 0x21..=0x7e)),
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
        let names = self.text.names();
        let index = usize::try_from(segment).ok()?;
        let name = *names.get(index)?;
        let before = names.get(..=index)?.iter().filter(|other| **other == name).count();
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

    /// Bytes as they are, in the arena.
    pub fn kept(&mut self, bytes: &[u8]) -> Made {
        let room = self.arena.room(bytes.len());
        room.copy_from_slice(bytes);
        Made { at: room.as_ptr(), length: bytes.len() }
    }

    /// A text as a primitive: `None` if it is no such thing.
    pub fn convert(&mut self, text: &str, into: Primitive) -> Option<Made> {
        if is_same(text.as_bytes(), into) {
            return Some(Made { at: text.as_ptr(), length: text.len() });
        }
        let plain = decoded(text);
        let converted = match convert(&plain, into, self.dates.zone()) {
            Ok(converted) => converted,
            Err(_) => return None,
        };
        match (converted, &plain) {
            (None, _) => Some(Made { at: std::ptr::null(), length: 0 }),
            (Some(Cow::Borrowed(same)), Cow::Borrowed(_)) => Some(Made { at: same.as_ptr(), length: same.len() }),
            (Some(other), _) => {
                let other = other.into_owned();
                Some(self.made(&other))
            }
        }
    }

    pub fn date(&mut self, text: &str, into: Primitive) -> Option<Made> {
        let written = match into {
            Primitive::Date => self.dates.date(text.as_bytes()),
            _ => self.dates.date_time(text.as_bytes()),
        };
        match written {
            Written::Text(bytes, length) => Some(self.kept(bytes.get(..length).unwrap_or_default())),
            Written::Other => self.convert(text, into),
        }
    }

    /// Texts one behind the other.
    pub fn joined<'t>(&mut self, texts: impl Iterator<Item = &'t str> + Clone) -> Made {
        let length = texts.clone().map(str::len).sum();
        let room = self.arena.room(length);
        let at = room.as_ptr();
        let mut rest = room;
        for text in texts {
            let Some((now, later)) = rest.split_at_mut_checked(text.len()) else { break };
            now.copy_from_slice(text.as_bytes());
            rest = later;
        }
        Made { at, length }
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

    pub fn copy(&mut self, from: usize, to: usize, words: usize) {
        let count = self.lists.get(from).map_or(0, |list| list.count);
        let used = usize::try_from(count).unwrap_or(0) * words;
        let copied: Vec<u64> = self.items.get(from).and_then(|items| items.get(..used)).unwrap_or_default().to_vec();
        if let (Some(record), Some(items)) = (self.lists.get_mut(to), self.items.get_mut(to)) {
            if items.len() < copied.len() {
                items.resize(copied.len().next_power_of_two().max(32), 0);
            }
            items.iter_mut().zip(copied).for_each(|(to, from)| *to = from);
            *record = List { items: items.as_mut_ptr(), count, room: items.len() as u64 };
        }
    }
}

/// The next member at a node of a group behind another.
pub fn member(groups: &[emr_abi::Group], members: &[Member], group: u64, node: u64, after: u64) -> u32 {
    let mut at = if after == u64::from(Member::NONE) {
        // The first of the table is a group that is not there.
        let number = usize::try_from(group.wrapping_add(1)).unwrap_or(usize::MAX);
        groups.get(number).map_or(Member::NONE, |group| group.first)
    } else {
        usize::try_from(after).ok().and_then(|after| members.get(after)).map_or(Member::NONE, |member| member.next)
    };
    while let Some(member) = members.get(at as usize) {
        if u64::from(member.node) == node {
            return at;
        }
        at = member.next;
    }
    Member::NONE
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
        members: null(),
        constants: null(),
        lists: null_mut(),
        why: 0,
        classes: [0; 256],
        results: [0; emr_abi::RESULTS_MAX],
        helpers,
        host: null_mut(),
    }
}
