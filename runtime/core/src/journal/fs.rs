//! What the journal asks of a file system, and the one of the machine. Tests bring another, which fails where it is told
//! to and forgets what was not synced.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::kept;

/// Files by path. Nothing that it says is sure to outlast a loss of power until [`Fs::sync_names`] or [`File::sync`]
/// has returned.
pub trait Fs: Clone + Send + Sync + 'static {
    type File: File;

    /// A new, empty file; an error where there is one of that name.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// A file that is there, to read and to write.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// A folder and those above it, where they are not there.
    fn folder(&self, path: &Path) -> io::Result<()>;

    /// The names of what a folder holds, in no order.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Gives a file another name in its folder; what had that name is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// How much room is on the disk of a folder.
    fn space(&self, folder: &Path) -> io::Result<Space>;

    /// Names that were given and taken in a folder are on disk when this returns.
    fn sync_names(&self, folder: &Path) -> io::Result<()>;
}

/// The room on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// That this process may still fill.
    pub free: u64,
    pub whole: u64,
}

/// A file that many threads may read and write at places that they name.
pub trait File: Send + Sync + 'static {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Fills all of `into`, or fails.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes`, or fails; then any part of them may stand there.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// All that was written is on disk when this returns, with the length that is needed to read it. After an error
    /// nobody knows what is, and a second try proves nothing.
    fn sync(&self) -> io::Result<()>;
}

/// The files of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Fs for Disk {
    type File = fs::File;

    fn create(&self, path: &Path) -> io::Result<fs::File> {
        kept::options().read(true).write(true).create_new(true).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<fs::File> {
        kept::options().read(true).write(true).open(path)
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        kept::folder(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(folder)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        let facts = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
        Ok(Space { free: bytes(facts.f_bavail), whole: bytes(facts.f_blocks) })
    }

    fn sync_names(&self, folder: &Path) -> io::Result<()> {
        fs::File::open(folder)?.sync_all()
    }
}

impl File for fs::File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
