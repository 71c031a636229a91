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
    none: [u8; 32],
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

    /// Room for a short text, which [`Arena::keep`] takes.
    #[inline]
    pub fn chunk(&mut self) -> &mut [u8; 32] {
        if self.chunks.get(self.now).is_none_or(|chunk| chunk.len() < self.used + 32 + SLACK) {
            self.room(32);
            self.used -= 32;
        }
        let chunk = self.chunks.get_mut(self.now).and_then(|chunk| chunk.get_mut(self.used..));
        chunk.and_then(<[u8]>::first_chunk_mut).unwrap_or(&mut self.none)
    }

    /// Keeps so many bytes of that.
    #[inline]
    pub fn keep(&mut self, bytes: usize) {
        self.used += bytes;
    }
}
