//! Cuts text into words, marks and brackets, whatever it says.
//!
//! Where items and lines begin, what a bracket closes and what stands between the parts of the tree is learnt from
//! here, so it works on text that the grammar cannot read. A text or a bracket that is not closed ends somewhere
//! sensible: no mark swallows what stands on later lines but `'''`, and that one only if it is closed.

use super::tree::At;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Blank,
    Line,
    Comment,
    /// `///`
    Doc,
    Word,
    /// `1`, `30d`
    Number,
    /// `"…"`
    Text,
    /// `'…'`
    Raw,
    /// `'''…'''`
    RawLines,
    /// `#718-7`, behind the system
    Code,
    /// `(`, `[`, `{`
    Open,
    Close,
    Comma,
    Mark,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub at: At,
    /// A text that is not closed on its line.
    pub open: bool,
    /// How deep the brackets in the holes of a text go.
    pub depth: usize,
}

impl Token {
    pub fn text<'a>(&self, of: &'a str) -> &'a str {
        of.get(self.at.clone()).unwrap_or_default()
    }

    /// Neither blank, line end nor comment.
    pub fn counts(&self) -> bool {
        !matches!(self.kind, Kind::Blank | Kind::Line | Kind::Comment)
    }
}

/// Every byte is in one token.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut start = 0;
    // Where no `'''` closes, none behind it does either.
    let mut lines_close = true;
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let glued = tokens.last().is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Number));
        let (kind, length, open, depth) = token(rest, glued, &mut lines_close);
        tokens.push(Token { kind, at: start..start + length, open, depth });
        start += length;
    }
    tokens
}

fn token(rest: &str, glued: bool, lines_close: &mut bool) -> (Kind, usize, bool, usize) {
    let while_ = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
    let line_end = || rest.find(['\n', '\r']).unwrap_or(rest.len());
    let closed = |kind, length| (kind, length, false, 0);
    let first = rest.chars().next().unwrap_or_default();
    match first {
        ' ' | '\t' => closed(Kind::Blank, while_(|c| c == ' ' || c == '\t')),
        '\r' if rest.starts_with("\r\n") => closed(Kind::Line, 2),
        '\n' | '\r' => closed(Kind::Line, 1),
        '/' if rest.starts_with("///") && !rest.starts_with("////") => closed(Kind::Doc, line_end()),
        '/' if rest.starts_with("//") => closed(Kind::Comment, line_end()),
        '"' => {
            let (length, closers, depth) = quoted(rest);
            (Kind::Text, length, !closers.is_empty(), depth)
        }
        '\'' => {
            if let Some(lines) = rest.strip_prefix("'''").filter(|_| *lines_close) {
                match lines.find("'''") {
                    Some(length) => return closed(Kind::RawLines, length + 6),
                    None => *lines_close = false,
                }
            }
            if rest.starts_with("'''") {
                return (Kind::RawLines, line_end(), true, 0);
            }
            match rest.char_indices().skip(1).find(|(_, c)| matches!(c, '\'' | '\n' | '\r')) {
                Some((at, '\'')) => closed(Kind::Raw, at + 1),
                _ => (Kind::Raw, line_end(), true, 0),
            }
        }
        '(' | '[' | '{' => closed(Kind::Open, 1),
        ')' | ']' | '}' => closed(Kind::Close, 1),
        ',' => closed(Kind::Comma, 1),
        '#' if glued => {
            let code = rest.char_indices().skip(1).find(|(at, c)| {
                let comment = *c == '/' && rest.get(*at..).is_some_and(|rest| rest.starts_with("//"));
                comment || !(c.is_ascii_alphanumeric() || "-_.%*+/".contains(*c))
            });
            closed(Kind::Code, code.map_or(rest.len(), |(at, _)| at))
        }
        'a'..='z' | 'A'..='Z' | '_' => closed(Kind::Word, while_(|c| c.is_ascii_alphanumeric() || c == '_')),
        '0'..='9' => closed(Kind::Number, while_(|c| c.is_ascii_alphanumeric() || c == '_')),
        _ => {
            let double = ["->", "=>", "==", "!=", "<=", ">=", "+:", ".."].iter().any(|mark| rest.starts_with(mark));
            closed(Kind::Mark, if double { 2 } else { first.len_utf8() })
        }
    }
}

/// How deep brackets may stand in each other, so that the parser, which calls itself for each, has a bound.
pub const BRACKETS_MAX: usize = 64;

/// The first bracket, or the first text with brackets in its holes, that stands too deep.
pub fn too_deep(text: &str) -> Option<At> {
    let mut depth = 0usize;
    tokens(text).into_iter().find_map(|token| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth + token.depth > BRACKETS_MAX).then_some(token.at)
    })
}

/// How long the text at the start is, what is missing behind it, and how deep its holes go.
pub fn quoted(rest: &str) -> (usize, String, usize) {
    let mut open: Vec<char> = Vec::new();
    let mut depth = 0;
    let mut chars = rest.char_indices().peekable();
    let mut length = rest.len();
    while let Some((at, c)) = chars.next() {
        let in_text = open.last() == Some(&'"');
        match c {
            '\n' | '\r' => {
                length = at;
                break;
            }
            '"' if in_text => {
                open.pop();
                if open.is_empty() {
                    return (at + 1, String::new(), depth);
                }
            }
            '\\' if in_text => {
                chars.next_if(|(_, next)| !matches!(next, '\n' | '\r'));
            }
            '"' => open.push('"'),
            '{' => open.push('}'),
            '(' if !in_text => open.push(')'),
            '[' if !in_text => open.push(']'),
            ')' | ']' | '}' if open.last() == Some(&c) => drop(open.pop()),
            _ => {}
        }
        depth = depth.max(open.len());
    }
    (length, open.into_iter().rev().collect(), depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> String {
        let found: Vec<_> =
            tokens(text).iter().map(|token| format!("{:?} {:?}", token.kind, token.text(text))).collect();
        found.join("\n")
    }

    #[test]
    fn every_byte_is_in_one_token() {
        let text = "a: \"x{b(\"y\")}\" // c\r\n/// d\nloinc#718-7//e\n'f' '''\ng''' é \"open\nucum#mg/dL";
        assert_eq!(tokens(text).iter().map(|token| token.text(text)).collect::<String>(), text);
        insta::assert_snapshot!(kinds(text));
    }

    #[test]
    fn what_is_not_closed_ends_with_its_line() {
        for text in ["\"a", "'a", "'''a", "\"{a(\"", "\"\\"] {
            let text = format!("{text}\nb");
            let found = tokens(&text);
            assert_eq!(found.len(), 3, "{text}");
            assert!(found[0].open, "{text}");
        }
    }

    #[test]
    fn what_a_text_lacks_is_known() {
        assert_eq!(quoted("\"a {b(").1, ")}\"");
        assert_eq!(quoted("\"a {join(\", \", b[1").1, "])}\"");
        assert_eq!(quoted("\"a\" b"), (3, String::new(), 1));
    }
}
