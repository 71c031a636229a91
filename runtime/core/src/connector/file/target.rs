//! Writes what maps make into files, which appear whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::super::template::Template;
use crate::flow::deliver::{Parcel, Said, Target};
use crate::flow::program::Made;
use crate::flow::retry::Failure;

/// What a target to `file` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub path: Template,
    pub existing: Existing,
    pub line_end: LineEnd,
}

/// What becomes of a file of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    Fail,
    Replace,
    Append,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    None,
    Lf,
    Crlf,
}

/// Files of one target.
pub struct Files {
    settings: Settings,
    /// Where paths begin that name no root.
    folder: PathBuf,
    /// One file is added to at a time.
    adds: Arc<Mutex<()>>,
}

impl Files {
    pub fn new(settings: Settings, folder: PathBuf) -> Files {
        Files { settings, folder, adds: Arc::default() }
    }

    /// The path of a message's file; of several things that one message comes to, each has its number behind the first.
    fn path(&self, parcel: &Parcel, number: usize) -> PathBuf {
        let path = self.folder.join(self.settings.path.text(&parcel.read));
        if number == 0 || self.settings.existing == Existing::Append {
            return path;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        path.with_file_name(format!("{stem}-{}{ending}", number + 1))
    }
}

impl Files {
    async fn write(&self, parcel: &Parcel) -> Result<(), Failure> {
        let _turn = match self.settings.existing {
            Existing::Append => Some(self.adds.lock().await),
            Existing::Fail | Existing::Replace => None,
        };
        for (number, made) in parcel.made.iter().enumerate() {
            let (path, made, settings) = (self.path(parcel, number), made.clone(), self.settings.clone());
            let written = spawn_blocking(move || write(&path, &made, &settings)).await;
            written.map_err(|_| Failure::Passing("the writer was stopped".to_owned()))??;
        }
        Ok(())
    }
}

impl Target for Files {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(async move { self.write(parcel).await.into() })
    }

    /// Where each file stands is known when its message is there: this looks at the folder that all paths begin in, or the next
    /// above it that is there.
    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        let begin = self.settings.path.begin();
        let begin = begin.rfind('/').and_then(|end| begin.get(..=end)).unwrap_or_default();
        let folder = self.folder.join(begin);
        Box::pin(async move {
            let there = move || tried(folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder));
            let tried = spawn_blocking(there).await.map_err(io::Error::other).flatten();
            tried.map_err(|why| unwritten("its folder cannot be written", &why))
        })
    }
}

fn write(path: &Path, made: &Made, settings: &Settings) -> Result<(), Failure> {
    let end: &[u8] = match settings.line_end {
        LineEnd::None => b"",
        LineEnd::Lf => b"\n",
        LineEnd::Crlf => b"\r\n",
    };
    let bytes = [&made.bytes, end].concat();
    let folder = path.parent().unwrap_or(Path::new("."));
    // Something else may stand in its place until somebody takes it away.
    fs::create_dir_all(folder).map_err(|why| unwritten("the folder cannot be made", &why))?;
    let written = match settings.existing {
        Existing::Append => add(path, &bytes),
        Existing::Replace => whole(path, &bytes, |part| fs::rename(part, path)),
        Existing::Fail => whole(path, &bytes, |part| fs::hard_link(part, path)),
    };
    match written {
        Ok(()) => Ok(()),
        // The same once more: the last try came to its end, and nobody heard of it.
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => match fs::read(path) {
            Ok(there) if there == bytes => Ok(()),
            _ => Err(Failure::Final("there is a file of that name".to_owned())),
        },
        Err(why) => Err(unwritten("the file cannot be written", &why)),
    }
}

fn unwritten(what: &str, why: &io::Error) -> Failure {
    Failure::Passing(format!("{what}: {}", why.kind()))
}

/// Writes an empty file into a folder and takes it away.
fn tried(folder: &Path) -> io::Result<()> {
    let part = part_of(&folder.join("emr"));
    File::create(&part)?;
    fs::remove_file(&part)
}

/// Writes a file beside its place and puts it there once it is on disk.
fn whole(path: &Path, bytes: &[u8], put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let part = part_of(path);
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    let put = put(&part);
    let _ = fs::remove_file(&part);
    put?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// `.name.part`
fn part_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

/// Adds to a file. What a crash left of the last one is not taken away: the file is its reader's.
fn add(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::program::Form;

    fn settings(existing: Existing) -> Settings {
        Settings { path: Template::default(), existing, line_end: LineEnd::Lf }
    }

    fn made(text: &str) -> Made {
        Made { form: Form::Json, bytes: text.as_bytes().to_vec().into() }
    }

    #[test]
    fn a_file_appears_whole_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        let (fail, replace) = (settings(Existing::Fail), settings(Existing::Replace));
        write(&path, &made("{}"), &fail).unwrap();
        // A second try of the same.
        write(&path, &made("{}"), &fail).unwrap();
        assert!(matches!(write(&path, &made("[]"), &fail), Err(Failure::Final(_))));
        write(&path, &made("[]"), &replace).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n");
        write(&path, &made("2"), &settings(Existing::Append)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[]\n2\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // A file where the folder must be is in the way for now, and no file of that name.
        let below = path.join("c.json");
        assert!(matches!(write(&below, &made("{}"), &fail), Err(Failure::Passing(_))));
    }
}
