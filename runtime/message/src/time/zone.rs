//! Offsets from UTC, and zones that give one to a local time.
//!
//! Where clocks change, one rule holds: **the offset that held before the change.** A time that the clocks show twice
//! is then the earlier one (in autumn: daylight time), and one that they skip is as far after the change as it says,
//! though it is written with the old offset. In both cases the digits stay as the sender wrote them.

use std::fmt;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// Minutes east of UTC, at most 14 hours either way, as FHIR allows (R4 §2.24.0.1, dateTime).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offset(i16);

impl Offset {
    pub const UTC: Offset = Offset(0);

    /// `+0100`, `-06:00`, `Z`.
    pub fn read(text: &str) -> Option<Offset> {
        if text == "Z" {
            return Some(Offset::UTC);
        }
        let (sign, digits) = text.split_at_checked(1)?;
        let (hours, minutes) = match digits.len() {
            // Four bytes need not be four digits.
            4 => digits.split_at_checked(2)?,
            5 => digits.split_once(':')?,
            _ => return None,
        };
        let number = |digits: &str| super::number(digits).ok().filter(|_| digits.len() == 2);
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let total = i16::try_from(hours * 60 + minutes).ok().filter(|&total| minutes < 60 && total <= 14 * 60)?;
        match sign {
            "+" => Some(Offset(total)),
            "-" => Some(Offset(-total)),
            _ => None,
        }
    }

    pub fn minutes(self) -> i16 {
        self.0
    }
}

/// As FHIR writes it: `+01:00`.
impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", self.0.abs() / 60, self.0.abs() % 60)
    }
}

/// A time zone with its history, or a fixed offset. The rules are those of the tz database that the program carries,
/// never the machine's own, so that a replay elsewhere gives the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A name that is neither in the tz database nor an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownZone;

impl Zone {
    /// `Europe/Zurich` (case does not count), `UTC`, `Z`, `+01:00`.
    pub fn named(name: &str) -> Result<Zone, UnknownZone> {
        if let Some(offset) = Offset::read(name) {
            let seconds = i32::from(offset.0) * 60;
            return jiff::tz::Offset::from_seconds(seconds)
                .map(|at| Zone(TimeZone::fixed(at)))
                .map_err(|_| UnknownZone);
        }
        TimeZoneDatabase::bundled().get(name).map(Zone).map_err(|_| UnknownZone)
    }

    /// All names of the tz database, for suggestions.
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect()
    }

    /// The offset of a local time, by the rule above. Offsets of the 19th century have seconds: the nearest minute.
    pub(super) fn offset_at(&self, local: civil::DateTime) -> Option<Offset> {
        let offset = match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        nearest_minute(offset)
    }

    pub(super) fn offset_of(&self, instant: jiff::Timestamp) -> Option<Offset> {
        nearest_minute(self.0.to_offset(instant))
    }
}

fn nearest_minute(offset: jiff::tz::Offset) -> Option<Offset> {
    let minutes = (offset.seconds() + 30).div_euclid(60);
    i16::try_from(minutes).ok().filter(|minutes| minutes.abs() <= 14 * 60).map(Offset)
}
