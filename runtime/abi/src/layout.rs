//! What a plan reads of a message, as the host's splitter needs to know it.

use serde::{Deserialize, Serialize};

/// The kinds of segments that are read. Kind 0 of the tables stands for all others, so the first here is kind 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub kinds: Vec<Kind>,
}

/// A kind of segment, and the bars between its fields that the splitter looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// `PID`
    pub name: [u8; 3],
    /// Bit `j` for the bar numbered `j`, the first in the segment being 0: field `k` lies between the bars `k - 1` and
    /// `k`, that of MSH, FHS and BHS between `k - 2` and `k - 1` (HL7 v2.5.1 §2.15.9.1: MSH-1 is the bar itself).
    pub bars: u128,
}

/// The last bar that a [`Kind`] can name.
pub const BAR_MAX: u32 = 127;
