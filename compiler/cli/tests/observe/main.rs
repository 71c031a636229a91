//! What is seen of a project that runs: the real binary, looked on at from outside.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod audit;
mod log;
mod metrics;
#[path = "../site/mod.rs"]
mod running;
mod site;
mod told;
