//! Records, where they lie, and why they are not to be had.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub number: u64,
    /// Number of its segment's first record.
    pub(super) segment: u64,
    pub(super) at: u64,
    /// Bytes with head and zeros.
    pub(super) length: usize,
}

#[cfg(test)]
impl Place {
    /// A place of which the number alone counts.
    pub fn of(number: u64) -> Place {
        Place::in_segment(number, 0)
    }

    pub fn in_segment(number: u64, segment: u64) -> Place {
        Place { number, segment, at: 0, length: 0 }
    }
}

impl Place {
    pub(in crate::journal) fn new(number: u64, segment: u64, at: u64, length: usize) -> Place {
        Place { number, segment, at, length }
    }

    /// Number of the first record of its segment.
    pub fn segment(&self) -> u64 {
        self.segment
    }
}

/// A record as it is read again when a journal is opened.
pub struct Record<'a> {
    pub place: Place,
    pub kind: u8,
    pub body: &'a [u8],
}

/// Why a journal does not do what it is asked.
#[derive(Debug)]
pub enum Fault {
    /// The file system refused; nothing that was not committed before is known to be there.
    World(io::Error),
    /// Something that was on disk is not as it was written.
    Damaged(Damage),
    /// An earlier fault left open what is on disk: the journal must be opened anew.
    Broken,
    /// One record of more than 4 GiB.
    TooLong,
}

/// What of a journal cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Number of the first record of the segment.
    pub segment: u64,
    /// Bytes from its start.
    pub at: u64,
    /// The first record that is at risk.
    pub from: u64,
    /// The next one that can be read, if any.
    pub to: Option<u64>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::World(why) => write!(f, "its journal cannot be opened: {why}"),
            Fault::Damaged(Damage { from, to: Some(to), .. }) => {
                write!(f, "its journal is damaged: the records from {from} to below {to} are at risk")
            }
            Fault::Damaged(Damage { from, to: None, .. }) => {
                write!(f, "its journal is damaged: the records from {from} on are at risk")
            }
            Fault::Broken | Fault::TooLong => f.write_str("its journal cannot be written"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::World(error)
    }
}
