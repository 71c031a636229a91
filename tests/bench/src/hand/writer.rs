//! JSON into one buffer: constants and texts, copied in whole vectors. Every item ends with a comma, and a close goes
//! over it.

use core::arch::x86_64::*;

/// A stretch of the text at hand. Without length it is absent.
#[derive(Clone, Copy)]
pub struct S {
    pub o: u32,
    pub n: u32,
}

pub const NONE: S = S { o: 0, n: 0 };

impl S {
    #[inline]
    pub fn some(self) -> bool {
        self.n > 0
    }

    #[inline]
    pub fn or(self, other: S) -> S {
        if self.n > 0 { self } else { other }
    }
}

pub struct Writer {
    room: Vec<u8>,
    pub p: *mut u8,
}

impl Writer {
    pub fn new() -> Writer {
        Writer { room: vec![0; 1 << 20], p: core::ptr::null_mut() }
    }

    /// Begins anew, with room for so many bytes. Everything that follows relies on it.
    #[inline]
    pub fn begin(&mut self, need: usize) {
        if need > self.room.len() {
            self.room = vec![0; need.next_power_of_two()];
        }
        self.p = self.room.as_mut_ptr();
    }

    pub fn out(&self) -> &[u8] {
        let n = self.p as usize - self.room.as_ptr() as usize;
        &self.room[..n]
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn lit<const N: usize>(&mut self, text: &[u8; N]) {
        // SAFETY: `begin` made room.
        unsafe {
            core::ptr::copy_nonoverlapping(text.as_ptr(), self.p, N);
            self.p = self.p.add(N);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn bytes(&mut self, text: &[u8]) {
        // SAFETY: `begin` made room, and each load stays inside the text.
        unsafe {
            let (n, s, d) = (text.len(), text.as_ptr(), self.p);
            if n > 64 {
                core::ptr::copy_nonoverlapping(s, d, n);
            } else if n >= 32 {
                let (a, b) = (_mm256_loadu_si256(s.cast()), _mm256_loadu_si256(s.add(n - 32).cast()));
                _mm256_storeu_si256(d.cast(), a);
                _mm256_storeu_si256(d.add(n - 32).cast(), b);
            } else if n >= 16 {
                let (a, b) = (_mm_loadu_si128(s.cast()), _mm_loadu_si128(s.add(n - 16).cast()));
                _mm_storeu_si128(d.cast(), a);
                _mm_storeu_si128(d.add(n - 16).cast(), b);
            } else if n >= 8 {
                let (a, b) = (s.cast::<u64>().read_unaligned(), s.add(n - 8).cast::<u64>().read_unaligned());
                d.cast::<u64>().write_unaligned(a);
                d.add(n - 8).cast::<u64>().write_unaligned(b);
            } else if n >= 4 {
                let (a, b) = (s.cast::<u32>().read_unaligned(), s.add(n - 4).cast::<u32>().read_unaligned());
                d.cast::<u32>().write_unaligned(a);
                d.add(n - 4).cast::<u32>().write_unaligned(b);
            } else {
                for i in 0..n {
                    *d.add(i) = *s.add(i);
                }
            }
            self.p = d.add(n);
        }
    }

    /// A constant in room of 64 bytes.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn fixed(&mut self, text: &[u8; 64], n: usize) {
        // SAFETY: `begin` made room.
        unsafe {
            core::ptr::copy_nonoverlapping(text.as_ptr(), self.p, 64);
            self.p = self.p.add(n);
        }
    }

    /// Text that is ready for JSON.
    ///
    /// # Safety
    /// 32 bytes behind it can be read.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub unsafe fn blind(&mut self, src: *const u8, n: usize) {
        // SAFETY: the caller's promise, and `begin` made room.
        unsafe {
            let mut i = 0;
            loop {
                _mm256_storeu_si256(self.p.add(i).cast(), _mm256_loadu_si256(src.add(i).cast()));
                i += 32;
                if i >= n {
                    break;
                }
            }
            self.p = self.p.add(n);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn byte(&mut self, b: u8) {
        // SAFETY: `begin` made room.
        unsafe {
            *self.p = b;
            self.p = self.p.add(1);
        }
    }

    /// The close, in place of the last comma if there is one.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn close(&mut self, c: u8) {
        // SAFETY: something was written before.
        unsafe {
            let comma = usize::from(*self.p.sub(1) == b',');
            *self.p.sub(comma) = c;
            self.p = self.p.add(1 - comma);
        }
    }

    /// Closes what was opened with text up to `inside`, or takes it back to `mark` if nothing was written there.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn shut(&mut self, mark: *mut u8, inside: *mut u8, c: u8) -> bool {
        if self.p == inside {
            self.p = mark;
            return false;
        }
        self.close(c);
        self.byte(b',');
        true
    }

    /// `urn:uuid:` and the id are 45 bytes.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn urn(&mut self, id: &[u8; 16]) {
        self.lit(b"urn:uuid:");
        // SAFETY: `begin` made room.
        unsafe {
            let hex = _mm_loadu_si128(b"0123456789abcdef".as_ptr().cast());
            let v = _mm_loadu_si128(id.as_ptr().cast());
            let mask = _mm_set1_epi8(15);
            let (high, low) = (_mm_and_si128(_mm_srli_epi16::<4>(v), mask), _mm_and_si128(v, mask));
            let a = _mm_shuffle_epi8(hex, _mm_unpacklo_epi8(high, low));
            let b = _mm_shuffle_epi8(hex, _mm_unpackhi_epi8(high, low));
            let d = self.p;
            d.cast::<u64>().write_unaligned(_mm_cvtsi128_si64(a) as u64);
            *d.add(8) = b'-';
            d.add(9).cast::<u32>().write_unaligned(_mm_extract_epi32::<2>(a) as u32);
            *d.add(13) = b'-';
            d.add(14).cast::<u32>().write_unaligned(_mm_extract_epi32::<3>(a) as u32);
            *d.add(18) = b'-';
            d.add(19).cast::<u32>().write_unaligned(_mm_cvtsi128_si32(b) as u32);
            *d.add(23) = b'-';
            d.add(24).cast::<u32>().write_unaligned(_mm_extract_epi32::<1>(b) as u32);
            d.add(28).cast::<u64>().write_unaligned(_mm_extract_epi64::<1>(b) as u64);
            self.p = d.add(36);
        }
    }
}
