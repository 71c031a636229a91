//! What traced programs tell: where each value that they write comes from.

use emr_abi::{Context, Stop};
use emr_message::Place;
use emr_message::lineage::Mark;

use super::resources::{emit_end, entries};
use super::said::at_level;
use super::{stop, with, word};
use crate::host::work::Work;

/// The place that an origin stands for; `Err` where it cannot be found.
pub fn origin(work: &Work, origin: u64) -> Result<Option<Place>, ()> {
    let (at, level) = (origin >> 3, origin >> 1 & 0b11);
    if at == 0 {
        return Ok(None);
    }
    let place = work.text.place(at as *const u8).ok_or(())?;
    Ok(Some(at_level(place, level)))
}

pub unsafe extern "C" fn trace(ctx: *mut Context, at: u64, rule: u64, from: u64) -> u64 {
    with(ctx, |ctx, work| match origin(work, from) {
        Ok(place) => {
            let (at, rule) = (usize::try_from(at).unwrap_or(0), u32::try_from(rule).unwrap_or(u32::MAX));
            work.traces.add(Mark { at, rule, place });
            0
        }
        Err(()) => stop(ctx, Stop::Defer),
    })
}

pub unsafe extern "C" fn untrace(ctx: *mut Context, at: u64) -> u64 {
    with(ctx, |_, work| {
        work.traces.take_back(usize::try_from(at).unwrap_or(usize::MAX));
        0
    })
}

pub unsafe extern "C" fn trace_moved(ctx: *mut Context, from: u64, to: u64) -> u64 {
    with(ctx, |_, work| {
        let [from, to] = [from, to].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        work.traces.take_out(from, to);
        0
    })
}

pub unsafe extern "C" fn trace_end(ctx: *mut Context, entry: u64, from: u64, to: u64) -> u64 {
    // SAFETY: the context is the one that compiled code passed on, and the arguments are those of `emit_end`.
    let stands = unsafe { emit_end(ctx, entry, from, to) };
    with(ctx, |_, work| {
        let (entry, from) = (usize::try_from(entry).unwrap_or(0), usize::try_from(from).unwrap_or(0));
        // Of what is the same as an earlier resource that one alone is written.
        if stands == word(entry) {
            work.traces.keep(entry, from);
        } else {
            work.traces.take_back(from);
        }
        stands
    })
}

pub unsafe extern "C" fn trace_entries(ctx: *mut Context, to: u64, requests: u64) -> u64 {
    let mut start = 0;
    with(ctx, |_, work| {
        start = work.start;
        0
    });
    // SAFETY: as for `trace_end`, those of `entries`.
    let end = unsafe { entries(ctx, to, requests) };
    with(ctx, |ctx, work| {
        if ctx.stop == Stop::Room as u64 {
            return end;
        }
        // What stands before resources that are written in place was moved to them.
        work.traces.shift(work.start - start);
        let from = usize::try_from(to).unwrap_or(0);
        for (entry, at) in work.entries.places(&work.makers, requests != 0, from) {
            work.traces.place(entry, at);
        }
        end
    })
}
