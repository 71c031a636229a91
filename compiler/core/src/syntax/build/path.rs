//! Paths, and the words and texts that everything is made of.

use super::{Build, find};
use crate::syntax::grammar::{GONE, Pair, Rule};
use crate::syntax::tree::*;
use smol_str::SmolStr;

impl Build<'_> {
    pub(super) fn path(&self, pair: Pair<'_, Rule>) -> Path {
        let at = self.at(&pair);
        let mut root = None;
        let mut parts = Vec::new();
        let mut dot = 0..0;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => root = Some(self.word(&part)).filter(|word| !word.text.is_empty()),
                Rule::dot => dot = self.at(&part),
                Rule::word | Rule::int => {
                    let at = dot.start..self.at(&part).end;
                    parts.push(Part { kind: self.step_into(&part), at });
                }
                _ => parts.push(self.part(part)),
            }
        }
        Path { root, parts, at }
    }

    pub(super) fn part(&self, pair: Pair<'_, Rule>) -> Part {
        let at = self.at(&pair);
        let outer = pair.as_rule();
        let Some(inner) = pair.into_inner().next() else { return Part { kind: PartKind::Unfinished, at } };
        let kind = match (outer, inner.as_rule()) {
            (_, Rule::gone) => PartKind::Unfinished,
            (Rule::field, _) => PartKind::Field(self.number(&inner)),
            (Rule::child, _) => self.step_into(&inner),
            (Rule::filter, _) => match self.operand(inner) {
                condition if *condition.kind == ExprKind::Missing => PartKind::Unfinished,
                condition => PartKind::Filter(condition),
            },
            _ => self.which(inner),
        };
        Part { kind, at }
    }

    fn step_into(&self, pair: &Pair<'_, Rule>) -> PartKind {
        match pair.as_rule() {
            Rule::int => PartKind::Component(self.number(pair)),
            _ if pair.as_str() == GONE => PartKind::Unfinished,
            _ => PartKind::Child(pair.as_str().into()),
        }
    }

    fn which(&self, pair: Pair<'_, Rule>) -> PartKind {
        match pair.as_rule() {
            Rule::int => PartKind::Index(self.number(&pair)),
            Rule::range => {
                let bounds = self.bounds(pair);
                PartKind::Range(bounds.min, bounds.max)
            }
            Rule::place => {
                find(&pair, Rule::int).map_or(PartKind::Unfinished, |place| PartKind::Place(self.number(&place)))
            }
            Rule::after => match find(&pair, Rule::name).map(|name| self.word(&name).text) {
                Some(name) if !name.is_empty() => PartKind::After(name),
                _ => PartKind::Unfinished,
            },
            Rule::text => PartKind::Url(self.said(pair).text),
            _ if pair.as_str().contains(GONE) => PartKind::Unfinished,
            _ => PartKind::Slice(pair.as_str().into()),
        }
    }

    /// A text without holes; empty where it is missing. The range has the quotes in it.
    pub(super) fn said(&self, pair: Pair<'_, Rule>) -> Word {
        let at = self.at(&pair);
        let mut text = String::new();
        for part in pair.into_inner() {
            self.unescape(&part, &mut text);
        }
        Word { text: text.into(), at }
    }

    pub(super) fn unescape(&self, part: &Pair<'_, Rule>, text: &mut String) {
        if part.as_rule() == Rule::plain {
            return text.push_str(part.as_str());
        }
        let escaped = part.as_str().trim_start_matches('\\');
        text.push(match escaped.chars().next() {
            None => '\\',
            Some('n') => '\n',
            Some('t') => '\t',
            Some('u') => {
                let digits = escaped.trim_start_matches("u{").trim_end_matches('}');
                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).unwrap_or_else(|| {
                    self.unreadable(self.at(part), format!("there is no character `{}`", part.as_str()));
                    char::REPLACEMENT_CHARACTER
                })
            }
            Some(itself) => itself,
        });
    }

    /// `'…'`, or `'''…'''` without its first line end and its common indentation. The range has the quotes in it.
    pub(super) fn raw(&self, pair: Pair<'_, Rule>) -> Word {
        let written = pair.as_str();
        let text = match written.strip_prefix("'''").and_then(|rest| rest.strip_suffix("'''")) {
            Some(lines) => dedented(lines),
            None => written.trim_matches('\'').into(),
        };
        Word { text, at: self.at(&pair) }
    }
}

fn dedented(text: &str) -> SmolStr {
    let text = text.strip_prefix('\r').filter(|rest| rest.starts_with('\n')).unwrap_or(text);
    let text = text.strip_prefix('\n').unwrap_or(text);
    let lines = || text.split_inclusive('\n');
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = lines().filter(|line| !line.trim().is_empty()).map(indentation).min().unwrap_or(0);
    let cut = |line: &str| match line.trim().is_empty() {
        true => line.trim_start_matches([' ', '\t']).to_owned(),
        false => line.get(common..).unwrap_or_default().to_owned(),
    };
    lines().map(cut).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::dedented;

    #[test]
    fn the_first_line_end_and_the_common_indentation_are_taken_off() {
        assert_eq!(dedented("\n    a\n      b\n\n    c\n  "), "a\n  b\n\nc\n");
        assert_eq!(dedented("\r\n\ta\r\n\tb\r\n"), "a\r\nb\r\n");
        assert_eq!(dedented("a\n b"), "a\n b");
        assert_eq!(dedented(""), "");
    }
}
