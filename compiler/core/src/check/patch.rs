//! `patch m(…)`: what a map assigns, sent as changes of a resource that the server has.

use super::call;
use super::expression::infer;
use super::scope::Scope;
use super::typed::{Expr, Key, Kind, Sent};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{self, At, ExprKind};

/// `patch patient(PID)`
pub(super) fn patch(scope: &mut Scope, inner: &tree::Expr, at: &At) -> Expr {
    scope.patches = matches!(&*inner.kind, ExprKind::With { .. });
    let value = infer(scope, inner);
    scope.patches = false;
    if value.is_error() || value.is_nothing() {
        return value;
    }
    let mut keys = Vec::new();
    if !called(&value, &mut keys) {
        let message = "nothing says which resource of the server this changes";
        let diagnostic = Diagnostic::new(Code::WrongKey, at.clone(), message);
        scope.problem(diagnostic.help("call a map that says what makes two resources the same, `keyed by …`"));
        return Expr::error(at);
    }
    for key in keys {
        let Some(signature) = scope.world.signature(&key).cloned() else { return Expr::error(at) };
        if !super::refer::is_found_by_key(scope, &signature, at) {
            return Expr::error(at);
        }
    }
    let value = call::made(scope, value, at, &|resource| Kind::Emit { resource, sent: Sent::Patch });
    // Without its key there is none.
    let ty = value.ty.with(value.ty.count.maybe());
    Expr { ty, ..value }
}

/// The functions that give the value; whether nothing else does.
fn called(value: &Expr, keys: &mut Vec<Key>) -> bool {
    match &*value.kind {
        Kind::Call { function, .. } => {
            keys.push(function.clone());
            true
        }
        Kind::With { base, .. } => called(base, keys),
        Kind::Absent | Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => true,
        _ => {
            let chosen = value.chosen();
            !chosen.is_empty() && chosen.into_iter().all(|one| called(one, keys))
        }
    }
}
