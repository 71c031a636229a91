//! What pest found becomes the tree: a file per kind of construct.
//!
//! The text may have been repaired before; each node has the range of what stands in the original.

mod block;
mod declaration;
mod expression;
mod path;
mod wiring;

pub use expression::too_deep;

use super::grammar::{GONE, Pair, Rule};
use super::patch::Patched;
use super::tree::{At, Item, Word};
use crate::diagnostic::{Code, Diagnostic};
use smol_str::SmolStr;
use std::cell::{Cell, RefCell};

/// How deep values may stand in each other, operators counted: whoever walks the tree calls itself that often.
pub const LEVELS_MAX: usize = 128;

/// The item of a `declaration`, and what is wrong with it that the grammar does not say.
pub fn item(declaration: Pair<'_, Rule>, text: &Patched) -> (Option<Item>, Vec<Diagnostic>) {
    let build = Build { text, problems: RefCell::default(), levels: Cell::new(0) };
    let item = build.item(declaration);
    (item, build.problems.into_inner())
}

struct Build<'a> {
    text: &'a Patched,
    problems: RefCell<Vec<Diagnostic>>,
    levels: Cell<usize>,
}

impl Build<'_> {
    fn at(&self, pair: &Pair<'_, Rule>) -> At {
        let span = pair.as_span();
        self.text.origin(span.start()..span.end())
    }

    fn problem(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    fn unreadable(&self, at: At, message: impl Into<String>) {
        self.problem(Diagnostic::new(Code::Unreadable, at, message));
    }

    /// What is missing has no text.
    fn word(&self, pair: &Pair<'_, Rule>) -> Word {
        let at = self.at(pair);
        match pair.as_str() {
            text if text.contains(GONE) => Word { text: text.replace(GONE, "").into(), at },
            text => Word { text: text.into(), at },
        }
    }

    /// The number as written. One that no path of a standard has is said to be too large.
    fn number(&self, pair: &Pair<'_, Rule>) -> u32 {
        pair.as_str().parse().unwrap_or_else(|_| {
            self.unreadable(self.at(pair), "the number is too large");
            u32::MAX
        })
    }

    fn docs(&self, doc: &Pair<'_, Rule>) -> SmolStr {
        let line = doc.as_str().trim_start_matches('/').trim_end();
        line.strip_prefix(' ').unwrap_or(line).into()
    }
}

/// The first part of that kind.
fn find<'a>(pair: &Pair<'a, Rule>, kind: Rule) -> Option<Pair<'a, Rule>> {
    pair.clone().into_inner().find(|part| part.as_rule() == kind)
}
