//! Holds a resolved project to what the language promises, and gives it types.

pub mod typed;
