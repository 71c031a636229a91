//! Where results go: to standard output a line each, or into a folder a file each. Nothing is left half-written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::end::End;
use crate::engine::Form;
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

    /// One result: JSON without a line end, or a message. `name` is that of its file, without an ending.
    pub fn write(&mut self, name: &Path, result: &[u8], form: Form) -> Result<(), End> {
        let (ending, line_end): (_, &[u8]) = match form {
            Form::Json => (".json", b"\n"),
            // A message ends its last line itself.
            Form::Message => (".hl7", b""),
        };
        match self {
            Output::Lines(out) => {
                out.write_all(result)?;
                out.write_all(line_end)?;
            }
            Output::Folder(folder) => {
                write::whole(&folder.join(write::with(name, ending)), &[result, line_end].concat())?;
            }
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
