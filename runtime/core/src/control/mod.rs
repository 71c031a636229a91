//! How other processes of the machine talk to an engine that runs: over a socket in the folder of its journals, which
//! nobody but its own user may open. A request is a line of JSON, and so is its answer.
//!
//! [`place`] says where the socket is and that one engine alone has a journal, [`words`] what is said, [`server`] listens,
//! [`operations`] does what is asked, [`client`] asks. [`api`] takes the same from elsewhere, over HTTP, where the project
//! says so. [`journals`] is what can be looked at without an engine, [`sought`] which messages of it somebody looks for,
//! [`shapes`] how it is written for programs.

pub mod api;
pub mod client;
pub mod journals;
pub mod moment;
pub mod operations;
pub mod place;
pub mod server;
pub mod shapes;
pub mod sought;
#[cfg(test)]
mod tests;
pub mod who;
pub mod words;
