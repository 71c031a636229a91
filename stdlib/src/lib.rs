//! The standard library and the standards, embedded: data only.

pub mod fhir;
pub mod library;
