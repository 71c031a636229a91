//! Names that nobody needs: those that a `use` brings, and those that are private.

use super::module::DeclaredKind;
use super::{Export, Names};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// What an item of the module needs of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// As it writes them: `patient`, `codes.Gender`.
    pub names: BTreeSet<SmolStr>,
    /// The keys of what it uses, also where it is not named: a conversion.
    pub keys: BTreeSet<SmolStr>,
    /// The words of an item that is not sound: what they stand for may not have been found out.
    pub words: BTreeSet<SmolStr>,
}

/// A warning for each such name, with the number of its item. `needs` are those of the items of the module.
pub fn unused(names: &Names, needs: &[Needs]) -> Vec<(usize, Diagnostic)> {
    let is_used = |item: usize, name: &str| {
        let exports = names.nearest(name);
        let others = needs.iter().enumerate().filter(|(index, _)| *index != item);
        // A segment is no name: each path into a message may lead through it.
        exports.iter().any(|export| export.kind == DeclaredKind::Segment)
            || others.map(|(_, needs)| needs).any(|needs| needs.need(name, &exports))
    };
    let warn = |at: &At, message: String, help: &str| {
        Diagnostic::new(Code::UnusedName, at.clone(), message).help(help.to_owned())
    };
    let imported = names.imported.iter().filter(|(item, name, _)| !is_used(*item, name)).map(|(item, name, at)| {
        (*item, warn(at, format!("`{name}` is brought in and never used"), "take it out of the `use`"))
    });
    let private = names
        .private
        .iter()
        .filter(|(item, name, _)| !is_used(*item, name))
        .map(|(item, name, at)| (*item, warn(at, format!("`{name}` is private and never used"), "take it away")));
    imported.chain(private).collect()
}

/// A name of a module in a project that another project uses has no more.
const PARTS_MAX: usize = 16;

/// The first words of several that dots join.
fn joined(word: &str, parts: usize) -> SmolStr {
    let end = word.match_indices('.').nth(parts - 1).map_or(word.len(), |(at, _)| at);
    word.get(..end).unwrap_or_default().into()
}

impl Needs {
    /// All words of a text.
    pub fn words(text: &str) -> Self {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        Self { words: words.map(SmolStr::from).collect(), ..Self::default() }
    }

    /// All that could be a name in a text: words, and words that dots join.
    pub fn names(text: &str) -> BTreeSet<SmolStr> {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').filter(|word| !word.is_empty());
        words.flat_map(|word| (1..=word.split('.').count().min(PARTS_MAX)).map(|parts| joined(word, parts))).collect()
    }

    fn need(&self, name: &str, exports: &[Export]) -> bool {
        self.words.contains(name)
            || self.names.iter().any(|it| it.split('.').next() == Some(name))
            || exports.iter().any(|it| it.kind == DeclaredKind::Convert && self.keys.contains(&it.key))
    }
}
