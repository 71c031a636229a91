//! One pass over a message: where its fields begin and end, bitmaps of the separators, its segments, and which fields
//! must be written anew because of escapes, quotes, nulls or blanks.

use super::rewrite::{USUAL, Usual};
use super::text::{ARENA, MAP, MESSAGE_MAX, Map, PADDED, S, TEXT, TOKENS, Text};
use core::arch::x86_64::*;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
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
    /// Whether the processor has vectors of a whole block.
    pub is_wide: bool,
    pub delimiters: Delimiters,
    /// The token that is the name of each segment, and one more behind the last.
    segments: Vec<u32>,
    /// How many segments there are.
    pub count: usize,
    /// Tokens of fields to be written anew; with [`LOOSE`] if blanks stand at the edge of a value.
    pub odd: Vec<u32>,
    pub usual: [Usual; USUAL],
    /// Separators in the text of the field at hand that an escape sequence brought in.
    pub quoted: Vec<usize>,
    /// Where the next field goes that is written anew.
    pub spare: usize,
}

pub const LOOSE: u32 = 1 << 31;
/// What is behind the end of a message in its last block: nothing that anybody looks for.
const FILLER: u8 = b'x';
/// How far ahead memory is asked for.
const AHEAD: usize = 1024;
/// How many bars are noted without a test.
const AT_ONCE: usize = 8;

pub const fn tag(name: &[u8; 3]) -> u32 {
    name[0] as u32 | (name[1] as u32) << 8 | (name[2] as u32) << 16
}

/// The number of each byte in a block.
static PLACES: [u8; 64] = {
    let mut all = [0; 64];
    let mut at = 0;
    while at < all.len() {
        all[at] = at as u8;
        at += 1;
    }
    all
};
/// A place times this is the place in both halves.
const BOTH: u64 = 0x1_0000_0001;

/// What stands where in a block.
struct Found {
    returns: u64,
    /// And returns: whatever ends a field.
    bars: u64,
    carets: u64,
    tildes: u64,
    amps: u64,
    blanks: u64,
    /// Quotes, escapes and controls.
    marks: u64,
}

/// Where a pass over blocks stands.
struct Pass {
    text: Text,
    segment: *mut u32,
    token: u32,
    /// Whether the byte before the block is a blank, or a delimiter.
    after_blank: u64,
    after_delimiter: u64,
}

impl Pass {
    #[inline(always)]
    fn new(index: &mut Index, text: Text) -> Pass {
        let segment = index.segments.as_mut_ptr();
        // SAFETY: there is room for as many as the message has bytes, and more.
        unsafe {
            text.0.add(TOKENS).cast::<u32>().write(0);
            *segment = 0;
            Pass { text, segment: segment.add(1), token: 0, after_blank: 0, after_delimiter: 0 }
        }
    }

    /// Where the next token goes.
    #[inline(always)]
    fn tokens(&self) -> *mut u64 {
        self.text.0.wrapping_add(TOKENS + 4 + 8 * self.token as usize).cast()
    }

    /// Bitmaps, odd fields and segments of a block.
    #[inline(always)]
    fn block(&mut self, index: &mut Index, i: usize, found: &Found) {
        let &Found { returns, bars, carets, tildes, amps, blanks, marks } = found;
        let separators = carets | tildes | amps;
        let map = self.text.0.wrapping_add(i / 8);
        // SAFETY: the maps are as long as the text, and there is room for as many segments as the message has bytes.
        unsafe {
            map.add(Map::Carets as usize).cast::<u64>().write_unaligned(carets);
            map.add(Map::Tildes as usize).cast::<u64>().write_unaligned(tildes);
            map.add(Map::Amps as usize).cast::<u64>().write_unaligned(amps);
            map.add(Map::Separators as usize).cast::<u64>().write_unaligned(separators);
            let delimiters = separators | bars;
            let beside = delimiters >> 1 | delimiters << 1 | self.after_delimiter;
            let loose = blanks & beside | delimiters & self.after_blank;
            (self.after_blank, self.after_delimiter) = (blanks >> 63, delimiters >> 63);
            let marks = marks & !returns | loose;
            if marks != 0 {
                note(&mut index.odd, self.token, bars, marks, loose);
            }
            let mut ends = returns;
            while ends != 0 {
                let upto = ends ^ ends.wrapping_sub(1);
                *self.segment = self.token + (bars & upto).count_ones();
                self.segment = self.segment.add(1);
                ends &= ends.wrapping_sub(1);
            }
        }
    }

    /// The last segment has no fields, but an end.
    #[inline(always)]
    fn end(self, index: &mut Index) {
        // SAFETY: as above.
        unsafe {
            index.count = self.segment.offset_from(index.segments.as_ptr()) as usize;
            *self.segment = self.token;
        }
    }
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
            is_wide: is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vbmi2"),
            delimiters: Delimiters::default(),
            segments: vec![0; MESSAGE_MAX + 64],
            count: 0,
            odd: Vec::with_capacity(1 << 12),
            usual: [Usual::default(); USUAL],
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
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub unsafe fn scan(&mut self, msg: &[u8]) -> Option<Text> {
        let n = msg.len();
        if !(9..=MESSAGE_MAX).contains(&n) || &msg[..3] != b"MSH" {
            return None;
        }
        let sub = if msg[7] == msg[3] { b'&' } else { msg[7] };
        let d = Delimiters { field: msg[3], component: msg[4], repetition: msg[5], escape: msg[6], sub };
        if self.delimiters != d {
            self.delimiters = d;
            self.learn();
        }
        self.odd.clear();
        let text = self.text();
        let tail = n & !63;
        // SAFETY: the caller's promise; the arena has room for the longest message and a block more.
        unsafe {
            let end = text.0.add(tail);
            end.cast::<[u8; 64]>().write_unaligned(msg.as_ptr().add(tail).cast::<[u8; 64]>().read_unaligned());
            text.0.add(n).cast::<[u8; 64]>().write_unaligned([FILLER; 64]);
            *text.0.add(n) = b'\r';
            let is_ascii = if self.is_wide {
                self.blocks_512(msg.as_ptr(), tail, text)
            } else {
                self.blocks_256(msg.as_ptr(), tail, text)
            };
            self.spare = tail + 128;
            if self.delimiters.escape != b'\\' {
                self.odd.clear();
                self.odd.extend(2..self.segments[self.count]);
            }
            if !is_ascii && simdutf8::basic::from_utf8(msg).is_err() {
                return None;
            }
            self.rewrite().then_some(text)
        }
    }

    /// All blocks by two vectors each. Whether all of it is ASCII.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn blocks_256(&mut self, msg: *const u8, tail: usize, text: Text) -> bool {
        let d = self.delimiters;
        let (bar, caret, tilde, amp) = (splat(d.field), splat(d.component), splat(d.repetition), splat(d.sub));
        let (cr, quote, backslash, last, blank) = (splat(b'\r'), splat(b'"'), splat(b'\\'), splat(0x1f), splat(b' '));
        let mut pass = Pass::new(self, text);
        let (mut high, mut i) = (0, 0);
        while i <= tail {
            let from = if i < tail { msg } else { text.0.cast_const() };
            // SAFETY: as where it is called.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(i + AHEAD).cast());
                let a = _mm256_loadu_si256(from.add(i).cast());
                let b = _mm256_loadu_si256(from.add(i + 32).cast());
                _mm256_storeu_si256(text.0.add(i).cast(), a);
                _mm256_storeu_si256(text.0.add(i + 32).cast(), b);
                high |= _mm256_movemask_epi8(_mm256_or_si256(a, b));
                let returns = equal(a, b, cr);
                let found = Found {
                    returns,
                    bars: equal(a, b, bar) | returns,
                    carets: equal(a, b, caret),
                    tildes: equal(a, b, tilde),
                    amps: equal(a, b, amp),
                    blanks: equal(a, b, blank),
                    marks: bits(special(a, quote, backslash, last), special(b, quote, backslash, last)),
                };
                pass.block(self, i, &found);
                // The end of a field and the beginning of the next at once.
                let base = (i as u64) * BOTH + (1 << 32);
                let (mut to, mut m) = (pass.tokens(), found.bars);
                pass.token += found.bars.count_ones();
                while m != 0 {
                    for k in 0..AT_ONCE {
                        to.add(k).write(u64::from(m.trailing_zeros()) * BOTH + base);
                        m &= m.wrapping_sub(1);
                    }
                    to = to.add(AT_ONCE);
                }
            }
            i += 64;
        }
        pass.end(self);
        high == 0
    }

    /// The same by one vector each, where bitmaps come without detours and places of bars in one instruction.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn blocks_512(&mut self, msg: *const u8, tail: usize, text: Text) -> bool {
        let d = self.delimiters;
        let wide = |b: u8| _mm512_set1_epi8(b as i8);
        let (bar, caret, tilde, amp) = (wide(d.field), wide(d.component), wide(d.repetition), wide(d.sub));
        let (cr, quote, backslash, blank) = (wide(b'\r'), wide(b'"'), wide(b'\\'), wide(b' '));
        let mut pass = Pass::new(self, text);
        let (mut high, mut i) = (0, 0);
        // SAFETY: as where it is called.
        unsafe {
            let places = _mm512_loadu_si512(PLACES.as_ptr().cast());
            while i <= tail {
                let from = if i < tail { msg } else { text.0.cast_const() };
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(i + AHEAD).cast());
                let v = _mm512_loadu_si512(from.add(i).cast());
                _mm512_storeu_si512(text.0.add(i).cast(), v);
                high |= _mm512_movepi8_mask(v);
                let returns = _mm512_cmpeq_epi8_mask(v, cr);
                let marks = _mm512_cmpeq_epi8_mask(v, quote) | _mm512_cmpeq_epi8_mask(v, backslash);
                let found = Found {
                    returns,
                    bars: _mm512_cmpeq_epi8_mask(v, bar) | returns,
                    carets: _mm512_cmpeq_epi8_mask(v, caret),
                    tildes: _mm512_cmpeq_epi8_mask(v, tilde),
                    amps: _mm512_cmpeq_epi8_mask(v, amp),
                    blanks: _mm512_cmpeq_epi8_mask(v, blank),
                    marks: marks | _mm512_cmplt_epu8_mask(v, blank),
                };
                pass.block(self, i, &found);
                let base = _mm512_set1_epi64(((i as u64) * BOTH + (1 << 32)) as i64);
                let mut to = pass.tokens();
                let mut bars = _mm512_maskz_compress_epi8(found.bars, places);
                let count = found.bars.count_ones();
                pass.token += count;
                let mut left = count as i32;
                loop {
                    let eight = _mm512_castsi512_si128(bars);
                    for eight in [eight, _mm_srli_si128::<8>(eight)] {
                        let one = _mm512_cvtepu8_epi64(eight);
                        let both = _mm512_or_si512(one, _mm512_slli_epi64::<32>(one));
                        _mm512_storeu_si512(to.cast(), _mm512_add_epi64(both, base));
                        to = to.add(8);
                    }
                    left -= 16;
                    if left <= 0 {
                        break;
                    }
                    bars = _mm512_alignr_epi32::<4>(bars, bars);
                }
                i += 64;
            }
        }
        pass.end(self);
        high == 0
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
