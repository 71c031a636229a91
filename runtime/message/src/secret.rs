//! Secrets of a project, by the names that its text has for them. Their values are never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What the names of secrets stand for.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Arc<BTreeMap<String, Vec<u8>>>,
    is_test: bool,
}

impl Secrets {
    pub fn new(known: BTreeMap<String, Vec<u8>>) -> Secrets {
        Secrets { known: Arc::new(known), is_test: false }
    }

    /// Those of tests, in which each secret is its own name: no test needs a real one, and all give the same everywhere.
    pub fn of_tests() -> Secrets {
        Secrets { is_test: true, ..Secrets::default() }
    }

    pub fn is_test(&self) -> bool {
        self.is_test
    }

    pub fn get<'s>(&'s self, name: &'s str) -> Option<&'s [u8]> {
        let known = self.known.get(name).map(Vec::as_slice);
        if self.is_test { known.or(Some(name.as_bytes())) } else { known }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.known.len())
    }
}
