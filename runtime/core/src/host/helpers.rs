//! The bodies of the helpers that compiled code calls: what its contract ([`emr_abi::Call`]) says of each.
//!
//! Here words become texts again. Each helper catches its panics: they are a fault of the message in hand.

mod trace;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use emr_abi::{Builtin, Context, Helpers, KeyValue, List, RESULTS_MAX, SLACK, Stop, Told, flags};
use emr_message::Place;
use emr_message::builtin::text;
use emr_message::convert::{Compare, Comparison, Invalid, Primitive, moment, order};
use emr_message::number::{Decimal, decimal};
use emr_message::time::Precision;

use super::dates::{Offsets, known_date};
use super::entries::{Ended, Out, Part, words};
use super::work::{Made, Raised, Region, Work, decoded, has_escape, is_same};

/// The table for a context.
pub const HELPERS: Helpers = Helpers {
    head,
    repetition,
    components,
    subcomponents,
    present,
    null,
    second,
    nth,
    joined,
    convert,
    date,
    date_time,
    bare,
    builtin,
    compare,
    matches,
    within,
    push,
    copy,
    emit_begin,
    emit_end,
    entries,
    reference,
    trace: trace::trace,
    untrace: trace::untrace,
    trace_moved: trace::trace_moved,
    trace_end: trace::trace_end,
    trace_entries: trace::trace_entries,
    issue,
    reject,
};

/// What -1 is as a word.
const NONE: u64 = u64::MAX;

/// Runs a helper's body with the context and the host's own part of it.
fn with(ctx: *mut Context, body: impl FnOnce(&mut Context, &mut Work) -> u64) -> u64 {
    // SAFETY: compiled code passes on the pointer that `Machine::run` gave it, and the machine holds the only reference to
    // that context and its `Work` for as long as the code runs; code does not use them while a helper does.
    let (ctx, work) = unsafe {
        let ctx = &mut *ctx;
        let work = &mut *ctx.host.cast::<Work>();
        (ctx, work)
    };
    let done = catch_unwind(AssertUnwindSafe(|| body(ctx, work)));
    done.unwrap_or_else(|_| {
        ctx.stop = Stop::Panic as u64;
        0
    })
}

/// The text of two words; empty if it is missing.
fn text_of<'t>(at: u64, length: u64) -> &'t str {
    if !has(length) {
        return "";
    }
    // SAFETY: a text of compiled code is a part of the message, of a constant or of the arena, all of which outlive the
    // helper, and begins and ends at a separator or where it was made: the bytes are whole characters.
    unsafe {
        let bytes = std::slice::from_raw_parts(at as *const u8, usize::try_from(length).unwrap_or(0));
        std::str::from_utf8_unchecked(bytes)
    }
}

/// Whether a length is that of a text that is there.
fn has(length: u64) -> bool {
    length.cast_signed() > 0
}

fn word(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(NONE)
}

/// A text as result: its place in the context, its length.
fn give(ctx: &mut Context, made: Made) -> u64 {
    let [at, ..] = &mut ctx.results;
    *at = made.at as u64;
    word(made.length)
}

fn given(ctx: &Context, index: usize) -> u64 {
    ctx.results.get(index).copied().unwrap_or(0)
}

/// The nth text that was handed over; `None` if it is missing.
fn argument<'t>(ctx: &Context, index: usize) -> Option<&'t str> {
    let (at, length) = (given(ctx, 2 * index), given(ctx, 2 * index + 1));
    has(length).then(|| text_of(at, length))
}

fn set_result(ctx: &mut Context, word: u64) {
    let [first, ..] = &mut ctx.results;
    *first = word;
}

fn stop(ctx: &mut Context, why: Stop) -> u64 {
    ctx.stop = why as u64;
    0
}

// ---- taking values apart

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

unsafe extern "C" fn head(ctx: *mut Context, at: u64, length: u64) -> u64 {
    // SAFETY: compiled code passes on its context and does not use it meanwhile.
    let ctx = unsafe { &*ctx };
    until(ctx, ctx.separators, at, length)
}

unsafe extern "C" fn repetition(ctx: *mut Context, at: u64, length: u64) -> u64 {
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

unsafe extern "C" fn components(ctx: *mut Context, at: u64, length: u64, count: u64, to: u64) -> u64 {
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
    // A bit stays for each part, whether it is there or not.
    if length > 2 * WINDOW || length + word(ends.len()) >= u64::from(u128::BITS) {
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

unsafe extern "C" fn subcomponents(ctx: *mut Context, at: u64, length: u64, count: u64, to: u64) -> u64 {
    // SAFETY: as for `head`.
    let ctx = unsafe { &*ctx };
    let length = if has(length) { length } else { 0 };
    ends(ctx, ctx.subcomponents, (at, length), slot(to, usize::try_from(count).unwrap_or(0) + 1));
    0
}

/// Whether anything but separators is in a value.
fn is_present(ctx: &Context, at: u64, length: u64) -> bool {
    let maps = [ctx.components, ctx.repetitions, ctx.subcomponents];
    let separators = || maps.map(|map| word(Separators::of(map, ctx, at, length).all().count())).iter().sum::<u64>();
    has(length) && separators() < length
}

unsafe extern "C" fn present(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, work| {
        u64::from(if lies_in_text(ctx, work, at) { is_present(ctx, at, length) } else { has(length) })
    })
}

/// Whether a value without its repetitions is an explicit null: its first leaf was one, and nothing else is in it.
fn is_null(ctx: &Context, work: &Work, at: u64, length: u64) -> bool {
    let from = at.wrapping_sub(ctx.text as u64);
    usize::try_from(from).is_ok_and(|from| work.text.has_null(from)) && !is_present(ctx, at, length)
}

unsafe extern "C" fn null(ctx: *mut Context, at: u64, length: u64, repeats: u64) -> u64 {
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

unsafe extern "C" fn second(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, _| {
        let mut later = (2..).map_while(|n| repetition_of(ctx, at, length, n));
        let Some((start, length)) = later.find(|(start, length)| is_present(ctx, at + start, *length)) else {
            return 0;
        };
        let [place, ..] = &mut ctx.results;
        *place = at + start;
        length
    })
}

unsafe extern "C" fn nth(ctx: *mut Context, at: u64, length: u64, n: u64) -> u64 {
    with(ctx, |ctx, _| {
        let found = repetition_of(ctx, at, length, usize::try_from(n).unwrap_or(0));
        // One that is not there stands where nothing else does.
        let (place, length) = found.map_or((ctx.text as u64, 0), |(start, length)| (at + start, length));
        set_result(ctx, place);
        length
    })
}

// ---- groups

unsafe extern "C" fn joined(ctx: *mut Context, group: u64, slot: u64) -> u64 {
    with(ctx, |_, work| work.structure.now().joined(group, slot).map_or(0, u64::from))
}

// ---- texts

fn primitive(ctx: *mut Context, at: u64, length: u64, make: impl FnOnce(&mut Work, &str) -> Option<Made>) -> u64 {
    with(ctx, |ctx, work| match make(work, text_of(at, length)) {
        Some(made) => give(ctx, made),
        None => NONE,
    })
}

unsafe extern "C" fn convert(ctx: *mut Context, into: u64, at: u64, length: u64) -> u64 {
    let into = usize::try_from(into).ok().and_then(|into| Primitive::ALL.get(into)).copied();
    let into = into.unwrap_or(Primitive::String);
    if is_same(text_of(at, length).as_bytes(), into) {
        // SAFETY: as for `head`.
        unsafe { (*ctx).results[0] = at };
        return length;
    }
    let quick = match into {
        Primitive::Instant if length > 8 => known(ctx, at, length, Offsets::known_date_time),
        _ => None,
    };
    quick.unwrap_or_else(|| primitive(ctx, at, length, |work, text| work.convert(text, into)))
}

unsafe extern "C" fn date(ctx: *mut Context, at: u64, length: u64) -> u64 {
    known(ctx, at, length, |_, text, room| known_date(text, room))
        .unwrap_or_else(|| primitive(ctx, at, length, |work, text| work.date(text, Primitive::Date)))
}

unsafe extern "C" fn date_time(ctx: *mut Context, at: u64, length: u64) -> u64 {
    known(ctx, at, length, Offsets::known_date_time)
        .unwrap_or_else(|| primitive(ctx, at, length, |work, text| work.date(text, Primitive::DateTime)))
}

/// A date of a common shape, where code writes texts of its own. Nothing in it can panic.
#[inline(always)]
fn known(
    ctx: *mut Context,
    at: u64,
    length: u64,
    read: impl FnOnce(&Offsets, &[u8], &mut [u8; 32]) -> Option<usize>,
) -> Option<u64> {
    // SAFETY: as for `with`.
    let (ctx, work) = unsafe {
        let ctx = &mut *ctx;
        let work = &*ctx.host.cast::<Work>();
        (ctx, work)
    };
    let at = text_of(at, length).as_bytes();
    if ctx.scratch.cast_const() >= ctx.scratch_end {
        return None;
    }
    // SAFETY: there are more writable bytes than that behind a place that is before the end of the scratch.
    let room = unsafe { &mut *ctx.scratch.cast::<[u8; 32]>() };
    let written = read(&work.dates, at, room)?;
    let made = Made { at: ctx.scratch, length: written };
    ctx.scratch = ctx.scratch.wrapping_add(written);
    Some(give(ctx, made))
}

unsafe extern "C" fn bare(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |_, _| {
        let text = text_of(at, length);
        u64::from(matches!(text, "true" | "false") || decimal(text).is_ok_and(|number| number == text))
    })
}

unsafe extern "C" fn builtin(ctx: *mut Context, function: u64, count: u64) -> u64 {
    with(ctx, |ctx, work| {
        let count = usize::try_from(count).unwrap_or(0);
        let function = usize::try_from(function).ok().and_then(|function| Builtin::ALL.get(function)).copied();
        let Some(function) = function else { return stop(ctx, Stop::Defer) };
        let called = match plain(ctx, function) {
            Some(called) => called,
            None => {
                let texts: [Option<Cow<str>>; RESULTS_MAX / 2] =
                    std::array::from_fn(|index| if index < count { argument(ctx, index).map(decoded) } else { None });
                called(work, function, &texts)
            }
        };
        match called {
            Ok(Called::Missing) => 0,
            Ok(Called::Truth(value)) => 1 + u64::from(value),
            Ok(Called::Part(text)) => give(ctx, Made { at: text.as_ptr(), length: text.len() }),
            Ok(Called::Text(text)) => {
                let made = work.made(&text);
                give(ctx, made)
            }
            Ok(Called::Count(count)) => {
                let made = work.counted(count);
                give(ctx, made)
            }
            Err(Invalid) => NONE,
        }
    })
}

/// The functions that look at the first text alone, where nothing in it stands for something else; `None` for all others.
fn plain<'t>(ctx: &Context, function: Builtin) -> Option<Result<Called<'t>, Invalid>> {
    let given = argument(ctx, 0).filter(|text| !has_escape(text.as_bytes()))?;
    let number = |index: usize| argument(ctx, index).and_then(|text| text.trim().parse().ok()).ok_or(Invalid);
    let part = |found: Option<&'t str>| found.map_or(Called::Missing, Called::Part);
    let both = |from: Result<i64, Invalid>| Ok(part(text::substring(given, from?, number(2)?)));
    match function {
        Builtin::length if given.is_ascii() => Some(Ok(Called::Count(given.len()))),
        Builtin::length => Some(Ok(Called::Count(text::length(given)))),
        Builtin::trim => Some(Ok(part(text::trim(given)))),
        Builtin::left => Some(number(1).map(|count| part(text::left(given, count)))),
        Builtin::right => Some(number(1).map(|count| part(text::right(given, count)))),
        Builtin::substring => Some(both(number(1))),
        _ => None,
    }
}

enum Called<'t> {
    Missing,
    Truth(bool),
    Part(&'t str),
    Count(usize),
    Text(String),
}

/// The functions over one text; those over lists compiled code does not call.
fn called<'t>(work: &mut Work, function: Builtin, arguments: &[Option<Cow<str>>]) -> Result<Called<'t>, Invalid> {
    let text = |index: usize| arguments.get(index).and_then(Option::as_deref);
    let Some(given) = text(0) else { return Ok(Called::Missing) };
    let needed = |index: usize| text(index).and_then(|text| text.trim().parse::<i64>().ok()).ok_or(Invalid);
    let found = match function {
        Builtin::length => return Ok(Called::Count(text::length(given))),
        Builtin::upper => Some(text::upper(given)),
        Builtin::lower => Some(text::lower(given)),
        Builtin::trim => text::trim(given).map(str::to_owned),
        Builtin::digits => text::digits(given),
        Builtin::left => text::left(given, needed(1)?).map(str::to_owned),
        Builtin::right => text::right(given, needed(1)?).map(str::to_owned),
        Builtin::substring => text::substring(given, needed(1)?, needed(2)?).map(str::to_owned),
        Builtin::replace | Builtin::extract => {
            let pattern = work.pattern(text(1).unwrap_or_default()).ok_or(Invalid)?;
            match function {
                Builtin::replace => text::replace(given, &pattern, text(2).unwrap_or_default()),
                _ => text::extract(given, &pattern).map(str::to_owned),
            }
        }
        Builtin::number => Some(decimal(given)?.into_owned()),
        Builtin::round => {
            let places = u32::try_from(needed(1)?).map_err(|_| Invalid)?;
            Some(Decimal::read(given)?.round(places)?.to_string())
        }
        Builtin::has_time => return Ok(Called::Truth(moment(given.trim())?.has_time())),
        Builtin::year => Some(moment(given.trim())?.year().to_string()),
        Builtin::truncate => {
            let to = Precision::named(text(1).unwrap_or_default()).ok_or(Invalid)?;
            Some(moment(given.trim())?.truncate(to).date_time(work.dates.zone())?)
        }
        Builtin::age => match text(1) {
            Some(day) => moment(given.trim())?.age(&moment(day.trim())?).map(|age| age.to_string()),
            None => None,
        },
        Builtin::base64 => Some(emr_message::builtin::bytes::base64(given.as_bytes())),
        Builtin::unhex => Some(emr_message::builtin::bytes::unhex(given).ok_or(Invalid)?),
        Builtin::size => Some(emr_message::builtin::bytes::size(given).ok_or(Invalid)?.to_string()),
        Builtin::sha1 => Some(emr_message::builtin::bytes::sha1(given).ok_or(Invalid)?),
        Builtin::pieces
        | Builtin::join
        | Builtin::min
        | Builtin::max
        | Builtin::sum
        | Builtin::count
        | Builtin::any
        | Builtin::all
        | Builtin::distinct
        | Builtin::minutes
        | Builtin::hours
        | Builtin::days
        | Builtin::uuid => None,
    };
    Ok(found.filter(|text| !text.is_empty()).map_or(Called::Missing, Called::Text))
}

unsafe extern "C" fn compare(
    ctx: *mut Context,
    op: u64,
    how: u64,
    left: u64,
    left_length: u64,
    right: u64,
    right_length: u64,
) -> u64 {
    with(ctx, |_, work| {
        let of = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let op = Compare::ALL.get(of(op)).copied().unwrap_or(Compare::Equal);
        let how = Comparison::ALL.get(of(how)).copied().unwrap_or(Comparison::Text);
        let order = (has(left_length) && has(right_length)).then(|| {
            let (left, right) = (text_of(left, left_length), text_of(right, right_length));
            if let (Comparison::Number, Some(left), Some(right)) = (how, small(left), small(right)) {
                return Some(left.cmp(&right));
            }
            let (left, right) = (decoded(left), decoded(right));
            order(&left, &right, how, work.dates.zone())
        });
        u64::from(op.holds(order.flatten()))
    })
}

/// A whole number of a few digits.
fn small(text: &str) -> Option<u32> {
    let digits = text.as_bytes();
    let is_small = digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
    is_small.then(|| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

unsafe extern "C" fn matches(ctx: *mut Context, pattern: u64, at: u64, length: u64) -> u64 {
    with(ctx, |_, work| {
        let pattern = usize::try_from(pattern).ok().and_then(|pattern| work.patterns.get(pattern));
        u64::from(
            pattern.and_then(Option::as_ref).is_some_and(|pattern| pattern.matches(&decoded(text_of(at, length)))),
        )
    })
}

unsafe extern "C" fn within(ctx: *mut Context, at: u64, length: u64, from: u64, to: u64) -> u64 {
    with(ctx, |_, _| {
        let number = text_of(at, length).parse::<u32>().map(u64::from);
        // No upper end is the highest number there is.
        u64::from(number.is_ok_and(|number| number >= from && number <= to))
    })
}

// ---- lists

/// The number of a list, by its place in the table.
fn list_number(ctx: &Context, list: u64) -> usize {
    let from = list.wrapping_sub(ctx.lists as u64);
    usize::try_from(from).unwrap_or(usize::MAX) / size_of::<List>()
}

unsafe extern "C" fn push(ctx: *mut Context, list: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| work.push(list_number(ctx, list), usize::try_from(words).unwrap_or(0)) as u64)
}

unsafe extern "C" fn copy(ctx: *mut Context, from: u64, to: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| {
        work.copy(list_number(ctx, from), list_number(ctx, to), usize::try_from(words).unwrap_or(0));
        0
    })
}

// ---- resources

unsafe extern "C" fn emit_begin(ctx: *mut Context, emit: u64, at: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = usize::try_from(emit).unwrap_or(usize::MAX);
        let begun = work.makers.get(number).and_then(|maker| {
            let message = &work.text;
            let digest = || message.digest();
            if maker.emit().key.is_empty() {
                return work.entries.begin(&work.makers, number, std::iter::empty(), digest);
            }
            let texts = key_texts(ctx, maker.emit());
            // A text that is there has a length.
            let text = |index: usize| texts.get(index).map(AsRef::as_ref).filter(|text| !text.is_empty());
            let parts = words(maker.emit()).map(|(value, from)| match value {
                KeyValue::Text => Part::Text(text(from)),
                KeyValue::Token => Part::Token(text(from), text(from + 2)),
                KeyValue::Reference => Part::Entry(usize::try_from(given(ctx, from)).ok()),
            });
            work.entries.begin(&work.makers, number, parts, digest)
        });
        let Some(entry) = begun else {
            set_result(ctx, 0);
            return stop(ctx, Stop::Defer);
        };
        ctx.references = work.entries.references.as_ptr();
        let place = match &work.region {
            Some(region) => {
                ctx.limit = region.limit as *const u8;
                written(ctx, work, region.filled as u64, |work, out| work.entries.open(entry, out))
            }
            None => at,
        };
        set_result(ctx, place);
        word(entry)
    })
}

/// The texts of a key, as they are without JSON's escapes.
fn key_texts<'t>(ctx: &Context, emit: &emr_abi::Emit) -> [Cow<'t, str>; RESULTS_MAX] {
    let mut texts = [const { Cow::Borrowed("") }; RESULTS_MAX];
    for (value, from) in words(emit) {
        let each: &[usize] = match value {
            KeyValue::Text => &[0],
            KeyValue::Token => &[0, 2],
            KeyValue::Reference => &[],
        };
        for index in each.iter().map(|more| from + more) {
            if let Some(text) = texts.get_mut(index) {
                *text = decoded(text_of(given(ctx, index), given(ctx, index + 1)));
            }
        }
    }
    texts
}

unsafe extern "C" fn emit_end(ctx: *mut Context, entry: u64, from: u64, to: u64) -> u64 {
    with(ctx, |ctx, work| {
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        // SAFETY: compiled code wrote all bytes from the one place of output to the other.
        let body = unsafe { std::slice::from_raw_parts(from as *const u8, length) };
        let index = usize::try_from(entry).unwrap_or(usize::MAX);
        let ended = work.entries.end(index, body);
        if let Some(region) = work.region {
            if matches!(ended, Ended::Entry(same) if same == index) {
                // The close goes over the comma behind the resource.
                let body = body.strip_suffix(b",").unwrap_or(body);
                let end = written(ctx, work, body.as_ptr_range().end as u64, |work, out| {
                    work.entries.close(&work.makers, index, region.requests, out);
                });
                // Without room for it the message begins anew.
                if end > 0 {
                    work.region = Some(Region { filled: end as usize, ..region });
                }
            }
            ctx.limit = region.head_limit as *const u8;
        }
        match ended {
            Ended::Entry(entry) => word(entry),
            Ended::Nothing => NONE,
            Ended::Differs => stop(ctx, Stop::Defer),
        }
    })
}

/// Writes at a place of output as far as there is room; the place behind it, or 0 with [`Stop::Room`].
fn written(ctx: &mut Context, work: &mut Work, to: u64, write: impl FnOnce(&Work, &mut Out)) -> u64 {
    let left = (ctx.limit as usize + SLACK).saturating_sub(usize::try_from(to).unwrap_or(usize::MAX));
    // SAFETY: the output has `SLACK` behind the limit at least, and code is inside a helper.
    let room = unsafe { std::slice::from_raw_parts_mut(to as *mut u8, left) };
    let mut out = Out { room, length: 0 };
    write(work, &mut out);
    let (fits, length) = (out.fits(), out.length);
    if fits && to + word(length) <= ctx.limit as u64 {
        return to + word(length);
    }
    work.wanted = length;
    stop(ctx, Stop::Room)
}

unsafe extern "C" fn entries(ctx: *mut Context, to: u64, requests: u64) -> u64 {
    with(ctx, |ctx, work| match work.region {
        Some(region) => word(in_place(ctx, work, region, usize::try_from(to).unwrap_or(0))),
        None => written(ctx, work, to, |work, out| work.entries.write(&work.makers, requests != 0, out, |_, _| {})),
    })
}

/// The entries stand already: what was written before them is moved there.
fn in_place(ctx: &mut Context, work: &mut Work, region: Region, to: usize) -> usize {
    const OPEN: &[u8] = b"\"entry\":[";
    if region.filled == region.from {
        return to;
    }
    let head = to - work.start;
    let start = region.from - OPEN.len() - head;
    // SAFETY: what stands before the region is the machine's own, and longer than the head that was written there and the
    // text that opens the entries; behind the last entry is a comma, and `SLACK`.
    unsafe {
        std::ptr::copy(work.start as *const u8, start as *mut u8, head);
        std::ptr::copy_nonoverlapping(OPEN.as_ptr(), (start + head) as *mut u8, OPEN.len());
        *((region.filled - 1) as *mut u8) = b']';
        *(region.filled as *mut u8) = b',';
    }
    work.start = start;
    ctx.limit = region.limit as *const u8;
    region.filled + 1
}

unsafe extern "C" fn reference(ctx: *mut Context, to: u64, entry: u64) -> u64 {
    with(ctx, |ctx, work| {
        written(ctx, work, to, |work, out| {
            out.add(b"{\"reference\":\"");
            if let Some(id) = usize::try_from(entry).ok().and_then(|entry| work.entries.spelled(entry)) {
                out.add(b"urn:uuid:");
                out.add(id);
            }
            out.add(b"\"}");
        })
    })
}

// ---- what is said

/// The place that words tell; `Err` where it cannot be found.
fn place(work: &Work, told: u64, at: u64, level: u64, path: u64) -> Result<Option<Place>, ()> {
    let [field, repetition, component, subcomponent] = [48, 32, 16, 0].map(|shift| (path >> shift) & 0xffff);
    let narrow = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    if told == Told::Nowhere as u64 {
        return Ok(None);
    }
    if told == Told::Segment as u64 {
        let Some(index) = at.checked_sub(1) else { return Ok(None) };
        let found = work.place(u32::try_from(index).unwrap_or(u32::MAX));
        return Ok(found.map(|place| Place {
            field: narrow(field),
            repetition: u32::from(narrow(repetition)),
            component: narrow(component),
            subcomponent: narrow(subcomponent),
            ..place
        }));
    }
    if told == Told::Origin as u64 {
        return trace::origin(work, at);
    }
    let mut place = at_level(work.text.place(at as *const u8).ok_or(())?, level);
    if told == Told::Below as u64 {
        if repetition > 0 {
            place.repetition = u32::from(narrow(repetition));
        }
        if component > 0 {
            place.component = narrow(component);
        }
        if subcomponent > 0 {
            place.subcomponent = narrow(subcomponent);
        }
    }
    Ok(Some(place))
}

/// A place no narrower than a level: field, repetition, component or subcomponent.
fn at_level(place: Place, level: u64) -> Place {
    Place {
        repetition: if level < 1 { 0 } else { place.repetition },
        component: if level < 2 { 0 } else { place.component },
        subcomponent: if level < 3 { 0 } else { place.subcomponent },
        ..place
    }
}

unsafe extern "C" fn issue(ctx: *mut Context, issue: u64, told: u64, at: u64, level: u64, path: u64) -> u64 {
    with(ctx, |ctx, work| match place(work, told, at, level, path) {
        Ok(place) => {
            work.raise(u32::try_from(issue).unwrap_or(u32::MAX), place);
            0
        }
        Err(()) => stop(ctx, Stop::Defer),
    })
}

unsafe extern "C" fn reject(ctx: *mut Context, issue: u64, told: u64, at: u64, level: u64, path: u64) -> u64 {
    with(ctx, |ctx, work| match place(work, told, at, level, path) {
        // What was left to the interpreter before stays with it.
        Ok(place) if ctx.stop == Stop::None as u64 => {
            work.refusal = Some(Raised { issue: u32::try_from(issue).unwrap_or(u32::MAX), place });
            stop(ctx, Stop::Refused)
        }
        _ => stop(ctx, Stop::Defer),
    })
}
