//! Computing with times that may be known in part. Where the parts that are missing could change the answer, there is
//! no answer.

use std::cmp::Ordering;

use jiff::civil;

use super::{Clock, DateTime, Invalid, Precision, Zone};
use crate::Decimal;

/// A length of time in milliseconds. A day is 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub millis: i64,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Span {
    pub fn seconds(count: impl Into<Decimal>) -> Option<Span> {
        Span::of(count, SECOND)
    }

    pub fn minutes(count: impl Into<Decimal>) -> Option<Span> {
        Span::of(count, MINUTE)
    }

    pub fn hours(count: impl Into<Decimal>) -> Option<Span> {
        Span::of(count, HOUR)
    }

    pub fn days(count: impl Into<Decimal>) -> Option<Span> {
        Span::of(count, DAY)
    }

    /// `None` where it is too long. What is finer than a millisecond is rounded.
    fn of(count: impl Into<Decimal>, unit: i64) -> Option<Span> {
        let millis = count.into().times(unit.into()).and_then(|millis| millis.round(0)).ok()?;
        millis.whole().map(|millis| Span { millis })
    }

    /// Whole minutes, towards zero.
    pub fn in_minutes(self) -> i64 {
        self.millis / MINUTE
    }

    pub fn negated(self) -> Option<Span> {
        self.millis.checked_neg().map(|millis| Span { millis })
    }
}

impl DateTime {
    /// Without what is finer than the precision. A day or less has no offset.
    pub fn truncate(&self, precision: Precision) -> DateTime {
        let at_least = |wanted| precision >= wanted;
        let clock = Clock {
            hour: if at_least(Precision::Hour) { self.clock.hour } else { 0 },
            minute: if at_least(Precision::Minute) { self.clock.minute } else { 0 },
            second: if at_least(Precision::Second) { self.clock.second } else { 0 },
            nanos: 0,
            digits: 0,
        };
        DateTime {
            month: if at_least(Precision::Month) { self.month } else { 1 },
            day: if at_least(Precision::Day) { self.day } else { 1 },
            clock,
            precision: self.precision.min(precision),
            offset: self.offset.filter(|_| at_least(Precision::Hour)),
            ..*self
        }
    }

    /// Later by the span, with the precision kept. Whole days move the date and keep the clock; anything else is
    /// real time that goes by, across a change of clocks too, and needs the hour.
    ///
    /// A time known to the hour moves by whole hours only, one known to the minute by whole minutes.
    pub fn plus(&self, span: Span, zone: Option<&Zone>) -> Result<DateTime, Invalid> {
        let unit = match self.precision {
            Precision::Year | Precision::Month => return Err(Invalid::Imprecise),
            Precision::Day => DAY,
            Precision::Hour => HOUR,
            Precision::Minute => MINUTE,
            Precision::Second => 1,
        };
        if span.millis % unit != 0 {
            return Err(Invalid::Imprecise);
        }
        let by = jiff::SignedDuration::from_millis(span.millis);
        if span.millis % DAY == 0 || (self.offset.is_none() && zone.is_none()) {
            let moved = self.civil().checked_add(by).map_err(|_| Invalid::Range)?;
            return self.at(moved, self.clock.digits);
        }
        let before = self.offset_in(zone)?;
        let instant = self.instant_at(before.minutes())?.checked_add(by).map_err(|_| Invalid::Range)?;
        let after = match (self.offset, zone) {
            (None, Some(zone)) => zone.offset_of(instant).ok_or(Invalid::Range)?,
            _ => before,
        };
        let seconds = i32::from(after.minutes()) * 60;
        let offset = jiff::tz::Offset::from_seconds(seconds).map_err(|_| Invalid::Range)?;
        let digits = if span.millis % SECOND == 0 { self.clock.digits } else { self.clock.digits.max(3) };
        Ok(DateTime { offset: Some(after), ..self.at(offset.to_datetime(instant), digits)? })
    }

    /// How the two compare, `None` where what is not known decides: `1961` and `19610704` are neither equal nor
    /// is one earlier. A time of day without an offset has the zone's; if there is none, it compares with its like only.
    pub fn compare(&self, other: &DateTime, zone: Option<&Zone>) -> Option<Ordering> {
        let precision = self.precision.min(other.precision);
        let order = if precision >= Precision::Hour && (self.offset, other.offset) != (None, None) {
            // Both to UTC, where the parts that are known can be laid side by side.
            let utc = |time: &DateTime| -> Option<DateTime> {
                let offset = time.offset_in(zone).ok()?;
                let moved = time.civil().checked_sub(jiff::SignedDuration::from_mins(offset.minutes().into()));
                time.at(moved.ok()?, time.clock.digits).ok()
            };
            utc(self)?.known(precision).cmp(&utc(other)?.known(precision))
        } else {
            self.known(precision).cmp(&other.known(precision))
        };
        (order != Ordering::Equal || self.precision == other.precision).then_some(order)
    }

    /// From the other time to this one: between two days whole days, else between two times of day.
    pub fn since(&self, other: &DateTime, zone: Option<&Zone>) -> Result<Span, Invalid> {
        if self.precision.min(other.precision) < Precision::Day || self.has_time() != other.has_time() {
            return Err(Invalid::Imprecise);
        }
        let between =
            if self.has_time() && (self.offset, other.offset) != (None, None) || self.has_time() && zone.is_some() {
                let instant = |time: &DateTime| time.instant_at(time.offset_in(zone)?.minutes());
                instant(self)?.duration_since(instant(other)?)
            } else {
                self.civil().duration_since(other.civil())
            };
        i64::try_from(between.as_millis()).map(|millis| Span { millis }).map_err(|_| Invalid::Range)
    }

    /// Full years from this birth to that day, `None` where the missing parts decide, or before the birth. Who was born
    /// on 29 February is a year older on 1 March.
    pub fn age(&self, on: &DateTime) -> Option<i16> {
        let years =
            |birth: (i16, u8, u8), day: (i16, u8, u8)| day.0 - birth.0 - i16::from((day.1, day.2) < (birth.1, birth.2));
        let youngest = years(self.last_day(), on.first_day());
        let oldest = years(self.first_day(), on.last_day());
        (youngest == oldest && oldest >= 0).then_some(oldest)
    }

    fn first_day(&self) -> (i16, u8, u8) {
        (self.year, self.month, self.day)
    }

    fn last_day(&self) -> (i16, u8, u8) {
        match self.precision {
            Precision::Year => (self.year, 12, 31),
            Precision::Month => (self.year, self.month, 31),
            _ => self.first_day(),
        }
    }

    /// The parts up to a precision, in the order in which they weigh.
    fn known(&self, precision: Precision) -> (i16, u8, u8, u8, u8, u8, u32) {
        let DateTime { year, month, day, clock, .. } = if self.precision == precision && precision == Precision::Second
        {
            *self
        } else {
            self.truncate(precision)
        };
        (year, month, day, clock.hour, clock.minute, clock.second, clock.nanos)
    }

    /// The local time, with what is not known at its least. A leap second is taken as the one before it.
    pub(super) fn civil(&self) -> civil::DateTime {
        let Clock { hour, minute, second, nanos, .. } = self.clock;
        let small = |number: u8| i8::try_from(number).unwrap_or(i8::MAX);
        let nanos = i32::try_from(nanos).unwrap_or_default();
        civil::DateTime::new(
            self.year,
            small(self.month),
            small(self.day),
            small(hour),
            small(minute),
            small(second.min(59)),
            nanos,
        )
        .expect("each part was checked when it was read or computed")
    }

    fn at(&self, local: civil::DateTime, digits: u8) -> Result<DateTime, Invalid> {
        if local.year() < 1 {
            return Err(Invalid::Range);
        }
        let clock = Clock {
            hour: local.hour().unsigned_abs(),
            minute: local.minute().unsigned_abs(),
            second: local.second().unsigned_abs(),
            nanos: local.subsec_nanosecond().unsigned_abs(),
            digits,
        };
        let (month, day) = (local.month().unsigned_abs(), local.day().unsigned_abs());
        Ok(DateTime { year: local.year(), month, day, clock, ..*self })
    }

    fn instant_at(&self, minutes: i16) -> Result<jiff::Timestamp, Invalid> {
        let offset = jiff::tz::Offset::from_seconds(i32::from(minutes) * 60).map_err(|_| Invalid::Offset)?;
        offset.to_timestamp(self.civil()).map_err(|_| Invalid::Range)
    }
}
