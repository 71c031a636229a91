//! Resources: begun, ended, listed and referred to.

use std::borrow::Cow;

use emr_abi::{Context, DIFFERS, KeyValue, RESULTS_MAX, SLACK, Sent, Stop, UNSEARCHED};

use emr_message::encode;

use super::{NONE, given, output, set_result, stop, text_of, trace, with, word};
use crate::host::edits::{Edit, Spot};
use crate::host::entries::{Ended, Entries, Maker, Out, Part, words};
use crate::host::spelled::{Digits, OPEN};
use crate::host::text::Text;
use crate::host::work::{Region, Work, decoded};

pub unsafe extern "C" fn emit_begin(ctx: *mut Context, emit: u64, at: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = usize::try_from(emit).unwrap_or(usize::MAX);
        let Some(maker) = work.makers.get(number) else {
            set_result(ctx, 0);
            return stop(ctx, Stop::Defer);
        };
        let is_changed = maker.emit().sent == Sent::Patch;
        // The id of one without a key is not read back from where it was noted.
        let (entry, id) = if maker.emit().key.is_empty() && !is_changed {
            let (entry, id) = work.entries.begin(number, maker, || work.text.digest());
            (entry, Some(id))
        } else {
            match begin_keyed(ctx, &work.text, &mut work.entries, &work.makers, number) {
                Some(entry) => (entry, None),
                None if is_changed => {
                    set_result(ctx, at);
                    return if work.entries.has_key() { UNSEARCHED } else { NONE };
                }
                None => {
                    set_result(ctx, 0);
                    return stop(ctx, Stop::Defer);
                }
            }
        };
        ctx.references = work.entries.references.as_ptr();
        let place = match work.region {
            Some(region) => {
                ctx.limit = region.limit as *const u8;
                let filled = word(region.filled);
                match id.and_then(|id| Some((id, room(ctx, filled, OPEN)?))) {
                    Some((id, room)) => {
                        Digits::of(id).open(room);
                        filled + word(OPEN)
                    }
                    None => written(ctx, work, filled, |work, out| work.entries.write_open(entry, out)),
                }
            }
            None => at,
        };
        set_result(ctx, place);
        word(entry)
    })
}

pub unsafe extern "C" fn refer(ctx: *mut Context, emit: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = usize::try_from(emit).unwrap_or(usize::MAX);
        let Some(begun) = begin_keyed(ctx, &work.text, &mut work.entries, &work.makers, number) else {
            stop(ctx, Stop::Defer);
            return NONE;
        };
        ctx.references = work.entries.references.as_ptr();
        if work.entries.is_keyed(begun) { word(begun) } else { NONE }
    })
}

pub unsafe extern "C" fn copied(ctx: *mut Context, entry: u64, node: u64) -> u64 {
    with(ctx, |_, work| {
        if let (Ok(entry), Ok(node)) = (usize::try_from(entry.cast_signed()), u32::try_from(node)) {
            work.entries.copied(entry, node);
        }
        0
    })
}

#[inline(never)]
fn begin_keyed(ctx: &Context, message: &Text, entries: &mut Entries, makers: &[Maker], number: usize) -> Option<usize> {
    let emit = makers.get(number)?.emit();
    let texts = key_texts(ctx, emit);
    // A text that is there has a length.
    let text = |index: usize| texts.get(index).map(AsRef::as_ref).filter(|text| !text.is_empty());
    let parts = words(emit).map(|(value, from)| match value {
        KeyValue::Text => Part::Text(text(from)),
        KeyValue::Token => Part::Token(text(from), text(from + 2)),
        KeyValue::Reference => Part::Entry(usize::try_from(given(ctx, from)).ok()),
    });
    entries.begin_keyed(makers, number, parts, || message.digest())
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

pub unsafe extern "C" fn emit_end(ctx: *mut Context, entry: u64, from: u64, to: u64) -> u64 {
    with(ctx, |ctx, work| {
        let body = output(from, to);
        let index = usize::try_from(entry).unwrap_or(usize::MAX);
        let ended = work.entries.end(index, body);
        if let Some(region) = work.region {
            if matches!(ended, Ended::Entry(same) if same == index) {
                // The close goes over the comma behind the resource.
                let body = body.strip_suffix(b",").unwrap_or(body);
                let to = body.as_ptr_range().end as u64;
                let plain = if region.requests { work.entries.plain_close(&work.makers, index) } else { None };
                let end = match plain.and_then(|plain| Some((plain, room(ctx, to, plain.1)?))) {
                    Some(((close, length), room)) => {
                        *room = *close;
                        to + word(length)
                    }
                    None => written(ctx, work, to, |work, out| {
                        work.entries.close(&work.makers, index, region.requests, out);
                    }),
                };
                // Without room for it the message begins anew.
                if end > 0 {
                    work.region = Some(Region { filled: end as usize, ..region });
                }
            }
            ctx.limit = region.head_limit as *const u8;
        }
        match ended {
            Ended::Entry(entry) | Ended::Unchanged(entry) => word(entry),
            Ended::Nothing => NONE,
            Ended::Differs(known) => word(known) | DIFFERS,
        }
    })
}

/// Room at a place of output of which so many bytes are to be kept; what is behind them is written over.
#[inline(always)]
fn room<'o, const N: usize>(ctx: &Context, to: u64, length: usize) -> Option<&'o mut [u8; N]> {
    const { assert!(N <= SLACK) };
    // SAFETY: the place is one of the output and not behind the limit, which has `SLACK` behind it.
    (to + word(length) <= ctx.limit as u64).then(|| unsafe { &mut *(to as *mut [u8; N]) })
}

/// Writes at a place of output as far as there is room; the place behind it, or 0 with [`Stop::Room`].
pub fn written(ctx: &mut Context, work: &mut Work, to: u64, write: impl FnOnce(&Work, &mut Out)) -> u64 {
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

pub unsafe extern "C" fn entries(ctx: *mut Context, to: u64, requests: u64) -> u64 {
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

pub unsafe extern "C" fn reference(ctx: *mut Context, to: u64, entry: u64) -> u64 {
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

pub unsafe extern "C" fn forget(ctx: *mut Context, number: u64) -> u64 {
    with(ctx, |_, work| {
        work.met.entry(number).or_default().clear();
        0
    })
}

pub unsafe extern "C" fn unlike(ctx: *mut Context, number: u64, from: u64, to: u64) -> u64 {
    with(ctx, |_, work| {
        let written = output(from, to);
        let is_new = !written.is_empty() && work.met.entry(number).or_default().insert(written.into());
        u64::from(is_new)
    })
}

pub unsafe extern "C" fn edit(ctx: *mut Context, segment: u64, spot: u64, from: u64, to: u64) -> u64 {
    with(ctx, |_, work| {
        work.edits.add(Edit {
            segment: u32::try_from(segment.saturating_sub(1)).unwrap_or(u32::MAX),
            spot: (spot != 0).then(|| Spot::of(spot)),
            at: usize::try_from(from).unwrap_or(0),
            length: usize::try_from(to.saturating_sub(from)).unwrap_or(0),
        });
        0
    })
}

pub unsafe extern "C" fn segment(ctx: *mut Context, to: u64, segment: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = segment.saturating_sub(1).to_string();
        written(ctx, work, to, |_, out| out.add(number.as_bytes()))
    })
}

pub unsafe extern "C" fn place(ctx: *mut Context, to: u64, segment: u64, origin: u64) -> u64 {
    with(ctx, |ctx, work| {
        let found = match segment.checked_sub(1) {
            Some(index) => work.place(u32::try_from(index).unwrap_or(u32::MAX)),
            None => trace::origin(work, origin).ok().flatten(),
        };
        let Some(place) = found else { return stop(ctx, Stop::Defer) };
        written(ctx, work, to, |_, out| out.add(encode::copy(&place).as_bytes()))
    })
}
