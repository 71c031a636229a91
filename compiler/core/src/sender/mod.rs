//! What senders really send: a profile learnt from messages, and two profiles side by side.

mod compare;
mod learn;
mod seen;
mod stray;
mod text;

pub use compare::{Compared, Difference, Head, Said, compare};
pub use learn::infer;
