//! Writing JSON strings, and where one ends.

/// Adds the text with its quotes. Quote, backslash and control characters are escaped, nothing else is: the output
/// is UTF-8.
///
/// Text that was decoded from a message holds no control characters but tab, CR and LF ([`crate::escape::decode`]).
pub fn write_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_inside(out, text);
    out.push(b'"');
}

/// The same without the quotes.
pub fn write_inside(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        from = at + 1;
        let escape = match byte {
            b'"' => *b"\\\"",
            b'\\' => *b"\\\\",
            b'\n' => *b"\\n",
            b'\r' => *b"\\r",
            b'\t' => *b"\\t",
            _ => {
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
        };
        out.extend_from_slice(&escape);
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

/// What is inside a JSON string that is written, from behind its first quote to its last.
pub fn inside(written: &[u8]) -> &[u8] {
    let mut escaped = false;
    let end = written.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    written.get(..end.unwrap_or(written.len())).unwrap_or_default()
}

/// The text as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_str(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

/// The text as it stands between the quotes of JSON.
pub fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    write_inside(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_str(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        assert_eq!(
            written("a\"b\\c\nd\re\tf\u{0}\u{1f}\u{7f}/\u{e9}\u{1f600}"),
            "\"a\\\"b\\\\c\\nd\\re\\tf\\u0000\\u001f\u{7f}/\u{e9}\u{1f600}\""
        );
        assert_eq!(written(""), "\"\"");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,20}[\0-\\x7f]{0,20}") {
            prop_assert_eq!(serde_json::from_str::<String>(&written(&text)).unwrap(), text);
        }
    }
}
