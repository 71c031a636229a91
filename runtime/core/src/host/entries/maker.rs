//! What a program can emit, with what is looked at once.

use emr_abi::{Emit, KeyValue};
use emr_message::identity::Origin;
use emr_message::resource;

/// A resource that a program can emit, with what is looked at once.
pub struct Maker {
    pub(super) emit: Emit,
    pub(super) origin: Origin,
    /// Its rule among those of all makers: by rule it is counted how often something was emitted.
    pub(super) rule: usize,
    /// What a server is asked for where nothing tells whether it has the resource, and the end of the entry.
    pub(super) post: Vec<u8>,
    /// The same with bytes behind it, so that it is copied as a whole; empty if it is too long.
    pub(super) wide: [u8; WIDE],
    /// Whether each resource says itself of which type it is.
    pub(super) is_open: bool,
}

/// Long enough for every type of FHIR R4 and R5.
pub const WIDE: usize = 96;

impl Maker {
    /// Of all that a program emits.
    pub fn all(emits: &[Emit]) -> Vec<Maker> {
        let rule = |emit: &Emit| emits.iter().position(|other| other.rule == emit.rule).unwrap_or(0);
        emits.iter().map(|emit| Maker::new(emit, rule(emit))).collect()
    }

    pub fn emit(&self) -> &Emit {
        &self.emit
    }

    fn new(emit: &Emit, rule: usize) -> Maker {
        let post = post(&emit.resource);
        let mut wide = [0; WIDE];
        wide.iter_mut().zip(&post).for_each(|(to, byte)| *to = *byte);
        let origin = Origin::new(&emit.resource, &emit.place);
        Maker { emit: emit.clone(), origin, rule, post, wide, is_open: resource::is_open(&emit.resource) }
    }
}

/// What a server is asked for that is to make a resource, and the end of the entry.
pub(super) fn post(resource: &str) -> Vec<u8> {
    format!(",\"request\":{{\"method\":\"POST\",\"url\":\"{resource}\"}}}},").into_bytes()
}

/// How many words of the context the parts of a key take.
pub fn words(emit: &Emit) -> impl Iterator<Item = (KeyValue, usize)> {
    emit.key.iter().scan(0, |at, part| {
        let from = *at;
        *at += part.value.words();
        Some((part.value, from))
    })
}
