//! The messages that tests run over: those of the examples, our own odd ones, and the shared folder of real ones.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A folder of data that is not part of the project; nothing, and a word about it, where it is absent.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: there is no folder {}", path.display());
    None
}

/// The files below a folder whose names end so, in the order of their paths.
pub fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut all: Vec<_> =
        paths.flat_map(|path| if path.is_dir() { files(&path, endings) } else { vec![path] }).collect();
    all.retain(|path| path.to_str().is_some_and(|path| endings.iter().any(|ending| path.ends_with(ending))));
    all.sort();
    all
}

/// The messages of the examples and our own odd ones, each with its path from the project's root.
pub fn own() -> Vec<(String, Vec<u8>)> {
    let folders = ["examples", "tests/messages"];
    let all = folders.iter().flat_map(|folder| files(&root().join(folder), &[".hl7"]));
    all.map(|path| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        (name, fs::read(&path).unwrap())
    })
    .collect()
}
