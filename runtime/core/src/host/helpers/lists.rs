//! Lists that code adds to, and the groups that their items are of.

use std::borrow::Cow;

use emr_abi::{Builtin, Context, List, Stop, flags};
use emr_message::builtin::{bytes, list, text};
use emr_message::convert::{Invalid, moments, numbers};
use emr_message::number::Decimal;
use rustc_hash::FxHashSet;

use super::{NONE, argument, function, give, has, plain_text, stop, text_of, with, word};
use crate::host::work::{Work, decoded};

/// The number of a list, by its place in the table.
pub fn list_number(ctx: &Context, list: u64) -> usize {
    let from = list.wrapping_sub(ctx.lists as u64);
    usize::try_from(from).unwrap_or(usize::MAX) / size_of::<List>()
}

pub unsafe extern "C" fn push(ctx: *mut Context, list: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| work.push(list_number(ctx, list), usize::try_from(words).unwrap_or(0)) as u64)
}

pub unsafe extern "C" fn truths(ctx: *mut Context, list: u64) -> u64 {
    with(ctx, |ctx, work| word(items(ctx, work, list, 1).iter().filter(|item| **item == 1).count()))
}

pub unsafe extern "C" fn copy(ctx: *mut Context, from: u64, to: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| {
        work.copy(list_number(ctx, from), list_number(ctx, to), usize::try_from(words).unwrap_or(0));
        0
    })
}

/// The words of a list.
pub fn items<'w>(ctx: &Context, work: &'w Work, list: u64, words: usize) -> &'w [u64] {
    let number = list_number(ctx, list);
    let count = work.lists.get(number).and_then(|list| usize::try_from(list.count).ok()).unwrap_or(0);
    work.items.get(number).and_then(|items| items.get(..count * words)).unwrap_or_default()
}

/// The texts of a list that has so many words for each, the first two of which are its place and its length.
fn texts(items: &[u64], words: usize) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    items.chunks_exact(words.max(2)).map(|item| match *item {
        [at, length, ..] => plain_text(at, length),
        _ => None,
    })
}

pub unsafe extern "C" fn over(ctx: *mut Context, number: u64, list: u64, at: u64, length: u64) -> u64 {
    with(ctx, |ctx, work| {
        let texts: Vec<Option<Cow<str>>> = texts(items(ctx, work, list, 2), 2).collect();
        let beside = plain_text(at, length);
        let made = match function(number) {
            Some(Builtin::join) => {
                Ok(text::join(beside.as_deref().unwrap_or_default(), texts.iter().map(Option::as_deref)))
            }
            Some(Builtin::uuid) => Ok(Some(bytes::uuid(texts.iter().flatten().map(|text| &**text)).to_string())),
            Some(Builtin::sum) => sum(&texts).map(Some),
            Some(Builtin::position) => {
                let found = beside.is_some().then(|| list::position(texts.into_iter(), &beside)).flatten();
                Ok(found.map(|found| found.to_string()))
            }
            _ => return stop(ctx, Stop::Defer),
        };
        match made {
            Ok(Some(text)) => {
                let made = work.made(&text);
                give(ctx, made)
            }
            Ok(None) => 0,
            Err(Invalid) => NONE,
        }
    })
}

fn sum(texts: &[Option<Cow<str>>]) -> Result<String, Invalid> {
    let read = texts.iter().map(|text| Decimal::read(text.as_deref().unwrap_or_default()));
    let numbers = read.collect::<Result<Vec<Decimal>, _>>()?;
    Ok(list::sum(numbers)?.to_string())
}

pub unsafe extern "C" fn chosen(ctx: *mut Context, number: u64, list: u64) -> u64 {
    with(ctx, |ctx, work| {
        type Item<'t> = (u64, Option<Cow<'t, str>>);
        let zone = work.dates.zone();
        let items = (0..).zip(texts(items(ctx, work, list, 2), 2));
        let order = |(_, left): &Item, (_, right): &Item| {
            let (left, right) = (left.as_deref()?, right.as_deref()?);
            numbers(left, right).or_else(|| moments(left, right, zone))
        };
        let found = match function(number) {
            Some(Builtin::max) => list::max(items, order),
            _ => list::min(items, order),
        };
        found.map_or(NONE, |(index, _)| index)
    })
}

pub unsafe extern "C" fn distinct(ctx: *mut Context, from: u64, texts: u64, part: u64, to: u64, words: u64) -> u64 {
    with(ctx, |ctx, work| {
        let words = usize::try_from(words).unwrap_or(1).max(1);
        let width = if part == 0 { 2 } else { words };
        let mut seen = FxHashSet::default();
        let (mut kept, mut count) = (Vec::new(), 0);
        let both =
            items(ctx, work, from, words).chunks_exact(words).zip(items(ctx, work, texts, width).chunks_exact(width));
        for (item, text) in both {
            let [at, length, ..] = *text else { continue };
            let text = if has(length) { text_of(at, length) } else { "" };
            let text = if part == 0 { text } else { ended(ctx, text) };
            // What was taken out of a part, or written in another way, tells it from others too.
            let odd = flags::TRIMMED | flags::NULLS | flags::ESCAPED;
            if part != 0 && ctx.flags & odd != 0 {
                return stop(ctx, Stop::Defer);
            }
            if seen.insert(text) {
                kept.extend_from_slice(item);
                count += 1;
            }
        }
        let to = list_number(ctx, to);
        work.fill(to, kept, count);
        0
    })
}

/// A part of the message without separators at its end.
fn ended<'t>(ctx: &Context, text: &'t str) -> &'t str {
    let is_separator = |byte: u8| ctx.classes.get(usize::from(byte)) == Some(&1);
    let length = text.bytes().rposition(|byte| !is_separator(byte)).map_or(0, |last| last + 1);
    text.get(..length).unwrap_or(text)
}

pub unsafe extern "C" fn pieces(ctx: *mut Context, list: u64, words: u64, told: u64) -> u64 {
    with(ctx, |ctx, work| {
        let (Some(given), between) = (argument(ctx, 0).map(decoded), argument(ctx, 1).map(decoded)) else { return 0 };
        let (number, words) = (list_number(ctx, list), usize::try_from(words).unwrap_or(2));
        for piece in text::pieces(&given, between.as_deref().unwrap_or_default()) {
            let made = work.made(piece);
            let item = [made.at as u64, word(made.length), told];
            work.add(number, item.get(..words).unwrap_or_default());
        }
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
        work.add(number, &[group]);
        0
    })
}

pub unsafe extern "C" fn groups(ctx: *mut Context, numbers: u64) -> u64 {
    with(ctx, |ctx, work| {
        let number = list_number(ctx, numbers);
        let numbers = items(ctx, work, numbers, 1).to_vec();
        match work.grouped.get_mut(&number) {
            Some(grouped) if !numbers.is_empty() => word(grouped.sort(numbered(&numbers))),
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
