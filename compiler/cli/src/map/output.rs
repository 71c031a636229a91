//! Where results go: to standard output a line each, or into a folder a file each. Nothing is left half-written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::end::End;
use crate::write;

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
        write::folder(folder)?;
        Ok(Output::Folder(folder.to_owned()))
    }

    /// One result, without a line end. `name` is that of its file, without an ending.
    pub fn write(&mut self, name: &Path, json: &[u8]) -> Result<(), End> {
        match self {
            Output::Lines(out) => {
                out.write_all(json)?;
                out.write_all(b"\n")?;
            }
            Output::Folder(folder) => write::whole(&folder.join(write::with(name, ".json")), &[json, b"\n"].concat())?,
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
