//! How far a replay has come: a file with what is replayed and the number of the next record, which appears whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) struct Reached {
    path: PathBuf,
    /// What is replayed. Another replay begins at its beginning.
    what: String,
    pub next: u64,
}

impl Reached {
    /// # Errors
    /// The file system refuses.
    pub fn open(path: PathBuf, what: String) -> io::Result<Reached> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(why),
        };
        let known = text.trim_end().rsplit_once('\n').filter(|(known, _)| *known == what);
        let next = known.and_then(|(_, next)| next.parse().ok()).unwrap_or_default();
        Ok(Reached { path, what, next })
    }

    /// All before that record was taken in.
    ///
    /// # Errors
    /// The file system refuses: the next process begins where this one did, and what it takes in again is known.
    pub fn note(&mut self, next: u64) -> io::Result<()> {
        self.next = next;
        let part = self.path.with_extension("part");
        let mut file = File::create(&part)?;
        write!(file, "{}\n{next}\n", self.what)?;
        file.sync_data()?;
        fs::rename(&part, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_replay_begins_at_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let open = |what: &str| Reached::open(folder.path().join("again.replayed"), what.to_owned()).unwrap();
        open("adt since yesterday").note(7).unwrap();
        assert_eq!(open("adt since yesterday").next, 7);
        assert_eq!(open("adt since today").next, 0);
    }
}
