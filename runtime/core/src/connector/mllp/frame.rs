//! Frames: a message stands between 0x0B and 0x1C 0x0D.
//!
//! Real senders leave the last byte away, send line ends between frames, or begin with what is no frame at all. The first
//! two are read, the last is given up.

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

const START: u8 = 0x0B;
const END: u8 = 0x1C;

/// How many bytes may stand before a frame.
pub const BEFORE_MAX: usize = 64 << 10;

/// Takes the frames out of what a peer sends, and puts answers into frames.
#[derive(Clone, Debug)]
pub struct Frames {
    /// The longest message, in bytes.
    max: usize,
    /// Whether the start of a frame was read.
    is_open: bool,
    /// How much of what is there holds no end.
    searched: usize,
    /// What stood before this frame and is gone.
    before: usize,
}

/// Why a connection cannot go on.
#[derive(Debug)]
pub enum Broken {
    /// Something else than frames.
    NoFrame,
    /// A frame begins inside another: the peer lost its place.
    Nested,
    /// A message longer than is taken; its first bytes, in which its header may stand.
    TooLong(Bytes),
    /// The peer went in the middle of a frame.
    Cut,
    World(std::io::Error),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Broken {
        Broken::World(error)
    }
}

impl Frames {
    pub fn new(max: usize) -> Frames {
        Frames { max, is_open: false, searched: 0, before: 0 }
    }

    /// Whether a frame has begun and not ended: then its time runs.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Throws away what stands before a frame; whether one begins.
    fn begin(&mut self, bytes: &mut BytesMut) -> Result<bool, Broken> {
        let start = memchr::memchr(START, bytes);
        let before = bytes.get(..start.unwrap_or(bytes.len())).unwrap_or_default();
        // The end of the last frame, and line ends, are no noise.
        self.before += before.iter().filter(|byte| !matches!(**byte, b'\r' | b'\n')).count();
        let length = before.len();
        if self.before > BEFORE_MAX {
            return Err(Broken::NoFrame);
        }
        bytes.advance(length);
        if start.is_some() {
            bytes.advance(1);
            (self.is_open, self.searched, self.before) = (true, 0, 0);
        }
        Ok(self.is_open)
    }
}

impl Decoder for Frames {
    type Item = Bytes;
    type Error = Broken;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
        if !self.is_open && !self.begin(bytes)? {
            return Ok(None);
        }
        let unread = bytes.get(self.searched..).unwrap_or_default();
        let found = memchr::memchr2(START, END, unread).map(|at| self.searched + at);
        if found.unwrap_or(bytes.len()) > self.max {
            return Err(Broken::TooLong(bytes.split_to(self.max).freeze()));
        }
        let Some(end) = found else {
            self.searched = bytes.len();
            return Ok(None);
        };
        if bytes.get(end) == Some(&START) {
            return Err(Broken::Nested);
        }
        let message = bytes.split_to(end).freeze();
        bytes.advance(1);
        self.is_open = false;
        Ok(Some(message))
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
        match self.decode(bytes)? {
            None if self.is_open => Err(Broken::Cut),
            other => Ok(other),
        }
    }
}

/// A message in its frame, which is not copied for that.
pub fn around(message: &[u8]) -> impl Buf {
    (&[START][..]).chain(message).chain(&[END, b'\r'][..])
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;

    use super::*;

    /// All frames of what comes in pieces of this size, and how it ends.
    fn read(bytes: &[u8], piece: usize, max: usize) -> (Vec<Vec<u8>>, Result<(), Broken>) {
        let mut frames = Frames::new(max);
        let (mut here, mut found) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            here.extend_from_slice(piece);
            loop {
                match frames.decode(&mut here) {
                    Ok(Some(message)) => found.push(message.to_vec()),
                    Ok(None) => break,
                    Err(why) => return (found, Err(why)),
                }
            }
        }
        (found, frames.decode_eof(&mut here).map(drop))
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_pieces(
            messages in prop::collection::vec(prop::collection::vec(0x20u8.., 0..99), 0..5), piece in 1usize..50
        ) {
            let mut bytes = BytesMut::new();
            for message in &messages {
                bytes.put(around(message));
            }
            let (found, end) = read(&bytes, piece, 99);
            prop_assert!(found == messages && end.is_ok());
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, piece in 1usize..50) {
            let whole = read(&bytes, usize::MAX, 64);
            let pieces = read(&bytes, piece, 64);
            prop_assert!(whole.0 == pieces.0 && whole.1.is_ok() == pieces.1.is_ok());
        }
    }

    #[test]
    fn line_ends_between_frames_and_a_missing_last_byte_are_taken() {
        let (found, end) = read(b"\r\n\x0BMSH|1\x1C\x0BMSH|2\x1C\r\n\n\x0BMSH|3\x1C", 3, 99);
        assert_eq!(found, [b"MSH|1", b"MSH|2", b"MSH|3"]);
        assert!(end.is_ok());
    }

    #[test]
    fn what_is_no_frame_is_given_up() {
        let (found, end) = read(&vec![b'x'; BEFORE_MAX + 1], 1000, 99);
        assert!(found.is_empty() && matches!(end, Err(Broken::NoFrame)));
        assert!(matches!(read(b"\x0Bab\x0Bcd\x1C\r", 1, 99).1, Err(Broken::Nested)));
        assert!(matches!(read(b"\x0Bab", 1, 99).1, Err(Broken::Cut)));
    }

    #[test]
    fn a_long_message_is_not_kept() {
        let (found, end) = read(b"\x0BMSH|^~\\&|abc\x1C\r", 4, 8);
        assert!(found.is_empty());
        assert!(matches!(end, Err(Broken::TooLong(first)) if first == b"MSH|^~\\&"[..]));
    }
}
