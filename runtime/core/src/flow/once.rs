//! What a route has seen: a message that says the same again need not go out again.
//!
//! It is kept beside the journal and is no part of it. What is lost of it with the machine goes out once more, and what
//! it holds is of messages that the journal had before: nothing is left out that did not go out.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::kept;

/// How many a route keeps; then the oldest is forgotten, and would go out again.
const KEPT_MAX: usize = 1_000_000;

/// What a route's keys come to for a message.
pub type Key = [u8; 16];

/// A message, by when it came, in microseconds since 1970, and by its feed and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    pub at: i64,
    pub feed: u64,
    pub number: u64,
}

/// The messages that one route has let through.
pub struct Once {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    known: FxHashMap<Key, Came>,
    /// In the order in which they were noted.
    order: VecDeque<(Key, Came)>,
    file: File,
    /// Records in the file, of which some may say nothing any more.
    written: usize,
}

/// The keys' values as one. Nothing where the message has none of them: then two are two.
pub fn key(values: &[Vec<String>]) -> Option<Key> {
    if values.iter().all(Vec::is_empty) {
        return None;
    }
    let mut all = Sha256::new();
    for values in values {
        all.update((values.len() as u64).to_le_bytes());
        for value in values {
            all.update((value.len() as u64).to_le_bytes());
            all.update(value);
        }
    }
    all.finalize().first_chunk().copied()
}

impl Once {
    /// Takes up what the last process noted, from the file of that path, and goes on with it.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(path: &Path) -> io::Result<Once> {
        let noted = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(why),
        };
        let mut state = State {
            known: FxHashMap::default(),
            order: VecDeque::new(),
            file: kept::options().create(true).append(true).open(path)?,
            written: 0,
        };
        let (records, _torn) = noted.as_chunks::<RECORD>();
        for (key, came) in records.iter().filter_map(read) {
            state.insert(key, came);
        }
        let once = Once { path: path.to_owned(), state: Mutex::new(state) };
        let rewritten = once.rewrite(&mut once.state());
        match rewritten {
            // On a full disk the file stays as it is, but for what was torn at its end.
            Err(why) if why.kind() == io::ErrorKind::StorageFull => once.state().keep(records.len())?,
            rewritten => rewritten?,
        }
        Ok(once)
    }

    /// Whether another message with that key went through, at most so many milliseconds before.
    pub fn has_seen(&self, key: Key, now: Came, within: u64) -> bool {
        // One that the last process was at when it ended is no other.
        let is_other = |came: &&Came| (came.feed, came.number) != (now.feed, now.number);
        let state = self.state();
        let found = state.known.get(&key).filter(is_other);
        found.is_some_and(|came| now.at.saturating_sub(came.at) < microseconds(within))
    }

    /// A message with that key goes through. What went before that is forgotten.
    ///
    /// # Errors
    /// The file system refuses: the next process will not know of it.
    pub fn note(&self, key: Key, now: Came, within: u64) -> io::Result<()> {
        let mut state = self.state();
        state.insert(key, now);
        state.forget_before(now.at.saturating_sub(microseconds(within)));
        if let Err(why) = state.file.write_all(&written(key, now)) {
            let whole = state.written;
            // What was written of it would be in the way of the next.
            state.keep(whole)?;
            return Err(why);
        }
        state.written += 1;
        if state.written > state.known.len() * 2 + 1024 { self.rewrite(&mut state) } else { Ok(()) }
    }

    /// Leaves out of the file what says nothing any more.
    fn rewrite(&self, state: &mut State) -> io::Result<()> {
        let part = kept::part(&self.path);
        let mut bytes = Vec::with_capacity(state.known.len() * RECORD);
        for (key, came) in &state.order {
            if state.known.get(key) == Some(came) {
                bytes.extend_from_slice(&written(*key, *came));
            }
        }
        let mut file = kept::options().write(true).create(true).truncate(true).open(&part)?;
        file.write_all(&bytes)?;
        let file = File::options().append(true).open(&part)?;
        fs::rename(&part, &self.path)?;
        (state.file, state.written) = (file, bytes.len() / RECORD);
        Ok(())
    }

    /// Whoever panicked left it as it is between two calls.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Once({} keys)", self.state().known.len())
    }
}

fn microseconds(within: u64) -> i64 {
    i64::try_from(within).unwrap_or(i64::MAX).saturating_mul(1_000)
}

impl State {
    /// The file ends behind so many records.
    fn keep(&mut self, records: usize) -> io::Result<()> {
        self.written = records;
        self.file.set_len((records * RECORD) as u64)
    }

    fn insert(&mut self, key: Key, came: Came) {
        self.known.insert(key, came);
        self.order.push_back((key, came));
        if self.order.len() > KEPT_MAX {
            self.forget();
        }
    }

    fn forget_before(&mut self, time: i64) {
        while self.order.front().is_some_and(|(_, came)| came.at < time) {
            self.forget();
        }
    }

    /// Forgets the oldest, unless it came once more since.
    fn forget(&mut self) {
        if let Some((key, came)) = self.order.pop_front()
            && self.known.get(&key) == Some(&came)
        {
            self.known.remove(&key);
        }
    }
}

/// Key, time, feed, number and a check over them.
const RECORD: usize = 48;

fn written(key: Key, came: Came) -> [u8; RECORD] {
    let Came { at, feed, number } = came;
    let mut record = [0; RECORD];
    let parts: [&[u8]; 4] = [&key, &at.to_le_bytes(), &feed.to_le_bytes(), &number.to_le_bytes()];
    let body = parts.concat();
    let check = xxh3_64(&body).to_le_bytes();
    for (to, from) in record.iter_mut().zip(body.iter().chain(&check)) {
        *to = *from;
    }
    record
}

/// Nothing if it is not as it was written.
fn read(record: &[u8; RECORD]) -> Option<(Key, Came)> {
    let (body, check) = record.split_last_chunk::<8>()?;
    if xxh3_64(body) != u64::from_le_bytes(*check) {
        return None;
    }
    let (key, rest) = body.split_first_chunk::<16>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (feed, number) = rest.split_first_chunk::<8>()?;
    let came = Came {
        at: i64::from_le_bytes(*at),
        feed: u64::from_le_bytes(*feed),
        number: u64::from_le_bytes(*number.first_chunk()?),
    };
    Some((*key, came))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn came(hour: i64, number: u64) -> Came {
        Came { at: hour * HOUR, feed: 1, number }
    }

    const THREE_HOURS: u64 = 3 * 3_600_000;

    fn of(text: &str) -> Key {
        key(&[vec![text.to_owned()]]).unwrap()
    }

    #[test]
    fn keys_differ_where_their_values_do() {
        let of = |values: &[&[&str]]| {
            key(&values.iter().map(|it| it.iter().map(ToString::to_string).collect()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[&["a"], &["b"]]), of(&[&["a"], &["b"]]));
        let all = [of(&[&["a"], &["b"]]), of(&[&["a", "b"], &[]]), of(&[&["ab"], &[]]), of(&[&[], &["a", "b"]])];
        for (nth, one) in all.iter().enumerate() {
            assert!(one.is_some() && all.iter().skip(nth + 1).all(|other| other != one));
        }
        assert_eq!(of(&[&[], &[]]), None);
    }

    #[test]
    fn what_was_seen_is_known_to_the_next_process_for_as_long_as_it_is_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.seen");
        let once = Once::open(&path).unwrap();
        assert!(!once.has_seen(of("a"), came(1, 1), THREE_HOURS));
        once.note(of("a"), came(1, 1), THREE_HOURS).unwrap();
        assert!(once.has_seen(of("a"), came(2, 2), THREE_HOURS) && !once.has_seen(of("b"), came(2, 2), THREE_HOURS));
        // It does not see itself.
        assert!(!once.has_seen(of("a"), came(1, 1), THREE_HOURS));
        drop(once);
        // The machine went in the middle of a record, and damaged another.
        let mut bytes = fs::read(&path).unwrap();
        let mut other = written(of("b"), came(1, 7));
        other[20] ^= 1;
        bytes.extend_from_slice(&other);
        bytes.extend_from_slice(&written(of("c"), came(2, 3))[..30]);
        fs::write(&path, bytes).unwrap();
        let once = Once::open(&path).unwrap();
        assert!(once.has_seen(of("a"), came(3, 4), THREE_HOURS) && !once.has_seen(of("b"), came(3, 4), THREE_HOURS));
        assert!(!once.has_seen(of("c"), came(3, 4), THREE_HOURS) && !once.has_seen(of("a"), came(4, 5), THREE_HOURS));
        assert!(
            Came { feed: 2, ..came(1, 1) } != came(1, 1)
                && once.has_seen(of("a"), Came { feed: 2, ..came(1, 1) }, THREE_HOURS)
        );
    }

    #[test]
    fn a_full_disk_leaves_what_was_seen_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.seen");
        let torn = &written(of("b"), came(2, 3))[..30];
        fs::write(&path, [&written(of("a"), came(1, 1))[..], torn].concat()).unwrap();
        // What is written anew has no room.
        std::os::unix::fs::symlink("/dev/full", kept::part(&path)).unwrap();
        let once = Once::open(&path).unwrap();
        assert!(once.has_seen(of("a"), came(2, 9), THREE_HOURS));
        once.note(of("c"), came(2, 4), THREE_HOURS).unwrap();
        drop(once);
        let once = Once::open(&path).unwrap();
        assert!(once.has_seen(of("a"), came(2, 9), THREE_HOURS) && once.has_seen(of("c"), came(2, 9), THREE_HOURS));
    }

    #[test]
    fn what_is_too_old_goes_from_memory_and_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.seen");
        let once = Once::open(&path).unwrap();
        for number in 0..3_000 {
            once.note(of(&number.to_string()), came(number as i64, number), 3_600_000).unwrap();
        }
        assert_eq!(once.state().known.len(), 2);
        assert!(fs::metadata(&path).unwrap().len() < 2_000 * RECORD as u64);
        let once = Once::open(&path).unwrap();
        assert!(once.has_seen(of("2999"), Came { number: 9_999, ..came(2_999, 0) }, 3_600_000));
    }
}
