//! Conversions of texts of one standard into primitives of the other, and arithmetic.

use super::value::{Str, Value};
use crate::check::typed::{Arithmetic, Primitive};
use emr_message::Zone;
use emr_message::convert::{self as text, milliseconds};
pub(super) use emr_message::convert::{Invalid, moment};
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
    match (left, right) {
        (Value::Duration(left), Value::Duration(right)) => op.of_durations(*left, *right).map(Value::Duration),
        (time, Value::Duration(by)) => {
            let Some(text) = time.as_text() else { return Ok(Value::Missing) };
            let moved = op.of_time_and_duration(&text, *by, zone)?;
            Ok(Value::made(moved, time.is_live(), made_at(time)))
        }
        (Value::Duration(millis), by) => {
            let Some(by) = by.as_text() else { return Ok(Value::Missing) };
            op.of_duration_and_number(*millis, &by).map(Value::Duration)
        }
        (left, right) => {
            let (Some(a), Some(b)) = (left.as_text(), right.as_text()) else { return Ok(Value::Missing) };
            let number = op.of_numbers(&a, &b)?;
            let place = made_at(left).or_else(|| made_at(right));
            Ok(Value::made(number.to_string(), left.is_live() || right.is_live(), place))
        }
    }
}
