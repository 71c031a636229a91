//! What only the text of a map has: reasons, comments, and what it ignores.

use crate::syntax::tree::{At, Block, BlockItem, Drop, Expr, ExprKind, Ignore, Rule};

#[derive(Default)]
pub(super) struct Written<'a> {
    rules: Vec<&'a Rule>,
    drops: Vec<&'a Drop>,
    pub ignored: Vec<&'a Ignore>,
}

impl<'a> Written<'a> {
    /// The rule that stands there: the innermost around the range.
    pub fn rule(&self, at: &At) -> Option<&'a Rule> {
        let around = self.rules.iter().filter(|rule| rule.at.start <= at.start && at.end <= rule.at.end);
        around.min_by_key(|rule| rule.at.end - rule.at.start).copied()
    }

    /// The `drop` that stands there.
    pub fn drop(&self, at: &At) -> Option<&'a Drop> {
        self.drops.iter().find(|drop| drop.at == *at).copied()
    }

    pub fn block(&mut self, block: &'a Block) {
        for item in &block.items {
            match item {
                BlockItem::Rule(rule) => {
                    self.rules.push(rule);
                    rule.values.iter().for_each(|value| self.expression(value));
                }
                BlockItem::Drop(drop) => self.drops.push(drop),
                BlockItem::Let(it) => self.expression(&it.value),
                BlockItem::Ignore(ignore) => self.ignored.push(ignore),
                BlockItem::Do(value) | BlockItem::Result(value) => self.expression(value),
                BlockItem::Require { otherwise, .. } => self.expression(otherwise),
                _ => {}
            }
        }
    }

    /// The blocks in an expression.
    pub fn expression(&mut self, expr: &'a Expr) {
        match &*expr.kind {
            ExprKind::Block(block) | ExprKind::TypedBlock { block, .. } => self.block(block),
            ExprKind::With { value, block } => {
                self.expression(value);
                self.block(block);
            }
            ExprKind::Each(each) => self.expression(&each.body),
            ExprKind::Match { arms, .. } => {
                for arm in arms {
                    self.expression(&arm.value);
                }
            }
            ExprKind::Else(value, other) => {
                self.expression(value);
                self.expression(other);
            }
            ExprKind::List { items, .. } => items.iter().for_each(|item| self.expression(item)),
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(|it| self.expression(&it.value)),
            ExprKind::Prefix(_, value)
            | ExprKind::IfNew(value)
            | ExprKind::Via { value, .. }
            | ExprKind::As { value, .. }
            | ExprKind::When { value, .. }
            | ExprKind::Warn { value, .. } => self.expression(value),
            _ => {}
        }
    }
}
