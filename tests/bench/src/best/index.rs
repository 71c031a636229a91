//! One pass over a message: where its fields begin and end, bitmaps of the separators, its segments, and which fields
//! must be written anew because of escapes, quotes, nulls or blanks.

use super::text::{ARENA, MAP, MESSAGE_MAX, Map, PADDED, S, TEXT, TOKENS, Text};
use core::arch::x86_64::*;

#[derive(Clone, Copy, Default)]
pub struct Delimiters {
    pub field: u8,
    pub component: u8,
    pub repetition: u8,
    pub escape: u8,
    pub sub: u8,
}

impl Delimiters {
    pub fn any(&self, b: u8) -> bool {
        b == self.field || b == self.component || b == self.repetition || b == self.sub || b == b'\r'
    }
}

pub struct Index {
    arena: Box<[u8]>,
    pub delimiters: Delimiters,
    /// The token that is the name of each segment, and one more behind the last.
    segments: Vec<u32>,
    /// How many segments there are.
    pub count: usize,
    /// Tokens of fields to be written anew; with [`LOOSE`] if blanks stand at the edge of a value.
    pub odd: Vec<u32>,
    /// Separators in the text of the field at hand that an escape sequence brought in.
    pub quoted: Vec<usize>,
    /// Where the next field goes that is written anew.
    pub spare: usize,
}

pub const LOOSE: u32 = 1 << 31;
/// What is behind the end of a message in its last block: nothing that anybody looks for.
const FILLER: u8 = b'x';
/// How many bars are noted without a test.
const AT_ONCE: usize = 8;

pub const fn tag(name: &[u8; 3]) -> u32 {
    name[0] as u32 | (name[1] as u32) << 8 | (name[2] as u32) << 16
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn splat(b: u8) -> __m256i {
    _mm256_set1_epi8(b as i8)
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn bits(a: __m256i, b: __m256i) -> u64 {
    _mm256_movemask_epi8(a) as u32 as u64 | (_mm256_movemask_epi8(b) as u32 as u64) << 32
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn equal(a: __m256i, b: __m256i, to: __m256i) -> u64 {
    bits(_mm256_cmpeq_epi8(a, to), _mm256_cmpeq_epi8(b, to))
}

/// The bytes that JSON or HL7 escapes, and carriage returns.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn special(v: __m256i, quote: __m256i, backslash: __m256i, last: __m256i) -> __m256i {
    let marks = _mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, backslash));
    _mm256_or_si256(marks, _mm256_cmpeq_epi8(_mm256_min_epu8(v, last), v))
}

impl Index {
    pub fn new() -> Index {
        Index {
            arena: vec![0; ARENA].into_boxed_slice(),
            delimiters: Delimiters::default(),
            segments: vec![0; MESSAGE_MAX + 64],
            count: 0,
            odd: Vec::with_capacity(1 << 12),
            quoted: Vec::with_capacity(1 << 12),
            spare: 0,
        }
    }

    pub fn text(&mut self) -> Text {
        Text(self.arena.as_mut_ptr())
    }

    /// Finds everything. Nothing for what is no message or not UTF-8.
    ///
    /// # Safety
    /// 64 bytes behind the message can be read.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub unsafe fn scan(&mut self, msg: &[u8]) -> Option<Text> {
        let n = msg.len();
        if !(9..=MESSAGE_MAX).contains(&n) || &msg[..3] != b"MSH" {
            return None;
        }
        let sub = if msg[7] == msg[3] { b'&' } else { msg[7] };
        let d = Delimiters { field: msg[3], component: msg[4], repetition: msg[5], escape: msg[6], sub };
        self.delimiters = d;
        self.odd.clear();
        let text = self.text();
        let (bar, caret, tilde, amp) = (splat(d.field), splat(d.component), splat(d.repetition), splat(d.sub));
        let (cr, quote, backslash, last, blank) = (splat(b'\r'), splat(b'"'), splat(b'\\'), splat(0x1f), splat(b' '));
        let mut high = _mm256_setzero_si256();
        let mut segment = self.segments.as_mut_ptr();
        let mut tokens = text.0.wrapping_add(TOKENS + 4).cast::<u64>();
        let first = tokens;
        // Whether the byte before the block is a blank, or a delimiter.
        let (mut after_blank, mut after_delimiter) = (0, 0);
        // SAFETY: the caller's promise; the arena has room for text, maps and tokens of the longest message and a block
        // more, the segments for as many as it has bytes.
        unsafe {
            let tail = n & !63;
            let end = text.0.add(tail);
            end.cast::<[u8; 64]>().write_unaligned(msg.as_ptr().add(tail).cast::<[u8; 64]>().read_unaligned());
            text.0.add(n).cast::<[u8; 64]>().write_unaligned([FILLER; 64]);
            *text.0.add(n) = b'\r';
            text.0.add(TOKENS).cast::<u32>().write(0);
            *segment = 0;
            segment = segment.add(1);
            let mut i = 0;
            while i <= tail {
                let from = if i < tail { msg.as_ptr() } else { text.0.cast_const() }.add(i);
                let a = _mm256_loadu_si256(from.cast());
                let b = _mm256_loadu_si256(from.add(32).cast());
                _mm256_storeu_si256(text.0.add(i).cast(), a);
                _mm256_storeu_si256(text.0.add(i + 32).cast(), b);
                high = _mm256_or_si256(high, _mm256_or_si256(a, b));
                let returns = equal(a, b, cr);
                let bars = equal(a, b, bar) | returns;
                let (carets, tildes, amps) = (equal(a, b, caret), equal(a, b, tilde), equal(a, b, amp));
                let separators = carets | tildes | amps;
                let map = text.0.add(i / 8);
                map.add(Map::Carets as usize).cast::<u64>().write_unaligned(carets);
                map.add(Map::Tildes as usize).cast::<u64>().write_unaligned(tildes);
                map.add(Map::Amps as usize).cast::<u64>().write_unaligned(amps);
                map.add(Map::Separators as usize).cast::<u64>().write_unaligned(separators);
                let delimiters = separators | bars;
                let blanks = equal(a, b, blank);
                let beside = delimiters >> 1 | delimiters << 1 | after_delimiter;
                let loose = blanks & beside | delimiters & after_blank;
                (after_blank, after_delimiter) = (blanks >> 63, delimiters >> 63);
                let marks = bits(special(a, quote, backslash, last), special(b, quote, backslash, last)) & !returns;
                if marks | loose != 0 {
                    let before = tokens.offset_from(first) as u32;
                    note(&mut self.odd, before, bars, marks | loose, loose);
                }
                let mut ends = returns;
                while ends != 0 {
                    let upto = ends ^ ends.wrapping_sub(1);
                    let before = tokens.offset_from(first) as u32;
                    *segment = before + (bars & upto).count_ones();
                    segment = segment.add(1);
                    ends &= ends.wrapping_sub(1);
                }
                // The end of a field and the beginning of the next at once.
                let base = (i as u64) * 0x1_0000_0001 + (1 << 32);
                let stop = tokens.add(bars.count_ones() as usize);
                let mut m = bars;
                while tokens < stop {
                    for k in 0..AT_ONCE {
                        tokens.add(k).write(u64::from(m.trailing_zeros()) * 0x1_0000_0001 + base);
                        m &= m.wrapping_sub(1);
                    }
                    tokens = tokens.add(AT_ONCE);
                }
                tokens = stop;
                i += 64;
            }
            self.spare = i + 64;
            let count = segment.offset_from(self.segments.as_ptr()) as usize;
            debug_assert!(count <= self.segments.len());
            // The last one has no fields, but an end.
            *segment = tokens.offset_from(first) as u32;
            if d.escape != b'\\' {
                self.odd.clear();
                self.odd.extend(2..tokens.offset_from(first) as u32);
            }
            self.count = count;
        }
        if _mm256_movemask_epi8(high) != 0 && simdutf8::basic::from_utf8(msg).is_err() {
            return None;
        }
        // SAFETY: the fields of this message.
        unsafe { self.rewrite() }.then_some(text)
    }

    /// The token that is the name of the segment, or of a copy that has as many fields as are read.
    #[inline(always)]
    pub fn segment(&self, text: Text, number: usize, fields: usize) -> usize {
        // SAFETY: there are so many, and one more.
        let (token, next) = unsafe {
            (*self.segments.get_unchecked(number) as usize, *self.segments.get_unchecked(number + 1) as usize)
        };
        if next - token > fields { token } else { padded(text, token, next, fields) }
    }

    /// The first three letters of a segment.
    #[inline(always)]
    pub fn tag(&self, text: Text, number: usize) -> u32 {
        // SAFETY: there are so many.
        let token = unsafe { *self.segments.get_unchecked(number) as usize };
        text.word(text.field(token, 0).o) as u32 & 0xff_ffff
    }
}

/// The fields that such marks stand in.
#[inline(never)]
fn note(odd: &mut Vec<u32>, before: u32, bars: u64, mut marks: u64, loose: u64) {
    while marks != 0 {
        let below = !marks & marks.wrapping_sub(1);
        let token = before + (bars & below).count_ones();
        let behind = bars & !below;
        // From the mark to before the next bar; the mark itself if it is one.
        let field = !behind & behind.wrapping_sub(1) & !below | marks & marks.wrapping_neg();
        let flag = if loose & field != 0 { LOOSE } else { 0 };
        marks &= !field;
        match odd.last_mut() {
            Some(last) if *last & !LOOSE == token => *last |= flag,
            // MSH-2 has the escape character and is none.
            _ if token > 1 => odd.push(token | flag),
            _ => {}
        }
    }
}

/// The fields of a short segment, and empty ones behind.
#[inline(never)]
fn padded(text: Text, token: usize, next: usize, fields: usize) -> usize {
    let all = text.0.wrapping_add(TOKENS + 8 * PADDED).cast::<u64>();
    for k in 0..=fields {
        let S { o, n } = if token + k < next { text.field(token, k) } else { S { o: 0, n: 0 } };
        // SAFETY: room for the most fields that are read.
        unsafe { all.add(k).write_unaligned(o as u64 | (o as u64 + n as u64) << 32) };
    }
    PADDED
}

const _: () = assert!(MAP * 8 > TEXT);
