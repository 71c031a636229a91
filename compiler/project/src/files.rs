//! Where text comes from: the disk, or what a test holds in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub trait Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The same, or nothing for a file that is larger.
    fn read_at_most(&self, path: &Path, size: u64) -> io::Result<Option<Vec<u8>>> {
        self.read(path).map(|bytes| Some(bytes).filter(|bytes| bytes.len() as u64 <= size))
    }

    fn is_file(&self, path: &Path) -> bool;

    fn is_folder(&self, path: &Path) -> bool;

    /// What lies right in a folder, in the order of the names.
    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
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
