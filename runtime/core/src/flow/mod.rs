//! The way of a message: taken in and stored, mapped, delivered to each target, settled.
//!
//! [`program`] is what compiled maps do for it, [`intake`] stores and answers, [`tables`] asks what maps look up,
//! [`work`] maps and settles by the
//! [`version`] of the project that is the present one, [`lanes`]
//! keeps the order of deliveries, [`deliver`] brings them out and [`retry`] says when again, [`reply`] is what senders get of what targets say; [`operate`] is what a person
//! may do with single messages; [`engine`] puts all of it together for a project, [`witness`] is told of all that
//! happens, also of the [`issues`] that maps raise, and [`backlog`] says what waits.

mod anew;
pub mod backlog;
pub mod deliver;
pub mod engine;
mod held;
pub mod intake;
pub mod issues;
pub mod lanes;
mod line;
mod look_up;
mod mark;
pub mod once;
pub mod operate;
pub mod pace;
pub mod program;
pub mod repair;
mod reply;
pub mod retry;
pub mod seen;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod version;
pub mod witness;
pub mod work;
