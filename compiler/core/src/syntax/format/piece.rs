//! The words of a file in their order, each with what the layout has to know of it.

use crate::syntax::cst::{Node, SyntaxElement, SyntaxNode, node_kind, token_kind};
use crate::syntax::grammar::Rule;
use crate::syntax::scan::Kind;

/// A word, a mark, a text, a comment, or an item that is left as it is.
#[derive(Clone, Debug)]
pub struct Piece {
    pub text: String,
    pub kind: Kind,
    /// What it is, if it is something of its own, and what it stands in.
    pub of: Option<Rule>,
    pub within: Option<Rule>,
    /// For a bracket, what its brackets belong to: the map whose block it is.
    pub owner: Option<Rule>,
    /// How many line ends stood before it.
    pub lines: usize,
    /// An item that cannot be read.
    pub verbatim: bool,
    /// For a bracket, the place of its other half.
    pub partner: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub first: usize,
    pub last: usize,
    pub of: Rule,
    /// The brace that it is a line of; nothing for a declaration.
    pub group: Option<usize>,
}

#[derive(Debug, Default)]
pub struct Pieces {
    pub all: Vec<Piece>,
    /// Lines of blocks, and declarations.
    pub entries: Vec<Entry>,
}

/// Braces with lines in them.
pub fn has_lines(rule_: Rule) -> bool {
    use Rule::{arms, block, columns, members, profile, segment, settings, test};
    matches!(rule_, arms | block | columns | members | profile | segment | settings | test)
}

/// Written as they stand.
fn is_whole(rule_: Rule) -> bool {
    use Rule::{
        call_name, code, code_text, count, doc, duration, event, int, module, name, number, range, raw, raw_lines,
    };
    use Rule::{slice, string, system, text, type_name, word};
    matches!(
        rule_,
        call_name
            | code
            | code_text
            | count
            | doc
            | duration
            | event
            | int
            | module
            | name
            | number
            | range
            | raw
            | raw_lines
            | slice
            | string
            | system
            | text
            | type_name
            | word
    )
}

pub fn pieces(file: &SyntaxNode) -> Pieces {
    let mut walk = Walk { pieces: Pieces::default(), lines: 0, open: Vec::new() };
    walk.node(file, None);
    walk.pieces
}

struct Walk {
    pieces: Pieces,
    lines: usize,
    open: Vec<usize>,
}

impl Walk {
    fn node(&mut self, node: &SyntaxNode, within: Option<Rule>) {
        let kind = node_kind(node.kind());
        let of = match kind {
            Some(Node::Of(of)) => Some(of),
            _ => None,
        };
        if kind == Some(Node::Broken) || of.is_some_and(is_whole) {
            let first = node.first_token().and_then(|token| token_kind(token.kind()));
            let kind = first.filter(|_| of.is_some()).unwrap_or(Kind::Word);
            self.push(node.text().to_string(), kind, of, within, None);
            if let Some(last) = self.pieces.all.last_mut() {
                last.verbatim = of.is_none();
            }
            return;
        }
        let inner = of.or(within);
        let lines = of.is_none_or(has_lines);
        for child in node.children_with_tokens() {
            match child {
                SyntaxElement::Node(child) => {
                    let first = self.pieces.all.len();
                    self.node(&child, inner);
                    self.entry(first, &child, of, lines);
                }
                SyntaxElement::Token(token) => match token_kind(token.kind()) {
                    Some(Kind::Line) => self.lines += 1,
                    Some(Kind::Blank) | None => {}
                    Some(kind) => self.push(token.text().to_owned(), kind, None, inner, within),
                },
            }
        }
    }

    /// Remembers a child that has its own line.
    fn entry(&mut self, first: usize, child: &SyntaxNode, parent: Option<Rule>, lines: bool) {
        let Some(Node::Of(of)) = node_kind(child.kind()) else { return };
        let last = self.pieces.all.len();
        let head = matches!(parent, Some(Rule::profile | Rule::segment | Rule::test));
        let in_head = head
            && !matches!(of, Rule::profile_line | Rule::segment_line)
            && (parent != Some(Rule::test) || matches!(of, Rule::k_test | Rule::text | Rule::open));
        if !lines || last == first || in_head {
            return;
        }
        // The declaration inside of what has its comments and modifiers.
        let of = match of {
            Rule::declaration => child
                .children()
                .filter_map(|part| match node_kind(part.kind()) {
                    Some(Node::Of(inner)) if !matches!(inner, Rule::doc | Rule::modifier) => Some(inner),
                    _ => None,
                })
                .last()
                .unwrap_or(of),
            of => of,
        };
        let docs = self.pieces.all.get(first..last).unwrap_or_default();
        let docs =
            docs.iter().take_while(|piece| of != Rule::doc && matches!(piece.kind, Kind::Doc | Kind::Comment)).count();
        let group = if parent.is_none() { None } else { self.open.last().copied() };
        self.pieces.entries.push(Entry { first: first + docs, last: last - 1, of, group });
    }

    fn push(&mut self, text: String, kind: Kind, of: Option<Rule>, within: Option<Rule>, owner: Option<Rule>) {
        let place = self.pieces.all.len();
        let mut partner = None;
        match kind {
            Kind::Open if text.len() == 1 => self.open.push(place),
            Kind::Close if text.len() == 1 => {
                partner = self.open.pop();
                if let Some(opener) = partner.and_then(|opener| self.pieces.all.get_mut(opener)) {
                    opener.partner = Some(place);
                }
            }
            _ => {}
        }
        let lines = std::mem::take(&mut self.lines);
        self.pieces.all.push(Piece { text, kind, of, within, owner, lines, verbatim: false, partner });
    }
}
