//! The messages: those of the bench, each with a control id of its own.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use bench::corpus::Corpus;

pub const START: u8 = 0x0B;
pub const END: &[u8] = b"\x1C\r";

/// Which message of which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    pub lane: usize,
    pub number: u64,
}

impl Id {
    /// Of MSH-10, which has the turn before it: `3-12-705`.
    pub fn read(text: &[u8]) -> Option<Id> {
        let (_, id) = std::str::from_utf8(text).ok()?.split_once('-')?;
        let (lane, number) = id.split_once('-')?;
        Some(Id { lane: lane.parse().ok()?, number: number.parse().ok()? })
    }
}

/// Admissions of 1.5 KB and of 8 KB in turn.
pub struct Messages {
    /// Each around its control id.
    parts: Vec<(Vec<u8>, Vec<u8>)>,
    /// How often all was begun anew: who has an engine twice does not send what it knows.
    turn: AtomicU64,
}

impl Messages {
    pub fn new() -> Messages {
        let split = |message: bench::corpus::Message<'_>| {
            let bytes = message.bytes();
            let place = control(bytes)?;
            Some((bytes.get(..place.start)?.to_vec(), bytes.get(place.end..)?.to_vec()))
        };
        Messages { parts: Corpus::admissions().messages().filter_map(split).collect(), turn: AtomicU64::new(0) }
    }

    /// From here on all have other control ids.
    pub fn begin(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    /// MSH-10 of a message, in the present turn.
    pub fn control(&self, id: Id) -> String {
        format!("{}-{}-{}", self.turn.load(Ordering::Relaxed), id.lane, id.number)
    }

    /// Writes the frame of a message.
    pub fn frame(&self, id: Id, out: &mut Vec<u8>) {
        out.clear();
        let which = (id.number as usize).wrapping_add(id.lane * 7) % self.parts.len();
        let Some((before, behind)) = self.parts.get(which) else { return };
        out.push(START);
        out.extend_from_slice(before);
        out.extend_from_slice(self.control(id).as_bytes());
        out.extend_from_slice(behind);
        out.extend_from_slice(END);
    }

    /// Bytes of a frame, on average.
    pub fn mean(&self) -> usize {
        let mut out = Vec::new();
        let lengths = (0..self.parts.len()).map(|number| {
            self.frame(Id { lane: 0, number: number as u64 }, &mut out);
            out.len()
        });
        lengths.sum::<usize>() / self.parts.len().max(1)
    }
}

/// Where MSH-10 stands.
pub fn control(message: &[u8]) -> Option<Range<usize>> {
    let mut bars = message.iter().enumerate().filter(|(_, byte)| **byte == b'|').map(|(at, _)| at);
    let (from, to) = (bars.nth(8)?, bars.next()?);
    Some(from + 1..to)
}
