//! Texts of HL7 v2 as primitives of FHIR, how two texts compare, and what is calculated with them.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::time::{Invalid as BadTime, Span};
use crate::{DateTime, Decimal, TimeOfDay, Zone, builtin, number};

/// What a text or primitive is turned into. The source is HL7 text or a FHIR primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Primitive {
    /// Decoded text, blanks around it off; empty is missing.
    String,
    /// As `String`, its line breaks kept.
    Markdown,
    Code,
    Id,
    Uri,
    /// `Y` and `N` (HL7 table 0136), `true` and `false`.
    Boolean,
    Decimal,
    Integer,
    PositiveInt,
    UnsignedInt,
    Date,
    DateTime,
    Instant,
    Time,
    Base64,
    /// HL7 date or time text kept as such, for comparison and arithmetic.
    Moment,
    /// A date or time of FHIR as HL7 writes it; one of HL7 stays as it is.
    Hl7Time,
    /// Numbers with a unit in the argument of `minutes`, `days`: a duration.
    Duration,
}

impl Primitive {
    /// In the order of their numbers, by which compiled code names them.
    pub const ALL: [Primitive; 18] = [
        Primitive::String,
        Primitive::Markdown,
        Primitive::Code,
        Primitive::Id,
        Primitive::Uri,
        Primitive::Boolean,
        Primitive::Decimal,
        Primitive::Integer,
        Primitive::PositiveInt,
        Primitive::UnsignedInt,
        Primitive::Date,
        Primitive::DateTime,
        Primitive::Instant,
        Primitive::Time,
        Primitive::Base64,
        Primitive::Moment,
        Primitive::Hl7Time,
        Primitive::Duration,
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    /// In the order of their numbers.
    pub const ALL: [Compare; 6] = [
        Compare::Equal,
        Compare::NotEqual,
        Compare::Less,
        Compare::LessOrEqual,
        Compare::Greater,
        Compare::GreaterOrEqual,
    ];

    /// Whether it holds; false where two values cannot be ordered, but for "not equal".
    pub fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Compare::Equal => order == Some(Ordering::Equal),
            Compare::NotEqual => order != Some(Ordering::Equal),
            Compare::Less => order == Some(Ordering::Less),
            Compare::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Compare::Greater => order == Some(Ordering::Greater),
            Compare::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    Text,
    Number,
    /// By what both sides' precision has in common.
    Moment,
    /// By code, and by system where both have one.
    Coded,
    Boolean,
    Duration,
}

impl Comparison {
    /// In the order of their numbers.
    pub const ALL: [Comparison; 6] = [
        Comparison::Text,
        Comparison::Number,
        Comparison::Moment,
        Comparison::Coded,
        Comparison::Boolean,
        Comparison::Duration,
    ];
}

/// What is calculated with two numbers, times or durations, which are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Arithmetic {
    Plus,
    Minus,
    Times,
    Over,
}

impl Arithmetic {
    /// In the order of their numbers.
    pub const ALL: [Arithmetic; 4] = [Arithmetic::Plus, Arithmetic::Minus, Arithmetic::Times, Arithmetic::Over];

    /// Of two numbers.
    pub fn of_numbers(self, left: &str, right: &str) -> Result<Decimal, Invalid> {
        let (left, right) = (Decimal::read(left)?, Decimal::read(right)?);
        Ok(match self {
            Arithmetic::Plus => left.plus(right),
            Arithmetic::Minus => left.minus(right),
            Arithmetic::Times => left.times(right),
            Arithmetic::Over => left.over(right),
        }?)
    }

    /// Of two durations, which are not multiplied.
    pub fn of_durations(self, left: i64, right: i64) -> Result<i64, Invalid> {
        let sum = match self {
            Arithmetic::Plus => left.checked_add(right),
            Arithmetic::Minus => left.checked_sub(right),
            Arithmetic::Times | Arithmetic::Over => None,
        };
        sum.ok_or(Invalid)
    }

    /// A duration so many times, or the so manieth part of it.
    pub fn of_duration_and_number(self, millis: i64, by: &str) -> Result<i64, Invalid> {
        let (millis, by) = (Decimal::from(millis), Decimal::read(by)?);
        let scaled = if self == Arithmetic::Over { millis.over(by) } else { millis.times(by) }?;
        scaled.round(0)?.whole().ok_or(Invalid)
    }

    /// A time that far later or earlier, as precise as it was.
    pub fn of_time_and_duration(self, time: &str, millis: i64, zone: Option<&Zone>) -> Result<String, Invalid> {
        let millis = if self == Arithmetic::Minus { millis.checked_neg() } else { Some(millis) };
        let span = Span { millis: millis.ok_or(Invalid)? };
        Ok(moment(time.trim())?.plus(span, zone)?.written(zone))
    }
}

/// The text is not what it should be. No value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

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

/// The text as a primitive, borrowed where only blanks around it went; `None` where there is none. A duration is a
/// number here, its milliseconds.
pub fn convert<'t>(text: &'t str, into: Primitive, zone: Option<&Zone>) -> Result<Option<Cow<'t, str>>, Invalid> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(None);
    }
    let same = Cow::Borrowed(trimmed);
    let made = |text: String| Cow::Owned(text);
    let found = match into {
        Primitive::Moment => {
            moment(trimmed).map(|_| ()).or_else(|_| time_of_day(trimmed).map(|_| ()))?;
            same
        }
        Primitive::String | Primitive::Markdown => same,
        Primitive::Code => match trimmed.contains(['\n', '\r', '\t']) || trimmed.contains("  ") {
            true => made(trimmed.split_whitespace().collect::<Vec<_>>().join(" ")),
            false => same,
        },
        Primitive::Id => {
            let fits = trimmed.len() <= 64 && trimmed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            if fits { same } else { return Err(Invalid) }
        }
        Primitive::Uri => match trimmed.contains(char::is_whitespace) {
            true => return Err(Invalid),
            false => same,
        },
        Primitive::Boolean => match trimmed {
            "Y" | "true" => Cow::Borrowed("true"),
            "N" | "false" => Cow::Borrowed("false"),
            _ => return Err(Invalid),
        },
        Primitive::Decimal => made(number::decimal(trimmed)?.into_owned()),
        Primitive::Integer => made(number::integer(trimmed)?.to_string()),
        Primitive::PositiveInt => made(number::positive_int(trimmed)?.to_string()),
        Primitive::UnsignedInt => made(number::unsigned_int(trimmed)?.to_string()),
        Primitive::Date => made(moment(trimmed)?.date()),
        Primitive::DateTime => made(moment(trimmed)?.date_time(zone)?),
        Primitive::Instant => made(moment(trimmed)?.instant(zone)?),
        Primitive::Time => made(time_of_day(trimmed)?.time()),
        Primitive::Hl7Time => match (moment(trimmed), time_of_day(trimmed)) {
            _ if trimmed.bytes().all(|byte| byte.is_ascii_digit()) => same,
            (Ok(moment), _) => made(moment.hl7()),
            (_, Ok(time)) => made(time.time().replace(':', "")),
            (Err(why), _) => return Err(why.into()),
        },
        Primitive::Base64 => match builtin::bytes::unbase64(trimmed) {
            Some(_) => made(trimmed.split_whitespace().collect()),
            None => return Err(Invalid),
        },
        Primitive::Duration => made(milliseconds(trimmed)?.to_string()),
    };
    Ok(Some(found))
}

/// A date or time as HL7 or as FHIR writes it: only the latter has a hyphen behind the year and behind the month.
pub fn moment(text: &str) -> Result<DateTime, BadTime> {
    let bytes = text.as_bytes();
    let is_fhir = bytes.get(4) == Some(&b'-') && matches!(bytes.get(7), None | Some(b'-'));
    if is_fhir { DateTime::read_fhir(text) } else { DateTime::read(text) }
}

/// A time of day as HL7 or as FHIR writes it.
pub fn time_of_day(text: &str) -> Result<TimeOfDay, BadTime> {
    if text.contains(':') { TimeOfDay::read_fhir(text) } else { TimeOfDay::read(text) }
}

/// A whole number.
pub fn milliseconds(text: &str) -> Result<i64, Invalid> {
    Decimal::read(text)?.whole().ok_or(Invalid)
}

/// How two texts stand to each other; a coded value by its code alone. Nothing for durations, which are no texts.
pub fn order(left: &str, right: &str, how: Comparison, zone: Option<&Zone>) -> Option<Ordering> {
    match how {
        Comparison::Text | Comparison::Coded | Comparison::Boolean => Some(left.trim().cmp(right.trim())),
        Comparison::Number => numbers(left, right),
        Comparison::Moment => moments(left, right, zone),
        Comparison::Duration => None,
    }
}

pub fn numbers(left: &str, right: &str) -> Option<Ordering> {
    Decimal::read(left).ok()?.partial_cmp(&Decimal::read(right).ok()?)
}

pub fn moments(left: &str, right: &str, zone: Option<&Zone>) -> Option<Ordering> {
    match (moment(left), moment(right)) {
        (Ok(left), Ok(right)) => left.compare(&right, zone),
        _ => Some(time_of_day(left).ok()?.time().cmp(&time_of_day(right).ok()?.time())),
    }
}
