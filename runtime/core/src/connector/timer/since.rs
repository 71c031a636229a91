//! Up to when a server was asked: a file with one time.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::kept;

pub(super) struct Since {
    path: PathBuf,
    pub time: Option<Timestamp>,
}

impl Since {
    /// # Errors
    /// The file system refuses.
    pub fn open(path: PathBuf) -> io::Result<Since> {
        // One that cannot be read asks for all once more, and what is known is not taken again.
        let time = kept::read(&path)?.and_then(|text| text.trim().parse().ok());
        Ok(Since { path, time })
    }

    /// # Errors
    /// The file system refuses: the next process asks from where this one began.
    pub async fn note(&mut self, time: Timestamp) -> io::Result<()> {
        self.time = Some(time);
        kept::put_aside(&self.path, format!("{time}\n")).await
    }
}
