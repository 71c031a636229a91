//! Damage that a feed repairs before a message is read. What the journal has stays as it came.

use bytes::Bytes;
use emr_message::header::Header;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// A line that is no segment is the rest of the one before it, in a value that has a line end: the lines are joined,
    /// and the line end is written as HL7 writes it.
    JoinedLines,
    /// Blanks at the end of a line go.
    TrailingSpaces,
}

/// The message repaired, and how often something was. What has no header is left alone.
pub fn repaired(message: &Bytes, repairs: &[Repair]) -> (Bytes, usize) {
    let header = if repairs.is_empty() { None } else { Header::read(message) };
    let Some(header) = header else { return (message.clone(), 0) };
    let (bar, escape) = (header.delimiters.field, header.delimiters.escape);
    let mut out: Vec<u8> = Vec::with_capacity(message.len());
    let (mut count, mut is_begun) = (0, false);
    for line in message.split_inclusive(|byte| is_end(*byte)) {
        let length = line.iter().rposition(|byte| !is_end(*byte)).map_or(0, |at| at + 1);
        let (text, end) = line.split_at(length);
        let text = if repairs.contains(&Repair::TrailingSpaces) { trimmed(text, &mut count) } else { text };
        if repairs.contains(&Repair::JoinedLines) && is_begun && !text.is_empty() && !is_segment(text, bar) {
            out.truncate(out.iter().rposition(|byte| !is_end(*byte)).map_or(0, |at| at + 1));
            line_end(&mut out, escape);
            count += 1;
        }
        is_begun |= is_segment(text, bar);
        out.extend_from_slice(text);
        out.extend_from_slice(end);
    }
    if count == 0 { (message.clone(), 0) } else { (out.into(), count) }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn trimmed<'l>(line: &'l [u8], count: &mut usize) -> &'l [u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |at| at + 1);
    let (kept, gone) = line.split_at(end);
    *count += usize::from(!gone.is_empty());
    kept
}

/// A name of three capitals or digits, the first no digit, and then a field or nothing.
fn is_segment(line: &[u8], bar: u8) -> bool {
    let Some((name, rest)) = line.split_first_chunk::<3>() else { return false };
    let is_name = name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_name && name.first().is_some_and(u8::is_ascii_uppercase) && rest.first().is_none_or(|next| *next == bar)
}

/// As text with a line end is written, HL7 v2.5.1 §2.7.6; a blank where the sender escapes nothing.
fn line_end(out: &mut Vec<u8>, escape: Option<u8>) {
    match escape {
        None => out.push(b' '),
        Some(escape) => {
            out.push(escape);
            out.extend_from_slice(b".br");
            out.push(escape);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(message: &str, repairs: &[Repair]) -> (String, usize) {
        let (bytes, count) = repaired(&Bytes::copy_from_slice(message.as_bytes()), repairs);
        (String::from_utf8(bytes.to_vec()).unwrap(), count)
    }

    const BOTH: &[Repair] = &[Repair::JoinedLines, Repair::TrailingSpaces];

    #[test]
    fn a_value_with_line_ends_is_one_line_again() {
        let message = "MSH|^~\\&|A\rNTE|1||first\nsecond line  \r\nthird|P\rZX1\rPID|1 \t\r";
        let (joined, count) = of(message, &[Repair::JoinedLines]);
        assert_eq!(joined, "MSH|^~\\&|A\rNTE|1||first\\.br\\second line  \\.br\\third|P\rZX1\rPID|1 \t\r");
        assert_eq!(count, 2);
        let (both, count) = of(message, BOTH);
        assert_eq!(both, "MSH|^~\\&|A\rNTE|1||first\\.br\\second line\\.br\\third|P\rZX1\rPID|1\r");
        assert_eq!(count, 4);
        // Who escapes nothing has a blank.
        assert_eq!(of("MSH|^~|A\rNTE|1||a\rb\r", BOTH).0, "MSH|^~|A\rNTE|1||a b\r");
    }

    #[test]
    fn what_is_whole_is_left_alone() {
        let whole = "\r\nMSH|^~\\&|A\r\nPID|1||a  b\r\n\r\nPV1\r\n";
        assert_eq!(of(whole, BOTH), (whole.to_owned(), 0));
        let json = "{ \"resourceType\": \"Patient\" } \n ";
        assert_eq!(of(json, BOTH), (json.to_owned(), 0));
        assert_eq!(of("MSH|^~\\&|A \rb", &[]).1, 0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_but_blanks_and_line_ends(text in "MSH\\|\\^~\\\\&\\|([A-Z|~ \\r\\n\\t0-9]{0,60})") {
            let (whole, count) = of(&text, BOTH);
            let letters = |text: &str| text.replace([' ', '\t', '\r', '\n'], "");
            prop_assert_eq!(letters(&whole.replace("\\.br\\", "")), letters(&text));
            prop_assert_eq!(count == 0, whole == text);
        }
    }
}
