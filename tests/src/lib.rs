//! Tests that see more than one crate, and those that watch the architecture.
#![cfg(test)]

mod fhir_tables;
mod packages;
