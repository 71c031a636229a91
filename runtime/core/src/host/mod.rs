//! What stands around compiled code: the message made ready for it, the helpers that it calls, the memory that it writes
//! to.
//!
//! The unsafe bridge of the project: each block says who vouches for what. What knows, after the end of a process, which
//! message such code was at, stands here too.
#![expect(unsafe_code, reason = "compiled code takes and gives addresses")]

mod arena;
mod artifact;
mod came;
mod dates;
mod edits;
mod entries;
mod groups;
mod helpers;
mod machine;
mod memory;
mod outlasting;
mod pattern;
mod processor;
mod spelled;
mod structure;
mod symbols;
pub mod text;
mod traces;
mod work;

pub use artifact::{Artifact, Unusable, is_artifact};
pub use machine::{Done, Loaded, Machine, Ran, Refused};
pub use memory::Unmapped;
pub use outlasting::Outlasting;
pub use symbols::Symbol;
pub use work::Raised;
