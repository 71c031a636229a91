//! References to what a message does not bring: they search for it (FHIR R4 §3.1.0.11.2, conditional references).
//!
//! While a resource is written nobody knows what else the message brings, so each reference is written with an id. When
//! all is written, searches are put in place of those ids that nothing has; where a server cannot be asked, the type alone, as
//! it would refuse an id that is nowhere. Likewise nobody knows which resources that came will be copied: references to them
//! are written as they came, and name the copies when all is written.

use std::collections::BTreeMap;

use memchr::memmem;
use uuid::Uuid;

use crate::json;

/// What stands before an address wherever a reference is written. No value of a message can hold it: its quotes are escaped.
const BEFORE: &[u8] = b"\"reference\":\"";
/// What stands before an id that this made, or others.
const URN: &[u8] = b"urn:uuid:";
/// What stands before the version of a resource (FHIR R4, `references.html#literal`).
const VERSION: &str = "/_history/";

/// Something that the message does not bring, by the id that stands for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Unresolved {
    pub id: Uuid,
    pub instead: Instead,
}

/// What a reference says in place of the id.
#[derive(Clone, PartialEq, Eq)]
pub enum Instead {
    /// `Patient?identifier=…`
    Search(String),
    /// `Patient`
    Type(String),
}

/// How what came is referred to, as a JSON string holds it, and the ids of its copies.
pub type Moved = BTreeMap<String, Uuid>;

/// The output with the searches, and by how much all moved that stands behind a place of it.
pub struct Settled {
    pub out: Vec<u8>,
    grown: Vec<(usize, isize)>,
}

impl Settled {
    /// Where what stood at a place stands now.
    pub fn place(&self, at: usize) -> usize {
        let moved = self.grown.iter().rev().find(|(end, _)| *end <= at).map_or(0, |(_, by)| *by);
        at.saturating_add_signed(moved)
    }
}

/// Puts what is said instead in place of each id, and copies in place of what they were made of.
pub fn settle(out: &[u8], left: &[Unresolved], moved: &Moved) -> Settled {
    let instead: Vec<(String, Vec<u8>)> =
        left.iter().map(|left| (left.id.to_string(), left.instead.spelled())).collect();
    let spelled = |address: &[u8]| {
        let id = address.strip_prefix(URN).unwrap_or_default();
        let known = instead.iter().find(|(known, _)| known.as_bytes() == id).map(|(_, spelled)| spelled.clone());
        known.or_else(|| copy(address, moved))
    };
    let (mut done, mut from, mut grown) = (Vec::with_capacity(out.len()), 0, Vec::new());
    for at in memmem::find_iter(out, BEFORE) {
        let rest = out.get(at + BEFORE.len()..).unwrap_or_default();
        let address = json::inside(rest);
        let end = (at + BEFORE.len() + address.len() + 1).min(out.len());
        let spelled = spelled(address);
        done.extend_from_slice(out.get(from..if spelled.is_some() { at } else { end }).unwrap_or_default());
        if let Some(spelled) = spelled {
            done.extend_from_slice(&spelled);
            grown.push((end, done.len().cast_signed() - end.cast_signed()));
        }
        from = end;
    }
    done.extend_from_slice(out.get(from..).unwrap_or_default());
    Settled { out: done, grown }
}

impl Instead {
    fn spelled(&self) -> Vec<u8> {
        let (element, value) = match self {
            Instead::Search(search) => ("reference", search),
            Instead::Type(resource) => ("type", resource),
        };
        let mut spelled = format!("\"{element}\":").into_bytes();
        json::write_str(&mut spelled, value);
        spelled
    }
}

/// The reference to the copy of what has that address. A copy has no versions.
fn copy(address: &[u8], moved: &Moved) -> Option<Vec<u8>> {
    let address = std::str::from_utf8(address).ok()?;
    let address = address.split_once(VERSION).map_or(address, |(whole, _)| whole);
    let id = moved.get(address)?;
    Some(format!("\"reference\":\"urn:uuid:{id}\"").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_nothing_has_gives_way() {
        let [here, gone, unknown] = [1, 2, 3].map(Uuid::from_u128);
        let reference = |id: Uuid| format!("{{\"reference\":\"urn:uuid:{id}\"}}");
        let written = format!("[{},{},{},{},1]", reference(gone), reference(here), reference(unknown), reference(gone));
        let left = [
            Unresolved { id: gone, instead: Instead::Search("Patient?identifier=\"7".into()) },
            Unresolved { id: unknown, instead: Instead::Type("Observation".into()) },
        ];
        let settled = settle(written.as_bytes(), &left, &Moved::new());
        let search = r#"{"reference":"Patient?identifier=\"7"}"#;
        let wanted = format!("[{search},{},{{\"type\":\"Observation\"}},{search},1]", reference(here));
        assert_eq!(String::from_utf8(settled.out.clone()).unwrap(), wanted);
        for mark in ["1]", &reference(here)] {
            assert_eq!(settled.place(written.rfind(mark).unwrap()), wanted.rfind(mark).unwrap());
        }
    }

    #[test]
    fn what_refers_to_a_resource_that_was_copied_leads_to_the_copy() {
        let id = Uuid::from_u128(7);
        let moved = Moved::from([("Patient/1".to_owned(), id), ("http://x.org/Patient/1".to_owned(), id)]);
        let reference = |to: &str| format!("{{\"reference\":\"{to}\"}}");
        let written =
            ["Patient/1", "http://x.org/Patient/1/_history/2", "Patient/12", "Patient/1\\\"", "#1"].map(reference);
        let copy = reference(&format!("urn:uuid:{id}"));
        let [_, _, other, quoted, inside] = written.clone();
        let settled = settle(written.join(",").as_bytes(), &[], &moved);
        let wanted = [copy.clone(), copy, other, quoted, inside].join(",");
        assert_eq!(String::from_utf8(settled.out).unwrap(), wanted);
    }
}
