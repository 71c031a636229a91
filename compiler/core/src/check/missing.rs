//! Why a value may be missing, in the words of the text.

use super::path::spell;
use super::scope::Scope;
use super::sourceless::is_constant;
use super::typed::{Expr, Kind, Slot, Step, TyKind};

/// `OBX-11 may be empty`, or what can be said where no single place is to blame.
pub(super) fn why(scope: &Scope, value: &Expr) -> String {
    match place(scope, value) {
        Some(place) => format!("{place} may be empty"),
        None => "this may give none".into(),
    }
}

/// The one place that a value comes from, if it is so simple and nothing may be there.
fn place(scope: &Scope, value: &Expr) -> Option<String> {
    match &*value.kind {
        Kind::Path { root, steps } if value.ty.may_be_missing() => written(scope, *root, steps),
        Kind::Slot(slot) if value.ty.may_be_missing() => {
            let name = scope.locals().find(|local| local.slot == *slot)?.name.as_ref()?;
            Some(format!("`{name}`"))
        }
        Kind::Convert { value, .. } | Kind::Coded(value) | Kind::Via { value, .. } => place(scope, value),
        Kind::Pick { list, .. } | Kind::Each { list, filter: None, .. } => place(scope, list),
        Kind::Block(block) => {
            let values = block.fields.iter().flat_map(|field| &field.values).map(|value| &value.value);
            let mut sources = values.filter(|value| !is_constant(value));
            let only = sources.next().filter(|_| sources.next().is_none())?;
            place(scope, only)
        }
        Kind::Call { arguments, .. } => match arguments.as_slice() {
            [only] => place(scope, only),
            _ => None,
        },
        _ => None,
    }
}

/// A path as one writes it: from the segment on, below the name of a parameter that has one of its own.
fn written(scope: &Scope, root: Slot, steps: &[Step]) -> Option<String> {
    if steps.iter().any(|step| matches!(step, Step::Filter { .. } | Step::Range(..))) {
        return None;
    }
    let local = scope.locals().find(|local| local.slot == root);
    let name = local.and_then(|local| local.name.as_deref()).unwrap_or_default();
    let holds_segments = local.is_some_and(|local| matches!(local.ty.kind, TyKind::Structure(..) | TyKind::Group(..)));
    let is_own = name.starts_with(char::is_lowercase);
    let segment = steps.iter().rposition(|step| matches!(step, Step::Member { .. })).unwrap_or(0);
    let prefix = if holds_segments && !is_own { "" } else { name };
    let text = spell(prefix, steps.get(segment..)?);
    (!text.is_empty()).then(|| text.into())
}
