//! Dates and times of the common shape, digits alone; all others the message crate reads.

use emr_message::Zone;
use emr_message::convert::{Primitive, convert};

/// How many days' offsets are remembered.
const DAYS: usize = 4096;

/// The offsets of a zone, by the day, as far as one offset holds through it.
pub struct Offsets {
    zone: Option<Zone>,
    /// For a day as a number of eight digits its offset, as FHIR writes it; none where it changes, or is not known.
    known: Vec<(u32, Option<[u8; 6]>)>,
}

/// What a text is as a date or time.
pub enum Written {
    Text([u8; 32], usize),
    /// Not of the common shape.
    Other,
}

impl Offsets {
    pub fn new(zone: Option<Zone>) -> Offsets {
        Offsets { zone, known: vec![(0, None); DAYS] }
    }

    pub fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// The offset that holds through a day, if it is one.
    fn of(&mut self, digits: &[u8; 14]) -> Option<[u8; 6]> {
        let day = digits.iter().take(8).fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        // The last digits of year and month beside the day: the days of some years lie apart.
        let [_, _, _, y, m, n, d, e, ..] = digits.map(|digit| usize::from(digit - b'0'));
        let slot = (y * 12 + m * 10 + n) * 32 + d * 10 + e;
        let known = self.known.get_mut(slot % DAYS)?;
        if known.0 != day {
            *known = (day, through(digits, self.zone.as_ref()));
        }
        known.1
    }

    /// `20240131` and `20240131083015` as a FHIR date.
    pub fn date(&mut self, text: &[u8]) -> Written {
        match read(text) {
            Some((digits, [])) => {
                let mut out = [0; 32];
                write_day(&mut out, &digits);
                Written::Text(out, 10)
            }
            _ => Written::Other,
        }
    }

    /// The same as a FHIR dateTime; a time takes its own offset or the zone's.
    pub fn date_time(&mut self, text: &[u8]) -> Written {
        let Some((digits, rest)) = read(text) else { return Written::Other };
        let mut out = [0; 32];
        write_day(&mut out, &digits);
        if text.len() == 8 {
            return Written::Text(out, 10);
        }
        let offset = match rest {
            [] => self.of(&digits),
            [sign @ (b'+' | b'-'), a @ b'0'..=b'1', b @ b'0'..=b'9', c @ b'0'..=b'5', d @ b'0'..=b'9']
                if (*a, *b) < (b'1', b'4') =>
            {
                let is_utc = [a, b, c, d].iter().all(|digit| **digit == b'0');
                Some([if is_utc { b'+' } else { *sign }, *a, *b, b':', *c, *d])
            }
            _ => None,
        };
        let Some(offset) = offset else { return Written::Other };
        let [.., h, i, m, n, s, t] = digits;
        let time = [b'T', h, i, b':', m, n, b':', s, t];
        out.iter_mut().skip(10).zip(time.iter().chain(&offset)).for_each(|(to, byte)| *to = *byte);
        Written::Text(out, 25)
    }
}

/// The digits of a date, or a date and time to minute or second, filled with zeros, and what follows; nothing where one
/// of them is out of its range, or needs a calendar.
fn read(text: &[u8]) -> Option<([u8; 14], &[u8])> {
    let count = text.iter().take(15).position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len().min(15));
    if !matches!(count, 8 | 12 | 14) || count == 8 && text.len() != 8 {
        return None;
    }
    let (given, rest) = text.split_at_checked(count)?;
    let mut digits = [b'0'; 14];
    digits.iter_mut().zip(given).for_each(|(to, digit)| *to = *digit);
    let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, i1, i2, s1, s2] = digits.map(|digit| digit - b'0');
    let two = |tens: u8, ones: u8| tens * 10 + ones;
    let fits = (y1 | y2 | y3 | y4) != 0
        && (1..=12).contains(&two(m1, m2))
        && (1..=length(two(y1, y2), two(y3, y4), two(m1, m2))).contains(&two(d1, d2))
        && two(h1, h2) < 24
        && two(i1, i2) < 60
        && two(s1, s2) < 60;
    fits.then_some((digits, rest))
}

/// How many days a month has, in the calendar that holds since 1582 and is carried back before it (ISO 8601).
fn length(century: u8, year: u8, month: u8) -> u8 {
    let is_leap = if year == 0 { century.is_multiple_of(4) } else { year.is_multiple_of(4) };
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The offset of a zone, if it is the same at the beginning and at the end of each hour of a day.
fn through(digits: &[u8; 14], zone: Option<&Zone>) -> Option<[u8; 6]> {
    let day = std::str::from_utf8(digits.get(..8)?).ok()?;
    let at = |hour: u32, rest: &str| -> Option<[u8; 6]> {
        let text = format!("{day}{hour:02}{rest}");
        let made = convert(&text, Primitive::DateTime, zone).ok()??;
        made.as_bytes().last_chunk().copied()
    };
    let first = at(0, "0000")?;
    (0..24).all(|hour| at(hour, "0000") == Some(first) && at(hour, "5959") == Some(first)).then_some(first)
}

fn write_day(out: &mut [u8; 32], digits: &[u8; 14]) {
    let [a, b, c, d, m, n, e, f, ..] = *digits;
    let day = [a, b, c, d, b'-', m, n, b'-', e, f];
    out.iter_mut().zip(day).for_each(|(to, byte)| *to = byte);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(text: &str, zone: Option<&Zone>) {
        let mut offsets = Offsets::new(zone.cloned());
        for (into, written) in [
            (Primitive::Date, offsets.date(text.as_bytes())),
            (Primitive::DateTime, offsets.date_time(text.as_bytes())),
        ] {
            if let Written::Text(bytes, length) = written {
                let ours = std::str::from_utf8(&bytes[..length]).unwrap();
                let theirs = convert(text, into, zone).ok().flatten();
                assert_eq!(theirs.as_deref(), Some(ours), "{text} as {into:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_the_message_crate_writes(
            text in "[0-9]{4,16}|(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-2][0-9]([01][0-9][0-5][0-9]([0-5][0-9])?([+-][01][0-9][0-5][0-9])?)?",
        ) {
            for zone in [None, Some(Zone::named("UTC").unwrap()), Some(Zone::named("Europe/Zurich").unwrap()), Some(Zone::named("Australia/Lord_Howe").unwrap())] {
                same(&text, zone.as_ref());
            }
        }
    }

    #[test]
    fn the_common_shapes_are_read() {
        let mut offsets = Offsets::new(Some(Zone::named("Europe/Zurich").unwrap()));
        for (text, written) in [
            ("20240117", "2024-01-17"),
            ("202401170830", "2024-01-17T08:30:00+01:00"),
            ("20240717083015", "2024-07-17T08:30:15+02:00"),
            ("20240717083015-0600", "2024-07-17T08:30:15-06:00"),
        ] {
            let Written::Text(bytes, length) = offsets.date_time(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(std::str::from_utf8(&bytes[..length]), Ok(written));
        }
    }
}
