//! Bytes in, bytes out: hosts compiled programs, and moves messages from feeds through maps to targets.

#[macro_use]
pub mod fail;

#[cfg(test)]
#[path = "../../../tests/src/address.rs"]
mod address;
pub mod clock;
pub mod connector;
pub mod control;
pub mod flow;
pub mod host;
pub mod journal;
mod kept;
pub mod observe;
