//! References to what a message does not bring: they search for it (FHIR R4 §3.1.0.11.2, conditional references).
//!
//! While a resource is written nobody knows what else the message brings, so each reference is written with an id. When
//! all is written, searches are put in place of those ids that nothing has; where a server cannot be asked, the type alone, as
//! it would refuse an id that is nowhere.

use uuid::Uuid;

use crate::json;

/// What stands before an id wherever a reference is written. No value of a message can hold it: its quotes are escaped.
const BEFORE: &[u8] = b"\"reference\":\"urn:uuid:";
const ID: usize = 36;

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

/// Puts what is said instead in place of each id.
pub fn settle(out: &[u8], left: &[Unresolved]) -> Settled {
    let spelled = |left: &Unresolved| {
        let (element, value) = match &left.instead {
            Instead::Search(search) => ("reference", search),
            Instead::Type(resource) => ("type", resource),
        };
        let mut spelled = format!("\"{element}\":").into_bytes();
        json::write_str(&mut spelled, value);
        (left.id.to_string(), spelled)
    };
    let instead: Vec<(String, Vec<u8>)> = left.iter().map(spelled).collect();
    let (mut done, mut from, mut grown) = (Vec::with_capacity(out.len()), 0, Vec::new());
    while let Some(at) = find(out, from) {
        let id = out.get(at + BEFORE.len()..at + BEFORE.len() + ID).unwrap_or_default();
        let end = (at + BEFORE.len() + ID + 1).min(out.len());
        let known = instead.iter().find(|(known, _)| known.as_bytes() == id);
        done.extend_from_slice(out.get(from..if known.is_some() { at } else { end }).unwrap_or_default());
        if let Some((_, spelled)) = known {
            done.extend_from_slice(spelled);
            grown.push((end, done.len().cast_signed() - end.cast_signed()));
        }
        from = end;
    }
    done.extend_from_slice(out.get(from..).unwrap_or_default());
    Settled { out: done, grown }
}

fn find(out: &[u8], from: usize) -> Option<usize> {
    let rest = out.get(from..)?;
    rest.windows(BEFORE.len()).position(|window| window == BEFORE).map(|at| from + at)
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
        let settled = settle(written.as_bytes(), &left);
        let search = r#"{"reference":"Patient?identifier=\"7"}"#;
        let wanted = format!("[{search},{},{{\"type\":\"Observation\"}},{search},1]", reference(here));
        assert_eq!(String::from_utf8(settled.out.clone()).unwrap(), wanted);
        for mark in ["1]", &reference(here)] {
            assert_eq!(settled.place(written.rfind(mark).unwrap()), wanted.rfind(mark).unwrap());
        }
    }
}
