//! `each`: a value, or statements, for each item of a list.

use super::beside::{self, Source};
use super::convert::Want;
use super::scope::{Local, Origin, Scope};
use super::typed::{Compare, Comparison, Expr, Kind, Pick, Slot, Statement, Ty, TyKind};
use super::{block, condition, convert, expression, literal, operator, path, place};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{self, At, BlockItem, Count, Each, ExprKind, PartKind};
use smol_str::SmolStr;

/// An `each` that gives a list of values.
pub(super) fn each(scope: &mut Scope, each: &Each, want: Option<&Want>, at: &At) -> Expr {
    if want.is_some_and(|want| !want.list) {
        let label = want.map(|want| want.label.clone()).unwrap_or_default();
        let list = expression::infer(scope, &each.list);
        if list.ty.is_list() {
            let diagnostic = Diagnostic::new(
                Code::ManyForOne,
                at.clone(),
                format!("`{label}` takes one value, and `each` may give several"),
            );
            scope.problem(diagnostic.help("write `first (each …)`, or choose one item before"));
            return Expr::error(at);
        }
    }
    let item_want = want.map(Want::item);
    walk(scope, each, at, &|scope, each| match (&*each.body.kind, &item_want) {
        (_, Some(want)) => expression::value(scope, &each.body, want),
        (ExprKind::Block(inner), None) => statements(scope, &inner.items, at),
        (_, None) => expression::infer(scope, &each.body),
    })
}

/// The statements of an `each` that stands alone; what it gives is dropped.
fn statements(scope: &mut Scope, items: &[BlockItem], at: &At) -> Expr {
    let mark = scope.mark();
    let known = scope.known();
    let mut done = Vec::new();
    let mut result = None;
    for item in items {
        match item {
            BlockItem::Rule(rule) => {
                let diagnostic =
                    Diagnostic::new(Code::WrongType, rule.at.clone(), "an `each` that stands alone writes nothing");
                scope.problem(diagnostic.help("write the element before it, as in `contact: each NK1 { … }`"));
            }
            BlockItem::Result(value) => result = Some(expression::infer(scope, value)),
            other => done.extend(block::statement(scope, other)),
        }
    }
    scope.forget(known);
    scope.release(mark);
    let value = result.unwrap_or_else(|| Expr::new(Kind::Absent, Ty::NOTHING, at));
    // The last reference of the statements is what such an `each` gives where a list is asked for.
    let last = done.iter().rposition(|it| !matches!(it, Statement::Ignore(_)));
    let value = match last.filter(|_| value.is_nothing()) {
        Some(last) if matches!(done.get(last), Some(Statement::Do(_))) => match done.remove(last) {
            Statement::Do(last) => last,
            _ => value,
        },
        _ => value,
    };
    let ty = value.ty.clone();
    if done.is_empty() { value } else { Expr::new(Kind::Do { statements: done, value }, ty, at) }
}

pub(super) fn walk(scope: &mut Scope, each: &Each, at: &At, body: &dyn Fn(&mut Scope, &Each) -> Expr) -> Expr {
    let list = expression::infer(scope, &each.list);
    if list.is_error() || list.is_nothing() {
        // What stands inside is not looked at: it would only repeat what is wrong with the list.
        return list;
    }
    let (list, opener) = group(scope, list, each);
    let mark = scope.mark();
    let known = scope.known();
    let item = bind(scope, &list, each, opener);
    let filter = each.filter.as_ref().map(|filter| condition::condition(scope, filter));
    if filter.as_ref().is_some_and(Expr::is_error) {
        scope.release(mark);
        return Expr::error(at);
    }
    let value = match &each.by {
        None => {
            let body = body(scope, each);
            finished(list, item, filter, body, at)
        }
        Some(by) => {
            let key = key(scope, by);
            scope.release(mark);
            if operator::has_elements(scope, &list.ty) {
                let value = grouped(scope, each, (list, item, filter, key), at, body);
                scope.forget(known);
                scope.release(mark);
                return value;
            }
            let group_ty = list.ty.with(Count::Some);
            let items = scope.slot(group_ty.clone());
            scope.push(group_of(each, items, group_ty));
            let body = body(scope, each);
            if key.is_error() || body.is_error() {
                Expr::error(at)
            } else {
                let ty = body.ty.with(Count::Any);
                Expr::new(Kind::EachBy { list, item, filter, key, items, body }, ty, at)
            }
        }
    };
    scope.forget(known);
    scope.release(mark);
    value
}

/// What is equal in a group: one text.
fn key(scope: &mut Scope, by: &tree::Expr) -> Expr {
    let label = "by";
    let key = expression::infer(scope, by);
    let key = literal::string(scope, key, label);
    if !key.ty.is_list() {
        return key;
    }
    let diagnostic = convert::many_for_one(scope, &key, label);
    scope.problem(diagnostic);
    Expr::error(&key.at)
}

/// Groups of FHIR values that have elements. They are known by their keys alone: for each key that is not like one before
/// it, the items that have it.
fn grouped(
    scope: &mut Scope,
    each: &Each,
    (list, item, filter, key): (Expr, Slot, Option<Expr>, Expr),
    at: &At,
    body: &dyn Fn(&mut Scope, &Each) -> Expr,
) -> Expr {
    if key.is_error() {
        return key;
    }
    let ty = key.ty.with(Count::Any);
    let keys = Kind::Each { list: list.clone(), item, filter: filter.clone(), body: key.clone() };
    let keys = Expr::new(keys, ty, at);
    let (one, same) = (scope.slot(key.ty.with(Count::One)), scope.slot(key.ty.with(Count::Some)));
    let wanted = Expr::slot(same, key.ty.with(Count::Some), at);
    let wanted = Expr::new(Kind::Pick { which: Pick::First, list: wanted }, key.ty.with(Count::One), at);
    let equal = Kind::Compare { op: Compare::Equal, left: key.clone(), right: wanted, how: Comparison::Text };
    let equal = Expr::new(equal, Ty::fhir("boolean"), at);
    let asked = match filter {
        Some(filter) => Expr::new(Kind::And(filter, equal), Ty::fhir("boolean"), at),
        None => equal,
    };
    let group_ty = list.ty.with(Count::Some);
    let chosen = Expr::slot(item, list.ty.with(Count::One), at);
    let chosen = Kind::Each { list, item, filter: Some(asked), body: chosen };
    let items = scope.slot(group_ty.clone());
    scope.push(group_of(each, items, group_ty.clone()));
    let body = body(scope, each);
    if body.is_error() {
        return body;
    }
    let ty = body.ty.clone();
    let group = vec![Statement::Let(items, Expr::new(chosen, group_ty, at))];
    let body = Expr::new(Kind::Do { statements: group, value: body }, ty.clone(), at);
    let key = Expr::slot(one, key.ty.with(Count::One), at);
    let ty = if body.is_nothing() { Ty::NOTHING } else { ty.with(Count::Any) };
    Expr::new(Kind::EachBy { list: keys, item: one, filter: None, key, items: same, body }, ty, at)
}

fn finished(list: Expr, item: Slot, filter: Option<Expr>, body: Expr, at: &At) -> Expr {
    if body.is_error() {
        return body;
    }
    let count = list.ty.count.times(body.ty.count);
    let count = if filter.is_some() { count.maybe() } else { count };
    // A body without a value of its own, of statements alone, gives nothing.
    let ty = if body.is_nothing() { Ty::NOTHING } else { body.ty.with(count) };
    Expr::new(Kind::Each { list, item, filter, body }, ty, at)
}

/// `each OBR` walks the group that OBR opens.
fn group(scope: &Scope, list: Expr, each: &Each) -> (Expr, Option<SmolStr>) {
    let ExprKind::Path(written) = &*each.list.kind else { return (list, None) };
    let chooses = |kind: &PartKind| !matches!(kind, PartKind::Child(_) | PartKind::Place(_) | PartKind::After(_));
    if written.parts.iter().any(|part| chooses(&part.kind)) {
        return (list, None);
    }
    let (Kind::Path { root, steps }, TyKind::Segment(_, name)) = (&*list.kind, &list.ty.kind) else {
        return (list, None);
    };
    let name = name.clone();
    let walked = path::Walk { steps: steps.clone(), ..path::Walk::new(*root, list.ty.clone()) };
    match place::opened_by(scope, &walked) {
        Some((steps, kind)) => {
            let ty = Ty { kind, count: list.ty.count };
            (Expr::new(Kind::Path { root: *root, steps }, ty, &list.at), Some(name))
        }
        None => (list, None),
    }
}

/// The item: under its name, or as the current one and, if it is a segment or group, under that name.
fn bind(scope: &mut Scope, list: &Expr, each: &Each, opener: Option<SmolStr>) -> Slot {
    let ty = list.ty.with(Count::One);
    let slot = scope.slot(ty.clone());
    let origin = origin(scope, list);
    let source = beside::source(scope, list).map(Source::item);
    let local = Local { current: true, origin, opener, source, is_item: true, ..Local::unnamed(slot, ty) };
    match named(each) {
        Some(name) => scope.push(Local { name: Some(name), ..local }),
        None => {
            let name = match &local.ty.kind {
                TyKind::Segment(_, name) => Some(name.clone()),
                _ => None,
            };
            scope.push(Local { name, ..local });
        }
    }
    slot
}

/// The items that `by` holds together: under the name of the item, which is what is walked.
fn group_of(each: &Each, items: Slot, ty: Ty) -> Local {
    let segment = match &ty.kind {
        TyKind::Segment(_, name) => Some(name.clone()),
        _ => None,
    };
    Local { current: true, name: named(each).or(segment), ..Local::unnamed(items, ty) }
}

fn named(each: &Each) -> Option<SmolStr> {
    each.name.as_ref().map(|name| name.text.clone())
}

/// Items of a message that a profile narrows are narrowed too.
pub(super) fn origin(scope: &Scope, list: &Expr) -> Option<Origin> {
    let Kind::Path { root, steps } = &*list.kind else { return None };
    let outer = scope.locals().find(|local| local.slot == *root)?.origin.clone()?;
    Some(Origin { profile: outer.profile, path: path::spell(&outer.path, &path::places(steps)) })
}
