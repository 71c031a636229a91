//! Tests that see more than one crate, and those that watch the architecture.
#![cfg(test)]

mod architecture;
mod fhir_tables;
mod packages;
