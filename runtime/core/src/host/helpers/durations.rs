//! Durations: words of milliseconds, [`MISSING`] where there is none.

use emr_abi::{Builtin, Context, Stop};
use emr_message::convert::{Invalid, milliseconds as read, moment};
use emr_message::number::Decimal;
use emr_message::time::Span;

use super::{NONE, argument, arithmetic, function, give, plain_text, set_result, stop, with};
use crate::host::work::{Work, decoded};

const MISSING: i64 = i64::MIN;

/// A duration as result, and whether it could be made of what was given.
fn give_duration(ctx: &mut Context, made: Result<Option<i64>, Invalid>) -> u64 {
    set_result(ctx, u64::from(made.is_err()));
    match made {
        // Nothing else may stand for one that is missing.
        Ok(Some(MISSING)) => stop(ctx, Stop::Defer),
        Ok(Some(millis)) => millis.cast_unsigned(),
        Ok(None) | Err(Invalid) => MISSING.cast_unsigned(),
    }
}

/// A word as a duration.
fn known(word: u64) -> Option<i64> {
    Some(word.cast_signed()).filter(|millis| *millis != MISSING)
}

pub unsafe extern "C" fn milliseconds(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, _| {
        let text = plain_text(at, length);
        let trimmed = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        give_duration(ctx, trimmed.map(read).transpose())
    })
}

pub unsafe extern "C" fn duration(ctx: *mut Context, number: u64, count: u64) -> u64 {
    with(ctx, |ctx, work| {
        let [first, second] = [0, 1].map(|index| {
            let is_given = u64::try_from(index).is_ok_and(|index| index < count);
            if is_given { argument(ctx, index).map(decoded) } else { None }
        });
        let Some(first) = first else { return give_duration(ctx, Ok(None)) };
        let made = match function(number) {
            Some(Builtin::minutes) => counted(&first, Span::minutes),
            Some(Builtin::hours) => counted(&first, Span::hours),
            Some(Builtin::days) => counted(&first, Span::days),
            Some(Builtin::duration) => second.map(|second| between(work, &first, &second)).transpose(),
            _ => return stop(ctx, Stop::Defer),
        };
        give_duration(ctx, made)
    })
}

/// So many of a unit.
fn counted(text: &str, unit: fn(Decimal) -> Option<Span>) -> Result<Option<i64>, Invalid> {
    unit(Decimal::read(text)?).map(|span| Some(span.millis)).ok_or(Invalid)
}

/// From one time to another.
fn between(work: &Work, from: &str, to: &str) -> Result<i64, Invalid> {
    Ok(moment(to.trim())?.since(&moment(from.trim())?, work.dates.zone())?.millis)
}

pub unsafe extern "C" fn in_minutes(ctx: *mut Context, duration: u64) -> u64 {
    with(ctx, |ctx, work| match known(duration) {
        Some(millis) => {
            let made = work.made(&Span { millis }.in_minutes().to_string());
            give(ctx, made)
        }
        None => 0,
    })
}

pub unsafe extern "C" fn durations(ctx: *mut Context, op: u64, left: u64, right: u64) -> u64 {
    with(ctx, |ctx, _| {
        let both = known(left).zip(known(right));
        give_duration(ctx, both.map(|(left, right)| arithmetic(op)?.of_durations(left, right)).transpose())
    })
}

pub unsafe extern "C" fn scaled(ctx: *mut Context, op: u64, duration: u64, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, _| {
        let both = known(duration).zip(plain_text(at, length));
        give_duration(ctx, both.map(|(millis, by)| arithmetic(op)?.of_duration_and_number(millis, &by)).transpose())
    })
}

pub unsafe extern "C" fn moved(ctx: *mut Context, op: u64, at: u64, length: u64, by: u64) -> u64 {
    with(ctx, |ctx, work| {
        let Some((text, by)) = plain_text(at, length).zip(known(by)) else { return 0 };
        match arithmetic(op).and_then(|op| op.of_time_and_duration(&text, by, work.dates.zone())) {
            Ok(text) => {
                let made = work.made(&text);
                give(ctx, made)
            }
            Err(Invalid) => NONE,
        }
    })
}
