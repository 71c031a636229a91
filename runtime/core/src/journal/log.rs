//! Records in files, each behind the one before: what was committed is there after any end of the process or the
//! machine, whole and in its order.
//!
//! A journal is a folder of *segments*, named by the number of their first record. A segment is filled with zeros when it
//! is made, so that a record which is added changes no length and the disk has one thing to write. A new segment is begun
//! when all of the one before is on disk.

use std::path::PathBuf;

use super::frame::{self, ALIGNED, Frame, Hash, NOTHING};
use super::fs::{File, Fs};
use super::scan::End;

mod folder;
mod reader;
mod record;

pub(super) use folder::Folder;
pub use folder::{SEGMENT, Spares};
use folder::{Scanned, Segment};
pub use reader::Reader;
pub use record::{Damage, Fault, Place, Record};

/// From this length on a body goes to its file from where it is.
const LONG: usize = if cfg!(test) { 2_000 } else { 1 << 20 };

/// A journal that is open. There is one for a folder, and one thread that adds to it.
pub struct Log<F: Fs> {
    folder: Folder<F>,
    segment: Segment<F>,
    /// Of the next record.
    number: u64,
    before: Hash,
    /// All records below are on disk.
    durable: u64,
    /// What [`Log::append`] took and [`Log::write`] has not written.
    waiting: Vec<u8>,
    /// Whether anything was written since the last sync.
    is_unsynced: bool,
    is_broken: bool,
}

impl<F: Fs> Log<F> {
    /// Opens the journal of a folder, or begins one, and shows each record to `seen`. What a loss of power tore at its end,
    /// which nobody was told of, is taken away.
    ///
    /// # Errors
    /// The file system refuses, or records that were on disk cannot be read; then nothing was changed.
    pub fn open(fs: F, path: PathBuf, length: u64, seen: impl FnMut(Record<'_>)) -> Result<Log<F>, Fault> {
        let folder = Folder::with(fs, path, length);
        point!("journal.open");
        folder.fs.folder(&folder.path)?;
        let Some(Scanned { last, bytes, end, chain }) = folder.scanned(0, seen)? else {
            let segment = folder.segment(0, 0)?;
            return Ok(Log::at(folder, segment, 0, NOTHING));
        };
        point!("journal.scanned");
        let segment: Segment<F> =
            Segment { first: last, file: folder.open(last)?, length: bytes.len() as u64, end: end.at() };
        if let End::Torn(at) = end {
            segment.wipe(at, &bytes)?;
        }
        // What survived by chance was not known to be on disk. Now it is.
        segment.file.sync()?;
        point!("journal.opened");
        Ok(Log::at(folder, segment, chain.number, chain.before.unwrap_or(NOTHING)))
    }

    fn at(folder: Folder<F>, segment: Segment<F>, number: u64, before: Hash) -> Log<F> {
        Log {
            folder,
            segment,
            number,
            before,
            durable: number,
            waiting: Vec::new(),
            is_unsynced: false,
            is_broken: false,
        }
    }

    /// Takes a record, which is on disk once [`Log::commit`] has returned. Its body is `head` and `body`, one behind the
    /// other.
    ///
    /// # Errors
    /// There is no room for another segment, and the record was not taken; or the journal is broken.
    pub fn append(&mut self, kind: u8, head: &[u8], body: &[u8]) -> Result<Place, Fault> {
        if self.is_broken {
            return Err(Fault::Broken);
        }
        point!("journal.append");
        let length = frame::length(head.len() + body.len());
        if self.end() + length as u64 > self.segment.length {
            self.commit()?;
            point!("segment.full");
            self.segment = self.folder.segment(self.number, length as u64)?;
        }
        let at = self.end();
        let frame = Frame { kind, number: self.number, durable: self.durable, before: self.before, body: head };
        self.before = if body.len() < LONG {
            frame::write(&frame, body, &mut self.waiting).map_err(|_| Fault::TooLong)?
        } else {
            self.append_long(&frame, body)?
        };
        self.number += 1;
        point!("journal.appended");
        Ok(Place { number: frame.number, segment: self.segment.first, at, length })
    }

    /// Writes a record at once whose body is too long to be copied.
    fn append_long(&mut self, frame: &Frame<'_>, body: &[u8]) -> Result<Hash, Fault> {
        let (head, hash) = frame::head_of(frame, body).map_err(|_| Fault::TooLong)?;
        self.waiting.extend_from_slice(&head);
        self.waiting.extend_from_slice(frame.body);
        self.write()?;
        self.is_broken = true;
        self.segment.file.write_at(self.segment.end, body)?;
        let end = self.segment.end + body.len() as u64;
        self.segment.end = end.next_multiple_of(ALIGNED as u64);
        self.segment.file.write_at(end, &vec![0; (self.segment.end - end) as usize])?;
        self.is_broken = false;
        Ok(hash)
    }

    /// All that was taken is in its files when this returns: it outlasts the process, and maybe not the machine.
    ///
    /// # Errors
    /// The file system refuses. What was taken may be there or not, and the journal is broken.
    pub fn write(&mut self) -> Result<(), Fault> {
        if self.is_broken {
            return Err(Fault::Broken);
        }
        if !self.waiting.is_empty() {
            self.is_broken = true;
            point!("journal.write");
            self.segment.file.write_at(self.segment.end, &self.waiting)?;
            point!("journal.written");
            self.is_broken = false;
            self.is_unsynced = true;
            self.segment.end += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(())
    }

    /// All that was taken is on disk when this returns: every record below the number that it gives.
    ///
    /// # Errors
    /// The file system refuses. What was taken may be there or not, and the journal is broken.
    pub fn commit(&mut self) -> Result<u64, Fault> {
        self.write()?;
        if self.is_unsynced {
            self.is_broken = true;
            self.segment.file.sync()?;
            point!("journal.synced");
            self.is_broken = false;
            self.is_unsynced = false;
            self.durable = self.number;
        }
        Ok(self.durable)
    }

    /// All records below this number are on disk.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether an earlier fault left open what is on disk.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Number of the first record of the segment that is written to.
    pub fn segment(&self) -> u64 {
        self.segment.first
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes segments away that hold nothing from this record on. The last one stays.
    ///
    /// # Errors
    /// The file system refuses; segments may be left.
    pub fn forget(&mut self, below: u64) -> Result<(), Fault> {
        point!("segment.forget");
        let firsts = self.folder.segments()?;
        for pair in firsts.windows(2) {
            if let [first, next] = pair
                && *next <= below
            {
                self.folder.fs.remove(&self.folder.path(*first))?;
                point!("segment.forgotten");
            }
        }
        Ok(self.folder.fs.sync_names(&self.folder.path)?)
    }

    /// Reads records of this journal, in any thread.
    pub fn reader(&self) -> Reader<F> {
        Reader::of(self.folder.clone())
    }

    /// Makes segments ahead of their need, in a thread of its own.
    pub fn spares(&self) -> Spares<F> {
        Spares { folder: self.folder.clone() }
    }

    fn end(&self) -> u64 {
        self.segment.end + self.waiting.len() as u64
    }
}

/// Shows the records of a journal that somebody else may be adding to, and changes nothing. Segments that end before the
/// record of number `from` are left out.
///
/// # Errors
/// The file system refuses, or records that were on disk cannot be read.
pub fn show<F: Fs>(fs: F, path: PathBuf, from: u64, seen: impl FnMut(Record<'_>)) -> Result<(), Fault> {
    Folder::of(fs, path).scanned(from, seen).map(drop)
}

/// Reads records of a journal by their places, beside whoever adds to it.
pub fn reader<F: Fs>(fs: F, path: PathBuf) -> Reader<F> {
    Reader::of(Folder::of(fs, path))
}
