//! The files that a call names.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::end::End;

/// A file of messages, and what its result is called inside the folder of results, without an ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub path: PathBuf,
    pub result: PathBuf,
}

impl Input {
    /// Standard input goes by the name that calls it.
    pub fn is_stdin(&self) -> bool {
        self.path == Path::new(STDIN)
    }

    /// What a receipt calls it.
    pub fn name(&self) -> Option<Arc<str>> {
        let name = self.path.file_name().filter(|_| !self.is_stdin())?;
        Some(name.to_string_lossy().into())
    }

    pub fn open(&self) -> Result<Box<dyn Read + Send>, End> {
        if self.is_stdin() {
            return Ok(Box::new(io::stdin()));
        }
        let file = fs::File::open(&self.path).map_err(|why| self.unreadable(&why))?;
        Ok(Box::new(file))
    }

    pub fn read(&self) -> Result<Vec<u8>, End> {
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes).map_err(|why| self.unreadable(&why))?;
        Ok(bytes)
    }

    pub fn unreadable(&self, why: &io::Error) -> End {
        End::World(format!("`{}` cannot be read: {why}", self.path.display()))
    }
}

const STDIN: &str = "-";

/// Folders inside folders, so that a folder that holds itself does not go on for ever.
const DEPTH_MAX: usize = 32;

/// The files themselves, and all files of the folders, in the order of their paths. Hidden ones are left out.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, End> {
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default();
        if path == Path::new(STDIN) {
            found.push(Input { path: path.clone(), result: "stdin".into() });
        } else if path.is_dir() {
            let before = found.len();
            folder(path, path, 0, &mut found)?;
            if found.len() == before {
                return Err(End::Call(format!("there is no file in `{}`", path.display())));
            }
        } else if path.exists() {
            found.push(Input { path: path.clone(), result: name.into() });
        } else {
            return Err(End::Call(format!("there is no file or folder `{}`", path.display())));
        }
    }
    shorten(&mut found);
    Ok(found)
}

fn folder(root: &Path, folder: &Path, depth: usize, found: &mut Vec<Input>) -> Result<(), End> {
    let fault = |why| End::World(format!("`{}` cannot be read: {why}", folder.display()));
    let entries = fs::read_dir(folder).map_err(fault)?.map(|it| it.map(|it| it.path()));
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if !path.is_dir() {
            let result = path.strip_prefix(root).unwrap_or(&path).to_owned();
            found.push(Input { path, result });
        } else if depth < DEPTH_MAX {
            self::folder(root, &path, depth + 1, found)?;
        }
    }
    Ok(())
}

/// `a01.hl7` gives `a01`, unless another file would give that too.
fn shorten(found: &mut [Input]) {
    let short: Vec<_> = found.iter().map(|it| it.result.with_extension("")).collect();
    let mut sorted = short.clone();
    sorted.sort();
    for (input, short) in found.iter_mut().zip(short) {
        let first = sorted.partition_point(|it| *it < short);
        if sorted.get(first + 1) != Some(&short) {
            input.result = short;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(paths: &[&str]) -> Vec<String> {
        let mut inputs: Vec<_> = paths.iter().map(|it| Input { path: it.into(), result: it.into() }).collect();
        shorten(&mut inputs);
        inputs.iter().map(|it| it.result.display().to_string()).collect()
    }

    #[test]
    fn a_result_loses_its_ending_only_if_it_stays_the_only_one() {
        assert_eq!(results(&["a.hl7", "b/a.hl7", "c"]), ["a", "b/a", "c"]);
        assert_eq!(results(&["a.hl7", "a.txt", "b.hl7"]), ["a.hl7", "a.txt", "b"]);
    }
}
