//! Which message a map is at: if the process dies of it, the next one knows.
//!
//! The mark needs no sync. It has to outlast the process, not the machine, and a message that was lost with the machine
//! did not kill it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::kept;

const NOBODY: u64 = u64::MAX;

/// A file that holds one number.
#[derive(Debug)]
pub struct Mark {
    file: File,
}

impl Mark {
    /// Opens the mark of a folder, and gives the message that the last process died of.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(folder: &Path) -> io::Result<(Mark, Option<u64>)> {
        let path = folder.join("mark");
        let file = kept::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; 8];
        let left = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => NOBODY,
            Err(why) => return Err(why),
        };
        let mark = Mark { file };
        mark.write(NOBODY)?;
        Ok((mark, (left != NOBODY).then_some(left)))
    }

    /// Runs what may kill the process over a message.
    ///
    /// # Errors
    /// The file system refuses, and it was not run.
    pub fn around<T>(&self, number: u64, run: impl FnOnce() -> T) -> io::Result<T> {
        self.write(number)?;
        point!("flow.marked");
        let given = run();
        point!("flow.mapped");
        self.write(NOBODY)?;
        point!("flow.unmarked");
        Ok(given)
    }

    fn write(&self, number: u64) -> io::Result<()> {
        self.file.write_all_at(&number.to_le_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_process_knows_what_the_last_one_died_of() {
        let folder = std::env::temp_dir().join(format!("mark-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (mark, left) = Mark::open(&folder).unwrap();
        assert_eq!(left, None);
        assert_eq!(mark.around(3, || 7).unwrap(), 7);
        let (mark, left) = Mark::open(&folder).unwrap();
        assert_eq!(left, None);
        mark.around(4, || assert_eq!(Mark::open(&folder).unwrap().1, Some(4))).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
