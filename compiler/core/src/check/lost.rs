//! What would be lost of what a map calls: resources that are emitted where a message is made, changes of a message that
//! is changed already, and what would be read of one.

use super::built;
use super::promise::Bodies;
use super::scope::Scope;
use super::typed::{Expr, Function, Key, Kind, Slot, Statement, TyKind};
use super::types;
use crate::diagnostic::{Code, Diagnostic, a};
use crate::standard::shape::Kind as ShapeKind;
use crate::syntax::tree::At;
use rustc_hash::{FxHashMap, FxHashSet};

/// Each call by which resources would be lost. What a map of messages emits itself is said where it stands, and what
/// another map of messages calls is said there.
pub(super) fn resources(function: &Function, bodies: &dyn Bodies) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if built::is_built(&function.result.kind) {
        calls(&function.body, &mut |call, key| {
            let callee = bodies.function(key).filter(|callee| !built::is_built(&callee.result.kind));
            if callee.is_some_and(|callee| emits(&callee.body, bodies, &mut FxHashSet::default())) {
                let message =
                    format!("`{}` emits resources, and a message of HL7 v2 holds none", types::short_key(key));
                let diagnostic = Diagnostic::new(Code::ResourcesLost, call.at.clone(), message);
                found.push(diagnostic.help("call a map that gives the value without emitting anything"));
            }
        });
    }
    found
}

fn calls<'e>(expr: &'e Expr, found: &mut dyn FnMut(&'e Expr, &'e Key)) {
    if let Kind::Call { function, .. } = &*expr.kind {
        found(expr, function);
    }
    expr.inside().into_iter().for_each(|inner| calls(inner, found));
}

fn emits(expr: &Expr, bodies: &dyn Bodies, seen: &mut FxHashSet<Key>) -> bool {
    let itself = match &*expr.kind {
        Kind::Emit { .. } | Kind::Contain(_) => true,
        Kind::Call { function, .. } if seen.insert(function.clone()) => {
            bodies.function(function).is_some_and(|callee| emits(&callee.body, bodies, seen))
        }
        _ => false,
    };
    itself || expr.inside().into_iter().any(|inner| emits(inner, bodies, seen))
}

/// Each `with` on what is taken as it came, or changed, already: that writes places of the message that came, which knows
/// nothing of other changes.
pub(super) fn changes(function: &Function, bodies: &dyn Bodies) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut lets = FxHashMap::default();
    lets_of(&function.body, &mut lets);
    each_change(&function.body, &mut |with, base| {
        if built::is_built(&base.ty.kind) && is_taken(base, &lets, bodies, &mut FxHashSet::default()) {
            let message = "this is as it came, or changed already, and what is changed here would be lost";
            let diagnostic = Diagnostic::new(Code::TakenAgain, with.at.clone(), message);
            let whole = base.ty.kind == function.result.kind && takes_message(function);
            found.push(diagnostic.help(match whole {
                true => format!(
                    "change the message that came, `new with {{ … }}`, and send it through both maps: {}",
                    in_turn(base, types::short_key(&function.key))
                ),
                false => "write the changes where it is taken: `PID with { … }` in that map".to_owned(),
            }));
        }
    });
    found
}

fn takes_message(function: &Function) -> bool {
    function.params.iter().any(|param| matches!(param.ty.kind, TyKind::Structure(..)))
}

/// What the names of a function stand for.
type Lets<'e> = FxHashMap<Slot, &'e Expr>;

fn lets_of<'e>(expr: &'e Expr, lets: &mut Lets<'e>) {
    let statements = match &*expr.kind {
        Kind::Do { statements, .. } => statements.as_slice(),
        Kind::Block(block) => &block.statements,
        _ => &[],
    };
    for statement in statements {
        if let Statement::Let(slot, value) = statement {
            lets.insert(*slot, value);
        }
    }
    expr.inside().into_iter().for_each(|inner| lets_of(inner, lets));
}

fn each_change<'e>(expr: &'e Expr, found: &mut dyn FnMut(&'e Expr, &'e Expr)) {
    if let Kind::With { base, .. } = &*expr.kind {
        found(expr, base);
    }
    expr.inside().into_iter().for_each(|inner| each_change(inner, found));
}

fn is_taken(expr: &Expr, lets: &Lets, bodies: &dyn Bodies, seen: &mut FxHashSet<Key>) -> bool {
    match &*expr.kind {
        Kind::Edited { .. } | Kind::Split { .. } | Kind::Copy { .. } => true,
        Kind::Slot(slot) => lets.get(slot).is_some_and(|value| is_taken(value, lets, bodies, seen)),
        Kind::Call { function, .. } if seen.insert(function.clone()) => {
            bodies.function(function).is_some_and(|callee| {
                let mut lets = FxHashMap::default();
                lets_of(&callee.body, &mut lets);
                is_taken(&callee.body, &lets, bodies, seen)
            })
        }
        Kind::With { base, .. } => is_taken(base, lets, bodies, seen),
        _ => expr.chosen().into_iter().any(|value| is_taken(value, lets, bodies, seen)),
    }
}

/// What is made of HL7 v2 is written, and never a source of the same map: it has no places before it is sent on. `second` is
/// the map that would take it.
pub(super) fn read_again(scope: &Scope, made: &Expr, second: &str, at: &At) -> Diagnostic {
    let what = types::show_kind(&made.ty.kind);
    let message = format!("{} that is made here is written, and not read again by the same map", a(&what));
    let diagnostic = Diagnostic::new(Code::TakenAgain, at.clone(), message);
    let shape = match &made.ty.kind {
        TyKind::Fhir(key) => scope.world.standards().shape(key),
        _ => None,
    };
    diagnostic.help(match shape.is_some_and(|shape| shape.kind == ShapeKind::Structure) {
        true => {
            format!("send what is made through the map that reads it: {} in a route or a test", in_turn(made, second))
        }
        false => format!("read what the {what} is made of"),
    })
}

/// `older then local`: the maps that a message goes through, as a route has them.
fn in_turn(made: &Expr, second: &str) -> String {
    match &*made.kind {
        Kind::Call { function, .. } => format!("`{} then {second}`", types::short_key(function)),
        _ => format!("`first then {second}`"),
    }
}
