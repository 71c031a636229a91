//! The journals of a project, for whoever looks: an engine may run on them or not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::journal::find::{History, histories};
use crate::journal::fs::Disk;
use crate::journal::id::Id;
use crate::journal::log::{self, Fault};

/// Each feed of a folder of journals by its name, with its own folder: also those that the project has no more.
///
/// # Errors
/// The folder cannot be read.
pub fn feeds(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut feeds: Vec<_> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        // What lies beside them has a name that no feed can have.
        .filter(|(name, _)| !name.contains('.'))
        .collect();
    feeds.sort_unstable();
    Ok(feeds)
}

/// The same of one feed, or of all; nothing where there is no journal of that feed.
///
/// # Errors
/// The folder cannot be read.
pub fn chosen(folder: &Path, feed: Option<&str>) -> io::Result<Option<Vec<(String, PathBuf)>>> {
    let mut feeds = feeds(folder)?;
    feeds.retain(|(name, _)| feed.is_none_or(|feed| name == feed));
    Ok((feed.is_none() || !feeds.is_empty()).then_some(feeds))
}

/// A message of the journal in that folder, with its bytes as they came; nothing if it is not there, or not any more.
///
/// # Errors
/// The file system refuses, or the journal is damaged.
pub fn found(folder: &Path, id: &Id) -> Result<Option<(History, Vec<u8>)>, Fault> {
    let mut all = histories(Disk, folder.to_owned(), &BTreeSet::from([id.number]))?;
    let Some(history) = all.remove(&id.number) else { return Ok(None) };
    let body = log::reader(Disk, folder.to_owned()).read(history.place)?;
    let bytes = body.get(history.head..).unwrap_or_default().to_vec();
    Ok(Some((history, bytes)))
}
