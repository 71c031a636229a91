//! `refer m(…)`, `refer m by K`: the reference that emitting it would give, by its key alone.

use super::call::{pushed, resource_name};
use super::expression::infer;
use super::function::identity;
use super::scope::Scope;
use super::signature::{Signature, SignatureKind};
use super::typed::{Expr, Key, Kind, Ty, TyKind};
use super::types;
use crate::diagnostic::{Code, Diagnostic, a};
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
        Kind::Call { function, arguments } => Kind::Refer { function, arguments, by: Vec::new() },
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

/// `refer patient by PID-3[1]`, `refer result by (OBR-3, OBX-3)`
pub(super) fn by_key(scope: &mut Scope, map: &Word, key: &tree::Expr, at: &At) -> Expr {
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
    let Some(name) = resource_name(scope, &signature.result.kind) else {
        return not_a_resource(scope, &signature.result, at);
    };
    needs(scope, &export.key);
    let ty = Ty { kind: TyKind::Reference(vec![name]), count: Count::Optional };
    let reference = |by| Expr::new(Kind::Refer { function: export.key, arguments: Vec::new(), by }, ty, at);
    if signature.keyed == 1 {
        let by = infer(scope, key);
        return match by.ty.is_list() {
            true => by_each(scope, by, reference, at),
            false => identity(scope, by).map_or_else(|| Expr::error(at), |by| reference(vec![by])),
        };
    }
    let parts = parts_of(key);
    if parts.len() != signature.keyed {
        let given = match parts.len() {
            1 => "this is one".to_owned(),
            count => format!("these are {count}"),
        };
        let message = format!("the key of `{}` has {} parts, and {given}", map.text, signature.keyed);
        let diagnostic = Diagnostic::new(Code::WrongKey, at.clone(), message);
        scope.problem(diagnostic.help(format!("write all of them, as in `refer {} by (PID-3[1], PID-7)`", map.text)));
        return Expr::error(at);
    }
    let parts: Vec<_> = parts.iter().map(|part| infer(scope, part)).collect();
    let parts: Vec<_> = parts.into_iter().filter_map(|part| identity(scope, part)).collect();
    if parts.len() == signature.keyed { reference(parts) } else { Expr::error(at) }
}

/// A reference for each of several keys.
fn by_each(scope: &mut Scope, list: Expr, reference: impl FnOnce(Vec<Expr>) -> Expr, at: &At) -> Expr {
    let one = list.ty.with(Count::One);
    let item = scope.slot(one.clone());
    let Some(by) = identity(scope, Expr::slot(item, one, &list.at)) else { return Expr::error(at) };
    let body = reference(vec![by]);
    let ty = body.ty.with(Count::Any);
    Expr::new(Kind::Each { list, item, filter: None, body }, ty, at)
}

/// The parts of a key, which may be one.
fn parts_of(key: &tree::Expr) -> &[tree::Expr] {
    match &*key.kind {
        tree::ExprKind::List { items, .. } => items,
        _ => std::slice::from_ref(key),
    }
}

/// Keys may not need each other in turn; what is referred to may.
fn needs(scope: &mut Scope, function: &Key) {
    scope.refers.push(function.clone());
    if scope.in_key {
        scope.uses.push(function.clone());
    }
}

fn has_key(scope: &mut Scope, signature: &Signature, at: &At) -> bool {
    let name = signature.key.rsplit('.').next().unwrap_or_default();
    if signature.kind == SignatureKind::Map && signature.keyed > 0 {
        return true;
    }
    let message = format!("`{name}` has no key to be referred to by");
    let diagnostic = Diagnostic::new(Code::WrongKey, at.clone(), message);
    scope.problem(diagnostic.help("say in its head what makes two resources the same: `keyed by identifier: …`"));
    false
}

/// What is changed is the server's, so a server must find it.
pub(super) fn is_found_by_key(scope: &mut Scope, signature: &Signature, at: &At) -> bool {
    if !has_key(scope, signature, at) {
        return false;
    }
    if signature.searched {
        return true;
    }
    let name = signature.key.rsplit('.').next().unwrap_or_default();
    let message = format!("a server cannot search for all of the key of `{name}`");
    let diagnostic = Diagnostic::new(Code::WrongKey, at.clone(), message);
    scope.problem(diagnostic.help("name the search parameter of each part: `keyed by identifier: …`"));
    false
}

fn not_a_resource(scope: &mut Scope, ty: &Ty, at: &At) -> Expr {
    let message = format!("{} is no resource, so nothing refers to it", a(&types::show_kind(&ty.kind)));
    scope.error(Code::WrongType, at, message);
    Expr::error(at)
}
