//! What the journal of another feed holds, once more.

pub mod feed;
mod reached;
