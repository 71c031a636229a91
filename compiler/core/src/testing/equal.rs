//! When values of an output are equal, and which comes first.

use super::walk::{Found, Node};
use super::{decimal, differ};
use crate::json::Json;
use std::cmp::Ordering;

pub fn is_there(found: &Found) -> bool {
    !matches!(found, Found::Node(Node { value: Json::Null, .. }))
}

pub fn boolean(found: &Found) -> Option<bool> {
    match found {
        Found::Boolean(it) | Found::Node(Node { value: Json::Boolean(it), .. }) => Some(*it),
        _ => None,
    }
}

pub fn number(found: &Found) -> Option<&str> {
    match found {
        Found::Number(digits) => Some(digits),
        Found::Node(Node { value: Json::Number(digits), .. }) => Some(digits),
        _ => None,
    }
}

/// Texts, and what else a text can hold of a value.
pub fn text(found: &Found) -> Option<String> {
    match found {
        Found::Text(text) => Some(text.to_string()),
        Found::Node(Node { value: Json::Text(text), .. }) => Some(text.to_string()),
        Found::Code { code, .. } => Some(code.to_string()),
        _ => number(found).map(str::to_owned).or_else(|| boolean(found).map(|it| it.to_string())),
    }
}

/// Numbers by value, dates and other texts as text.
pub fn order(left: &Found, right: &Found) -> Option<Ordering> {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => decimal::compare(left, right),
        (None, None) => Some(text(left)?.cmp(&text(right)?)),
        _ => None,
    }
}

/// FHIR R4 CodeableConcept: equal to a code if one of its codings is. A `code` has no system to compare.
pub fn equal(left: &Found, right: &Found) -> bool {
    match (left, right) {
        (Found::Code { system, code }, Found::Node(node)) | (Found::Node(node), Found::Code { system, code }) => {
            let is = |coding: &Json| {
                coding.member("code").and_then(Json::text) == Some(code.as_str())
                    && coding.member("system").and_then(Json::text) == Some(system.as_str())
            };
            match node.value.member("coding") {
                Some(codings) => codings.items().iter().any(is),
                None => is(&node.value) || node.value.text() == Some(code.as_str()),
            }
        }
        (Found::Code { system, code }, Found::Code { system: other, code: same }) => system == other && code == same,
        (Found::Node(left), Found::Node(right)) => differ::same(&left.value, &right.value),
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => decimal::compare(left, right) == Some(Ordering::Equal),
            (None, None) => match (boolean(left), boolean(right)) {
                (Some(left), Some(right)) => left == right,
                (None, None) => text(left).is_some_and(|left| Some(left) == text(right)),
                _ => false,
            },
            _ => false,
        },
    }
}

/// Why a value cannot be held against what a test names, though it might look so.
pub fn incomparable(value: &Found, other: &Found) -> Option<String> {
    match (value, other) {
        (
            Found::Node(Node { value: Json::Object(members), .. }),
            Found::Text(_) | Found::Number(_) | Found::Boolean(_),
        ) => {
            let names: Vec<_> = members.iter().map(|(name, _)| format!(".{name}")).collect();
            Some(format!("not a single value: name one of {}", names.join(", ")))
        }
        _ => None,
    }
}
