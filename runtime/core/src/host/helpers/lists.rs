//! Lists that code adds to, and the groups that their items are of.

use emr_abi::{Context, List};

use super::{NONE, has, text_of, with, word};

/// The number of a list, by its place in the table.
fn list_number(ctx: &Context, list: u64) -> usize {
    let from = list.wrapping_sub(ctx.lists as u64);
    usize::try_from(from).unwrap_or(usize::MAX) / size_of::<List>()
}

pub unsafe extern "C" fn push(ctx: *mut Context, list: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| work.push(list_number(ctx, list), usize::try_from(words).unwrap_or(0)) as u64)
}

pub unsafe extern "C" fn truths(ctx: *mut Context, list: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = list_number(ctx, list);
        let count = work.lists.get(number).and_then(|list| usize::try_from(list.count).ok()).unwrap_or(0);
        let items = work.items.get(number).and_then(|items| items.get(..count)).unwrap_or_default();
        word(items.iter().filter(|item| **item == 1).count())
    })
}

pub unsafe extern "C" fn copy(ctx: *mut Context, from: u64, to: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| {
        work.copy(list_number(ctx, from), list_number(ctx, to), usize::try_from(words).unwrap_or(0));
        0
    })
}

/// The group of each item, as a list of numbers has it.
fn numbered(items: &[u64]) -> impl Iterator<Item = Option<u32>> + Clone {
    items.iter().map(|number| u32::try_from(*number).ok())
}

pub unsafe extern "C" fn keyed(ctx: *mut Context, numbers: u64, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = list_number(ctx, numbers);
        let is_first = work.lists.get(number).is_none_or(|list| list.count == 0);
        let grouped = work.grouped.entry(number).or_default();
        if is_first {
            grouped.clear();
        }
        let group = if has(length) { u64::from(grouped.of(text_of(at, length))) } else { NONE };
        work.push(number, 1);
        let last = work.lists.get(number).and_then(|list| usize::try_from(list.count).ok()?.checked_sub(1));
        let items = work.items.get_mut(number);
        if let Some(item) = items.zip(last).and_then(|(items, last)| items.get_mut(last)) {
            *item = group;
        }
        0
    })
}

pub unsafe extern "C" fn groups(ctx: *mut Context, numbers: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = list_number(ctx, numbers);
        let count = work.lists.get(number).and_then(|list| usize::try_from(list.count).ok()).unwrap_or(0);
        let items = work.items.get(number).and_then(|items| items.get(..count)).unwrap_or_default();
        match work.grouped.get_mut(&number) {
            Some(grouped) if count > 0 => word(grouped.sort(numbered(items))),
            _ => 0,
        }
    })
}

pub unsafe extern "C" fn group(ctx: *mut Context, numbers: u64, group: u64, from: u64, to: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| {
        let [numbers, from, to] = [numbers, from, to].map(|list| list_number(ctx, list));
        let [group, words] = [group, words].map(|number| usize::try_from(number).unwrap_or(0));
        let wanted = work.grouped.get(&numbers).map(|grouped| grouped.items(group)).unwrap_or_default();
        let items = work.items.get(from).map(Vec::as_slice).unwrap_or_default();
        let item = |number: &u32| items.get(*number as usize * words..).and_then(|item| item.get(..words));
        let chosen: Vec<u64> = wanted.iter().filter_map(item).flatten().copied().collect();
        let count = word(wanted.len());
        work.fill(to, chosen, count);
        0
    })
}
