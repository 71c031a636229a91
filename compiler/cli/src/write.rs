//! Files that are there as a whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::end::End;

/// Writes a file, and its folder if that is not there. It is written under a name of its own first, so that nobody ever
/// sees a part of it.
pub fn whole(path: &Path, bytes: &[u8]) -> Result<(), End> {
    if let Some(parent) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        folder(parent)?;
    }
    let part = with(path, &format!(".{}.part", std::process::id()));
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, path)).map_err(|why| {
        // What could not be finished is of no use to anybody; that it cannot be taken away either is no news.
        let _ = fs::remove_file(&part);
        End::World(format!("`{}` cannot be written: {why}", path.display()))
    })
}

pub fn folder(path: &Path) -> Result<(), End> {
    fs::create_dir_all(path).map_err(|why| End::World(format!("`{}` cannot be made: {why}", path.display())))
}

/// The path with something more at its end.
pub fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
