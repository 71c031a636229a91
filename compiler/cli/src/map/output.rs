//! Where results go: to standard output a line each, or into a folder a file each. Nothing is left half-written.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::end::End;

pub enum Output {
    Lines(io::BufWriter<io::Stdout>),
    Folder(PathBuf),
}

impl Output {
    pub fn new(folder: Option<&Path>) -> Result<Output, End> {
        let Some(folder) = folder else { return Ok(Output::Lines(io::BufWriter::new(io::stdout()))) };
        if folder.exists() && !folder.is_dir() {
            return Err(End::Call(format!("`{}` is a file; `--out` names a folder", folder.display())));
        }
        make(folder)?;
        Ok(Output::Folder(folder.to_owned()))
    }

    /// One result, without a line end. `name` is that of its file, without an ending.
    pub fn write(&mut self, name: &Path, json: &[u8]) -> Result<(), End> {
        match self {
            Output::Lines(out) => {
                out.write_all(json)?;
                out.write_all(b"\n")?;
            }
            Output::Folder(folder) => whole(&folder.join(with(name, ".json")), json)?,
        }
        Ok(())
    }

    pub fn close(self) -> Result<(), End> {
        if let Output::Lines(mut out) = self {
            out.flush()?;
        }
        Ok(())
    }
}

/// Writes a file under a name of its own first, so that nobody ever sees a part of it.
fn whole(path: &Path, json: &[u8]) -> Result<(), End> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make(folder)?;
    let part = with(path, &format!(".{}.part", std::process::id()));
    let written = fs::write(&part, [json, b"\n"].concat()).and_then(|()| fs::rename(&part, path));
    written.map_err(|why| {
        // What could not be finished is of no use to anybody; that it cannot be taken away either is no news.
        let _ = fs::remove_file(&part);
        End::World(format!("`{}` cannot be written: {why}", path.display()))
    })
}

fn make(folder: &Path) -> Result<(), End> {
    fs::create_dir_all(folder).map_err(|why| End::World(format!("`{}` cannot be made: {why}", folder.display())))
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}
