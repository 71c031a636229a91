//! Reads on in a journal that somebody else adds to, without looking at what was read before.

use std::path::PathBuf;
use std::{io, mem};

use super::entry::ARRIVAL;
use super::frame::{self, HEAD, LOST};
use super::fs::{File, Fs};
use super::log::Folder;

/// How many bytes are read at once.
const CHUNK: usize = 1 << 20;

/// How much of the record of a message is shown: more than stands before its bytes.
const SHOWN: usize = 64 << 10;

/// A place in a journal.
pub struct Follow<F: Fs> {
    folder: Folder<F>,
    /// Number of the next record.
    number: u64,
    /// Where it stands; nothing until it was looked for.
    at: Option<(u64, u64)>,
    /// What was read of it: its room is used again.
    bytes: Vec<u8>,
}

impl<F: Fs> Follow<F> {
    /// From the record of this number on.
    pub fn new(fs: F, path: PathBuf, number: u64) -> Follow<F> {
        Follow { folder: Folder::of(fs, path), number, at: None, bytes: Vec::new() }
    }

    /// The next record that is shown.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Shows kinds and beginnings of bodies, up to `most` records that are below this number: all of these must be on disk.
    /// Records that are not there any more are passed over; `gone` is told from which to below which.
    ///
    /// # Errors
    /// The file system refuses, or what stands there is no record. What was shown is not shown again.
    pub fn read(
        &mut self,
        below: u64,
        most: usize,
        mut gone: impl FnMut(u64, u64),
        mut seen: impl FnMut(u64, u8, &[u8]),
    ) -> io::Result<()> {
        let mut left = most;
        while self.number < below && left > 0 {
            let (segment, at) = match self.at {
                Some(at) => at,
                None => self.find(&mut gone)?,
            };
            let file = self.folder.open(segment)?;
            let mut bytes = mem::take(&mut self.bytes);
            chunk(&file, at, CHUNK, &mut bytes)?;
            if let Some(head) = frame::head(&bytes).filter(|head| shown(head) > CHUNK) {
                chunk(&file, at, shown(&head), &mut bytes)?;
            }
            let mut passed = 0;
            while self.number < below && left > 0 {
                let rest = bytes.get(passed..).unwrap_or_default();
                let Some(head) = frame::head(rest).filter(|head| head.number <= self.number) else { break };
                // It goes on in the next chunk.
                let Some(body) = rest.get(HEAD..shown(&head)) else { break };
                passed += frame::length(head.body);
                if head.next > self.number {
                    match head.kind {
                        LOST => gone(self.number, head.next),
                        kind => seen(head.number, kind, body),
                    }
                    self.number = head.next;
                    left -= 1;
                }
            }
            self.at = Some((segment, at + passed as u64));
            self.bytes = bytes;
            if passed == 0 {
                self.next_segment(segment)?;
            }
        }
        Ok(())
    }

    /// The start of the segment that the next record is in.
    fn find(&mut self, gone: &mut impl FnMut(u64, u64)) -> io::Result<(u64, u64)> {
        let firsts = self.folder.segments()?;
        let first = firsts.iter().rev().find(|first| **first <= self.number).or(firsts.first());
        let first = *first.ok_or(io::ErrorKind::NotFound)?;
        if first > self.number {
            gone(self.number, first);
            self.number = first;
        }
        self.at = Some((first, 0));
        Ok((first, 0))
    }

    /// The next record is not where this one ends, so a segment begins with it.
    fn next_segment(&mut self, before: u64) -> io::Result<()> {
        if !self.folder.segments()?.contains(&self.number) || self.number == before {
            return Err(io::Error::other("a record of the journal cannot be read"));
        }
        self.at = Some((self.number, 0));
        Ok(())
    }
}

/// How many bytes of a record are needed to show it, with its head.
fn shown(head: &frame::Head) -> usize {
    HEAD + if head.kind == ARRIVAL { head.body.min(SHOWN) } else { head.body }
}

/// Up to so many bytes of a file from here on.
fn chunk(file: &impl File, at: u64, most: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let left = file.length()?.saturating_sub(at);
    bytes.resize(usize::try_from(left).unwrap_or(most).min(most), 0);
    file.read_at(at, bytes)
}

#[cfg(test)]
mod tests {
    use super::super::fs::Disk;
    use super::super::log::{Log, show};
    use super::*;

    /// Number, kind and length of a body.
    type Seen = Vec<(u64, u8, usize)>;

    fn all(path: &std::path::Path) -> Seen {
        let mut seen = Vec::new();
        let most = |kind| if kind == ARRIVAL { SHOWN } else { usize::MAX };
        let see = |it: super::super::log::Record<'_>| {
            seen.push((it.place.number, it.kind, it.body.len().min(most(it.kind))));
        };
        show(Disk, path.to_owned(), 0, see).unwrap();
        seen
    }

    #[test]
    fn what_is_added_is_seen_once_over_all_segments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mut log = Log::open(Disk, path.clone(), 1 << 20, |_| {}).unwrap();
        let mut follow = Follow::new(Disk, path.clone(), 0);
        let mut seen: Seen = Vec::new();
        for round in 0..60u64 {
            for (kind, length) in [
                (1, 7),
                (2, if round == 7 { 1_500_000 } else { 90_000 }),
                (3, 0),
                (1, usize::try_from(round).unwrap() * 5_000),
            ] {
                log.append(kind, &vec![kind; length], &[]).unwrap();
            }
            let below = log.commit().unwrap();
            while follow.number() < below {
                follow.read(below, 3, |_, _| panic!(), |at, kind, body| seen.push((at, kind, body.len()))).unwrap();
            }
        }
        assert!(std::fs::read_dir(&path).unwrap().count() > 4);
        assert_eq!(seen, all(&path));
        // Somebody else begins in the middle.
        let mut later = Vec::new();
        let mut follow = Follow::new(Disk, path.clone(), 100);
        follow.read(240, 1_000, |_, _| panic!(), |at, kind, body| later.push((at, kind, body.len()))).unwrap();
        assert_eq!(later, seen[100..]);
        // What is gone is told.
        log.forget(200).unwrap();
        let (mut gone, mut follow) = (None, Follow::new(Disk, path, 3));
        follow.read(240, 1_000, |from, to| gone = Some((from, to)), |_, _, _| {}).unwrap();
        assert!(matches!(gone, Some((3, to)) if to > 100 && to <= 200), "{gone:?}");
    }
}
