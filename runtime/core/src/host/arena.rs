//! Room for texts that helpers make, kept until the message is done. Addresses stay good while it grows.

use emr_abi::SLACK;

/// The size of a piece of room.
const CHUNK: usize = 1 << 16;

#[derive(Default)]
pub struct Arena {
    chunks: Vec<Vec<u8>>,
    /// The chunk that is filled, and how far.
    now: usize,
    used: usize,
}

impl Arena {
    /// Makes all room free again.
    pub fn clear(&mut self) {
        (self.now, self.used) = (0, 0);
    }

    /// Room for so many bytes, with [`SLACK`] behind it.
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        let wanted = bytes + SLACK;
        while self.chunks.get(self.now).is_some_and(|chunk| chunk.len() < self.used + wanted) {
            (self.now, self.used) = (self.now + 1, 0);
        }
        if self.now == self.chunks.len() {
            self.chunks.push(vec![0; wanted.max(CHUNK)]);
        }
        let from = self.used;
        self.used += bytes;
        self.chunks.get_mut(self.now).and_then(|chunk| chunk.get_mut(from..from + bytes)).unwrap_or_default()
    }

    /// Makes the text that was made last longer, if it is that and there is room.
    pub fn extend(&mut self, at: *const u8, length: usize, more: usize) -> Option<&mut [u8]> {
        let chunk = self.chunks.get_mut(self.now)?;
        let end = chunk.as_ptr().wrapping_add(self.used);
        if at.wrapping_add(length) != end || chunk.len() < self.used + more + SLACK {
            return None;
        }
        let from = self.used;
        self.used += more;
        chunk.get_mut(from..from + more)
    }
}
