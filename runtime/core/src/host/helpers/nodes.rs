//! What is in a resource that came, by the numbers that its nodes have.

use emr_abi::{Context, Stop};

use super::lists::{items as words_of, list_number};
use super::resources::written;
use super::{give, stop, text_of, with};
use crate::host::came::TooMuch;
use crate::host::work::{Made, Work};

fn node(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// A node that was found; what would make too many goes to the interpreter.
fn found(ctx: *mut Context, find: impl FnOnce(&Context, &mut Work) -> Result<u32, TooMuch>) -> u64 {
    with(ctx, |ctx, work| match find(ctx, work) {
        Ok(number) => u64::from(number),
        Err(TooMuch) => stop(ctx, Stop::Defer),
    })
}

pub unsafe extern "C" fn element(ctx: *mut Context, number: u64, names: u64, length: u64) -> u64 {
    found(ctx, |_, work| work.came.element(node(number), text_of(names, length)))
}

pub unsafe extern "C" fn of_type(ctx: *mut Context, number: u64, name: u64, length: u64) -> u64 {
    found(ctx, |_, work| work.came.of_type(node(number), text_of(name, length)))
}

pub unsafe extern "C" fn is_there(ctx: *mut Context, number: u64) -> u64 {
    with(ctx, |_, work| u64::from(work.came.is_there(node(number))))
}

pub unsafe extern "C" fn is_live(ctx: *mut Context, number: u64) -> u64 {
    with(ctx, |_, work| u64::from(work.came.is_live(node(number))))
}

pub unsafe extern "C" fn leaf(ctx: *mut Context, number: u64) -> u64 {
    with(ctx, |ctx, work| match work.came.leaf(node(number)) {
        // An empty text is there and has no length, which words cannot say.
        Some([]) => stop(ctx, Stop::Defer),
        Some(text) => give(ctx, Made { at: text.as_ptr(), length: text.len() }),
        None => 0,
    })
}

pub unsafe extern "C" fn first_item(ctx: *mut Context, number: u64) -> u64 {
    with(ctx, |_, work| u64::from(work.came.first(node(number))))
}

pub unsafe extern "C" fn nth_item(ctx: *mut Context, number: u64, n: u64) -> u64 {
    with(ctx, |_, work| {
        let index = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
        let item = index.and_then(|index| work.came.items(node(number)).nth(index));
        u64::from(item.unwrap_or(0))
    })
}

pub unsafe extern "C" fn items(ctx: *mut Context, number: u64, list: u64) -> u64 {
    with(ctx, |ctx, work| {
        let list = list_number(ctx, list);
        // Aside, since the list is in the same hands.
        let came = std::mem::take(&mut work.came);
        came.items(node(number)).for_each(|item| work.add(list, &[u64::from(item)]));
        work.came = came;
        0
    })
}

pub unsafe extern "C" fn several(ctx: *mut Context, list: u64) -> u64 {
    found(ctx, |ctx, work| {
        let values = words_of(ctx, work, list, 1).to_vec();
        work.came.several(&values)
    })
}

pub unsafe extern "C" fn identity(ctx: *mut Context, number: u64) -> u64 {
    with(ctx, |ctx, work| {
        let identity = work.came.identity(node(number)).into_owned();
        let made = work.kept(&identity);
        give(ctx, made)
    })
}

pub unsafe extern "C" fn resolved(ctx: *mut Context, number: u64) -> u64 {
    found(ctx, |_, work| work.came.resolved(node(number)))
}

pub unsafe extern "C" fn json(ctx: *mut Context, to: u64, number: u64) -> u64 {
    with(ctx, |ctx, work| written(ctx, work, to, |work, out| out.add(&work.came.json(node(number)))))
}

pub unsafe extern "C" fn json_items(ctx: *mut Context, to: u64, number: u64) -> u64 {
    with(ctx, |ctx, work| written(ctx, work, to, |work, out| out.add(&work.came.json_items(node(number)))))
}
