//! The bodies of the helpers that compiled code calls: what its contract ([`emr_abi::Call`]) says of each.
//!
//! Here words become texts again. Each helper catches its panics: they are a fault of the message in hand.

mod contained;
mod durations;
mod lists;
mod nodes;
mod parts;
mod resources;
mod said;
mod tables;
mod texts;
mod trace;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use emr_abi::{Builtin, Context, Helpers, Stop};
use emr_message::convert::{Arithmetic, Invalid};

use super::work::{Made, Work, decoded};
use parts::{components, head, joined, nth, null, present, repeated, repetition, second, subcomponents};
use resources::{emit_begin, emit_end, entries, place, reference, segment};
use said::{issue, reject};
use texts::{
    bare, builtin, calculate, compare, convert, counted, date, date_time, matches, receipt, untrimmed, within,
};

/// The table for a context.
pub const HELPERS: Helpers = Helpers {
    head,
    repetition,
    components,
    subcomponents,
    present,
    repeated,
    null,
    second,
    nth,
    joined,
    untrimmed,
    convert,
    date,
    date_time,
    bare,
    builtin,
    calculate,
    counted,
    receipt,
    compare,
    matches,
    within,
    lookup: tables::lookup,
    lookup_code: tables::lookup_code,
    milliseconds: durations::milliseconds,
    duration: durations::duration,
    in_minutes: durations::in_minutes,
    durations: durations::durations,
    scaled: durations::scaled,
    moved: durations::moved,
    push: lists::push,
    truths: lists::truths,
    copy: lists::copy,
    over: lists::over,
    chosen: lists::chosen,
    distinct: lists::distinct,
    pieces: lists::pieces,
    keyed: lists::keyed,
    groups: lists::groups,
    group: lists::group,
    element: nodes::element,
    of_type: nodes::of_type,
    is_there: nodes::is_there,
    is_live: nodes::is_live,
    leaf: nodes::leaf,
    first_item: nodes::first_item,
    nth_item: nodes::nth_item,
    items: nodes::items,
    several: nodes::several,
    identity: nodes::identity,
    resolved: nodes::resolved,
    json: nodes::json,
    json_items: nodes::json_items,
    emit_begin,
    emit_end,
    refer: resources::refer,
    copied: resources::copied,
    entries,
    reference,
    contain_begin: contained::contain_begin,
    contain: contained::contain,
    contain_end: contained::contain_end,
    contain_level: contained::contain_level,
    contain_back: contained::contain_back,
    inside: contained::inside,
    forget: resources::forget,
    unlike: resources::unlike,
    edit: resources::edit,
    segment,
    place,
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
    // SAFETY: a text of compiled code is a part of what came, of a constant or of the arena, all of which outlive the
    // helper, and begins and ends at a separator or where it was made: the bytes are whole characters.
    unsafe {
        let bytes = std::slice::from_raw_parts(at as *const u8, usize::try_from(length).unwrap_or(0));
        std::str::from_utf8_unchecked(bytes)
    }
}

/// A text without JSON's escapes; `None` if it is missing.
fn plain_text<'t>(at: u64, length: u64) -> Option<Cow<'t, str>> {
    has(length).then(|| decoded(text_of(at, length)))
}

/// What compiled code wrote from one place of output to another.
fn output<'o>(from: u64, to: u64) -> &'o [u8] {
    let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    // SAFETY: compiled code wrote all bytes from the one place of output to the other.
    unsafe { std::slice::from_raw_parts(from as *const u8, length) }
}

/// A function of the library by its number in the plan.
fn function(number: u64) -> Option<Builtin> {
    usize::try_from(number).ok().and_then(|number| Builtin::ALL.get(number)).copied()
}

/// What is calculated, by its number in the plan.
fn arithmetic(number: u64) -> Result<Arithmetic, Invalid> {
    usize::try_from(number).ok().and_then(|number| Arithmetic::ALL.get(number)).copied().ok_or(Invalid)
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
