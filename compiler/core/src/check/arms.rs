//! A `match` over the rules and statements of a block.

use super::block::{Fields, finish, items, valued};
use super::scope::Scope;
use super::typed::{Expr, Field, Kind, Statement, Ty, TyKind, Value};
use super::{alternative, choose, expression, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::shape::Shape;
use crate::syntax::tree::{self, At, BlockItem, Count, ExprKind};
use indexmap::{IndexMap, IndexSet};
use smol_str::SmolStr;
use std::sync::Arc;

pub(super) fn is_block(arm: &tree::Arm) -> bool {
    matches!(&*arm.value.kind, ExprKind::Block(_))
}

/// A `match` whose arms hold statements alone.
pub(super) fn match_statements(scope: &mut Scope, on: Option<&tree::Expr>, arms: &[tree::Arm], at: &At) -> Expr {
    matched(scope, on, arms, at, &|scope, block, at| {
        let nothing = |_: &mut Scope| Expr::new(Kind::Absent, Ty::NOTHING, at);
        valued(scope, &block.items, &nothing, at)
    })
}

/// A `match` that stands for itself, each arm of which is a block or a value. `inside` checks such a block.
pub(super) fn matched(
    scope: &mut Scope,
    on: Option<&tree::Expr>,
    arms: &[tree::Arm],
    at: &At,
    inside: &dyn Fn(&mut Scope, &tree::Block, &At) -> Expr,
) -> Expr {
    let mark = scope.mark();
    let Some((subject, tests)) = choose::tests(scope, on, arms, at) else { return Expr::error(at) };
    let mut values = Vec::new();
    for (arm, test) in arms.iter().zip(&tests) {
        values.push(choose::in_arm(scope, test.as_ref(), subject.as_ref(), |scope| match &*arm.value.kind {
            ExprKind::Block(block) => inside(scope, block, &arm.at),
            _ => expression::infer(scope, &arm.value),
        }));
    }
    scope.release(mark);
    if values.iter().any(Expr::is_error) || tests.iter().flatten().any(Expr::is_error) {
        return Expr::error(at);
    }
    let mut value = choose::join(tests, values, at);
    value.ty = Ty::NOTHING;
    choose::around(subject, value)
}

pub(super) fn holds_rules(arms: &[tree::Arm]) -> bool {
    arms.iter().any(|arm| match &*arm.value.kind {
        ExprKind::Block(block) => block.items.iter().any(|item| matches!(item, BlockItem::Rule(_))),
        _ => false,
    })
}

/// The arms of a `match` hold rules of the block around it: each element they assign gets a `match` of its own.
pub(super) fn match_rules(
    scope: &mut Scope,
    on: Option<&tree::Expr>,
    arms: &[tree::Arm],
    shape: &Arc<Shape>,
    fields: &mut Fields,
    at: &At,
) -> Vec<Statement> {
    let mark = scope.mark();
    let Some((subject, tests)) = choose::tests(scope, on, arms, at) else { return Vec::new() };
    let mut statements: Vec<Statement> = subject.clone().into_iter().collect();
    let mut by_arm: Vec<Fields> = Vec::new();
    for (arm, test) in arms.iter().zip(&tests) {
        let mut inner = Fields::default();
        match &*arm.value.kind {
            ExprKind::Block(block) => {
                let known = scope.known();
                let within = scope.mark();
                let done = choose::in_arm(scope, test.as_ref(), subject.as_ref(), |scope| {
                    items(scope, &block.items, shape, &mut inner)
                });
                scope.release(within);
                scope.forget(known);
                for statement in done {
                    statements.extend(guarded(statement, test.as_ref(), &tests, &arm.at));
                }
            }
            _ => {
                let value = expression::infer(scope, &arm.value);
                if !value.is_error() {
                    let done = Statement::Do(value);
                    statements.extend(guarded(done, test.as_ref(), &tests, &arm.at));
                }
            }
        }
        by_arm.push(inner);
    }
    scope.release(mark);
    if tests.iter().flatten().any(Expr::is_error) {
        return Vec::new();
    }
    distribute(scope, by_arm, &tests, shape, fields, at);
    statements
}

/// What an arm does is done only if the arm is taken.
fn guarded(statement: Statement, test: Option<&Expr>, tests: &[Option<Expr>], at: &At) -> Option<Statement> {
    let not = |test: &Expr| Expr::new(Kind::Not(test.clone()), Ty::fhir("boolean"), at);
    let and = |left, right| Expr::new(Kind::And(left, right), Ty::fhir("boolean"), at);
    let condition = match test {
        Some(test) => test.clone(),
        None => tests.iter().flatten().map(not).reduce(and)?,
    };
    match statement {
        // A let is pure but for what it emits, and its name is seen in its arm alone.
        Statement::Let(slot, value) => Some(Statement::Let(slot, alternative::when(value, condition, at))),
        // It is left wherever the arm is.
        Statement::Ignore(_) => Some(statement),
        Statement::Do(value) => {
            let ty = value.ty.clone();
            Some(Statement::Do(Expr::new(Kind::When { value, condition }, ty, at)))
        }
        Statement::Require { .. } => {
            let nothing = || Expr::new(Kind::Absent, Ty::NOTHING, at);
            let value = Expr::new(Kind::Do { statements: vec![statement], value: nothing() }, Ty::NOTHING, at);
            Some(Statement::Do(Expr::new(Kind::When { value, condition }, Ty::NOTHING, at)))
        }
    }
}

fn distribute(
    scope: &mut Scope,
    by_arm: Vec<Fields>,
    tests: &[Option<Expr>],
    shape: &Arc<Shape>,
    fields: &mut Fields,
    at: &At,
) {
    let mut finished: Vec<IndexMap<SmolStr, Field>> = Vec::new();
    let mut names: IndexMap<SmolStr, ()> = IndexMap::new();
    for arm in by_arm {
        let fields: IndexMap<SmolStr, Field> =
            finish(scope, arm, shape).into_iter().map(|field| (field.name.clone(), field)).collect();
        names.extend(fields.keys().map(|name| (name.clone(), ())));
        finished.push(fields);
    }
    for name in names.keys() {
        let Some(element) = shape.element(name) else { continue };
        let mut rule = at.clone();
        let mut values = Vec::new();
        let mut extras: Vec<Vec<Field>> = Vec::new();
        let mut assigned = false;
        for arm in &mut finished {
            let field = arm.shift_remove(name);
            let (of_arm, beside) = field.map(|field| (field.values, field.extras)).unwrap_or_default();
            extras.push(beside.map(|block| block.fields).unwrap_or_default());
            assigned |= !of_arm.is_empty();
            if let Some(first) = of_arm.first() {
                rule = first.rule.clone();
            }
            values.push(together(of_arm, at));
        }
        let building = fields.entry(name.clone()).or_default();
        building.element = Some(element.clone());
        beside(scope, extras, tests, &mut building.extras, at);
        if !assigned {
            continue;
        }
        let value = choose::join(tests.to_vec(), values, at);
        if !building.values.is_empty() && !building.adds {
            let label = format!("{}.{name}", types::short(&shape.key));
            let diagnostic = Diagnostic::new(Code::AssignedTwice, rule.clone(), format!("`{label}` is assigned twice"));
            scope.problem(diagnostic.label(building.first.clone(), "the first time").help("keep one of the two rules"));
        }
        building.first = rule.clone();
        building.values.push(Value { value, rule });
    }
}

/// What stands beside a primitive, its id and its extensions, by arm.
fn beside(scope: &Scope, mut arms: Vec<Vec<Field>>, tests: &[Option<Expr>], fields: &mut Fields, at: &At) {
    let names: IndexSet<SmolStr> = arms.iter().flatten().map(|field| field.name.clone()).collect();
    for name in names {
        let Some(element) = scope.world.standards().fhir.shape("Element").and_then(|it| it.element(&name).cloned())
        else {
            continue;
        };
        let values = arms.iter_mut().map(|arm| {
            let field = arm.iter().position(|field| field.name == name).map(|index| arm.swap_remove(index));
            together(field.map(|field| field.values).unwrap_or_default(), at)
        });
        let value = choose::join(tests.to_vec(), values.collect(), at);
        let building = fields.entry(name).or_default();
        building.element = Some(element);
        building.values.push(Value { value, rule: at.clone() });
    }
}

/// All values of one element in one arm, as one expression.
fn together(mut values: Vec<Value>, at: &At) -> Expr {
    match values.len() {
        0 => Expr::new(Kind::Absent, Ty::NOTHING, at),
        1 => values.pop().map_or_else(|| Expr::error(at), |value| value.value),
        _ => {
            let items: Vec<Expr> = values.into_iter().map(|value| value.value).collect();
            let kind = items.first().map_or(TyKind::Nothing, |first| first.ty.kind.clone());
            Expr::new(Kind::List(items), Ty { kind, count: Count::Any }, at)
        }
    }
}
