//! What of a disk is kept free, so that what was accepted can come to its end: its deliveries are noted there too.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::fs::{Disk, Fs, Space};

/// No message is accepted while less is free than the smaller of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Of the whole disk.
    pub percent: u8,
    pub bytes: u64,
}

impl Default for Reserve {
    fn default() -> Reserve {
        Reserve { percent: 5, bytes: 1 << 30 }
    }
}

impl Reserve {
    /// How much is kept free of a disk.
    fn of(self, space: Space) -> u64 {
        (space.whole / 100 * u64::from(self.percent)).min(self.bytes)
    }

    fn is_touched(self, space: Space) -> bool {
        space.free < self.of(space)
    }

    /// Why no message would be accepted on the disk of a folder; nothing where some would be, or nobody knows.
    pub fn lack(self, folder: &Path) -> Option<String> {
        let space = Disk.space(folder).ok().filter(|space| self.is_touched(*space))?;
        let (free, kept) = (size(space.free), size(self.of(space)));
        Some(format!(
            "no message would be taken: {free} are free on the disk of `{}`, and {kept} are kept free there; make room, or set \
             `free_bytes` or `free_percent` of `[journal]` in `emr.toml`",
            folder.display()
        ))
    }
}

/// As people read it.
fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
    } else {
        format!("{} KiB", bytes >> 10)
    }
}

/// How old an answer of the system may be: what is accepted meanwhile is far below any reserve.
const FRESH: Duration = Duration::from_millis(10);

/// How often whoever waits for room looks for it.
pub const LOOK: Duration = Duration::from_millis(100);

/// Looks at the disk of a folder.
pub struct Watch<F> {
    fs: F,
    folder: PathBuf,
    reserve: Reserve,
    last: Mutex<Option<(Instant, bool)>>,
}

impl<F: Fs> Watch<F> {
    pub fn new(fs: F, folder: PathBuf, reserve: Reserve) -> Watch<F> {
        Watch { fs, folder, reserve, last: Mutex::new(None) }
    }

    /// Whether there is too little room to accept more. A system that does not say is believed to have some: where it has
    /// none the next record is refused.
    pub fn is_low(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, is_low)) = *last
            && asked.elapsed() < FRESH
        {
            return is_low;
        }
        let is_low = self.fs.space(&self.folder).is_ok_and(|space| self.reserve.is_touched(space));
        *last = Some((Instant::now(), is_low));
        is_low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_both_is_kept_free() {
        let is_touched = |free, whole| Reserve::default().is_touched(Space { free, whole });
        // A small disk has its part, a large one its bytes.
        assert_eq!([4, 5].map(|free| is_touched(free << 20, 100 << 20)), [true, false]);
        assert_eq!([1023, 1024].map(|free| is_touched(free << 20, 1 << 40)), [true, false]);
        let none = Reserve { percent: 0, bytes: 1 << 30 };
        assert!(!none.is_touched(Space { free: 0, whole: 1 << 40 }));
    }
}
