//! Files in folders: a feed takes those that appear, a target writes one for each message.

pub mod feed;
pub mod target;
