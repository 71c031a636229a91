//! What stands below each other in neighbouring lines.

use super::layout::Layout;
use super::piece::Entry;
use crate::syntax::grammar::Rule;
use std::collections::HashMap;

/// What is longer than this takes no part.
fn long(of: Rule) -> usize {
    match of {
        Rule::arm | Rule::profile_line => 36,
        _ => 24,
    }
}

/// For each piece that begins a cell, how far from the start of its line it stands.
pub fn cells(layout: &Layout<'_>) -> HashMap<usize, usize> {
    let mut groups: HashMap<Option<usize>, Vec<&Entry>> = HashMap::new();
    for entry in layout.pieces.entries.iter().filter(|entry| entry.of != Rule::doc) {
        groups.entry(entry.group).or_default().push(entry);
    }
    let mut found = HashMap::new();
    for entries in groups.values_mut() {
        // A nested entry ends before the one that it stands in.
        entries.sort_by_key(|entry| entry.first);
        let mut run: Vec<&Entry> = Vec::new();
        for entry in entries.iter() {
            let goes_on = run.last().is_some_and(|last| last.of == entry.of) && !blank_before(layout, entry);
            if !goes_on || has_block(layout, entry) {
                align(layout, &run, &mut found);
                run.clear();
            }
            if !has_block(layout, entry) {
                run.push(entry);
            }
        }
        align(layout, &run, &mut found);
    }
    found
}

/// Comments and docs belong to the line below them.
fn blank_before(layout: &Layout<'_>, entry: &Entry) -> bool {
    let mut at = entry.first;
    loop {
        let Some(piece) = layout.pieces.all.get(at) else { return false };
        if piece.lines > 1 {
            return true;
        }
        match at.checked_sub(1).filter(|before| layout.is_comment(*before) && layout.breaks_before(at)) {
            Some(before) if layout.breaks_before(before) => at = before,
            _ => return false,
        }
    }
}

fn has_block(layout: &Layout<'_>, entry: &Entry) -> bool {
    (entry.first..=entry.last).any(|at| layout.is_spread(at))
}

fn align(layout: &Layout<'_>, run: &[&Entry], found: &mut HashMap<usize, usize>) {
    let starts: Vec<Vec<usize>> = run.iter().map(|entry| starts(layout, entry)).collect();
    // Each row's cells so far end where the next ones begin.
    let mut from: Vec<(usize, usize)> = run.iter().map(|entry| (entry.first, 0)).collect();
    let Some(limit) = run.first().map(|entry| long(entry.of)) else { return };
    // Tables of a sender read better with more air.
    let table = run.first().is_some_and(|entry| matches!(entry.of, Rule::profile_line | Rule::segment_line));
    let gap = if table { 2 } else { 1 };
    for cell in 0..2 {
        let ends = starts.iter().zip(&from).map(|(starts, (first, column))| {
            let start = *starts.get(cell)?;
            let width = column + layout.width(*first, start);
            (width - column <= limit && !layout.breaks_before(start)).then_some(width + gap)
        });
        let ends: Vec<Option<usize>> = ends.collect();
        let Some(column) = ends.iter().flatten().max().copied() else { return };
        for ((starts, from), end) in starts.iter().zip(&mut from).zip(ends) {
            let Some(start) = starts.get(cell) else { continue };
            if end.is_some() || layout.breaks_before(*start) {
                found.insert(*start, column);
            }
            *from = (*start, if end.is_some() { column } else { from.1 + layout.width(from.0, *start) + gap });
        }
    }
}

/// Where the cells behind the first begin.
fn starts(layout: &Layout<'_>, entry: &Entry) -> Vec<usize> {
    let within = |found: Rule| (entry.first..=entry.last).find(|at| layout.within(*at) == Some(found));
    match entry.of {
        Rule::rule => within(Rule::assign).map(|at| at + 1).into_iter().collect(),
        Rule::column | Rule::told => within(Rule::colon).map(|at| at + 1).into_iter().collect(),
        Rule::constant => within(Rule::equals).into_iter().collect(),
        Rule::arm => within(Rule::yields).into_iter().collect(),
        Rule::profile_line => layout.next_word(entry.first, entry.last).into_iter().collect(),
        Rule::segment_line => {
            let ty = layout.next_word(entry.first, entry.last);
            let rest = ty.and_then(|ty| layout.next_word(ty, entry.last));
            ty.into_iter().chain(rest).collect()
        }
        _ => Vec::new(),
    }
}
