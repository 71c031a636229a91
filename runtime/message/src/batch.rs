//! Files of several messages: HL7 batches (FHS, BHS … BTS, FTS; HL7 v2.5.1 §2.10.3), messages one after another,
//! messages with MLLP framing around each.
//!
//! Works on bytes, before any charset is known, and gives ranges, so that a reader of a long file needs one message
//! at a time in memory.

use std::ops::Range;

/// Where messages stand in a file, and what stands around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Each message with the lines before it that belong to none, up to the next header or trailer.
    pub messages: Vec<Range<usize>>,
    /// Lines of FHS, BHS, BTS and FTS.
    pub envelope: Vec<Range<usize>>,
    /// Lines that are neither: before the first message, or after a trailer.
    pub stray: Vec<Range<usize>>,
    /// Messages that BTS-1 and FTS-1 count otherwise than they are: offsets of these trailers.
    pub miscounted: Vec<usize>,
}

/// Takes a file apart. A file without any MSH gives no message; what it holds instead is in the other lists.
///
/// A text in UTF-16 is taken as one message.
pub fn split(bytes: &[u8]) -> Batch {
    let mut batch = Batch::default();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.iter().take(2).any(|&byte| byte == 0) {
        batch.messages.push(0..bytes.len());
        return batch;
    }
    let mut open: Option<Range<usize>> = None;
    let mut since_batch = 0;
    let mut batches = 0;
    for line in lines(bytes) {
        let text = unmarked(bytes.get(line.clone()).unwrap_or_default());
        match kind(text) {
            Kind::Message => {
                batch.messages.extend(open.take());
                since_batch += 1;
                open = Some(line);
            }
            Kind::Envelope => {
                batch.messages.extend(open.take());
                let counted = match text.get(..3) {
                    Some(b"BTS") => {
                        batches += 1;
                        Some(std::mem::take(&mut since_batch))
                    }
                    Some(b"FTS") => Some(batches),
                    _ => None,
                };
                if counted.is_some_and(|counted| count(text).is_some_and(|said| said != counted)) {
                    batch.miscounted.push(line.start);
                }
                batch.envelope.push(line);
            }
            Kind::Other => match &mut open {
                Some(message) => message.end = line.end,
                None => batch.stray.push(line),
            },
        }
    }
    batch.messages.extend(open);
    batch
}

enum Kind {
    Message,
    Envelope,
    Other,
}

fn kind(line: &[u8]) -> Kind {
    let named = |name: &[u8]| line.starts_with(name) && line.get(3).is_none_or(u8::is_ascii_punctuation);
    if named(b"MSH") && line.len() > 3 {
        Kind::Message
    } else if [b"FHS", b"BHS", b"BTS", b"FTS"].iter().any(|name| named(*name)) {
        Kind::Envelope
    } else {
        Kind::Other
    }
}

fn unmarked(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// BTS-1 or FTS-1, where it is a number.
fn count(trailer: &[u8]) -> Option<usize> {
    let separator = trailer.get(3)?;
    let field = trailer.split(|byte| byte == separator).nth(1)?;
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

/// Lines without their ends and MLLP's blocks, and without empty ones. A byte order mark stays: it tells the charset
/// of the message that it stands before.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c);
    let mut start = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(start..)?;
            let skipped = rest.iter().position(|byte| !is_end(byte))?;
            let line = rest.get(skipped..)?;
            let length = line.iter().position(is_end).unwrap_or(line.len());
            let from = start + skipped;
            start = from + length;
            if length > 0 {
                return Some(from..start);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let batch = split(text.as_bytes());
        let show = |ranges: &[Range<usize>]| {
            ranges.iter().map(|range| text[range.clone()].replace(['\r', '\n'], "/")).collect::<Vec<_>>().join(" ")
        };
        let (messages, envelope, stray) = (show(&batch.messages), show(&batch.envelope), show(&batch.stray));
        format!("{messages} ({envelope}) [{stray}] {}", batch.miscounted.len())
    }

    #[test]
    fn messages_one_after_another() {
        assert_eq!(shown("MSH|1\rPID|a\rMSH|2\rPID|b\r"), "MSH|1/PID|a MSH|2/PID|b () [] 0");
        assert_eq!(shown("MSH|1\nPID|a\n\nMSH|2\r\n"), "MSH|1/PID|a MSH|2 () [] 0");
        assert_eq!(shown("\u{b}MSH|1\rPID|a\r\u{1c}\r\u{b}MSH|2\r\u{1c}\r"), "MSH|1/PID|a MSH|2 () [] 0");
    }

    #[test]
    fn batches_have_headers_and_trailers() {
        let text = "FHS|^~\\&\rBHS|^~\\&\rMSH|1\rMSH|2\rBTS|2\rFTS|1\r";
        assert_eq!(shown(text), "MSH|1 MSH|2 (FHS|^~\\& BHS|^~\\& BTS|2 FTS|1) [] 0");
        assert_eq!(shown("BHS|\rMSH|1\rBTS|7\r"), "MSH|1 (BHS| BTS|7) [] 1");
    }

    #[test]
    fn what_is_no_message_is_told() {
        assert_eq!(shown("FHS|^~\\&\rBTS|1\r"), " (FHS|^~\\& BTS|1) [] 1");
        assert_eq!(shown("junk\rMSH|1\rjunk\r"), "MSH|1/junk () [junk] 0");
        assert_eq!(shown("\u{feff}MSH|1"), "\u{feff}MSH|1 () [] 0");
        assert_eq!(shown("MSHORT\rMSH"), " () [MSHORT MSH] 0");
        assert_eq!(shown(""), " () [] 0");
    }
}
