//! Sixty-four bytes at a time: the one trait over which the splitter is written, and who implements it on this machine.
//!
//! An implementation is a token that exists only where the processor has what it needs, so that using it is safe.

use std::fmt;

use emr_abi::Bar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

/// Operations on 64 bytes.
pub trait Lanes: Copy {
    type Bytes: Copy;
    /// One byte, everywhere.
    type Splat: Copy;
    /// Which of the bytes something holds of.
    type Marks: Copy;

    fn load(self, from: &[u8; 64]) -> Self::Bytes;
    fn splat(self, byte: u8) -> Self::Splat;
    fn equal(self, bytes: Self::Bytes, splat: Self::Splat) -> Self::Marks;
    /// The bytes below the blank.
    fn controls(self, bytes: Self::Bytes) -> Self::Marks;
    /// The bytes that are no ASCII.
    fn high(self, bytes: Self::Bytes) -> Self::Marks;
    fn or(self, left: Self::Marks, right: Self::Marks) -> Self::Marks;
    /// A bit for each byte.
    fn mask(self, marks: Self::Marks) -> u64;
    fn none(self, marks: Self::Marks) -> bool;

    /// Asks for memory that is read soon, be there any or not.
    #[inline(always)]
    fn ask(self, _at: *const u8) {}

    /// Notes the bars of a block, which begins at `base`, one behind the other: each is the end of a field and the
    /// beginning of the next at once. A few more are written behind them, if there is room: whatever comes next goes over
    /// those.
    #[inline(always)]
    fn note(self, bars: u64, base: usize, to: &mut [Bar]) {
        note(bars, base, to, |both| both);
    }
}

/// How many bars are noted without a test between them, at most.
pub const AT_ONCE: usize = 16;

/// A place times this is the place in both halves: the end in the lower, the beginning behind it in the upper.
const BOTH: u64 = 1 << 32 | 1;

/// The two places of a bar that is the first byte of a block.
#[inline(always)]
fn first(base: usize) -> u64 {
    (base as u64).wrapping_mul(BOTH).wrapping_add(1 << 32)
}

/// [`Lanes::note`], a few at a time; `made` may do something about the two places of each bar.
#[inline(always)]
fn note(mut bars: u64, base: usize, to: &mut [Bar], made: impl Fn(u64) -> u64) {
    let base = first(base);
    for to in to.as_chunks_mut::<4>().0 {
        if bars == 0 {
            break;
        }
        for to in to {
            let both = made(u64::from(bars.trailing_zeros()).wrapping_mul(BOTH).wrapping_add(base));
            *to = Bar { end: both as u32, start: (both >> 32) as u32 };
            bars &= bars.wrapping_sub(1);
        }
    }
}

/// What is to be done with the lanes of this machine; `run` is compiled once for each kind.
pub trait Work {
    type Done;

    fn run<L: Lanes>(self, lanes: L) -> Self::Done;
}

/// The lanes that this machine has.
#[derive(Clone, Copy)]
pub enum Chosen {
    Scalar(scalar::Scalar),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl Chosen {
    /// The fastest.
    pub fn best() -> Chosen {
        Chosen::all().pop().unwrap_or(Chosen::Scalar(scalar::Scalar))
    }

    /// All of them, the fastest last.
    pub fn all() -> Vec<Chosen> {
        let mut all = vec![Chosen::Scalar(scalar::Scalar)];
        #[cfg(target_arch = "x86_64")]
        all.extend(avx2::Avx2::found().map(Chosen::Avx2));
        #[cfg(target_arch = "x86_64")]
        all.extend(avx512::Avx512::found().map(Chosen::Avx512));
        #[cfg(target_arch = "aarch64")]
        all.extend(neon::Neon::found().map(Chosen::Neon));
        all
    }

    pub fn run<W: Work>(self, work: W) -> W::Done {
        match self {
            Chosen::Scalar(scalar) => work.run(scalar),
            #[cfg(target_arch = "x86_64")]
            Chosen::Avx2(avx2) => avx2.run(work),
            #[cfg(target_arch = "x86_64")]
            Chosen::Avx512(avx512) => avx512.run(work),
            #[cfg(target_arch = "aarch64")]
            Chosen::Neon(neon) => neon.run(work),
        }
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Chosen::Scalar(_) => "scalar",
            #[cfg(target_arch = "x86_64")]
            Chosen::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Chosen::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Chosen::Neon(_) => "neon",
        })
    }
}
