//! Comparisons: false where a side is missing, but for "not equal", the exact opposite of "equal".

use super::value::Value;
use crate::check::typed::{Compare, Comparison};
use emr_message::Zone;
use emr_message::convert as text;
use std::cmp::Ordering;

pub(super) fn compare(op: Compare, left: &Value, right: &Value, how: Comparison, zone: Option<&Zone>) -> bool {
    match op {
        Compare::Equal => equal(left, right, how, zone),
        Compare::NotEqual => !equal(left, right, how, zone),
        _ => op.holds(order(left, right, how, zone)),
    }
}

pub(super) fn equal(left: &Value, right: &Value, how: Comparison, zone: Option<&Zone>) -> bool {
    match (how, left, right) {
        (_, Value::Reference(left), Value::Reference(right)) => left == right,
        (Comparison::Coded, left, right) => {
            let systems = (system(left), system(right));
            let same_system = matches!(systems, (None, _) | (_, None)) || systems.0 == systems.1;
            same_system && texts(left, right) == Some(Ordering::Equal)
        }
        _ => order(left, right, how, zone) == Some(Ordering::Equal),
    }
}

fn system<'v>(value: &'v Value) -> Option<&'v str> {
    match value {
        Value::Coded(coded) => coded.system.as_deref(),
        _ => None,
    }
}

fn order(left: &Value, right: &Value, how: Comparison, zone: Option<&Zone>) -> Option<Ordering> {
    match (left, right) {
        (Value::Duration(left), Value::Duration(right)) if how == Comparison::Duration => Some(left.cmp(right)),
        (left, right) => text::order(&left.as_text()?, &right.as_text()?, how, zone),
    }
}

fn texts(left: &Value, right: &Value) -> Option<Ordering> {
    order(left, right, Comparison::Text, None)
}

pub(super) fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    text::numbers(&left.as_text()?, &right.as_text()?)
}

pub(super) fn moments(left: &Value, right: &Value, zone: Option<&Zone>) -> Option<Ordering> {
    text::moments(&left.as_text()?, &right.as_text()?, zone)
}
