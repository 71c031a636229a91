//! A rule for a segment that repeats, in a message that is changed, reads one of its fields: it would be that of all of
//! them, in each of them.

use super::path;
use super::scope::Scope;
use super::typed::{Expr, Kind};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{self, Argument, At, ExprKind, Part, PartKind, Rule, TextPart};

/// Functions that say something of all of a list: whoever writes one means all segments.
const OF_ALL: [&str; 8] = ["any", "all", "count", "join", "min", "max", "sum", "position"];

/// What is said of such a rule; `segments` is where it writes.
pub(super) fn told(scope: &mut Scope, rule: &Rule, segments: &Expr, label: &str) -> Option<Diagnostic> {
    if !segments.ty.is_list() {
        return None;
    }
    let Kind::Path { root, steps } = &*segments.kind else { return None };
    let mut read = Vec::new();
    rule.values.iter().for_each(|value| reads(value, &mut read));
    let own = read.into_iter().find(|read| {
        let before = scope.problems.len();
        let found = path::path(scope, &read.segment);
        scope.problems.truncate(before);
        matches!(&*found.kind, Kind::Path { root: its, steps: way } if its == root && way == steps)
    })?;
    let segment = spelled(&own.segment);
    let message = format!("`{label}` is set in each `{segment}`, and this is read of all of them");
    let help = format!("write `each {segment} {{ {label}: … }}`: inside, a field is that of the same segment");
    Some(Diagnostic::new(Code::ManyForOne, own.at, message).help(help))
}

/// A field that is read, and the segments that it is read of.
struct Read {
    segment: tree::Path,
    at: At,
}

/// The fields that an expression reads, but for those that are told of together.
fn reads(expr: &tree::Expr, found: &mut Vec<Read>) {
    match &*expr.kind {
        ExprKind::Path(path) => found.extend(field(path)),
        ExprKind::Text(parts) => parts.iter().for_each(|part| match part {
            TextPart::Hole(inner) => reads(inner, found),
            TextPart::Plain(_) => {}
        }),
        ExprKind::Call { name, arguments, .. } if !OF_ALL.contains(&name.text.as_str()) => {
            arguments.iter().for_each(|Argument { value, .. }| reads(value, found));
        }
        ExprKind::List { items, .. } => items.iter().for_each(|item| reads(item, found)),
        ExprKind::Prefix(_, value)
        | ExprKind::Via { value, .. }
        | ExprKind::As { value, .. }
        | ExprKind::With { value, .. }
        | ExprKind::Is { value, .. }
        | ExprKind::Warn { value, .. } => reads(value, found),
        ExprKind::Binary(_, left, right) | ExprKind::Else(left, right) => {
            reads(left, found);
            reads(right, found);
        }
        ExprKind::When { value, condition } => {
            reads(value, found);
            reads(condition, found);
        }
        ExprKind::Each(each) => reads(&each.list, found),
        ExprKind::Match { on, arms } => {
            on.iter().for_each(|on| reads(on, found));
            arms.iter().for_each(|arm| reads(&arm.value, found));
        }
        _ => {}
    }
}

/// `OBX-5`, `OBSERVATION.OBX-5.1`; not `OBX[2]-5`, which says of which.
fn field(path: &tree::Path) -> Option<Read> {
    let split = path.parts.iter().position(|part| matches!(part.kind, PartKind::Field(_)))?;
    let around = path.parts.get(..split)?;
    let is_name = |part: &Part| matches!(part.kind, PartKind::Child(_) | PartKind::Place(_) | PartKind::After(_));
    if path.root.is_none() || !around.iter().all(is_name) {
        return None;
    }
    Some(Read { segment: tree::Path { parts: around.to_vec(), ..path.clone() }, at: path.at.clone() })
}

fn spelled(segment: &tree::Path) -> String {
    let root = segment.root.iter().map(|root| root.text.to_string());
    let parts = segment.parts.iter().map(|part| match &part.kind {
        PartKind::Child(name) => format!(".{name}"),
        PartKind::Place(number) => format!("[place {number}]"),
        PartKind::After(name) => format!("[after {name}]"),
        _ => String::new(),
    });
    root.chain(parts).collect()
}
