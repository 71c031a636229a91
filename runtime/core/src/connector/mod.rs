//! What brings messages in and takes them out: a folder for each connector.

pub mod fhir;
pub mod file;
pub mod mllp;
pub mod template;
pub mod tls;
mod web;
