//! The fastest that we know to write by hand for W1 and W2, with everything learnt from the other rows: one pass over a
//! message finds all bars, separators and whatever must be written anew; fields stand in one table; parts come from
//! bitmaps without a branch; values that may be absent are written all the same, and only the place moves or not.
//!
//! [`index`] is the pass, [`rewrite`] the fields that are not as JSON wants them, [`text`] fields and their parts,
//! [`out`] the buffer, [`codes`] tables of codes, [`dates`] and [`ids`] what they say, [`types`] HL7's data types,
//! [`patient`], [`admission`] and [`results`] the maps.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "this is Rust as one writes it who counts instructions: vectors and raw places"),
    expect(clippy::indexing_slicing, reason = "short messages of our own; a slip is found before anything is timed")
)]

#[cfg(target_arch = "x86_64")]
mod admission;
#[cfg(target_arch = "x86_64")]
mod codes;
#[cfg(target_arch = "x86_64")]
mod converter;
#[cfg(target_arch = "x86_64")]
mod dates;
#[cfg(target_arch = "x86_64")]
mod digest;
#[cfg(target_arch = "x86_64")]
mod ids;
#[cfg(target_arch = "x86_64")]
mod index;
#[cfg(target_arch = "x86_64")]
mod out;
#[cfg(target_arch = "x86_64")]
mod patient;
#[cfg(target_arch = "x86_64")]
mod results;
#[cfg(target_arch = "x86_64")]
mod rewrite;
#[cfg(target_arch = "x86_64")]
mod text;
#[cfg(target_arch = "x86_64")]
mod types;

use crate::engine::{Engine, Row};
use crate::workload::Workload;

pub const ROW: Row = Row { name: "best", prepare };

#[cfg(target_arch = "x86_64")]
fn prepare(workload: &Workload) -> Option<Box<dyn Engine>> {
    converter::Converter::new(workload).map(|it| Box::new(it) as Box<dyn Engine>)
}

#[cfg(not(target_arch = "x86_64"))]
fn prepare(_: &Workload) -> Option<Box<dyn Engine>> {
    None
}
