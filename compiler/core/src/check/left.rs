//! What a map leaves on purpose, held to what it maps: a field cannot be both.

use super::scope::Scope;
use super::typed::{Expr, Kind, Left, Slot, Statement, Step, TyKind};
use super::{path, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;

/// A place below a slot, without what chooses among what stands there.
struct Place {
    root: Slot,
    steps: Vec<Step>,
    at: At,
}

/// Says which of what is ignored is mapped in the same body. What only decides may be ignored: it is not passed on.
pub(super) fn held(scope: &mut Scope, body: &Expr) {
    let mut left = Vec::new();
    ignored(body, &mut left);
    if left.is_empty() {
        return;
    }
    let mut mapped = Vec::new();
    written(body, &mut mapped);
    for one in left.iter().filter(|one| !one.swept) {
        let Some(place) = place(&one.what) else { continue };
        let Some(rule) = mapped.iter().find(|known| known.is_inside(&place)) else { continue };
        let name = path::spell("", &place.steps);
        let name = if name.starts_with('-') { format!("{}{name}", around(scope, place.root)) } else { name.into() };
        let message = format!("`{name}` is ignored here, and mapped by a rule of the same map");
        let help = match one.what.ty.kind {
            TyKind::Hl7(..) => format!("take `{name}` out of the `ignore`, or take the rule away"),
            _ => format!("write `ignore rest of {name} because \"…\"`, or take the rule away"),
        };
        let diagnostic = Diagnostic::new(Code::IgnoredAndMapped, one.at.clone(), message).help(help);
        scope.problem(diagnostic.label(rule.at.clone(), "this maps it"));
    }
}

fn around(scope: &Scope, slot: Slot) -> String {
    let local = scope.locals().find(|local| local.slot == slot);
    local.map(|local| types::show_kind(&local.ty.kind)).unwrap_or_default()
}

fn place(value: &Expr) -> Option<Place> {
    match &*value.kind {
        Kind::Path { root, steps } => Some(Place { root: *root, steps: path::places(steps), at: value.at.clone() }),
        _ => None,
    }
}

impl Place {
    fn is_inside(&self, around: &Place) -> bool {
        self.root == around.root && self.steps.starts_with(&around.steps)
    }
}

fn ignored<'e>(value: &'e Expr, found: &mut Vec<&'e Left>) {
    let statements = match &*value.kind {
        Kind::Block(block) => block.statements.as_slice(),
        Kind::Do { statements, .. } => statements.as_slice(),
        _ => &[],
    };
    for statement in statements {
        if let Statement::Ignore(left) = statement {
            found.extend(left);
        }
    }
    value.inside().into_iter().for_each(|inner| ignored(inner, found));
}

/// The places whose values are passed on.
fn written(value: &Expr, found: &mut Vec<Place>) {
    if value.is_condition() {
        return;
    }
    match &*value.kind {
        Kind::Path { .. } => found.extend(place(value)),
        Kind::When { value, .. } | Kind::Do { value, .. } => written(value, found),
        Kind::Match { arms, otherwise } => {
            arms.iter().map(|arm| &arm.value).chain(otherwise).for_each(|value| written(value, found));
        }
        Kind::Each { list, body, .. } | Kind::EachBy { list, body, .. } => {
            written(list, found);
            written(body, found);
        }
        _ => value.inside().into_iter().for_each(|inner| written(inner, found)),
    }
}
