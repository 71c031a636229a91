//! `a then b`: what one map gives is what the next one takes.

use super::super::typed::TyKind;
use super::super::{Signature, SignatureParam, World, types};
use super::accept;
use super::connector::Speech;
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::built;
use crate::standard::hl7::Version;
use crate::standard::shape::Kind;
use crate::syntax::tree::Word;

/// What one map gives, where the next takes something else.
pub fn not_joined(before: (&Word, &Signature), behind: (&Word, &Signature), world: &dyn World) -> Option<Diagnostic> {
    let given = &before.1.result;
    let param = behind.1.params.first()?;
    if given.kind == TyKind::Error || param.ty.kind == TyKind::Error {
        return None;
    }
    let help = if fits(&given.kind, param, world) {
        // Several messages go on one by one; what a map of several resources gives is one Bundle or one of them.
        if !given.is_list() || built_name(&given.kind).is_some() {
            return None;
        }
        "give a Bundle, and take one"
    } else {
        "put a map in between, or change one"
    };
    let message = format!(
        "`{}` takes `{}`, and `{}` gives {}`{}`",
        behind.0.text,
        plain(&param.ty.kind),
        before.0.text,
        if given.is_list() { "several " } else { "" },
        plain(&given.kind)
    );
    Some(Diagnostic::new(Code::DoesNotFit, behind.0.at.clone(), message).help(help))
}

/// Whether the key is that of a message that a map makes.
fn is_message(key: &str, world: &dyn World) -> bool {
    let shape = built::name(key).and_then(|_| world.standards().shape(key));
    shape.is_some_and(|shape| shape.kind == Kind::Structure)
}

/// What a value of that type is to those who get it: a message that a map makes, or a resource.
pub(super) fn speech(given: &TyKind, world: &dyn World) -> Option<Speech> {
    match given {
        TyKind::Fhir(key) if is_message(key, world) => Some(Speech::V2),
        TyKind::Fhir(key) if built::name(key).is_none() => Some(Speech::Fhir),
        _ => None,
    }
}

/// What it is called, without its module.
pub(super) fn plain(kind: &TyKind) -> String {
    let name = types::show_kind(kind);
    types::short(&name).rsplit('.').next().unwrap_or_default().to_owned()
}

fn built_name(kind: &TyKind) -> Option<&str> {
    match kind {
        TyKind::Fhir(key) => built::name(key),
        _ => None,
    }
}

fn fits(given: &TyKind, param: &SignatureParam, world: &dyn World) -> bool {
    match (given, &param.ty.kind) {
        (TyKind::Fhir(given), TyKind::Structure(version, wanted)) => {
            let Some(name) = built::name(given) else { return false };
            let facts = world.profile(name);
            let known = facts.map_or(Version::Union, |facts| facts.version);
            let structures = facts.map_or_else(|| vec![name.into()], |facts| facts.of.clone());
            match &param.profile {
                Some(profile) => profile == name || accept::promises(profile, &structures, known, facts, world),
                None => *version == Version::Union && structures.iter().all(|it| it == wanted),
            }
        }
        (TyKind::Fhir(given), TyKind::Fhir(wanted)) => accept::is_a(given, wanted, world),
        _ => false,
    }
}
