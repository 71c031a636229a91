//! HL7's DTM as FHIR's date and dateTime: digits checked and moved by vectors, the same for a date of any usual length
//! and for none. Times without an offset are UTC.

use super::out::Out;
use super::text::{Map, S, Text};
use core::arch::x86_64::*;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Date,
    DateTime,
    /// A dateTime with a time.
    Instant,
    /// The same with all fourteen digits.
    Second,
}

/// What is so for a length.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Length {
    /// The digits that there are.
    digits: [u8; 16],
    /// The least that each pair may be; more than it can be where the length is not usual.
    least: [u16; 8],
    written: usize,
}

const LENGTHS: usize = 16;

static DATES: [Length; LENGTHS] = lengths(&[(8, 10)]);
static DATE_TIMES: [Length; LENGTHS] = lengths(&[(8, 10), (10, 25), (12, 25), (14, 25)]);
static INSTANTS: [Length; LENGTHS] = lengths(&[(10, 25), (12, 25), (14, 25)]);
static SECONDS: [Length; LENGTHS] = lengths(&[(14, 25)]);

/// Years before 0100 are looked at closer.
const LEAST: [u16; 8] = [1, 0, 1, 1, 0, 0, 0, 0];

const fn lengths(usual: &[(usize, usize)]) -> [Length; LENGTHS] {
    let mut all = [Length { digits: [0; 16], least: [1000; 8], written: 0 }; LENGTHS];
    all[0].least = [0; 8];
    let mut k = 0;
    while k < usual.len() {
        let (n, written) = usual[k];
        let mut at = 0;
        while at < n {
            all[n].digits[at] = 0xff;
            at += 1;
        }
        all[n].least = LEAST;
        all[n].written = written;
        k += 1;
    }
    all
}

/// The date with its key, `"name":"`, if it is one.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn time<const K: usize>(out: &mut Out, text: Text, key: &[u8; K], s: S, kind: Kind) {
    let table = match kind {
        Kind::Date => &DATES,
        Kind::DateTime => &DATE_TIMES,
        Kind::Instant => &INSTANTS,
        Kind::Second => &SECONDS,
    };
    let mut to = *out;
    to.lit(key);
    // SAFETY: a field of the text, and the converter made room.
    unsafe {
        let length = table.get_unchecked((s.n as usize).min(LENGTHS - 1));
        let (value, bad) = looked_at(text.at(s.o), length);
        if _mm_testz_si128(bad, bad) == 0 {
            if let Some(end) = slow(text, s, to, kind) {
                *out = end;
                out.lit(b"\",");
            }
            return;
        }
        moved(value, to);
        to.0.add(length.written).cast::<[u8; 2]>().write_unaligned(*b"\",");
        out.skip(if s.n == 0 { 0 } else { length.written + K + 2 });
    }
}

/// The digits, 0 behind the last one; and a vector with a bit where anything is wrong.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn looked_at(from: *const u8, length: &Length) -> (__m128i, __m128i) {
    // SAFETY: the caller's promise.
    unsafe {
        let v = _mm_sub_epi8(_mm_loadu_si128(from.cast()), _mm_set1_epi8(b'0' as i8));
        let v = _mm_and_si128(v, _mm_load_si128(length.digits.as_ptr().cast()));
        let pairs = _mm_maddubs_epi16(v, _mm_setr_epi8(10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1));
        // Days after the 28th are looked at closer.
        let most = _mm_setr_epi16(99, 99, 12, 28, 23, 59, 59, 0);
        let low = _mm_subs_epu16(_mm_load_si128(length.least.as_ptr().cast()), pairs);
        let beyond = _mm_or_si128(low, _mm_subs_epu16(pairs, most));
        (v, _mm_or_si128(beyond, _mm_subs_epu8(v, _mm_set1_epi8(9))))
    }
}

/// `2026-03-01T10:20:30+00:00`
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn moved(digits: __m128i, to: Out) {
    let v = _mm_add_epi8(digits, _mm_set1_epi8(b'0' as i8));
    let first = _mm_shuffle_epi8(v, _mm_setr_epi8(0, 1, 2, 3, -1, 4, 5, -1, 6, 7, -1, 8, 9, -1, 10, 11));
    let marks = _mm_setr_epi8(0, 0, 0, 0, b'-' as i8, 0, 0, b'-' as i8, 0, 0, b'T' as i8, 0, 0, b':' as i8, 0, 0);
    let second = _mm_shuffle_epi8(v, _mm_setr_epi8(-1, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    let zone = u64::from_le_bytes(*b":\0\0+00:0") as i64;
    // SAFETY: the converter made room.
    unsafe {
        _mm_storeu_si128(to.0.cast(), _mm_or_si128(first, marks));
        let rest = _mm_or_si128(second, _mm_set_epi64x(b'0' as i64, zone));
        _mm_storeu_si128(to.0.add(16).cast(), rest);
    }
}

/// What has an offset or a fraction, is shorter, has parts, or is wrong.
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn slow(text: Text, s: S, to: Out, kind: Kind) -> Option<Out> {
    let s = text.until(Map::Separators, s);
    let end = to.0.wrapping_add(19);
    // SAFETY: a field of the text, and the converter made room.
    unsafe {
        if s.n == 19 && kind != Kind::Date {
            let (value, bad) = looked_at(text.at(s.o), &DATE_TIMES[14]);
            let (sign, offset) = (*text.at(s.o + 14), text.at(s.o + 15).cast::<u32>().read_unaligned());
            let d = offset ^ 0x3030_3030;
            let is_zone = (d | d.wrapping_add(0x0606_0606)) & 0xf0f0_f0f0 == 0 && matches!(sign, b'+' | b'-');
            if _mm_testz_si128(bad, bad) == 1 && is_zone {
                moved(value, to);
                *end = sign;
                end.add(1).cast::<u16>().write_unaligned(offset as u16);
                end.add(3).cast::<u32>().write_unaligned(b':' as u32 | (offset >> 16) << 8);
                return Some(Out(end.add(6)));
            }
        }
    }
    if kind == Kind::Second && s.n < 14 {
        return None;
    }
    let mut all = [0; 48];
    let n = plain(text.bytes(s), kind, &mut all)?;
    let mut to = to;
    to.wide(&all, n);
    Some(to)
}

/// The same byte by byte, for whatever may come.
fn plain(b: &[u8], kind: Kind, to: &mut [u8; 48]) -> Option<usize> {
    let c = b.iter().position(|b| !b.is_ascii_digit()).unwrap_or(b.len());
    let two = |at: usize| (b[at] - b'0') * 10 + b[at + 1] - b'0';
    if !matches!(c, 4 | 6 | 8 | 10 | 12 | 14) || &b[..4] == b"0000" {
        return None;
    }
    let year = u32::from(two(0)) * 100 + u32::from(two(2));
    let (month, day) = (if c >= 6 { two(4) } else { 1 }, if c >= 8 { two(6) } else { 1 });
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 => 28 + u8::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let is_past = |&(at, most): &(usize, u8)| c > at && two(at) > most;
    if day == 0 || day > days || [(8, 23), (10, 59), (12, 60)].iter().any(is_past) {
        return None;
    }
    if c == 14 && two(12) == 60 && two(10) != 59 {
        return None;
    }
    let (mut rest, mut fraction): (&[u8], &[u8]) = (&b[c..], &[]);
    if let Some(more) = rest.strip_prefix(b".") {
        let digits = more.iter().position(|b| !b.is_ascii_digit()).unwrap_or(more.len());
        if c != 14 || !(1..=9).contains(&digits) {
            return None;
        }
        (fraction, rest) = (&rest[..1 + digits], &more[digits..]);
    }
    let zone = match rest {
        [] => *b"+00:00",
        [sign @ (b'+' | b'-'), h, i, m, k] if rest[1..].iter().all(u8::is_ascii_digit) => [*sign, *h, *i, b':', *m, *k],
        _ => return None,
    };
    let mut n = 0;
    let mut put = |text: &[u8]| {
        to[n..n + text.len()].copy_from_slice(text);
        n += text.len();
    };
    put(&b[..4]);
    for at in (4..c.min(8)).step_by(2) {
        put(b"-");
        put(&b[at..at + 2]);
    }
    if kind != Kind::Date && c > 8 {
        for (at, mark) in [(8, b"T"), (10, b":"), (12, b":")] {
            put(mark);
            put(if c > at { &b[at..at + 2] } else { b"00" });
        }
        put(fraction);
        put(&zone);
    }
    (c > 8 || !matches!(kind, Kind::Instant | Kind::Second)).then_some(n)
}
