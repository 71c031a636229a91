//! References by key: when all is written it is known which resources the message brings. What it does not bring is
//! referred to by a search, or where none is possible by its type alone. What refers to a resource that came and was copied
//! leads to the copy.

use super::exec::Run;
use super::value::Value;
use crate::plan::IssueId;
use emr_message::Place;
use emr_message::json;
use emr_message::refer::{Instead, Moved, Unresolved, settle};
use smol_str::SmolStr;

/// Something that is referred to by its key.
pub(super) struct Referred {
    /// `Patient?identifier=…`; nothing if a server cannot be asked for it.
    pub search: Option<String>,
    pub resource: SmolStr,
    pub issue: IssueId,
    pub place: Option<Place>,
}

impl Run<'_, '_> {
    /// Puts a search, or the type, in place of each reference to what the message does not bring.
    pub fn settle_references(&mut self) {
        let mut left = Vec::new();
        for (id, referred) in std::mem::take(&mut self.referred) {
            if self.brought.contains(&id) {
                continue;
            }
            let instead = match referred.search {
                Some(search) => Instead::Search(search),
                None => {
                    self.say(referred.issue, referred.place);
                    Instead::Type(referred.resource.to_string())
                }
            };
            left.push(Unresolved { id, instead });
        }
        let moved = self.moved();
        if left.is_empty() && moved.is_empty() {
            return;
        }
        let settled = settle(&self.out, &left, &moved);
        self.marks.iter_mut().for_each(|mark| mark.at = settled.place(mark.at));
        self.out = settled.out;
    }

    /// Notes a copy, if it was made.
    pub fn copied(&mut self, of: Value<'_>, made: Value<'_>) {
        if let (Value::Json(came), Value::Reference(index)) = (of, made)
            && let Some(entry) = self.entries.get(index)
        {
            self.copies.push((entry.id, came));
        }
    }

    /// How copied resources were referred to, and the ids of their copies.
    fn moved(&mut self) -> Moved {
        let mut moved = Moved::new();
        for (id, of) in std::mem::take(&mut self.copies) {
            let Some(came) = self.came() else { break };
            for address in came.addresses(&of) {
                moved.entry(json::escaped(&address)).or_insert(id);
            }
        }
        moved
    }
}
