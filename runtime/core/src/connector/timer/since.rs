//! Up to when a server was asked: a file with one time, which appears whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub(super) struct Since {
    path: PathBuf,
    pub time: Option<Timestamp>,
}

impl Since {
    /// # Errors
    /// The file system refuses.
    pub fn open(path: PathBuf) -> io::Result<Since> {
        let time = match fs::read_to_string(&path) {
            // One that cannot be read asks for all once more, and what is known is not taken again.
            Ok(text) => text.trim().parse().ok(),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(why),
        };
        Ok(Since { path, time })
    }

    /// # Errors
    /// The file system refuses: the next process asks from where this one began.
    pub fn note(&mut self, time: Timestamp) -> io::Result<()> {
        self.time = Some(time);
        let part = self.path.with_extension("part");
        let mut file = File::create(&part)?;
        writeln!(file, "{time}")?;
        file.sync_data()?;
        fs::rename(&part, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}
