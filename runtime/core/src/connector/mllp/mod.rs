//! HL7 v2 over TCP, in the frames of MLLP: a feed that listens and a target that sends.

pub mod feed;
mod frame;
pub mod target;

use serde::Deserialize;

/// How acknowledgments are given where MSH-15 and MSH-16 do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Original,
    Enhanced,
}

/// Which framing (HL7 MLLP, Transport Specification, Release 1 and 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Release {
    #[serde(rename = "1")]
    One,
    /// Each block of content is answered by a block of its own before anything else is said: that it is stored, or not.
    #[serde(rename = "2")]
    Two,
}

/// The block that says that another is stored.
const COMMITTED: &[u8] = b"\x06";
/// The block that says that another is not stored, and may be sent again.
const NOT_COMMITTED: &[u8] = b"\x15";
