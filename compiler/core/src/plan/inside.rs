//! What is right inside a step, for whoever walks over all of a routine. A new step that holds others is named here.

use super::{Block, Step};

impl Step {
    /// The blocks inside it, in the order in which they are carried out.
    pub fn blocks(&self) -> Vec<&Block> {
        match self {
            Step::Wrap { body, .. }
            | Step::Wrote { body, .. }
            | Step::Probe { body, .. }
            | Step::Distinct { body }
            | Step::Unlike { body, .. }
            | Step::Attempt { body, .. }
            | Step::Under { body, .. }
            | Step::Each { body, .. }
            | Step::Emit { body, .. }
            | Step::Edit { body, .. }
            | Step::Contain { body, .. } => vec![body],
            Step::EachBy { key, body, .. } => vec![key, body],
            Step::Or { first, then } => vec![first, then],
            Step::If { yes, no, .. } => vec![yes, no],
            Step::Choose { arms, other, .. } => arms.iter().map(|(_, body)| body).chain([other]).collect(),
            _ => Vec::new(),
        }
    }

    pub fn blocks_mut(&mut self) -> Vec<&mut Block> {
        match self {
            Step::Wrap { body, .. }
            | Step::Wrote { body, .. }
            | Step::Probe { body, .. }
            | Step::Distinct { body }
            | Step::Unlike { body, .. }
            | Step::Attempt { body, .. }
            | Step::Under { body, .. }
            | Step::Each { body, .. }
            | Step::Emit { body, .. }
            | Step::Edit { body, .. }
            | Step::Contain { body, .. } => vec![body],
            Step::EachBy { key, body, .. } => vec![key, body],
            Step::Or { first, then } => vec![first, then],
            Step::If { yes, no, .. } => vec![yes, no],
            Step::Choose { arms, other, .. } => arms.iter_mut().map(|(_, body)| body).chain([other]).collect(),
            _ => Vec::new(),
        }
    }
}
