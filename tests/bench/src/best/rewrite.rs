//! Fields that are not yet as JSON wants them, written anew behind the message: escapes decoded, JSON's in place, nulls
//! and blanks at the edge of a value left out. Only these are touched, and nobody has to look at a value again.

use super::index::{Delimiters, Index, LOOSE, equal, special, splat};
use super::text::{Map, TEXT, TOKENS, Text};
use core::arch::x86_64::*;

/// What a mark that is often met becomes; nothing where it must be looked at closer.
#[derive(Clone, Copy, Default)]
pub struct Usual {
    json: u16,
    n: u8,
    is_delimiter: bool,
}

/// By the letter of an escape sequence, then everything else, then a quote.
pub const USUAL: usize = 258;
const OTHERS: usize = 256;

impl Index {
    /// Notes what escape sequences mean in this message.
    pub fn learn(&mut self) {
        let d = self.delimiters;
        self.usual = [Usual::default(); USUAL];
        let letters = [(b'F', d.field), (b'S', d.component), (b'T', d.sub), (b'R', d.repetition), (b'E', d.escape)];
        for (letter, b) in letters {
            let (json, n) = escaped(b);
            self.usual[usize::from(letter)] = Usual { json, n: n as u8, is_delimiter: d.any(b) };
        }
        let (json, n) = escaped(b'"');
        self.usual[OTHERS + 1] = Usual { json, n: n as u8, is_delimiter: false };
    }

    /// All that [`Index::scan`] noted. False if there is no room.
    ///
    /// # Safety
    /// The tokens are those of the message at hand.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub unsafe fn rewrite(&mut self) -> bool {
        let odd = core::mem::take(&mut self.odd);
        // SAFETY: the caller's promise.
        let done = odd.iter().all(|&it| unsafe { self.field((it & !LOOSE) as usize, it & LOOSE != 0) });
        self.odd = odd;
        done
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn field(&mut self, token: usize, is_loose: bool) -> bool {
        let text = self.text();
        let (quote, backslash, last) = (splat(b'"'), splat(b'\\'), splat(0x1f));
        let (escape, d) = (splat(self.delimiters.escape), self.delimiters);
        let source = text.field(token, 0);
        let (mut i, end, start) = (source.o, source.o + source.n as usize, self.spare);
        if start + 2 * (end - i) + 256 > TEXT {
            return false;
        }
        self.quoted.clear();
        // As many as the field has bytes, and one more.
        self.quoted.reserve(end - i + 1);
        let mut quoted = self.quoted.as_mut_ptr();
        let mut o = start;
        // SAFETY: the field lies in the arena, what it becomes at most doubles it, and there is room for that.
        unsafe {
            while i < end {
                let v = _mm256_loadu_si256(text.at(i).cast());
                _mm256_storeu_si256(text.0.add(o).cast(), v);
                let marks = _mm256_or_si256(special(v, quote, backslash, last), _mm256_cmpeq_epi8(v, escape));
                let mut marks = _mm256_movemask_epi8(marks) as u32;
                if is_loose {
                    marks |= _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, splat(b' '))) as u32;
                }
                let run = (marks.trailing_zeros() as usize).min(end - i);
                (i, o) = (i + run, o + run);
                if run == 32 || i >= end {
                    continue;
                }
                let (b, next, third) = (*text.at(i), *text.at(i + 1), *text.at(i + 2));
                // Which of the usual ones it is, without a branch that nobody can foresee.
                let is_sequence = b == d.escape && third == d.escape;
                let is_quote = b == b'"' && next != b'"';
                let line = if is_sequence { usize::from(next) } else { OTHERS + usize::from(is_quote) };
                let usual = *self.usual.get_unchecked(line);
                if usual.n != 0 {
                    text.0.add(o).cast::<u16>().write_unaligned(usual.json);
                    *quoted = o;
                    quoted = quoted.add(usize::from(usual.is_delimiter));
                    i += if is_sequence { 3 } else { 1 };
                    o += usize::from(usual.n);
                    continue;
                }
                let rest = core::slice::from_raw_parts(text.at(i), end - i);
                if b == b' ' {
                    let blanks = rest.iter().take_while(|&&b| b == b' ').count();
                    let is_edge = i == source.o || d.any(*text.at(i - 1)) || d.any(*text.at(i + blanks));
                    i += blanks;
                    o += if is_edge { 0 } else { blanks };
                    continue;
                }
                if b == b'"' && next == b'"' && is_alone(text, source.o, i, end, &d) {
                    i += 2;
                    continue;
                }
                i += unescape(rest, &d, |b| {
                    *quoted = o;
                    quoted = quoted.add(usize::from(d.any(b)));
                    let (json, n) = escaped(b);
                    text.0.add(o).cast::<u16>().write_unaligned(json);
                    o += n;
                });
            }
            self.quoted.set_len(quoted.offset_from(self.quoted.as_ptr()) as usize);
            self.map(text, start, o);
            let at = text.0.add(TOKENS + 8 * token).cast::<u32>();
            at.write(start as u32);
            at.add(1).write(o as u32);
        }
        self.spare = (o + 64) & !63;
        true
    }

    /// The bitmaps of what was written anew.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn map(&mut self, text: Text, start: usize, end: usize) {
        let d = self.delimiters;
        let (caret, tilde, amp) = (splat(d.component), splat(d.repetition), splat(d.sub));
        let maps = [Map::Carets, Map::Tildes, Map::Amps, Map::Separators].map(|map| map as usize);
        // SAFETY: a field that was written there; the maps are as long as the text.
        unsafe {
            for i in (start..=end).step_by(64) {
                let a = _mm256_loadu_si256(text.at(i).cast());
                let b = _mm256_loadu_si256(text.at(i + 32).cast());
                let (carets, tildes, amps) = (equal(a, b, caret), equal(a, b, tilde), equal(a, b, amp));
                for (map, bits) in maps.into_iter().zip([carets, tildes, amps, carets | tildes | amps]) {
                    text.0.add(map + i / 8).cast::<u64>().write_unaligned(bits);
                }
            }
            for &at in &self.quoted {
                for map in maps {
                    *text.0.add(map + at / 8) &= !(1 << (at % 8));
                }
            }
        }
    }
}

/// Whether the two quotes there are all of a value.
fn is_alone(text: Text, from: usize, at: usize, end: usize, d: &Delimiters) -> bool {
    // SAFETY: places in a field.
    let byte = |at: usize| unsafe { *text.at(at) };
    let before = (from..at).rev().map(byte).find(|&b| b != b' ');
    let behind = (at + 2..end).map(byte).find(|&b| b != b' ');
    before.is_none_or(|b| d.any(b)) && behind.is_none_or(|b| d.any(b))
}

/// One character or escape sequence; gives how many bytes of the source it was.
#[inline(never)]
fn unescape(src: &[u8], d: &Delimiters, mut put: impl FnMut(u8)) -> usize {
    if src[0] == d.escape
        && let Some(k) = src[1..].iter().position(|&c| c == d.escape || d.any(c))
        && src[1 + k] == d.escape
    {
        match &src[1..1 + k] {
            b"F" => put(d.field),
            b"S" => put(d.component),
            b"T" => put(d.sub),
            b"R" => put(d.repetition),
            b"E" => put(d.escape),
            b".br" => put(b'\n'),
            b"H" | b"N" => {}
            _ => {
                put(src[0]);
                return 1;
            }
        }
        return k + 2;
    }
    put(if src[0] < b' ' && !matches!(src[0], b'\t' | b'\n') { b' ' } else { src[0] });
    1
}

/// The JSON form of one byte, and how long it is.
fn escaped(b: u8) -> (u16, usize) {
    let after = match b {
        b'"' | b'\\' => b,
        b'\n' => b'n',
        b'\t' => b't',
        _ => return (u16::from(b), 1),
    };
    (u16::from_le_bytes([b'\\', after]), 2)
}
