//! Blocks, and what stands in them.

use super::{Build, find};
use crate::syntax::grammar::{Pair, Rule as Kind};
use crate::syntax::tree::*;

impl Build<'_> {
    pub(super) fn block(&self, pair: Pair<'_, Kind>) -> Block {
        let at = self.at(&pair);
        let mut items = Vec::new();
        let mut docs = Vec::new();
        for part in pair.into_inner() {
            if part.as_rule() == Kind::doc {
                docs.push(self.docs(&part));
                continue;
            }
            items.extend(self.entry(part, std::mem::take(&mut docs)));
        }
        Block { items, at }
    }

    fn entry(&self, pair: Pair<'_, Kind>, docs: Vec<smol_str::SmolStr>) -> Option<BlockItem> {
        let at = self.at(&pair);
        Some(match pair.as_rule() {
            Kind::rule => BlockItem::Rule(self.rule(pair, docs)),
            Kind::constant => BlockItem::Let(self.constant(pair)),
            Kind::require => {
                let condition = find(&pair, Kind::expr).map(|condition| self.operand(condition));
                let otherwise = find(&pair, Kind::outcome).map(|outcome| self.outcome(outcome));
                let missing = || self.missing(&pair);
                BlockItem::Require {
                    condition: condition.unwrap_or_else(missing),
                    otherwise: otherwise.unwrap_or_else(missing),
                    at,
                }
            }
            Kind::ignore => BlockItem::Ignore(self.ignore(pair)),
            Kind::effect => BlockItem::Do(self.inner_value(pair)),
            Kind::result => BlockItem::Result(self.inner_value(pair)),
            Kind::accept => BlockItem::Accept(self.accept(pair)),
            Kind::drop => BlockItem::Drop(self.dropped(pair)?),
            _ => return None,
        })
    }

    fn inner_value(&self, pair: Pair<'_, Kind>) -> Expr {
        find(&pair, Kind::value).map_or_else(|| self.missing(&pair), |value| self.value(value))
    }

    fn rule(&self, pair: Pair<'_, Kind>, docs: Vec<smol_str::SmolStr>) -> Rule {
        let at = self.at(&pair);
        let target = Target { first: Word { text: "".into(), at: at.clone() }, parts: Vec::new(), at: at.clone() };
        let mut rule = Rule { docs, target, adds: false, values: Vec::new(), because: None, at };
        for part in pair.into_inner() {
            match part.as_rule() {
                Kind::target => rule.target = self.target(part),
                Kind::assign => rule.adds = part.as_str() == "+:",
                Kind::value => rule.values.push(self.value(part)),
                Kind::because => rule.because = self.because(part),
                _ => {}
            }
        }
        rule.values.retain(|value| *value.kind != ExprKind::Missing);
        rule
    }

    pub(super) fn target(&self, pair: Pair<'_, Kind>) -> Target {
        let at = self.at(&pair);
        let mut parts = pair.into_inner();
        let first = parts.next().map(|first| self.word(&first));
        let first = first.unwrap_or_else(|| Word { text: "".into(), at: at.clone() });
        Target { first, parts: parts.map(|part| self.part(part)).collect(), at }
    }

    fn ignore(&self, pair: Pair<'_, Kind>) -> Ignore {
        let mut ignore = Ignore { what: Vec::new(), because: None, at: self.at(&pair) };
        for part in pair.into_inner() {
            match part.as_rule() {
                Kind::ignored => ignore.what.extend(self.ignored(part)),
                Kind::because => ignore.because = self.because(part),
                _ => {}
            }
        }
        ignore
    }

    fn dropped(&self, pair: Pair<'_, Kind>) -> Option<Drop> {
        let at = self.at(&pair);
        let (mut what, mut filter, mut because) = (None, None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Kind::path => what = Some(self.path(part)),
                Kind::where_ => filter = find(&part, Kind::expr).map(|condition| self.operand(condition)),
                Kind::because => because = self.because(part),
                _ => {}
            }
        }
        Some(Drop { what: what?, filter, because, at })
    }

    fn ignored(&self, pair: Pair<'_, Kind>) -> Option<Ignored> {
        if let Some(event) = find(&pair, Kind::event) {
            return Some(Ignored::Event(self.word(&event)));
        }
        let swept = find(&pair, Kind::k_rest).is_some();
        let path = find(&pair, Kind::path).map(|path| self.path(path))?;
        if swept {
            return Some(Ignored::Rest(path));
        }
        Some(match find(&pair, Kind::int) {
            Some(last) => Ignored::Range(path, self.number(&last)),
            None => Ignored::Path(path),
        })
    }

    /// The reason; nothing if it is missing.
    pub(super) fn because(&self, pair: Pair<'_, Kind>) -> Option<Word> {
        find(&pair, Kind::text).map(|text| self.said(text))
    }

    pub(super) fn arms(&self, pair: Pair<'_, Kind>) -> Vec<Arm> {
        let at = self.at(&pair);
        if pair.clone().into_inner().next().is_none() {
            self.unreadable(at, "expected at least one line such as `\"M\" => \"male\"`");
        }
        self.rows(pair)
    }

    /// The same where there may be none.
    pub(super) fn rows(&self, pair: Pair<'_, Kind>) -> Vec<Arm> {
        pair.into_inner().filter_map(|arm| self.arm(arm)).collect()
    }

    fn arm(&self, pair: Pair<'_, Kind>) -> Option<Arm> {
        let at = self.at(&pair);
        let mut patterns = Vec::new();
        let mut value = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Kind::pattern => patterns.extend(self.pattern(part)),
                Kind::value => value = Some(self.value(part)),
                _ => {}
            }
        }
        value.map(|value| Arm { patterns, value, at })
    }

    fn pattern(&self, pair: Pair<'_, Kind>) -> Option<Pattern> {
        let at = self.at(&pair);
        let part = pair.into_inner().next()?;
        Some(match part.as_rule() {
            Kind::is => {
                let (not, what) = self.is(part);
                if not {
                    self.unreadable(at.clone(), "`is not` cannot stand in an arm, name what it is");
                }
                Pattern::Is(what, at)
            }
            Kind::range => Pattern::Range(self.bounds(part)),
            _ => Pattern::Value(self.operand(part)),
        })
    }
}
