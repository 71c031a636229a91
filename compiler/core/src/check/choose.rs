//! `match`: by value, by type, by condition.

use super::convert::Want;
use super::expression::{self, infer};
use super::scope::{Local, Scope};
use super::typed::{Arm, Compare, Comparison, Expr, Kind, State, Statement, Ty, TyKind};
use super::{alternative, by_type, condition, convert};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{self, At, Bounds, Count, Is, Pattern};

/// A `match` that gives a value.
pub(super) fn choose(
    scope: &mut Scope,
    on: Option<&tree::Expr>,
    arms: &[tree::Arm],
    want: Option<&Want>,
    at: &At,
) -> Expr {
    let mark = scope.mark();
    let Some((statement, tests)) = tests(scope, on, arms, at) else { return Expr::error(at) };
    let mut values = Vec::new();
    for (arm, test) in arms.iter().zip(&tests) {
        values.push(in_arm(scope, test.as_ref(), statement.as_ref(), |scope| match want {
            Some(want) => expression::value(scope, &arm.value, want),
            None => infer(scope, &arm.value),
        }));
    }
    if want.is_none() {
        values = agreed(scope, values);
    }
    scope.release(mark);
    if values.iter().any(Expr::is_error) || tests.iter().flatten().any(Expr::is_error) {
        return Expr::error(at);
    }
    let value = join(tests, values, at);
    around(statement, value)
}

/// What an arm says, where its condition is known to hold.
pub(super) fn in_arm<T>(
    scope: &mut Scope,
    test: Option<&Expr>,
    subject: Option<&Statement>,
    of_arm: impl FnOnce(&mut Scope) -> T,
) -> T {
    let known = scope.facts.len();
    if let Some(test) = test {
        by_type::learn(scope, test, subject);
    }
    let value = of_arm(scope);
    scope.facts.truncate(known);
    value
}

/// The value after the statement that reads what is matched.
pub(super) fn around(statement: Option<Statement>, value: Expr) -> Expr {
    match statement {
        Some(statement) => {
            let (ty, at) = (value.ty.clone(), value.at.clone());
            Expr::new(Kind::Do { statements: vec![statement], value }, ty, &at)
        }
        None => value,
    }
}

fn agreed(scope: &mut Scope, values: Vec<Expr>) -> Vec<Expr> {
    let Some(lead) = values.iter().position(|value| !value.is_nothing()) else { return values };
    let mut values = values;
    let first = values.remove(lead);
    let mut all = Vec::new();
    let mut first = first;
    for value in values {
        let (lead, value) = alternative::agree(scope, first, value);
        first = lead;
        all.push(value);
    }
    all.insert(lead, first);
    all
}

/// Arms with their conditions; the one without is `else`.
pub(super) fn join(tests: Vec<Option<Expr>>, values: Vec<Expr>, at: &At) -> Expr {
    let mut arms = Vec::new();
    let mut otherwise = None;
    for (test, value) in tests.into_iter().zip(values) {
        match test {
            Some(condition) => arms.push(Arm { condition, value }),
            None => otherwise = Some(value),
        }
    }
    let all = arms.iter().map(|arm| &arm.value).chain(&otherwise);
    let stays = |value: &Expr| match &*value.kind {
        Kind::Reject(_) | Kind::Skip | Kind::DataAbsent(_) => None,
        _ if value.is_nothing() => Some(Count::Optional),
        _ => Some(value.ty.count),
    };
    let count = all.clone().filter_map(stays).reduce(Count::either).unwrap_or(Count::Optional);
    let count = if otherwise.is_none() { count.maybe() } else { count };
    let kind = all.clone().find(|value| !value.is_nothing()).map_or(TyKind::Nothing, |value| value.ty.kind.clone());
    Expr::new(Kind::Match { arms, otherwise }, Ty { kind, count }, at)
}

type Tests = Vec<Option<Expr>>;

/// The condition of each arm, and the `let` of what is matched.
pub(super) fn tests(
    scope: &mut Scope,
    on: Option<&tree::Expr>,
    arms: &[tree::Arm],
    at: &At,
) -> Option<(Option<Statement>, Tests)> {
    unreachable_arms(scope, arms);
    let Some(on) = on else {
        let tests = arms.iter().map(|arm| conditions(scope, arm)).collect();
        return Some((None, tests));
    };
    let subject = infer(scope, on);
    if subject.is_error() {
        return None;
    }
    if subject.ty.is_list() {
        let diagnostic =
            Diagnostic::new(Code::ManyForOne, on.at.clone(), "one value is matched here, and this is a list");
        scope.problem(diagnostic.help("write `first …` or `only …` before it"));
        return None;
    }
    let ty = subject.ty.clone();
    let slot = scope.slot(ty.clone());
    scope.push(Local { read: true, ..Local::unnamed(slot, ty.clone()) });
    let tests = arms
        .iter()
        .map(|arm| {
            let tests = arm
                .patterns
                .iter()
                .map(|pattern| self::test(scope, Expr::slot(slot, ty.clone(), &on.at), pattern, &arm.at));
            any(tests.collect(), at)
        })
        .collect();
    Some((Some(Statement::Let(slot, subject)), tests))
}

fn conditions(scope: &mut Scope, arm: &tree::Arm) -> Option<Expr> {
    let mut tests = Vec::new();
    for pattern in &arm.patterns {
        match pattern {
            Pattern::Value(expr) => tests.push(condition::condition(scope, expr)),
            Pattern::Is(_, at) => {
                scope.error(Code::WrongType, at, "there is nothing before the arms whose state this could be");
                tests.push(Expr::error(at));
            }
            Pattern::Range(bounds) => {
                scope.error(Code::WrongType, &bounds.at, "there is nothing before the arms that could lie in a range");
                tests.push(Expr::error(&bounds.at));
            }
        }
    }
    any(tests, &arm.at)
}

fn any(tests: Vec<Expr>, at: &At) -> Option<Expr> {
    if tests.iter().any(Expr::is_error) {
        return Some(Expr::error(at));
    }
    tests.into_iter().reduce(|left, right| Expr::new(Kind::Or(left, right), Ty::fhir("boolean"), at))
}

fn test(scope: &mut Scope, subject: Expr, pattern: &Pattern, at: &At) -> Expr {
    let boolean = |kind| Expr::new(kind, Ty::fhir("boolean"), at);
    match pattern {
        Pattern::Value(expr) => {
            let value = infer(scope, expr);
            condition::compare(scope, Compare::Equal, subject, value, &expr.at)
        }
        Pattern::Range(Bounds { min, max, .. }) => {
            let number = |value: u32| Expr::new(Kind::Number(value.to_string().into()), Ty::fhir("integer"), at);
            let subject = match &subject.ty.kind {
                TyKind::Hl7(..) => convert::scalar(scope, subject, super::typed::Primitive::Decimal, "decimal"),
                _ => subject,
            };
            let how = Comparison::Number;
            let low =
                boolean(Kind::Compare { op: Compare::GreaterOrEqual, left: subject.clone(), right: number(*min), how });
            match max {
                Some(max) => {
                    let high = Kind::Compare { op: Compare::LessOrEqual, left: subject, right: number(*max), how };
                    boolean(Kind::And(low, boolean(high)))
                }
                None => low,
            }
        }
        Pattern::Is(what, at) => match what {
            Is::Present => boolean(Kind::Is { value: subject, state: State::Present }),
            Is::Null => boolean(Kind::Is { value: subject, state: State::Null }),
            Is::Absent => boolean(Kind::Is { value: subject, state: State::Absent }),
            Is::Type(ty) => by_type::is_type(scope, subject, ty, at),
        },
    }
}

/// Arms behind `else`, and values that an earlier arm takes.
fn unreachable_arms(scope: &mut Scope, arms: &[tree::Arm]) {
    let mut seen: Vec<&tree::Expr> = Vec::new();
    let mut closed = false;
    for arm in arms {
        if closed {
            let diagnostic = Diagnostic::new(
                Code::UnreachableArm,
                arm.at.clone(),
                "this arm is never taken: `else` stands before it",
            );
            scope.problem(diagnostic.help("put `else` last"));
            continue;
        }
        closed = arm.patterns.is_empty();
        for pattern in &arm.patterns {
            let Pattern::Value(value) = pattern else { continue };
            if seen.iter().any(|known| known.kind == value.kind && is_literal(value)) {
                let diagnostic =
                    Diagnostic::new(Code::UnreachableArm, value.at.clone(), "an arm above takes this value already");
                scope.problem(diagnostic.help("take one of the two away"));
            }
            seen.push(value);
        }
    }
}

fn is_literal(value: &tree::Expr) -> bool {
    use tree::{ExprKind, TextPart};
    match &*value.kind {
        ExprKind::Text(parts) => parts.iter().all(|part| matches!(part, TextPart::Plain(_))),
        ExprKind::Raw(_) | ExprKind::Number(_) | ExprKind::Boolean(_) => true,
        _ => false,
    }
}
