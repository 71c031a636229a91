//! What a map promises of itself and of all that it calls: that it refuses nothing, that it writes no more than it
//! says, that what it patches can be told to a server, that nothing that is emitted is lost, that entries of a
//! Bundle are told apart.

use super::typed::{CodeTable, Function, Key};
use super::{answered, bounded, bundle, lost, patched, total};
use crate::diagnostic::Diagnostic;
use rustc_hash::FxHashSet;

/// The bodies of other items, which only promises look into.
pub trait Bodies {
    fn function(&self, key: &str) -> Option<&Function>;
    fn codes(&self, key: &str) -> Option<&CodeTable>;
    /// The tables that a running engine asks, which their declarations alone say.
    fn asked(&self) -> &FxHashSet<Key>;
}

/// What a function does not keep of what it promises.
pub fn promises(function: &Function, bodies: &dyn Bodies) -> Vec<Diagnostic> {
    let mut broken = Vec::new();
    if function.total {
        broken.extend(total::may_reject(function, bodies));
    }
    if !function.writes.is_empty() {
        broken.extend(bounded::writes_more(function, bodies));
    }
    broken.extend(answered::as_keys(function, bodies));
    broken.extend(patched::cannot_be_sent(function, bodies));
    broken.extend(lost::resources(function, bodies));
    broken.extend(lost::changes(function, bodies));
    broken.extend(bundle::twice(function, bodies));
    broken
}
