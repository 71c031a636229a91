//! The message at hand, its fields and their parts. All of it lies in one stretch of memory at known distances, so that
//! one pointer is enough.

/// The longest message; hand-written code may choose its senders.
pub const MESSAGE_MAX: usize = 1 << 18;
/// The message, and behind it its fields that were written anew.
pub const TEXT: usize = 1 << 20;
/// Bitmaps of the text, and how long each is.
pub const MAP: usize = TEXT / 8 + 64;
const CARETS: usize = TEXT;
const TILDES: usize = CARETS + MAP;
const AMPS: usize = TILDES + MAP;
const SEPARATORS: usize = AMPS + MAP;
/// Where each field begins and ends. The place of a bar is the end of one and next to the beginning of the next, which
/// are written together: they are aligned, so the table is not.
pub const TOKENS: usize = SEPARATORS + MAP + 4;
/// Room for the fields of a segment that has fewer than are read.
pub const PADDED: usize = MESSAGE_MAX + 128;
pub const ARENA: usize = TOKENS + 8 * (PADDED + 128);

/// How much of a bitmap a window shows for certain.
pub const WINDOW: isize = 56;

/// The three separators below a field, and all of them.
#[derive(Clone, Copy)]
#[repr(usize)]
pub enum Map {
    Carets = CARETS,
    Tildes = TILDES,
    Amps = AMPS,
    Separators = SEPARATORS,
}

/// A stretch of the text. Without length it is absent, and the length of parts that there are not is below zero.
#[derive(Clone, Copy)]
pub struct S {
    pub o: usize,
    pub n: isize,
}

pub const NONE: S = S { o: 0, n: 0 };

impl S {
    #[inline(always)]
    pub fn some(self) -> bool {
        self.n > 0
    }

    #[inline(always)]
    pub fn or(self, other: S) -> S {
        if self.n > 0 { self } else { other }
    }

    #[inline(always)]
    pub fn when(self, it_is: bool) -> S {
        S { o: self.o, n: if it_is { self.n } else { 0 } }
    }
}

/// Points to the beginning of the arena. Only [`super::index::Index`] makes one, so that what is asked of it lies inside.
#[derive(Clone, Copy)]
pub struct Text(pub *mut u8);

/// All bits from the `n`th on.
#[inline(always)]
pub fn from(n: isize) -> u64 {
    (!0_u64).wrapping_shl(n as u32)
}

impl Text {
    #[inline(always)]
    pub fn at(self, o: usize) -> *const u8 {
        self.0.wrapping_add(o)
    }

    #[inline(always)]
    pub fn word(self, o: usize) -> u64 {
        // SAFETY: a place in the text.
        unsafe { self.at(o).cast::<u64>().read_unaligned() }
    }

    /// Field `k` of the segment whose name is that token.
    #[inline(always)]
    pub fn field(self, segment: usize, k: usize) -> S {
        let at = self.at(TOKENS + 8 * (segment + k)).cast::<u32>();
        // SAFETY: a token of the message.
        let (o, end) = unsafe { (at.read() as usize, at.add(1).read() as usize) };
        S { o, n: end.wrapping_sub(o) as isize }
    }

    /// The bits from there on; at least [`WINDOW`] are right, and those behind are 0 or right.
    #[inline(always)]
    pub fn window(self, map: Map, o: usize) -> u64 {
        // SAFETY: the map has a bit for each byte of the text, and eight bytes more.
        let word = unsafe { self.at(map as usize + o / 8).cast::<u64>().read_unaligned() };
        word.wrapping_shr((o % 8) as u32)
    }

    /// Up to the next such separator.
    #[inline(always)]
    pub fn until(self, map: Map, s: S) -> S {
        if s.n <= WINDOW {
            let n = (self.window(map, s.o) | from(s.n.max(0))).trailing_zeros();
            return S { o: s.o, n: n as isize };
        }
        self.until_far(map, s)
    }

    #[inline(never)]
    fn until_far(self, map: Map, s: S) -> S {
        let mut i = 0;
        while i < s.n {
            let m = self.window(map, s.o + i as usize) & !from(WINDOW);
            if m != 0 {
                return S { o: s.o, n: s.n.min(i + m.trailing_zeros() as isize) };
            }
            i += WINDOW;
        }
        s
    }

    /// The first leaf of a field.
    #[inline(always)]
    pub fn leaf(self, s: S) -> S {
        self.until(Map::Separators, s)
    }

    /// Whether anything but separators is in it.
    #[inline(always)]
    pub fn present(self, s: S) -> bool {
        s.n > 0 && (self.window(Map::Separators, s.o) & 1 == 0 || self.present_far(s))
    }

    #[inline(never)]
    fn present_far(self, s: S) -> bool {
        (0..s.n).any(|i| self.window(Map::Separators, s.o + i as usize) & 1 == 0)
    }

    /// The first repetition with a value.
    #[inline(always)]
    pub fn first(self, s: S) -> S {
        let one = self.until(Map::Tildes, s);
        if self.present(one) { one } else { self.first_far(s) }
    }

    #[inline(never)]
    fn first_far(self, s: S) -> S {
        self.repetitions(s).find(|&one| self.present(one)).unwrap_or(NONE)
    }

    /// The first leaf of component 1 of the first repetition that has one.
    #[inline(always)]
    pub fn first_one(self, s: S) -> S {
        let leaf = self.leaf(s);
        if leaf.n == s.n || leaf.some() { leaf } else { self.first_one_far(s) }
    }

    #[inline(never)]
    fn first_one_far(self, s: S) -> S {
        self.repetitions(s).map(|one| self.leaf(one)).find(|leaf| leaf.some()).unwrap_or(NONE)
    }

    #[inline(always)]
    pub fn repetitions(self, s: S) -> Repetitions {
        Repetitions { text: self, rest: s }
    }

    /// So many components of a repetition, if it is short and none of them has parts itself.
    #[inline(always)]
    pub fn near<const N: usize>(self, s: S) -> Option<[S; N]> {
        if s.n > WINDOW {
            return None;
        }
        let mut ends = self.window(Map::Carets, s.o) | from(s.n);
        let amps = self.window(Map::Amps, s.o) & !from(s.n);
        let (mut all, mut o) = ([NONE; N], 0);
        for one in &mut all {
            let end = ends.trailing_zeros() as usize;
            *one = S { o: s.o + o, n: end.wrapping_sub(o) as isize };
            o = end + 1;
            ends &= ends.wrapping_sub(1);
        }
        (amps == 0).then_some(all)
    }

    /// The same of up to twice the length, and how many it has.
    #[inline(always)]
    pub fn middling<const N: usize>(self, s: S) -> Option<([S; N], u32)> {
        if s.n <= WINDOW || s.n > 2 * WINDOW {
            return None;
        }
        let amps = self.window(Map::Amps, s.o) & !from(WINDOW)
            | self.window(Map::Amps, s.o + WINDOW as usize) & !from(s.n - WINDOW);
        if amps != 0 {
            return None;
        }
        let left = self.window(Map::Carets, s.o) & !from(WINDOW);
        let right = self.window(Map::Carets, s.o + WINDOW as usize);
        let count = left.count_ones() + (right & !from(s.n - WINDOW)).count_ones() + 1;
        let mut ends = u128::from(left) | u128::from(right | from(s.n - WINDOW)) << WINDOW;
        let (mut all, mut o) = ([NONE; N], 0);
        for one in &mut all {
            let end = ends.trailing_zeros() as usize;
            *one = S { o: s.o + o, n: end.wrapping_sub(o) as isize };
            o = end + 1;
            ends &= ends.wrapping_sub(1);
        }
        Some((all, count))
    }

    /// So many components of a repetition of any length, each its first leaf.
    #[inline(never)]
    pub fn far<const N: usize>(self, s: S) -> [S; N] {
        let mut all = self.wholes(s);
        if !self.has_none(Map::Amps, s) {
            for one in &mut all {
                *one = self.until(Map::Amps, *one);
            }
        }
        all
    }

    /// So many components of a repetition of any length.
    #[inline(always)]
    pub fn wholes<const N: usize>(self, s: S) -> [S; N] {
        let (mut all, mut k, mut o, end) = ([NONE; N], 0, s.o, s.o + s.n as usize);
        let mut i = 0;
        while i < s.n {
            let at = s.o + i as usize;
            let mut m = self.window(Map::Carets, at) & !from(WINDOW.min(s.n - i));
            while m != 0 {
                if k == N {
                    return all;
                }
                let caret = at + m.trailing_zeros() as usize;
                all[k] = S { o, n: (caret - o) as isize };
                (o, k) = (caret + 1, k + 1);
                m &= m - 1;
            }
            i += WINDOW;
        }
        if k < N {
            all[k] = S { o, n: (end - o) as isize };
        }
        all
    }

    #[inline(always)]
    pub fn has_none(self, map: Map, s: S) -> bool {
        (0..s.n).step_by(WINDOW as usize).all(|i| {
            let bits = self.window(map, s.o + i as usize);
            bits & !from(WINDOW.min(s.n - i)) == 0
        })
    }

    /// For places that are not on the way: the text itself.
    pub fn bytes<'t>(self, s: S) -> &'t [u8] {
        // SAFETY: a stretch of the text, which stays as it is until the next message.
        unsafe { core::slice::from_raw_parts(self.at(s.o), s.n.max(0) as usize) }
    }
}

pub struct Repetitions {
    text: Text,
    rest: S,
}

impl Iterator for Repetitions {
    type Item = S;

    #[inline(always)]
    fn next(&mut self) -> Option<S> {
        if self.rest.n < 0 {
            return None;
        }
        let one = self.text.until(Map::Tildes, self.rest);
        let taken = one.n + 1;
        self.rest = S { o: self.rest.o + taken as usize, n: self.rest.n - taken };
        Some(one)
    }
}
