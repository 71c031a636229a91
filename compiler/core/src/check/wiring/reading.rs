//! Expressions outside of maps that read a message: of each kind that may come.

use super::super::path::ambiguous;
use super::super::scope::{Local, Origin, Scope};
use super::super::typed::{self, Function, Key, Kind, Param, Ty, TyKind};
use super::super::{World, condition, expression};
use super::accept::Accepted;
use super::narrow::reduced;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::syntax::tree::{Argument, At, Count, Expr, ExprKind, PartKind, TextPart, Word};
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
            let message = format!("`{}` is accepted too, and there {why}", accepted.shown());
            let diagnostic = Diagnostic::new(Code::NotInEachMessage, at, message);
            vec![
                diagnostic
                    .help("name a place that each accepted message has, or take the others on a feed of their own"),
            ]
        }
    }
}

fn read(expr: &Expr, how: As, accepted: &Accepted, world: &dyn World) -> Vec<Diagnostic> {
    let (mut scope, _) = scope_of(accepted, world);
    match how {
        As::Condition => drop(condition::condition(&mut scope, &reduced(expr, accepted, world))),
        As::Value => value(&mut scope, expr),
    }
    scope.problems
}

/// Whether a condition holds, as a function of a message that is accepted.
pub(super) fn condition(expr: &Expr, accepted: &Accepted, world: &dyn World) -> Function {
    let (mut scope, param) = scope_of(accepted, world);
    let body = condition::condition(&mut scope, &reduced(expr, accepted, world));
    function(scope, param, body, Ty::fhir("boolean"), expr)
}

/// The texts of values, as they stand in a message that is accepted.
pub(super) fn texts(values: &[Expr], accepted: &Accepted, world: &dyn World) -> Function {
    let (mut scope, param) = scope_of(accepted, world);
    let text = |value: &Expr| {
        // What is known of the message beside it is a text already.
        if !matches!(kind(value, accepted, world), TyKind::Hl7(..)) {
            return value.clone();
        }
        let name = Word { text: "er7".into(), at: value.at.clone() };
        let arguments = vec![Argument { name: None, value: value.clone() }];
        Expr { kind: Box::new(ExprKind::Call { name, arguments, parts: Vec::new() }), at: value.at.clone() }
    };
    let items = values.iter().map(|value| expression::infer(&mut scope, &text(value))).collect();
    let ty = Ty::fhir("string").with(Count::Any);
    let whole = values.first().cloned().unwrap_or(Expr { kind: Box::new(ExprKind::Missing), at: 0..0 });
    let body = typed::Expr { kind: Box::new(Kind::List(items)), ty: ty.clone(), at: whole.at.clone() };
    function(scope, param, body, ty, &whole)
}

fn kind(value: &Expr, accepted: &Accepted, world: &dyn World) -> TyKind {
    expression::infer(&mut scope_of(accepted, world).0, value).ty.kind
}

fn function(scope: Scope, param: Param, body: typed::Expr, result: Ty, expr: &Expr) -> Function {
    Function {
        key: Key::default(),
        params: vec![param],
        result,
        keyed: Vec::new(),
        total: false,
        writes: Vec::new(),
        body,
        ignored: Vec::new(),
        slots: scope.slots(),
        at: expr.at.clone(),
    }
}

fn scope_of<'w>(accepted: &Accepted, world: &'w dyn World) -> (Scope<'w>, Param) {
    let mut scope = Scope::new(world);
    scope.before_maps = true;
    let slot = scope.slot(accepted.ty.clone());
    let origin = accepted.profile.as_ref().map(|profile| Origin { profile: profile.clone(), path: "".into() });
    scope.push(Local {
        name: Some(accepted.name.clone()),
        current: accepted.is_resource(),
        origin,
        read: true,
        ..Local::unnamed(slot, accepted.ty.clone())
    });
    (scope, Param { name: accepted.name.clone(), slot, ty: accepted.ty.clone() })
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
