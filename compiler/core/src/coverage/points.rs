//! What can be exercised in the text of a map or a code table.

use crate::check::extension_key;
use crate::check::typed::Key;
use crate::resolve;
use crate::syntax::tree::{
    Arm, At, Block, BlockItem, Body, CodeTable, Declaration, Expr, ExprKind, Item, Map, Prefix, Rule, TextPart,
};

/// What a point is, and by which word it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A rule that writes something, or a map that is a value.
    Rule,
    /// The value before an `else` is there.
    Value,
    /// It is missing, and what stands behind `else` is taken.
    Else,
    When,
    WhenNot,
    Require,
    RequireNot,
    /// An arm of a `match`.
    Arm,
    /// An arm of a code table.
    Code,
}

/// Something that tests may exercise, and how one sees that they did.
pub(super) struct Point {
    pub kind: Kind,
    pub item: Key,
    /// What is shown of it.
    pub at: At,
    pub seen: Seen,
    /// The ways of one decision have one number; nothing for what is no way of one.
    pub decision: Option<usize>,
}

/// What is counted for a point.
pub(super) enum Seen {
    /// Values that were written by what stands there.
    Written(At),
    /// The same, or how often one of these said that there is none.
    Emptied(At, Vec<At>),
    /// How often exactly this was taken.
    Taken(At),
    /// How often this, or what is in it, was taken.
    Within(At),
    /// How often the one was taken without the other.
    Without(At, At),
}

/// The points of an item, in the order of the text.
pub(super) fn of(item: &Item, module: &str) -> Vec<Point> {
    let key = |name: &str| resolve::key(module, name);
    match &item.declaration {
        Declaration::Map(map) => map_points(map, key(&map.name.text)),
        Declaration::Codes(codes) => match &codes.table {
            CodeTable::Arms(arms) => arms.iter().map(|arm| code(key(&codes.name.text), &arm.at)).collect(),
            CodeTable::From(_) => Vec::new(),
        },
        Declaration::Extend(extend) => {
            extend.arms.iter().map(|arm| code(extension_key(extend, module), &arm.at)).collect()
        }
        _ => Vec::new(),
    }
}

fn code(item: Key, at: &At) -> Point {
    Point { kind: Kind::Code, item, at: at.clone(), seen: Seen::Taken(at.clone()), decision: None }
}

fn map_points(map: &Map, key: Key) -> Vec<Point> {
    let mut walk = Walk { key, decisions: 0, found: Vec::new() };
    map.keyed.iter().for_each(|part| walk.expr(&part.value));
    match &map.body {
        Body::Block(block) => walk.block(block),
        Body::Value(value) => {
            walk.expr(value);
            let is_rule = |point: &Point| point.kind == Kind::Rule;
            if !walk.found.iter().any(is_rule) {
                walk.found.insert(0, walk.point(Kind::Rule, &value.at, Seen::Taken(value.at.clone())));
            }
        }
        Body::Missing => {}
    }
    walk.found
}

struct Walk {
    key: Key,
    decisions: usize,
    found: Vec<Point>,
}

impl Walk {
    fn point(&self, kind: Kind, at: &At, seen: Seen) -> Point {
        Point { kind, item: self.key.clone(), at: at.clone(), seen, decision: None }
    }

    fn add(&mut self, kind: Kind, at: &At, seen: Seen) {
        let point = self.point(kind, at, seen);
        self.found.push(point);
    }

    fn decide(&mut self, ways: Vec<(Kind, At, Seen)>) {
        for (kind, at, seen) in ways {
            let point = Point { decision: Some(self.decisions), ..self.point(kind, &at, seen) };
            self.found.push(point);
        }
        self.decisions += 1;
    }

    fn block(&mut self, block: &Block) {
        for item in &block.items {
            match item {
                BlockItem::Rule(rule) => {
                    self.add(Kind::Rule, &rule.at, written(rule));
                    rule.values.iter().for_each(|value| self.expr(value));
                }
                BlockItem::Let(it) => self.statement(&it.value),
                BlockItem::Do(value) => match &*value.kind {
                    ExprKind::Match { on, arms } => self.choice(on.as_ref(), arms, Walk::arm),
                    _ => self.statement(value),
                },
                BlockItem::Result(value) => self.expr(value),
                BlockItem::Require { condition, otherwise, .. } => {
                    let (holds, fails) = (condition.at.clone(), otherwise.at.clone());
                    self.decide(vec![
                        (Kind::Require, holds.clone(), Seen::Without(holds.clone(), fails.clone())),
                        (Kind::RequireNot, holds, Seen::Within(fails)),
                    ]);
                    self.expr(condition);
                    self.expr(otherwise);
                }
                BlockItem::Drop(drop) => {
                    self.add(Kind::Rule, &drop.at, Seen::Within(drop.at.clone()));
                    drop.filter.iter().for_each(|filter| self.expr(filter));
                }
                BlockItem::Ignore(_) | BlockItem::Accept(_) => {}
            }
        }
    }

    /// What emits something is a rule as well.
    fn statement(&mut self, expr: &Expr) {
        if emits(expr) {
            self.add(Kind::Rule, &expr.at, Seen::Written(expr.at.clone()));
        }
        self.expr(expr);
    }

    fn choice(&mut self, on: Option<&Expr>, arms: &[Arm], inside: fn(&mut Self, &Expr)) {
        let way = |arm: &Arm| (Kind::Arm, arm.at.clone(), Seen::Within(arm.value.at.clone()));
        self.decide(arms.iter().map(way).collect());
        on.into_iter().for_each(|on| self.expr(on));
        arms.iter().for_each(|arm| inside(self, &arm.value));
    }

    /// The rules of an arm belong to the block around the `match`, where what all arms write is one value: they are
    /// known by being taken.
    fn arm(&mut self, value: &Expr) {
        let ExprKind::Block(block) = &*value.kind else { return self.statement(value) };
        let from = self.found.len();
        self.block(block);
        let is_own = |at: &At| block.items.iter().any(|item| matches!(item, BlockItem::Rule(rule) if rule.at == *at));
        for point in self.found.iter_mut().skip(from).filter(|point| point.kind == Kind::Rule && is_own(&point.at)) {
            point.seen = Seen::Within(point.at.clone());
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &*expr.kind {
            ExprKind::Else(first, second) => {
                self.decide(vec![
                    (Kind::Value, first.at.clone(), Seen::Taken(first.at.clone())),
                    (Kind::Else, second.at.clone(), Seen::Within(second.at.clone())),
                ]);
                self.expr(first);
                self.expr(second);
            }
            ExprKind::When { value, condition } => {
                let at = &condition.at;
                self.decide(vec![
                    (Kind::When, at.clone(), Seen::Within(value.at.clone())),
                    (Kind::WhenNot, at.clone(), Seen::Taken(at.clone())),
                ]);
                self.expr(value);
                self.expr(condition);
            }
            ExprKind::Match { on, arms } => self.choice(on.as_ref(), arms, Walk::expr),
            ExprKind::Block(block) | ExprKind::TypedBlock { block, .. } => self.block(block),
            ExprKind::With { value, block } => {
                self.expr(value);
                self.block(block);
            }
            ExprKind::Each(each) => {
                self.expr(&each.list);
                each.filter.iter().chain(&each.by).for_each(|part| self.expr(part));
                if matches!(&*each.body.kind, ExprKind::Block(_)) {
                    self.expr(&each.body);
                } else {
                    self.statement(&each.body);
                }
            }
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(|argument| self.expr(&argument.value)),
            ExprKind::List { items, .. } => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Text(parts) => {
                for part in parts {
                    if let TextPart::Hole(hole) = part {
                        self.expr(hole);
                    }
                }
            }
            ExprKind::Binary(_, left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Prefix(_, one)
            | ExprKind::IfNew(one)
            | ExprKind::ReferBy { key: one, .. }
            | ExprKind::Is { value: one, .. }
            | ExprKind::Via { value: one, .. }
            | ExprKind::As { value: one, .. }
            | ExprKind::Warn { value: one, .. } => self.expr(one),
            ExprKind::Missing
            | ExprKind::Raw(_)
            | ExprKind::Number(_)
            | ExprKind::Duration(_)
            | ExprKind::Boolean(_)
            | ExprKind::Code { .. }
            | ExprKind::Path(_)
            | ExprKind::Skip
            | ExprKind::Keep
            | ExprKind::Null
            | ExprKind::Reject(_)
            | ExprKind::Absent(_)
            | ExprKind::WarnOnly(_) => {}
        }
    }
}

/// How one sees that a rule did something.
fn written(rule: &Rule) -> Seen {
    let mut absent = Vec::new();
    rule.values.iter().for_each(|value| absences(value, &mut absent));
    if absent.is_empty() { Seen::Written(rule.at.clone()) } else { Seen::Emptied(rule.at.clone(), absent) }
}

/// Where a value says that there is none: `absent`, `X else absent`, and `null` in a patch.
fn absences(value: &Expr, found: &mut Vec<At>) {
    match &*value.kind {
        ExprKind::Absent(None) | ExprKind::Null => found.push(value.at.clone()),
        ExprKind::Else(first, second) => [first, second].into_iter().for_each(|value| absences(value, found)),
        ExprKind::When { value, .. } => absences(value, found),
        ExprKind::Match { arms, .. } => arms.iter().for_each(|arm| absences(&arm.value, found)),
        _ => {}
    }
}

/// `emit m(x)`, `emit m(x) with { … } if new`
fn emits(expr: &Expr) -> bool {
    match &*expr.kind {
        ExprKind::Prefix(Prefix::Emit | Prefix::Patch, _) => true,
        ExprKind::IfNew(value) | ExprKind::With { value, .. } | ExprKind::When { value, .. } => emits(value),
        ExprKind::Else(value, _) => emits(value),
        _ => false,
    }
}
