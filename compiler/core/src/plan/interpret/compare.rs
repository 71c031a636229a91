//! Comparisons: false where a side is missing, but for "not equal", the exact opposite of "equal".

use super::convert::moment;
use super::value::Value;
use crate::check::typed::{Compare, Comparison};
use emr_message::{Decimal, TimeOfDay, Zone};
use std::cmp::Ordering;

pub(super) fn compare(op: Compare, left: &Value, right: &Value, how: Comparison, zone: Option<&Zone>) -> bool {
    match op {
        Compare::Equal => equal(left, right, how, zone),
        Compare::NotEqual => !equal(left, right, how, zone),
        Compare::Less => order(left, right, how, zone) == Some(Ordering::Less),
        Compare::LessOrEqual => matches!(order(left, right, how, zone), Some(Ordering::Less | Ordering::Equal)),
        Compare::Greater => order(left, right, how, zone) == Some(Ordering::Greater),
        Compare::GreaterOrEqual => matches!(order(left, right, how, zone), Some(Ordering::Greater | Ordering::Equal)),
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
    match how {
        Comparison::Text | Comparison::Coded | Comparison::Boolean => texts(left, right),
        Comparison::Number => numbers(left, right),
        Comparison::Moment => moments(left, right, zone),
        Comparison::Duration => match (left, right) {
            (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
            _ => None,
        },
    }
}

fn texts(left: &Value, right: &Value) -> Option<Ordering> {
    Some(left.as_text()?.trim().cmp(right.as_text()?.trim()))
}

pub(super) fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    let number = |value: &Value| Decimal::read(&value.as_text()?).ok();
    number(left)?.partial_cmp(&number(right)?)
}

pub(super) fn moments(left: &Value, right: &Value, zone: Option<&Zone>) -> Option<Ordering> {
    let (left, right) = (left.as_text()?, right.as_text()?);
    match (moment(&left), moment(&right)) {
        (Ok(left), Ok(right)) => left.compare(&right, zone),
        _ => {
            let time = |text: &str| {
                if text.contains(':') { TimeOfDay::read_fhir(text) } else { TimeOfDay::read(text) }
            };
            let (left, right) = (time(&left).ok()?, time(&right).ok()?);
            Some(left.time().cmp(&right.time()))
        }
    }
}
