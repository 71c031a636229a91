//! Dates and times of the common shape, digits alone; all others the message crate reads.

use emr_message::Zone;
use emr_message::convert::{Primitive, convert};

/// How many days' offsets are remembered.
const DAYS: usize = 4096;

/// The offsets of a zone, by the day, as far as one offset holds through it.
pub struct Offsets {
    zone: Option<Zone>,
    known: Vec<Known>,
}

/// A day that was looked at.
#[derive(Clone, Copy)]
struct Known {
    /// As it is written, and one that is none at first.
    digits: [u8; 8],
    /// As FHIR writes it; none where it changes through the day.
    offset: Option<[u8; 6]>,
}

impl Offsets {
    pub fn new(zone: Option<Zone>) -> Offsets {
        Offsets { zone, known: vec![Known { digits: [u8::MAX; 8], offset: None }; DAYS] }
    }

    pub fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// The offset that holds through a day.
    fn of(&mut self, digits: &[u8; 8]) -> Option<[u8; 6]> {
        let zone = self.zone.as_ref();
        let known = self.known.get_mut(slot(*digits)?)?;
        if known.digits != *digits {
            *known = Known { digits: *digits, offset: through(digits, zone) };
        }
        known.offset
    }

    /// What [`Offsets::date_time`] gives for the most common shapes: a day, or a time to the second whose offset stands
    /// with it or was looked up for its day before.
    #[inline]
    pub fn known_date_time(&self, text: &[u8], out: &mut [u8; 32]) -> Option<usize> {
        let (day, rest) = text.split_first_chunk::<8>()?;
        if rest.is_empty() {
            return known_date(text, out);
        }
        let (time, offset) = rest.split_first_chunk::<6>()?;
        let offset = match offset {
            [] => self.known.get(slot(*day)?).filter(|known| known.digits == *day)?.offset?,
            offset => {
                is_day(pairs(*day)?).then_some(())?;
                written_offset(offset.try_into().ok()?)?
            }
        };
        Clock::read(*time)?.write(*day, offset, out);
        Some(25)
    }

    /// `20240131` and `20240131083015` as a FHIR date.
    #[inline]
    pub fn date(&mut self, text: &[u8], out: &mut [u8; 32]) -> Option<usize> {
        match text.len() {
            4 | 6 => month(text, out),
            8 => known_date(text, out),
            12 | 14 => {
                let (day, time) = text.split_first_chunk::<8>()?;
                let (time, _) = to_the_second(time).filter(|(_, rest)| rest.is_empty())?;
                Clock::read(time)?;
                known_date(day, out)
            }
            _ => None,
        }
    }

    /// The same as a FHIR dateTime; a time takes its own offset or the zone's. Gives how long it is, nothing where it is
    /// not of the common shape.
    #[inline]
    pub fn date_time(&mut self, text: &[u8], out: &mut [u8; 32]) -> Option<usize> {
        match text.len() {
            4 | 6 => return month(text, out),
            8 => return known_date(text, out),
            _ => {}
        }
        let (day, rest) = text.split_first_chunk::<8>()?;
        is_day(pairs(*day)?).then_some(())?;
        let (time, rest) = to_the_second(rest)?;
        let clock = Clock::read(time)?;
        let (fraction, rest) = match rest {
            [b'.', ..] => {
                let count = rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
                if !(1..=4).contains(&count) {
                    return None;
                }
                rest.split_at_checked(1 + count)?
            }
            _ => rest.split_at_checked(0)?,
        };
        let offset = match rest {
            [] => self.of(day)?,
            rest => written_offset(rest.try_into().ok()?)?,
        };
        clock.write(*day, offset, out);
        if !fraction.is_empty() {
            out.get_mut(19..19 + fraction.len())?.copy_from_slice(fraction);
            write(out, 19 + fraction.len(), offset);
        }
        Some(25 + fraction.len())
    }
}

/// Where a day is remembered: those of eight years lie apart.
fn slot(digits: [u8; 8]) -> Option<usize> {
    let [_, year, month, day] = pairs(digits)?.map(usize::from);
    Some(((year * 16 + month % 16) * 32 + day % 32) % DAYS)
}

/// What [`Offsets::date`] gives for a day alone.
#[inline]
pub fn known_date(text: &[u8], out: &mut [u8; 32]) -> Option<usize> {
    let digits: [u8; 8] = text.try_into().ok()?;
    is_day(pairs(digits)?).then_some(())?;
    Clock::default().write(digits, [0; 6], out);
    Some(10)
}

/// `+0100` as FHIR writes it; nothing where it is no offset.
fn written_offset(text: [u8; 5]) -> Option<[u8; 6]> {
    match text {
        [sign @ (b'+' | b'-'), a @ b'0'..=b'1', b @ b'0'..=b'9', c @ b'0'..=b'5', d @ b'0'..=b'9']
            if (a, b) < (b'1', b'4') =>
        {
            let is_utc = [a, b, c, d] == *b"0000";
            Some([if is_utc { b'+' } else { sign }, a, b, b':', c, d])
        }
        _ => None,
    }
}

/// Six digits of a time that has them, or four, and what stands behind.
fn to_the_second(text: &[u8]) -> Option<([u8; 6], &[u8])> {
    match text {
        [h, i, m, n] | [h, i, m, n, b'+' | b'-', ..] => Some(([*h, *i, *m, *n, b'0', b'0'], text.get(4..)?)),
        _ => text.split_first_chunk::<6>().map(|(time, rest)| (*time, rest)),
    }
}

/// A time of day, each two digits as a number of two bytes.
#[derive(Default)]
struct Clock {
    h: u16,
    m: u16,
    s: u16,
}

impl Clock {
    fn read(digits: [u8; 6]) -> Option<Clock> {
        let [h, i, m, n, s, t] = digits;
        let [hour, minute, second, _] = pairs([h, i, m, n, s, t, b'0', b'0'])?;
        let [h, m, s] = [[h, i], [m, n], [s, t]].map(u16::from_le_bytes);
        (hour < 24 && minute < 60 && second < 60).then_some(Clock { h, m, s })
    }

    /// `2024-01-31T08:30:15+01:00`, eight bytes at a time.
    fn write(&self, day: [u8; 8], offset: [u8; 6], out: &mut [u8; 32]) {
        let day = u64::from_le_bytes(day);
        let dashes = u64::from_le_bytes(*b"\0\0\0\0-\0\0-");
        let [a, b, c, d, e, f] = offset;
        let words = [
            day & 0xffff_ffff | (day >> 32 & 0xffff) << 40 | dashes,
            day >> 48
                | u64::from(b'T') << 16
                | u64::from(self.h) << 24
                | u64::from(b':') << 40
                | u64::from(self.m) << 48,
            u64::from(b':') | u64::from(self.s) << 8 | u64::from_le_bytes([0, 0, 0, a, b, c, d, e]),
            u64::from(f),
        ];
        let (room, _) = out.as_chunks_mut::<8>();
        room.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_le_bytes());
    }
}

fn write<const N: usize>(out: &mut [u8; 32], at: usize, bytes: [u8; N]) {
    if let Some(to) = out.get_mut(at..at + N) {
        to.copy_from_slice(&bytes);
    }
}

/// Eight digits as four numbers below 100; nothing if one of them is no digit.
fn pairs(digits: [u8; 8]) -> Option<[u8; 4]> {
    let low = u64::from_le_bytes(digits) ^ 0x3030_3030_3030_3030;
    // A byte above 9 carries into its upper half.
    if (low | low.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    let [a, _, b, _, c, _, d, _] = (low.wrapping_mul(10) + (low >> 8)).to_le_bytes();
    Some([a, b, c, d])
}

/// `2024` and `202401` as FHIR writes them.
fn month(text: &[u8], out: &mut [u8; 32]) -> Option<usize> {
    let (year, month) = match *text {
        [a, b, c, d] => ([a, b, c, d], *b"01"),
        [a, b, c, d, m, n] => ([a, b, c, d], [m, n]),
        _ => return None,
    };
    let ([a, b, c, d], [m, n]) = (year, month);
    is_day(pairs([a, b, c, d, m, n, b'0', b'1'])?).then_some(())?;
    write(out, 0, [a, b, c, d, b'-', m, n]);
    Some(if text.len() == 4 { 4 } else { 7 })
}

/// Whether these are eight digits of a year that there is, and no day in it.
pub fn is_no_day(text: &[u8]) -> bool {
    let read = text.try_into().ok().and_then(pairs);
    read.is_some_and(|[century, year, month, day]| century | year != 0 && !is_day([century, year, month, day]))
}

/// Whether century, year, month and day are those of a day.
fn is_day([century, year, month, day]: [u8; 4]) -> bool {
    (century | year) != 0 && (1..=12).contains(&month) && day >= 1 && (day <= 28 || day <= length(century, year, month))
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
fn through(digits: &[u8; 8], zone: Option<&Zone>) -> Option<[u8; 6]> {
    let day = std::str::from_utf8(digits).ok()?;
    let at = |hour: u32, rest: &str| -> Option<[u8; 6]> {
        let text = format!("{day}{hour:02}{rest}");
        let made = convert(&text, Primitive::DateTime, zone).ok()??;
        made.as_bytes().last_chunk().copied()
    };
    let first = at(0, "0000")?;
    (0..24).all(|hour| at(hour, "0000") == Some(first) && at(hour, "5959") == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(text: &str, zone: Option<&Zone>) {
        let mut offsets = Offsets::new(zone.cloned());
        let (mut date, mut date_time) = ([0; 32], [0; 32]);
        let (day, moment) =
            (offsets.date(text.as_bytes(), &mut date), offsets.date_time(text.as_bytes(), &mut date_time));
        let mut known = [0; 32];
        if let Some(length) = known_date(text.as_bytes(), &mut known) {
            assert_eq!((Some(length), &known[..length]), (day, &date[..length]), "{text}");
        }
        if let Some(length) = offsets.known_date_time(text.as_bytes(), &mut known) {
            assert_eq!((Some(length), &known[..length]), (moment, &date_time[..length]), "{text}");
        }
        let mut all = vec![(Primitive::Date, date, day), (Primitive::DateTime, date_time, moment)];
        if text.len() > 8 {
            all.push((Primitive::Instant, date_time, moment));
        }
        if is_no_day(text.as_bytes()) {
            for into in [Primitive::Date, Primitive::DateTime, Primitive::Instant] {
                assert!(convert(text, into, zone).is_err(), "{text} as {into:?}");
            }
        }
        for (into, bytes, length) in all {
            if let Some(length) = length {
                let ours = std::str::from_utf8(&bytes[..length]).unwrap();
                let theirs = convert(text, into, zone).ok().flatten();
                assert_eq!(theirs.as_deref(), Some(ours), "{text} as {into:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_the_message_crate_writes(
            text in "[0-9]{4,16}|[0-2][0-9]{3}(0[0-9]|1[0-3])?|(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-2][0-9]([01][0-9][0-5][0-9]([0-5][0-9](\\.[0-9]{0,5})?)?([+-][01][0-9][0-5][0-9])?)?",
        ) {
            for zone in [None, Some(Zone::named("UTC").unwrap()), Some(Zone::named("Europe/Zurich").unwrap()), Some(Zone::named("Australia/Lord_Howe").unwrap())] {
                same(&text, zone.as_ref());
            }
        }
    }

    #[test]
    fn a_time_that_ends_in_the_midst_is_no_part_of_a_date() {
        let mut offsets = Offsets::new(None);
        for text in ["202401170830+1", "20240117083015+0", "20240117083", "202401172530"] {
            assert_eq!(offsets.date(text.as_bytes(), &mut [0; 32]), None, "{text}");
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
            ("20240717083015.123", "2024-07-17T08:30:15.123+02:00"),
        ] {
            let mut out = [0; 32];
            let length = offsets.date_time(text.as_bytes(), &mut out).unwrap();
            assert_eq!(std::str::from_utf8(&out[..length]), Ok(written));
            // What was seen once is read in one step, but for shapes that few send.
            let again = offsets.known_date_time(text.as_bytes(), &mut out);
            assert_eq!(again, (text.len() != 12 && !text.contains('.')).then_some(length), "{text}");
            assert_eq!(std::str::from_utf8(&out[..length]), Ok(written));
        }
    }
}
