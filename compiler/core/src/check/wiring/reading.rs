//! Expressions outside of maps that read a message: of each kind that may come.

use super::super::path::ambiguous;
use super::super::scope::{Local, Origin, Scope};
use super::super::typed::TyKind;
use super::super::{World, condition, expression};
use super::accept::Accepted;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::syntax::tree::{At, Expr, ExprKind, PartKind, TextPart};
use emr_message::receipt;

/// How an expression is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    Condition,
    Value,
}

/// What is wrong with an expression for the messages that are accepted. What is wrong with it for some of them alone is
/// said as that.
pub(super) fn problems(expr: &Expr, how: As, accepted: &[&Accepted], world: &dyn World) -> Vec<Diagnostic> {
    let found: Vec<_> = accepted.iter().map(|accepted| (*accepted, read(expr, how, accepted, world))).collect();
    let is_wrong = |found: &[Diagnostic]| found.iter().any(|it| it.severity() == Severity::Error);
    let wrong: Vec<_> = found.iter().filter(|(_, found)| is_wrong(found)).collect();
    match (wrong.first(), wrong.len() < found.len()) {
        (None, _) => found.into_iter().next().map(|(_, found)| found).unwrap_or_default(),
        (Some((_, problems)), false) => problems.clone(),
        (Some((accepted, problems)), true) => {
            let at = problems.first().map_or_else(|| expr.at.clone(), |it| it.at.clone());
            let why = problems.first().map(|it| it.message.as_str()).unwrap_or_default();
            let message = format!("`{}` is accepted too, and there {why}", accepted.name);
            let diagnostic = Diagnostic::new(Code::NotInEachMessage, at, message);
            vec![
                diagnostic
                    .help("name a place that each accepted message has, or take the others on a feed of their own"),
            ]
        }
    }
}

fn read(expr: &Expr, how: As, accepted: &Accepted, world: &dyn World) -> Vec<Diagnostic> {
    let mut scope = Scope::new(world);
    let slot = scope.slot(accepted.ty.clone());
    let origin = accepted.profile.as_ref().map(|profile| Origin { profile: profile.clone(), path: "".into() });
    let is_fhir = matches!(accepted.ty.kind, TyKind::Fhir(_));
    scope.push(Local {
        name: Some(accepted.name.clone()),
        current: is_fhir,
        origin,
        read: true,
        ..Local::unnamed(slot, accepted.ty.clone())
    });
    match how {
        As::Condition => drop(condition::condition(&mut scope, expr)),
        As::Value => value(&mut scope, expr),
    }
    scope.problems
}

/// A value for what a setting makes of it, where what the runtime knows of a message may stand in the holes of a text.
fn value(scope: &mut Scope, expr: &Expr) {
    match &*expr.kind {
        ExprKind::Text(parts) => {
            for part in parts {
                if let TextPart::Hole(hole) = part {
                    value(scope, hole);
                }
            }
        }
        ExprKind::Path(path) if path.root.as_ref().is_some_and(|root| root.text == "receipt") => {
            scope.problems.extend(receipt(&path.parts, &path.at));
        }
        ExprKind::Path(_) if super::name_of(expr).is_some_and(|name| is_fixed(scope, expr, &name)) => {}
        _ => {
            expression::infer(scope, expr);
        }
    }
}

/// A constant by its name, also one that an environment gives.
fn is_fixed(scope: &mut Scope, expr: &Expr, name: &crate::syntax::tree::Word) -> bool {
    if let crate::resolve::Found::Several(exports) = scope.world.find(&name.text) {
        scope.problem(ambiguous(&name.text, &name.at, exports.iter().map(|it| it.key.as_str())));
        return true;
    }
    super::kind::fixed(expr, scope.world).is_some()
}

/// What the runtime knows of a message.
fn receipt(parts: &[crate::syntax::tree::Part], at: &At) -> Option<Diagnostic> {
    let known = receipt::Part::ALL.map(receipt::Part::name);
    if let [part] = parts
        && let PartKind::Child(name) = &part.kind
        && known.contains(&name.as_str())
    {
        return None;
    }
    let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), "a receipt has no such value");
    Some(diagnostic.help(format!("it has {}", super::listed(known.into_iter()))))
}
