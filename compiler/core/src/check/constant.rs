//! Constants: `let contact_only = ("EMR", "E")` at the top of a file.

use super::cycle::BEHIND_MAX;
use super::expression::infer;
use super::scope::Scope;
use super::typed::{Expr, Kind, Ty};
use super::{World, builtin, wiring};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::Let;

/// The value of a constant, and what is wrong with it.
pub fn constant(constant: &Let, world: &dyn World) -> (Expr, Vec<Diagnostic>) {
    if let Some(given) = wiring::environment(constant, world) {
        return given;
    }
    if let Some(name) = builtin::secret(&constant.value) {
        return (Expr::new(Kind::Secret(name), Ty::fhir("string"), &constant.value.at), Vec::new());
    }
    let mut scope = Scope::new(world);
    let value = infer(&mut scope, &constant.value);
    if !value.is_error() && !is_constant(&value) {
        let diagnostic =
            Diagnostic::new(Code::WrongType, constant.value.at.clone(), "this is not the same for every message");
        scope.problem(diagnostic.help("a constant is a text, a number, a code, or a list of such"));
        return (Expr::error(&constant.value.at), scope.problems);
    }
    (value, scope.problems)
}

/// What to say of a constant that too many others stand behind.
pub fn too_long(constant: &Let) -> (Expr, Vec<Diagnostic>) {
    let at = &constant.value.at;
    let message = format!("more than {BEHIND_MAX} constants stand behind this one, one behind another");
    let diagnostic = Diagnostic::new(Code::Unreadable, at.clone(), message);
    (Expr::error(at), vec![diagnostic.help("give it a value of its own")])
}

fn is_constant(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) | Kind::Duration(_) | Kind::Code { .. } => true,
        Kind::List(items) => items.iter().all(is_constant),
        _ => false,
    }
}
