//! The files of the audit. A line is added behind the last and never changed; it holds the hash of the line before. Beside
//! them lies the *head*: the number and the hash of the last line, so that a cut is seen too.
//!
//! A file is named by the number of its first line, and begins with how far each journal was read when it was begun, so
//! that the last file is enough to go on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::record::{Hash, NOTHING, Said, What, hash, hex};
use crate::kept;

/// How long a file becomes before the next is begun, in bytes.
const FILE_MAX: u64 = 16 << 20;

const ENDING: &str = ".ndjson";
const HEAD: &str = "head";

/// The audit of a folder, to be added to. There is one for a folder at a time.
pub struct Chain {
    folder: PathBuf,
    file: File,
    head: File,
    /// Bytes of the file that are on disk.
    length: u64,
    /// Of the next line.
    number: u64,
    before: Hash,
    /// The next record of each journal that is not in the audit.
    reached: BTreeMap<String, u64>,
    /// Behind what is on disk there may stand part of what could not be written.
    is_torn: bool,
    file_max: u64,
}

/// What of a line is read to go on behind it.
#[derive(Deserialize)]
struct Slim {
    number: u64,
    feed: Option<String>,
    record: Option<u64>,
    #[serde(default)]
    reached: BTreeMap<String, u64>,
}

impl Chain {
    /// Goes on behind the last whole line. What is given beside it is to be said in the audit, before all else: that this is not
    /// the line that it ended with.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(folder: &Path) -> io::Result<(Chain, Option<Said>)> {
        Chain::with_files_of(folder, FILE_MAX)
    }

    fn with_files_of(folder: &Path, file_max: u64) -> io::Result<(Chain, Option<Said>)> {
        kept::folder(folder)?;
        let known = head(folder)?;
        let head = kept::options().read(true).write(true).create(true).truncate(false).open(folder.join(HEAD))?;
        let last = files(folder)?.pop();
        let path = folder.join(name(last.unwrap_or_default()));
        let file = kept::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let text = fs::read(&path)?;
        let (number, before) = (last.unwrap_or_default(), NOTHING);
        let reached = BTreeMap::new();
        let folder = folder.to_owned();
        let mut chain = Chain { folder, file, head, length: 0, number, before, reached, is_torn: false, file_max };
        let mut ends_with_head = known.is_none() && last.is_none();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            // A line without its end was never known to be on disk.
            let Some(line) = line.strip_suffix(b"\n") else { break };
            chain.passed(line);
            ends_with_head |= known.is_some_and(|(number, hash)| chain.number == number + 1 && chain.before == hash);
        }
        chain.is_torn = chain.length < text.len() as u64;
        File::open(&chain.folder)?.sync_all()?;
        Ok((chain, (!ends_with_head).then(|| cut(known))))
    }

    /// Takes a line that is in the file.
    fn passed(&mut self, line: &[u8]) {
        if let Ok(Slim { number, feed, record, reached }) = serde_json::from_slice(line) {
            self.number = number + 1;
            self.reached.extend(reached);
            if let (Some(feed), Some(record)) = (feed, record) {
                self.reached.insert(feed, record + 1);
            }
        }
        self.before = hash(line);
        self.length += line.len() as u64 + 1;
    }

    /// The next record of a journal that is not in the audit.
    pub fn reached(&self, feed: &str) -> u64 {
        self.reached.get(feed).copied().unwrap_or_default()
    }

    /// The next record of the journal of a feed that is to be read; the next lines that are added say it.
    pub fn reach(&mut self, feed: &str, record: u64) {
        self.reached.insert(feed.to_owned(), record);
    }

    /// Number and hash of the last line; nothing where there is none.
    pub fn head(&self) -> Option<(u64, Hash)> {
        Some((self.number.checked_sub(1)?, self.before))
    }

    /// Adds lines. They are on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses. Nothing was added then, and the same may be tried again.
    pub fn add(&mut self, said: &[Said]) -> io::Result<()> {
        if said.is_empty() {
            return Ok(());
        }
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.is_torn = false;
        }
        if self.length >= self.file_max {
            self.next_file()?;
        }
        let begins = (self.length == 0).then(|| Said { reached: self.reached.clone(), ..Said::now(What::Reached) });
        let (mut number, mut before, mut text) = (self.number, self.before, Vec::new());
        for said in begins.iter().chain(said) {
            before = said.line(number, &before, &mut text);
            text.push(b'\n');
            number += 1;
        }
        self.is_torn = true;
        self.file.write_all_at(&text, self.length)?;
        self.file.sync_data()?;
        self.is_torn = false;
        self.length += text.len() as u64;
        (self.number, self.before) = (number, before);
        for said in said {
            if let (Some(feed), Some(record)) = (&said.feed, said.record) {
                self.reach(feed, record + 1);
            }
        }
        // Twenty digits, so that it is one write of one length.
        self.head.write_all_at(format!("{:020} {}\n", number - 1, hex(&before)).as_bytes(), 0)
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.head.sync_data()?;
        self.file =
            kept::options().write(true).create(true).truncate(true).open(self.folder.join(name(self.number)))?;
        File::open(&self.folder)?.sync_all()?;
        self.length = 0;
        Ok(())
    }
}

/// The audit does not end where it ended, as far as anybody knows.
fn cut(known: Option<(u64, Hash)>) -> Said {
    let last = known.map_or("nobody knows which".to_owned(), |(number, hash)| format!("{number} {}", hex(&hash)));
    Said::now(What::Damaged)
        .because(format!("when it was opened, the last line was not the one that it ended with: {last}"))
}

/// What a file is called whose first line has this number.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}{ENDING}")
}

/// The numbers of the first lines of all files, in order.
///
/// # Errors
/// The file system refuses.
pub(super) fn files(folder: &Path) -> io::Result<Vec<u64>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        files.extend(name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse::<u64>().ok()));
    }
    files.sort_unstable();
    Ok(files)
}

/// Number and hash of the last line, as they lie beside the files; nothing where they do not, or cannot be read.
///
/// # Errors
/// The file system refuses.
pub(super) fn head(folder: &Path) -> io::Result<Option<(u64, Hash)>> {
    let text = match fs::read_to_string(folder.join(HEAD)) {
        Ok(text) => text,
        Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => return Ok(None),
        Err(why) => return Err(why),
    };
    Ok(read_head(&text))
}

fn read_head(text: &str) -> Option<(u64, Hash)> {
    let (number, digits) = text.strip_suffix('\n')?.split_once(' ')?;
    // Reading numbers allows a sign.
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if digits.len() != 64 || number.len() != 20 || !digits.bytes().chain(number.bytes()).all(is_digit) {
        return None;
    }
    let mut hash = NOTHING;
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some((number.parse().ok()?, hash))
}

#[cfg(test)]
impl Chain {
    /// One of short files.
    pub fn short(folder: &Path) -> Chain {
        let (mut chain, cut) = Chain::with_files_of(folder, 1_000).unwrap();
        chain.add(cut.as_slice()).unwrap();
        chain
    }
}
