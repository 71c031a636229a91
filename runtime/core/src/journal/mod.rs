//! What must survive a crash. A message is accepted once its record is on disk, and never before.
//!
//! [`log`] is records in files, [`commit`] the one thread that writes them in groups, [`fs`] all that they ask of a file
//! system, [`space`] what of the disk is kept free; [`entry`] is what records say, [`ledger`] their sum: where each message
//! is. [`find`] looks single messages up, [`search`] those that somebody asks for,
//! [`verify`] says what is wrong with a journal, [`repair`] gives up what is damaged, and [`follow`] reads on behind who writes.

pub mod commit;
pub mod entry;
pub mod find;
pub mod follow;
mod frame;
pub mod fs;
pub mod id;
pub mod ledger;
pub mod log;
mod queue;
pub mod repair;
mod scan;
pub mod search;
#[cfg(test)]
pub(crate) mod simulated;
pub mod space;
#[cfg(test)]
mod tests;
pub mod verify;
