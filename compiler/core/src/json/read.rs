//! Reading, in one pass over a text that is known to be JSON.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Json;

/// What FHIR allows is far below; a file that someone hands in may be anything.
const DEPTH_MAX: usize = 128;

/// Nothing if it is not JSON.
pub fn read(text: &str) -> Option<Json> {
    // Everything but the escapes in texts is held to the grammar by this, and only so do numbers keep their digits without a
    // feature of serde_json that changes its numbers everywhere.
    let whole: &RawValue = serde_json::from_str(text).ok()?;
    Reader { rest: whole.get() }.value(DEPTH_MAX)
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// What comes next but for blanks.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.bytes().next()
    }

    /// Goes on behind one of these signs; which it is.
    fn sign(&mut self, signs: &[u8]) -> Option<u8> {
        let sign = self.peek().filter(|sign| signs.contains(sign))?;
        self.rest = self.rest.get(1..)?;
        Some(sign)
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        let depth = depth.checked_sub(1)?;
        Some(match self.peek()? {
            b'{' => Json::Object(self.members(depth)?.into()),
            b'[' => Json::List(self.items(depth)?.into()),
            b'"' => Json::Text(self.text()?.into()),
            _ => match self.word()? {
                "true" => Json::Boolean(true),
                "false" => Json::Boolean(false),
                "null" => Json::Null,
                number => Json::Number(number.into()),
            },
        })
    }

    fn members(&mut self, depth: usize) -> Option<Vec<(String, Json)>> {
        let mut members = Vec::new();
        self.sign(b"{")?;
        if self.peek()? == b'}' {
            self.sign(b"}")?;
            return Some(members);
        }
        loop {
            self.peek()?;
            let name = self.text()?.into_owned();
            self.sign(b":")?;
            members.push((name, self.value(depth)?));
            if self.sign(b",}")? == b'}' {
                return Some(members);
            }
        }
    }

    fn items(&mut self, depth: usize) -> Option<Vec<Json>> {
        let mut items = Vec::new();
        self.sign(b"[")?;
        if self.peek()? == b']' {
            self.sign(b"]")?;
            return Some(items);
        }
        loop {
            items.push(self.value(depth)?);
            if self.sign(b",]")? == b']' {
                return Some(items);
            }
        }
    }

    /// The text that begins here. One without escapes is as it stands.
    fn text(&mut self) -> Option<Cow<'t, str>> {
        let inside = self.rest.strip_prefix('"')?;
        let first = inside.find(['"', '\\'])?;
        if inside.as_bytes().get(first) == Some(&b'"') {
            self.rest = inside.get(first + 1..)?;
            return Some(Cow::Borrowed(inside.get(..first)?));
        }
        let (mut end, mut escaped) = (first, false);
        loop {
            match *inside.as_bytes().get(end)? {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => break,
                _ => {}
            }
            end += 1;
        }
        let quoted = self.rest.get(..end + 2)?;
        self.rest = self.rest.get(end + 2..)?;
        serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
    }

    /// A number, or a word of JSON.
    fn word(&mut self) -> Option<&'t str> {
        let end = self.rest.find([',', ']', '}', ' ', '\n', '\r', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_json_is_read_and_nothing_else(text in r#"[ \n]?[\[{]?(([ ,:]{0,2}("([a\u{e9}\u{1}]|\\[\\"nbfu/x]|\\u00[0-9]a|\\ud83d(\\ude00)?)*"|[0-9.-]{1,4}|true|null|[\[\]{}]))){0,8}[\]}]?[ ,]?"#) {
            let (ours, theirs) = (read(&text), serde_json::from_str::<serde_json::Value>(&text).ok());
            prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", text);
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                let written = ours.to_string();
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&written).ok(), Some(theirs));
                prop_assert_eq!(read(&written).map(|again| again.to_string()), Some(written));
            }
        }
    }

    #[test]
    fn members_keep_their_order_and_numbers_their_digits() {
        let text = r#" { "b" : [ 1.50 , -0 , 1E+3 ] , "a" : { } , "b" : [ ] , "c\u0041" : "x\b\/\u00e9" } "#;
        let written = "{\"b\":[1.50,-0,1E+3],\"a\":{},\"b\":[],\"cA\":\"x\\b/\u{e9}\"}";
        assert_eq!(read(text).map(|json| json.to_string()), Some(written.to_owned()));
    }

    #[test]
    fn depth_has_an_end() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!([1, 127, 128, 129].map(|depth| read(&deep(depth)).is_some()), [true, true, true, false]);
        assert!(read(&"[".repeat(100_000)).is_none() && read(&deep(100_000)).is_none());
    }
}
