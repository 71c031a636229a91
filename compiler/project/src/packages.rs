//! Finds the FHIR packages that a project names, and those that these need, and reads them from disk.
//!
//! A place is a `.tgz` file, a folder, or `name#version` in the user's package cache (`~/.fhir/packages`).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emr_compiler::standard::package::Package;
use flate2::read::GzDecoder;

/// The most that one file of a package may hold, and all of them together: a small archive can unpack to anything.
const FILE_MAX: u64 = 64 << 20;
const PACKAGE_MAX: u64 = 1 << 30;

/// R4 itself is embedded, whatever a package says that it needs of it.
const EMBEDDED: &str = "hl7.fhir.r4.core";

/// What was found, in the order of the names, and after them what these need.
#[derive(Debug, Default)]
pub struct Found {
    pub packages: Vec<Arc<Package>>,
    /// A package that the project names and that could not be read.
    pub faults: Vec<Fault>,
    /// Packages that a package needs and that are not there, each once: bindings to what they hold are unverified.
    pub missing: Vec<Missing>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The short name that `emr.toml` gives the package.
    pub alias: String,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no such file or folder.
    Absent,
    /// It is there, and it is no FHIR package, or cannot be read.
    Unreadable,
    /// It unpacks to more than a package may hold.
    TooLarge,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    pub name: String,
    pub version: String,
    /// The package that needs it first.
    pub needed_by: String,
}

/// The packages at these places (short name, place), looked for from `root`; `cache` is the user's folder of packages.
pub fn load(named: &[(String, String)], root: &Path, cache: Option<&Path>) -> Found {
    let mut found = Found::default();
    for (alias, place) in named {
        let read = locate(place, root, cache).ok_or(Why::Absent).and_then(|path| read(alias, &path));
        match read {
            Ok(package) => found.packages.push(Arc::new(package)),
            Err(why) => found.faults.push(Fault { alias: alias.clone(), why }),
        }
    }
    needed(&mut found, cache);
    found
}

/// `~/.fhir/packages`, if the user has a home.
pub fn cache() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"))?;
    Some(Path::new(&home).join(".fhir").join("packages"))
}

/// Adds what the packages need, and what that needs, from the cache.
fn needed(found: &mut Found, cache: Option<&Path>) {
    let mut next = 0;
    while let Some(package) = found.packages.get(next).cloned() {
        next += 1;
        for (name, version) in package.dependencies.iter().filter(|(name, _)| name != EMBEDDED) {
            let known = found.packages.iter().any(|package| package.name == *name);
            if known || found.missing.iter().any(|missing| missing.name == name.as_str()) {
                continue;
            }
            let path = cache.map(|cache| cache.join(format!("{name}#{version}"))).filter(|path| path.exists());
            match path.and_then(|path| read(name, &path).ok()) {
                Some(package) => found.packages.push(Arc::new(package)),
                None => found.missing.push(Missing {
                    name: name.to_string(),
                    version: version.to_string(),
                    needed_by: package.name.to_string(),
                }),
            }
        }
    }
}

fn locate(place: &str, root: &Path, cache: Option<&Path>) -> Option<PathBuf> {
    let beside = root.join(place);
    let cached =
        || cache.filter(|_| place.contains('#') && !place.contains(['/', '\\'])).map(|cache| cache.join(place));
    if beside.exists() { Some(beside) } else { cached().filter(|path| path.exists()) }
}

fn read(alias: &str, path: &Path) -> Result<Package, Why> {
    let files = if path.is_dir() { folder(path) } else { archive(path) }?;
    Package::new(alias, files).map_err(|_| Why::Unreadable)
}

/// The JSON files of an unpacked package: those of its folder `package`, or its own if it has none.
fn folder(path: &Path) -> Result<Vec<(String, String)>, Why> {
    let inner = path.join("package");
    let path = if inner.is_dir() { inner } else { path.to_path_buf() };
    let mut files = Vec::new();
    let mut room = PACKAGE_MAX;
    for entry in fs::read_dir(path).map_err(|_| Why::Unreadable)? {
        let entry = entry.map_err(|_| Why::Unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if wanted(&name) && entry.path().is_file() {
            let file = File::open(entry.path()).map_err(|_| Why::Unreadable)?;
            files.push((name, text(file, &mut room)?));
        }
    }
    Ok(files)
}

/// The JSON files of a `.tgz`, which has them in its folder `package`.
fn archive(path: &Path) -> Result<Vec<(String, String)>, Why> {
    let file = File::open(path).map_err(|_| Why::Unreadable)?;
    let mut archive = tar::Archive::new(GzDecoder::new(io::BufReader::new(file)));
    let mut files = Vec::new();
    let mut room = PACKAGE_MAX;
    for entry in archive.entries().map_err(|_| Why::Unreadable)? {
        let entry = entry.map_err(|_| Why::Unreadable)?;
        let path = entry.path().map_err(|_| Why::Unreadable)?;
        let name = path.strip_prefix("package").ok().and_then(Path::to_str).map(str::to_string);
        if let Some(name) = name.filter(|name| wanted(name)) {
            files.push((name, text(entry, &mut room)?));
        }
    }
    Ok(files)
}

/// Examples stand in folders of their own; hidden files are the index and the author's tools.
fn wanted(name: &str) -> bool {
    name.ends_with(".json") && !name.starts_with('.') && !name.contains('/')
}

/// The whole file. One that is not UTF-8 keeps what is, and is not JSON then or holds a mark for what was lost.
fn text(file: impl Read, room: &mut u64) -> Result<String, Why> {
    let mut bytes = Vec::new();
    let most = FILE_MAX.min(*room);
    file.take(most + 1).read_to_end(&mut bytes).map_err(|_| Why::Unreadable)?;
    *room = room.checked_sub(bytes.len() as u64).filter(|_| bytes.len() as u64 <= most).ok_or(Why::TooLarge)?;
    let text = String::from_utf8(bytes).unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned());
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn named(alias: &str, place: &str) -> Vec<(String, String)> {
        vec![(alias.to_string(), place.to_string())]
    }

    const LOCAL: &str =
        r#"{"name": "a.local", "version": "1.0.0", "dependencies": {"a.base": "2", "hl7.fhir.r4.core": "4"}}"#;
    const BASE: &str = r#"{"name": "a.base", "version": "2", "dependencies": {"a.gone": "3"}}"#;

    #[test]
    fn a_package_is_read_from_a_folder_an_archive_or_the_cache() {
        let root = tempfile::tempdir().unwrap();
        put(&root.path().join("unpacked/package"), &[("package.json", LOCAL), (".index.json", "[")]);
        put(&root.path().join("flat"), &[("package.json", LOCAL)]);
        fs::write(root.path().join("local.tgz"), pack(&[("package/package.json", LOCAL.as_bytes())])).unwrap();
        put(&root.path().join("cache/a.local#1.0.0/package"), &[("package.json", LOCAL)]);
        for place in ["unpacked", "flat", "local.tgz", "a.local#1.0.0"] {
            let found = load(&named("l", place), root.path(), Some(&root.path().join("cache")));
            assert_eq!(found.faults, [], "{place}");
            assert_eq!(found.packages[0].name, "a.local");
            assert_eq!(found.packages[0].unreadable, [""; 0]);
            assert_eq!(found.missing.len(), 1, "R4 itself is embedded");
        }
    }

    #[test]
    fn what_a_package_needs_comes_from_the_cache_and_what_is_missing_is_told_once() {
        let root = tempfile::tempdir().unwrap();
        put(&root.path().join("local"), &[("package.json", LOCAL)]);
        put(&root.path().join("cache/a.base#2/package"), &[("package.json", BASE)]);
        let twice = [named("l", "local"), named("m", "local")].concat();
        let found = load(&twice, root.path(), Some(&root.path().join("cache")));
        let names: Vec<_> = found.packages.iter().map(|package| package.alias.as_str()).collect();
        assert_eq!(names, ["l", "m", "a.base"]);
        let gone = Missing { name: "a.gone".into(), version: "3".into(), needed_by: "a.base".into() };
        assert_eq!(found.missing, [gone]);
    }

    #[test]
    fn what_is_not_there_or_is_no_package_is_a_fault() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("text.tgz"), "no archive").unwrap();
        fs::write(root.path().join("other.tgz"), pack(&[("package/a.json", b"{}")])).unwrap();
        put(&root.path().join("empty"), &[]);
        let why = |place| load(&named("x", place), root.path(), None).faults.pop().unwrap().why;
        assert_eq!(why("nothing.tgz"), Why::Absent);
        assert_eq!(why("hl7.fhir.us.core#7.0.0"), Why::Absent);
        assert_eq!(why("text.tgz"), Why::Unreadable);
        assert_eq!(why("other.tgz"), Why::Unreadable);
        assert_eq!(why("empty"), Why::Unreadable);
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let large = vec![b' '; FILE_MAX as usize + 1];
        let files: [(&str, &[u8]); 2] = [("package/package.json", LOCAL.as_bytes()), ("package/a.json", &large)];
        fs::write(root.path().join("bomb.tgz"), pack(&files)).unwrap();
        let found = load(&named("x", "bomb.tgz"), root.path(), None);
        assert_eq!(found.faults, [Fault { alias: "x".into(), why: Why::TooLarge }]);
    }
}
