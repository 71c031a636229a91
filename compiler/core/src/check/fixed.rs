//! Fixed and pattern values of a profile, as what a rule could have written: they are read like any other value.

use super::scope::Scope;
use super::typed::{Block, Expr, Field, Kind, Ty, TyKind, Value};
use super::{convert, types};
use crate::standard::shape;
use crate::syntax::tree::At;
use serde_json::Value as Json;
use smol_str::SmolStr;

/// The value of that JSON, of the type with this key.
pub(super) fn constant(scope: &Scope, key: &SmolStr, json: &Json, at: &At) -> Expr {
    let ty = Ty::one(TyKind::Fhir(key.clone()));
    let kind = match json {
        Json::Object(_) => block(scope, key, json, at).map(Kind::Block),
        Json::String(text) => Some(Kind::Text(text.into())),
        Json::Number(number) => Some(Kind::Number(number.to_string().into())),
        Json::Bool(truth) => Some(Kind::Boolean(*truth)),
        Json::Null | Json::Array(_) => None,
    };
    Expr::new(kind.unwrap_or_else(|| Kind::Json(json.to_string().into())), ty, at)
}

/// A block of constants, which is always written.
pub(super) fn block_of(shape: &str, fields: Vec<Field>) -> Block {
    Block { shape: shape.into(), resource: None, statements: Vec::new(), fields, always: true }
}

/// Nothing where an element is written in a way of its own, such as an extension of a primitive.
fn block(scope: &Scope, key: &SmolStr, json: &Json, at: &At) -> Option<Block> {
    let shape = scope.world.standards().fhir.shape(key)?;
    let mut fields = Vec::new();
    for (name, value) in json.as_object()? {
        let element = shape.element(name).filter(|element| !element.choice)?;
        let inner = &element.types.first()?.shape;
        if convert::primitive_named(inner).is_none() && scope.world.standards().fhir.shape(inner).is_none() {
            return None;
        }
        let items = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
        let values = items.into_iter().map(|item| Value { value: constant(scope, inner, item, at), rule: at.clone() });
        fields.push(Field { list: element.repeats(), ..Field::all(name, values.collect()) });
    }
    let resource = (shape.kind == shape::Kind::Resource).then(|| types::base(&shape).clone());
    Some(Block { shape: key.clone(), resource, statements: Vec::new(), fields, always: true })
}
