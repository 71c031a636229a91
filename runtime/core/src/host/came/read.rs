//! Reading: JSON as [`emr_message`]'s users write it, without blanks, each text with the escapes of `serde_json`.

use emr_abi::{SLACK, flags};

use super::{Came, Node, Span, What, short};

/// Longer resources go to the interpreter.
const LENGTH_MAX: usize = 16 << 20;

/// Of how many lists and objects one may be in another.
const DEPTH_MAX: usize = 128;

impl Came {
    /// Takes a resource apart that is JSON without blanks. Allocates nothing once the buffers are large enough.
    ///
    /// Nothing if it is none: then none came.
    pub fn read(&mut self, text: &str) -> Option<()> {
        self.clear();
        self.items.clear();
        self.members.clear();
        self.open_items.clear();
        self.open_members.clear();
        self.addresses = None;
        self.text.clear();
        if text.len() > LENGTH_MAX {
            return None;
        }
        self.text.extend_from_slice(text.as_bytes());
        self.nodes.push(Node { what: What::Null, whole: Span::default(), next: 1 });
        let end = self.value(0, DEPTH_MAX);
        self.text.extend_from_slice(&[0; SLACK]);
        self.read = (self.nodes.len(), self.items.len());
        if end != Some(text.len()) {
            self.clear();
            return None;
        }
        Some(())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// The value that begins there, which gets the next number; where it ends.
    fn value(&mut self, at: usize, depth: usize) -> Option<usize> {
        let depth = depth.checked_sub(1)?;
        let number = self.nodes.len();
        self.nodes.push(Node { what: What::Null, whole: Span::default(), next: 0 });
        let (what, end) = match self.byte(at)? {
            b'{' => self.object(at, depth)?,
            b'[' => self.list(at, depth)?,
            b'"' => {
                let (span, end) = self.string(at)?;
                (What::Text(span), end)
            }
            _ => {
                let rest = self.text.get(at..)?;
                let length = rest.iter().position(|byte| matches!(byte, b',' | b']' | b'}')).unwrap_or(rest.len());
                let word = rest.get(..length)?;
                (if word == b"null" { What::Null } else { What::Bare }, at + length)
            }
        };
        let next = short(self.nodes.len());
        *self.nodes.get_mut(number)? = Node { what, whole: Span { from: short(at), to: short(end) }, next };
        Some(end)
    }

    fn list(&mut self, at: usize, depth: usize) -> Option<(What, usize)> {
        let open = self.open_items.len();
        let mut end = at + 1;
        if self.byte(end)? != b']' {
            loop {
                self.open_items.push(short(self.nodes.len()));
                end = self.value(end, depth)?;
                match self.byte(end)? {
                    b',' => end += 1,
                    b']' => break,
                    _ => return None,
                }
            }
        }
        let from = short(self.items.len());
        self.items.extend(self.open_items.drain(open..));
        Some((What::List(Span { from, to: short(self.items.len()) }), end + 1))
    }

    fn object(&mut self, at: usize, depth: usize) -> Option<(What, usize)> {
        let open = self.open_members.len();
        let mut end = at + 1;
        if self.byte(end)? != b'}' {
            loop {
                let (name, colon) = self.string(end)?;
                if self.byte(colon)? != b':' {
                    return None;
                }
                self.open_members.push((name, short(self.nodes.len())));
                end = self.value(colon + 1, depth)?;
                match self.byte(end)? {
                    b',' => end += 1,
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        let from = short(self.members.len());
        self.members.extend(self.open_members.drain(open..));
        Some((What::Object(Span { from, to: short(self.members.len()) }), end + 1))
    }

    /// The text between the quotes that begin there, and where it ends.
    fn string(&mut self, at: usize) -> Option<(Span, usize)> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let rest = self.text.get(at + 1..)?;
        let (mut length, mut before) = (0, 0);
        let (mut spaced, mut escaped, mut short_form) = (false, false, false);
        loop {
            match *rest.get(length)? {
                b'"' => break,
                b'\\' => {
                    let letter = *rest.get(length + 1)?;
                    escaped = true;
                    spaced |= !matches!(letter, b'"' | b'\\');
                    short_form |= matches!(letter, b'b' | b'f');
                    before = b'\\';
                    length += 2;
                    continue;
                }
                byte => {
                    spaced |= byte == b' ' && before == b' ';
                    before = byte;
                    length += 1;
                }
            }
        }
        let end = at + 1 + length;
        let mut span = Span { from: short(at + 1), to: short(end) };
        if spaced {
            self.flags |= flags::SPACED;
        }
        if escaped {
            self.flags |= flags::ESCAPED;
        }
        if short_form {
            span = self.written_anew(span);
        }
        Some((span, end + 1))
    }

    /// A text with the two escapes that code does not know, written as the others of their kind.
    fn written_anew(&mut self, span: Span) -> Span {
        let from = self.text.len();
        let mut at = span.from as usize;
        while at < span.to as usize {
            match (self.byte(at), self.byte(at + 1)) {
                (Some(b'\\'), Some(letter)) => {
                    match letter {
                        b'b' => self.text.extend_from_slice(b"\\u0008"),
                        b'f' => self.text.extend_from_slice(b"\\u000c"),
                        other => self.text.extend_from_slice(&[b'\\', other]),
                    }
                    at += 2;
                }
                (byte, _) => {
                    self.text.extend(byte);
                    at += 1;
                }
            }
        }
        Span { from: short(from), to: short(self.text.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ROOT;
    use super::*;

    #[test]
    fn what_is_no_json_did_not_come() {
        let odd = ["", "{", "{\"a\":1", "[1,]x", "{\"a\" 1}", "\"a", "[1 2", "{a:1}", "{}}"];
        for text in odd.into_iter().map(str::to_owned).chain(["[".repeat(1_000), "[".repeat(200) + &"]".repeat(200)]) {
            let mut came = Came::default();
            assert_eq!((came.read(&text), came.root()), (None, 0), "{text}");
        }
    }

    #[test]
    fn texts_are_as_code_reads_them() {
        let mut came = Came::default();
        came.read(r#"["\b\"\f\\b\n","x","a  b"]"#).unwrap();
        let texts: Vec<_> = came.items(ROOT).map(|item| came.leaf(item).unwrap_or_default()).collect();
        assert_eq!(texts, [&br#"\u0008\"\u000c\\b\n"#[..], b"x", b"a  b"]);
        assert_eq!(came.flags(), flags::SPACED | flags::ESCAPED);
        came.read(r#"["a b","\"","\\"]"#).unwrap();
        assert_eq!(came.flags(), flags::ESCAPED);
    }
}
