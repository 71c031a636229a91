//! Maps and converts: parameters, keys, the body.

use super::convert::{self, Want};
use super::scope::{Local, Origin, Scope};
use super::signature::{Signature, key};
use super::typed::{Expr, Function, KeyPart, Kind, Param, Ty, TyKind};
use super::{Checked, World, block, expression, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::shape;
use crate::syntax::tree::{At, Block, BlockItem, Body, Count, Map};
use smol_str::SmolStr;
use std::sync::Arc;

/// A map or convert with all its types, and what is wrong with it.
pub fn function(map: &Map, module: &str, signature: &Signature, world: &dyn World) -> Checked {
    let mut scope = Scope::new(world);
    scope.problems.extend(signature.problems.iter().cloned());
    if signature.result.is_list() {
        scope.not_yet(&map.result.at, "a map that gives a list");
    }
    if !map.writes.is_empty() {
        scope.not_yet(&map.name.at, "`writes only`");
    }
    if signature.total {
        scope.not_yet(&map.name.at, "`total map`");
    }
    scope.builds_hl7 = super::built::is_built(&signature.result.kind);
    let params = bind(&mut scope, map, signature);
    let keyed = map
        .keyed
        .iter()
        .filter_map(|part| key_part(&mut scope, part.parameter.as_ref(), &part.value, signature))
        .collect();
    let sound = signature.result.kind != TyKind::Error && params.iter().all(|param| param.ty.kind != TyKind::Error);
    let body = match &map.body {
        _ if !sound => Expr::error(&map.name.at),
        Body::Block(written) => of_block(&mut scope, written, signature, &map.name.at),
        Body::Value(value) => {
            let value = expression::value(&mut scope, value, &want(signature));
            always(&mut scope, value, signature, &map.result.at)
        }
        Body::Missing => Expr::error(&map.name.at),
    };
    let body = if matches!(signature.result.kind, TyKind::Reference(_)) && is_written(&body) {
        scope.not_yet(&map.result.at, "a map that builds a Reference by rules, instead of emitting what it refers to,")
    } else {
        body
    };
    scope.release(0);
    let function = Function {
        key: key(module, &map.name),
        params,
        result: signature.result.clone(),
        keyed,
        body,
        ignored: std::mem::take(&mut scope.ignored),
        slots: scope.slots(),
        at: map.name.at.clone(),
    };
    Checked { function: Some(Arc::new(function)), problems: scope.problems, uses: scope.uses, ..Checked::default() }
}

/// Whether the value, or one that may stand for it, is written with elements of its own.
fn is_written(value: &Expr) -> bool {
    matches!(value.ty.kind, TyKind::Fhir(_))
        || match &*value.kind {
            Kind::Else(first, second) => is_written(first) || is_written(second),
            Kind::When { value, .. } | Kind::Warn { value, .. } | Kind::Do { value, .. } => is_written(value),
            Kind::Match { arms, otherwise } => arms.iter().map(|arm| &arm.value).chain(otherwise).any(is_written),
            _ => false,
        }
}

fn want(signature: &Signature) -> Want {
    let name = signature.key.rsplit('.').next().unwrap_or_default();
    Want::ty(&signature.result, name)
}

fn bind(scope: &mut Scope, map: &Map, signature: &Signature) -> Vec<Param> {
    let mut params = Vec::new();
    for (index, (written, param)) in map.params.iter().zip(&signature.params).enumerate() {
        let slot = scope.slot(param.ty.clone());
        let origin =
            param.profile.as_ref().map(|profile| Origin { profile: profile.clone(), path: SmolStr::default() });
        // The one item of a conversion is the current one; a map's parameter is read by its name alone.
        let current =
            index == 0 && signature.params.len() == 1 && matches!(param.ty.kind, TyKind::Hl7(..) | TyKind::Fhir(_));
        scope.push(Local {
            name: Some(param.name.clone()),
            current: current || index == 0 && matches!(param.ty.kind, TyKind::Hl7(..)),
            origin,
            read: true,
            at: written.ty.at.clone(),
            ..Local::unnamed(slot, param.ty.clone())
        });
        params.push(Param { name: param.name.clone(), slot, ty: param.ty.clone() });
    }
    params
}

/// What makes two resources the same: anything with an identity of its own.
fn key_part(
    scope: &mut Scope,
    parameter: Option<&crate::syntax::tree::Word>,
    value: &crate::syntax::tree::Expr,
    signature: &Signature,
) -> Option<KeyPart> {
    let resource = match &signature.result.kind {
        TyKind::Fhir(key) => scope.world.standards().shape(key),
        _ => None,
    };
    if let (Some(parameter), Some(resource)) = (parameter, resource.filter(|it| it.kind == shape::Kind::Resource)) {
        let base = types::base(&resource);
        if scope.world.standards().fhir.search_parameter(base, &parameter.text).is_none() {
            let message = format!("`{base}` has no search parameter `{}`", parameter.text);
            let diagnostic = Diagnostic::new(Code::UnknownSearchParameter, parameter.at.clone(), message);
            scope.problem(
                diagnostic.help("a server finds the resource by it; without a name before the colon it is an id only"),
            );
        }
    }
    let value = expression::infer(scope, value);
    let value = identity(scope, value)?;
    Some(KeyPart { parameter: parameter.map(|word| word.text.clone()), value })
}

/// HL7 types as the FHIR type whose identity they have.
fn identity(scope: &mut Scope, value: Expr) -> Option<Expr> {
    if value.is_error() {
        return None;
    }
    if value.ty.is_list() {
        let diagnostic =
            Diagnostic::new(Code::ManyForOne, value.at.clone(), "a key is one value, and this may give several");
        scope.problem(diagnostic.help("write `first …`, or choose one, as in `first PID-3[.5 == \"MR\"]`"));
        return None;
    }
    let TyKind::Hl7(_, name) = &value.ty.kind else { return Some(value) };
    let wanted = match name.as_str() {
        "CX" | "EI" | "XCN" | "XON" | "HD" | "PLN" | "CNN" => "Identifier",
        "CWE" | "CE" | "CNE" => "CodeableConcept",
        "DT" => "date",
        "DTM" | "TS" => "dateTime",
        name if convert::is_hl7_primitive(scope, name) => "string",
        _ => "Identifier",
    };
    let ty = Ty { kind: TyKind::Fhir(wanted.into()), count: Count::Optional };
    let value = convert::to(scope, value, &Want::ty(&ty, "a key"));
    (!value.is_error()).then_some(value)
}

/// A body in braces: rules of the result's shape, or lets and `= value`.
fn of_block(scope: &mut Scope, written: &Block, signature: &Signature, at: &At) -> Expr {
    let result = written.items.iter().rev().find_map(|item| match item {
        BlockItem::Result(value) => Some(value),
        _ => None,
    });
    if let Some(result) = result {
        let want = want(signature);
        let value = block::valued(scope, &written.items, &|scope| expression::value(scope, result, &want), at);
        return always(scope, value, signature, at);
    }
    let TyKind::Fhir(key) = &signature.result.kind else {
        let message = format!("a {} is not built of rules", types::show_kind(&signature.result.kind));
        let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), message);
        scope.problem(diagnostic.help("write `= value` as the last line of the block"));
        return Expr::error(at);
    };
    let shape = scope.world.standards().shape(key);
    let resource = shape.is_some_and(|shape| shape.kind == shape::Kind::Resource || super::built::is_target(&shape));
    // A resource is written even if no source had a value, and a part of a message may be empty; a data type of FHIR needs
    // one that is always there.
    let is_always = resource && signature.result.count == Count::One;
    let value = block::built(scope, written, key, at, is_always);
    always(scope, value, signature, at)
}

/// `-> T` always gives a T.
fn always(scope: &mut Scope, value: Expr, signature: &Signature, at: &At) -> Expr {
    let promised = !signature.result.may_be_missing();
    if promised && !value.is_error() && (value.ty.may_be_missing() || matches!(&*value.kind, Kind::Absent)) {
        let name = types::show(&signature.result);
        let message = format!("this promises a `{name}`, but may give none");
        let diagnostic = Diagnostic::new(Code::MayBeMissing, at.clone(), message);
        scope.problem(diagnostic.help(format!("write `-> {name}?`, or say what to give when it is missing: `else …`")));
        return Expr::error(at);
    }
    value
}
