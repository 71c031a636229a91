//! How a record lies in a file: a head of 64 bytes, the body, zeros up to the next multiple of eight.
//!
//! | bytes | |
//! | --- | --- |
//! | 0..4 | `emrj` |
//! | 4..8 | CRC-32C of all that follows, without the zeros at the end |
//! | 8..12 | length of the body |
//! | 12..16 | kind, three zeros |
//! | 16..24 | number of the record in its journal, from 0 |
//! | 24..32 | number of the first record that was not known to be on disk when this one was written |
//! | 32..64 | hash of the record before, SHA-256 of what its CRC covers |
//!
//! All numbers have their lowest byte first.
//!
//! A record of the kind [`LOST`] stands where others stood that were damaged. Its bytes 24..32 are the number of the record
//! behind it, and 32..64 the hash that this one names.

use sha2::{Digest, Sha256};

/// Bytes before the body.
pub const HEAD: usize = 64;

/// Records begin at multiples of this.
pub const ALIGNED: usize = 8;

const MAGIC: [u8; 4] = *b"emrj";

/// The kind of a record that a repair put in the place of others.
pub const LOST: u8 = 4;

/// SHA-256 of a record.
pub type Hash = [u8; 32];

/// What stands before the first record of a journal.
pub const NOTHING: Hash = [0; 32];

/// One record, its body where it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: u8,
    /// Its place in the order of the journal.
    pub number: u64,
    /// All records below this number were on disk before this one was written: that is how damage is told from what
    /// a loss of power tore.
    pub durable: u64,
    pub before: Hash,
    pub body: &'a [u8],
}

/// What [`read`] finds.
pub struct Found<'a> {
    pub frame: Frame<'a>,
    pub hash: Hash,
    /// Bytes to the next record.
    pub length: usize,
}

impl Found<'_> {
    /// The number of the record behind it, and the hash that this must name.
    pub fn next(&self) -> (u64, Hash) {
        match self.frame.kind {
            LOST => (self.frame.durable, self.frame.before),
            _ => (self.frame.number + 1, self.hash),
        }
    }
}

/// What the head of a record says of it.
pub struct Head {
    pub kind: u8,
    pub number: u64,
    /// Of the record behind it.
    pub next: u64,
    /// Bytes of the body.
    pub body: usize,
}

/// The head of the record at the start of `bytes`, which is known to be on disk whole.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let rest = bytes.strip_prefix(&MAGIC)?.get(4..)?;
    let (body, rest) = rest.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (durable, _) = rest.split_first_chunk()?;
    let (kind, number) = (*kind.first()?, u64::from_le_bytes(*number));
    let next = if kind == LOST { u64::from_le_bytes(*durable) } else { number + 1 };
    Some(Head { kind, number, next, body: u32::from_le_bytes(*body) as usize })
}

/// How many bytes a body takes with its head and the zeros behind it.
pub fn length(body: usize) -> usize {
    (HEAD + body).next_multiple_of(ALIGNED)
}

/// Writes a record behind what `out` holds, and gives its hash. Its body is that of the frame and what stands `behind` it.
///
/// # Errors
/// The body is longer than its length can say: 4 GiB.
pub fn write(frame: &Frame<'_>, behind: &[u8], out: &mut Vec<u8>) -> Result<Hash, TooLong> {
    let (head, hash) = head_of(frame, behind)?;
    out.extend_from_slice(&head);
    out.extend_from_slice(frame.body);
    out.extend_from_slice(behind);
    out.resize(out.len().next_multiple_of(ALIGNED), 0);
    Ok(hash)
}

/// The head of a record, and its hash.
///
/// # Errors
/// The body is longer than its length can say: 4 GiB.
pub fn head_of(frame: &Frame<'_>, behind: &[u8]) -> Result<([u8; HEAD], Hash), TooLong> {
    let length = u32::try_from(frame.body.len() + behind.len()).map_err(|_| TooLong)?;
    let mut covered = [0; HEAD - 8];
    let parts: [&[u8]; 5] = [
        &length.to_le_bytes(),
        &[frame.kind, 0, 0, 0],
        &frame.number.to_le_bytes(),
        &frame.durable.to_le_bytes(),
        &frame.before,
    ];
    fill(&mut covered, &parts);
    let check = [&covered, frame.body, behind].into_iter().fold(0, crc32c::crc32c_append);
    let hash = Sha256::new().chain_update(covered).chain_update(frame.body).chain_update(behind).finalize().into();
    let mut head = [0; HEAD];
    fill(&mut head, &[&MAGIC, &check.to_le_bytes(), &covered]);
    Ok((head, hash))
}

fn fill(all: &mut [u8], parts: &[&[u8]]) {
    for (to, from) in all.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
}

/// The record at the start of `bytes`, if one stands there whole.
pub fn read(bytes: &[u8]) -> Option<Found<'_>> {
    let (frame, covered) = checked(bytes)?;
    Some(Found { frame, hash: Sha256::digest(covered).into(), length: length(frame.body.len()) })
}

/// The same without its hash, which takes longer than all else.
pub fn alone(bytes: &[u8]) -> Option<Frame<'_>> {
    checked(bytes).map(|(frame, _)| frame)
}

/// A frame, and what its CRC and its hash are of.
fn checked(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (check, rest) = rest.split_first_chunk()?;
    let (head, _) = rest.split_first_chunk::<{ HEAD - 8 }>()?;
    let (body, head) = head.split_first_chunk()?;
    let body = u32::from_le_bytes(*body) as usize;
    let covered = rest.get(..HEAD - 8 + body)?;
    if crc32c::crc32c(covered) != u32::from_le_bytes(*check) {
        return None;
    }
    let (kind, head) = head.split_first_chunk::<4>()?;
    let (number, head) = head.split_first_chunk()?;
    let (durable, before) = head.split_first_chunk()?;
    let frame = Frame {
        kind: *kind.first()?,
        number: u64::from_le_bytes(*number),
        durable: u64::from_le_bytes(*durable),
        before: before.try_into().ok()?,
        body: covered.get(HEAD - 8..)?,
    };
    Some((frame, covered))
}

/// A body of more than 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            kind: u8, number: u64, durable: u64, before: Hash, body: Vec<u8>, half: prop::sample::Index, behind: Vec<u8>
        ) {
            let frame = Frame { kind, number, durable, before, body: &body };
            let mut bytes = Vec::new();
            let (first, second) = body.split_at(half.index(body.len() + 1));
            let hash = write(&Frame { body: first, ..frame }, second, &mut bytes).unwrap();
            prop_assert_eq!(bytes.len(), length(body.len()));
            let whole = bytes.len();
            bytes.extend(behind);
            let found = read(&bytes).unwrap();
            prop_assert!(found.frame == frame && found.hash == hash && found.length == whole);
            let head = head(&bytes).unwrap();
            prop_assert_eq!((head.kind, head.number, head.body), (kind, number, body.len()));
        }

        #[test]
        fn any_other_byte_is_seen(body: Vec<u8>, at: prop::sample::Index, other in 1..=u8::MAX) {
            let frame = Frame { kind: 1, number: 7, durable: 5, before: NOTHING, body: &body };
            let mut bytes = Vec::new();
            write(&frame, &[], &mut bytes).unwrap();
            bytes.truncate(HEAD + body.len());
            let at = at.index(bytes.len());
            bytes[at] ^= other;
            prop_assert!(read(&bytes).is_none());
            prop_assert!(read(&bytes[..at]).is_none());
        }
    }
}
