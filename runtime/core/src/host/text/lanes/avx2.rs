//! Two vectors of 32 bytes, and the bit operations that came with them.
#![expect(unsafe_code, reason = "instructions that not every processor has")]

use std::arch::asm;
use std::arch::x86_64::*;

use emr_abi::Bar;

use super::{Lanes, Work, note};

/// Exists only where [`Avx2::found`] looked for the instructions that are used here.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    pub fn found() -> Option<Avx2> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        has.then_some(Avx2(()))
    }

    pub fn run<W: Work>(self, work: W) -> W::Done {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn inside<W: Work>(lanes: Avx2, work: W) -> W::Done {
            work.run(lanes)
        }
        // SAFETY: there is a token, so the processor has these instructions.
        unsafe { inside(self, work) }
    }
}

impl Lanes for Avx2 {
    type Bytes = (__m256i, __m256i);
    type Splat = __m256i;
    /// The top bit of each byte.
    type Marks = Self::Bytes;

    #[inline(always)]
    fn load(self, from: &[u8; 64]) -> Self::Bytes {
        let from = from.as_ptr().cast::<__m256i>();
        // SAFETY: both halves of the 64 bytes are read, at any alignment; for the instructions see `found`.
        unsafe { (_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))) }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> __m256i {
        // SAFETY: see `found`.
        unsafe { _mm256_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    fn equal(self, bytes: Self::Bytes, splat: __m256i) -> Self::Marks {
        // SAFETY: see `found`.
        unsafe { (_mm256_cmpeq_epi8(bytes.0, splat), _mm256_cmpeq_epi8(bytes.1, splat)) }
    }

    #[inline(always)]
    fn controls(self, bytes: Self::Bytes) -> Self::Marks {
        let last = self.splat(b' ' - 1);
        let below = |half: __m256i| {
            // SAFETY: see `found`.
            unsafe { _mm256_cmpeq_epi8(_mm256_min_epu8(half, last), half) }
        };
        (below(bytes.0), below(bytes.1))
    }

    #[inline(always)]
    fn high(self, bytes: Self::Bytes) -> Self::Marks {
        bytes
    }

    #[inline(always)]
    fn or(self, left: Self::Marks, right: Self::Marks) -> Self::Marks {
        // SAFETY: see `found`.
        unsafe { (_mm256_or_si256(left.0, right.0), _mm256_or_si256(left.1, right.1)) }
    }

    #[inline(always)]
    fn mask(self, marks: Self::Marks) -> u64 {
        // SAFETY: see `found`.
        let (low, high) = unsafe { (_mm256_movemask_epi8(marks.0), _mm256_movemask_epi8(marks.1)) };
        let mut mask = u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32;
        // The compiler knows where these bits come from and moves what is done with masks over to vectors of bytes, where
        // a shift is taken apart bit by bit: ten times slower. Here it forgets.
        // SAFETY: no instruction at all.
        unsafe { asm!("/* {0} */", inout(reg) mask, options(pure, nomem, nostack, preserves_flags)) };
        mask
    }

    #[inline(always)]
    fn none(self, marks: Self::Marks) -> bool {
        let tops = self.splat(0x80);
        // SAFETY: see `found`.
        unsafe { _mm256_testz_si256(_mm256_or_si256(marks.0, marks.1), tops) == 1 }
    }
    #[inline(always)]
    fn ask(self, at: *const u8) {
        // SAFETY: see `found`; nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn note(self, bars: u64, base: usize, to: &mut [Bar]) {
        note(bars, base, to, |mut both| {
            // Or the compiler puts four of them together in a vector, piece by piece.
            // SAFETY: no instruction at all.
            unsafe { asm!("/* {0} */", inout(reg) both, options(pure, nomem, nostack, preserves_flags)) };
            both
        });
    }
}
