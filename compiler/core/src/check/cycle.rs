//! Names may not be recursive: what a map calls never comes back to it.

use super::typed::{Function, Key};
use crate::diagnostic::{Code, Diagnostic};
use rustc_hash::FxHashSet;

/// Says that a function calls itself, at once or by way of others.
pub fn cycle(function: &Function, calls: &dyn Fn(&str) -> Vec<Key>) -> Option<Diagnostic> {
    let mut seen = FxHashSet::default();
    let mut waiting = calls(&function.key);
    while let Some(key) = waiting.pop() {
        if key == function.key {
            let name = key.rsplit('.').next().unwrap_or_default();
            let diagnostic =
                Diagnostic::new(Code::Recursive, function.at.clone(), format!("`{name}` comes back to itself"));
            return Some(diagnostic.help("a mapping ends after a bounded number of steps, so no map may need itself"));
        }
        if seen.insert(key.clone()) {
            waiting.extend(calls(&key));
        }
    }
    None
}

/// A function and all that it uses, directly or by way of others.
pub fn reached<'a>(function: &Function, uses: &dyn Fn(&str) -> Option<&'a [Key]>) -> FxHashSet<Key> {
    let mut seen = FxHashSet::default();
    let mut waiting = vec![function.key.clone()];
    while let Some(key) = waiting.pop() {
        if seen.insert(key.clone()) {
            waiting.extend(uses(&key).unwrap_or_default().iter().cloned());
        }
    }
    seen
}
