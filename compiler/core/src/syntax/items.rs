//! Where the items of a file lie, learnt without parsing them, so that one that cannot be read costs no other.

use super::scan::{Kind, Token, tokens};
use std::ops::Range;

/// Words that begin a declaration in the first column.
pub const KEYWORDS: &[&str] = &[
    "use",
    "let",
    "map",
    "convert",
    "codes",
    "extend",
    "table",
    "profile",
    "segment",
    "structure",
    "feed",
    "target",
    "route",
    "alarm",
    "test",
    "connector",
    "extern",
    "private",
    "total",
];

/// Words that go on with the declaration above, where somebody wrote them into the first column.
const JOINING: &[&str] = &[
    "else", "when", "and", "or", "via", "as", "with", "warn", "because", "keyed", "writes", "from", "through", "to",
    "where", "by", "then",
];

/// The items of a file, from their doc comment to their last word. Between them are blanks, line ends and comments.
///
/// A declaration begins in the first column. So an item that is not closed cannot swallow the next one; a rule that
/// somebody wrote into the first column (`use: "old"`) begins none, and neither does anything between `'''` and `'''`.
pub fn items(text: &str) -> Vec<Range<usize>> {
    let tokens = tokens(text);
    let mut items: Vec<Range<usize>> = Vec::new();
    let mut docs: Option<usize> = None;
    let mut depth = 0usize;
    let mut at_line_start = true;
    for (place, token) in tokens.iter().enumerate() {
        let first = std::mem::replace(&mut at_line_start, token.kind == Kind::Line);
        if !token.counts() {
            continue;
        }
        if token.kind == Kind::Doc && (first || items.is_empty()) {
            docs = docs.or(Some(token.at.start));
            continue;
        }
        let word = token.text(text);
        let declares =
            first && token.kind == Kind::Word && !is_element(text, tokens.get(place + 1..).unwrap_or_default());
        let unknown = || depth == 0 && !JOINING.contains(&word);
        match items.last_mut() {
            Some(item) if !(declares && (KEYWORDS.contains(&word) || unknown())) => item.end = token.at.end,
            _ => {
                items.push(docs.unwrap_or(token.at.start)..token.at.end);
                depth = 0;
            }
        }
        docs = None;
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // A doc comment with nothing below it.
    if let Some(start) = docs {
        items.push(start..start + text.get(start..).unwrap_or_default().trim_end().len());
    }
    items
}

/// Whether the word before is what a rule writes: a colon, a dot or a bracket follows, or an operator.
fn is_element(text: &str, rest: &[Token]) -> bool {
    let next = rest.iter().find(|token| token.kind != Kind::Blank);
    next.is_some_and(|next| matches!(next.text(text), ":" | "+:" | "." | "-" | "[" | "=>"))
}

/// What an item is called before it is parsed: its first line up to a bracket or a value. Two items of one file that
/// are told apart by more have the same; their order tells them apart.
pub fn head(item: &str) -> &str {
    let tokens = tokens(item);
    let mut counting = tokens.iter().filter(|token| token.counts() && token.kind != Kind::Doc);
    let Some(start) = counting.next().map(|first| first.at.start) else { return "" };
    let ends = |token: &&Token| {
        token.at.start > start && (matches!(token.kind, Kind::Line | Kind::Open) || token.text(item) == "=")
    };
    let end = tokens.iter().find(ends).map_or(item.len(), |token| token.at.start);
    item.get(start..end).unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        items(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn an_item_goes_from_its_doc_comment_to_its_last_word() {
        let text = "// of the file\n\n/// A.\n\n/// B.\nlet a = 1 // one\n\n// b\nlet b = 2\n    + 3\n// end\n";
        assert_eq!(cut(text), ["/// A.\n\n/// B.\nlet a = 1", "let b = 2\n    + 3"]);
    }

    #[test]
    fn what_is_not_closed_swallows_no_declaration() {
        let text = "map a(X) -> Y {\n    b: f(\n\ntest \"x\" {\n    input '''\nmap x\n'''\n}\nlet c = \"x\nlet d = 1\n";
        assert_eq!(cut(text).len(), 4);
        assert_eq!(cut("test \"x\" { input '''\nlet a = 1\nlet b = 2").len(), 3);
    }

    #[test]
    fn rules_in_the_first_column_are_no_declarations() {
        for rule in ["use: \"old\"", "test.action: x", "let +: 1", "}", "from x to y", "(a)", "route[x]: 1"] {
            assert_eq!(cut(&format!("map a(X) -> Y {{\n{rule}\n}}\n")).len(), 1, "{rule}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_is_an_item_where_nothing_is_open() {
        assert_eq!(cut("let a = 1\nfead typo {\nb\n}\nlet c = 1").len(), 3);
        assert_eq!(cut("  x\nlet a = 1").len(), 2);
        assert_eq!(cut("route a from b\nthrough c\nto d").len(), 1);
    }

    #[test]
    fn the_head_stays_while_the_body_changes() {
        assert_eq!(head("/// A.\nprivate map a(X) -> Y { b: 1 }"), "private map a");
        assert_eq!(head("let a: url = 1"), "let a: url");
        assert_eq!(head("test \"a = b\" {"), "test \"a = b\"");
        assert_eq!(head("use std.a.{b, c}"), "use std.a.");
        assert_eq!(head("use std.a"), "use std.a");
        assert_eq!(head(""), "");
    }
}
