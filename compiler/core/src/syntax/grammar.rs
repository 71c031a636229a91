//! The parser that pest makes of `emr.pest`.

pub use pest::Parser;
pub use pest::iterators::Pair;

#[derive(pest_derive::Parser)]
#[grammar = "syntax/emr.pest"]
pub struct Grammar;

/// Stands in a repaired text where something is missing.
pub const GONE: &str = "\u{1}";

/// Stands in a repaired text for a line that was taken out.
pub const LOST: &str = "\u{2}";
