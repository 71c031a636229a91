//! Machine code in memory that may be carried out and not written.

use std::fs::File;
use std::ops::Range;

use emr_abi::Context;
use memmap2::{Mmap, MmapMut, MmapOptions};

/// What the code of a program is entered by: context and place of output in, place behind the output back.
pub type Entry = unsafe extern "C" fn(*mut Context, *mut u8) -> *mut u8;

/// Code that is ready to be carried out.
pub struct Code {
    memory: Mmap,
    entry: usize,
}

/// The code could not be put into memory.
#[derive(Debug)]
pub struct Unmapped;

impl Code {
    /// Copies the code to where it may be carried out.
    pub fn new(code: &[u8], entry: u32) -> Result<Code, Unmapped> {
        let entry = usize::try_from(entry).ok().filter(|entry| *entry < code.len()).ok_or(Unmapped)?;
        let mut memory = MmapMut::map_anon(code.len()).map_err(|_| Unmapped)?;
        memory.copy_from_slice(code);
        let memory = memory.make_exec().map_err(|_| Unmapped)?;
        Ok(Code { memory, entry })
    }

    /// Maps the code from where it stands in a file, so that those who run the same share it. Fails where the file's
    /// place forbids it.
    pub fn mapped(file: &File, at: u64, length: usize, entry: u32) -> Result<Code, Unmapped> {
        let entry = usize::try_from(entry).ok().filter(|entry| *entry < length).ok_or(Unmapped)?;
        // SAFETY: the mapping is private, and whoever runs an artifact lets its file be, as `Artifact::open` asks.
        let memory = unsafe { MmapOptions::new().offset(at).len(length).map_copy(file) }.map_err(|_| Unmapped)?;
        let memory = memory.make_exec().map_err(|_| Unmapped)?;
        Ok(Code { memory, entry })
    }

    pub fn addresses(&self) -> Range<usize> {
        let range = self.memory.as_ptr_range();
        range.start as usize..range.end as usize
    }

    /// The entry, which is good as long as the code.
    pub fn entry(&self) -> Entry {
        // SAFETY: who makes a program vouches that its entry stands at that offset and has this signature; `new` has
        // seen that it lies in the code.
        unsafe { std::mem::transmute::<*const u8, Entry>(self.memory.as_ptr().wrapping_add(self.entry)) }
    }
}
