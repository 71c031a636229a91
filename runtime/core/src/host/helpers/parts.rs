//! Taking values apart: separators, leaves, repetitions, members of groups.

use emr_abi::{Context, flags};

use super::{NONE, has, set_result, with, word};
use crate::host::work::Work;

/// The separators of one map within a value, as words of bits: the first for the bytes from `start` on.
struct Separators {
    map: *const u64,
    word: usize,
    /// Offset in the value of the first byte of the word; below 0 where the value begins in the midst of it.
    base: i64,
    length: i64,
}

impl Separators {
    fn of(map: *const u8, ctx: &Context, at: u64, length: u64) -> Separators {
        let start = usize::try_from(at.wrapping_sub(ctx.text as u64)).unwrap_or(0);
        let (word, bit) = (start / 64, i64::try_from(start % 64).unwrap_or(0));
        Separators { map: map.cast(), word, base: -bit, length: length.cast_signed() }
    }

    /// The next word that has a bit in the value, and the offset of its first byte.
    #[inline]
    fn next(&mut self) -> Option<(u64, i64)> {
        while self.base < self.length {
            let base = self.base;
            // SAFETY: the maps have a bit for each byte of the text, whole words of them, and a value lies in the text.
            let mut bits = unsafe { *self.map.add(self.word) };
            if base < 0 {
                bits &= u64::MAX << -base;
            }
            if self.length - base < 64 {
                bits &= !(u64::MAX << (self.length - base));
            }
            (self.word, self.base) = (self.word + 1, base + 64);
            if bits != 0 {
                return Some((bits, base));
            }
        }
        None
    }

    /// The offset of the first.
    #[inline]
    fn first(mut self) -> Option<u64> {
        let (bits, base) = self.next()?;
        Some((base + i64::from(bits.trailing_zeros())).cast_unsigned())
    }

    fn count(mut self) -> u64 {
        let mut count = 0;
        while let Some((bits, _)) = self.next() {
            count += u64::from(bits.count_ones());
        }
        count
    }

    fn all(mut self) -> impl Iterator<Item = u64> {
        let mut now = (0, 0);
        std::iter::from_fn(move || {
            while now.0 == 0 {
                now = self.next()?;
            }
            let at = now.1 + i64::from(now.0.trailing_zeros());
            now.0 &= now.0 - 1;
            Some(at.cast_unsigned())
        })
    }
}

/// The maps tell of the text alone; a value elsewhere has no separators.
fn lies_in_text(ctx: &Context, work: &Work, at: u64) -> bool {
    let base = ctx.text as u64;
    at >= base && at < base + word(work.text.bytes())
}

/// The offset of the first separator that a map has in a value; its length if there is none.
fn until(ctx: &Context, map: *const u8, at: u64, length: u64) -> u64 {
    // SAFETY: the host's part of the context is there as long as compiled code runs, which is not using it now.
    let work = unsafe { &*ctx.host.cast::<Work>() };
    let length = if has(length) { length } else { 0 };
    if !lies_in_text(ctx, work, at) {
        return length;
    }
    Separators::of(map, ctx, at, length).first().unwrap_or(length)
}

pub unsafe extern "C" fn head(ctx: *mut Context, at: u64, length: u64) -> u64 {
    // SAFETY: compiled code passes on its context and does not use it meanwhile.
    let ctx = unsafe { &*ctx };
    until(ctx, ctx.separators, at, length)
}

pub unsafe extern "C" fn repetition(ctx: *mut Context, at: u64, length: u64) -> u64 {
    // SAFETY: as for `head`.
    let ctx = unsafe { &*ctx };
    until(ctx, ctx.repetitions, at, length)
}

/// The ends of the parts, behind the place before the first.
fn ends(ctx: &Context, map: *const u8, (at, length): (u64, u64), ends: &mut [u64]) {
    let mut room = ends.iter_mut();
    if let Some(first) = room.next() {
        *first = NONE;
    }
    let mut found = Separators::of(map, ctx, at, length);
    while let Some((mut bits, base)) = found.next() {
        while bits != 0 {
            let Some(end) = room.next() else { return };
            *end = (base + i64::from(bits.trailing_zeros())).cast_unsigned();
            bits &= bits - 1;
        }
    }
    room.zip(length..).for_each(|(end, at)| *end = at);
}

/// The first leaf of each part.
fn leaves(ctx: &Context, (at, length): (u64, u64), ends: &[u64], heads: &mut [u64]) {
    // Few values have parts of parts.
    let is_deep = ctx.flags & flags::BLANKS != 0 || Separators::of(ctx.subcomponents, ctx, at, length).next().is_some();
    for (head, bounds) in heads.iter_mut().zip(ends.windows(2)) {
        let [before, end] = *bounds else { continue };
        let start = before.wrapping_add(1);
        let whole = if start < length { end - start } else { 0 };
        let first = if is_deep { Separators::of(ctx.separators, ctx, at + start, whole).first() } else { None };
        *head = first.unwrap_or(whole);
    }
}

/// A slot of compiled code's stack.
fn slot<'s>(to: u64, words: usize) -> &'s mut [u64] {
    // SAFETY: compiled code gives the place of a slot that has so many words.
    unsafe { std::slice::from_raw_parts_mut(to as *mut u64, words) }
}

pub unsafe extern "C" fn components(ctx: *mut Context, at: u64, length: u64, count: u64, to: u64) -> u64 {
    // SAFETY: as for `head`.
    let ctx = unsafe { &*ctx };
    let count = usize::try_from(count).unwrap_or(0);
    let (to, heads) = slot(to, 2 * count + 1).split_at_mut(count + 1);
    let length = if has(length) { length } else { 0 };
    if !few(ctx, (at, length), to, heads) {
        ends(ctx, ctx.components, (at, length), to);
        leaves(ctx, (at, length), to, heads);
    }
    0
}

/// Of how many bytes a word of a map tells, wherever it begins.
const WINDOW: u64 = 56;

/// The ends and leaves of the parts of a value that two words of the maps tell of, and that has no parts of parts.
fn few(ctx: &Context, (at, length): (u64, u64), ends: &mut [u64], heads: &mut [u64]) -> bool {
    // A bit stays for each part, whether it is there or not. A blank that stands for white space ends its own leaf.
    let is_few = length <= 2 * WINDOW && length + word(ends.len()) < u64::from(u128::BITS);
    if !is_few || ctx.flags & flags::BLANKS != 0 {
        return false;
    }
    let start = usize::try_from(at.wrapping_sub(ctx.text as u64)).unwrap_or(0);
    let bits = |map: *const u8| {
        let half = |from: usize| {
            // SAFETY: the maps have a bit for each byte of the text, and sixteen bytes behind the last.
            let word = unsafe { map.add(from / 8).cast::<u64>().read_unaligned() };
            u128::from(word >> (from % 8) & !(u64::MAX << WINDOW))
        };
        half(start) | half(start + WINDOW as usize) << WINDOW
    };
    let beyond = u128::MAX << length;
    if bits(ctx.subcomponents) & !beyond != 0 {
        return false;
    }
    let mut found = bits(ctx.components) | beyond;
    let mut places = ends.iter_mut();
    if let Some(first) = places.next() {
        *first = NONE;
    }
    let mut from = 0;
    for (place, head) in places.zip(heads) {
        let end = u64::from(found.trailing_zeros());
        (*place, *head) = (end, end - from);
        from = end + 1;
        found &= found - 1;
    }
    true
}

pub unsafe extern "C" fn subcomponents(ctx: *mut Context, at: u64, length: u64, count: u64, to: u64) -> u64 {
    // SAFETY: as for `head`.
    let ctx = unsafe { &*ctx };
    let length = if has(length) { length } else { 0 };
    ends(ctx, ctx.subcomponents, (at, length), slot(to, usize::try_from(count).unwrap_or(0) + 1));
    0
}

/// Whether anything but separators is in a value. A null that is not its first leaf counts, though no byte is left of it.
fn is_present(ctx: &Context, work: &Work, at: u64, length: u64) -> bool {
    let count = |map| Separators::of(map, ctx, at, length).count();
    // A blank that stands for white space is among the separators and none.
    let are_apart = ctx.flags & flags::BLANKS == 0;
    let separators = || match are_apart {
        true => count(ctx.separators),
        false => count(ctx.components) + count(ctx.repetitions) + count(ctx.subcomponents),
    };
    let has_null = || {
        let place = |at: u64| usize::try_from(at.wrapping_sub(ctx.text as u64)).unwrap_or(usize::MAX);
        ctx.flags & flags::NULLS != 0 && work.text.has_null_within(place(at), place(at + length))
    };
    has(length) && (separators() < length || has_null())
}

pub unsafe extern "C" fn present(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, work| {
        u64::from(if lies_in_text(ctx, work, at) { is_present(ctx, work, at, length) } else { has(length) })
    })
}

pub unsafe extern "C" fn repeated(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, work| {
        let mut all = (1..).map_while(|n| repetition_of(ctx, at, length, n));
        u64::from(all.any(|(start, length)| is_present(ctx, work, at + start, length)))
    })
}

/// Whether a value without its repetitions is an explicit null: its first leaf was one, and nothing else is in it.
fn is_null(ctx: &Context, work: &Work, at: u64, length: u64) -> bool {
    let from = at.wrapping_sub(ctx.text as u64);
    usize::try_from(from).is_ok_and(|from| work.text.has_null(from)) && !is_present(ctx, work, at, length)
}

pub unsafe extern "C" fn null(ctx: *mut Context, at: u64, length: u64, repeats: u64) -> u64 {
    with(ctx, |ctx, work| {
        if repeats == 0 {
            return u64::from(is_null(ctx, work, at, length));
        }
        let mut all = (1..).map_while(|n| repetition_of(ctx, at, length, n));
        let mut any = all.any(|(start, length)| is_null(ctx, work, at + start, length));
        // A field of one null has no bytes left.
        any |= !has(length) && is_null(ctx, work, at, length);
        u64::from(any)
    })
}

/// The nth repetition, from 1, as offset and length.
fn repetition_of(ctx: &Context, at: u64, length: u64, n: usize) -> Option<(u64, u64)> {
    let length = if has(length) { length } else { return None };
    let bounds = [NONE].into_iter().chain(Separators::of(ctx.repetitions, ctx, at, length).all()).chain([length]);
    let mut bounds = bounds.skip(n.checked_sub(1)?);
    let (start, end) = (bounds.next()?.wrapping_add(1), bounds.next()?);
    Some((start, end - start))
}

pub unsafe extern "C" fn second(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, work| {
        let mut later = (2..).map_while(|n| repetition_of(ctx, at, length, n));
        let Some((start, length)) = later.find(|(start, length)| is_present(ctx, work, at + start, *length)) else {
            return 0;
        };
        let [place, ..] = &mut ctx.results;
        *place = at + start;
        length
    })
}

pub unsafe extern "C" fn nth(ctx: *mut Context, at: u64, length: u64, n: u64) -> u64 {
    with(ctx, |ctx, _| {
        let found = repetition_of(ctx, at, length, usize::try_from(n).unwrap_or(0));
        // One that is not there stands where nothing else does.
        let (place, length) = found.map_or((ctx.text as u64, 0), |(start, length)| (at + start, length));
        set_result(ctx, place);
        length
    })
}

pub unsafe extern "C" fn joined(ctx: *mut Context, group: u64, slot: u64) -> u64 {
    with(ctx, |_, work| work.structure.now().joined(group, slot).map_or(0, u64::from))
}
