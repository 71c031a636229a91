//! Four vectors of 16 bytes.
#![expect(unsafe_code, reason = "instructions that not every processor has")]

use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

use super::{Lanes, Work};

/// Exists only where [`Neon::found`] looked for the instructions that are used here.
#[derive(Clone, Copy)]
pub struct Neon(());

/// The bit of each byte in a half of its vector.
const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

impl Neon {
    pub fn found() -> Option<Neon> {
        is_aarch64_feature_detected!("neon").then_some(Neon(()))
    }

    pub fn run<W: Work>(self, work: W) -> W::Done {
        #[target_feature(enable = "neon")]
        fn inside<W: Work>(lanes: Neon, work: W) -> W::Done {
            work.run(lanes)
        }
        // SAFETY: there is a token, so the processor has these instructions.
        unsafe { inside(self, work) }
    }
}

impl Lanes for Neon {
    type Bytes = [uint8x16_t; 4];
    type Splat = uint8x16_t;
    /// The top bit of each byte.
    type Marks = Self::Bytes;

    #[inline(always)]
    fn load(self, from: &[u8; 64]) -> Self::Bytes {
        let from = from.as_ptr();
        // SAFETY: the four quarters of the 64 bytes are read; for the instructions see `found`.
        unsafe { [vld1q_u8(from), vld1q_u8(from.add(16)), vld1q_u8(from.add(32)), vld1q_u8(from.add(48))] }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> uint8x16_t {
        // SAFETY: see `found`.
        unsafe { vdupq_n_u8(byte) }
    }

    #[inline(always)]
    fn equal(self, [a, b, c, d]: Self::Bytes, splat: uint8x16_t) -> Self::Marks {
        // SAFETY: see `found`.
        unsafe { [vceqq_u8(a, splat), vceqq_u8(b, splat), vceqq_u8(c, splat), vceqq_u8(d, splat)] }
    }

    #[inline(always)]
    fn controls(self, [a, b, c, d]: Self::Bytes) -> Self::Marks {
        let blank = self.splat(b' ');
        // SAFETY: see `found`.
        unsafe { [vcltq_u8(a, blank), vcltq_u8(b, blank), vcltq_u8(c, blank), vcltq_u8(d, blank)] }
    }

    #[inline(always)]
    fn high(self, bytes: Self::Bytes) -> Self::Marks {
        bytes
    }

    #[inline(always)]
    fn or(self, [a, b, c, d]: Self::Marks, [e, f, g, h]: Self::Marks) -> Self::Marks {
        // SAFETY: see `found`.
        unsafe { [vorrq_u8(a, e), vorrq_u8(b, f), vorrq_u8(c, g), vorrq_u8(d, h)] }
    }

    #[inline(always)]
    fn mask(self, marks: Self::Marks) -> u64 {
        // SAFETY: see `found`; the load reads the 16 bytes of `BITS`.
        unsafe {
            let bits = vld1q_u8(BITS.as_ptr());
            // A marked byte gives its bit; neighbours are then added up three times, until eight bytes are one.
            let [a, b, c, d] = marks.map(|part| vandq_u8(vcltzq_s8(vreinterpretq_s8_u8(part)), bits));
            let sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
        }
    }

    #[inline(always)]
    fn none(self, [a, b, c, d]: Self::Marks) -> bool {
        // SAFETY: see `found`.
        unsafe { vmaxvq_u8(vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d))) < 0x80 }
    }
}
