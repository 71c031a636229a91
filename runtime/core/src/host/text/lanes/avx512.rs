//! One vector of 64 bytes, whose comparisons give masks at once.
#![expect(unsafe_code, reason = "instructions that not every processor has")]

use std::arch::asm;
use std::arch::x86_64::*;

use emr_abi::Bar;

use super::{AT_ONCE, Lanes, Work, first};

/// Exists only where [`Avx512::found`] looked for the instructions that are used here.
#[derive(Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    pub fn found() -> Option<Avx512> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        has.then_some(Avx512(()))
    }

    pub fn run<W: Work>(self, work: W) -> W::Done {
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt")]
        fn inside<W: Work>(lanes: Avx512, work: W) -> W::Done {
            work.run(lanes)
        }
        // SAFETY: there is a token, so the processor has these instructions.
        unsafe { inside(self, work) }
    }
}

impl Lanes for Avx512 {
    type Bytes = __m512i;
    type Splat = __m512i;
    type Marks = u64;

    #[inline(always)]
    fn load(self, from: &[u8; 64]) -> __m512i {
        // SAFETY: the 64 bytes are read, at any alignment; for the instructions see `found`.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> __m512i {
        // SAFETY: see `found`.
        unsafe { _mm512_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    fn equal(self, bytes: __m512i, splat: __m512i) -> u64 {
        // SAFETY: see `found`.
        unsafe { _mm512_cmpeq_epi8_mask(bytes, splat) }
    }

    #[inline(always)]
    fn controls(self, bytes: __m512i) -> u64 {
        // SAFETY: see `found`.
        unsafe { _mm512_cmplt_epu8_mask(bytes, self.splat(b' ')) }
    }

    #[inline(always)]
    fn high(self, bytes: __m512i) -> u64 {
        // SAFETY: see `found`.
        unsafe { _mm512_movepi8_mask(bytes) }
    }

    #[inline(always)]
    fn or(self, left: u64, right: u64) -> u64 {
        left | right
    }

    #[inline(always)]
    fn mask(self, mut marks: u64) -> u64 {
        // As in AVX2: what is done with masks shall not be done with vectors.
        // SAFETY: no instruction at all.
        unsafe { asm!("/* {0} */", inout(reg) marks, options(pure, nomem, nostack, preserves_flags)) };
        marks
    }

    #[inline(always)]
    fn none(self, marks: u64) -> bool {
        marks == 0
    }
    #[inline(always)]
    fn ask(self, at: *const u8) {
        // SAFETY: see `found`; nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn note(self, bars: u64, base: usize, to: &mut [Bar]) {
        let mut left = bars.count_ones() as usize;
        // SAFETY: see `found`; sixteen bars are two vectors.
        unsafe {
            let base = _mm512_set1_epi64(first(base).cast_signed());
            let mut places = _mm512_maskz_compress_epi8(bars, _mm512_loadu_si512(PLACES.as_ptr().cast()));
            for to in to.as_chunks_mut::<AT_ONCE>().0 {
                let sixteen = _mm512_castsi512_si128(places);
                let halves = to.as_chunks_mut::<8>().0.iter_mut();
                for (eight, to) in [sixteen, _mm_unpackhi_epi64(sixteen, sixteen)].into_iter().zip(halves) {
                    let ends = _mm512_cvtepu8_epi64(eight);
                    let both = _mm512_or_si512(ends, _mm512_slli_epi64::<32>(ends));
                    _mm512_storeu_si512(to.as_mut_ptr().cast(), _mm512_add_epi64(both, base));
                }
                if left <= AT_ONCE {
                    break;
                }
                left -= AT_ONCE;
                places = _mm512_alignr_epi32::<4>(places, places);
            }
        }
    }
}

/// The number of each byte in a block.
const PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let (mut rest, mut place) = (places.as_mut_slice(), 0);
    while let [first, behind @ ..] = rest {
        *first = place;
        (rest, place) = (behind, place + 1);
    }
    places
};
