//! Texts with holes, numbers, durations and codes, as they are written.

use super::convert::{self, Want};
use super::expression::infer;
use super::scope::Scope;
use super::typed::{Expr, Kind, Primitive, Ty, TyKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::settings;
use crate::syntax::tree::{self, At, Count, TextPart};
use smol_str::SmolStr;

pub(super) fn text(scope: &mut Scope, parts: &[TextPart], at: &At) -> Expr {
    let plain: Option<String> = parts
        .iter()
        .map(|part| match part {
            TextPart::Plain(text) => Some(text.as_str()),
            TextPart::Hole(_) => None,
        })
        .collect();
    if let Some(text) = plain {
        return Expr::new(Kind::Text(text.into()), Ty::fhir("string"), at);
    }
    let mut missing = false;
    let mut joined = Vec::new();
    for part in parts {
        let part = match part {
            TextPart::Plain(text) => Expr::new(Kind::Text(text.clone()), Ty::fhir("string"), at),
            TextPart::Hole(hole) => self::hole(scope, hole),
        };
        if part.is_error() {
            return Expr::error(at);
        }
        missing |= part.ty.may_be_missing() || part.is_nothing();
        joined.push(part);
    }
    let count = if missing { Count::Optional } else { Count::One };
    Expr::new(Kind::Join(joined), Ty { kind: TyKind::Fhir("string".into()), count }, at)
}

/// A family name and a street were texts before their parts were told apart, and still read as one.
const WERE_TEXTS: [&str; 2] = ["FN", "SAD"];

fn hole(scope: &mut Scope, hole: &tree::Expr) -> Expr {
    let value = infer(scope, hole);
    if value.ty.is_list() {
        let diagnostic =
            Diagnostic::new(Code::ManyForOne, value.at.clone(), "a hole takes one value, and this is a list");
        scope.problem(diagnostic.help("write `first …`, or `join(\", \", …)` for all of them"));
        return Expr::error(&value.at);
    }
    if let TyKind::Hl7(_, name) = &value.ty.kind
        && !convert::is_hl7_primitive(scope, name)
        && !WERE_TEXTS.contains(&name.as_str())
    {
        let message = format!("a hole takes one value, and `{name}` has several parts");
        let diagnostic = Diagnostic::new(Code::WrongType, value.at.clone(), message);
        scope.problem(diagnostic.help("name the part, as in `{PID-16.1}`, or convert the whole: `{PID-16 as string}`"));
        return Expr::error(&value.at);
    }
    string(scope, value, "a hole")
}

/// A value as text.
pub(super) fn string(scope: &mut Scope, value: Expr, what: &str) -> Expr {
    let plain = match &value.ty.kind {
        TyKind::Fhir(key) => convert::primitive_named(&convert::base_key(scope, key)).is_some(),
        TyKind::Hl7(_, name) if convert::is_hl7_primitive(scope, name) => {
            return convert::scalar(scope, value, Primitive::String, "string");
        }
        TyKind::Nothing | TyKind::Error => true,
        _ => false,
    };
    if plain {
        return value;
    }
    let ty = Ty { kind: TyKind::Fhir("string".into()), count: Count::Any };
    convert::to(scope, value, &Want::ty(&ty, what))
}

pub(super) fn number(text: &SmolStr, at: &At) -> Expr {
    let name = if text.contains('.') { "decimal" } else { "integer" };
    Expr::new(Kind::Number(text.clone()), Ty::fhir(name), at)
}

pub(super) fn duration(scope: &mut Scope, text: &str, at: &At) -> Expr {
    match settings::milliseconds(text) {
        Some(milliseconds) => Expr::new(Kind::Duration(milliseconds), Ty::one(TyKind::Duration), at),
        None => {
            scope.error(Code::WrongType, at, "this duration is too long");
            Expr::error(at)
        }
    }
}
