//! Names that nobody needs: those that a `use` brings, and those that are private.

use super::Names;
use crate::diagnostic::{Code, Diagnostic};

/// A warning for each such name, with the number of its item. `texts` are the items of the module.
pub fn unused(names: &Names, texts: &[&str]) -> Vec<(usize, Diagnostic)> {
    let is_used =
        |item: usize, name: &str| texts.iter().enumerate().any(|(index, text)| index != item && has_word(text, name));
    let warn = |at: &std::ops::Range<usize>, message: String| Diagnostic::new(Code::UnusedName, at.clone(), message);
    let imported = names.imported.iter().filter(|(item, name, _)| !is_used(*item, name)).map(|(item, name, at)| {
        (*item, warn(at, format!("`{name}` is brought in and never used")).help("take it out of the `use`"))
    });
    let private =
        names.private.iter().filter(|(item, name, _)| !is_used(*item, name)).map(|(item, name, at)| {
            (*item, warn(at, format!("`{name}` is private and never used")).help("take it away"))
        });
    imported.chain(private).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !in_word(before) && !in_word(after)
    })
}
