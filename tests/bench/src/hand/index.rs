//! Where things stand in a message: its segments in one pass, and for the segment at hand the fields that are wanted
//! and bitmaps of the lower delimiters.

use core::arch::x86_64::*;

/// Longer segments are refused; hand-written code may choose its senders.
const SEGMENT_MAX: usize = 1 << 16;
/// A segment may grow sixfold when it is rewritten.
const BITS: usize = SEGMENT_MAX * 6 / 8 + 64;

pub struct Seg {
    pub at: usize,
    pub len: usize,
    pub tag: u32,
}

pub const fn tag(name: &[u8; 3]) -> u32 {
    name[0] as u32 | (name[1] as u32) << 8 | (name[2] as u32) << 16
}

#[derive(Clone, Copy, Default)]
pub struct Delims {
    pub field: u8,
    pub component: u8,
    pub repetition: u8,
    pub escape: u8,
    pub sub: u8,
}

impl Delims {
    fn any(&self, b: u8) -> bool {
        b == self.field || b == self.component || b == self.repetition || b == self.sub
    }
}

pub struct Index {
    msg: *const u8,
    pub delims: Delims,
    pub segs: Vec<Seg>,
    /// The place after each bar that was asked for, in order.
    starts: [u32; 64 + 72],
    carets: Box<[u8; BITS]>,
    tildes: Box<[u8; BITS]>,
    amps: Box<[u8; BITS]>,
    /// Delimiters that an escape sequence brought in.
    quoted: Box<[u8; BITS]>,
    scratch: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    Component,
    Repetition,
    Sub,
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn eq64(a: __m256i, b: __m256i, c: __m256i) -> u64 {
    let x = _mm256_movemask_epi8(_mm256_cmpeq_epi8(a, c)) as u32 as u64;
    let y = _mm256_movemask_epi8(_mm256_cmpeq_epi8(b, c)) as u32 as u64;
    x | y << 32
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn load64(p: *const u8) -> (__m256i, __m256i) {
    // SAFETY: the caller's promise.
    unsafe { (_mm256_loadu_si256(p.cast()), _mm256_loadu_si256(p.add(32).cast())) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn splat(b: u8) -> __m256i {
    _mm256_set1_epi8(b as i8)
}

#[inline]
fn low(n: usize) -> u64 {
    if n >= 64 { !0 } else { (1 << n) - 1 }
}

/// The bytes that JSON or HL7 escapes.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn odd(v: __m256i, escape: __m256i) -> __m256i {
    let e = _mm256_or_si256(_mm256_cmpeq_epi8(v, splat(b'"')), _mm256_cmpeq_epi8(v, escape));
    _mm256_or_si256(e, _mm256_cmpeq_epi8(_mm256_min_epu8(v, splat(0x1f)), v))
}

impl Index {
    pub fn new() -> Index {
        let map = || vec![0; BITS].into_boxed_slice().try_into().expect("it is that long");
        Index {
            msg: core::ptr::null(),
            delims: Delims::default(),
            segs: Vec::with_capacity(256),
            starts: [0; 136],
            carets: map(),
            tildes: map(),
            amps: map(),
            quoted: map(),
            scratch: Vec::with_capacity(1 << 16),
        }
    }

    /// Finds the segments. False for what is no message or not UTF-8.
    ///
    /// # Safety
    /// 64 bytes behind the message can be read.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub unsafe fn scan(&mut self, msg: &[u8]) -> bool {
        let n = msg.len();
        if n < 9 || &msg[..3] != b"MSH" {
            return false;
        }
        let sub = if msg[7] == msg[3] { b'&' } else { msg[7] };
        self.delims = Delims { field: msg[3], component: msg[4], repetition: msg[5], escape: msg[6], sub };
        self.msg = msg.as_ptr();
        self.segs.clear();
        self.scratch.clear();
        let p = msg.as_ptr();
        let cr = splat(b'\r');
        let mut high = _mm256_setzero_si256();
        let (mut i, mut from, mut longest) = (0, 0, 0);
        while i < n {
            // SAFETY: the caller's promise.
            let (a, b) = unsafe { load64(p.add(i)) };
            let live = low(n - i);
            if live == !0 {
                high = _mm256_or_si256(high, _mm256_or_si256(a, b));
            } else {
                let signs = _mm256_movemask_epi8(a) as u32 as u64 | (_mm256_movemask_epi8(b) as u32 as u64) << 32;
                if signs & live != 0 {
                    high = splat(0x80);
                }
            }
            let mut m = eq64(a, b, cr) & live;
            while m != 0 {
                let end = i + m.trailing_zeros() as usize;
                longest = longest.max(end - from);
                // SAFETY: at least 64 bytes lie behind it.
                unsafe { self.segment(from, end) };
                from = end + 1;
                m &= m - 1;
            }
            i += 64;
        }
        if from < n {
            longest = longest.max(n - from);
            // SAFETY: as above.
            unsafe { self.segment(from, n) };
        }
        // All rewritten segments find room at once: values kept from one may not move when the next is rewritten.
        let spare = n * 8 + 128 * (self.segs.len() + 1) * 2;
        if spare > self.scratch.capacity() {
            self.scratch = Vec::with_capacity(spare.next_power_of_two());
        }
        longest <= SEGMENT_MAX && (_mm256_movemask_epi8(high) == 0 || simdutf8::basic::from_utf8(msg).is_ok())
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn segment(&mut self, at: usize, end: usize) {
        // SAFETY: the caller's promise.
        let tag = unsafe { self.msg.add(at).cast::<u32>().read_unaligned() } & 0xff_ffff;
        self.segs.push(Seg { at, len: end - at, tag });
    }

    /// Splits a segment at the bars in `want` (bit 0 is the first one); gives where its text stands now.
    ///
    /// # Safety
    /// `seg` is one of the message that was scanned last, which still lies there.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub unsafe fn split(&mut self, seg: usize, want: u64) -> *const u8 {
        // SAFETY: the caller's promise.
        unsafe {
            let (at, n) = (self.segs[seg].at, self.segs[seg].len);
            let p = self.msg.add(at);
            let first = if seg == 0 { 9 } else { 0 };
            if self.delims.escape == b'\\' && self.cut::<false>(p, n, first, want) {
                return p;
            }
            let (p, n) = if self.is_loose(p, n, first) { self.trimmed(p, n, first) } else { (p, n) };
            let (p, n, quoted) = self.rewrite(p, n, first);
            self.cut::<true>(p, n, 0, want);
            if quoted {
                self.quoted[..n / 8 + 1].fill(0);
            }
            p
        }
    }

    /// False if something in it must be rewritten first.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn cut<const CLEAN: bool>(&mut self, p: *const u8, n: usize, first: usize, mut want: u64) -> bool {
        // SAFETY: the caller's promise: whole vectors behind the segment can be read.
        // The maps have a bit for each byte of the longest segment, and `starts` a whole vector more than bars.
        unsafe {
            let d = self.delims;
            let (bar, caret, tilde, amp) = (splat(d.field), splat(d.component), splat(d.repetition), splat(d.sub));
            let (blank, escape) = (splat(b' '), splat(b'\\'));
            let mut q = self.starts.as_mut_ptr();
            let last = q.add(want.count_ones() as usize);
            let (mut i, mut skip) = (0, low(first));
            // Whether the byte before this block is a blank, or a delimiter.
            let (mut after_blank, mut after_delim) = (0, 0);
            loop {
                let (a, b) = load64(p.add(i));
                let live = low(n - i);
                let text = if CLEAN { !self.quoted.as_ptr().add(i / 8).cast::<u64>().read_unaligned() } else { !0 };
                let bars = eq64(a, b, bar) & live & text;
                let mut m = _pdep_u64(want, bars);
                let c = bars.count_ones();
                want = if c < 64 { want >> c } else { 0 };
                let carets = eq64(a, b, caret) & text;
                let tildes = eq64(a, b, tilde) & text;
                let amps = eq64(a, b, amp) & text;
                self.carets.as_mut_ptr().add(i / 8).cast::<u64>().write_unaligned(carets);
                self.tildes.as_mut_ptr().add(i / 8).cast::<u64>().write_unaligned(tildes);
                self.amps.as_mut_ptr().add(i / 8).cast::<u64>().write_unaligned(amps);
                if !CLEAN {
                    let (x, y) = (odd(a, escape), odd(b, escape));
                    let odd = _mm256_movemask_epi8(x) as u32 as u64 | (_mm256_movemask_epi8(y) as u32 as u64) << 32;
                    let blanks = eq64(a, b, blank) & live;
                    let delims = bars | carets | tildes | amps | (!live & live.wrapping_add(1));
                    let edge = u64::from(n - i == 64) << 63;
                    let loose = blanks & (delims >> 1 | delims << 1 | after_delim | edge);
                    if (odd | loose) & live & !skip != 0 || delims & after_blank != 0 {
                        let read = if want == 0 { _bzhi_u64(live, 64 - m.leading_zeros()) } else { live };
                        if (odd | loose) & read & !skip != 0 || delims & after_blank != 0 {
                            return false;
                        }
                    }
                    (after_blank, after_delim, skip) = (blanks >> 63, delims >> 63, 0);
                }
                let base = i as u32 + 1;
                let stop = q.add(m.count_ones() as usize);
                let mut to = q;
                while to < stop {
                    // Four at a time without a test; what is too much is overwritten.
                    for j in 0..4 {
                        *to.add(j) = base.wrapping_add(m.trailing_zeros());
                        m &= m.wrapping_sub(1);
                    }
                    to = to.add(4);
                }
                q = stop;
                i += 64;
                if i >= n || want == 0 {
                    break;
                }
            }
            // Past the last field every start is one past the end, so every length is -1.
            let end = _mm256_set1_epi32(n as i32 + 1);
            while q < last {
                _mm256_storeu_si256(q.cast(), end);
                q = q.add(8);
            }
            true
        }
    }

    /// Whether a blank stands beside a delimiter.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn is_loose(&self, p: *const u8, n: usize, first: usize) -> bool {
        let d = self.delims;
        let (bar, caret, tilde, amp) = (splat(d.field), splat(d.component), splat(d.repetition), splat(d.sub));
        let any = |v| {
            let high = _mm256_or_si256(_mm256_cmpeq_epi8(v, bar), _mm256_cmpeq_epi8(v, caret));
            _mm256_or_si256(high, _mm256_or_si256(_mm256_cmpeq_epi8(v, tilde), _mm256_cmpeq_epi8(v, amp)))
        };
        let (mut after_blank, mut after_delim) = (0, 0);
        for i in (first..n).step_by(64) {
            // SAFETY: at least 64 bytes lie behind the segment.
            let (a, b) = unsafe { load64(p.add(i)) };
            let live = low(n - i);
            let blanks = eq64(a, b, splat(b' ')) & live;
            let mask = |v| _mm256_movemask_epi8(any(v)) as u32 as u64;
            let delims = mask(a) | mask(b) << 32 | !live & live.wrapping_add(1);
            let edge = u64::from(n - i == 64) << 63;
            if blanks & (delims >> 1 | delims << 1 | after_delim | edge) | delims & after_blank != 0 {
                return true;
            }
            (after_blank, after_delim) = (blanks >> 63, delims >> 63);
        }
        false
    }

    /// Without blanks beside a delimiter.
    #[inline(never)]
    unsafe fn trimmed(&mut self, p: *const u8, n: usize, first: usize) -> (*const u8, usize) {
        // SAFETY: a segment of the message.
        let src = unsafe { core::slice::from_raw_parts(p, n) };
        let d = self.delims;
        let loose = |at: usize| {
            let before = src[..at].iter().rev().find(|&&b| b != b' ').is_none_or(|&b| d.any(b));
            before || src[at..].iter().find(|&&b| b != b' ').is_none_or(|&b| d.any(b))
        };
        let from = self.scratch.len();
        let kept = src.iter().enumerate().filter(|&(at, &b)| at < first || b != b' ' || !loose(at));
        self.scratch.extend(kept.map(|(_, &b)| b));
        let len = self.scratch.len() - from;
        self.scratch.resize(from + len + 128, 0);
        // SAFETY: just written, and the scratch does not move before the next message.
        (unsafe { self.scratch.as_ptr().add(from) }, len)
    }

    /// Escapes decoded, JSON's in place, nulls out. The last result says whether `quoted` has a bit.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn rewrite(&mut self, src: *const u8, n: usize, first: usize) -> (*const u8, usize, bool) {
        // SAFETY: the caller's promise, and the scratch has room for a segment that grows sixfold.
        unsafe {
            let d = self.delims;
            let (escape, backslash) = (splat(d.escape), splat(b'\\'));
            let to = self.scratch.as_mut_ptr().add(self.scratch.len());
            to.copy_from_nonoverlapping(src, first);
            let (mut i, mut o, mut any) = (first, first, false);
            while i < n {
                let v = _mm256_loadu_si256(src.add(i).cast());
                _mm256_storeu_si256(to.add(o).cast(), v);
                let special = _mm256_or_si256(odd(v, backslash), _mm256_cmpeq_epi8(v, escape));
                let m = _mm256_movemask_epi8(special) as u32;
                let clean = (m.trailing_zeros() as usize).min(n - i);
                i += clean;
                o += clean;
                if clean == 32 || i >= n {
                    continue;
                }
                let rest = core::slice::from_raw_parts(src.add(i), n - i);
                let alone = rest.starts_with(b"\"\"") && d.any(*src.add(i - 1));
                if alone && rest.get(2).is_none_or(|&b| d.any(b)) {
                    i += 2;
                    continue;
                }
                let quoted = &mut self.quoted;
                i += unescape(rest, &d, |b| {
                    if d.any(b) {
                        quoted[o / 8] |= 1 << (o % 8);
                        any = true;
                    }
                    for &b in escaped(b, &mut [0; 6]) {
                        *to.add(o) = b;
                        o += 1;
                    }
                });
            }
            let from = self.scratch.len();
            self.scratch.set_len(from + o + 64);
            (to, o, any)
        }
    }

    #[inline]
    pub fn start(&self, nth: usize) -> u32 {
        self.starts[nth]
    }

    /// So many bits of the map of the delimiter, at most 56, from that byte on.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn window(&self, by: By, bit: usize, n: usize) -> u64 {
        let map = match by {
            By::Component => &self.carets,
            By::Repetition => &self.tildes,
            By::Sub => &self.amps,
        };
        debug_assert!(bit / 8 + 8 <= BITS);
        // SAFETY: the maps are eight bytes longer than what the longest segment needs.
        let word = unsafe { map.as_ptr().add(bit / 8).cast::<u64>().read_unaligned() } >> (bit % 8);
        _bzhi_u64(word, n.min(56) as u32)
    }
}

/// One character or escape sequence; gives how many bytes of the source it was.
fn unescape(src: &[u8], d: &Delims, mut put: impl FnMut(u8)) -> usize {
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

/// The JSON form of one byte.
fn escaped(b: u8, room: &mut [u8; 6]) -> &[u8] {
    match b {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'\n' => b"\\n",
        b'\t' => b"\\t",
        _ => {
            room[0] = b;
            &room[..1]
        }
    }
}
