//! What a rule chooses from: a row for each alternative, with what must hold for it.

use super::rows::Rows;
use crate::check::typed::{Expr, Kind, Statement};
use crate::syntax::tree::At;

/// One of several values that a rule may write, in the order in which they are tried.
pub(super) struct Alternative<'e> {
    pub value: &'e Expr,
    /// In the words of the text, all of which must hold.
    pub conditions: Vec<String>,
    /// What is written, or done, where it has no value.
    pub otherwise: Vec<String>,
}

impl Rows<'_> {
    /// The alternatives of a value. A default is no alternative of the only one before it: it is what that has otherwise.
    pub(super) fn alternatives<'e>(&mut self, value: &'e Expr) -> Vec<Alternative<'e>> {
        match &*value.kind {
            Kind::Else(first, other) => {
                let mut all = self.alternatives(first);
                let others = self.alternatives(other);
                match (all.as_mut_slice(), others.as_slice()) {
                    ([first], [default]) if default.is_default() && !is_block(first.value) => {
                        first.otherwise.push(self.words(&other.at));
                    }
                    _ => all.extend(others),
                }
                all
            }
            Kind::When { value, condition } => {
                let condition = self.words(&condition.at);
                under(&condition, self.alternatives(value))
            }
            Kind::Match { arms, otherwise } => {
                let mut all = Vec::new();
                for arm in arms {
                    let condition = self.asked(&arm.condition, &value.at);
                    all.extend(under(&condition, self.alternatives(&arm.value)));
                }
                if let Some(value) = otherwise {
                    all.extend(under("otherwise", self.alternatives(value)));
                }
                all
            }
            Kind::Do { statements, value } if statements.iter().all(|it| matches!(it, Statement::Let(..))) => {
                self.statements(statements, &super::rows::Around::default());
                self.alternatives(value)
            }
            _ => vec![Alternative { value, conditions: Vec::new(), otherwise: Vec::new() }],
        }
    }

    /// The condition of an arm; what is matched stands elsewhere in the text.
    pub(super) fn asked(&self, condition: &Expr, whole: &At) -> String {
        let subject = |subject: &Expr, between: &str| match is_inside(&subject.at, &condition.at) {
            true => self.words(&condition.at),
            false => format!("{}{between}{}", self.words(&subject.at), self.words(&condition.at)),
        };
        match &*condition.kind {
            Kind::Or(left, right) if condition.at == *whole => {
                format!("{} or {}", self.asked(left, whole), self.asked(right, whole))
            }
            Kind::Compare { left, .. } => subject(innermost(left), " == "),
            Kind::Is { value, .. } => subject(value, " "),
            // A range has the place of its arm.
            _ => self.words(&condition.at).split("=>").next().unwrap_or_default().trim().to_owned(),
        }
    }
}

fn under<'e>(condition: &str, mut all: Vec<Alternative<'e>>) -> Vec<Alternative<'e>> {
    all.iter_mut().for_each(|it| it.conditions.insert(0, condition.to_owned()));
    all
}

fn is_inside(inner: &At, outer: &At) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// What is compared, without what it is converted to for that.
fn innermost(expr: &Expr) -> &Expr {
    match &*expr.kind {
        Kind::Convert { value, .. } => innermost(value),
        _ => expr,
    }
}

impl Alternative<'_> {
    /// Whether it is what is said or done in any case, and of no part of the message.
    fn is_default(&self) -> bool {
        self.conditions.is_empty() && !is_block(self.value) && !reads(self.value)
    }
}

fn is_block(expr: &Expr) -> bool {
    matches!(&*expr.kind, Kind::Block(_) | Kind::With { .. }) || expr.chosen().into_iter().any(is_block)
}

fn reads(expr: &Expr) -> bool {
    let itself = matches!(
        &*expr.kind,
        Kind::Path { .. }
            | Kind::Slot(_)
            | Kind::Receipt(_)
            | Kind::Call { .. }
            | Kind::Lookup { .. }
            | Kind::Emit { .. }
    );
    itself || expr.inside().into_iter().any(reads)
}
