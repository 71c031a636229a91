//! Tables of codes: a code of up to eight letters is a number, a multiplication without collisions finds its line, and
//! what it becomes is a whole line of memory.

use super::text::{S, Text};

const BITS: u32 = 6;
const LINES: usize = 1 << BITS;
/// Where codes go that are not in the table.
const OTHERS: usize = LINES;

pub struct Table {
    factor: u64,
    keys: [u64; LINES],
    lengths: [u8; LINES + 1],
    texts: [[u8; 64]; LINES + 1],
}

#[derive(Clone, Copy)]
pub struct Line {
    pub text: &'static [u8; 64],
    pub n: usize,
    pub is_known: bool,
}

/// So many letters of a word; of a longer code none that a key could be.
const KEPT: [u64; 10] = [0, !0 >> 56, !0 >> 48, !0 >> 40, !0 >> 32, !0 >> 24, !0 >> 16, !0 >> 8, !0, 0xff00];

const fn key(code: &[u8]) -> u64 {
    let (mut key, mut at) = (0, 0);
    while at < code.len() {
        key |= (code[at] as u64) << (8 * at);
        at += 1;
    }
    key
}

const fn line(key: u64, factor: u64) -> usize {
    (key.wrapping_mul(factor) >> (64 - BITS)) as usize
}

impl Table {
    /// The first line is what nothing becomes, then what other codes become.
    pub const fn new(nothing: &[u8], others: &[u8], codes: &[(&[u8], &[u8])]) -> Table {
        let mut factor = 0x9e37_79b9_7f4a_7c15_u64;
        loop {
            let (mut taken, mut at) = (1_u64, 0);
            while at < codes.len() {
                let bit = 1 << line(key(codes[at].0), factor);
                if taken & bit != 0 {
                    break;
                }
                taken |= bit;
                at += 1;
            }
            if at == codes.len() {
                break;
            }
            factor = factor.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814e) | 1;
        }
        // A line without a code has the key of the first one, which is never looked for there.
        let mut table = Table { factor, keys: [!0; LINES], lengths: [0; LINES + 1], texts: [[0; 64]; LINES + 1] };
        table.keys[0] = 0;
        table.put(0, nothing);
        table.put(OTHERS, others);
        let mut at = 0;
        while at < codes.len() {
            let key = key(codes[at].0);
            let line = line(key, factor);
            table.keys[line] = key;
            table.put(line, codes[at].1);
            at += 1;
        }
        table
    }

    const fn put(&mut self, line: usize, text: &[u8]) {
        let mut at = 0;
        while at < text.len() {
            self.texts[line][at] = text[at];
            at += 1;
        }
        self.lengths[line] = text.len() as u8;
    }

    #[inline(always)]
    pub fn find(&'static self, text: Text, s: S) -> Line {
        let kept = (s.n as usize).min(KEPT.len() - 1);
        let kept = if s.n < 0 { 0 } else { kept };
        // SAFETY: there are so many, and so many lines.
        unsafe {
            let key = text.word(s.o) & KEPT.get_unchecked(kept);
            let line = line(key, self.factor);
            let is_known = *self.keys.get_unchecked(line) == key;
            let line = if is_known { line } else { OTHERS };
            Line { text: self.texts.get_unchecked(line), n: *self.lengths.get_unchecked(line) as usize, is_known }
        }
    }

    /// Of a coded field, of table `name` of HL7.
    #[inline(always)]
    pub fn code(&'static self, text: Text, s: S, name: &'static [u8; 7]) -> Line {
        let line = self.find(text, s);
        if line.is_known { line } else { self.code_far(text, s, name) }
    }

    /// Of a field with parts: a code of another system is none of the table's.
    #[inline(never)]
    fn code_far(&'static self, text: Text, s: S, name: &'static [u8; 7]) -> Line {
        let [code, _, system] = text.far::<3>(text.until(super::text::Map::Tildes, s));
        let uri = b"http://terminology.hl7.org/CodeSystem/v2-";
        let is_own = match text.bytes(system) {
            b"" => true,
            system if system == name => true,
            system => system.strip_prefix(uri).is_some_and(|it| it == &name[3..]),
        };
        match is_own {
            true => self.find(text, code),
            false => Line { text: &self.texts[OTHERS], n: self.lengths[OTHERS] as usize, is_known: false },
        }
    }
}
