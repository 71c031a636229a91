//! Resources inside others, kept until the one that they are in ends.

use emr_abi::Context;

use super::resources::written;
use super::{NONE, output, with, word};

/// What was written of a resource, without the comma behind it.
fn resource<'o>(from: u64, to: u64) -> &'o [u8] {
    let written = output(from, to);
    written.strip_suffix(b",").unwrap_or(written)
}

pub unsafe extern "C" fn contain_begin(ctx: *mut Context) -> u64 {
    with(ctx, |_, work| {
        work.contained.push(Vec::new());
        0
    })
}

pub unsafe extern "C" fn contain(ctx: *mut Context, from: u64, to: u64) -> u64 {
    with(ctx, |_, work| {
        let Some(inside) = resource(from, to).strip_prefix(b"{") else { return NONE };
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
        let Some(open) = resource(from, to).strip_suffix(b"}").filter(|_| !all.is_empty()) else { return to };
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
