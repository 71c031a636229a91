//! Conversions of texts of one standard into primitives of the other, and arithmetic.

use super::value::{Str, Value};
use crate::check::typed::{Arithmetic, Primitive};
use emr_message::convert::{self as text, milliseconds};
pub(super) use emr_message::convert::{Invalid, moment};
use emr_message::time::Span;
use emr_message::{Decimal, Zone};
use std::borrow::Cow;

/// A value as a primitive of FHIR; missing stays missing.
pub(super) fn convert<'m>(value: &Value<'m>, into: Primitive, zone: Option<&Zone>) -> Result<Value<'m>, Invalid> {
    if matches!(value, Value::Duration(_) | Value::Reason(_)) {
        return Ok(value.clone());
    }
    let (live, place) = (value.is_live(), made_at(value));
    let Some(text) = value.clone().into_str() else { return Ok(Value::Missing) };
    if into == Primitive::Duration {
        let trimmed = text.as_str().trim();
        return if trimmed.is_empty() { Ok(Value::Missing) } else { Ok(Value::Duration(milliseconds(trimmed)?)) };
    }
    // Copied only where that cannot be helped.
    let converted = match &text {
        Str::Part(part) => text::convert(part, into, zone)?.map(Str::from),
        made => match text::convert(made.as_str(), into, zone)? {
            Some(Cow::Borrowed(same)) if same.len() == made.as_str().len() => Some(made.clone()),
            Some(other) => Some(Str::Made(other.as_ref().into())),
            None => None,
        },
    };
    Ok(converted.map_or(Value::Missing, |text| Value::text(text, live, place)))
}

fn made_at(value: &Value) -> Option<emr_message::Place> {
    match value {
        Value::Piece(piece) | Value::Field(piece) => Some(piece.place),
        Value::Text(text) => text.place,
        _ => None,
    }
}

pub(super) fn calculate<'m>(
    op: Arithmetic,
    left: &Value<'m>,
    right: &Value<'m>,
    zone: Option<&Zone>,
) -> Result<Value<'m>, Invalid> {
    let span = |millis: i64| -> Option<Span> { Some(Span { millis }) };
    match (left, right) {
        (Value::Duration(left), Value::Duration(right)) => {
            let sum = match op {
                Arithmetic::Plus => left.checked_add(*right),
                Arithmetic::Minus => left.checked_sub(*right),
                _ => None,
            };
            sum.map(Value::Duration).ok_or(Invalid)
        }
        (time, Value::Duration(by)) => {
            let Some(text) = time.as_text() else { return Ok(Value::Missing) };
            let by = if op == Arithmetic::Minus { by.checked_neg() } else { Some(*by) };
            let moved = moment(text.trim())?.plus(by.and_then(span).ok_or(Invalid)?, zone)?;
            Ok(Value::made(moved.written(zone), time.is_live(), made_at(time)))
        }
        (Value::Duration(millis), by) => {
            let Some(by) = by.as_text() else { return Ok(Value::Missing) };
            let (millis, by) = (Decimal::from(*millis), Decimal::read(&by)?);
            let scaled = match op {
                Arithmetic::Over => millis.over(by),
                _ => millis.times(by),
            }?;
            scaled.round(0)?.whole().map(Value::Duration).ok_or(Invalid)
        }
        (left, right) => {
            let (Some(a), Some(b)) = (left.as_text(), right.as_text()) else { return Ok(Value::Missing) };
            let (a, b) = (Decimal::read(&a)?, Decimal::read(&b)?);
            let number = match op {
                Arithmetic::Plus => a.plus(b),
                Arithmetic::Minus => a.minus(b),
                Arithmetic::Times => a.times(b),
                Arithmetic::Over => a.over(b),
            }?;
            let place = made_at(left).or_else(|| made_at(right));
            Ok(Value::made(number.to_string(), left.is_live() || right.is_live(), place))
        }
    }
}
