//! FHIR over HTTP (FHIR R4 §3.1).

pub mod envelope;
pub mod feed;
pub mod table;
pub mod target;
mod told;
pub mod xml;
