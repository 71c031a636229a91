//! A clock that asks a FHIR server what is new (FHIR R4 §3.1.1.6, §3.1.1.4.5).

pub mod feed;
mod search;
mod since;
