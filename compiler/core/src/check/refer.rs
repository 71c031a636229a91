//! `refer m(…)`, `refer m by K`: the reference that emitting it would give, by its key alone.

use super::call::{pushed, resource_name};
use super::expression::infer;
use super::function::identity;
use super::scope::Scope;
use super::signature::{Signature, SignatureKind};
use super::typed::{Expr, Key, Kind, Ty, TyKind};
use super::types;
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{DeclaredKind, Found};
use crate::syntax::tree::{self, At, Count, Word};

/// `refer patient(PID)`
pub(super) fn refer(scope: &mut Scope, inner: &tree::Expr, at: &At) -> Expr {
    let before = scope.uses.len();
    let value = infer(scope, inner);
    if value.is_error() || value.is_nothing() {
        return value;
    }
    let Some(function) = called(&value).cloned() else {
        let diagnostic = Diagnostic::new(Code::WrongKey, at.clone(), "only what a map gives can be referred to");
        scope.problem(diagnostic.help("call a map that says what makes two resources the same, `keyed by …`"));
        return Expr::error(at);
    };
    let Some(signature) = scope.world.signature(&function).cloned() else { return Expr::error(at) };
    if !has_key(scope, &signature, at) {
        return Expr::error(at);
    }
    let Some(name) = resource_name(scope, &value.ty.kind) else { return not_a_resource(scope, &value.ty, at) };
    // Of the map its key alone is needed; what its arguments use stays.
    if let Some(index) = scope.uses.iter().rposition(|key| *key == function).filter(|index| *index >= before) {
        scope.uses.remove(index);
    }
    needs(scope, &function);
    let value = pushed(value, &name, &|call| of_call(call), at);
    // Without its key there is none.
    let ty = value.ty.with(value.ty.count.maybe());
    Expr { ty, ..value }
}

fn of_call(call: Expr) -> Kind {
    match *call.kind {
        Kind::Call { function, arguments } => Kind::Refer { function, arguments, by: None },
        _ => Kind::Error,
    }
}

/// The one function that is called, for each of a list too.
fn called(value: &Expr) -> Option<&Key> {
    match &*value.kind {
        Kind::Call { function, .. } => Some(function),
        Kind::Each { body, .. } => called(body),
        _ => None,
    }
}

/// `refer patient by PID-3[1]`
pub(super) fn by_key(scope: &mut Scope, map: &Word, key: &tree::Expr, at: &At) -> Expr {
    let by = infer(scope, key);
    let export = match scope.world.find(&map.text) {
        Found::One(export) if export.kind == DeclaredKind::Map => export,
        Found::Several(exports) => {
            scope.problem(super::path::ambiguous(&map.text, &map.at, exports.iter().map(|it| it.key.as_str())));
            return Expr::error(at);
        }
        _ => {
            scope.problem(super::call::unknown_function(scope, map));
            return Expr::error(at);
        }
    };
    let Some(signature) = scope.world.signature(&export.key).cloned() else { return Expr::error(at) };
    if !has_key(scope, &signature, at) {
        return Expr::error(at);
    }
    if signature.keyed > 1 {
        let message = format!("the key of `{}` has {} parts, and this is one", map.text, signature.keyed);
        let diagnostic = Diagnostic::new(Code::WrongKey, at.clone(), message);
        scope.problem(diagnostic.help(format!("call it with what the key is made of: `refer {}(…)`", map.text)));
        return Expr::error(at);
    }
    let Some(name) = resource_name(scope, &signature.result.kind) else {
        return not_a_resource(scope, &signature.result, at);
    };
    needs(scope, &export.key);
    let Some(by) = identity(scope, by) else { return Expr::error(at) };
    let kind = Kind::Refer { function: export.key, arguments: Vec::new(), by: Some(by) };
    Expr::new(kind, Ty { kind: TyKind::Reference(vec![name]), count: Count::Optional }, at)
}

/// Keys may not need each other in turn; what is referred to may.
fn needs(scope: &mut Scope, function: &Key) {
    scope.refers.push(function.clone());
    if scope.in_key {
        scope.uses.push(function.clone());
    }
}

pub(super) fn has_key(scope: &mut Scope, signature: &Signature, at: &At) -> bool {
    let name = signature.key.rsplit('.').next().unwrap_or_default();
    if signature.kind == SignatureKind::Map && signature.keyed > 0 && signature.searched {
        return true;
    }
    let message = if signature.keyed == 0 {
        format!("`{name}` has no key to be referred to by")
    } else {
        format!("a server cannot search for all of the key of `{name}`")
    };
    let diagnostic = Diagnostic::new(Code::WrongKey, at.clone(), message);
    scope.problem(diagnostic.help("name the search parameter of each part: `keyed by identifier: …`"));
    false
}

fn not_a_resource(scope: &mut Scope, ty: &Ty, at: &At) -> Expr {
    let message = format!("a {} is no resource, so nothing refers to it", types::show_kind(&ty.kind));
    scope.error(Code::WrongType, at, message);
    Expr::error(at)
}
