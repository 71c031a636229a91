//! How far a replay has come: a file with what is replayed and the number of the next record.

use std::io;
use std::path::PathBuf;

use crate::kept;

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
        let text = kept::read(&path)?.unwrap_or_default();
        let known = text.trim_end().rsplit_once('\n').filter(|(known, _)| *known == what);
        let next = known.and_then(|(_, next)| next.parse().ok()).unwrap_or_default();
        Ok(Reached { path, what, next })
    }

    /// All before that record was taken in.
    ///
    /// # Errors
    /// The file system refuses: the next process begins where this one did, and what it takes in again is known.
    pub async fn note(&mut self, next: u64) -> io::Result<()> {
        self.next = next;
        kept::put_aside(&self.path, format!("{}\n{next}\n", self.what)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_replay_begins_at_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let open = |what: &str| Reached::open(folder.path().join("again.replayed"), what.to_owned()).unwrap();
        open("adt since yesterday").note(7).await.unwrap();
        assert_eq!(open("adt since yesterday").next, 7);
        assert_eq!(open("adt since today").next, 0);
    }
}
