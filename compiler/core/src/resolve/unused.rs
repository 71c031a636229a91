//! Names that a `use` brings and nobody needs.

use super::Names;
use crate::diagnostic::{Code, Diagnostic};

/// A warning for each such name, with the number of its item. `texts` are the items of the module.
pub fn unused(names: &Names, texts: &[&str]) -> Vec<(usize, Diagnostic)> {
    let is_used = |item: usize, name: &str| {
        let others = texts.iter().enumerate().filter(|(index, _)| *index != item);
        others.flat_map(|(_, text)| text.match_indices(name).map(|(at, _)| (*text, at))).any(|(text, at)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
            let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !in_word(before) && !in_word(after)
        })
    };
    let unused = names.imported.iter().filter(|(item, name, _)| !is_used(*item, name));
    unused
        .map(|(item, name, at)| {
            let message = format!("`{name}` is brought in and never used");
            (*item, Diagnostic::new(Code::UnusedName, at.clone(), message).help("take it out of the `use`"))
        })
        .collect()
}
