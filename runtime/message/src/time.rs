//! Dates and times that may be known in part: `1961` stays a year, `0830` a minute, and a fraction keeps its digits.
//!
//! Read from HL7's DT, TM, DTM and TS (v2.5.1 §2.A.21, .75, .22, .77) or from FHIR's date, dateTime, instant and time,
//! written as those of FHIR ([`DateTime::date`] and its like, in `format`). What is computed with them, in `compute`,
//! never pretends to know more than both sides do.

use std::fmt;

mod compute;
mod format;
mod parts;
pub mod pattern;
mod zone;

pub use compute::Span;
pub use zone::{Offset, UnknownZone, Zone};

/// How much of a time is known. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Precision {
    /// `"day"` and so on, in the singular.
    pub fn named(name: &str) -> Option<Precision> {
        Some(match name {
            "year" => Precision::Year,
            "month" => Precision::Month,
            "day" => Precision::Day,
            "hour" => Precision::Hour,
            "minute" => Precision::Minute,
            "second" => Precision::Second,
            _ => return None,
        })
    }
}

/// A day, or a part of one, or a wider time. What is beyond the precision is 1 for month and day, else 0.
/// `Debug` shows the precision only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// 1 to 9999.
    year: i16,
    month: u8,
    day: u8,
    clock: Clock,
    precision: Precision,
    offset: Option<Offset>,
}

/// A time on any day: hour at least.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeOfDay {
    clock: Clock,
    precision: Precision,
    offset: Option<Offset>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Clock {
    hour: u8,
    minute: u8,
    /// 60 in a leap second.
    second: u8,
    nanos: u32,
    /// How many digits of the fraction were written, 0 to 9.
    digits: u8,
}

/// Why text is no time, or why a time does not serve. No value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not digits in one of the lengths that the type allows.
    Shape,
    Year,
    Month,
    /// Not a day of that month.
    Day,
    Hour,
    Minute,
    Second,
    /// No digits after the point, or more than nine, or a fraction of something other than a second.
    Fraction,
    Offset,
    /// It has no offset, and no zone is known that could give one.
    NoZone,
    /// Not known to the hour, or to the day, as needed here.
    Imprecise,
    /// Outside the years 1 to 9999.
    Range,
}

impl DateTime {
    /// Reads `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][+/-ZZZZ]`, without regard to blanks around it.
    pub fn read(text: &str) -> Result<DateTime, Invalid> {
        let (digits, fraction, offset) = pieces(text)?;
        let (date, clock) = digits.split_at_checked(8).unwrap_or((digits, ""));
        let number = |text: Option<&str>| number(text.unwrap_or_default());
        let (year, month, day) = match date.len() {
            4 => (number(date.get(..4))?, None, None),
            6 => (number(date.get(..4))?, Some(number(date.get(4..))?), None),
            8 => (number(date.get(..4))?, Some(number(date.get(4..6))?), Some(number(date.get(6..))?)),
            _ => return Err(Invalid::Shape),
        };
        let (clock, precision) = match (clock, fraction) {
            ("", None) => (Clock::default(), None),
            ("", Some(_)) => return Err(Invalid::Fraction),
            (clock, fraction) => Clock::read(clock, fraction).map(|(clock, precision)| (clock, Some(precision)))?,
        };
        DateTime::of(year, month, day, clock, precision, offset)
    }

    /// Reads FHIR's date, dateTime and instant: `1961`, `1961-07-04`, `2026-01-02T08:30:00.12+01:00`.
    pub fn read_fhir(text: &str) -> Result<DateTime, Invalid> {
        let (date, clock) = match text.split_once('T') {
            Some((date, clock)) => (date, Some(clock)),
            None => (text, None),
        };
        let mut parts = date.split('-').enumerate().map(|(at, part)| {
            if part.len() == if at == 0 { 4 } else { 2 } { number(part) } else { Err(Invalid::Shape) }
        });
        let year = parts.next().ok_or(Invalid::Shape)??;
        let (month, day) = (parts.next().transpose()?, parts.next().transpose()?);
        if parts.next().is_some() || (clock.is_some() && day.is_none()) {
            return Err(Invalid::Shape);
        }
        let Some(clock) = clock else { return DateTime::of(year, month, day, Clock::default(), None, None) };
        let (clock, precision, offset) = clock_of_fhir(clock)?;
        DateTime::of(year, month, day, clock, Some(precision), offset)
    }

    /// The time so many seconds after the beginning of 1970, to the second, in UTC.
    pub fn of_unix(seconds: i64) -> Result<DateTime, Invalid> {
        let instant = jiff::Timestamp::from_second(seconds).map_err(|_| Invalid::Range)?;
        let text = jiff::tz::Offset::UTC.to_datetime(instant).strftime("%Y%m%d%H%M%S+0000").to_string();
        DateTime::read(&text)
    }

    fn of(
        year: u16,
        month: Option<u16>,
        day: Option<u16>,
        clock: Clock,
        precision: Option<Precision>,
        offset: Option<Offset>,
    ) -> Result<DateTime, Invalid> {
        let within = |number: u16, wrong| i8::try_from(number).map_err(|_| wrong);
        let years = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year)).ok_or(Invalid::Year)?;
        let months = within(month.unwrap_or(1), Invalid::Month)?;
        if !(1..=12).contains(&months) {
            return Err(Invalid::Month);
        }
        let days = within(day.unwrap_or(1), Invalid::Day)?;
        let date = jiff::civil::Date::new(years, months, days).map_err(|_| Invalid::Day)?;
        let of_date = match (month, day) {
            (None, _) => Precision::Year,
            (_, None) => Precision::Month,
            _ => Precision::Day,
        };
        Ok(DateTime {
            year: date.year(),
            month: date.month().unsigned_abs(),
            day: date.day().unsigned_abs(),
            clock,
            precision: precision.unwrap_or(of_date),
            offset,
        })
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether it is known to the hour at least.
    pub fn has_time(&self) -> bool {
        self.precision >= Precision::Hour
    }

    pub fn year(&self) -> i16 {
        self.year
    }

    pub fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// Its time of day, where the hour is known.
    pub fn time_of_day(&self) -> Option<TimeOfDay> {
        self.has_time().then_some(TimeOfDay { clock: self.clock, precision: self.precision, offset: self.offset })
    }
}

impl TimeOfDay {
    /// Reads `HH[MM[SS[.S…]]][+/-ZZZZ]`, without regard to blanks around it.
    pub fn read(text: &str) -> Result<TimeOfDay, Invalid> {
        let (digits, fraction, offset) = pieces(text)?;
        let (clock, precision) = Clock::read(digits, fraction)?;
        Ok(TimeOfDay { clock, precision, offset })
    }

    /// Reads FHIR's time, `08:30:00.5`.
    pub fn read_fhir(text: &str) -> Result<TimeOfDay, Invalid> {
        match clock_of_fhir(text)? {
            (clock, precision, None) => Ok(TimeOfDay { clock, precision, offset: None }),
            _ => Err(Invalid::Shape),
        }
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }
}

impl Clock {
    fn read(digits: &str, fraction: Option<&str>) -> Result<(Clock, Precision), Invalid> {
        let part = |at: usize| digits.get(at..at + 2).map_or(Ok(0), number);
        let precision = match digits.len() {
            2 => Precision::Hour,
            4 => Precision::Minute,
            6 => Precision::Second,
            _ => return Err(Invalid::Shape),
        };
        let within = |number: u16, max: u8, wrong| u8::try_from(number).ok().filter(|&n| n <= max).ok_or(wrong);
        let (nanos, written) = match fraction {
            Some(_) if precision < Precision::Second => return Err(Invalid::Fraction),
            Some(fraction) => nanos(fraction)?,
            None => (0, 0),
        };
        let clock = Clock {
            hour: within(part(0)?, 23, Invalid::Hour)?,
            minute: within(part(2)?, 59, Invalid::Minute)?,
            second: within(part(4)?, 60, Invalid::Second)?,
            nanos,
            digits: written,
        };
        if clock.second == 60 && clock.minute != 59 {
            return Err(Invalid::Second);
        }
        Ok((clock, precision))
    }
}

/// The digits before the point, those after it, the offset.
fn pieces(text: &str) -> Result<(&str, Option<&str>, Option<Offset>), Invalid> {
    let text = text.trim_matches([' ', '\t']);
    let (main, offset) = match text.find(['+', '-']) {
        Some(at) => {
            let (main, offset) = text.split_at(at);
            (main, Some(Offset::read(offset).ok_or(Invalid::Offset)?))
        }
        None => (text, None),
    };
    let (digits, fraction) = match main.split_once('.') {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (main, None),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::Shape);
    }
    Ok((digits, fraction, offset))
}

/// `hh:mm:ss[.f…]` with an offset, a `Z` or nothing after it.
fn clock_of_fhir(text: &str) -> Result<(Clock, Precision, Option<Offset>), Invalid> {
    let (main, offset) = match text.find(['+', '-', 'Z']) {
        Some(at) => {
            let (main, offset) = text.split_at(at);
            (main, Some(Offset::read(offset).ok_or(Invalid::Offset)?))
        }
        None => (text, None),
    };
    let (main, fraction) = match main.split_once('.') {
        Some((main, fraction)) => (main, Some(fraction)),
        None => (main, None),
    };
    let parts: Vec<&str> = main.split(':').collect();
    if parts.len() < 2 || parts.iter().any(|part| part.len() != 2) {
        return Err(Invalid::Shape);
    }
    let (clock, precision) = Clock::read(&parts.concat(), fraction)?;
    Ok((clock, precision, offset))
}

fn number(digits: &str) -> Result<u16, Invalid> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::Shape);
    }
    digits.parse().map_err(|_| Invalid::Shape)
}

/// Nanoseconds of a fraction's digits, and how many these are.
fn nanos(fraction: &str) -> Result<(u32, u8), Invalid> {
    let digits =
        u8::try_from(fraction.len()).ok().filter(|digits| (1..=9).contains(digits)).ok_or(Invalid::Fraction)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::Fraction);
    }
    let number: u32 = fraction.parse().map_err(|_| Invalid::Fraction)?;
    Ok((number * 10u32.pow(9 - u32::from(digits)), digits))
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DateTime(to the {:?})", self.precision)
    }
}

impl fmt::Debug for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeOfDay(to the {:?})", self.precision)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invalid::Shape => "not a date or time",
            Invalid::Year => "the year is not 1 to 9999",
            Invalid::Month => "the month is not 1 to 12",
            Invalid::Day => "there is no such day in that month",
            Invalid::Hour => "the hour is not 0 to 23",
            Invalid::Minute => "the minute is not 0 to 59",
            Invalid::Second => "the second is not 0 to 59",
            Invalid::Fraction => "the fraction of a second is not one to nine digits",
            Invalid::Offset => "the offset from UTC is not one that exists",
            Invalid::NoZone => "the time has no offset, and no time zone is declared",
            Invalid::Imprecise => "the time is not known precisely enough",
            Invalid::Range => "the time lies outside the years 1 to 9999",
        })
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests;
