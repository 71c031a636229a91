//! HTTP as a client: what `http`, `fhir` and `timer` have in common.

pub mod ask;
pub mod auth;
pub mod client;
mod jws;
#[cfg(test)]
pub mod tests;
