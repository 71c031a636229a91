//! The log as a target: what a project would send, before it sends it.

pub mod target;
