//! What code refers to by number: constants, lists, resources, patterns. Filled while code is made.

use emr_abi::{Emit, SLACK};
use rustc_hash::FxHashMap;

/// A text among the constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    pub at: usize,
    /// As JSON holds it.
    pub length: usize,
}

#[derive(Default)]
pub struct Tables {
    constants: Vec<u8>,
    known: FxHashMap<String, Constant>,
    pub lists: u32,
    writings: u32,
    pub emits: Vec<Emit>,
    pub patterns: Vec<String>,
}

pub use emr_message::json::escaped;

impl Tables {
    /// List 0 is the one that has nothing.
    pub fn new() -> Tables {
        Tables { lists: 1, ..Tables::default() }
    }

    pub fn constant(&mut self, text: &str) -> Constant {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let bytes = escaped(text);
        let constant = Constant { at: self.constants.len(), length: bytes.len() };
        self.constants.extend_from_slice(bytes.as_bytes());
        self.known.insert(text.to_owned(), constant);
        constant
    }

    pub fn list(&mut self) -> u32 {
        self.lists += 1;
        self.lists - 1
    }

    /// The number of a block in which it is asked what was written in it before.
    pub fn writings(&mut self) -> u32 {
        self.writings += 1;
        self.writings - 1
    }

    pub fn pattern(&mut self, pattern: &str) -> usize {
        let known = self.patterns.iter().position(|known| known == pattern);
        known.unwrap_or_else(|| {
            self.patterns.push(pattern.to_owned());
            self.patterns.len() - 1
        })
    }

    /// All constants, with room for a copy behind the last.
    pub fn into_constants(mut self) -> Vec<u8> {
        self.constants.extend_from_slice(&[0; SLACK]);
        self.constants
    }
}
