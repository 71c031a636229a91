//! Cuts an item that cannot be read into pieces that are read one by one: the lines of its blocks.
//!
//! Works on words and brackets alone (`scan`). A bracket that is not closed is no bracket; a brace that is not closed
//! ends where the indentation says.

use super::grammar::Rule;
use super::scan::{Kind, Token, tokens};
use std::collections::HashMap;
use std::ops::Range;

/// What the lines of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    Entries,
    Arms,
    Profile,
    Segment,
    Steps,
    Members,
    Columns,
    Settings,
    Imported,
}

impl Lines {
    /// The grammar of one of them alone.
    pub fn rule(self) -> Rule {
        match self {
            Lines::Entries => Rule::only_entry,
            Lines::Arms => Rule::only_arm,
            Lines::Profile => Rule::only_profile_line,
            Lines::Segment => Rule::only_segment_line,
            Lines::Steps => Rule::only_step,
            Lines::Members => Rule::only_member,
            Lines::Columns => Rule::only_column,
            Lines::Settings => Rule::only_told,
            Lines::Imported => Rule::only_imported,
        }
    }
}

/// A pair of braces: the token that opens it, and the one behind it. The brace that closes it may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub open: usize,
    pub end: usize,
    pub closed: bool,
}

pub struct Pieces<'a> {
    pub text: &'a str,
    pub tokens: Vec<Token>,
    /// For each bracket that is closed, the token that closes it.
    partners: HashMap<usize, usize>,
    /// For each brace that is not, the token before which it ends.
    ends: HashMap<usize, usize>,
    /// For each token the next that counts, itself included, and the last one before it.
    nexts: Vec<usize>,
    previous: Vec<Option<usize>>,
}

/// How many braces that are not closed are looked for: more are no half-typed text.
const UNCLOSED_MAX: usize = 64;

/// How far back it is looked for what a brace belongs to, and for the bracket that another closes.
const LOOK_BACK_MAX: usize = 64;

impl<'a> Pieces<'a> {
    pub fn new(text: &'a str) -> Pieces<'a> {
        let tokens = lines_to_the_end(tokens(text), text.len());
        let mut last = None;
        let mut previous = Vec::with_capacity(tokens.len() + 1);
        for (at, token) in tokens.iter().enumerate() {
            previous.push(last);
            last = if token.counts() { Some(at) } else { last };
        }
        previous.push(last);
        let mut next = tokens.len();
        let mut nexts: Vec<_> = tokens
            .iter()
            .enumerate()
            .rev()
            .map(|(at, token)| {
                next = if token.counts() { at } else { next };
                next
            })
            .collect();
        nexts.reverse();
        let mut pieces = Pieces { text, tokens, partners: HashMap::new(), ends: HashMap::new(), nexts, previous };
        if pieces.pair_brackets(false) {
            pieces.pair_brackets(true);
        }
        pieces
    }

    pub fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text(self.text))
    }

    pub fn kind(&self, at: usize) -> Kind {
        self.tokens.get(at).map_or(Kind::Line, |token| token.kind)
    }

    /// The bytes of these tokens.
    pub fn bytes(&self, piece: &Range<usize>) -> Range<usize> {
        let start = self.tokens.get(piece.start).map_or(self.text.len(), |token| token.at.start);
        let end = piece.end.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |token| token.at.end);
        start..end.max(start)
    }

    pub fn next(&self, from: usize, to: usize) -> Option<usize> {
        self.nexts.get(from).copied().filter(|next| *next < to)
    }

    pub fn previous(&self, from: usize, before: usize) -> Option<usize> {
        self.previous.get(before).copied().flatten().filter(|last| *last >= from)
    }

    /// Without the blanks, line ends and comments around it.
    fn trimmed(&self, piece: Range<usize>) -> Option<Range<usize>> {
        let start = self.next(piece.start, piece.end)?;
        let end = self.previous(start, piece.end)?;
        Some(start..end + 1)
    }

    /// Pairs brackets, by indentation if asked to. Gives whether a brace is left over.
    fn pair_brackets(&mut self, by_indentation: bool) -> bool {
        self.partners.clear();
        self.ends.clear();
        let indentation = self.indentation();
        let mut open: Vec<usize> = Vec::new();
        let mut unclosed: Vec<(usize, usize)> = Vec::new();
        let mut left_over = false;
        for at in 0..self.tokens.len() {
            if self.kind(at) == Kind::Open {
                open.push(at);
            }
            if self.kind(at) != Kind::Close {
                continue;
            }
            let brace = self.word(at) == "}";
            let opener = match self.word(at) {
                ")" => "(",
                "]" => "[",
                _ => "{",
            };
            let column = |at: usize| indentation.get(at).copied().unwrap_or((0, false));
            let fits = |other: &usize| {
                let own_line = column(at).1;
                self.word(*other) == opener
                    && (!by_indentation || !brace || !own_line || column(*other).0 == column(at).0)
            };
            // No round bracket closes one outside of the braces around it.
            let near = open.iter().enumerate().rev().take(LOOK_BACK_MAX);
            let mut near = near.take_while(|(_, other)| brace || self.word(**other) != "{");
            let found = near.find(|(_, other)| fits(other)).map(|(place, _)| place);
            match found {
                Some(place) => {
                    let popped = open.split_off(place);
                    self.partners.extend(popped.first().map(|opener| (*opener, at)));
                    unclosed.extend(popped.into_iter().skip(1).map(|opener| (opener, at)));
                }
                None => left_over |= brace,
            }
        }
        let last = self.tokens.len();
        unclosed.extend(open.into_iter().map(|opener| (opener, last)));
        unclosed.retain(|(opener, _)| self.word(*opener) == "{");
        unclosed.sort_unstable();
        for (opener, limit) in unclosed.iter().take(UNCLOSED_MAX) {
            let end = self.ends_by_indentation(*opener, *limit, &indentation);
            self.ends.insert(*opener, end);
        }
        left_over || !unclosed.is_empty()
    }

    /// For each token the column of the first one that counts on its line, and whether it is that one.
    fn indentation(&self) -> Vec<(usize, bool)> {
        let mut line_start = 0;
        let mut first: Option<usize> = None;
        let columns = self.tokens.iter().map(|token| {
            if token.kind == Kind::Line {
                (line_start, first) = (token.at.end, None);
                return (0, false);
            }
            let own = first.is_none() && token.counts();
            if own {
                first = Some(token.at.start - line_start);
            }
            (first.unwrap_or(0), own)
        });
        columns.collect()
    }

    /// A brace behind which its line goes on ends with the line, any other before a line that is not indented more.
    fn ends_by_indentation(&self, opener: usize, limit: usize, indentation: &[(usize, bool)]) -> usize {
        let own = indentation.get(opener).map_or(0, |(column, _)| *column);
        let one_line =
            self.next(opener + 1, limit).is_some_and(|next| !(opener..next).any(|at| self.kind(at) == Kind::Line));
        let ends = |at: &usize| match indentation.get(*at) {
            _ if one_line => self.kind(*at) == Kind::Line,
            Some((column, first)) => *first && *column <= own,
            None => true,
        };
        let end = (opener + 1..limit).find(ends).unwrap_or(limit);
        self.previous(opener, end).map_or(end, |last| last + 1)
    }

    /// The token behind the bracket that closes this one; the next one where none does.
    pub fn past(&self, at: usize, to: usize) -> usize {
        let end = self.partners.get(&at).map(|close| close + 1).or_else(|| self.ends.get(&at).copied());
        end.unwrap_or(at + 1).clamp(at + 1, to.max(at + 1))
    }

    /// Opens a round or square bracket that nothing closes.
    pub fn is_open(&self, at: usize) -> bool {
        matches!(self.word(at), "(" | "[") && self.kind(at) == Kind::Open && !self.partners.contains_key(&at)
    }

    /// The braces in it that stand in no other brace of it.
    pub fn groups(&self, piece: &Range<usize>) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut at = piece.start;
        while at < piece.end {
            let braces = self.kind(at) == Kind::Open && self.word(at) == "{";
            if braces && (self.partners.contains_key(&at) || self.ends.contains_key(&at)) {
                let end = self.past(at, piece.end);
                groups.push(Group {
                    open: at,
                    end,
                    closed: self.partners.get(&at).is_some_and(|close| close + 1 == end),
                });
                at = end;
            } else {
                at += 1;
            }
        }
        groups
    }

    /// What stands between the braces.
    pub fn inside(&self, group: Group) -> Range<usize> {
        group.open + 1..if group.closed { group.end - 1 } else { group.end }
    }

    /// What the lines of a brace are, in a piece that is itself a line of `outer`.
    pub fn lines_of(&self, group: Group, piece: &Range<usize>, outer: Lines) -> Lines {
        if matches!(outer, Lines::Members | Lines::Settings) {
            return outer;
        }
        let mut at = group.open;
        for _ in 0..LOOK_BACK_MAX {
            let Some(before) = self.previous(piece.start, at) else { break };
            at = before;
            match self.word(at) {
                "match" if !matches!(self.word(at + 1), ":" | ".") && self.word(at.saturating_sub(1)) != "." => {
                    return Lines::Arms;
                }
                "with" | "each" | "else" | "when" | ":" | "+:" | "=" | "=>" | "," | "(" => break,
                _ => {}
            }
        }
        Lines::Entries
    }

    /// Whether a rule or a statement begins here, so that the line before is over.
    pub fn starts(&self, at: usize, to: usize) -> bool {
        if self.kind(at) != Kind::Word {
            return false;
        }
        let statement = matches!(
            self.word(at),
            "let" | "require" | "ignore" | "drop" | "accept" | "input" | "given" | "through" | "expect"
        );
        statement || self.target_ends(at, to).is_some()
    }

    /// The colon behind what a rule writes.
    pub fn target_ends(&self, at: usize, to: usize) -> Option<usize> {
        let mut next = at + 1;
        while next < to {
            next = match (self.kind(next), self.word(next)) {
                (Kind::Blank, _) if matches!(self.kind(next + 1), Kind::Mark) => next + 1,
                (Kind::Mark, ":" | "+:") => return Some(next),
                (Kind::Mark, "-" | ".") if matches!(self.kind(next + 1), Kind::Word | Kind::Number) => next + 2,
                (Kind::Open, "[") if self.partners.contains_key(&next) => self.past(next, to),
                _ => return None,
            };
        }
        None
    }

    /// Whether the line of `before` goes on at `next`, which begins a line.
    fn goes_on(&self, before: usize, next: usize, to: usize, lines: Lines) -> bool {
        let joining = matches!(
            self.word(next),
            "else" | "when" | "and" | "or" | "via" | "as" | "with" | "warn" | "because" | "where" | "by" | "|"
        );
        if joining && self.kind(next) != Kind::Text {
            let behind = self.next(next + 1, to).map_or("", |at| self.word(at));
            return !matches!(behind, ":" | "+:" | "=>") || self.word(next) == "|";
        }
        let blank_before = before > 0 && self.kind(before - 1) == Kind::Blank;
        let open = match (self.kind(before), self.word(before)) {
            _ if !matches!(lines, Lines::Entries | Lines::Arms | Lines::Steps) => false,
            (Kind::Comma, _) | (Kind::Mark, ":" | "+:" | "=" | "=>" | "->" | "==" | "!=" | "<=" | ">=" | "<" | ">") => {
                true
            }
            (Kind::Mark, "+" | "-" | "*" | "/") => blank_before,
            (Kind::Word, "else" | "when" | "and" | "or" | "in" | "matches" | "where" | "not") => true,
            _ => false,
        };
        open && !self.starts(next, to)
    }

    /// The lines of a block.
    pub fn cut(&self, inside: Range<usize>, lines: Lines) -> Vec<Range<usize>> {
        let to = inside.end;
        let mut cut = Vec::new();
        let mut start = inside.start;
        let mut at = inside.start;
        let mut arrow = false;
        while at < to {
            let ends = match self.kind(at) {
                Kind::Line => self.line_ends_piece(start, at, to, lines),
                Kind::Comma => match lines {
                    Lines::Entries | Lines::Steps => self.next(at + 1, to).is_none_or(|next| self.starts(next, to)),
                    Lines::Arms => arrow,
                    Lines::Profile | Lines::Segment => {
                        self.next(at + 1, to).is_none_or(|next| matches!(self.kind(next), Kind::Word | Kind::Number))
                    }
                    _ => true,
                },
                _ => false,
            };
            arrow |= self.kind(at) == Kind::Mark && matches!(self.word(at), "=>" | "=" | ":" | "->");
            if ends {
                cut.push(start..at);
                start = at + 1;
                arrow = false;
            }
            at = if self.kind(at) == Kind::Open { self.past(at, to) } else { at + 1 };
        }
        cut.push(start..to);
        cut.into_iter().filter_map(|piece| self.trimmed(piece)).collect()
    }

    fn line_ends_piece(&self, start: usize, at: usize, to: usize, lines: Lines) -> bool {
        let (Some(before), Some(next)) = (self.previous(start, at), self.next(at + 1, to)) else { return true };
        match self.kind(before) {
            Kind::Doc => false,
            _ if lines == Lines::Imported => false,
            _ => self.kind(next) == Kind::Doc || !self.goes_on(before, next, to, lines),
        }
    }
}

/// A text of lines that nothing closes goes on to the end here: the item is known already.
fn lines_to_the_end(mut tokens: Vec<Token>, end: usize) -> Vec<Token> {
    if let Some(open) = tokens.iter().position(|token| token.kind == Kind::RawLines && token.open) {
        tokens.truncate(open + 1);
        if let Some(lines) = tokens.last_mut() {
            lines.at.end = end;
        }
    }
    tokens
}
