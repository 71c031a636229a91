//! The two conversions, and what they share: the message at hand, resources and their ids.

use super::dates::{Kind, time};
use super::digest::digest;
use super::ids::{Id, Place, letters};
use super::index::Index;
use super::out::Out;
use super::text::{Map, S, Text};
use super::types::{Authority, numbered};
use crate::corpus::Message;
use crate::engine::Engine;
use crate::workload::{self, Workload};
use emr_message::identity;

/// The most that a byte of a message can become: `OBX|` alone is an Observation.
const GROWTH: usize = 200;
/// What may be written beyond that, and to begin with.
const ROOM: usize = 1 << 16;

pub struct Places {
    pub patient: Place,
    pub encounter: Place,
    pub related: Place,
    pub allergy: Place,
    pub condition: Place,
    pub coverage: Place,
    pub report: Place,
    pub observation: Place,
}

pub struct Converter {
    map: fn(&mut Converter, &[u8]) -> Option<Out>,
    pub places: Places,
    pub index: Index,
    room: Vec<u8>,
    pub digest: (u64, u64),
    /// Ids of an order's observations.
    pub found: Vec<Id>,
    key: Vec<u8>,
}

/// `{"reference":"urn:uuid:…"},` in room of 64.
pub type Reference = [u8; 64];
pub const REFERENCE: usize = 62;

impl Engine for Converter {
    fn run(&mut self, message: Message<'_>) -> &[u8] {
        let msg = message.bytes();
        let Some(end) = (self.map)(self, msg) else { return &[] };
        let n = end.0 as usize - self.room.as_ptr() as usize;
        self.room.get(..n).unwrap_or_default()
    }
}

impl Converter {
    pub fn new(workload: &Workload) -> Option<Converter> {
        let is_able = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        let map: fn(&mut Converter, &[u8]) -> Option<Out> = match workload.map {
            _ if !is_able || workload.is_batch => return None,
            workload::Map::Admission => |it, msg| {
                // SAFETY: asked for above.
                unsafe { it.admission(msg) }
            },
            workload::Map::Results => |it, msg| {
                // SAFETY: as above.
                unsafe { it.results(msg) }
            },
            workload::Map::Routing | workload::Map::Deidentified => return None,
        };
        let place = |resource| workload.place(resource).map(|it| Place::new(resource, &it)).unwrap_or_default();
        Some(Converter {
            map,
            places: Places {
                patient: place("Patient"),
                encounter: place("Encounter"),
                related: place("RelatedPerson"),
                allergy: place("AllergyIntolerance"),
                condition: place("Condition"),
                coverage: place("Coverage"),
                report: place("DiagnosticReport"),
                observation: place("Observation"),
            },
            index: Index::new(),
            room: Vec::new(),
            digest: (0, 0),
            found: Vec::with_capacity(64),
            key: Vec::with_capacity(256),
        })
    }

    /// Looks at the message and writes everything before the entries.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn begin(&mut self, msg: &[u8]) -> Option<(Text, Out)> {
        let need = msg.len() * GROWTH + ROOM;
        if need > self.room.len() {
            self.room = vec![0; need.next_power_of_two()];
        }
        // SAFETY: a message has room behind it.
        let text = unsafe { self.index.scan(msg)? };
        self.digest = digest(msg.strip_suffix(b"\r").unwrap_or(msg), self.index.is_wide);
        let mut out = Out(self.room.as_mut_ptr());
        out.lit(b"{\"resourceType\":\"Bundle\",\"type\":\"transaction\",");
        let header = self.index.segment(text, 0, 6);
        // MSH-7: MSH-1 is the bar itself.
        time(&mut out, text, b"\"timestamp\":\"", text.field(header, 6), Kind::Instant);
        out.lit(b"\"entry\":[");
        Some((text, out))
    }

    /// The id of a resource by its identifier (CX). The search for it stays in the key; without one there is none.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn keyed(&mut self, text: Text, resource: &str, place: Place, cx: S) -> Id {
        self.key.clear();
        let (value, by, _) = numbered(text, text.until(Map::Tildes, cx));
        if !value.some() {
            return place.series(self.digest).id(1);
        }
        let by = Authority::of(text, by);
        if by.universal.some() {
            self.key.extend_from_slice(if by.is_oid { b"urn:oid:" } else { b"urn:id:" });
            plain(&mut self.key, text.bytes(by.universal));
        }
        self.key.push(b'|');
        plain(&mut self.key, text.bytes(value));
        self.key.push(0x1f);
        // SAFETY: UTF-8, cut between characters.
        let key = unsafe { core::str::from_utf8_unchecked(&self.key) };
        Id(identity::of_key(resource, key).into_bytes())
    }

    /// The end of the entry of a resource with a key, or without: `put` is `"PUT","url":"Patient`, `post` the same
    /// with POST.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn request<const A: usize, const B: usize>(&self, out: &mut Out, put: &[u8; A], post: &[u8; B]) {
        out.back(b"},\"request\":{\"method\":");
        let Some((_, key)) = self.key.split_last() else {
            out.lit(post);
            out.lit(b"\"}},");
            return;
        };
        out.lit(put);
        out.lit(b"?identifier=");
        // The first bar is between system and value: no system has one.
        let bar = key.iter().position(|&b| b == b'|').unwrap_or_default();
        for (at, &b) in key.iter().enumerate() {
            match b {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => out.lit(&[b]),
                _ => {
                    if at != bar && matches!(b, b'|' | b',' | b'$' | b'\\') {
                        out.lit(b"%5C");
                    }
                    let hex = b"0123456789ABCDEF";
                    out.lit(&[b'%', hex[usize::from(b >> 4)], hex[usize::from(b & 15)]]);
                }
            }
        }
        out.lit(b"\"}},");
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn reference(id: Id) -> Reference {
    let mut all = [0; 64];
    let mut out = Out(all.as_mut_ptr());
    out.lit(b"{\"reference\":\"urn:uuid:");
    letters(&mut out, id);
    out.lit(b"\"},");
    all
}

/// `rest` goes on behind `"resourceType":"`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn open<const K: usize>(out: &mut Out, id: Id, rest: &[u8; K]) {
    out.lit(b"{\"fullUrl\":\"urn:uuid:");
    letters(out, id);
    out.lit(rest);
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn period(out: &mut Out, text: Text, from: S, to: S) {
    if from.some() | to.some() {
        let mark = *out;
        out.lit(b"\"period\":{");
        let inside = *out;
        time(out, text, b"\"start\":\"", from, Kind::DateTime);
        time(out, text, b"\"end\":\"", to, Kind::DateTime);
        out.shut(mark, inside, b"},");
    }
}

/// JSON-ready text as it was before.
fn plain(to: &mut Vec<u8>, text: &[u8]) {
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        let next = if b == b'\\' { text.get(at + 1) } else { None };
        to.push(match next {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(&b) => b,
            None => b,
        });
        at += 1 + usize::from(next.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bench asks the processor, so each machine would try only one of them.
    #[test]
    fn narrow_vectors_find_what_wide_ones_find() {
        for mut workload in workload::all(&["W1", "W2"].map(str::to_owned)).unwrap() {
            workload.corpus = workload.corpus.shortened(60);
            let (Some(mut own), Some(mut narrow)) = (Converter::new(&workload), Converter::new(&workload)) else {
                return;
            };
            narrow.index.is_wide = false;
            for message in workload.corpus.messages() {
                assert_eq!(own.run(message), narrow.run(message), "{}", workload.name);
            }
        }
    }
}
