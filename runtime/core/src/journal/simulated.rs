//! A file system that forgets what was not synced, in any order and by sectors, and fails where it is told to.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::fs::{File, Fs, Space};

const SECTOR: usize = 512;

#[derive(Clone, Default)]
pub struct Simulated(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What a program sees.
    names: BTreeMap<PathBuf, usize>,
    /// What a loss of power leaves, and what may or may not be left.
    kept: BTreeMap<PathBuf, usize>,
    changes: Vec<Change>,
    files: Vec<Content>,
    calls: u64,
    fails: Fails,
    /// How many bytes all files may have together.
    room: Option<usize>,
}

/// Which calls fail.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Fails {
    #[default]
    None,
    /// This one, counted from 0.
    At(u64),
    /// It and all behind it: the power is gone.
    From(u64),
}

#[derive(Clone)]
enum Change {
    New(PathBuf, usize),
    Renamed(PathBuf, PathBuf),
    Gone(PathBuf),
}

#[derive(Default)]
struct Content {
    seen: Vec<u8>,
    kept: Vec<u8>,
    writes: Vec<(usize, Vec<u8>)>,
}

pub struct Open {
    fs: Simulated,
    file: usize,
}

impl Simulated {
    pub fn failing(fails: Fails) -> Simulated {
        let fs = Simulated::default();
        fs.0.lock().unwrap().fails = fails;
        fs
    }

    /// Has room for so many bytes from now on.
    pub fn make_room(&self, bytes: usize) {
        self.0.lock().unwrap().room = Some(bytes);
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.0.lock().unwrap().calls
    }

    /// What is left when the power goes. `keep` decides for each sector and name that was not synced.
    pub fn cut(&self, mut keep: impl FnMut() -> bool) -> Simulated {
        let state = self.0.lock().unwrap();
        let mut kept = state.kept.clone();
        // A file system keeps the order of names, and loses the last ones.
        for change in state.changes.iter().take_while(|_| keep()) {
            change.apply(&mut kept);
        }
        let files = state.files.iter().map(|file| file.left(&mut keep)).collect();
        let left = State { names: kept.clone(), kept, files, ..State::default() };
        Simulated(Arc::new(Mutex::new(left)))
    }

    /// The same files, which nobody else changes.
    pub fn copy(&self) -> Simulated {
        let state = self.0.lock().unwrap();
        let same = |file: &Content| Content { seen: file.seen.clone(), kept: file.seen.clone(), writes: Vec::new() };
        let files = state.files.iter().map(same).collect();
        let names = state.names.clone();
        Simulated(Arc::new(Mutex::new(State { kept: names.clone(), names, files, ..State::default() })))
    }

    /// Changes a byte of a file.
    pub fn spoil(&self, path: &Path, at: usize, with: impl Fn(u8) -> u8) {
        let mut state = self.0.lock().unwrap();
        let file = state.names[path];
        let byte = &mut state.files[file].seen[at];
        *byte = with(*byte);
    }

    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.0.lock().unwrap();
        let call = state.calls;
        state.calls += 1;
        let fails = match state.fails {
            Fails::None => false,
            Fails::At(at) => call == at,
            Fails::From(from) => call >= from,
        };
        if fails { Err(io::Error::other("told to fail")) } else { Ok(state) }
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Change::New(path, file) => _ = names.insert(path.clone(), *file),
            Change::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Change::Gone(path) => _ = names.remove(path),
        }
    }
}

impl State {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl State {
    fn used(&self) -> usize {
        self.names.values().map(|file| self.files[*file].seen.len()).sum()
    }
}

impl Content {
    fn left(&self, keep: &mut impl FnMut() -> bool) -> Content {
        let mut kept = self.kept.clone();
        for (at, bytes) in &self.writes {
            let mut at = *at;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                if keep() {
                    put(&mut kept, at, part);
                }
                at += part.len();
                rest = behind;
            }
        }
        Content { seen: kept.clone(), kept, writes: Vec::new() }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    let end = at + part.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[at..end].copy_from_slice(part);
}

impl Fs for Simulated {
    type File = Open;

    fn create(&self, path: &Path) -> io::Result<Open> {
        let mut state = self.call()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(Content::default());
        state.change(Change::New(path.to_owned(), file));
        Ok(Open { fs: self.clone(), file })
    }

    fn open(&self, path: &Path) -> io::Result<Open> {
        let file = self.call()?.file(path)?;
        Ok(Open { fs: self.clone(), file })
    }

    fn folder(&self, _: &Path) -> io::Result<()> {
        self.call().map(drop)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.call()?;
        let inside = state.names.keys().filter_map(|path| path.strip_prefix(folder).ok());
        Ok(inside.map(|name| name.to_str().unwrap().to_owned()).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        state.file(from)?;
        state.change(Change::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        state.file(path)?;
        state.change(Change::Gone(path.to_owned()));
        Ok(())
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let state = self.call()?;
        let whole = state.room.unwrap_or(usize::MAX);
        Ok(Space { free: whole.saturating_sub(state.used()) as u64, whole: whole as u64 })
    }

    fn sync_names(&self, _: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        state.kept = state.names.clone();
        state.changes.clear();
        Ok(())
    }
}

impl File for Open {
    fn length(&self) -> io::Result<u64> {
        Ok(self.fs.call()?.files[self.file].seen.len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let state = self.fs.call()?;
        let bytes = state.files[self.file].seen.get(at as usize..at as usize + into.len());
        into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.fs.call()?;
        let more = (at as usize + bytes.len()).saturating_sub(state.files[self.file].seen.len());
        if state.room.is_some_and(|room| state.used() + more > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = &mut state.files[self.file];
        put(&mut file.seen, at as usize, bytes);
        file.writes.push((at as usize, bytes.to_vec()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.fs.call()?;
        let file = &mut state.files[self.file];
        file.kept = file.seen.clone();
        file.writes.clear();
        Ok(())
    }
}
