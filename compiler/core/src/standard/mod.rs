//! Shapes of the standards, read-only: where a name of HL7 v2 or FHIR finds its definition.

pub mod fhir;
pub mod hl7;
pub(crate) mod memo;
pub mod package;
pub mod shape;
mod text;
