//! Measures what a mapping costs: the same messages through the same maps, by machine, by hand and by others, in one
//! process and in turn.
//!
//! [`workload`] has the maps and messages, [`engine`] what a competitor is and which there are, [`measure`] the clock.
//! Nothing is timed before all rows gave the same bytes for every message.

pub mod allocations;
mod best;
pub mod compiling;
pub mod corpus;
mod dice;
pub mod engine;
pub mod export;
mod hand;
mod idiom;
mod interpreter;
pub mod measure;
mod native;
pub mod workload;
