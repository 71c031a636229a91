//! References by key: when all is written it is known which resources the message brings. What it does not bring is
//! referred to by a search, or where none is possible by its type alone.

use super::exec::Run;
use crate::plan::IssueId;
use emr_message::Place;
use emr_message::refer::{Instead, Unresolved, settle};
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
        if left.is_empty() {
            return;
        }
        let settled = settle(&self.out, &left);
        self.marks.iter_mut().for_each(|mark| mark.at = settled.place(mark.at));
        self.out = settled.out;
    }
}
