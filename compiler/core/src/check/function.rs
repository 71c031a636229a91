//! Maps and converts: parameters, keys, the body.

use super::convert::{self, Want};
use super::scope::{Local, Origin, Scope};
use super::signature::Signature;
use super::typed::{Expr, Function, KeyPart, Kind, Param, Ty, TyKind};
use super::{Checked, World, block, expression, left, sourceless, split, typed, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve;
use crate::standard::shape;
use crate::syntax::tree::{At, Block, BlockItem, Body, Count, Map, PartKind, Target};
use smol_str::SmolStr;
use std::sync::Arc;

/// A map or convert with all its types, and what is wrong with it.
pub fn function(map: &Map, module: &str, signature: &Signature, world: &dyn World) -> Checked {
    let mut scope = Scope::new(world);
    scope.problems.extend(signature.problems.iter().cloned());
    scope.builds_hl7 = super::built::is_built(&signature.result.kind);
    let params = bind(&mut scope, map, signature);
    scope.in_key = true;
    let keyed = map
        .keyed
        .iter()
        .filter_map(|part| key_part(&mut scope, part.parameter.as_ref(), &part.value, signature))
        .collect();
    scope.in_key = false;
    if let (Some(part), true) = (map.keyed.first(), signature.result.is_list()) {
        let diagnostic = Diagnostic::new(
            Code::WrongKey,
            part.value.at.clone(),
            "a map that gives several resources has no key for each of them",
        );
        scope.problem(diagnostic.help("make a map of one, with its key, and call it for each"));
    }
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
        let message = "what another map builds of a Reference by rules cannot be given on as one that is emitted";
        let diagnostic = Diagnostic::new(Code::WrongType, body.at.clone(), message);
        scope.problem(
            diagnostic.help("call that map where the reference is written, or build it here: `Reference { … }`"),
        );
        Expr::error(&map.name.at)
    } else {
        body
    };
    of_profile(&mut scope, &body, signature);
    left::held(&mut scope, &body);
    let body = split::held(&mut scope, body, signature, &map.result.at);
    scope.release(0);
    let function = Function {
        key: resolve::key(module, &map.name.text),
        params,
        result: signature.result.clone(),
        keyed,
        total: signature.total,
        writes: written(&mut scope, map, signature),
        body,
        ignored: std::mem::take(&mut scope.ignored),
        slots: scope.slots(),
        at: map.name.at.clone(),
    };
    let (problems, uses, refers) = (scope.problems, scope.uses, scope.refers);
    Checked { function: Some(Arc::new(function)), problems, uses, refers, ..Checked::default() }
}

/// `writes only name.family`: the elements, each of which must exist.
fn written(scope: &mut Scope, map: &Map, signature: &Signature) -> Vec<Vec<SmolStr>> {
    let TyKind::Fhir(key) = &signature.result.kind else {
        if let Some(first) = map.writes.first() {
            scope.error(Code::WrongType, &first.at, "only what has elements can be bounded by them");
        }
        return Vec::new();
    };
    map.writes.iter().filter_map(|target| path_of(scope, target, key)).collect()
}

fn path_of(scope: &mut Scope, target: &Target, key: &SmolStr) -> Option<Vec<SmolStr>> {
    let mut names = vec![(target.first.text.clone(), target.first.at.clone())];
    for part in &target.parts {
        let PartKind::Child(name) = &part.kind else {
            scope.error(Code::UnknownPath, &part.at, "`writes only` takes the names of elements");
            return None;
        };
        names.push((name.clone(), part.at.clone()));
    }
    let mut shape = scope.world.standards().fhir.shape(key);
    for (name, at) in &names {
        let around = shape?;
        let Some(element) = around.element(name) else {
            scope.problem(super::path::unknown_element(&around, name, at));
            return None;
        };
        shape = element.types.first().and_then(|ty| scope.world.standards().fhir.shape(&ty.shape));
    }
    Some(names.into_iter().map(|(name, _)| name).collect())
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

/// Tells of resources that are to be of a profile, and are not built as such: nobody asks of them what it asks.
fn of_profile(scope: &mut Scope, value: &Expr, signature: &Signature) {
    let TyKind::Fhir(wanted) = &signature.result.kind else { return };
    let Some(profile) = scope.world.standards().shape(wanted).filter(|shape| shape.is_profile()) else { return };
    let chosen = value.chosen();
    if !chosen.is_empty() {
        chosen.into_iter().for_each(|value| of_profile(scope, value, signature));
        return;
    }
    let TyKind::Fhir(made) = &value.ty.kind else { return };
    let metas = match &*value.kind {
        Kind::With { fields, .. } => fields.iter().filter(|field| field.name == "meta").collect(),
        _ => Vec::new(),
    };
    let mut metas = metas.into_iter().flat_map(|meta| &meta.values);
    if made == wanted || metas.any(|meta| says_profile(&meta.value)) {
        return;
    }
    let name = types::show_kind(&signature.result.kind);
    let message = format!(
        "nothing makes this {} one of `{name}`: what it requires is not checked, and `meta.profile` does not name it",
        types::show_kind(&value.ty.kind)
    );
    let help = format!(
        "build it, `{{ … }}`; or say `with {{ meta.profile: \"{}\" }}`, and let `emr validate` check what comes",
        profile.url
    );
    scope.problem(Diagnostic::new(Code::NotOfProfile, value.at.clone(), message).help(help));
}

/// Whether what a rule gives for `meta` says which profiles the resource has.
fn says_profile(meta: &Expr) -> bool {
    match &*meta.kind {
        Kind::Block(typed::Block { fields, .. }) | Kind::With { fields, .. } => {
            fields.iter().any(|it| it.name == "profile")
        }
        Kind::Keep => false,
        _ => {
            let chosen = meta.chosen();
            chosen.is_empty() || chosen.into_iter().any(says_profile)
        }
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
pub(super) fn identity(scope: &mut Scope, value: Expr) -> Option<Expr> {
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
        let message = format!("{} is not built of rules", a(&types::show_kind(&signature.result.kind)));
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
        let message = format!("this promises {}, but may give none", a(&format!("`{name}`")));
        let diagnostic = Diagnostic::new(Code::MayBeMissing, at.clone(), message);
        let optional = match signature.result.is_list() {
            true => format!("{}*", types::show_kind(&signature.result.kind)),
            false => format!("{name}?"),
        };
        scope.problem(
            diagnostic.help(format!("write `-> {optional}`, or say what to give when it is missing: `else …`")),
        );
        return Expr::error(at);
    }
    if promised { sourceless::surely(value) } else { value }
}
