//! The resources of a message: what they are known by, and what was written of them.

use std::ops::Range;

use emr_abi::Sent;
use emr_message::identity::{self, Digest};
use emr_message::refer::{Instead, Moved, Unresolved};
use rustc_hash::FxHashMap;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::came::Came;
use super::spelled::{self, Digits};

mod maker;
mod write;

pub use maker::{Maker, words};
pub use write::Out;

/// Between the parts of a key.
const BETWEEN: char = '\u{1f}';

struct Entry {
    maker: usize,
    id: Uuid,
    json: Range<usize>,
    /// Whether a key makes it the same as others, and by which parameters a server finds it.
    keyed: bool,
    search: Option<Range<usize>>,
    /// It wrote nothing, or is the same as an earlier one.
    dropped: bool,
}

impl Entry {
    /// Whether the message holds all of the resource.
    fn is_whole(&self, makers: &[Maker]) -> bool {
        makers.get(self.maker).is_some_and(|maker| matches!(maker.emit.sent, Sent::Whole | Sent::IfNew))
    }
}

/// Name and value of a search parameter, as ranges of the texts.
#[derive(Clone)]
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
}

/// All of one message. Its memory is used again for the next.
#[derive(Default)]
pub struct Entries {
    entries: Vec<Entry>,
    /// Of each entry, as [`emr_abi::Context::references`] has it.
    pub references: Vec<[u8; 64]>,
    bodies: Vec<u8>,
    /// Where bodies stand that are written in place.
    region: Option<*const u8>,
    /// Names and values of searches, the latter as they stand in an address.
    texts: Vec<u8>,
    pairs: Vec<Pair>,
    /// The entry of each keyed resource, wherever in the mapping it is made: the id is made of its type and key.
    keyed: FxHashMap<Uuid, usize>,
    /// How often each rule emitted something without a key, and for which message that is.
    turns: Vec<(u64, u32)>,
    message: u64,
    /// What is referred to by its key alone: unless the message brings it, a reference searches for it.
    referred: Vec<usize>,
    /// Copies of resources that came, each with the number of what it is a copy of.
    copies: Vec<(usize, u32)>,
    digest: Option<Digest>,
    key: String,
    /// Ids are made when a Bundle is written, if at all.
    later: bool,
}

/// A part of a key as compiled code hands it over.
pub enum Part<'t> {
    Text(Option<&'t str>),
    Token(Option<&'t str>, Option<&'t str>),
    Entry(Option<usize>),
}

/// What became of a resource.
pub enum Ended {
    Nothing,
    /// It is there, and nothing of it is to be changed.
    Unchanged(usize),
    /// It, or the earlier one that is the same.
    Entry(usize),
    /// An earlier one has its key and says something else.
    Differs(usize),
}

impl Entries {
    /// Forgets all; `region` is where bodies will be written in place, if they are, and `later` whether no id is asked for
    /// but by [`Entries::name`].
    pub fn clear(&mut self, region: Option<*const u8>, later: bool) {
        (self.region, self.later) = (region, later);
        self.entries.clear();
        self.references.clear();
        self.bodies.clear();
        self.texts.clear();
        self.pairs.clear();
        self.referred.clear();
        self.copies.clear();
        if !self.keyed.is_empty() {
            self.keyed.clear();
        }
        self.message += 1;
        self.digest = None;
    }

    /// Begins a resource that has no key; `digest` is asked for once, if at all. Gives its id too.
    #[inline(always)]
    pub fn begin(&mut self, maker: usize, made: &Maker, digest: impl FnOnce() -> Digest) -> (usize, Uuid) {
        let id = if self.later { Uuid::nil() } else { self.next_id(made, digest) };
        (self.add(Entry { maker, id, json: 0..0, keyed: false, search: None, dropped: true }), id)
    }

    /// The id of what a maker makes next without a key.
    #[inline(always)]
    fn next_id(&mut self, made: &Maker, digest: impl FnOnce() -> Digest) -> Uuid {
        let turn = turn(&mut self.turns, self.message, made);
        made.origin.id(*self.digest.get_or_insert_with(digest), turn)
    }

    #[inline(always)]
    fn add(&mut self, entry: Entry) -> usize {
        let index = self.entries.len();
        // Spelled where it stays: see `spelled`.
        self.references.push([0; 64]);
        if let Some(spelled) = self.references.last_mut() {
            Digits::of(entry.id).refer(spelled);
        }
        self.entries.push(entry);
        index
    }

    /// Begins a resource that may have a key.
    pub fn begin_keyed<'t>(
        &mut self,
        makers: &[Maker],
        maker: usize,
        parts: impl Iterator<Item = Part<'t>>,
        digest: impl FnOnce() -> Digest,
    ) -> Option<usize> {
        let made = makers.get(maker)?;
        let search = self.read_key(makers, made, parts);
        let is_searched = matches!(made.emit.sent, Sent::Patch | Sent::Never);
        if self.key.is_empty() {
            return (made.emit.sent != Sent::Patch).then(|| self.begin(maker, made, digest).0);
        }
        if is_searched && search.is_none() {
            return None;
        }
        let id = if self.later { Uuid::nil() } else { identity::of_key(&made.emit.resource, &self.key) };
        let index = self.add(Entry { maker, id, json: 0..0, keyed: true, search, dropped: true });
        if is_searched {
            self.referred.push(index);
        }
        Some(index)
    }

    /// Whether the key that was read last has anything in it.
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// Whether an entry is one by its key.
    pub fn is_keyed(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.keyed)
    }

    /// What is referred to and not brought by the message: the id, and the search that finds it.
    pub fn unresolved(&self, makers: &[Maker]) -> Vec<Unresolved> {
        let brings =
            |index: &usize| self.entries.get(*index).is_some_and(|entry| !entry.dropped && entry.is_whole(makers));
        let mut left: Vec<Unresolved> = Vec::new();
        for index in &self.referred {
            let Some((entry, search)) = self.entries.get(*index).and_then(|entry| Some((entry, entry.search.clone()?)))
            else {
                continue;
            };
            let id = entry.id;
            if self.keyed.get(&id).is_some_and(brings) || left.iter().any(|known| known.id == id) {
                continue;
            }
            let resource = makers.get(entry.maker).map_or("", |maker| maker.emit.resource.as_str());
            let mut text = format!("{resource}?").into_bytes();
            self.write_query(&search, &mut |part| text.extend_from_slice(part));
            left.push(Unresolved { id, instead: Instead::Search(String::from_utf8(text).unwrap_or_default()) });
        }
        left
    }

    /// Notes a copy, if it was made.
    pub fn copied(&mut self, entry: usize, of: u32) {
        if entry < self.entries.len() {
            self.copies.push((entry, of));
        }
    }

    /// How copied resources were referred to, and the ids of their copies.
    pub fn moved(&self, came: &mut Came) -> Moved {
        let mut moved = Moved::new();
        for (entry, of) in &self.copies {
            let Some(entry) = self.entries.get(*entry) else { continue };
            for address in came.addresses_of(*of) {
                moved.entry(address).or_insert(entry.id);
            }
        }
        moved
    }

    /// Makes the ids that were left for later: those of resources without a key.
    pub fn name(&mut self, makers: &[Maker], digest: impl FnOnce() -> Digest) {
        if !std::mem::take(&mut self.later) {
            return;
        }
        let digest = digest();
        for (entry, spelled) in self.entries.iter_mut().zip(&mut self.references) {
            let Some(made) = makers.get(entry.maker) else { continue };
            entry.id = made.origin.id(digest, turn(&mut self.turns, self.message, made));
            Digits::of(entry.id).refer(spelled);
        }
    }

    /// Reads the parts into the key, which is empty if there is none, and gives the search, if a server can make it.
    fn read_key<'t>(
        &mut self,
        makers: &[Maker],
        made: &Maker,
        parts: impl Iterator<Item = Part<'t>>,
    ) -> Option<Range<usize>> {
        self.key.clear();
        let first = self.pairs.len();
        let mut searchable = true;
        for (part, described) in parts.zip(&made.emit.key) {
            let parameter = described.parameter.as_deref();
            let from = self.key.len();
            let found = match part {
                Part::Text(Some(value)) => {
                    self.key.push_str(value);
                    self.pair(parameter, |texts| percent(texts, value, true));
                    Some(parameter.is_some())
                }
                Part::Token(system, Some(code)) => {
                    let system = system.unwrap_or_default();
                    self.key.push_str(system);
                    self.key.push('|');
                    self.key.push_str(code);
                    self.pair(parameter, |texts| {
                        percent(texts, system, true);
                        percent(texts, "|", false);
                        percent(texts, code, true);
                    });
                    Some(parameter.is_some())
                }
                Part::Entry(Some(entry)) if self.entries.get(entry).is_some() => {
                    let mut spelled = [0; Hyphenated::LENGTH];
                    let id = self.entries.get(entry).map(|entry| entry.id).unwrap_or_default();
                    self.key.push_str(id.hyphenated().encode_lower(&mut spelled));
                    Some(self.chain(makers, parameter, entry))
                }
                _ => None,
            };
            let found = match found {
                Some(found) => found,
                // Without its first part there is no key; that another is missing is part of it.
                None if from == 0 => {
                    self.key.clear();
                    self.pairs.truncate(first);
                    return None;
                }
                None => {
                    self.missing(parameter);
                    parameter.is_some()
                }
            };
            searchable &= found;
            self.key.push(BETWEEN);
        }
        // One part that cannot be searched for makes the search find others too.
        (searchable && !self.key.is_empty()).then_some(first..self.pairs.len())
    }

    fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let from = self.texts.len();
        write(&mut self.texts);
        from..self.texts.len()
    }

    fn pair(&mut self, parameter: Option<&str>, value: impl FnOnce(&mut Vec<u8>)) {
        let Some(parameter) = parameter else { return };
        let name = self.text(|texts| texts.extend_from_slice(parameter.as_bytes()));
        let value = self.text(value);
        self.pairs.push(Pair { name, value });
    }

    fn missing(&mut self, parameter: Option<&str>) {
        let Some(parameter) = parameter else { return };
        let name = self.text(|texts| {
            texts.extend_from_slice(parameter.as_bytes());
            texts.extend_from_slice(b":missing");
        });
        let value = self.text(|texts| texts.extend_from_slice(b"true"));
        self.pairs.push(Pair { name, value });
    }

    /// A search through a reference, by the key of what it refers to; whether that can be searched for.
    fn chain(&mut self, makers: &[Maker], parameter: Option<&str>, target: usize) -> bool {
        let (Some(parameter), Some(entry)) = (parameter, self.entries.get(target)) else { return false };
        let Some(pairs) = entry.search.clone() else { return false };
        let resource = makers.get(entry.maker).map_or("", |maker| maker.emit.resource.as_str());
        // `patient` can be a Patient only; `subject` must say which of its targets is meant.
        let is_plain = parameter.eq_ignore_ascii_case(resource);
        for index in pairs {
            let Some(pair) = self.pairs.get(index).cloned() else { continue };
            let name = self.text(|texts| {
                texts.extend_from_slice(parameter.as_bytes());
                if !is_plain {
                    texts.push(b':');
                    texts.extend_from_slice(resource.as_bytes());
                }
                texts.push(b'.');
                texts.extend_from_within(pair.name);
            });
            self.pairs.push(Pair { name, value: pair.value });
        }
        true
    }

    /// Ends a resource with what was written of it.
    pub fn end(&mut self, index: usize, written: &[u8]) -> Ended {
        let written = written.strip_suffix(b",").unwrap_or(written);
        let Some(entry) = self.entries.get(index) else { return Ended::Nothing };
        if written.is_empty() {
            // Without a search it would not have begun.
            return if self.referred.contains(&index) { Ended::Unchanged(index) } else { Ended::Nothing };
        }
        if entry.keyed {
            let known = *self.keyed.entry(entry.id).or_insert(index);
            if known != index {
                let is_same = self.body(known) == written;
                return if is_same { Ended::Entry(known) } else { Ended::Differs(known) };
            }
        }
        let from = match self.region {
            Some(region) => written.as_ptr().addr() - region.addr(),
            None => {
                self.bodies.extend_from_slice(written);
                self.bodies.len() - written.len()
            }
        };
        if let Some(entry) = self.entries.get_mut(index) {
            (entry.json, entry.dropped) = (from..from + written.len(), false);
        }
        Ended::Entry(index)
    }

    fn body(&self, index: usize) -> &[u8] {
        let json = self.entries.get(index).map_or(0..0, |entry| entry.json.clone());
        match self.region {
            // SAFETY: the range is that of an entry that compiled code wrote there, and nothing is written over it until
            // the next message.
            Some(region) => unsafe { std::slice::from_raw_parts(region.wrapping_add(json.start), json.len()) },
            None => self.bodies.get(json).unwrap_or_default(),
        }
    }

    /// The id of an entry, as text.
    pub fn spelled(&self, index: usize) -> Option<&[u8; spelled::LENGTH]> {
        self.references.get(index)?.get(spelled::IN_REFERENCE)?.first_chunk()
    }
}

/// How often the rule of a maker emitted something for the message, this time included. What stands of earlier messages
/// is not wiped, which would take longer than all else for one of few resources.
#[inline(always)]
fn turn(turns: &mut Vec<(u64, u32)>, message: u64, maker: &Maker) -> u32 {
    if turns.len() <= maker.rule {
        grow(turns, maker.rule);
    }
    turns.get_mut(maker.rule).map_or(1, |(of, turn)| {
        *turn = if *of == message { *turn + 1 } else { 1 };
        *of = message;
        *turn
    })
}

#[cold]
fn grow(turns: &mut Vec<(u64, u32)>, rule: usize) {
    turns.resize(rule + 1, (0, 0));
}

/// A search value as it stands in an address: what would divide it behind a backslash (FHIR R4 §3.1.1.5.9), then RFC 3986
/// §2.1, leaving what a query may hold unencoded and no server takes amiss.
fn percent(out: &mut Vec<u8>, text: &str, divided: bool) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    let mut encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => out.push(byte),
        _ => {
            let digit = |number: u8| HEX.get(usize::from(number)).copied().unwrap_or(b'0');
            out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    };
    for byte in text.bytes() {
        if divided && matches!(byte, b'\\' | b',' | b'|' | b'$') {
            encoded(b'\\');
        }
        encoded(byte);
    }
}
