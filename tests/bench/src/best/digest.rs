//! XXH3 with 128 bits, of a whole message by vectors. See github.com/Cyan4973/xxHash, doc/xxhash_spec.md.

use core::arch::x86_64::*;
use xxhash_rust::xxh3::xxh3_128;

pub const P1: u64 = 0x9e37_79b1_85eb_ca87;
pub const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
pub const P4: u64 = 0x85eb_ca77_c2b2_ae63;
const P3: u64 = 0x1656_67b1_9e37_79f9;
const P5: u64 = 0x27d4_eb2f_1656_67c5;
const Q1: u64 = 0x9e37_79b1;
const Q2: u64 = 0x85eb_ca77;
const Q3: u64 = 0xc2b2_ae3d;
const STRIPE: usize = 64;
const STRIPES: usize = 16;
const BLOCK: usize = STRIPES * STRIPE;

pub static SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d,
    0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0,
    0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0,
    0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b,
    0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac,
    0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51,
    0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34,
    0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49,
    0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8,
    0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b,
    0x40, 0x7e,
];

#[inline(always)]
pub fn secret(at: usize) -> u64 {
    // SAFETY: all who ask stay inside.
    unsafe { SECRET.as_ptr().wrapping_add(at).cast::<u64>().read_unaligned() }
}

#[inline(always)]
pub fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

#[inline(always)]
pub fn avalanche(x: u64) -> u64 {
    let x = (x ^ x >> 37).wrapping_mul(0x1656_6791_9e37_79f9);
    x ^ x >> 32
}

const START: [u64; 8] = [Q3, P1, P2, P3, P4, Q2, P5, Q1];

/// The low and the high half; `is_wide` where there are vectors of a whole stripe.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn digest(text: &[u8], is_wide: bool) -> (u64, u64) {
    let n = text.len();
    if n <= 240 {
        let short = xxh3_128(text);
        return (short as u64, (short >> 64) as u64);
    }
    // SAFETY: the text is long enough, and only who asked the processor says that it is wide.
    let sums = unsafe { if is_wide { sums_512(text) } else { sums_256(text) } };
    let low = merge(&sums, 11, (n as u64).wrapping_mul(P1));
    (low, merge(&sums, 117, !(n as u64).wrapping_mul(P2)))
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn sums_256(text: &[u8]) -> [u64; 8] {
    let n = text.len();
    let (mut at, key) = (text.as_ptr(), SECRET.as_ptr());
    let mut sums = START;
    // SAFETY: all stripes lie in the text, and all keys in the secret.
    unsafe {
        let last = at.add(n - STRIPE);
        let mut a = _mm256_loadu_si256(sums.as_ptr().cast());
        let mut b = _mm256_loadu_si256(sums.as_ptr().add(4).cast());
        for _ in 0..(n - 1) / BLOCK {
            for stripe in 0..STRIPES {
                let k = key.add(8 * stripe);
                (a, b) = (accumulate(a, at, k), accumulate(b, at.add(32), k.add(32)));
                at = at.add(STRIPE);
            }
            (a, b) = (scramble(a, key.add(128)), scramble(b, key.add(160)));
        }
        for stripe in 0..(n - 1) % BLOCK / STRIPE {
            let k = key.add(8 * stripe);
            (a, b) = (accumulate(a, at, k), accumulate(b, at.add(32), k.add(32)));
            at = at.add(STRIPE);
        }
        let k = key.add(121);
        (a, b) = (accumulate(a, last, k), accumulate(b, last.add(32), k.add(32)));
        _mm256_storeu_si256(sums.as_mut_ptr().cast(), a);
        _mm256_storeu_si256(sums.as_mut_ptr().add(4).cast(), b);
    }
    sums
}

#[target_feature(enable = "avx512f,avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn sums_512(text: &[u8]) -> [u64; 8] {
    let n = text.len();
    let (mut at, key) = (text.as_ptr(), SECRET.as_ptr());
    let mut sums = START;
    // SAFETY: as above.
    unsafe {
        let last = at.add(n - STRIPE);
        let accumulate = |sum, at: *const u8, key: *const u8| {
            let v = _mm512_loadu_si512(at.cast());
            let mixed = _mm512_xor_si512(v, _mm512_loadu_si512(key.cast()));
            let product = _mm512_mul_epu32(mixed, _mm512_srli_epi64::<32>(mixed));
            _mm512_add_epi64(product, _mm512_add_epi64(sum, _mm512_shuffle_epi32::<0b01_00_11_10>(v)))
        };
        let mut all = _mm512_loadu_si512(sums.as_ptr().cast());
        let prime = _mm512_set1_epi64(Q1 as i64);
        for _ in 0..(n - 1) / BLOCK {
            for stripe in 0..STRIPES {
                all = accumulate(all, at, key.add(8 * stripe));
                at = at.add(STRIPE);
            }
            let mixed = _mm512_xor_si512(all, _mm512_srli_epi64::<47>(all));
            let mixed = _mm512_xor_si512(mixed, _mm512_loadu_si512(key.add(128).cast()));
            let high = _mm512_mul_epu32(_mm512_srli_epi64::<32>(mixed), prime);
            all = _mm512_add_epi64(_mm512_mul_epu32(mixed, prime), _mm512_slli_epi64::<32>(high));
        }
        for stripe in 0..(n - 1) % BLOCK / STRIPE {
            all = accumulate(all, at, key.add(8 * stripe));
            at = at.add(STRIPE);
        }
        all = accumulate(all, last, key.add(121));
        _mm512_storeu_si512(sums.as_mut_ptr().cast(), all);
    }
    sums
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn accumulate(sum: __m256i, text: *const u8, key: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let v = _mm256_loadu_si256(text.cast());
        let mixed = _mm256_xor_si256(v, _mm256_loadu_si256(key.cast()));
        let product = _mm256_mul_epu32(mixed, _mm256_srli_epi64::<32>(mixed));
        _mm256_add_epi64(product, _mm256_add_epi64(sum, _mm256_shuffle_epi32::<0b01_00_11_10>(v)))
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn scramble(sum: __m256i, key: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    let key = unsafe { _mm256_loadu_si256(key.cast()) };
    let mixed = _mm256_xor_si256(_mm256_xor_si256(sum, _mm256_srli_epi64::<47>(sum)), key);
    let prime = _mm256_set1_epi64x(Q1 as i64);
    let high = _mm256_mul_epu32(_mm256_srli_epi64::<32>(mixed), prime);
    _mm256_add_epi64(_mm256_mul_epu32(mixed, prime), _mm256_slli_epi64::<32>(high))
}

#[inline(always)]
fn merge(all: &[u64; 8], from: usize, start: u64) -> u64 {
    let pairs = (0..4).map(|k| fold(all[2 * k] ^ secret(from + 16 * k), all[2 * k + 1] ^ secret(from + 16 * k + 8)));
    avalanche(pairs.fold(start, u64::wrapping_add))
}
