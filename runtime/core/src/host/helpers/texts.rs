//! Texts: conversions, functions, comparisons.

use std::borrow::Cow;

use emr_abi::{Builtin, Context, RESULTS_MAX, Stop};
use emr_message::Zone;
use emr_message::builtin::text;
use emr_message::convert::{Compare, Comparison, Invalid, Primitive, moment, order};
use emr_message::number::{Decimal, decimal, marked};
use emr_message::receipt::Part;
use emr_message::time::Precision;
use emr_message::time::pattern::Pattern;

use super::{NONE, argument, arithmetic, function, give, given, has, stop, text_of, with};
use crate::host::dates::{Offsets, known_date};
use crate::host::work::{Made, Work, decoded, has_escape, is_same};

fn primitive(ctx: *mut Context, at: u64, length: u64, make: impl FnOnce(&mut Work, &str) -> Option<Made>) -> u64 {
    with(ctx, |ctx, work| match make(work, text_of(at, length)) {
        Some(made) => give(ctx, made),
        None => NONE,
    })
}

pub unsafe extern "C" fn untrimmed(ctx: *mut Context, at: u64, length: u64, whole: u64) -> u64 {
    with(ctx, |ctx, work| {
        // What is not there may stand where another begins.
        let text = work.text.untrimmed(at as *const u8).filter(|_| has(whole)).map(str::to_owned);
        let made = match text {
            Some(text) => work.made(&text),
            None => Made { at: at as *const u8, length: usize::try_from(length.cast_signed()).unwrap_or(0) },
        };
        give(ctx, made)
    })
}

pub unsafe extern "C" fn convert(ctx: *mut Context, into: u64, at: u64, length: u64) -> u64 {
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

pub unsafe extern "C" fn date(ctx: *mut Context, at: u64, length: u64) -> u64 {
    known(ctx, at, length, |_, text, room| known_date(text, room))
        .unwrap_or_else(|| primitive(ctx, at, length, |work, text| work.date(text, Primitive::Date)))
}

pub unsafe extern "C" fn date_time(ctx: *mut Context, at: u64, length: u64) -> u64 {
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

pub unsafe extern "C" fn bare(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |_, _| {
        let text = text_of(at, length);
        let is_number = || decimal(text).is_ok_and(|number| number == text);
        u64::from(is_same(text.as_bytes(), Primitive::Decimal) || matches!(text, "true" | "false") || is_number())
    })
}

pub unsafe extern "C" fn builtin(ctx: *mut Context, number: u64, count: u64) -> u64 {
    with(ctx, |ctx, work| {
        // What is asked for most.
        if number == Builtin::length as u64
            && let Some(length) = length_in_ascii(given(ctx, 0), given(ctx, 1))
        {
            let made = work.counted(length);
            return give(ctx, made);
        }
        let count = usize::try_from(count).unwrap_or(0);
        let Some(function) = function(number) else { return stop(ctx, Stop::Defer) };
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

pub unsafe extern "C" fn calculate(
    ctx: *mut Context,
    op: u64,
    left: u64,
    left_length: u64,
    right: u64,
    right_length: u64,
) -> u64 {
    with(ctx, |ctx, work| {
        if !has(left_length) || !has(right_length) {
            return 0;
        }
        let (left, right) = (decoded(text_of(left, left_length)), decoded(text_of(right, right_length)));
        match arithmetic(op).and_then(|op| op.of_numbers(&left, &right)) {
            Ok(number) => {
                let made = work.made(&number.to_string());
                give(ctx, made)
            }
            Err(_) => NONE,
        }
    })
}

pub unsafe extern "C" fn counted(ctx: *mut Context, number: u64) -> u64 {
    with(ctx, |ctx, work| {
        let made = work.counted(usize::try_from(number).unwrap_or(0));
        give(ctx, made)
    })
}

pub unsafe extern "C" fn receipt(ctx: *mut Context, part: u64) -> u64 {
    with(ctx, |ctx, work| {
        let part = usize::try_from(part).ok().and_then(|part| Part::ALL.get(part)).copied();
        let text = part.and_then(|part| work.receipt.text(part, || work.text.digest()));
        match text.filter(|text| !text.is_empty()) {
            Some(text) => {
                let made = work.made(&text);
                give(ctx, made)
            }
            None => 0,
        }
    })
}

/// The functions that look at the first text alone, where nothing in it stands for something else; `None` for all others.
fn plain<'t>(ctx: &Context, function: Builtin) -> Option<Result<Called<'t>, Invalid>> {
    let given = argument(ctx, 0).filter(|text| !has_escape(text.as_bytes()))?;
    let number = |index: usize| match argument(ctx, index).map(str::as_bytes) {
        Some(&[digit @ b'0'..=b'9']) => Ok(i64::from(digit - b'0')),
        text => text.and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok()).ok_or(Invalid),
    };
    let part = |found: Option<&'t str>| found.map_or(Called::Missing, Called::Part);
    let both = |from: Result<i64, Invalid>| Ok(part(text::substring(given, from?, number(2)?)));
    match function {
        Builtin::number if is_same(given.as_bytes(), Primitive::Decimal) => Some(Ok(Called::Part(given))),
        Builtin::length => Some(Ok(Called::Count(text::length(given)))),
        Builtin::trim => Some(Ok(part(text::trim(given)))),
        Builtin::left => Some(number(1).map(|count| part(text::left(given, count)))),
        Builtin::right => Some(number(1).map(|count| part(text::right(given, count)))),
        Builtin::substring => Some(both(number(1))),
        _ => None,
    }
}

/// How many characters a text has in which each byte is one.
fn length_in_ascii(at: u64, length: u64) -> Option<usize> {
    let text = text_of(at, length).as_bytes();
    (!text.is_empty() && text.is_ascii() && !has_escape(text)).then_some(text.len())
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
        Builtin::search_value => Some(text::search_value(given)),
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
        Builtin::pad => Some(text::pad(given, needed(1)?, text(2).unwrap_or_default()).ok_or(Invalid)?),
        Builtin::number => Some(match text(1) {
            Some(mark) => marked(given, mark)?,
            None => decimal(given)?.into_owned(),
        }),
        Builtin::round => {
            let places = u32::try_from(needed(1)?).map_err(|_| Invalid)?;
            Some(Decimal::read(given)?.round(places)?.to_string())
        }
        Builtin::has_time => return Ok(Called::Truth(moment(given.trim())?.has_time())),
        Builtin::year => Some(moment(given.trim())?.year().to_string()),
        Builtin::truncate => {
            let to = Precision::named(text(1).unwrap_or_default()).ok_or(Invalid)?;
            Some(moment(given.trim())?.truncate(to).written(work.dates.zone()))
        }
        Builtin::parse => Some(Pattern::new(text(1).unwrap_or_default()).map_err(|_| Invalid)?.parse(given)?),
        Builtin::format => {
            let pattern = Pattern::new(text(1).unwrap_or_default()).map_err(|_| Invalid)?;
            pattern.format(given, work.dates.zone())?
        }
        Builtin::in_zone => match text(1) {
            Some(name) => {
                let zone = Zone::named(name.trim()).map_err(|_| Invalid)?;
                Some(moment(given.trim())?.date_time(Some(&zone))?)
            }
            None => None,
        },
        Builtin::age => match text(1) {
            Some(day) => moment(given.trim())?.age(&moment(day.trim())?).map(|age| age.to_string()),
            None => None,
        },
        Builtin::base64 => Some(emr_message::builtin::bytes::base64(given.as_bytes())),
        Builtin::unhex => Some(emr_message::builtin::bytes::unhex(given).ok_or(Invalid)?),
        Builtin::text_of => Some(emr_message::builtin::bytes::text_of(given, text(1)).ok_or(Invalid)?),
        Builtin::convert_units => match (text(1), text(2)) {
            (Some(from), Some(to)) => {
                Some(emr_message::ucum::convert(given, from.trim(), to.trim()).map_err(|_| Invalid)?)
            }
            _ => None,
        },
        Builtin::size => Some(emr_message::builtin::bytes::size(given).ok_or(Invalid)?.to_string()),
        Builtin::sha1 => Some(emr_message::builtin::bytes::sha1(given).ok_or(Invalid)?),
        Builtin::pseudonym => {
            let key = work.secrets.get(text(1).unwrap_or_default()).ok_or(Invalid)?;
            Some(emr_message::builtin::bytes::pseudonym(given, key).ok_or(Invalid)?)
        }
        Builtin::pieces
        | Builtin::join
        | Builtin::min
        | Builtin::max
        | Builtin::sum
        | Builtin::count
        | Builtin::any
        | Builtin::all
        | Builtin::distinct
        | Builtin::resolve
        | Builtin::system_of
        | Builtin::display
        | Builtin::position
        | Builtin::er7
        | Builtin::raw
        | Builtin::duration
        | Builtin::in_minutes
        | Builtin::minutes
        | Builtin::hours
        | Builtin::days
        | Builtin::uuid => None,
    };
    Ok(found.filter(|text| !text.is_empty()).map_or(Called::Missing, Called::Text))
}

pub unsafe extern "C" fn compare(
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

pub unsafe extern "C" fn matches(ctx: *mut Context, pattern: u64, at: u64, length: u64) -> u64 {
    with(ctx, |_, work| {
        let pattern = usize::try_from(pattern).ok().and_then(|pattern| work.patterns.get(pattern)?.as_ref());
        let Some(pattern) = pattern else { return 0 };
        let text = text_of(at, length);
        let plainly = pattern.matches_plainly(text.as_bytes());
        u64::from(plainly.unwrap_or_else(|| pattern.matches(&decoded(text))))
    })
}

pub unsafe extern "C" fn within(ctx: *mut Context, at: u64, length: u64, from: u64, to: u64) -> u64 {
    with(ctx, |_, _| {
        let number = text_of(at, length).parse::<u32>().map(u64::from);
        // No upper end is the highest number there is.
        u64::from(number.is_ok_and(|number| number >= from && number <= to))
    })
}
