//! Compiles `.emr` text to a plan: text and standards in, diagnostics and plan out, no I/O.

pub mod account;
pub mod check;
pub mod codes;
pub mod coverage;
pub mod db;
pub mod diagnostic;
pub mod files;
pub mod generate;
pub mod impact;
pub mod json;
pub mod lower;
pub mod manual;
pub mod plan;
pub mod resolve;
pub mod select;
pub mod sender;
pub mod settings;
pub mod specification;
pub mod standard;
pub mod syntax;
pub mod testing;
pub mod trace;
pub mod validate;
