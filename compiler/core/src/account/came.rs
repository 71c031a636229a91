//! What came of one message: the fields of which something was written, or that decided, and those that stand as they came
//! in a message that is made.

use crate::plan::interpret::{self, Settings};
use crate::plan::{Gives, Plan};
use emr_message::{Message, encode};
use std::collections::BTreeSet;

/// Fields of one message, by the index of their segment.
pub struct Came {
    used: BTreeSet<(usize, u16)>,
    kept: BTreeSet<(usize, u16)>,
}

impl Came {
    /// Nothing if the message is rejected. The plan is one that is made to be explained.
    pub fn from(plan: &Plan, message: &Message, settings: &Settings) -> Option<Came> {
        let explained = interpret::explain(plan, message, settings);
        let written = explained.outcome.result.as_ref().ok()?;
        let kept = match plan.gives {
            Gives::Message => encode::kept(written, message),
            _ => BTreeSet::new(),
        };
        let made = explained.values.iter().flat_map(|value| [&value.sources, &value.conditions]);
        let all = made.chain([&explained.asked]).flat_map(|places| &places.places);
        let used = all.filter_map(|place| Some((usize::try_from(place.segment).ok()?, place.field))).collect();
        Some(Came { used, kept })
    }

    /// Whether something was written of it, or it decided.
    pub fn of(&self, segment: usize, field: u16) -> bool {
        self.used.contains(&(segment, field))
    }

    /// Whether it goes on as it came.
    pub fn keeps(&self, segment: usize, field: u16) -> bool {
        self.kept.contains(&(segment, field))
    }
}
