//! Which message a map is at, and how many processes have died of it: if this one does, the next one knows.
//!
//! The mark needs no sync. It has to outlast the process, not the machine, and a message that was lost with the machine
//! did not kill it.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::host::Outlasting;
use crate::kept;

/// A file with the number of a message, and what is known of it.
#[derive(Debug)]
pub struct Mark {
    file: Outlasting<2>,
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

/// Places in the file.
const NUMBER: usize = 0;
const STATE: usize = 1;

const NOBODY: u64 = u64::MAX;

/// What stands for the state in a file that has the number alone. It is of a version that counted elsewhere: its map was
/// running.
const UNKNOWN: u64 = u64::MAX;

/// In a state, above the deaths: the map is running.
const RUNNING: u64 = 1 << 32;

impl Written {
    fn state(self) -> u64 {
        u64::from(self.deaths) | if self.is_running { RUNNING } else { 0 }
    }

    fn of(number: u64, state: u64) -> Written {
        if state == UNKNOWN {
            return Written { number, deaths: 0, is_running: true };
        }
        let deaths = u32::try_from(state % RUNNING).unwrap_or(u32::MAX);
        Written { number, deaths, is_running: state >= RUNNING }
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
        let file = Outlasting::open(&file, NOBODY)?;
        let left = Written::of(file.get(NUMBER), file.get(STATE));
        let deaths = left.deaths.saturating_add(left.is_running.into());
        let suspect = Suspect { number: left.number, deaths, is_new: left.is_running };
        let suspect = (left.number != NOBODY && deaths > 0).then_some(suspect);
        let mark = Mark { file, suspect: Mutex::new(suspect) };
        mark.write(Written { deaths, is_running: false, ..left });
        Ok((mark, suspect))
    }

    /// How many processes have died of a message.
    pub fn deaths(&self, number: u64) -> u32 {
        self.suspect().filter(|suspect| suspect.number == number).map_or(0, |suspect| suspect.deaths)
    }

    /// Runs what may kill the process over a message.
    pub fn around<T>(&self, number: u64, run: impl FnOnce() -> T) -> T {
        self.write(Written { number, deaths: self.deaths(number), is_running: true });
        point!("flow.marked");
        let given = run();
        point!("flow.mapped");
        self.clear();
        point!("flow.unmarked");
        given
    }

    /// Nobody dies of a message any more: a map came to its end, or a person is to look at it.
    pub fn clear(&self) {
        self.file.set(NUMBER, NOBODY);
        *self.suspect() = None;
    }

    fn write(&self, written: Written) {
        // Who is ended between two of these leaves nobody, and no message with the state of another.
        self.file.set(NUMBER, NOBODY);
        self.file.set(STATE, written.state());
        self.file.set(NUMBER, written.number);
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
        assert_eq!(mark.around(3, || 7), 7);
        let (mark, left) = open();
        assert_eq!(left, None);
        mark.around(4, || assert_eq!(open().1, suspect(4, 1, true)));
        // Who died of it before anything was tried again did not die of it once more.
        mark.around(5, || assert_eq!([open().1, open().1], [suspect(5, 1, true), suspect(5, 1, false)]));
    }

    #[test]
    fn deaths_of_a_message_count_until_a_map_comes_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let died = |number| {
            let (mark, _) = Mark::open(folder.path()).unwrap();
            mark.write(Written { number, deaths: mark.deaths(number), is_running: true });
        };
        let deaths = |number| Mark::open(folder.path()).unwrap().0.deaths(number);
        died(4);
        assert_eq!((deaths(4), deaths(5)), (1, 0));
        died(4);
        assert_eq!(deaths(4), 2);
        // Of another one, and so not of this one.
        died(5);
        assert_eq!((deaths(4), deaths(5)), (0, 1));
        Mark::open(folder.path()).unwrap().0.around(5, || ());
        assert_eq!(deaths(5), 0);
        died(6);
        Mark::open(folder.path()).unwrap().0.clear();
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
