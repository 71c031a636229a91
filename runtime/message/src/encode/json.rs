//! The JSON that plans write, read back: no more of the language than they use.

use std::borrow::Cow;

/// Deeper than any structure with its fields and components.
const DEPTH_MAX: u32 = 32;

pub enum Node<'j> {
    Null,
    Bool(bool),
    Number(&'j str),
    Text(Cow<'j, str>),
    List(Vec<Node<'j>>),
    /// In the order in which they stand; a name may be there more than once.
    Object(Vec<(&'j str, Node<'j>)>),
}

impl<'j> Node<'j> {
    pub fn number<N: std::str::FromStr>(&self) -> Option<N> {
        match self {
            Node::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        match self {
            Node::Object(members) => members.is_empty(),
            Node::List(items) => items.iter().all(Node::is_empty),
            Node::Text(text) => text.is_empty(),
            _ => false,
        }
    }
}

/// The value of the text; nothing where it is not JSON, or JSON that no plan writes.
pub fn read(text: &str) -> Option<Node<'_>> {
    let mut reader = Reader { rest: text, depth: 0 };
    let node = reader.node()?;
    reader.rest.is_empty().then_some(node)
}

struct Reader<'j> {
    rest: &'j str,
    depth: u32,
}

impl<'j> Reader<'j> {
    fn node(&mut self) -> Option<Node<'j>> {
        match self.rest.as_bytes().first()? {
            b'"' => self.text().map(Node::Text),
            b'{' => self.inside(Self::object),
            b'[' => self.inside(Self::list),
            b'n' => self.word("null", Node::Null),
            b't' => self.word("true", Node::Bool(true)),
            b'f' => self.word("false", Node::Bool(false)),
            _ => self.number(),
        }
    }

    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Option<Node<'j>>) -> Option<Node<'j>> {
        self.depth += 1;
        let node = if self.depth > DEPTH_MAX { None } else { read(self) };
        self.depth -= 1;
        node
    }

    fn object(&mut self) -> Option<Node<'j>> {
        let mut members = Vec::new();
        self.take("{")?;
        if self.take("}").is_some() {
            return Some(Node::Object(members));
        }
        loop {
            // Names are those of the standard and hold nothing that JSON escapes.
            self.take("\"")?;
            let (name, rest) = self.rest.split_once('"')?;
            self.rest = rest;
            self.take(":")?;
            members.push((name, self.node()?));
            if self.take("}").is_some() {
                return Some(Node::Object(members));
            }
            self.take(",")?;
        }
    }

    fn list(&mut self) -> Option<Node<'j>> {
        let mut items = Vec::new();
        self.take("[")?;
        if self.take("]").is_some() {
            return Some(Node::List(items));
        }
        loop {
            // Behind the last item a comma may stand.
            if self.take("]").is_some() {
                return Some(Node::List(items));
            }
            items.push(self.node()?);
            if self.take("]").is_some() {
                return Some(Node::List(items));
            }
            self.take(",")?;
        }
    }

    fn number(&mut self) -> Option<Node<'j>> {
        let end = self.rest.find([',', ']', '}']).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let is_number = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        (is_number && !digits.is_empty()).then_some(Node::Number(digits))
    }

    fn text(&mut self) -> Option<Cow<'j, str>> {
        self.take("\"")?;
        let end = memchr::memchr2(b'"', b'\\', self.rest.as_bytes())?;
        let (plain, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        if self.take("\"").is_some() {
            return Some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        let mut letters = self.rest.chars();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => text.push(escaped(&mut letters)?),
                letter => text.push(letter),
            }
        }
        self.rest = letters.as_str();
        Some(Cow::Owned(text))
    }

    fn word(&mut self, word: &str, node: Node<'j>) -> Option<Node<'j>> {
        self.take(word).map(|()| node)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }
}

fn escaped(letters: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match letters.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => {
            let digits: String = letters.by_ref().take(4).collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
        }
        other => other,
    })
}
