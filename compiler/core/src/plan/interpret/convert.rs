//! Texts of the message as values of FHIR, and what is computed with them.

use super::super::RuleId;
use super::{Issue, Machine, value::Value};
use crate::check::typed::{Arithmetic, Primitive};
use emr_message::number::{self, Decimal};
use emr_message::time::{DateTime, Span, TimeOfDay};
use smol_str::SmolStr;
use std::cmp::Ordering;

impl<'m> Machine<'m> {
    /// The value as a primitive; one that is not valid is missing, with an issue.
    pub(super) fn convert(&mut self, of: Value<'m>, into: Primitive, rule: RuleId) -> Value<'m> {
        if let Value::List(items) = &of {
            let items = items.iter().map(|item| self.convert(item.clone(), into, rule)).collect();
            return Value::list(items);
        }
        let place = of.place();
        let Some(text) = of.text() else { return Value::Missing };
        let from_message = matches!(of, Value::Piece(_));
        match self.converted(&text, into, from_message) {
            Ok(text) => Value::text_of(text, place),
            Err(what) => {
                let text = SmolStr::from(what);
                self.issues.push(Issue { text, place, rule: Some(rule) });
                Value::Missing
            }
        }
    }

    fn converted(&self, text: &str, into: Primitive, from_message: bool) -> Result<String, &'static str> {
        let zone = self.settings.zone.as_ref();
        let moment = || {
            if from_message {
                DateTime::read(text).or_else(|_| DateTime::read_fhir(text))
            } else {
                DateTime::read_fhir(text).or_else(|_| DateTime::read(text))
            }
        };
        match into {
            Primitive::String | Primitive::Markdown | Primitive::Duration => Ok(text.to_owned()),
            Primitive::Code if is_code(text) => Ok(text.to_owned()),
            Primitive::Code => Err("not a code: it has blanks where a code has none"),
            Primitive::Id if is_id(text) => Ok(text.to_owned()),
            Primitive::Id => Err("not an id: only letters, digits, `-` and `.`, at most 64"),
            Primitive::Uri if !text.contains(char::is_whitespace) => Ok(text.to_owned()),
            Primitive::Uri => Err("not a URI: it has blanks"),
            Primitive::Boolean => match text {
                "Y" | "true" => Ok("true".to_owned()),
                "N" | "false" => Ok("false".to_owned()),
                _ => Err("neither Y nor N"),
            },
            Primitive::Decimal => number::decimal(text).map(|it| it.into_owned()).map_err(|_| "not a number"),
            Primitive::Integer => number::integer(text).map(|it| it.to_string()).map_err(|_| "not a whole number"),
            Primitive::PositiveInt => {
                number::positive_int(text).map(|it| it.to_string()).map_err(|_| "not a whole number above 0")
            }
            Primitive::UnsignedInt => {
                number::unsigned_int(text).map(|it| it.to_string()).map_err(|_| "not a whole number from 0 on")
            }
            Primitive::Date => moment().map(|it| it.date()).map_err(|_| "not a date"),
            Primitive::DateTime => moment().and_then(|it| it.date_time(zone)).map_err(|_| "not a date or time"),
            Primitive::Instant => {
                moment().and_then(|it| it.instant(zone)).map_err(|_| "not a time known to the second")
            }
            Primitive::Moment => moment().map(|_| text.to_owned()).map_err(|_| "not a date or time"),
            Primitive::Time => {
                let read = TimeOfDay::read(text).or_else(|_| TimeOfDay::read_fhir(text));
                read.map(|it| it.time()).map_err(|_| "not a time of day")
            }
            Primitive::Base64 => {
                let kept: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                let valid = kept.len().is_multiple_of(4)
                    && kept.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
                if valid { Ok(kept) } else { Err("not base64") }
            }
        }
    }

    /// A time of either standard.
    pub(super) fn moment(value: &Value) -> Option<DateTime> {
        let text = value.text()?;
        DateTime::read(&text).or_else(|_| DateTime::read_fhir(&text)).ok()
    }

    pub(super) fn moments(&self, left: &Value, right: &Value) -> Option<Ordering> {
        Self::moment(left)?.compare(&Self::moment(right)?, self.settings.zone.as_ref())
    }

    pub(super) fn calculate(&mut self, op: Arithmetic, left: &Value<'m>, right: &Value<'m>, rule: RuleId) -> Value<'m> {
        if !left.is_present() || !right.is_present() {
            return Value::Missing;
        }
        let place = left.place();
        let result = match (left.duration(), right.duration()) {
            (Some(a), Some(b)) => {
                let sum = if op == Arithmetic::Minus { a.checked_sub(b) } else { a.checked_add(b) };
                return sum.map_or(Value::Missing, Value::Duration);
            }
            (None, Some(milliseconds)) => self.moved(left, milliseconds, op),
            _ => decimals(op, left, right),
        };
        match result {
            Some(text) => Value::text_of(text, place),
            None => {
                let text = "this cannot be computed".into();
                self.issues.push(Issue { text, place, rule: Some(rule) });
                Value::Missing
            }
        }
    }

    fn moved(&self, left: &Value, milliseconds: i64, op: Arithmetic) -> Option<String> {
        let span = Span { millis: milliseconds };
        let span = if op == Arithmetic::Minus { span.negated()? } else { span };
        let zone = self.settings.zone.as_ref();
        Self::moment(left)?.plus(span, zone).ok()?.date_time(zone).ok()
    }
}

fn is_code(text: &str) -> bool {
    !text.contains("  ") && !text.chars().any(|c| c.is_whitespace() && c != ' ')
}

fn is_id(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    Decimal::read(&value.text()?).ok()
}

pub(super) fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    Some(decimal(left)?.cmp(&decimal(right)?))
}

fn decimals(op: Arithmetic, left: &Value, right: &Value) -> Option<String> {
    let (left, right) = (decimal(left)?, decimal(right)?);
    let result = match op {
        Arithmetic::Plus => left.plus(right),
        Arithmetic::Minus => left.minus(right),
        Arithmetic::Times => left.times(right),
        Arithmetic::Over => left.over(right),
    };
    result.ok().map(|result| result.to_string())
}
