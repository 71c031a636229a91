//! The lossless tree: every byte of a file is in it, blanks, comments and what cannot be read too.
//!
//! Its nodes are what the grammar found, its tokens what `scan` cut; the formatter works on it.

use super::grammar::{Pair, Rule};
use super::patch::Patched;
use super::scan::{Kind, Token, tokens};
use rowan::{GreenNode, GreenNodeBuilder, SyntaxKind};
use std::collections::HashMap;
use std::sync::LazyLock;

/// How deep nodes may stand in each other: what lies deeper is in the tree as words alone.
const NODES_MAX: usize = 1_500;

/// What a node of the tree is; a token is a `scan::Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    File,
    /// An item that the grammar takes as it stands.
    Item,
    /// An item that was repaired to be read, or could not be.
    Broken,
    Of(Rule),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Emr {}

impl rowan::Language for Emr {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: SyntaxKind) -> SyntaxKind {
        raw
    }

    fn kind_to_raw(kind: SyntaxKind) -> SyntaxKind {
        kind
    }
}

pub type SyntaxNode = rowan::SyntaxNode<Emr>;
pub type SyntaxElement = rowan::SyntaxElement<Emr>;

const TOKENS: &[Kind] = &[
    Kind::Blank,
    Kind::Line,
    Kind::Comment,
    Kind::Doc,
    Kind::Word,
    Kind::Number,
    Kind::Text,
    Kind::Raw,
    Kind::RawLines,
    Kind::Code,
    Kind::Open,
    Kind::Close,
    Kind::Comma,
    Kind::Mark,
];

const FIRST_NODE: u16 = 64;
const FIRST_RULE: u16 = FIRST_NODE + 3;

static RULES: LazyLock<HashMap<u16, Rule>> =
    LazyLock::new(|| Rule::all_rules().iter().map(|found| (FIRST_RULE + *found as u16, *found)).collect());

fn of_token(kind: Kind) -> SyntaxKind {
    SyntaxKind(TOKENS.iter().position(|other| *other == kind).map_or(0, |place| place as u16))
}

fn of_node(node: Node) -> SyntaxKind {
    SyntaxKind(match node {
        Node::File => FIRST_NODE,
        Node::Item => FIRST_NODE + 1,
        Node::Broken => FIRST_NODE + 2,
        Node::Of(found) => FIRST_RULE + found as u16,
    })
}

/// What the token is; nothing for a node.
pub fn token_kind(kind: SyntaxKind) -> Option<Kind> {
    TOKENS.get(usize::from(kind.0)).copied()
}

/// What the node is; nothing for a token.
pub fn node_kind(kind: SyntaxKind) -> Option<Node> {
    match kind.0.checked_sub(FIRST_NODE)? {
        0 => Some(Node::File),
        1 => Some(Node::Item),
        2 => Some(Node::Broken),
        _ => RULES.get(&kind.0).copied().map(Node::Of),
    }
}

/// The tree of a file.
pub fn file(text: &str) -> SyntaxNode {
    let mut builder = Builder { text, tokens: Vec::new(), at: 0, done: 0, tree: GreenNodeBuilder::new() };
    builder.tree.start_node(of_node(Node::File));
    for item in super::items(text) {
        builder.words(text.get(..item.start).unwrap_or_default().len());
        builder.item(item);
    }
    builder.words(text.len());
    builder.tree.finish_node();
    let green: GreenNode = builder.tree.finish();
    SyntaxNode::new_root(green)
}

struct Builder<'a> {
    text: &'a str,
    /// Of what stands between `at` and the end of the current piece.
    tokens: Vec<Token>,
    /// The token that comes next, and the byte.
    at: usize,
    done: usize,
    tree: GreenNodeBuilder<'static>,
}

impl Builder<'_> {
    fn item(&mut self, item: std::ops::Range<usize>) {
        let piece = self.text.get(item.clone()).unwrap_or_default();
        let (clean, _) = super::without_marks(piece);
        let piece = clean.as_deref().unwrap_or(piece);
        super::read(piece, |pair, patched, problems| {
            self.load(item.clone());
            let node = if problems.is_empty() && clean.is_none() { Node::Item } else { Node::Broken };
            self.tree.start_node(of_node(node));
            if let Some(pair) = pair {
                self.node(pair, patched, item.start, 0);
            }
        });
        self.until(item.end);
        self.tree.finish_node();
        self.tokens.clear();
    }

    fn node(&mut self, pair: Pair<'_, Rule>, patched: &Patched, base: usize, depth: usize) {
        let span = pair.as_span();
        let at = patched.origin(span.start()..span.end());
        self.until(base + at.start);
        self.tree.start_node(of_node(Node::Of(pair.as_rule())));
        if depth < NODES_MAX {
            for inner in pair.into_inner() {
                self.node(inner, patched, base, depth + 1);
            }
        }
        self.until(base + at.end);
        self.tree.finish_node();
    }

    fn load(&mut self, piece: std::ops::Range<usize>) {
        let text = self.text.get(piece.clone()).unwrap_or_default();
        let moved = |token: Token| Token { at: token.at.start + piece.start..token.at.end + piece.start, ..token };
        self.tokens = tokens(text).into_iter().map(moved).collect();
        self.at = 0;
    }

    /// The tokens between items, up to there.
    fn words(&mut self, end: usize) {
        self.load(self.done..end);
        self.until(end);
    }

    /// The tokens up to there; one that goes on behind it is cut.
    fn until(&mut self, end: usize) {
        while let Some(token) = self.tokens.get(self.at).filter(|token| token.at.start.max(self.done) < end) {
            let to = token.at.end.min(end);
            let text = self.text.get(self.done..to).unwrap_or_default();
            self.tree.token(of_token(token.kind), text);
            self.done = to;
            if token.at.end > end {
                break;
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_a_kind() {
        for found in Rule::all_rules() {
            assert_eq!(node_kind(of_node(Node::Of(*found))), Some(Node::Of(*found)));
        }
        for kind in TOKENS {
            assert_eq!(token_kind(of_token(*kind)), Some(*kind));
        }
    }

    #[test]
    fn every_byte_is_in_the_tree() {
        for text in
            ["", "\n", " // a", "let a = \"{PID-", "}\nmap a(X) -> Y { b: PID-, c: \u{1} }\r\n/// d", "\u{feff}é"]
        {
            assert_eq!(file(text).text().to_string(), text);
        }
    }
}
