//! Extensions by URL and slices by name: `extension["http://…"]: X`, `extension[race]: us_race(PID-10)`.

use super::block::{self, Building, Fields};
use super::convert::Want;
use super::rule::{self, Entered};
use super::scope::Scope;
use super::typed::{Arm, Block, Expr, Field, Kind, Ty, TyKind, Value};
use super::{expression, slices, sourceless, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::shape::{Element, Shape};
use crate::syntax::tree::{self, At, BlockItem, Count, ExprKind, Part, PartKind, Rule};
use smol_str::SmolStr;
use std::sync::Arc;

/// Where HL7's own extensions are defined; a URL below it that nobody knows is a slip.
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// `extension["url"]: X`, `extension["url"].extension["name"]: X`, `extension["url"].value: X`.
pub(super) fn by_url(
    scope: &mut Scope,
    rule: &Rule,
    building: &mut Building,
    url: &SmolStr,
    part: &Part,
    rest: &[Part],
) {
    let Some(plain) = scope.world.standards().fhir.shape("Extension") else { return };
    let definition = scope.world.standards().fhir.extension(url);
    if definition.is_none() && url.starts_with(CORE) {
        let message = "FHIR R4 defines no extension of this URL";
        let diagnostic = Diagnostic::new(Code::UnknownExtension, part.at.clone(), message);
        scope.problem(diagnostic.help("look its spelling up, or give it a URL of your own"));
    }
    let shape = definition.unwrap_or(plain);
    if let Some((next, rest)) = rest.split_first() {
        let PartKind::Child(name) = &next.kind else { return };
        if building.first.is_empty() {
            building.first = rule.target.at.clone();
        }
        let fields = building.by_url.entry(url.clone()).or_default();
        let (name, at) = (name.clone(), next.at.clone());
        let Some(entered) = rule::enter(scope, &shape, &name, &at, fields) else { return };
        return rule::place(scope, rule, entered, rest);
    }
    if building.first.is_empty() {
        building.first = rule.target.at.clone();
    }
    if let Some((first, adds)) = building.urls.insert(url.clone(), (rule.target.at.clone(), rule.adds))
        && !(adds && rule.adds)
    {
        let message = "the extension of this URL is assigned twice";
        let diagnostic = Diagnostic::new(Code::AssignedTwice, rule.target.at.clone(), message);
        scope.problem(diagnostic.label(first, "the first time").help("add to the list with `+:` in both rules"));
    }
    building.adds = true;
    for value in &rule.values {
        let value = if takes_block(&shape, value) {
            complex(scope, value, url, &shape)
        } else {
            simple(scope, value, url, &shape)
        };
        if !value.is_error() {
            building.values.push(Value { value, rule: rule.at.clone() });
        }
    }
}

/// Whether the blocks of a value are extensions themselves, not values of one.
fn takes_block(shape: &Shape, value: &tree::Expr) -> bool {
    let nested = shape.element("value").is_none_or(|value| value.max == 0);
    nested || shape.key == "Extension" && writes_extension(value)
}

fn writes_extension(value: &tree::Expr) -> bool {
    match &*value.kind {
        ExprKind::Block(block) => block.items.iter().any(|item| match item {
            BlockItem::Rule(rule) => matches!(rule.target.first.text.as_str(), "extension" | "url"),
            _ => false,
        }),
        ExprKind::Each(each) => writes_extension(&each.body),
        ExprKind::Else(first, second) => writes_extension(first) || writes_extension(second),
        ExprKind::When { value, .. } | ExprKind::Warn { value, .. } => writes_extension(value),
        _ => false,
    }
}

/// An extension made of extensions.
fn complex(scope: &mut Scope, value: &tree::Expr, url: &SmolStr, shape: &Arc<Shape>) -> Expr {
    let ty = Ty { kind: TyKind::Fhir(shape.key.clone()), count: Count::Any };
    let want = Want { list: true, ..Want::ty(&ty, "extension") };
    let base = expression::value(scope, value, &want);
    if base.is_error() || base.is_nothing() {
        return base;
    }
    let (ty, at) = (base.ty.clone(), base.at.clone());
    Expr::new(Kind::With { base, fields: vec![url_field(url, &at)] }, ty, &at)
}

/// An extension with a value.
fn simple(scope: &mut Scope, value: &tree::Expr, url: &SmolStr, shape: &Arc<Shape>) -> Expr {
    let Some(element) = shape.element("value").cloned() else { return Expr::error(&value.at) };
    let label = format!("the extension `{}`", url.rsplit('/').next().unwrap_or(url));
    // One type alone needs no name before its block.
    let choice = element.types.len() > 1;
    let want = Want { list: true, label, choice, ..Want::element("Extension", &element) };
    let value = expression::value(scope, value, &want);
    if value.is_error() { value } else { wrapped(value, url) }
}

/// An extension around each value that comes: decisions stay outside, so that none is written around nothing.
fn wrapped(value: Expr, url: &SmolStr) -> Expr {
    let (at, count) = (value.at.clone(), value.ty.count);
    let ty = Ty { kind: TyKind::Fhir("Extension".into()), count };
    let again = |value: Expr| wrapped(value, url);
    let kind = match *value.kind {
        Kind::Each { list, item, filter, body } => Kind::Each { list, item, filter, body: again(body) },
        Kind::EachBy { list, item, filter, key, items, body } => {
            Kind::EachBy { list, item, filter, key, items, body: again(body) }
        }
        Kind::List(items) => Kind::List(items.into_iter().map(again).collect()),
        Kind::Else(first, second) => Kind::Else(again(first), again(second)),
        Kind::When { value, condition } => Kind::When { value: again(value), condition },
        Kind::Warn { value, text } => Kind::Warn { value: again(value), text },
        Kind::Do { statements, value } => Kind::Do { statements, value: again(value) },
        Kind::Match { arms, otherwise } => Kind::Match {
            arms: arms.into_iter().map(|arm| Arm { condition: arm.condition, value: again(arm.value) }).collect(),
            otherwise: otherwise.map(again),
        },
        kind @ (Kind::Absent | Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_)) => {
            return Expr { kind: Box::new(kind), ty: value.ty, at };
        }
        kind => {
            let value = Expr { kind: Box::new(kind), ty: value.ty, at: at.clone() };
            let always = sourceless::is_constant(&value);
            let written = Field { choice: true, ..Field::of("value", Value { value, rule: at.clone() }) };
            let fields = vec![url_field(url, &at), written];
            Kind::Block(Block { shape: "Extension".into(), resource: None, statements: Vec::new(), fields, always })
        }
    };
    Expr::new(kind, ty, &at)
}

fn url_field(url: &SmolStr, at: &At) -> Field {
    let value = Expr::new(Kind::Text(url.clone()), Ty::fhir("uri"), at);
    Field::of("url", Value { value, rule: at.clone() })
}

/// The extension that several rules write parts of.
pub(super) fn collected(scope: &mut Scope, url: &SmolStr, fields: Fields, at: At) -> Option<Value> {
    let fhir = &scope.world.standards().fhir;
    let shape = fhir.extension(url).or_else(|| fhir.shape("Extension"))?;
    let mut written = vec![url_field(url, &at)];
    written.extend(block::finish(scope, fields, &shape).into_iter().filter(|field| field.name != "url"));
    for field in written.iter_mut().filter(|field| field.name == "value") {
        field.choice = true;
    }
    let ty = Ty { kind: TyKind::Fhir("Extension".into()), count: Count::Optional };
    let block =
        Block { shape: "Extension".into(), resource: None, statements: Vec::new(), fields: written, always: false };
    Some(Value { value: Expr::new(Kind::Block(block), ty, &at), rule: at })
}

/// `extension[race]: X`, `component[systolic]: { … }`: a named part of a list in a profile.
pub(super) fn slice(
    scope: &mut Scope,
    rule: &Rule,
    (building, element, owner): Entered,
    name: &SmolStr,
    part: &Part,
    rest: &[Part],
) {
    let Some(slice) = element.slice(name).cloned() else {
        scope.problem(slices::unknown(&element, &owner, name, &part.at));
        return;
    };
    if let Some(url) = &slice.url {
        let gives_extension = rest.is_empty() && rule.values.iter().all(|value| calls_for_extension(scope, value));
        if !gives_extension {
            return by_url(scope, rule, building, url, part, rest);
        }
    }
    if let Some((next, rest)) = rest.split_first() {
        return below_slice(scope, rule, (building, slice.element, owner), name, next, rest);
    }
    if building.first.is_empty() {
        building.first = rule.target.at.clone();
    }
    building.adds = true;
    let narrowed = Element { slices: Vec::new(), ..slice.element };
    let values = rule::values(scope, rule, &narrowed, &owner);
    building.values.extend(values);
}

/// `identifier[mrn].value: X`: a part of the one item of a slice.
fn below_slice(
    scope: &mut Scope,
    rule: &Rule,
    (building, element, owner): Entered,
    name: &SmolStr,
    next: &Part,
    rest: &[Part],
) {
    let PartKind::Child(child) = &next.kind else {
        let message = "a target is one element, not a part of a list";
        scope.problem(Diagnostic::new(Code::UnknownPath, next.at.clone(), message));
        return;
    };
    let [ty] = element.types.as_slice() else {
        let label = format!("{}.{}", types::short(&owner), element.name);
        let message = format!("the slice `{name}` of `{label}` may have several types, so `{child}` is not known");
        let diagnostic = Diagnostic::new(Code::NotAChoice, next.at.clone(), message);
        scope.problem(diagnostic.help("write the slice as a block with its type"));
        return;
    };
    let Some(shape) = scope.world.standards().fhir.shape(&ty.shape) else { return };
    if building.first.is_empty() {
        building.first = rule.target.at.clone();
    }
    building.adds = element.repeats() || building.adds;
    let (_, fields) = building.by_slice.entry(name.clone()).or_insert_with(|| (shape.key.clone(), Fields::default()));
    if let Some(entered) = rule::enter(scope, &shape, child, &next.at, fields) {
        rule::place(scope, rule, entered, rest);
    }
}

/// A call of a map that gives an Extension writes the whole of it.
fn calls_for_extension(scope: &Scope, value: &tree::Expr) -> bool {
    let ExprKind::Call { name, .. } = &*value.kind else { return false };
    let crate::resolve::Found::One(export) = scope.world.find(&name.text) else { return false };
    let result = scope.world.signature(&export.key).map(|signature| &signature.result.kind);
    matches!(result, Some(TyKind::Fhir(key)) if super::convert::base_key(scope, key) == "Extension")
}
