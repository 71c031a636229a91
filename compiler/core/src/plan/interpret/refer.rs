//! References by key: when all is written it is known which resources the message brings. What it does not bring is
//! referred to by a search.

use super::exec::Run;
use crate::plan::IssueId;
use emr_message::Place;
use emr_message::refer::{Unresolved, settle};

/// Something that is referred to by its key.
pub(super) struct Referred {
    /// `Patient?identifier=…`; nothing if a server cannot be asked for it.
    pub search: Option<String>,
    pub issue: IssueId,
    pub place: Option<Place>,
}

impl Run<'_, '_> {
    /// Puts a search in place of each reference to what the message does not bring.
    pub fn settle_references(&mut self) {
        let mut left = Vec::new();
        for (id, referred) in std::mem::take(&mut self.referred) {
            match referred.search {
                _ if self.brought.contains(&id) => {}
                Some(search) => left.push(Unresolved { id, search }),
                None => self.say(referred.issue, referred.place),
            }
        }
        if left.is_empty() {
            return;
        }
        let settled = settle(&self.out, &left);
        self.marks.iter_mut().for_each(|mark| mark.at = settled.place(mark.at));
        self.out = settled.out;
    }
}
