//! References by key: when all is written it is known which resources the message brings. What it does not bring is
//! referred to by a search.

use super::exec::Run;
use crate::plan::IssueId;
use emr_message::{Place, json};

/// Something that is referred to by its key.
pub(super) struct Referred {
    /// `Patient?identifier=…`; nothing if a server cannot be asked for it.
    pub search: Option<String>,
    pub issue: IssueId,
    pub place: Option<Place>,
}

/// What stands before an id wherever a reference is written. No value of the message can hold it: its quotes are escaped.
const BEFORE: &[u8] = b"\"reference\":\"urn:uuid:";
const ID: usize = 36;

impl Run<'_, '_> {
    /// Puts a search in place of each reference to what the message does not bring.
    pub fn settle_references(&mut self) {
        let referred = std::mem::take(&mut self.referred);
        let left: Vec<_> = referred.into_iter().filter(|(id, _)| !self.brought.contains(id)).collect();
        if left.is_empty() {
            return;
        }
        let mut searches: Vec<(String, Vec<u8>)> = Vec::new();
        for (id, referred) in left {
            match referred.search {
                Some(search) => {
                    let mut spelled = b"\"reference\":".to_vec();
                    json::write_str(&mut spelled, &search);
                    searches.push((id.to_string(), spelled));
                }
                None => self.say(referred.issue, referred.place),
            }
        }
        let out = std::mem::take(&mut self.out);
        let (mut done, mut from, mut grown) = (Vec::with_capacity(out.len()), 0, Vec::new());
        while let Some(at) = find(&out, from) {
            let id = out.get(at + BEFORE.len()..at + BEFORE.len() + ID).unwrap_or_default();
            let end = at + BEFORE.len() + ID + 1;
            let known = searches.iter().find(|(known, _)| known.as_bytes() == id);
            let until = if known.is_some() { at } else { end.min(out.len()) };
            done.extend_from_slice(out.get(from..until).unwrap_or_default());
            if let Some((_, search)) = known {
                done.extend_from_slice(search);
                // By how much all that stands behind it moves.
                grown.push((end, done.len() as isize - end as isize));
            }
            from = end.min(out.len());
        }
        done.extend_from_slice(out.get(from..).unwrap_or_default());
        for mark in &mut self.marks {
            let moved = grown.iter().rev().find(|(end, _)| *end <= mark.at).map_or(0, |(_, by)| *by);
            mark.at = mark.at.saturating_add_signed(moved);
        }
        self.out = done;
    }
}

fn find(out: &[u8], from: usize) -> Option<usize> {
    let rest = out.get(from..)?;
    rest.windows(BEFORE.len()).position(|window| window == BEFORE).map(|at| from + at)
}
