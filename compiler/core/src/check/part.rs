//! `PID with { … }` where a message is built: a segment or a field as it stands in the message that came, with changes. What
//! no line names stays, and a line writes as it does in a message that is changed.

use super::edited::{self, Goal, Way};
use super::scope::{Local, Scope};
use super::typed::{EditPlace, Expr, Kind, Repetition, Slot, Ty, TyKind};
use super::{each, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::syntax::tree::{self, At, Count, ExprKind, Part, PartKind, Rule};
use smol_str::SmolStr;

/// The part that the rules of a block change.
#[derive(Clone, Debug)]
pub(super) struct Changed {
    slot: Slot,
    /// The segment, or the data type of the field or component.
    name: SmolStr,
}

/// Whether what is written names a part of a message itself, and does not choose between several values.
pub(super) fn is_source(base: &tree::Expr) -> bool {
    match &*base.kind {
        ExprKind::Path(_) | ExprKind::As { .. } => true,
        ExprKind::Prefix(_, inner) => is_source(inner),
        ExprKind::List { items, .. } => items.len() == 1 && items.iter().all(is_source),
        _ => false,
    }
}

/// Each such part with the changes, as the target of that key and name.
pub(super) fn with(
    scope: &mut Scope,
    base: Expr,
    (key, name): (SmolStr, SmolStr),
    block: &tree::Block,
    at: &At,
) -> Expr {
    let ty = base.ty.with(Count::One);
    let slot = scope.slot(ty.clone());
    let mark = scope.mark();
    let origin = each::origin(scope, &base);
    let own = matches!(ty.kind, TyKind::Segment(..)).then(|| name.clone());
    scope.push(Local { name: own, origin, ..Local::unnamed(slot, ty) });
    let outer = scope.changed.replace(Changed { slot, name });
    let edits = edited::edits(scope, &block.items, at);
    scope.changed = outer;
    scope.release(mark);
    let is_field = matches!(base.ty.kind, TyKind::Hl7(..)) && !base.ty.is_list();
    let null = is_field.then(|| base.clone());
    let (target, count) = (TyKind::Fhir(key), base.ty.count);
    let body = Expr::new(Kind::Edited { of: slot, edits }, Ty::one(target.clone()), at);
    let ty = Ty { kind: target, count };
    let value = Expr::new(Kind::Each { list: base, item: slot, filter: None, body }, ty.clone(), at);
    match null {
        // There is nothing to change in an explicit null, which stays.
        Some(value_or_null) => {
            let kept = Expr::new(Kind::Copy { value: value_or_null, null: true }, ty.with(Count::Optional), at);
            Expr::new(Kind::Else(value, kept), ty, at)
        }
        None => value,
    }
}

/// Whether a value holds, or chooses, what is taken from the message as it stands there.
pub(super) fn is_taken(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Copy { .. } | Kind::Edited { .. } => true,
        _ => value.chosen().into_iter().any(is_taken),
    }
}

/// What is said where one of several sources is changed.
pub(super) fn several(scope: &mut Scope, at: &At) -> Expr {
    let message = "`with` changes one part of the message here, and this chooses between several";
    let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), message);
    scope.problem(
        diagnostic.help("write it behind each of them: `A with { … } else B with { … }`, and one block for each"),
    );
    Expr::error(at)
}

/// Where a rule for the part writes.
pub(super) fn goal(scope: &mut Scope, rule: &Rule, changed: &Changed) -> Option<Goal> {
    let target = &rule.target;
    let slot = scope.locals().find(|local| local.slot == changed.slot)?.ty.clone();
    let is_segment = matches!(slot.kind, TyKind::Segment(..));
    let part = Expr::slot(changed.slot, slot, &target.at);
    let example = if is_segment { format!("{}-1", changed.name) } else { format!("{}.1", changed.name) };
    if target.first.text != changed.name {
        let message = format!("`{}` is no place of {}, which is changed here", target.first.text, changed.name);
        let diagnostic = Diagnostic::new(Code::WrongOwner, target.first.at.clone(), message);
        scope.problem(diagnostic.help(format!("write a place of it: `{example}: …`")));
        return None;
    }
    match target.parts.split_first() {
        Some((Part { kind: PartKind::Field(number), at }, rest)) if is_segment => {
            edited::below_segment(scope, part, &changed.name, (*number, at), rest)
        }
        Some((Part { kind: PartKind::Component(_), .. }, _)) if !is_segment => {
            below_value(scope, part, &changed.name, &target.parts)
        }
        Some((Part { kind: PartKind::Unfinished, .. }, _)) => None,
        _ => {
            let message = format!("`{}` is what this block changes", changed.name);
            let diagnostic = Diagnostic::new(Code::WrongOwner, target.at.clone(), message);
            scope.problem(diagnostic.help(format!("write a place of it: `{example}: …`")));
            None
        }
    }
}

/// A component of a field, or a subcomponent.
fn below_value(scope: &mut Scope, part: Expr, name: &SmolStr, parts: &[Part]) -> Option<Goal> {
    let standards = scope.world.standards();
    let mut way = Way::new(standards.target(name)?, name.to_string());
    for Part { kind, at } in parts {
        let PartKind::Component(number) = kind else {
            let diagnostic =
                Diagnostic::new(Code::UnknownPath, at.clone(), "a target is a place, not a choice of them");
            scope.problem(diagnostic.help(format!("write its number, as in `{name}.1`")));
            return None;
        };
        way.component(scope, *number, at)?;
    }
    let (component, subcomponent) = way.components();
    let place = EditPlace { field: 0, repetition: Repetition::Whole, component, subcomponent };
    way.goal(part, place, false)
}

/// The key and name of the target that a part of a message can become with changes; nothing where it has no places.
pub(super) fn target(scope: &Scope, kind: &TyKind, wanted: Option<&SmolStr>) -> Option<(SmolStr, SmolStr)> {
    let own = match kind {
        TyKind::Segment(_, name) | TyKind::Hl7(_, name) => name,
        _ => return None,
    };
    let name = wanted.filter(|name| *name != "varies").unwrap_or(own);
    let key = scope.world.standards().target(name)?;
    let shape = scope.world.standards().shape(&key)?;
    (!shape.elements.is_empty()).then(|| (key, name.clone()))
}

/// What is said of a group, which is no value.
pub(super) fn group(scope: &mut Scope, kind: &TyKind, at: &At) -> Expr {
    let message = format!("{} is changed segment by segment", a(&types::show_kind(kind)));
    let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), message);
    scope.problem(
        diagnostic.help("build it of its segments, as in `INSURANCE: each INSURANCE { IN1: IN1 with { … } }`"),
    );
    Expr::error(at)
}
