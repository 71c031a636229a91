//! Records in files, each behind the one before: what was committed is there after any end of the process or the
//! machine, whole and in its order.
//!
//! A journal is a folder of *segments*, named by the number of their first record. A segment is filled with zeros when it
//! is made, so that a record which is added changes no length and the disk has one thing to write. A new segment is begun
//! when all of the one before is on disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::frame::{self, ALIGNED, Frame, HEAD, Hash, NOTHING};
use super::fs::{File, Fs};
use super::scan::{self, End};

/// How long a segment is, unless one record needs more. Where its ends are to be met by tests it is short.
pub const SEGMENT: u64 = if cfg!(any(test, feature = "failpoints")) { 256 << 10 } else { 64 << 20 };

/// The part of a segment that is enough while there is no room for a whole one.
const SMALL: u64 = 64;

/// From this length on a body goes to its file from where it is.
const LONG: usize = if cfg!(test) { 2_000 } else { 1 << 20 };

/// What a segment is called while it is filled with zeros, and until its first record is known.
const SPARE: &str = "spare";

/// The same of one that is longer than others.
const LONG_SPARE: &str = "long";

/// The end of a segment's name.
const ENDING: &str = ".log";

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub number: u64,
    /// Number of its segment's first record.
    segment: u64,
    at: u64,
    /// Bytes with head and zeros.
    length: usize,
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
    pub(super) fn new(number: u64, segment: u64, at: u64, length: usize) -> Place {
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

/// Where the segments are, and how long new ones are made.
#[derive(Clone)]
pub(super) struct Folder<F> {
    fs: F,
    path: PathBuf,
    length: u64,
}

struct Segment<F: Fs> {
    first: u64,
    file: F::File,
    length: u64,
    /// Where what waits will stand.
    end: u64,
}

impl<F: Fs> Log<F> {
    /// Opens the journal of a folder, or begins one, and shows each record to `seen`. What a loss of power tore at its end,
    /// which nobody was told of, is taken away.
    ///
    /// # Errors
    /// The file system refuses, or records that were on disk cannot be read; then nothing was changed.
    pub fn open(fs: F, path: PathBuf, length: u64, seen: impl FnMut(Record<'_>)) -> Result<Log<F>, Fault> {
        let folder = Folder { fs, path, length };
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

/// What a journal holds when nobody has added to it yet.
struct Scanned {
    /// Number of the first record of the last segment.
    last: u64,
    /// That segment.
    bytes: Vec<u8>,
    end: End,
    chain: scan::Chain,
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
    fn wipe(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let torn = bytes.get(at as usize..).unwrap_or_default();
        let length = torn.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.file.write_at(at, &vec![0; length])
    }
}

impl<F: Fs> Folder<F> {
    pub(super) fn of(fs: F, path: PathBuf) -> Folder<F> {
        Folder { fs, path, length: SEGMENT }
    }

    /// Where it is.
    pub(super) fn place(&self) -> &Path {
        &self.path
    }

    pub(super) fn path(&self, first: u64) -> PathBuf {
        // Sixteen digits of base 16 are in the order of their numbers.
        self.path.join(format!("{first:016x}{ENDING}"))
    }

    /// Reads all segments, but for those that end before a record; nothing if there are none.
    fn scanned(&self, from: u64, mut seen: impl FnMut(Record<'_>)) -> Result<Option<Scanned>, Fault> {
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
    pub(super) fn segments(&self) -> io::Result<Vec<u64>> {
        let first = |name: &String| u64::from_str_radix(name.strip_suffix(ENDING)?, 16).ok();
        let mut firsts: Vec<_> = self.fs.names(&self.path)?.iter().filter_map(first).collect();
        firsts.sort_unstable();
        Ok(firsts)
    }

    pub(super) fn open(&self, first: u64) -> io::Result<F::File> {
        self.fs.open(&self.path(first))
    }

    pub(super) fn bytes(&self, first: u64) -> io::Result<Vec<u8>> {
        let file = self.open(first)?;
        let mut bytes = vec![0; usize::try_from(file.length()?).map_err(io::Error::other)?];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// Begins a segment with room for a record of this length.
    fn segment(&self, first: u64, record: u64) -> io::Result<Segment<F>> {
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
        self.zeros(SPARE, self.length).or_else(|why| match why.kind() {
            io::ErrorKind::StorageFull => self.zeros(SPARE, (self.length / SMALL).max(record)),
            _ => Err(why),
        })
    }

    /// A new file of zeros, which are on disk; none where they are not.
    fn zeros(&self, name: &str, length: u64) -> io::Result<F::File> {
        let file = self.filled(name, length);
        if file.is_err() {
            // Half of one takes room away and is of no use.
            let _ = self.fs.remove(&self.path.join(name));
        }
        file
    }

    fn filled(&self, name: &str, length: u64) -> io::Result<F::File> {
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
        }
        file.sync()?;
        point!("segment.zeroed");
        Ok(file)
    }
}

/// Reads records by their places.
#[derive(Clone)]
pub struct Reader<F: Fs> {
    folder: Folder<F>,
    /// The segment that was read last: most often the next record is in the same one.
    last: Arc<Mutex<Option<Last<F>>>>,
}

/// An open segment, and the number of its first record.
type Last<F> = (u64, Arc<<F as Fs>::File>);

impl<F: Fs> Reader<F> {
    fn of(folder: Folder<F>) -> Reader<F> {
        Reader { folder, last: Arc::default() }
    }

    fn segment(&self, first: u64) -> io::Result<Arc<F::File>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, file)) = &*last
            && *known == first
        {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.folder.open(first)?);
        *last = Some((first, Arc::clone(&file)));
        Ok(file)
    }

    /// The body of a record.
    ///
    /// # Errors
    /// The file system refuses, or what stands there is not that record.
    pub fn read(&self, place: Place) -> Result<Bytes, Fault> {
        let file = self.segment(place.segment)?;
        let mut bytes = vec![0; place.length];
        file.read_at(place.at, &mut bytes)?;
        let found = frame::alone(&bytes).filter(|frame| frame.number == place.number);
        let length = found.map(|frame| frame.body.len());
        let body = length.map(|length| Bytes::from(bytes).slice(HEAD..HEAD + length));
        body.ok_or(Fault::Damaged(Damage { segment: place.segment, at: place.at, from: place.number, to: None }))
    }
}

/// Makes the segment that will be needed next.
#[derive(Clone)]
pub struct Spares<F> {
    folder: Folder<F>,
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
            folder.zeros(BEGUN, folder.length)?;
            folder.fs.rename(&folder.path.join(BEGUN), &folder.path.join(SPARE))?;
            point!("segment.spare");
        }
        Ok(())
    }
}
