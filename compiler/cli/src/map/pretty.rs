//! Lays JSON out over lines. Every token stays as it was written: a decimal keeps its digits.

/// The same JSON, indented by two blanks. The text is JSON that a map wrote.
pub fn laid_out(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let (mut quoted, mut escaped, mut opened) = (false, false, false);
    for &byte in json {
        if quoted {
            out.push(byte);
            quoted = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        if opened && !closes {
            line(&mut out, depth);
        }
        if closes {
            depth = depth.saturating_sub(1);
            if !opened {
                line(&mut out, depth);
            }
        }
        opened = matches!(byte, b'{' | b'[');
        depth += usize::from(opened);
        quoted = byte == b'"';
        out.push(byte);
        match byte {
            b',' => line(&mut out, depth),
            b':' => out.push(b' '),
            _ => {}
        }
    }
    out
}

/// The same JSON without the blanks between its tokens.
pub fn on_one_line(json: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let is_kept = |byte: &&u8| {
        let kept = quoted || !byte.is_ascii_whitespace();
        let ends = **byte == b'"' && !escaped;
        escaped = quoted && **byte == b'\\' && !escaped;
        quoted ^= ends;
        kept
    };
    json.iter().filter(is_kept).copied().collect()
}

fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + depth * 2, b' ');
}

#[cfg(test)]
mod tests {
    use super::{laid_out, on_one_line};

    #[test]
    fn tokens_stay_as_they_are() {
        let json = r#"{"a":[1.50,{"b":"x{,\"]"}],"c":{},"d":[]}"#;
        let expected =
            "{\n  \"a\": [\n    1.50,\n    {\n      \"b\": \"x{,\\\"]\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}";
        assert_eq!(String::from_utf8(laid_out(json.as_bytes())).unwrap(), expected);
        assert_eq!(String::from_utf8(on_one_line(expected.as_bytes())).unwrap(), json);
        assert_eq!(laid_out(b"{\"a\":\"\\\\\"}"), b"{\n  \"a\": \"\\\\\"\n}");
    }
}
