//! JSON into one buffer. Every item ends with a comma, and what closes goes over it. What may be absent is written all
//! the same: only whether the place moves is chosen, which costs no branch that nobody can foresee.

use super::text::{S, Text};

/// The place where the next byte goes. The converter made room for whatever a message can become, and for what is
/// written beyond it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Out(pub *mut u8);

impl Out {
    #[inline(always)]
    fn store<T>(self, at: usize, value: T) {
        // SAFETY: the converter made room.
        unsafe { self.0.wrapping_add(at).cast::<T>().write_unaligned(value) }
    }

    #[inline(always)]
    pub fn skip(&mut self, n: usize) {
        self.0 = self.0.wrapping_add(n);
    }

    #[inline(always)]
    pub fn lit<const N: usize>(&mut self, text: &[u8; N]) {
        self.store(0, *text);
        self.skip(N);
    }

    /// In place of the comma.
    #[inline(always)]
    pub fn back<const N: usize>(&mut self, text: &[u8; N]) {
        self.0 = self.0.wrapping_sub(1);
        self.lit(text);
    }

    /// The first `n` of them, and whatever comes behind.
    #[inline(always)]
    pub fn wide<const N: usize>(&mut self, text: &[u8; N], n: usize) {
        self.store(0, *text);
        self.skip(n);
    }

    /// The text from there on, without moving.
    #[inline(always)]
    fn copy(self, at: usize, text: Text, s: S) {
        let src = text.at(s.o);
        // SAFETY: a stretch of the text, behind which a vector can be read.
        self.store(at, unsafe { src.cast::<[u8; 32]>().read_unaligned() });
        if s.n > 32 {
            self.copy_far(at, src, s.n as usize);
        }
    }

    #[inline(always)]
    fn copy_far(self, at: usize, src: *const u8, n: usize) {
        let mut i = 32;
        while i < n {
            // SAFETY: as above.
            self.store(at + i, unsafe { src.wrapping_add(i).cast::<[u8; 32]>().read_unaligned() });
            i += 32;
        }
    }

    #[inline(always)]
    pub fn text(&mut self, text: Text, s: S) {
        self.copy(0, text, s);
        self.skip(s.n as usize);
    }

    /// Text between two constants, if there is any.
    #[inline(always)]
    pub fn around<const K: usize, const T: usize>(&mut self, open: &[u8; K], text: Text, s: S, close: &[u8; T]) {
        // The length of what is absent may be below zero, but nothing before the place may be touched.
        let end = if K == 0 { s.n.max(0) } else { K as isize + s.n };
        self.store(0, *open);
        self.copy(K, text, s);
        self.store(end as usize, *close);
        let n = if s.n > 0 { (K + T) as isize + s.n } else { 0 };
        self.skip(n as usize);
    }

    /// `key` is `"name":"`.
    #[inline(always)]
    pub fn pair<const K: usize>(&mut self, key: &[u8; K], text: Text, s: S) {
        self.around(key, text, s, b"\",");
    }

    /// A list of up to two texts; `key` is `"name":[`.
    #[inline(always)]
    pub fn strings<const K: usize>(&mut self, key: &[u8; K], text: Text, one: S, other: S) {
        let mark = *self;
        self.lit(key);
        let inside = *self;
        self.around(b"\"", text, one, b"\",");
        self.around(b"\"", text, other, b"\",");
        let any = *self != inside;
        self.back(b"],");
        *self = if any { *self } else { mark };
    }

    /// Texts with blanks between, and one behind.
    #[inline(always)]
    pub fn words<const N: usize>(&mut self, text: Text, words: [S; N]) {
        for word in words {
            self.around(b"", text, word, b" ");
        }
    }

    /// Closes what was opened with text up to `inside`, or takes it back to `mark` if nothing was written there.
    #[inline(always)]
    pub fn shut<const N: usize>(&mut self, mark: Out, inside: Out, close: &[u8; N]) {
        if *self == inside {
            *self = mark;
        } else {
            self.back(close);
        }
    }
}
