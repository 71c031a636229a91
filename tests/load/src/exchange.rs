//! Frames of MLLP, read from what a peer sends.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::messages::{END, START};

/// What was read and not taken yet.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// The next message; nothing where the peer hung up.
    pub async fn next(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<&[u8]>> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let mut searched = 0;
        loop {
            if let Some(end) = find(self.bytes.get(searched..).unwrap_or_default()) {
                let end = searched + end;
                self.taken = end + END.len();
                let frame = self.bytes.get(..end).unwrap_or_default();
                let message = frame.strip_prefix(&[START]).ok_or(ErrorKind::InvalidData)?;
                return Ok(Some(message));
            }
            searched = self.bytes.len().saturating_sub(1);
            self.bytes.reserve(16 << 10);
            if from.read_buf(&mut self.bytes).await? == 0 {
                return Ok(None);
            }
        }
    }
}

fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END.len()).position(|window| window == END)
}

/// The frame of an acknowledgment of AA.
pub fn acknowledgment(control: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(START);
    out.extend_from_slice(b"MSH|^~\\&|EMR|HUB|REGISTRATION|LAKESIDE|20260301||ACK^A01^ACK|");
    out.extend_from_slice(control);
    out.extend_from_slice(b"|P|2.5.1\rMSA|AA|");
    out.extend_from_slice(control);
    out.extend_from_slice(b"\r");
    out.extend_from_slice(END);
}
