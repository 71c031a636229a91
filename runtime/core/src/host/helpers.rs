//! The bodies of the helpers that compiled code calls: what its contract ([`emr_abi::Call`]) says of each.
//!
//! Here words become texts again. Each helper catches its panics: they are a fault of the message in hand.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use emr_abi::{Builtin, Context, Helpers, KeyValue, List, RESULTS_MAX, Stop, Told};
use emr_message::Place;
use emr_message::builtin::text;
use emr_message::convert::{Compare, Comparison, Invalid, Primitive, moment, order};
use emr_message::number::{Decimal, decimal};
use emr_message::time::Precision;

use super::entries::{Ended, Out, Part, words};
use super::work::{Made, Raised, Work, decoded, member as next_member};

/// The table for a context.
pub const HELPERS: Helpers = Helpers {
    head,
    repetition,
    components,
    subcomponents,
    present,
    second,
    nth,
    member,
    joined,
    convert,
    date,
    date_time,
    bare,
    join,
    append,
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

fn stop(ctx: &mut Context, why: Stop) -> u64 {
    ctx.stop = why as u64;
    0
}

// ---- taking values apart

/// Which separators, by their bit.
#[derive(Clone, Copy)]
enum Of {
    Components,
    Repetitions,
    Subcomponents,
    All,
}

/// The offsets in a value of the separators that the map has.
fn separators(ctx: &Context, at: u64, length: u64, of: Of) -> impl Iterator<Item = u64> {
    let map = match of {
        Of::Components => ctx.components,
        Of::Repetitions => ctx.repetitions,
        Of::Subcomponents => ctx.subcomponents,
        Of::All => ctx.separators,
    };
    let first = at.wrapping_sub(ctx.text as u64);
    let length = if has(length) { length } else { 0 };
    let byte = move |index: u64| -> u8 {
        let offset = usize::try_from(index / 8).unwrap_or(0);
        // SAFETY: the maps have a bit for each byte of the text, and a value lies in the text.
        unsafe { *map.add(offset) }
    };
    let mut index = first;
    std::iter::from_fn(move || {
        while index < first + length {
            let bits = byte(index) >> (index % 8);
            if bits == 0 {
                index = (index / 8 + 1) * 8;
                continue;
            }
            index += u64::from(bits.trailing_zeros());
            if index >= first + length {
                return None;
            }
            index += 1;
            return Some(index - 1 - first);
        }
        None
    })
}

/// The maps tell of the text alone; a value elsewhere has no separators.
fn lies_in_text(ctx: &Context, work: &Work, at: u64) -> bool {
    let base = ctx.text as u64;
    at >= base && at < base + word(work.text.bytes())
}

fn until(ctx: *mut Context, at: u64, length: u64, of: Of) -> u64 {
    with(ctx, |ctx, work| {
        if !lies_in_text(ctx, work, at) {
            return if has(length) { length } else { 0 };
        }
        separators(ctx, at, length, of).next().unwrap_or(if has(length) { length } else { 0 })
    })
}

unsafe extern "C" fn head(ctx: *mut Context, at: u64, length: u64) -> u64 {
    until(ctx, at, length, Of::All)
}

unsafe extern "C" fn repetition(ctx: *mut Context, at: u64, length: u64) -> u64 {
    until(ctx, at, length, Of::Repetitions)
}

/// The ends of the parts, and the first leaves if they are asked for.
fn parts(ctx: *mut Context, value: (u64, u64), count: u64, to: u64, of: Of, leaves: bool) -> u64 {
    with(ctx, |ctx, _| {
        let (at, length) = value;
        let count = usize::try_from(count).unwrap_or(0);
        let size = if leaves { 2 * count + 1 } else { count + 1 };
        // SAFETY: compiled code gives the place of a slot of its stack that has so many words.
        let slot = unsafe { std::slice::from_raw_parts_mut(to as *mut u64, size) };
        let (ends, heads) = slot.split_at_mut(count + 1);
        let length = if has(length) { length } else { 0 };
        let found = separators(ctx, at, length, of);
        let mut past = length;
        let beyond = std::iter::from_fn(|| {
            past += 1;
            Some(past - 1)
        });
        let all = [NONE].into_iter().chain(found).chain(beyond);
        ends.iter_mut().zip(all).for_each(|(end, at)| *end = at);
        for (head, bounds) in heads.iter_mut().zip(ends.windows(2)) {
            let [before, end] = *bounds else { continue };
            let start = before.wrapping_add(1);
            *head = if start < length {
                separators(ctx, at + start, end - start, Of::All).next().unwrap_or(end - start)
            } else {
                0
            };
        }
        0
    })
}

unsafe extern "C" fn components(ctx: *mut Context, at: u64, length: u64, count: u64, to: u64) -> u64 {
    parts(ctx, (at, length), count, to, Of::Components, true)
}

unsafe extern "C" fn subcomponents(ctx: *mut Context, at: u64, length: u64, count: u64, to: u64) -> u64 {
    parts(ctx, (at, length), count, to, Of::Subcomponents, false)
}

/// Whether anything but separators is in a value.
fn is_present(ctx: &Context, at: u64, length: u64) -> bool {
    has(length) && word(separators(ctx, at, length, Of::All).count()) < length
}

unsafe extern "C" fn present(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, work| {
        u64::from(if lies_in_text(ctx, work, at) { is_present(ctx, at, length) } else { has(length) })
    })
}

/// The nth repetition, from 1, as offset and length.
fn repetition_of(ctx: &Context, at: u64, length: u64, n: usize) -> Option<(u64, u64)> {
    let length = if has(length) { length } else { return None };
    let bounds = [NONE].into_iter().chain(separators(ctx, at, length, Of::Repetitions)).chain([length]);
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
        let (start, length) = repetition_of(ctx, at, length, usize::try_from(n).unwrap_or(0)).unwrap_or((0, 0));
        let [place, ..] = &mut ctx.results;
        *place = at + start;
        length
    })
}

// ---- groups

unsafe extern "C" fn member(ctx: *mut Context, group: u64, node: u64, after: u64) -> u64 {
    with(ctx, |_, work| {
        let known = work.structure.now();
        u64::from(next_member(&known.groups, &known.members, group, node, after))
    })
}

unsafe extern "C" fn joined(ctx: *mut Context, group: u64, node: u64) -> u64 {
    with(ctx, |_, work| {
        let known = work.structure.now();
        let number = usize::try_from(group.wrapping_add(1)).unwrap_or(usize::MAX);
        if known.groups.get(number).is_none_or(|group| group.joined == 0) {
            return 0;
        }
        let next = |after| u64::from(next_member(&known.groups, &known.members, group, node, after));
        let second = usize::try_from(next(next(u64::from(emr_abi::Member::NONE)))).unwrap_or(usize::MAX);
        known.members.get(second).map_or(0, |member| u64::from(member.item))
    })
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
    primitive(ctx, at, length, |work, text| work.convert(text, into.unwrap_or(Primitive::String)))
}

unsafe extern "C" fn date(ctx: *mut Context, at: u64, length: u64) -> u64 {
    primitive(ctx, at, length, |work, text| work.date(text, Primitive::Date))
}

unsafe extern "C" fn date_time(ctx: *mut Context, at: u64, length: u64) -> u64 {
    primitive(ctx, at, length, |work, text| work.date(text, Primitive::DateTime))
}

unsafe extern "C" fn bare(ctx: *mut Context, at: u64, length: u64) -> u64 {
    with(ctx, |_, _| {
        let text = text_of(at, length);
        u64::from(matches!(text, "true" | "false") || decimal(text).is_ok_and(|number| number == text))
    })
}

unsafe extern "C" fn join(ctx: *mut Context, count: u64) -> u64 {
    with(ctx, |ctx, work| {
        let count = usize::try_from(count).unwrap_or(0);
        let texts = (0..count).map(|index| argument(ctx, index));
        if texts.clone().any(|text| text.is_none()) {
            return 0;
        }
        let made = work.joined(texts.flatten());
        give(ctx, made)
    })
}

unsafe extern "C" fn append(
    ctx: *mut Context,
    at: u64,
    length: u64,
    more: u64,
    more_length: u64,
    between: u64,
    between_length: u64,
) -> u64 {
    with(ctx, |ctx, work| {
        let (text, more) = (text_of(at, length), text_of(more, more_length));
        if text.is_empty() {
            return give(ctx, Made { at: more.as_ptr(), length: more.len() });
        }
        let between = text_of(between, between_length);
        // A text that grows turn by turn grows in place.
        if let Some(room) = work.arena.extend(text.as_ptr(), text.len(), between.len() + more.len())
            && let Some((first, last)) = room.split_at_mut_checked(between.len())
        {
            first.copy_from_slice(between.as_bytes());
            last.copy_from_slice(more.as_bytes());
            return give(ctx, Made { at: text.as_ptr(), length: text.len() + between.len() + more.len() });
        }
        let made = work.joined([text, between, more].into_iter());
        give(ctx, made)
    })
}

unsafe extern "C" fn builtin(ctx: *mut Context, function: u64, count: u64) -> u64 {
    with(ctx, |ctx, work| {
        let count = usize::try_from(count).unwrap_or(0);
        let texts: [Option<Cow<str>>; RESULTS_MAX / 2] =
            std::array::from_fn(|index| if index < count { argument(ctx, index).map(decoded) } else { None });
        let function = usize::try_from(function).ok().and_then(|function| Builtin::ALL.get(function)).copied();
        let Some(function) = function else { return stop(ctx, Stop::Defer) };
        match called(work, function, &texts) {
            Ok(Called::Missing) => 0,
            Ok(Called::Truth(value)) => 1 + u64::from(value),
            Ok(Called::Text(text)) => {
                let made = work.made(&text);
                give(ctx, made)
            }
            Err(Invalid) => NONE,
        }
    })
}

enum Called {
    Missing,
    Truth(bool),
    Text(String),
}

/// The functions over one text; those over lists compiled code does not call.
fn called(work: &mut Work, function: Builtin, arguments: &[Option<Cow<str>>]) -> Result<Called, Invalid> {
    let text = |index: usize| arguments.get(index).and_then(Option::as_deref);
    let Some(given) = text(0) else { return Ok(Called::Missing) };
    let needed = |index: usize| text(index).and_then(|text| text.trim().parse::<i64>().ok()).ok_or(Invalid);
    let found = match function {
        Builtin::length => Some(text::length(given).to_string()),
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
            let (left, right) = (decoded(text_of(left, left_length)), decoded(text_of(right, right_length)));
            order(&left, &right, how, work.dates.zone())
        });
        u64::from(op.holds(order.flatten()))
    })
}

unsafe extern "C" fn matches(ctx: *mut Context, pattern: u64, at: u64, length: u64) -> u64 {
    with(ctx, |_, work| {
        let pattern =
            usize::try_from(pattern).ok().and_then(|pattern| work.patterns.get(pattern)).and_then(Option::as_ref);
        u64::from(pattern.is_some_and(|pattern| pattern.matches(&decoded(text_of(at, length)))))
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

unsafe extern "C" fn emit_begin(ctx: *mut Context, emit: u64, _parts: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = usize::try_from(emit).unwrap_or(usize::MAX);
        let Some(maker) = work.makers.get(number) else { return stop(ctx, Stop::Defer) };
        let mut texts: [Cow<str>; RESULTS_MAX] = [const { Cow::Borrowed("") }; RESULTS_MAX];
        for (value, from) in words(maker.emit()) {
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
        // A text that is there has a length.
        let text = |index: usize| texts.get(index).map(AsRef::as_ref).filter(|text| !text.is_empty());
        let parts = words(maker.emit()).map(|(value, from)| match value {
            KeyValue::Text => Part::Text(text(from)),
            KeyValue::Token => Part::Token(text(from), text(from + 2)),
            KeyValue::Reference => Part::Entry(usize::try_from(given(ctx, from)).ok()),
        });
        let message = &work.text;
        match work.entries.begin(&work.makers, number, parts, || message.digest()) {
            Some(entry) => word(entry),
            None => stop(ctx, Stop::Defer),
        }
    })
}

unsafe extern "C" fn emit_end(ctx: *mut Context, entry: u64, from: u64, to: u64) -> u64 {
    with(ctx, |ctx, work| {
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        // SAFETY: compiled code wrote all bytes from the one place of output to the other.
        let written = unsafe { std::slice::from_raw_parts(from as *const u8, length) };
        match work.entries.end(usize::try_from(entry).unwrap_or(usize::MAX), written) {
            Ended::Entry(entry) => word(entry),
            Ended::Nothing => NONE,
            Ended::Differs => stop(ctx, Stop::Defer),
        }
    })
}

/// Writes at a place of output as far as there is room; the place behind it, or 0 with [`Stop::Room`].
fn written(ctx: &mut Context, work: &mut Work, to: u64, write: impl FnOnce(&Work, &mut Out)) -> u64 {
    let left = work.room.saturating_sub(usize::try_from(to).unwrap_or(usize::MAX));
    // SAFETY: the output reaches from where the host let code begin to `room`, and code is inside a helper.
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
    with(ctx, |ctx, work| written(ctx, work, to, |work, out| work.entries.write(&work.makers, requests != 0, out)))
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
    let mut place = work.text.place(at as *const u8).ok_or(())?;
    // The levels are field, repetition, component and subcomponent.
    if level < 3 {
        place.subcomponent = 0;
    }
    if level < 2 {
        place.component = 0;
    }
    if level < 1 {
        place.repetition = 0;
    }
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
