//! Ids of resources: those of a place are a hash of message, place and turn, of which only the turn changes, so most of
//! it is worked out once for a message.

use super::digest::{P1, P2, P4, avalanche, fold, secret};
use super::out::Out;
use core::arch::x86_64::*;

/// Where a map writes a resource: two halves of a hash.
#[derive(Clone, Copy, Default)]
pub struct Place {
    low: u64,
    high: u64,
}

/// What the ids of a place in a message are made of.
#[derive(Clone, Copy)]
pub struct Series {
    low: u64,
    high: u64,
    first: u64,
    second: u64,
    all: u64,
}

/// 16 bytes, as a UUID is written.
#[derive(Clone, Copy)]
pub struct Id(pub [u8; 16]);

/// How many bytes are hashed for an id: message, place, turn.
const NAME: u64 = 36;

impl Place {
    pub fn new(resource: &str, place: &str) -> Place {
        let hash = xxhash_rust::xxh3::xxh3_128(format!("{resource}\u{1f}{place}").as_bytes());
        Place { low: hash as u64, high: (hash >> 64) as u64 }
    }

    /// For a message, known by its digest.
    #[inline(always)]
    pub fn series(self, (low, high): (u64, u64)) -> Series {
        let (across, over) = (low >> 32 | high << 32, high >> 32 | self.low << 32);
        let one = NAME.wrapping_mul(P1).wrapping_add(fold(self.low ^ secret(32), self.high ^ secret(40)));
        let one = one ^ across.wrapping_add(over);
        let other = fold(across ^ secret(48), over ^ secret(56)) ^ self.low.wrapping_add(self.high);
        Series {
            low: one.wrapping_add(fold(low ^ secret(0), high ^ secret(8))),
            high: other,
            first: self.low >> 32 | self.high << 32,
            second: self.high >> 32,
            all: low.wrapping_add(high),
        }
    }
}

impl Series {
    /// A UUID of version 8.
    #[inline(always)]
    pub fn id(&self, turn: u32) -> Id {
        let second = self.second | u64::from(turn) << 32;
        let low = self.low ^ self.first.wrapping_add(second);
        let high = self.high.wrapping_add(fold(self.first ^ secret(16), second ^ secret(24))) ^ self.all;
        let end = avalanche(low.wrapping_add(high));
        let start = low.wrapping_mul(P1).wrapping_add(high.wrapping_mul(P4)).wrapping_add(NAME.wrapping_mul(P2));
        let start = avalanche(start).wrapping_neg() & !0xf000 | 0x8000;
        let end = end & !(0b11 << 62) | 0b10 << 62;
        Id((u128::from(start) << 64 | u128::from(end)).to_be_bytes())
    }
}

/// The 36 letters of the id.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn letters(out: &mut Out, id: Id) {
    // SAFETY: the converter made room, and an id has 16 bytes.
    unsafe {
        let v = _mm_loadu_si128(id.0.as_ptr().cast());
        let (hex, mask) = (_mm_loadu_si128(b"0123456789abcdef".as_ptr().cast()), _mm_set1_epi8(15));
        let (high, low) = (_mm_and_si128(_mm_srli_epi16::<4>(v), mask), _mm_and_si128(v, mask));
        let a = _mm_shuffle_epi8(hex, _mm_unpacklo_epi8(high, low));
        let b = _mm_shuffle_epi8(hex, _mm_unpackhi_epi8(high, low));
        let middle = _mm_alignr_epi8::<14>(b, a);
        let dash = b'-' as i8;
        let first = _mm_shuffle_epi8(a, _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -1, 8, 9, 10, 11, -1, 12, 13));
        let dashes = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, dash, 0, 0, 0, 0, dash, 0, 0);
        _mm_storeu_si128(out.0.cast(), _mm_or_si128(first, dashes));
        let second = _mm_shuffle_epi8(middle, _mm_setr_epi8(0, 1, -1, 2, 3, 4, 5, -1, 6, 7, 8, 9, 10, 11, 12, 13));
        let dashes = _mm_setr_epi8(0, 0, dash, 0, 0, 0, 0, dash, 0, 0, 0, 0, 0, 0, 0, 0);
        _mm_storeu_si128(out.0.add(16).cast(), _mm_or_si128(second, dashes));
        out.0.add(32).cast::<i32>().write_unaligned(_mm_extract_epi32::<3>(b));
    }
    out.skip(36);
}

#[cfg(test)]
mod tests {
    use super::super::digest::digest;
    use super::*;
    use emr_message::identity::{Digest, Origin};

    #[test]
    fn ids_are_those_of_all_others() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        let text: Vec<u8> = (0..5_000_u32).map(|at| (at * 7 % 251) as u8).collect();
        for n in [0, 1, 17, 129, 240, 241, 255, 256, 257, 1023, 1024, 1025, 1088, 1089, 2047, 2048, 2049, 3000, 5000] {
            let text = &text[..n];
            let place = Place::new("Patient", "a:1");
            for is_wide in [false, is_x86_feature_detected!("avx512f")] {
                // SAFETY: asked for above.
                let series = place.series(unsafe { digest(text, is_wide) });
                for turn in [1, 2, 3, 1000, u32::MAX] {
                    let expected = Origin::new("Patient", "a:1").id(Digest::of_joined(text), turn);
                    assert_eq!(&series.id(turn).0, expected.as_bytes(), "{n} {turn}");
                }
            }
        }
    }
}
