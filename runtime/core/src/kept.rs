//! What an engine keeps from process to process: nobody else of the machine may read it. Small files are read whole, and
//! appear whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

/// What opens files, and makes them so that no other user may.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// What the file system refuses, with the path of what it is about, as a person is told who can do something about it.
pub fn refused(what: &str, path: &Path, why: &io::Error) -> String {
    let help = if why.kind() == io::ErrorKind::StorageFull { ": make room on its disk" } else { "" };
    format!("{what} `{}` cannot be opened: {why}{help}", path.display())
}

/// Makes a folder, with those above it, into which no other user may look. One that is there stays as it is.
///
/// # Errors
/// The file system refuses.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What a file holds; nothing where there is none.
///
/// # Errors
/// The file system refuses, or it is no text.
pub fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// Puts a file in the place of the one before it. After any end of the process or the machine there is one or the other.
///
/// # Errors
/// The file system refuses: the one before is there.
pub fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let part = part(path);
    let mut file = options().write(true).create(true).truncate(true).open(&part)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&part, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The same from a task, which waits for it: nothing else is held up. Where the task ends before, the file is written.
///
/// # Errors
/// As for [`put`].
pub async fn put_aside(path: &Path, text: impl Into<Vec<u8>>) -> io::Result<()> {
    let (path, text) = (path.to_owned(), text.into());
    spawn_blocking(move || put(&path, &text)).await.map_err(io::Error::other)?
}

/// Where a file is written before it comes to its place. It has the whole name of the file in its own: several that differ
/// in their endings alone are written at a time.
pub fn part(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_feed_are_put_at_a_time_and_each_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|all| {
            for name in ["adt.since", "adt.replayed", "adt.seen"] {
                let path = folder.path().join(name);
                all.spawn(move || {
                    for number in 0..200 {
                        let text = format!("{name} {number}");
                        put(&path, text.as_bytes()).unwrap();
                        assert_eq!(read(&path).unwrap(), Some(text));
                    }
                });
            }
        });
    }
}
