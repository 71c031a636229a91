//! A text whose memory is used again for the next, without being wiped in between.

use std::ops::Deref;

/// As many bytes as were asked for, of those that there are.
#[derive(Default)]
pub struct Room {
    bytes: Vec<u8>,
    length: usize,
}

impl Room {
    /// So many bytes: those that were there before stay, what is new may be anything.
    #[inline]
    pub fn set_length(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() < length {
            self.bytes.resize(length.next_power_of_two(), 0);
        }
        self.length = length;
        self.bytes.get_mut(..length).unwrap_or_default()
    }

    /// Adds bytes, and as many zeros as make whole blocks.
    pub fn add_blocks(&mut self, bytes: &[u8]) {
        let before = self.length;
        let room = self.set_length((before + bytes.len()).next_multiple_of(64));
        if let Some((to, rest)) = room.get_mut(before..).and_then(|room| room.split_at_mut_checked(bytes.len())) {
            to.copy_from_slice(bytes);
            rest.fill(0);
        }
    }
}

impl Deref for Room {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
