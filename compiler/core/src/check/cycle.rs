//! Names may not be recursive: what a map calls never comes back to it.

use super::typed::{Function, Key};
use crate::diagnostic::{Code, Diagnostic};
use rustc_hash::{FxHashMap, FxHashSet};

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

/// How many constants, or feeds that are like others, may stand behind one another: whoever follows them calls itself
/// that often. Real projects have three.
pub const BEHIND_MAX: usize = 32;

/// Whether more stand behind a declaration, one behind another, than can be followed. Those that come back to themselves
/// count no further: that is said elsewhere.
pub fn is_too_long(of: &str, needs: &dyn Fn(&str) -> Vec<Key>) -> bool {
    let mut heights: FxHashMap<Key, usize> = FxHashMap::default();
    let mut seen = FxHashSet::from_iter([Key::from(of)]);
    // The way from the declaration to where we are, each with those that still have to be looked at.
    let mut way = vec![(Key::from(of), needs(of), 1)];
    while let Some((_, waiting, height)) = way.last_mut() {
        let Some(next) = waiting.pop() else {
            let (done, _, height) = way.pop().unwrap_or_default();
            heights.insert(done, height);
            if let Some((_, _, above)) = way.last_mut() {
                *above = (*above).max(height + 1);
            }
            continue;
        };
        if let Some(known) = heights.get(&next) {
            *height = (*height).max(known + 1);
            let known = *known;
            if way.len() + known > BEHIND_MAX {
                return true;
            }
        } else if seen.insert(next.clone()) {
            if way.len() >= BEHIND_MAX {
                return true;
            }
            let more = needs(&next);
            way.push((next, more, 1));
        }
    }
    false
}

/// A function and all that it uses, directly or by way of others.
pub fn reached(function: &Function, uses: &dyn Fn(&str) -> Vec<Key>) -> FxHashSet<Key> {
    let mut seen = FxHashSet::default();
    let mut waiting = vec![function.key.clone()];
    while let Some(key) = waiting.pop() {
        if seen.insert(key.clone()) {
            waiting.extend(uses(&key));
        }
    }
    seen
}
