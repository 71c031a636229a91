//! Compiles `.emr` text to a plan: text and standards in, diagnostics and plan out, no I/O.

pub mod diagnostic;
pub mod standard;
pub mod syntax;
pub mod testing;
pub mod validate;
