//! FHIR over HTTP (FHIR R4 §3.1).

pub mod target;
