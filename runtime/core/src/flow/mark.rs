//! Which message a map is at, and how many processes have died of it: if this one does, the next one knows.
//!
//! The mark needs no sync. It has to outlast the process, not the machine, and a message that was lost with the machine
//! did not kill it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kept;

/// A file with a number of a message, of deaths, and whether the map is at it.
#[derive(Debug)]
pub struct Mark {
    file: File,
    suspect: Mutex<Option<Suspect>>,
}

/// A message that processes have died of, and that no map has come to the end of since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    pub number: u64,
    pub deaths: u32,
    /// The last process died of it, and not one before.
    pub is_new: bool,
}

/// What the file says.
#[derive(Clone, Copy)]
struct Written {
    number: u64,
    deaths: u32,
    is_running: bool,
}

const NOBODY: Written = Written { number: u64::MAX, deaths: 0, is_running: false };

impl Written {
    const LENGTH: usize = 16;

    fn bytes(self) -> [u8; Written::LENGTH] {
        let mut bytes = [0; Written::LENGTH];
        let (number, rest) = bytes.split_at_mut(8);
        number.copy_from_slice(&self.number.to_le_bytes());
        let (deaths, is_running) = rest.split_at_mut(4);
        deaths.copy_from_slice(&self.deaths.to_le_bytes());
        is_running.copy_from_slice(&u32::from(self.is_running).to_le_bytes());
        bytes
    }

    /// A file that has the number alone is of a version that counted elsewhere: its map was running.
    fn read(bytes: &[u8]) -> Written {
        let number = |from: usize| bytes.get(from..)?.first_chunk().copied();
        let Some(message) = bytes.first_chunk().copied().map(u64::from_le_bytes) else { return NOBODY };
        let (deaths, is_running) = (number(8).map(u32::from_le_bytes), number(12).map(u32::from_le_bytes));
        if message == NOBODY.number {
            return NOBODY;
        }
        Written { number: message, deaths: deaths.unwrap_or_default(), is_running: is_running.is_none_or(|it| it > 0) }
    }
}

impl Mark {
    /// Opens the mark of a folder, and gives the message that processes have died of.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(folder: &Path) -> io::Result<(Mark, Option<Suspect>)> {
        let path = folder.join("mark");
        let file = kept::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; Written::LENGTH];
        let length = file.read_at(&mut bytes, 0)?;
        let left = Written::read(bytes.get(..length).unwrap_or_default());
        let deaths = left.deaths + u32::from(left.is_running);
        let suspect = Suspect { number: left.number, deaths, is_new: left.is_running };
        let suspect = (deaths > 0).then_some(suspect);
        let mark = Mark { file, suspect: Mutex::new(suspect) };
        mark.write(Written { deaths, is_running: false, ..left })?;
        Ok((mark, suspect))
    }

    /// How many processes have died of a message.
    pub fn deaths(&self, number: u64) -> u32 {
        self.suspect().filter(|suspect| suspect.number == number).map_or(0, |suspect| suspect.deaths)
    }

    /// Runs what may kill the process over a message.
    ///
    /// # Errors
    /// The file system refuses, and it was not run.
    pub fn around<T>(&self, number: u64, run: impl FnOnce() -> T) -> io::Result<T> {
        self.write(Written { number, deaths: self.deaths(number), is_running: true })?;
        point!("flow.marked");
        let given = run();
        point!("flow.mapped");
        self.clear()?;
        point!("flow.unmarked");
        Ok(given)
    }

    /// Nobody dies of a message any more: a map came to its end, or a person is to look at it.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn clear(&self) -> io::Result<()> {
        self.write(NOBODY)?;
        *self.suspect() = None;
        Ok(())
    }

    fn write(&self, written: Written) -> io::Result<()> {
        self.file.write_all_at(&written.bytes(), 0)
    }

    /// Whoever panicked left it as it was.
    fn suspect(&self) -> MutexGuard<'_, Option<Suspect>> {
        self.suspect.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_process_knows_what_the_last_one_died_of() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Mark::open(folder.path()).unwrap();
        let suspect = |number, deaths, is_new| Some(Suspect { number, deaths, is_new });
        let (mark, left) = open();
        assert_eq!(left, None);
        assert_eq!(mark.around(3, || 7).unwrap(), 7);
        let (mark, left) = open();
        assert_eq!(left, None);
        mark.around(4, || assert_eq!(open().1, suspect(4, 1, true))).unwrap();
        // Who died of it before anything was tried again did not die of it once more.
        mark.around(5, || assert_eq!([open().1, open().1], [suspect(5, 1, true), suspect(5, 1, false)])).unwrap();
    }

    #[test]
    fn deaths_of_a_message_count_until_a_map_comes_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let died = |number| {
            let (mark, _) = Mark::open(folder.path()).unwrap();
            mark.write(Written { number, deaths: mark.deaths(number), is_running: true }).unwrap();
        };
        let deaths = |number| Mark::open(folder.path()).unwrap().0.deaths(number);
        died(4);
        assert_eq!((deaths(4), deaths(5)), (1, 0));
        died(4);
        assert_eq!(deaths(4), 2);
        // Of another one, and so not of this one.
        died(5);
        assert_eq!((deaths(4), deaths(5)), (0, 1));
        Mark::open(folder.path()).unwrap().0.around(5, || ()).unwrap();
        assert_eq!(deaths(5), 0);
        died(6);
        Mark::open(folder.path()).unwrap().0.clear().unwrap();
        assert_eq!(deaths(6), 0);
    }

    #[test]
    fn a_mark_of_a_number_alone_is_of_one_death() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mark"), 7u64.to_le_bytes()).unwrap();
        assert_eq!(Mark::open(folder.path()).unwrap().1, Some(Suspect { number: 7, deaths: 1, is_new: true }));
        std::fs::write(folder.path().join("mark"), u64::MAX.to_le_bytes()).unwrap();
        assert_eq!(Mark::open(folder.path()).unwrap().1, None);
    }
}
