//! Ids as they stand in JSON. What is written to memory piece by piece is slow to read back in one, so an id goes from its
//! digits to each place where it is wanted.

use emr_abi::REFERENCE;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The digits of an id without its hyphens.
#[derive(Clone, Copy)]
pub struct Digits([u8; 32]);

/// How long an id is.
pub const LENGTH: usize = Hyphenated::LENGTH;

const BEFORE_REFERENCE: &[u8; 23] = b"{\"reference\":\"urn:uuid:";
/// Where the id stands in a reference.
pub const IN_REFERENCE: std::ops::Range<usize> = BEFORE_REFERENCE.len()..REFERENCE - 2;

const BEFORE_RESOURCE: &[u8; 21] = b"{\"fullUrl\":\"urn:uuid:";
const AFTER_URL: &[u8; 13] = b"\",\"resource\":";
/// How long that is which stands before the resource of an entry.
pub const OPEN: usize = BEFORE_RESOURCE.len() + LENGTH + AFTER_URL.len();

impl Digits {
    pub fn of(id: Uuid) -> Digits {
        Digits(digits(*id.as_bytes()))
    }

    /// Writes the id.
    #[inline(always)]
    pub fn write(&self, to: &mut [u8; LENGTH]) {
        let from = &self.0;
        to[..8].copy_from_slice(&from[..8]);
        to[8] = b'-';
        to[9..13].copy_from_slice(&from[8..12]);
        to[13] = b'-';
        to[14..18].copy_from_slice(&from[12..16]);
        to[18] = b'-';
        to[19..23].copy_from_slice(&from[16..20]);
        to[23] = b'-';
        to[24..28].copy_from_slice(&from[20..24]);
        to[28..].copy_from_slice(&from[24..]);
    }

    /// As [`emr_abi::Context::references`] has it.
    #[inline(always)]
    pub fn refer(&self, to: &mut [u8; 64]) {
        *to = REFERENCE_TO_NONE;
        let (_, rest) = to.split_at_mut(IN_REFERENCE.start);
        if let Some(id) = rest.first_chunk_mut() {
            self.write(id);
        }
    }

    /// `{"fullUrl":"urn:uuid:…","resource":`
    #[inline(always)]
    pub fn open(&self, to: &mut [u8; OPEN]) {
        const URL: usize = BEFORE_RESOURCE.len();
        to[..URL].copy_from_slice(BEFORE_RESOURCE);
        to[URL + LENGTH..].copy_from_slice(AFTER_URL);
        let (_, rest) = to.split_at_mut(URL);
        if let Some(id) = rest.first_chunk_mut() {
            self.write(id);
        }
    }
}

/// What is the same in all references, as they stand in a table of them.
const REFERENCE_TO_NONE: [u8; 64] = {
    let mut out = [0; 64];
    let (before, _) = out.split_at_mut(IN_REFERENCE.start);
    before.copy_from_slice(BEFORE_REFERENCE);
    (out[IN_REFERENCE.end], out[IN_REFERENCE.end + 1]) = (b'"', b'}');
    out
};

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn digits(bytes: [u8; 16]) -> [u8; 32] {
    use std::arch::x86_64::*;
    // SAFETY: the architecture has these instructions, and both vectors together are as long as the digits.
    unsafe {
        let (bytes, half) = (_mm_loadu_si128(bytes.as_ptr().cast()), _mm_set1_epi8(15));
        let upper = _mm_and_si128(_mm_srli_epi16::<4>(bytes), half);
        let lower = _mm_and_si128(bytes, half);
        let both = [_mm_unpacklo_epi8(upper, lower), _mm_unpackhi_epi8(upper, lower)].map(|numbers| {
            let is_letter = _mm_cmpgt_epi8(numbers, _mm_set1_epi8(9));
            let more = _mm_and_si128(is_letter, _mm_set1_epi8((b'a' - b'0' - 10).cast_signed()));
            _mm_add_epi8(_mm_add_epi8(numbers, _mm_set1_epi8(b'0'.cast_signed())), more)
        });
        std::mem::transmute::<[__m128i; 2], [u8; 32]>(both)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn digits(bytes: [u8; 16]) -> [u8; 32] {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let mut out = [0; 32];
    for (to, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *to = [byte >> 4, byte & 15].map(|digit| HEX.get(usize::from(digit)).copied().unwrap_or(b'0'));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_is_spelled_as_its_crate_does(id: u128) {
            let id = Uuid::from_u128(id);
            let (mut reference, mut open) = ([0; 64], [0; OPEN]);
            Digits::of(id).refer(&mut reference);
            Digits::of(id).open(&mut open);
            prop_assert_eq!(
                std::str::from_utf8(&reference[..REFERENCE]).unwrap(),
                format!("{{\"reference\":\"urn:uuid:{id}\"}}"),
            );
            prop_assert_eq!(
                std::str::from_utf8(&open).unwrap(),
                format!("{{\"fullUrl\":\"urn:uuid:{id}\",\"resource\":"),
            );
        }
    }
}
