//! Times as FHIR writes them (R4 §2.24.0.1). Nothing is added that was not known, with one exception that FHIR
//! forces: a dateTime with an hour has minutes and seconds, so these are filled with zeros.

use std::fmt::Write;

use super::{Clock, DateTime, Invalid, Offset, Precision, TimeOfDay, Zone};

impl DateTime {
    /// FHIR's date: `1961`, `1961-07`, `1961-07-04`. The time of day is left out.
    pub fn date(&self) -> String {
        let mut out = format!("{:04}", self.year);
        if self.precision >= Precision::Month {
            part(&mut out, '-', self.month);
        }
        if self.precision >= Precision::Day {
            part(&mut out, '-', self.day);
        }
        out
    }

    /// FHIR's dateTime, to the precision that is known. A time of day needs an offset: its own, else the zone's.
    pub fn date_time(&self, zone: Option<&Zone>) -> Result<String, Invalid> {
        let mut out = self.date();
        if self.has_time() {
            let offset = self.offset_in(zone)?;
            out.push('T');
            self.clock.write(&mut out);
            out.push_str(&offset.to_string());
        }
        Ok(out)
    }

    /// As [`DateTime::date_time`]; where no offset is known, a time of day stays as HL7 writes it, without one.
    pub fn written(&self, zone: Option<&Zone>) -> String {
        self.date_time(zone).unwrap_or_else(|_| {
            let mut out = self.date().replace('-', "");
            self.clock.write(&mut out);
            let end = match self.precision {
                Precision::Hour => 10,
                Precision::Minute => 12,
                _ => usize::MAX,
            };
            out.retain(|c| c != ':');
            out.truncate(end);
            out
        })
    }

    /// A DTM (HL7 v2.5.1 §2.A.22), to the precision that is known, with the offset that it has.
    pub fn hl7(&self) -> String {
        let mut out = self.date();
        if self.has_time() {
            self.clock.write(&mut out);
        }
        let mut out = out.replace(['-', ':'], "");
        if let Some(offset) = self.offset.filter(|_| self.has_time()) {
            let offset = offset.to_string();
            out.push_str(&if offset == "Z" { "+0000".to_owned() } else { offset.replace(':', "") });
        }
        out
    }

    /// FHIR's instant: as a dateTime, but the hour must be known.
    pub fn instant(&self, zone: Option<&Zone>) -> Result<String, Invalid> {
        if self.has_time() { self.date_time(zone) } else { Err(Invalid::Imprecise) }
    }

    /// Its own offset, else the zone's for this local time.
    pub(super) fn offset_in(&self, zone: Option<&Zone>) -> Result<Offset, Invalid> {
        match (self.offset, zone) {
            (Some(offset), _) => Ok(offset),
            (None, Some(zone)) => zone.offset_at(self.civil()).ok_or(Invalid::Offset),
            (None, None) => Err(Invalid::NoZone),
        }
    }
}

impl TimeOfDay {
    /// FHIR's time: `08:30:00`. It knows no offset, so one is left out.
    pub fn time(&self) -> String {
        let mut out = String::new();
        self.clock.write(&mut out);
        out
    }
}

impl Clock {
    fn write(&self, out: &mut String) {
        part(out, '\0', self.hour);
        part(out, ':', self.minute);
        part(out, ':', self.second);
        if self.digits > 0 {
            let digits = format!("{:09}", self.nanos);
            out.push('.');
            out.push_str(digits.get(..usize::from(self.digits)).unwrap_or(&digits));
        }
    }
}

fn part(out: &mut String, before: char, number: u8) {
    if before != '\0' {
        out.push(before);
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "{number:02}");
}
