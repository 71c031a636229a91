//! Hand-written Rust for these maps alone, as fast as one writes it who knows the machine: it looks at a message with
//! vectors, splits only the fields that it reads, and writes JSON straight into one buffer. Not a word of it comes from
//! a map. It writes what the map says for the messages of the bench, and it does not change any more.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "this is Rust as one writes it who counts instructions: vectors and raw places"),
    expect(clippy::indexing_slicing, reason = "short messages of our own; a slip is found before anything is timed")
)]

#[cfg(target_arch = "x86_64")]
mod admission;
#[cfg(target_arch = "x86_64")]
mod converter;
#[cfg(target_arch = "x86_64")]
mod date;
#[cfg(target_arch = "x86_64")]
mod deidentified;
#[cfg(target_arch = "x86_64")]
mod index;
#[cfg(target_arch = "x86_64")]
mod results;
#[cfg(target_arch = "x86_64")]
mod types;
#[cfg(target_arch = "x86_64")]
mod writer;

use crate::engine::{Engine, Row};
use crate::workload::Workload;

pub const ROW: Row = Row { name: "hand", prepare };

#[cfg(target_arch = "x86_64")]
fn prepare(workload: &Workload) -> Option<Box<dyn Engine>> {
    converter::Converter::new(workload).map(|it| Box::new(it) as Box<dyn Engine>)
}

#[cfg(not(target_arch = "x86_64"))]
fn prepare(_: &Workload) -> Option<Box<dyn Engine>> {
    None
}
