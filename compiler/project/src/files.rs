//! Where text comes from: the disk, or what a test holds in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

pub trait Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The same, or nothing for a file that is larger.
    fn read_at_most(&self, path: &Path, size: u64) -> io::Result<Option<Vec<u8>>> {
        self.read(path).map(|bytes| Some(bytes).filter(|bytes| bytes.len() as u64 <= size))
    }

    /// What changes when somebody writes the file; nothing where that cannot be known.
    fn stamp(&self, _path: &Path) -> Option<Stamp> {
        None
    }

    /// Where what is made of large files is kept; nothing where nothing is to be kept.
    fn cache(&self) -> Option<PathBuf> {
        None
    }

    fn is_file(&self, path: &Path) -> bool;

    fn is_folder(&self, path: &Path) -> bool;

    /// What lies right in a folder, in the order of the names.
    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
}

/// When a file was written last, and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: u128,
}

impl Stamp {
    /// That of a file on the disk.
    pub fn of(path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Stamp { size: metadata.len(), modified: modified.as_nanos() })
    }
}

pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn read_at_most(&self, path: &Path, size: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(size + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= size))
    }

    fn stamp(&self, path: &Path) -> Option<Stamp> {
        Stamp::of(path)
    }

    /// `~/.cache/emr`
    fn cache(&self) -> Option<PathBuf> {
        let named = std::env::var_os("XDG_CACHE_HOME").filter(|it| !it.is_empty()).map(PathBuf::from);
        let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
        named.or_else(|| Some(Path::new(&home()?).join(".cache"))).map(|folder| folder.join("emr"))
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || path.is_dir()
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path()));
        let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }
}

/// Files by their paths, with `/` between the names. A folder is there if something lies in it.
impl Files for BTreeMap<PathBuf, Vec<u8>> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.contains_key(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        !self.is_file(path) && self.keys().any(|it| it.starts_with(path))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let inner = self.keys().filter_map(|path| path.strip_prefix(folder).ok()?.iter().next());
        let mut paths: Vec<_> = inner.map(|name| folder.join(name)).collect();
        paths.dedup();
        Ok(paths)
    }
}
