//! What would be lost of what a map calls: resources that are emitted where a message is made, and changes of a message
//! that is changed already.

use super::built;
use super::promise::Bodies;
use super::typed::{Expr, Function, Key, Kind};
use super::types;
use crate::diagnostic::{Code, Diagnostic};
use rustc_hash::FxHashSet;

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

/// Each `with` on a message that another map changes: what that writes are places of the message that came, which knows
/// nothing of what is changed.
pub(super) fn changes(function: &Function, bodies: &dyn Bodies) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_change(&function.body, &mut |with, base| {
        if built::is_built(&base.ty.kind) && is_changed(base, bodies, &mut FxHashSet::default()) {
            let message = "this is changed already, and what is changed here would be lost";
            let diagnostic = Diagnostic::new(Code::ChangedAgain, with.at.clone(), message);
            found.push(
                diagnostic.help("make a map of these changes, and send the message through both: `first then second`"),
            );
        }
    });
    found
}

fn each_change<'e>(expr: &'e Expr, found: &mut dyn FnMut(&'e Expr, &'e Expr)) {
    if let Kind::With { base, .. } = &*expr.kind {
        found(expr, base);
    }
    expr.inside().into_iter().for_each(|inner| each_change(inner, found));
}

fn is_changed(expr: &Expr, bodies: &dyn Bodies, seen: &mut FxHashSet<Key>) -> bool {
    match &*expr.kind {
        Kind::Edited { .. } | Kind::Split { .. } => true,
        Kind::Call { function, .. } => {
            seen.insert(function.clone())
                && bodies.function(function).is_some_and(|callee| is_changed(&callee.body, bodies, seen))
        }
        Kind::Do { value, .. }
        | Kind::When { value, .. }
        | Kind::Warn { value, .. }
        | Kind::With { base: value, .. } => is_changed(value, bodies, seen),
        Kind::Else(first, second) => is_changed(first, bodies, seen) || is_changed(second, bodies, seen),
        Kind::Match { arms, otherwise } => {
            arms.iter().map(|arm| &arm.value).chain(otherwise).any(|value| is_changed(value, bodies, seen))
        }
        _ => false,
    }
}
