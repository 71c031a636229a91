//! HTTP: as a client, what `http`, `fhir` and `timer` have in common; as a server, what listens for them.

pub mod ask;
pub mod auth;
pub mod certificate;
pub mod client;
pub mod clients;
mod issuer;
mod jws;
pub mod listening;
pub mod media;
pub mod outcome;
pub mod server;
pub mod taken;
#[cfg(test)]
pub mod tests;
mod token;
