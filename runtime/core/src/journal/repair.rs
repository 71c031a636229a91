//! Gives up what is damaged of a journal, so that it can be opened: a record that says what is missing takes its place. What
//! stood there is kept in a file beside, and what is behind it stays as it is.

use std::io;
use std::path::PathBuf;

use super::frame::{self, Frame, HEAD, Hash, LOST};
use super::fs::{File, Fs};
use super::log::{Damage, Folder};
use super::scan;
use super::verify::verify;

/// Repairs a journal that nobody else has open; gives what was lost.
///
/// # Errors
/// The file system refuses, or some damage is of a kind that cannot be given up: what was repaired up to there stays so, and
/// each segment that was changed has its first state beside it, in a file that ends in `.damaged`.
pub fn repair<F: Fs>(fs: F, path: PathBuf) -> io::Result<Vec<Damage>> {
    let folder = Folder::of(fs.clone(), path.clone());
    let mut lost = Vec::new();
    while let Some(damage) = verify(fs.clone(), path.clone())?.damage.first().copied() {
        if lost.last() == Some(&damage) {
            return Err(io::Error::other(
                "what was repaired is damaged again: the disk does not keep what it is given",
            ));
        }
        given_up(&fs, &folder, damage)?;
        lost.push(damage);
    }
    Ok(lost)
}

fn given_up<F: Fs>(fs: &F, folder: &Folder<F>, damage: Damage) -> io::Result<()> {
    let Damage { segment, at, from, to: Some(to) } = damage else { return Err(beyond()) };
    let bytes = folder.bytes(segment)?;
    if from >= to {
        return wiped(fs, folder, segment, at, &bytes);
    }
    // One segment or more are missing before this one.
    if to == segment {
        let path = folder.path(from);
        let file = fs.create(&path)?;
        file.write_at(0, &place_holder(from, to, named(&bytes, 0)?, 0)?)?;
        return synced(fs, folder, &file);
    }
    kept(fs, folder, segment, &bytes)?;
    let (end, before) = match scan::resumed(&bytes, at, from).filter(|(_, number)| *number == to) {
        Some((end, _)) => (end, named(&bytes, end)?),
        None => (bytes.len() as u64, named(&folder.bytes(to)?, 0)?),
    };
    let room = usize::try_from(end - at).ok().and_then(|room| room.checked_sub(HEAD)).ok_or_else(beyond)?;
    let file = fs.open(&folder.path(segment))?;
    file.write_at(at, &place_holder(from, to, before, room)?)?;
    synced(fs, folder, &file)
}

/// Takes away what stands behind the last record of a segment, and is none.
fn wiped<F: Fs>(fs: &F, folder: &Folder<F>, segment: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
    let rest = bytes.get(at as usize..).unwrap_or_default();
    if scan::resumed(bytes, at, 0).is_some() {
        return Err(beyond());
    }
    kept(fs, folder, segment, bytes)?;
    let file = fs.open(&folder.path(segment))?;
    file.write_at(at, &vec![0; rest.len()])?;
    synced(fs, folder, &file)
}

/// The hash that the record at this place names.
fn named(bytes: &[u8], at: u64) -> io::Result<Hash> {
    let found = bytes.get(at as usize..).and_then(frame::read);
    found.map(|found| found.frame.before).ok_or_else(beyond)
}

/// The record that stands for those from a number to below another.
fn place_holder(from: u64, to: u64, before: Hash, room: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEAD + room);
    let frame = Frame { kind: LOST, number: from, durable: to, before, body: &vec![0; room] };
    frame::write(&frame, &[], &mut bytes).map_err(|_| beyond())?;
    Ok(bytes)
}

/// Puts a copy of a segment beside it, unless there is one of an earlier repair.
fn kept<F: Fs>(fs: &F, folder: &Folder<F>, segment: u64, bytes: &[u8]) -> io::Result<()> {
    match fs.create(&folder.path(segment).with_extension("damaged")) {
        Ok(file) => {
            file.write_at(0, bytes)?;
            synced(fs, folder, &file)
        }
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(why) => Err(why),
    }
}

fn synced<F: Fs>(fs: &F, folder: &Folder<F>, file: &F::File) -> io::Result<()> {
    file.sync()?;
    fs.sync_names(folder.place())
}

fn beyond() -> io::Error {
    io::Error::other("a record does not follow what stands before it: that is no damage that can be given up")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::follow::Follow;
    use crate::journal::log::{Fault, Log};
    use crate::journal::simulated::Simulated;

    const LENGTH: u64 = 4096;

    fn open(fs: &Simulated) -> Result<(Log<Simulated>, Vec<u64>), Fault> {
        let mut numbers = Vec::new();
        let log = Log::open(fs.clone(), "journal".into(), LENGTH, |record| {
            if record.kind == 1 {
                assert_eq!(*record.body, [record.place.number as u8; 500]);
                numbers.push(record.place.number);
            }
        })?;
        Ok((log, numbers))
    }

    /// Twenty records, each on disk before the next.
    fn journal() -> Simulated {
        let fs = Simulated::default();
        let (mut log, _) = open(&fs).unwrap();
        for number in 0..20u8 {
            log.append(1, &[number; 500], &[]).unwrap();
            log.commit().unwrap();
        }
        fs
    }

    fn segments(fs: &Simulated) -> Vec<u64> {
        let names = fs.names(Path::new("journal")).unwrap();
        let mut firsts: Vec<_> =
            names.iter().filter_map(|name| u64::from_str_radix(name.strip_suffix(".log")?, 16).ok()).collect();
        firsts.sort_unstable();
        firsts
    }

    fn path(first: u64) -> PathBuf {
        Path::new("journal").join(format!("{first:016x}.log"))
    }

    /// What is left opens, lacks what was lost and nothing else, and takes more.
    fn is_whole(fs: &Simulated, lost: &[u64]) {
        let (mut log, numbers) = open(fs).unwrap();
        assert_eq!(numbers, (0..20).filter(|number| !lost.contains(number)).collect::<Vec<_>>());
        assert_eq!(log.append(1, &[20; 500], &[]).unwrap().number, 20);
        log.commit().unwrap();
        drop(log);
        assert_eq!(open(fs).unwrap().1.last(), Some(&20));
        let found = verify(fs.clone(), "journal".into()).unwrap();
        assert_eq!((found.damage.len(), found.lost), (0, lost.len() as u64));
        // Who reads on behind is told what is missing, wherever it begins.
        for first in [0, 1, 2] {
            let mut follow = Follow::new(fs.clone(), "journal".into(), first);
            let (mut gone, mut seen) = (Vec::new(), Vec::new());
            follow.read(20, 100, |from, to| gone.extend(from..to), |number, _, _| seen.push(number)).unwrap();
            assert_eq!(gone, lost.iter().copied().filter(|number| *number >= first).collect::<Vec<_>>());
            assert_eq!(seen, (first..20).filter(|number| !lost.contains(number)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_damaged_is_given_up_and_nothing_else() {
        for at in (0..LENGTH as usize).step_by(89) {
            let fs = journal();
            fs.spoil(&path(0), at, |byte| byte ^ 1);
            let damage = verify(fs.clone(), "journal".into()).unwrap().damage;
            let lost = repair(fs.clone(), "journal".into()).unwrap();
            assert_eq!(lost, damage, "at {at}");
            let numbers: Vec<u64> = lost.iter().flat_map(|it| it.from..it.to.unwrap()).collect();
            is_whole(&fs, &numbers);
            let names = fs.names(Path::new("journal")).unwrap();
            assert_eq!(names.iter().any(|name| name.ends_with(".damaged")), !lost.is_empty());
        }
    }

    #[test]
    fn segments_that_are_missing_are_given_up() {
        let fs = journal();
        let firsts = segments(&fs);
        fs.remove(&path(firsts[1])).unwrap();
        let lost = repair(fs.clone(), "journal".into()).unwrap();
        assert_eq!(lost.len(), 1);
        is_whole(&fs, &(firsts[1]..firsts[2]).collect::<Vec<_>>());
    }

    #[test]
    fn several_damages_are_given_up_one_by_one() {
        let fs = journal();
        for at in [10, 600, 620, 1800] {
            fs.spoil(&path(0), at, |byte| byte ^ 1);
        }
        fs.spoil(&path(segments(&fs)[1]), 0, |byte| byte ^ 1);
        let lost = repair(fs.clone(), "journal".into()).unwrap();
        is_whole(&fs, &lost.iter().flat_map(|it| it.from..it.to.unwrap()).collect::<Vec<_>>());
    }
}
