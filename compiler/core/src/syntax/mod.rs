//! Text to tree. Never fails: what cannot be read becomes a problem, and what stands beside it is read all the same.

pub mod tree;
