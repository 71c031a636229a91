//! Numbers that outlast the process, however it ends, at the cost of a store to memory: those of a file that is mapped.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

/// The first numbers of a file. They need not outlast the machine.
#[derive(Debug)]
pub struct Outlasting<const COUNT: usize> {
    memory: MmapRaw,
}

impl<const COUNT: usize> Outlasting<COUNT> {
    /// Numbers that the file does not have become `filled`. Nobody else may make it shorter.
    ///
    /// # Errors
    /// The file system refuses, or maps no files.
    pub fn open(file: &File, filled: u64) -> io::Result<Outlasting<COUNT>> {
        // Written and not only made longer: a full disk would otherwise end the process at the first store.
        for at in (file.metadata()?.len() / 8)..COUNT as u64 {
            file.write_all_at(&filled.to_le_bytes(), at * 8)?;
        }
        let memory = MmapOptions::new().len(COUNT * 8).map_raw(file)?;
        Ok(Outlasting { memory })
    }

    pub fn get(&self, number: usize) -> u64 {
        self.word(number).map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
    }

    /// Who finds it finds what was set before as well.
    pub fn set(&self, number: usize, value: u64) {
        if let Some(word) = self.word(number) {
            word.store(value.to_le(), Ordering::Release);
        }
    }

    fn word(&self, number: usize) -> Option<&AtomicU64> {
        // SAFETY: the memory is there as long as this is, begins with a page, and holds so many numbers; nobody reads or
        // writes it but by these.
        (number < COUNT).then(|| unsafe { AtomicU64::from_ptr(self.memory.as_mut_ptr().cast::<u64>().add(number)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_there_for_the_next() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&7u64.to_le_bytes(), 0).unwrap();
        let open = || Outlasting::<2>::open(&file, 9).unwrap();
        let first = open();
        assert_eq!([first.get(0), first.get(1), first.get(2)], [7, 9, 0]);
        first.set(1, 11);
        first.set(2, 12);
        // Whoever is ended drops nothing.
        assert_eq!([open().get(0), open().get(1)], [7, 11]);
        assert_eq!(file.metadata().unwrap().len(), 16);
    }
}
