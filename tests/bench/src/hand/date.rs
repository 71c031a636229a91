//! HL7's DTM as FHIR's date and dateTime, digits moved by vectors. Times without an offset are UTC.

use core::arch::x86_64::*;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Date,
    DateTime,
    /// A dateTime with a time.
    Instant,
}

/// Writes the date; gives where it ends, nothing if it is none.
///
/// # Safety
/// 16 bytes from the beginning of the text can be read and 48 from `to` written.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub unsafe fn write(to: *mut u8, b: &[u8], kind: Kind) -> Option<*mut u8> {
    // SAFETY: the caller's promise.
    unsafe {
        let n = b.len();
        let v = _mm_loadu_si128(b.as_ptr().cast());
        let zero = _mm_set1_epi8(b'0' as i8);
        let d = _mm_sub_epi8(v, zero);
        let digits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d)) as u32;
        let c = ((!digits).trailing_zeros() as usize).min(n);
        if !(8..=14).contains(&c) || c & 1 == 1 || kind == Kind::Instant && c == 8 {
            return slow(to, b, kind);
        }
        // Digits past the last count as 0.
        static KEEP: [u8; 32] = {
            let mut keep = [0; 32];
            let mut at = 0;
            while at < 16 {
                keep[at] = 0xff;
                at += 1;
            }
            keep
        };
        let d = _mm_and_si128(d, _mm_loadu_si128(KEEP.as_ptr().add(16 - c).cast()));
        let pairs = _mm_maddubs_epi16(d, _mm_setr_epi8(10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 0, 0));
        // Days after the 28th are looked at closer.
        let (least, most) = (_mm_setr_epi16(0, 0, 1, 1, 0, 0, 0, 0), _mm_setr_epi16(99, 99, 12, 28, 23, 59, 59, 0));
        if _mm_movemask_epi8(_mm_or_si128(_mm_cmplt_epi16(pairs, least), _mm_cmpgt_epi16(pairs, most))) != 0 {
            return slow(to, b, kind);
        }
        if c != n && !(n == c + 5 && c > 8) {
            return slow(to, b, kind);
        }
        let v = _mm_add_epi8(d, zero);
        let x = _mm_shuffle_epi8(v, _mm_setr_epi8(0, 1, 2, 3, -1, 4, 5, -1, 6, 7, -1, 8, 9, -1, 10, 11));
        let marks = _mm_setr_epi8(0, 0, 0, 0, b'-' as i8, 0, 0, b'-' as i8, 0, 0, b'T' as i8, 0, 0, b':' as i8, 0, 0);
        _mm_storeu_si128(to.cast(), _mm_or_si128(x, marks));
        if kind == Kind::Date && n == c || c == 8 {
            return Some(to.add(10));
        }
        let seconds = _mm_extract_epi16::<6>(v) as u32;
        to.add(16).cast::<u32>().write_unaligned(b':' as u32 | seconds << 8);
        if n == c {
            to.add(19).cast::<u64>().write_unaligned(u64::from_le_bytes(*b"+00:00\0\0"));
            return Some(to.add(25));
        }
        let w = b.as_ptr().add(c + 1).cast::<u32>().read_unaligned();
        let d = w ^ 0x3030_3030;
        if !matches!(b[c], b'+' | b'-') || (d | d.wrapping_add(0x0606_0606)) & 0xf0f0_f0f0 != 0 || kind == Kind::Date {
            return slow(to, b, kind);
        }
        *to.add(19) = b[c];
        to.add(20).cast::<u16>().write_unaligned(w as u16);
        to.add(22).cast::<u32>().write_unaligned(b':' as u32 | (w >> 16) << 8);
        Some(to.add(25))
    }
}

/// What is shorter, has a fraction, or is wrong.
#[inline(never)]
unsafe fn slow(to: *mut u8, b: &[u8], kind: Kind) -> Option<*mut u8> {
    let mut out = [0u8; 48];
    let n = plain(b, kind, &mut out)?;
    // SAFETY: the caller's promise.
    unsafe {
        to.copy_from_nonoverlapping(out.as_ptr(), n);
        Some(to.add(n))
    }
}

fn plain(b: &[u8], kind: Kind, o: &mut [u8; 48]) -> Option<usize> {
    let c = b.iter().position(|b| !b.is_ascii_digit()).unwrap_or(b.len());
    let two = |at: usize| (b[at] - b'0') * 10 + b[at + 1] - b'0';
    if !matches!(c, 4 | 6 | 8 | 10 | 12 | 14) || &b[..4] == b"0000" {
        return None;
    }
    let year = two(0) as u32 * 100 + two(2) as u32;
    let (month, day) = (if c >= 6 { two(4) } else { 1 }, if c >= 8 { two(6) } else { 1 });
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    for (at, most) in [(8, 23), (10, 59), (12, 60)] {
        if c > at && two(at) > most {
            return None;
        }
    }
    if c == 14 && two(12) == 60 && two(10) != 59 {
        return None;
    }
    let mut rest = &b[c..];
    let mut fraction: &[u8] = &[];
    if let Some(more) = rest.strip_prefix(b".") {
        let digits = more.iter().position(|b| !b.is_ascii_digit()).unwrap_or(more.len());
        if c != 14 || !(1..=9).contains(&digits) {
            return None;
        }
        (fraction, rest) = (&rest[..1 + digits], &more[digits..]);
    }
    let zone: [u8; 6] = match rest {
        [] => *b"+00:00",
        [sign @ (b'+' | b'-'), h, i, m, k] if rest[1..].iter().all(u8::is_ascii_digit) => [*sign, *h, *i, b':', *m, *k],
        _ => return None,
    };
    o[..4].copy_from_slice(&b[..4]);
    if c == 4 {
        return (kind != Kind::Instant).then_some(4);
    }
    o[4] = b'-';
    o[5..7].copy_from_slice(&b[4..6]);
    if c == 6 {
        return (kind != Kind::Instant).then_some(7);
    }
    o[7] = b'-';
    o[8..10].copy_from_slice(&b[6..8]);
    if kind == Kind::Date || c == 8 {
        return (kind != Kind::Instant).then_some(10);
    }
    o[10..19].copy_from_slice(b"T00:00:00");
    for at in (8..c).step_by(2) {
        let to = 11 + (at - 8) / 2 * 3;
        o[to..to + 2].copy_from_slice(&b[at..at + 2]);
    }
    let k = 19 + fraction.len();
    o[19..k].copy_from_slice(fraction);
    o[k..k + 6].copy_from_slice(&zone);
    Some(k + 6)
}
