//! W6: all bytes of a message are copied but those of the fields that change and of the segments that go.

use super::converter::{Converter, PID, PV1};
use super::index::{Delims, tag};
use core::arch::x86_64::*;

const NK1: u32 = tag(b"NK1");
const GT1: u32 = tag(b"GT1");

/// More bars than a segment of these kinds has.
const BARS: usize = 192;

/// The bars of a segment, and behind them its end.
struct Bars {
    at: [u32; BARS],
    count: usize,
}

/// A segment of which some is copied and some replaced, from the left to the right.
struct Copied<'m> {
    text: &'m [u8],
    bars: Bars,
    taken: usize,
}

impl<'m> Copied<'m> {
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn new(text: &'m [u8], field: u8) -> Copied<'m> {
        let mut bars = Bars { at: [0; BARS], count: 0 };
        let splat = _mm256_set1_epi8(field as i8);
        let mut base = 0;
        while base < text.len() && bars.count < BARS - 33 {
            // SAFETY: behind a message is room for whole vectors.
            let block = unsafe { _mm256_loadu_si256(text.as_ptr().add(base).cast()) };
            let mut found = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, splat)) as u32;
            if text.len() - base < 32 {
                found &= (1 << (text.len() - base)) - 1;
            }
            while found != 0 {
                bars.at[bars.count] = base as u32 + found.trailing_zeros();
                bars.count += 1;
                found &= found - 1;
            }
            base += 32;
        }
        bars.at[bars.count] = text.len() as u32;
        Copied { text, bars, taken: 0 }
    }

    /// The field behind the nth bar.
    #[inline]
    fn field(&self, bar: usize) -> Option<&'m [u8]> {
        let after = self.bars.at[..=self.bars.count].get(bar..bar + 2)?;
        Some(&self.text[after[0] as usize + 1..after[1] as usize])
    }
}

/// The first part of a field, without blanks around it; nothing for an explicit null.
fn leaf(field: &[u8], delims: Delims) -> &[u8] {
    let is_end = |b: &u8| *b == delims.component || *b == delims.repetition || *b == delims.sub;
    let end = field.iter().position(is_end).unwrap_or(field.len());
    match &field[..end] {
        b"\"\"" => b"",
        text => text,
    }
}

impl Converter {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn deidentified(&mut self, msg: &[u8]) -> bool {
        self.w.begin(msg.len() * 2 + (1 << 12));
        // SAFETY: a message has room behind it.
        if !unsafe { self.index.scan(msg) } {
            return false;
        }
        let (delims, count) = (self.index.delims, self.index.segs.len());
        let mut at = 0;
        for index in 0..count {
            let seg = &self.index.segs[index];
            let (from, end, kind) = (seg.at, seg.at + seg.len, seg.tag);
            match kind {
                NK1 | GT1 => {
                    self.w.bytes(&msg[at..from]);
                    at = (end + 1).min(msg.len());
                    continue;
                }
                PID | PV1 => {}
                _ if index > 0 => continue,
                _ => {}
            }
            self.w.bytes(&msg[at..from]);
            let mut copied = Copied::new(&msg[from..end], delims.field);
            match kind {
                PID => self.person(&mut copied, delims),
                PV1 => self.stay(&mut copied, delims),
                _ => self.msh(&mut copied),
            }
            self.w.bytes(&copied.text[copied.taken..]);
            at = end;
        }
        self.w.bytes(&msg[at..]);
        true
    }

    /// All up to the field behind a bar, and a text in its place.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn set(&mut self, copied: &mut Copied, bar: usize, text: &[u8]) {
        let count = copied.bars.count;
        if bar < count {
            self.w.bytes(&copied.text[copied.taken..=copied.bars.at[bar] as usize]);
            copied.taken = copied.bars.at[bar + 1] as usize;
            self.w.bytes(text);
        } else if !text.is_empty() {
            self.w.bytes(&copied.text[copied.taken..]);
            copied.taken = copied.text.len();
            for _ in count..=bar {
                self.w.lit(b"|");
            }
            self.w.bytes(text);
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn msh(&mut self, msh: &mut Copied) {
        self.set(msh, 1, b"GATEWAY");
        self.set(msh, 2, b"NORTH");
        self.set(msh, 3, b"TRIALS");
        self.set(msh, 4, b"UNIVERSITY");
        self.set(msh, 10, b"2.3");
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn person(&mut self, pid: &mut Copied, delims: Delims) {
        let part = |bar| pid.field(bar).map_or(&b""[..], |field| leaf(field, delims));
        let born = part(6);
        let sex = match part(7).trim_ascii() {
            b"" => &b""[..],
            b"F" => b"F",
            b"M" => b"M",
            _ => b"U",
        };
        let marital = match part(15).trim_ascii() {
            b"M" => &b"married"[..],
            b"S" => b"single",
            b"D" => b"divorced",
            b"W" => b"widowed",
            _ => b"",
        };
        self.set(pid, 4, b"");
        self.set(pid, 6, &born[..born.len().min(4)]);
        self.set(pid, 7, sex);
        self.set(pid, 10, b"");
        self.set(pid, 12, b"");
        self.set(pid, 13, b"");
        self.set(pid, 15, marital);
        self.set(pid, 17, b"");
        self.set(pid, 18, b"");
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn stay(&mut self, pv1: &mut Copied, delims: Delims) {
        let part = |bar| pv1.field(bar).map_or(&b""[..], |field| leaf(field, delims));
        let start = part(43);
        let class = match part(1).trim_ascii() {
            b"" => &b""[..],
            b"I" | b"R" | b"B" => b"I",
            b"E" => b"E",
            _ => b"O",
        };
        self.set(pv1, 1, class);
        self.set(pv1, 6, b"");
        self.set(pv1, 7, b"");
        self.set(pv1, 8, b"");
        self.set(pv1, 16, b"");
        self.set(pv1, 43, &start[..start.len().min(8)]);
    }
}
