//! Which message is made anew for a way out, or which reply, and of which ones processes have died then: if this one does, the
//! next one knows.
//!
//! The thread of the maps has its own mark ([`super::mark`]). A delivery whose turn comes after its message has left the memory
//! is made by a task, and so is a reply; one after the other, so that it is known of which one a process has died.

use std::io;
use std::path::Path;

use tokio::sync::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::host::Outlasting;
use crate::kept;

/// What may kill the process: the map of a message for a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    number: u64,
    /// The hash of its name.
    way: u64,
}

impl Task {
    pub fn of_delivery(number: u64, way: &str) -> Task {
        Task { number, way: xxh3_64(way.as_bytes()) }
    }

    pub fn of_reply(number: u64, way: &str) -> Task {
        Task { number, way: !xxh3_64(way.as_bytes()) }
    }
}

/// A file with the task that is carried out, and those that processes have died of.
#[derive(Debug)]
pub struct Anew {
    file: Outlasting<COUNT>,
    turn: Mutex<()>,
}

/// How many tasks that processes have died of are known. If there are more, the one with the fewest deaths is forgotten.
const SUSPECTS: usize = 8;

/// A task and how many processes have died of it: its number, its way, deaths. The first is the one that is carried out.
const WORDS: usize = 3;
const COUNT: usize = WORDS * (1 + SUSPECTS);

/// The number of no message.
const NOBODY: u64 = u64::MAX;

impl Anew {
    /// Opens the file of a folder, and gives the message that the last process has died of.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(folder: &Path) -> io::Result<(Anew, Option<u64>)> {
        let file = kept::options().read(true).write(true).create(true).truncate(false).open(folder.join("anew"))?;
        let anew = Anew { file: Outlasting::open(&file, NOBODY)?, turn: Mutex::default() };
        let died_of = anew.at(0);
        // Whoever is ended between the two has not died of it once more.
        anew.clear(0);
        if let Some(task) = died_of {
            anew.count(task);
        }
        Ok((anew, died_of.map(|task| task.number)))
    }

    /// How many processes have died of a task.
    pub fn deaths(&self, task: Task) -> u64 {
        self.place_of(task).map_or(0, |place| self.file.get(place + 2))
    }

    /// Runs what may kill the process, when it is its turn.
    pub async fn around<T>(&self, task: Task, run: impl FnOnce() -> T) -> T {
        let _turn = self.turn.lock().await;
        let running = Running::of(self, task);
        let given = run();
        drop(running);
        self.forget(task);
        given
    }

    /// Nobody dies of it any more: it came to its end, or a person is to look at it.
    pub fn forget(&self, task: Task) {
        self.place_of(task).into_iter().for_each(|place| self.clear(place));
    }

    /// One process more has died of it.
    fn count(&self, task: Task) {
        let fewest = || places().min_by_key(|place| self.at(*place).map_or(0, |_| self.file.get(place + 2)));
        let (place, deaths) = match self.place_of(task) {
            Some(place) => (place, self.file.get(place + 2).saturating_add(1)),
            None => (fewest().unwrap_or(WORDS), 1),
        };
        self.clear(place);
        self.file.set(place + 2, deaths);
        self.set(place, task);
    }

    fn place_of(&self, task: Task) -> Option<usize> {
        places().find(|place| self.at(*place) == Some(task))
    }

    fn at(&self, place: usize) -> Option<Task> {
        let task = Task { number: self.file.get(place), way: self.file.get(place + 1) };
        (task.number != NOBODY).then_some(task)
    }

    /// Whoever finds the number finds all of it.
    fn set(&self, place: usize, Task { number, way }: Task) {
        self.file.set(place + 1, way);
        self.file.set(place, number);
    }

    fn clear(&self, place: usize) {
        self.file.set(place, NOBODY);
    }
}

/// Those of the suspects.
fn places() -> impl Iterator<Item = usize> {
    (1..=SUSPECTS).map(|suspect| suspect * WORDS)
}

/// Stands in the file for as long as a task is carried out, also one that panics.
struct Running<'a>(&'a Anew);

impl<'a> Running<'a> {
    fn of(anew: &'a Anew, task: Task) -> Running<'a> {
        anew.set(0, task);
        Running(anew)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.clear(0);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn open(folder: &Path) -> Anew {
        Anew::open(folder).unwrap().0
    }

    /// A process dies of each of these.
    pub fn died(folder: &Path, tasks: &[Task]) {
        tasks.iter().for_each(|task| std::mem::forget(Running::of(&open(folder), *task)));
    }

    #[tokio::test]
    async fn deaths_of_a_task_count_until_it_comes_to_its_end_whatever_comes_between() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [4, 5].map(|number| Task::of_delivery(number, "out"));
        died(folder.path(), &[first, second, first]);
        let (anew, last) = Anew::open(folder.path()).unwrap();
        assert_eq!((anew.deaths(first), anew.deaths(second), last), (2, 1, Some(4)));
        assert_eq!(Anew::open(folder.path()).unwrap().1, None);
        assert_eq!(anew.around(second, || 7).await, 7);
        anew.around(Task::of_delivery(6, "out"), || ()).await;
        let anew = open(folder.path());
        assert_eq!((anew.deaths(first), anew.deaths(second)), (2, 0));
        anew.forget(first);
        assert_eq!(open(folder.path()).deaths(first), 0);
    }

    #[test]
    fn a_message_is_another_task_for_each_way_and_its_reply() {
        let folder = tempfile::tempdir().unwrap();
        died(folder.path(), &[Task::of_delivery(4, "a"), Task::of_delivery(4, "a"), Task::of_reply(4, "a")]);
        let anew = open(folder.path());
        let tasks = [Task::of_delivery(4, "a"), Task::of_delivery(4, "b"), Task::of_reply(4, "a")];
        assert_eq!(tasks.map(|task| anew.deaths(task)), [2, 0, 1]);
    }

    #[test]
    fn one_that_others_died_of_once_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let task = |number| Task::of_delivery(number, "out");
        died(folder.path(), &[task(0), task(0)]);
        for number in 1..20 {
            died(folder.path(), &[task(number)]);
        }
        let anew = open(folder.path());
        assert_eq!((anew.deaths(task(0)), anew.deaths(task(19))), (2, 1));
    }

    #[test]
    fn nobody_dies_of_what_panics() {
        let folder = tempfile::tempdir().unwrap();
        let anew = open(folder.path());
        let run = AssertUnwindSafe(|| {
            let _running = Running::of(&anew, Task::of_delivery(4, "out"));
            panic!("as a test asks");
        });
        assert!(catch_unwind(run).is_err());
        assert_eq!(Anew::open(folder.path()).unwrap().1, None);
    }
}
