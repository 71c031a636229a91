//! Routes that begin held, and those among them that a person has let go since.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kept;

/// The routes that say `start: held`, by their names.
#[derive(Default)]
pub struct Held {
    path: PathBuf,
    all: BTreeSet<String>,
    released: Mutex<BTreeSet<String>>,
    /// Whether the file names routes that do not say it.
    has_others: bool,
}

impl Held {
    /// Reads from the file of that path which of them are released.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(path: &Path, all: BTreeSet<String>) -> io::Result<Held> {
        let known: BTreeSet<String> = kept::read(path)?.unwrap_or_default().lines().map(ToOwned::to_owned).collect();
        let released: BTreeSet<String> = known.intersection(&all).cloned().collect();
        Ok(Held { path: path.to_owned(), all, has_others: released != known, released: Mutex::new(released) })
    }

    /// Forgets the routes that do not say it any more, so that they are held if they ever say it again.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn forget_others(&mut self) -> io::Result<()> {
        if self.has_others {
            self.write(&self.released())?;
            self.has_others = false;
        }
        Ok(())
    }

    pub fn is_held(&self, route: &str) -> bool {
        self.all.contains(route) && !self.released().contains(route)
    }

    /// Lets a route go, for this process and those that come; whether it was held.
    ///
    /// # Errors
    /// The file system refuses: it stays held.
    pub fn release(&self, route: &str) -> io::Result<bool> {
        if !self.is_held(route) {
            return Ok(false);
        }
        let mut released = self.released();
        let mut more = released.clone();
        more.insert(route.to_owned());
        self.write(&more)?;
        *released = more;
        Ok(true)
    }

    /// The file is on disk before anything is let go for it.
    fn write(&self, released: &BTreeSet<String>) -> io::Result<()> {
        let lines: String = released.iter().map(|route| format!("{route}\n")).collect();
        kept::put(&self.path, lines.as_bytes())
    }

    /// Whoever panicked left it as it is between two calls.
    fn released(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_released_stays_so_until_the_route_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routes.released");
        let open = |names: &[&str]| Held::open(&path, names.iter().map(ToString::to_string).collect()).unwrap();
        let held = open(&["a", "b"]);
        assert!(held.is_held("a") && held.is_held("b") && !held.is_held("c"));
        assert!(held.release("a").unwrap() && !held.release("a").unwrap() && !held.release("c").unwrap());
        assert!(!held.is_held("a"));
        let held = open(&["a", "b"]);
        assert!(!held.is_held("a") && held.is_held("b"));
        // The route says for a while that it is not held.
        open(&["b"]).forget_others().unwrap();
        assert!(open(&["a", "b"]).is_held("a"));
    }
}
