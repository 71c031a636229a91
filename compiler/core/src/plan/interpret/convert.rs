//! Conversions of texts of one standard into primitives of the other, and arithmetic.

use super::value::{Str, Value};
use crate::check::typed::{Arithmetic, Primitive};
use emr_message::time::{Invalid as BadTime, Span};
use emr_message::{DateTime, Decimal, TimeOfDay, Zone, builtin, number};

/// The text is not what it should be. No value is kept.
pub(super) struct Invalid;

impl From<BadTime> for Invalid {
    fn from(_: BadTime) -> Self {
        Invalid
    }
}

impl From<number::Invalid> for Invalid {
    fn from(_: number::Invalid) -> Self {
        Invalid
    }
}

/// A value as a primitive of FHIR; missing stays missing.
pub(super) fn convert<'m>(value: &Value<'m>, into: Primitive, zone: Option<&Zone>) -> Result<Value<'m>, Invalid> {
    if matches!(value, Value::Duration(_) | Value::Reason(_)) {
        return Ok(value.clone());
    }
    let (live, place) = (value.is_live(), made_at(value));
    let Some(text) = value.clone().into_str() else { return Ok(Value::Missing) };
    let trimmed = text.as_str().trim();
    if trimmed.is_empty() {
        return Ok(Value::Missing);
    }
    let made = |text: String| Ok(Value::made(text, live, place));
    match into {
        Primitive::Moment => {
            moment(trimmed).map(|_| ()).or_else(|_| time_of_day(trimmed).map(|_| ()))?;
            same(text, live, place)
        }
        Primitive::String | Primitive::Markdown => same(text, live, place),
        Primitive::Code => match trimmed.contains(['\n', '\r', '\t']) || trimmed.contains("  ") {
            true => made(trimmed.split_whitespace().collect::<Vec<_>>().join(" ")),
            false => same(text, live, place),
        },
        Primitive::Id => {
            let fits = trimmed.len() <= 64 && trimmed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            if fits { same(text, live, place) } else { Err(Invalid) }
        }
        Primitive::Uri => match trimmed.contains(char::is_whitespace) {
            true => Err(Invalid),
            false => same(text, live, place),
        },
        Primitive::Boolean => match trimmed {
            "Y" | "true" => made("true".to_owned()),
            "N" | "false" => made("false".to_owned()),
            _ => Err(Invalid),
        },
        Primitive::Decimal => made(number::decimal(trimmed)?.into_owned()),
        Primitive::Integer => made(number::integer(trimmed)?.to_string()),
        Primitive::PositiveInt => made(number::positive_int(trimmed)?.to_string()),
        Primitive::UnsignedInt => made(number::unsigned_int(trimmed)?.to_string()),
        Primitive::Date => made(moment(trimmed)?.date()),
        Primitive::DateTime => made(moment(trimmed)?.date_time(zone)?),
        Primitive::Instant => made(moment(trimmed)?.instant(zone)?),
        Primitive::Time => made(time_of_day(trimmed)?.time()),
        Primitive::Base64 => match builtin::bytes::unbase64(trimmed) {
            Some(_) => made(trimmed.split_whitespace().collect()),
            None => Err(Invalid),
        },
        Primitive::Duration => Ok(Value::Duration(milliseconds(trimmed)?)),
    }
}

/// Without the blanks around it, copied only where there are some.
fn same<'m>(text: Str<'m>, live: bool, place: Option<emr_message::Place>) -> Result<Value<'m>, Invalid> {
    let value = match text {
        Str::Part(text) => Value::text(Str::Part(text.trim()), live, place),
        Str::Made(made) if made.trim().len() == made.len() => Value::text(Str::Made(made), live, place),
        Str::Grown(made) if made.trim().len() == made.len() => Value::text(Str::Grown(made), live, place),
        made => Value::made(made.as_str().trim().to_owned(), live, place),
    };
    Ok(value)
}

fn made_at(value: &Value) -> Option<emr_message::Place> {
    match value {
        Value::Piece(piece) | Value::Field(piece) => Some(piece.place),
        Value::Text(text) => text.place,
        _ => None,
    }
}

/// A date or time as HL7 or as FHIR writes it: only the latter has a hyphen behind the year and behind the month.
pub(super) fn moment(text: &str) -> Result<DateTime, BadTime> {
    let bytes = text.as_bytes();
    let is_fhir = bytes.get(4) == Some(&b'-') && matches!(bytes.get(7), None | Some(b'-'));
    if is_fhir { DateTime::read_fhir(text) } else { DateTime::read(text) }
}

fn time_of_day(text: &str) -> Result<TimeOfDay, BadTime> {
    if text.contains(':') { TimeOfDay::read_fhir(text) } else { TimeOfDay::read(text) }
}

fn milliseconds(text: &str) -> Result<i64, Invalid> {
    Decimal::read(text)?.whole().ok_or(Invalid)
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
            Ok(Value::made(moved.date_time(zone)?, time.is_live(), made_at(time)))
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
