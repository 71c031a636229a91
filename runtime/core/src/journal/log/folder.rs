//! The segments of a journal: which there are, what is in them, and how new ones are made.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use super::super::frame;
use super::super::fs::{File, Fs};
use super::super::scan::{self, End};
use super::record::{Damage, Fault, Place, Record};

/// How long a segment is, unless one record needs more. Where its ends are to be met by tests it is short.
pub const SEGMENT: u64 = if cfg!(any(test, feature = "failpoints")) { 256 << 10 } else { 64 << 20 };

/// The part of a segment that is enough while there is no room for a whole one.
const SMALL: u64 = 64;

/// What of a spare segment is given to the disk at once.
const PART: u64 = 1 << 20;

/// What a segment is called while it is filled with zeros, and until its first record is known.
const SPARE: &str = "spare";

/// The same of one that is longer than others.
const LONG_SPARE: &str = "long";

/// The end of a segment's name.
const ENDING: &str = ".log";

/// Where the segments are, and how long new ones are made.
#[derive(Clone)]
pub(in crate::journal) struct Folder<F> {
    pub(super) fs: F,
    pub(super) path: PathBuf,
    length: u64,
}

/// An open file of records.
pub(super) struct Segment<F: Fs> {
    pub first: u64,
    pub file: F::File,
    pub length: u64,
    /// Where what waits will stand.
    pub end: u64,
}

/// What a journal holds when nobody has added to it yet.
pub(super) struct Scanned {
    /// Number of the first record of the last segment.
    pub last: u64,
    /// That segment.
    pub bytes: Vec<u8>,
    pub end: End,
    pub chain: scan::Chain,
}

/// See [`scan::records`], from this byte on: says where the journal is damaged if it is.
fn read(
    segment: u64,
    bytes: &[u8],
    chain: &mut scan::Chain,
    from: u64,
    seen: &mut impl FnMut(Record<'_>),
) -> Result<End, Fault> {
    if from == 0 && chain.number != segment {
        return Err(Fault::Damaged(Damage { segment, at: 0, from: chain.number, to: Some(segment) }));
    }
    let see = |at, found: &frame::Found<'_>| {
        let place = Place::new(found.frame.number, segment, at, found.length);
        seen(Record { place, kind: found.frame.kind, body: found.frame.body });
    };
    scan::records(bytes, from, chain, see)
        .map_err(|hole| Fault::Damaged(Damage { segment, at: hole.at, from: chain.number, to: Some(hole.next) }))
}

impl<F: Fs> Segment<F> {
    /// Takes away what stands from here on.
    pub(super) fn wipe(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let torn = bytes.get(at as usize..).unwrap_or_default();
        let length = torn.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.file.write_at(at, &vec![0; length])
    }
}

impl<F: Fs> Folder<F> {
    pub(in crate::journal) fn of(fs: F, path: PathBuf) -> Folder<F> {
        Folder::with(fs, path, SEGMENT)
    }

    /// One whose new segments are so long.
    pub(super) fn with(fs: F, path: PathBuf, length: u64) -> Folder<F> {
        Folder { fs, path, length }
    }

    /// Where it is.
    pub(in crate::journal) fn place(&self) -> &Path {
        &self.path
    }

    pub(in crate::journal) fn path(&self, first: u64) -> PathBuf {
        // Sixteen digits of base 16 are in the order of their numbers.
        self.path.join(format!("{first:016x}{ENDING}"))
    }

    /// Reads all segments, but for those that end before a record; nothing if there are none.
    pub(super) fn scanned(&self, from: u64, mut seen: impl FnMut(Record<'_>)) -> Result<Option<Scanned>, Fault> {
        let mut firsts = self.segments()?;
        firsts.drain(..firsts.partition_point(|first| *first <= from).saturating_sub(1));
        let Some((&last, older)) = firsts.split_last() else { return Ok(None) };
        let mut chain = scan::Chain { number: *firsts.first().unwrap_or(&last), before: None };
        for &first in older {
            // The next segment was begun when all of this was on disk.
            if let End::Torn(at) = read(first, &self.bytes(first)?, &mut chain, 0, &mut seen)? {
                return Err(Fault::Damaged(Damage { segment: first, at, from: chain.number, to: None }));
            }
        }
        let (bytes, end) = self.growing(last, &mut chain, &mut seen)?;
        Ok(Some(Scanned { last, bytes, end, chain }))
    }

    /// Reads the last segment. Somebody may add to it meanwhile, so that a part that was read late knows of one that was
    /// read before it was written: what is missing is damaged only if it is missing twice.
    fn growing(
        &self,
        last: u64,
        chain: &mut scan::Chain,
        seen: &mut impl FnMut(Record<'_>),
    ) -> Result<(Vec<u8>, End), Fault> {
        let mut missing = None;
        loop {
            let bytes = self.bytes(last)?;
            match read(last, &bytes, chain, missing.unwrap_or(0), seen) {
                Err(Fault::Damaged(damage)) if missing.replace(damage.at) != Some(damage.at) => {}
                end => return Ok((bytes, end?)),
            }
        }
    }

    /// The first numbers of all segments, in order.
    pub(in crate::journal) fn segments(&self) -> io::Result<Vec<u64>> {
        let first = |name: &String| u64::from_str_radix(name.strip_suffix(ENDING)?, 16).ok();
        let mut firsts: Vec<_> = self.fs.names(&self.path)?.iter().filter_map(first).collect();
        firsts.sort_unstable();
        Ok(firsts)
    }

    pub(in crate::journal) fn open(&self, first: u64) -> io::Result<F::File> {
        self.fs.open(&self.path(first))
    }

    pub(in crate::journal) fn bytes(&self, first: u64) -> io::Result<Vec<u8>> {
        let file = self.open(first)?;
        let mut bytes = vec![0; usize::try_from(file.length()?).map_err(io::Error::other)?];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// Begins a segment with room for a record of this length.
    pub(super) fn segment(&self, first: u64, record: u64) -> io::Result<Segment<F>> {
        if record > self.length {
            return self.segment_of_one(first, record);
        }
        let spare = self.path.join(SPARE);
        let file = match self.fs.open(&spare).and_then(|file| Ok((file.length()?, file))) {
            Ok((length, file)) if length >= self.length => file,
            _ => self.room(record)?,
        };
        point!("segment.rename");
        self.fs.rename(&spare, &self.path(first))?;
        point!("segment.renamed");
        self.fs.sync_names(&self.path)?;
        point!("segment.begun");
        let length = file.length()?;
        Ok(Segment { first, file, length, end: 0 })
    }

    /// Begins a segment for a record that is longer than others are. It grows as it is written: nothing but that record
    /// comes into it, so that zeros would be no help.
    fn segment_of_one(&self, first: u64, record: u64) -> io::Result<Segment<F>> {
        let long = self.path.join(LONG_SPARE);
        // One that was begun and not ended.
        let _ = self.fs.remove(&long);
        let file = self.fs.create(&long)?;
        self.fs.rename(&long, &self.path(first))?;
        self.fs.sync_names(&self.path)?;
        Ok(Segment { first, file, length: record, end: 0 })
    }

    /// A file for a segment with a record of this length. Where there is no room for a whole segment a small one does: what
    /// becomes of messages that were accepted is still to be noted.
    fn room(&self, record: u64) -> io::Result<F::File> {
        let at_once = |_: &F::File| Ok(());
        self.zeros(SPARE, self.length, at_once).or_else(|why| match why.kind() {
            io::ErrorKind::StorageFull => self.zeros(SPARE, (self.length / SMALL).max(record), at_once),
            _ => Err(why),
        })
    }

    /// A new file of zeros, which are on disk; none where they are not. Behind each [`PART`] somebody may wait.
    fn zeros(&self, name: &str, length: u64, wait: impl Fn(&F::File) -> io::Result<()>) -> io::Result<F::File> {
        let file = self.filled(name, length, wait);
        if file.is_err() {
            // Half of one takes room away and is of no use.
            let _ = self.fs.remove(&self.path.join(name));
        }
        file
    }

    fn filled(&self, name: &str, length: u64, wait: impl Fn(&F::File) -> io::Result<()>) -> io::Result<F::File> {
        static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
        let path = self.path.join(name);
        // One that was begun and not ended.
        let _ = self.fs.remove(&path);
        let file = self.fs.create(&path)?;
        let mut at = 0;
        while at < length {
            let part = ZEROS.get(..(length - at) as usize).unwrap_or(&ZEROS);
            file.write_at(at, part)?;
            at += part.len() as u64;
            point!("segment.zeros");
            if at.is_multiple_of(PART) && at < length {
                wait(&file)?;
            }
        }
        file.sync()?;
        point!("segment.zeroed");
        Ok(file)
    }
}

/// Makes the segment that will be needed next.
#[derive(Clone)]
pub struct Spares<F> {
    pub(super) folder: Folder<F>,
}

impl<F: Fs> Spares<F> {
    /// Makes one if there is none.
    ///
    /// # Errors
    /// The file system refuses, most often for want of room.
    pub fn make(&self) -> io::Result<()> {
        const BEGUN: &str = "spare.begun";
        let folder = &self.folder;
        if !folder.fs.names(&folder.path)?.iter().any(|name| name == SPARE) {
            folder.zeros(BEGUN, folder.length, leave_the_disk)?;
            folder.fs.rename(&folder.path.join(BEGUN), &folder.path.join(SPARE))?;
            point!("segment.spare");
        }
        Ok(())
    }
}

/// A sync of somebody else waits for all that the disk was given before: it is given little at once, and has as much time for
/// others as that takes.
fn leave_the_disk(file: &impl File) -> io::Result<()> {
    let begun = Instant::now();
    file.sync()?;
    thread::sleep(begun.elapsed());
    Ok(())
}
