//! Resources inside others, kept until the one that they are in ends.

use emr_abi::Context;

use super::resources::written;
use super::{NONE, with, word};

pub unsafe extern "C" fn contain_begin(ctx: *mut Context) -> u64 {
    with(ctx, |_, work| {
        work.contained.push(Vec::new());
        0
    })
}

pub unsafe extern "C" fn contain(ctx: *mut Context, from: u64, to: u64) -> u64 {
    with(ctx, |_, work| {
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        // SAFETY: compiled code wrote all bytes from the one place of output to the other.
        let written = unsafe { std::slice::from_raw_parts(from as *const u8, length) };
        let written = written.strip_suffix(b",").unwrap_or(written);
        let Some(inside) = written.strip_prefix(b"{") else { return NONE };
        if work.contained.is_empty() {
            work.contained.push(Vec::new());
        }
        let Some(level) = work.contained.last_mut() else { return NONE };
        let number = level.len() + 1;
        level.push([format!("{{\"id\":\"c{number}\",").as_bytes(), inside].concat());
        word(number)
    })
}

pub unsafe extern "C" fn contain_end(ctx: *mut Context, from: u64, to: u64) -> u64 {
    with(ctx, |ctx, work| {
        let all = work.contained.pop().unwrap_or_default();
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        // SAFETY: as for `contain`.
        let body = unsafe { std::slice::from_raw_parts(from as *const u8, length) };
        let body = body.strip_suffix(b",").unwrap_or(body);
        let Some(open) = body.strip_suffix(b"}").filter(|_| !all.is_empty()) else { return to };
        // Over the brace that closes the resource.
        written(ctx, work, from + word(open.len()), |_, out| {
            out.add(b",\"contained\":[");
            out.add(&all.join(&b','));
            out.add(b"]}");
        })
    })
}

pub unsafe extern "C" fn contain_level(ctx: *mut Context) -> u64 {
    with(ctx, |_, work| word(work.contained.len()))
}

pub unsafe extern "C" fn contain_back(ctx: *mut Context, level: u64) -> u64 {
    with(ctx, |_, work| {
        work.contained.truncate(usize::try_from(level).unwrap_or(0));
        0
    })
}

pub unsafe extern "C" fn inside(ctx: *mut Context, to: u64, number: u64) -> u64 {
    with(ctx, |ctx, work| {
        written(ctx, work, to, |_, out| {
            let number = if number == NONE { String::new() } else { format!("#c{number}") };
            out.add(b"{\"reference\":\"");
            out.add(number.as_bytes());
            out.add(b"\"}");
        })
    })
}
