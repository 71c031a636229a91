//! Rows of tables, by their keys.

use emr_abi::{Context, RESULTS_MAX, Stop};
use emr_message::answers::Found;
use emr_message::table::Row;

use super::{argument, stop, with, word};
use crate::host::work::{Work, decoded};

pub unsafe extern "C" fn lookup(ctx: *mut Context, table: u64, count: u64, cell: u64) -> u64 {
    with(ctx, |ctx, work| {
        let text = row(ctx, work, table, count).and_then(|row| row.cell(u32::try_from(cell).ok()?));
        hand_over(ctx, &[text])
    })
}

pub unsafe extern "C" fn lookup_code(ctx: *mut Context, table: u64, count: u64, cell: u64) -> u64 {
    with(ctx, |ctx, work| {
        let row = row(ctx, work, table, count);
        let texts = [0, 1, 2].map(|index| row.and_then(|row| row.cell(u32::try_from(cell).ok()?.checked_add(index)?)));
        hand_over(ctx, &texts);
        texts[1].map_or(0, |code| word(code.len()))
    })
}

/// The row whose keys were handed over. What is not known of a table that is asked is noted; where nobody asks, the
/// interpreter says so.
fn row<'w>(ctx: &mut Context, work: &'w Work, table: u64, count: u64) -> Option<Row<'w>> {
    let mut keys = [""; RESULTS_MAX / 2];
    let keys = keys.get_mut(..usize::try_from(count).ok()?)?;
    for (index, key) in keys.iter_mut().enumerate() {
        *key = argument(ctx, index)?;
    }
    let found = work.tables.get(usize::try_from(table).ok()?)?.find(keys);
    let asked = work.asked.iter().find(|(number, _)| u64::from(*number) == table);
    if let (None, Some((_, name))) = (&found, asked) {
        let keys: Vec<_> = keys.iter().map(|key| decoded(key)).collect();
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        if let Found::Nobody = work.receipt.answers().find(name, &keys) {
            stop(ctx, Stop::Defer);
        }
    }
    found
}

/// The texts as results; the length of the first.
fn hand_over(ctx: &mut Context, texts: &[Option<&str>]) -> u64 {
    let nowhere = ctx.text as u64;
    for (words, text) in ctx.results.chunks_exact_mut(2).zip(texts) {
        words.copy_from_slice(&text.map_or([nowhere, 0], |text| [text.as_ptr() as u64, word(text.len())]));
    }
    ctx.results[1]
}
