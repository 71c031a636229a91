//! What stands in a segment: records, and where they end.

use super::frame::{self, ALIGNED, Found, Hash};

/// What the next record must be.
pub struct Chain {
    pub number: u64,
    /// Hash of the record before; not known before the first that is left.
    pub before: Option<Hash>,
}

/// How the records of a segment end, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is behind them.
    Clean(u64),
    /// Something is that never was known to be on disk.
    Torn(u64),
}

impl End {
    pub fn at(self) -> u64 {
        let (End::Clean(at) | End::Torn(at)) = self;
        at
    }
}

/// A place that was on disk and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    pub at: u64,
    /// Number of a record behind it.
    pub next: u64,
}

/// Shows the records of a segment from a byte on, with their places, and moves the chain behind the last.
///
/// # Errors
/// Some record is not what must stand there, although one behind it knew that it was on disk.
pub fn records(bytes: &[u8], from: u64, chain: &mut Chain, mut seen: impl FnMut(u64, &Found<'_>)) -> Result<End, Hole> {
    let mut rest = bytes.get(from as usize..).unwrap_or_default();
    while let Some(found) = frame::read(rest).filter(|found| follows(found, chain)) {
        seen((bytes.len() - rest.len()) as u64, &found);
        let (number, before) = found.next();
        (chain.number, chain.before) = (number, Some(before));
        rest = rest.get(found.length..).unwrap_or_default();
    }
    let at = (bytes.len() - rest.len()) as u64;
    if is_empty(rest) {
        return Ok(End::Clean(at));
    }
    match behind(rest, chain.number) {
        Some(next) => Err(Hole { at, next }),
        None => Ok(End::Torn(at)),
    }
}

/// The next record from a byte on that can be read, of this number or a later one: its place and its number.
pub fn resumed(bytes: &[u8], from: u64, number: u64) -> Option<(u64, u64)> {
    let places = (from as usize..bytes.len()).step_by(ALIGNED);
    let mut found = places.filter_map(|at| Some((at as u64, frame::read(bytes.get(at..)?)?.frame.number)));
    found.find(|(_, known)| *known >= number)
}

/// Whether there are zeros alone, looked at a page at a time: of a new segment that is nearly all.
fn is_empty(bytes: &[u8]) -> bool {
    const PAGE: [u8; 4096] = [0; 4096];
    bytes.chunks(PAGE.len()).all(|page| PAGE.starts_with(page))
}

fn follows(found: &Found<'_>, chain: &Chain) -> bool {
    let is_chained = chain.before.is_none_or(|before| before == found.frame.before);
    found.frame.number == chain.number && (is_chained || found.frame.kind == frame::LOST)
}

/// The number of a record somewhere in these bytes that was written when this one was on disk.
fn behind(bytes: &[u8], number: u64) -> Option<u64> {
    let places = (0..bytes.len()).step_by(ALIGNED).filter_map(|at| bytes.get(at..));
    places.filter_map(frame::read).find(|found| found.frame.durable > number).map(|found| found.frame.number)
}
