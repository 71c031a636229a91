//! The parts of a date or time, each known or not, between a text and a pattern.

use std::fmt::Write;

use super::{Clock, DateTime, Invalid, Offset, Precision, TimeOfDay, Zone};
use crate::convert::{moment, time_of_day};

#[derive(Clone, Default)]
pub(super) struct Parts {
    pub year: Option<u16>,
    pub month: Option<u16>,
    pub day: Option<u16>,
    pub hour: Option<u16>,
    /// 1 to 12, with the half of the day beside it.
    pub half_hour: Option<u16>,
    pub afternoon: Option<bool>,
    pub minute: Option<u16>,
    pub second: Option<u16>,
    /// Its digits.
    pub fraction: Option<String>,
    pub offset: Option<Offset>,
}

impl Parts {
    /// Those of a text of HL7 or FHIR. Four digits are a time of day only with a colon in it: HL7 has years so.
    pub fn of(text: &str, zone: Option<&Zone>) -> Result<Parts, Invalid> {
        match moment(text) {
            Ok(time) => Ok(Parts::of_time(&time, zone)),
            Err(invalid) => time_of_day(text).map(|time| Parts::of_day(&time)).map_err(|_| invalid),
        }
    }

    fn of_time(time: &DateTime, zone: Option<&Zone>) -> Parts {
        let known = |precision, number: u8| (time.precision >= precision).then_some(u16::from(number));
        let parts = Parts {
            year: u16::try_from(time.year).ok(),
            month: known(Precision::Month, time.month),
            day: known(Precision::Day, time.day),
            ..Parts::default()
        };
        if time.has_time() { parts.with_clock(&time.clock, time.precision, time.offset_in(zone).ok()) } else { parts }
    }

    fn of_day(time: &TimeOfDay) -> Parts {
        Parts::default().with_clock(&time.clock, time.precision, time.offset)
    }

    fn with_clock(self, clock: &Clock, precision: Precision, offset: Option<Offset>) -> Parts {
        let known = |needed, number: u8| (precision >= needed).then_some(u16::from(number));
        let digits = format!("{:09}", clock.nanos);
        Parts {
            hour: known(Precision::Hour, clock.hour),
            minute: known(Precision::Minute, clock.minute),
            second: known(Precision::Second, clock.second),
            fraction: digits.get(..usize::from(clock.digits)).filter(|it| !it.is_empty()).map(str::to_owned),
            offset,
            ..self
        }
    }

    /// As HL7 writes it, a DTM or a TM. None of the parts may be known without the wider one.
    pub fn hl7(self) -> Result<String, Invalid> {
        let hour = match (self.hour, self.half_hour, self.afternoon) {
            (None, Some(hour @ 1..=12), Some(afternoon)) => Some(hour % 12 + if afternoon { 12 } else { 0 }),
            (None, None, None) => None,
            (hour, None, None) => hour,
            _ => return Err(Invalid::Hour),
        };
        let date = [self.year, self.month, self.day];
        let clock = [hour, self.minute, self.second];
        let mut wider = true;
        let mut text = String::new();
        for (index, part) in date.into_iter().chain(clock).enumerate() {
            // A time of day has no date, and begins with its hour.
            wider &= part.is_some() || self.year.is_none() && index < 3;
            match part {
                Some(_) if !wider => return Err(Invalid::Shape),
                // Writing to a String cannot fail.
                Some(number) if index == 0 => drop(write!(text, "{number:04}")),
                Some(number) => drop(write!(text, "{number:02}")),
                None => {}
            }
        }
        if let Some(fraction) = &self.fraction {
            text.push('.');
            text.push_str(fraction);
        }
        if let Some(offset) = self.offset {
            text.push_str(&offset.to_string().replace(':', ""));
        }
        let is_valid = match self.year {
            Some(_) => DateTime::read(&text).map(drop),
            None => TimeOfDay::read(&text).map(drop),
        };
        is_valid.map(|()| text)
    }
}
