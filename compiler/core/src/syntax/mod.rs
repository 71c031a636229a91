//! Text to tree. Never fails: what cannot be read becomes a problem, and what stands beside it is read all the same.
//!
//! `items` cuts a file where declarations begin, `item` reads one of them: strictly first (`grammar`, `build`).

mod build;
mod grammar;
mod items;
mod patch;
mod scan;
pub mod tree;

pub use items::{head, items};

use crate::diagnostic::{Code, Diagnostic};
use grammar::{Grammar, Parser, Rule};
use patch::Patched;
use tree::Parsed;

/// Reads one item. Ranges count from its first byte.
pub fn item(text: &str) -> Parsed {
    if let Some(at) = scan::too_deep(text) {
        return Parsed { item: None, problems: vec![build::too_deep(at)] };
    }
    let patched = Patched::new(text, 0..text.len(), &[]);
    match Grammar::parse(Rule::only_declaration, &patched.text) {
        Ok(mut pairs) => {
            let Some(pair) = pairs.next() else { return Parsed::default() };
            let (item, problems) = build::item(pair, &patched);
            Parsed { item, problems }
        }
        Err(error) => {
            if let pest::error::ErrorVariant::CustomError { .. } = error.variant {
                return Parsed { item: None, problems: vec![build::too_deep(0..text.len())] };
            }
            let (pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _))) = error.location;
            let problem =
                Diagnostic::new(Code::Unreadable, at..at, format!("cannot be read: {}", error.variant.message()));
            Parsed { item: None, problems: vec![problem] }
        }
    }
}

#[cfg(test)]
mod tests;
