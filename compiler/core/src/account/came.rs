//! What came of one message: the fields of which something was written, or that decided.

use crate::plan::Plan;
use crate::plan::interpret::{self, Settings};
use emr_message::Message;
use std::collections::BTreeSet;

/// Fields of one message, by the index of their segment.
pub struct Came(BTreeSet<(u32, u16)>);

impl Came {
    /// Nothing if the message is rejected. The plan is one that is made to be explained.
    pub fn from(plan: &Plan, message: &Message, settings: &Settings) -> Option<Came> {
        let explained = interpret::explain(plan, message, settings);
        explained.outcome.result.as_ref().ok()?;
        let written = explained.values.iter().flat_map(|value| [&value.sources, &value.conditions]);
        let all = written.chain([&explained.asked]).flat_map(|places| &places.places);
        Some(Came(all.map(|place| (place.segment, place.field)).collect()))
    }

    pub fn of(&self, segment: usize, field: u16) -> bool {
        u32::try_from(segment).is_ok_and(|segment| self.0.contains(&(segment, field)))
    }
}
