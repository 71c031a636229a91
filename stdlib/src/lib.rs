//! The standard library and the standards, embedded: data only.

pub mod fhir;
pub mod hl7v2;
pub mod library;
