//! Which messages the condition of a route lets through, as far as their events alone decide it.

use super::accept::Event;
use crate::syntax::tree::{Binary, Expr, ExprKind, PartKind, Path, Prefix, TextPart};

/// Whether no message of that event can fulfil a condition.
pub(super) fn excludes(condition: &Expr, event: &Event) -> bool {
    truth(condition, event) == Some(false)
}

/// Nothing where the event does not decide it.
fn truth(condition: &Expr, event: &Event) -> Option<bool> {
    match &*condition.kind {
        ExprKind::Binary(Binary::And, left, right) => match (truth(left, event), truth(right, event)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        ExprKind::Binary(Binary::Or, left, right) => match (truth(left, event), truth(right, event)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        ExprKind::Prefix(Prefix::Not, inner) => truth(inner, event).map(|it| !it),
        ExprKind::Binary(op, left, right) => {
            let value = component(left, event)?;
            let texts = texts(right)?;
            let is_one = texts.contains(&value);
            match op {
                Binary::Equal | Binary::In => Some(is_one),
                Binary::NotEqual | Binary::NotIn => Some(!is_one),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `MSH-9.1` and `MSH-9.2`
fn component<'e>(expr: &Expr, event: &'e Event) -> Option<&'e str> {
    let ExprKind::Path(Path { root: Some(root), parts, .. }) = &*expr.kind else { return None };
    let parts: Vec<_> = parts.iter().map(|part| &part.kind).collect();
    match (root.text.as_str(), parts.as_slice()) {
        ("MSH", [PartKind::Field(9), PartKind::Component(1)]) => Some(&event.code),
        ("MSH", [PartKind::Field(9), PartKind::Component(2)]) => Some(&event.event),
        _ => None,
    }
}

fn texts(expr: &Expr) -> Option<Vec<&str>> {
    match &*expr.kind {
        ExprKind::Text(parts) => match parts.as_slice() {
            [TextPart::Plain(text)] => Some(vec![text.as_str()]),
            _ => None,
        },
        ExprKind::Raw(text) => Some(vec![text.as_str()]),
        ExprKind::List { items, parts } if parts.is_empty() => {
            Some(items.iter().map(texts).collect::<Option<Vec<_>>>()?.concat())
        }
        _ => None,
    }
}
