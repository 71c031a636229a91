//! Tests that see more than one crate, and those that watch the architecture.
//!
//! What is not a test itself is shared with the tools beside it (`src/bin`), which do the same at length.

// A test that cannot go on stops, and says where.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

pub mod beginnings;
pub mod corpus;
pub mod edits;
pub mod fit;
pub mod guards;
pub mod mutate;
pub mod oracle;
pub mod pipeline;
pub mod plans;
pub mod process;
pub mod programs;
pub mod project;
pub mod random;
pub mod torture;

#[cfg(test)]
mod account;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod artifact;
#[cfg(test)]
mod builtins;
#[cfg(test)]
mod diagnostics;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod fhir_tables;
#[cfg(test)]
mod fixes;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod guide_conditions;
#[cfg(test)]
mod guide_paths;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod ill_meant;
#[cfg(test)]
mod language;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod native;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod robust;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod run_pages;
#[cfg(test)]
mod slices;
#[cfg(test)]
mod symbols;
#[cfg(test)]
mod terminology;
#[cfg(test)]
mod typing;
#[cfg(test)]
mod validate;
#[cfg(test)]
mod xml;
