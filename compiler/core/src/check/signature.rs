//! What other items see of a map, a convert or a function: its parameters and its result.

use super::typed::{Key, Ty, TyKind};
use super::{World, types};
use crate::diagnostic::Diagnostic;
use crate::resolve;
use crate::syntax::tree::{BlockItem, Body, Declaration, Expr, ExprKind, Item, Map, MapKind, Param};
use emr_abi::Builtin;
use smol_str::SmolStr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub key: Key,
    pub kind: SignatureKind,
    pub params: Vec<SignatureParam>,
    pub result: Ty,
    /// Of a Reference that is built by rules: what it may refer to. Empty is any.
    pub refers: Vec<SmolStr>,
    /// `total map`: cannot reject.
    pub total: bool,
    /// How many parts there are of what makes two resources the same, and whether a server can search for all of them.
    pub keyed: usize,
    pub searched: bool,
    /// What is wrong with its types; the item itself reports it.
    pub problems: Vec<Diagnostic>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureKind {
    Map,
    Convert,
    /// `extern fn` of the library, with its body in Rust.
    Function(Builtin),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureParam {
    /// Its own name, or that of its type.
    pub name: SmolStr,
    pub named: bool,
    pub ty: Ty,
    /// The profile that a message parameter is held to.
    pub profile: Option<Key>,
}

/// The signature of an item, if it can be called.
pub fn signature(item: &Item, module: &str, world: &dyn World) -> Option<Signature> {
    let mut problems = Vec::new();
    let (name, kind, params, result, keys) = match &item.declaration {
        Declaration::Map(map) => {
            let kind = if map.kind == MapKind::Convert { SignatureKind::Convert } else { SignatureKind::Map };
            (&map.name, kind, &map.params, &map.result, map.keyed.as_slice())
        }
        Declaration::ExternFn(function) => {
            let builtin = Builtin::from_name(&function.name.text)?;
            (&function.name, SignatureKind::Function(builtin), &function.params, &function.result, &[][..])
        }
        _ => return None,
    };
    let params = params.iter().map(|it| param(it, world, &mut problems)).collect();
    let mut result = types::result(result, world, &mut problems);
    let mut refers = Vec::new();
    if let (TyKind::Reference(targets), Declaration::Map(Map { body, .. })) = (&result.kind, &item.declaration)
        && is_built(body)
    {
        // It has elements, as what is built of any data type has; what is emitted is a reference and nothing else.
        refers = targets.clone();
        result.kind = TyKind::Fhir("Reference".into());
    }
    let (keyed, searched) = (keys.len(), keys.iter().all(|part| part.parameter.is_some()));
    Some(Signature {
        key: resolve::key(module, &name.text),
        kind,
        params,
        result,
        refers,
        total: item.total,
        keyed,
        searched,
        problems,
    })
}

/// Whether a body says by rules what it gives, or one of several things that it may give.
fn is_built(body: &Body) -> bool {
    match body {
        Body::Block(block) => block.items.iter().any(|item| match item {
            BlockItem::Rule(_) => true,
            BlockItem::Result(value) => is_block(value),
            _ => false,
        }),
        Body::Value(value) => is_block(value),
        Body::Missing => false,
    }
}

fn is_block(value: &Expr) -> bool {
    match &*value.kind {
        ExprKind::Block(_) | ExprKind::TypedBlock { .. } => true,
        ExprKind::Else(first, second) => is_block(first) || is_block(second),
        ExprKind::When { value, .. } | ExprKind::Warn { value, .. } | ExprKind::With { value, .. } => is_block(value),
        ExprKind::List { items, .. } => items.iter().any(is_block),
        ExprKind::Match { arms, .. } => arms.iter().any(|arm| is_block(&arm.value)),
        ExprKind::Each(each) => is_block(&each.body),
        _ => false,
    }
}

fn param(param: &Param, world: &dyn World, problems: &mut Vec<Diagnostic>) -> SignatureParam {
    let (ty, profile) = types::param(&param.ty, world, problems);
    // `ORU_R01.ORDER_OBSERVATION` is read as `ORDER_OBSERVATION`.
    let last = param.ty.name.text.rsplit('.').next().unwrap_or_default();
    let name = param.name.as_ref().map_or_else(|| SmolStr::from(last), |name| name.text.clone());
    SignatureParam { name, named: param.name.is_some(), ty, profile }
}
