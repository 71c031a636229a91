//! Batches: several messages that come as one, between FHS, BHS and BTS, FTS (HL7 v2.5.1 §2.10.3). Each is taken in for
//! itself, and their sender gets one answer.

use bytes::Bytes;
use emr_message::answer::Problem;
use emr_message::batch::messages;
use emr_message::header::Header;
use serde::Deserialize;

/// What is taken apart before its messages are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unwrap {
    Batch,
}

/// The messages of a batch.
pub struct Batch {
    /// In their order; there is one at least.
    pub messages: Vec<Bytes>,
    /// The header that it is answered by.
    pub header: Vec<u8>,
}

impl Batch {
    /// Nothing for what is no batch, or holds no message: then it is one message that is none.
    pub fn read(bytes: &[u8]) -> Option<Batch> {
        if !is_batch(bytes) {
            return None;
        }
        let messages: Vec<Bytes> = messages(bytes).map(Bytes::from).collect();
        let header = header(bytes, messages.first()?)?;
        Some(Batch { messages, header })
    }
}

/// What is wrong with one of the messages, as an answer for all of them says it: a place would be one of a message, and
/// nothing there says of which.
pub fn of_all(problem: Problem) -> Problem {
    Problem { at: None, ..problem }
}

fn is_batch(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    bytes.starts_with(b"FHS") || bytes.starts_with(b"BHS")
}

/// That of the first message, with the batch's own control id in the place of MSH-10 (BHS-11, or else FHS-11), so that MSA-2
/// says what was sent.
fn header(batch: &[u8], first: &[u8]) -> Option<Vec<u8>> {
    let bar = Header::read(first)?.delimiters.field;
    let line = first.trim_ascii_start().split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let mut fields: Vec<&[u8]> = line.split(|byte| *byte == bar).collect();
    if let (Some(id), Some(control)) = (control(batch), fields.get_mut(9)) {
        *control = id;
    }
    Some(fields.join(&bar))
}

/// The control id of a batch, or else of the file around it.
fn control(batch: &[u8]) -> Option<&[u8]> {
    let lines = || batch.split(|byte| matches!(byte, b'\r' | b'\n'));
    let ids = [b"BHS", b"FHS"].into_iter().filter_map(|name| {
        let line = lines().find(|line| line.starts_with(name))?;
        let bar = line.get(3)?;
        line.split(|byte| byte == bar).nth(10)
    });
    ids.into_iter().find(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_answered_by_its_own_control_id() {
        let first = b"MSH|^~\\&|A|H|B|C|1||ORU^R01|m1|P|2.5\rPID|1\r";
        let answered = |envelope: &str| {
            let batch = [envelope.as_bytes(), first].concat();
            String::from_utf8(Batch::read(&batch).unwrap().header).unwrap().split('|').nth(9).unwrap().to_owned()
        };
        assert_eq!(answered("FHS|^~\\&|A||||||||f1\rBHS|^~\\&|A||||||||b1|\r"), "b1");
        assert_eq!(answered("FHS|^~\\&|A||||||||f1\rBHS|^~\\&|A\r"), "f1");
        assert_eq!(answered("BHS|^~\\&|A\r"), "m1");
        assert!(Batch::read(first).is_none() && Batch::read(b"BHS|^~\\&\rBTS|0\r").is_none());
    }
}
