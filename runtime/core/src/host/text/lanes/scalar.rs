//! Eight words of eight bytes, for any machine.

use super::Lanes;

#[derive(Clone, Copy)]
pub struct Scalar;

const TOPS: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

impl Lanes for Scalar {
    type Bytes = [u64; 8];
    type Splat = u64;
    /// The top bit of each byte.
    type Marks = [u64; 8];

    #[inline(always)]
    fn load(self, from: &[u8; 64]) -> [u64; 8] {
        let (words, _) = from.as_chunks::<8>();
        let mut bytes = [0; 8];
        for (to, &word) in bytes.iter_mut().zip(words) {
            *to = u64::from_le_bytes(word);
        }
        bytes
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> u64 {
        u64::from(byte).wrapping_mul(ONES)
    }

    #[inline(always)]
    fn equal(self, bytes: [u64; 8], splat: u64) -> [u64; 8] {
        bytes.map(|word| zeros(word ^ splat))
    }

    #[inline(always)]
    fn controls(self, bytes: [u64; 8]) -> [u64; 8] {
        bytes.map(|word| zeros(word & (0xe0 * ONES)))
    }

    #[inline(always)]
    fn high(self, bytes: [u64; 8]) -> [u64; 8] {
        bytes
    }

    #[inline(always)]
    fn or(self, mut left: [u64; 8], right: [u64; 8]) -> [u64; 8] {
        for (left, right) in left.iter_mut().zip(right) {
            *left |= right;
        }
        left
    }

    #[inline(always)]
    fn mask(self, marks: [u64; 8]) -> u64 {
        // The top bits of a word are brought together at its top by one multiplication: bit 8i moves to bit 56 + i.
        let together = |word: u64| ((word & TOPS) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        marks.iter().rev().fold(0, |mask, &word| mask << 8 | together(word))
    }

    #[inline(always)]
    fn none(self, marks: [u64; 8]) -> bool {
        marks.iter().fold(0, |all, word| all | word) & TOPS == 0
    }
}

/// Marks the bytes that are zero, without a carry from one byte to the next.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    !((word & !TOPS).wrapping_add(!TOPS) | word) & TOPS
}
