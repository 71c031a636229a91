//! Conditions: always true or false, whatever is missing.

use super::expression::infer;
use super::path::fact;
use super::scope::Scope;
use super::typed::{Compare, Comparison, Expr, Kind, Primitive, State, Statement, Ty, TyKind};
use super::{beside, by_type, chosen, convert, lookup, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::syntax::tree::{self, At, Binary, Count, ExprKind, Is, Prefix};
use smol_str::SmolStr;

fn boolean(kind: Kind, at: &At) -> Expr {
    Expr::new(kind, Ty::fhir("boolean"), at)
}

/// An expression as a condition.
pub(super) fn condition(scope: &mut Scope, expr: &tree::Expr) -> Expr {
    if !scope.deeper(&expr.at) {
        scope.depth -= 1;
        return Expr::error(&expr.at);
    }
    let value = checked(scope, expr);
    scope.depth -= 1;
    value
}

fn checked(scope: &mut Scope, expr: &tree::Expr) -> Expr {
    let at = &expr.at;
    match &*expr.kind {
        ExprKind::Binary(Binary::And, left, right) => {
            let (left, right) = (condition(scope, left), condition(scope, right));
            both(left, right, Kind::And, at)
        }
        ExprKind::Binary(Binary::Or, left, right) => {
            let (left, right) = (condition(scope, left), condition(scope, right));
            both(left, right, Kind::Or, at)
        }
        ExprKind::Prefix(Prefix::Not, inner) => negated(scope, inner, at),
        ExprKind::Binary(op, left, right) if comparison_of(*op).is_some() => {
            let Some(op) = comparison_of(*op) else { return Expr::error(at) };
            if is_comparison(left) || is_comparison(right) {
                let diagnostic = Diagnostic::new(Code::ChainedComparison, at.clone(), "comparisons do not chain");
                scope.problem(diagnostic.help("join them with `and`, or put one in parentheses"));
                return Expr::error(at);
            }
            let without_dot = scope.in_bracket().then(|| component(left)).flatten();
            let left_at = left.at.clone();
            let (left, right) = (infer(scope, left), infer(scope, right));
            if let (Some(number), false) = (without_dot, right.is_error() || is_number(&right.ty.kind)) {
                let message = format!("`{number}` is a number here, and no part of the item");
                let diagnostic = Diagnostic::new(Code::WrongType, left_at.clone(), message);
                let help = format!("a leading dot is the item that the bracket asks about: write `.{number}`");
                scope.problem(diagnostic.help(help).fix(left_at, format!(".{number}")));
                return Expr::error(at);
            }
            compare(scope, op, left, right, at)
        }
        ExprKind::Binary(op @ (Binary::In | Binary::NotIn), left, right) => {
            let found = match lookup::rows_of(scope, right) {
                Some(rows) => lookup::within(scope, &rows, left, at),
                None => {
                    let left = infer(scope, left);
                    within(scope, left, right, at)
                }
            };
            if *op == Binary::NotIn && !found.is_error() { boolean(Kind::Not(found), at) } else { found }
        }
        ExprKind::Binary(Binary::Matches, left, right) => matches(scope, left, right, at),
        ExprKind::Is { value, not, what } => is(scope, value, *not, what, at),
        ExprKind::List { items, parts } if parts.is_empty() && items.len() == 1 => match items.first() {
            Some(only) => condition(scope, only),
            None => Expr::error(at),
        },
        ExprKind::Boolean(value) => boolean(Kind::Boolean(*value), at),
        _ => {
            let value = infer(scope, expr);
            truth(scope, value, at)
        }
    }
}

pub(super) fn negated(scope: &mut Scope, inner: &tree::Expr, at: &At) -> Expr {
    let inner = condition(scope, inner);
    if inner.is_error() { inner } else { boolean(Kind::Not(inner), at) }
}

fn both(left: Expr, right: Expr, join: fn(Expr, Expr) -> Kind, at: &At) -> Expr {
    if left.is_error() || right.is_error() {
        return Expr::error(at);
    }
    boolean(join(left, right), at)
}

fn comparison_of(op: Binary) -> Option<Compare> {
    Some(match op {
        Binary::Equal => Compare::Equal,
        Binary::NotEqual => Compare::NotEqual,
        Binary::Less => Compare::Less,
        Binary::LessOrEqual => Compare::LessOrEqual,
        Binary::Greater => Compare::Greater,
        Binary::GreaterOrEqual => Compare::GreaterOrEqual,
        _ => return None,
    })
}

/// `3.1`, which may be meant as the component of an item.
fn component(expr: &tree::Expr) -> Option<SmolStr> {
    match &*expr.kind {
        ExprKind::Number(number) if number.starts_with(|c: char| c.is_ascii_digit()) => Some(number.clone()),
        _ => None,
    }
}

fn is_comparison(expr: &tree::Expr) -> bool {
    match &*expr.kind {
        ExprKind::Binary(op, ..) => {
            comparison_of(*op).is_some() || matches!(op, Binary::In | Binary::NotIn | Binary::Matches)
        }
        ExprKind::Is { .. } => true,
        _ => false,
    }
}

/// A value that is true or false by itself; missing is false.
fn truth(scope: &mut Scope, value: Expr, at: &At) -> Expr {
    if value.is_error() || value.ty == Ty::fhir("boolean") {
        return value;
    }
    let (list, is_boolean) = (value.ty.is_list(), matches!(&value.ty.kind, TyKind::Fhir(key) if key == "boolean"));
    if is_boolean && !list {
        return boolean(Kind::True(value), at);
    }
    let message = if list {
        "a condition takes one truth, and this is a list".to_owned()
    } else {
        format!("{} is not true or false", a(&types::show_kind(&value.ty.kind)))
    };
    let help =
        if list { "write `any(…)` or `all(…)`" } else { "compare it, as in `== \"Y\"`, or ask `is present`" };
    scope.problem(Diagnostic::new(Code::WrongType, at.clone(), message).help(help));
    Expr::error(at)
}

/// Whether a type is a date or a time.
pub(super) fn is_moment(scope: &Scope, kind: &TyKind) -> bool {
    match kind {
        TyKind::Hl7(_, name) => matches!(name.as_str(), "DT" | "DTM" | "TS" | "TM"),
        TyKind::Fhir(key) => {
            matches!(convert::base_key(scope, key).as_str(), "date" | "dateTime" | "instant" | "time" | "moment")
        }
        _ => false,
    }
}

fn is_number(kind: &TyKind) -> bool {
    match kind {
        TyKind::Hl7(_, name) => matches!(name.as_str(), "NM" | "SI"),
        TyKind::Fhir(key) => matches!(key.as_str(), "decimal" | "integer" | "positiveInt" | "unsignedInt"),
        _ => false,
    }
}

pub(super) fn compare(scope: &mut Scope, op: Compare, left: Expr, right: Expr, at: &At) -> Expr {
    if left.is_error() || right.is_error() {
        return Expr::error(at);
    }
    if left.ty.is_list() || right.ty.is_list() {
        let list = if left.ty.is_list() { &left } else { &right };
        let help = "write `any(X == …)` or `all(X == …)`, or `first X`; of nothing `any` is false and `all` true";
        let diagnostic = several(scope, list, at, "one value is compared here, and this is a list", help);
        scope.problem(diagnostic);
        return Expr::error(at);
    }
    let Some((left, right, how)) = alike(scope, left, right) else { return Expr::error(at) };
    if how == Comparison::Coded && !matches!(op, Compare::Equal | Compare::NotEqual) {
        scope.error(Code::WrongType, at, "codes have no order");
        return Expr::error(at);
    }
    boolean(Kind::Compare { op, left, right, how }, at)
}

/// A list where a condition asks of one value; in a bracket that chooses of that list, its item is meant.
pub(super) fn several(scope: &Scope, list: &Expr, at: &At, message: &str, help: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::ManyForOne, at.clone(), message);
    match beside::behind_dot(scope, list) {
        Some(dot) => {
            let help = format!("a leading dot is the item that the bracket asks about: write `{dot}`");
            diagnostic.help(help).fix(list.at.clone(), dot)
        }
        None => diagnostic.help(help),
    }
}

/// Both sides in the form in which they are compared.
fn alike(scope: &mut Scope, left: Expr, right: Expr) -> Option<(Expr, Expr, Comparison)> {
    let how = comparison(scope, &left, &right);
    let mut side = |value: Expr| -> Option<Expr> {
        let value = match how {
            Comparison::Coded => coded(scope, value),
            Comparison::Number => number(scope, value),
            Comparison::Moment => moment(scope, value),
            Comparison::Boolean => flag(scope, value),
            Comparison::Duration => value,
            Comparison::Text => text(scope, value),
        };
        (!value.is_error()).then_some(value)
    };
    let (left, right) = (side(left), side(right));
    Some((left?, right?, how))
}

fn comparison(scope: &Scope, left: &Expr, right: &Expr) -> Comparison {
    let kinds = [&left.ty.kind, &right.ty.kind];
    if kinds.iter().any(|kind| matches!(kind, TyKind::Coded)) {
        Comparison::Coded
    } else if kinds.iter().any(|kind| matches!(kind, TyKind::Duration)) {
        Comparison::Duration
    } else if kinds.iter().any(|kind| is_number(kind)) {
        Comparison::Number
    } else if kinds.iter().any(|kind| is_moment(scope, kind)) {
        Comparison::Moment
    } else if kinds.iter().any(|kind| matches!(kind, TyKind::Fhir(key) if key == "boolean")) {
        Comparison::Boolean
    } else {
        Comparison::Text
    }
}

fn coded(scope: &mut Scope, value: Expr) -> Expr {
    match &value.ty.kind {
        TyKind::Coded | TyKind::Hl7(..) | TyKind::Nothing => value,
        TyKind::Fhir(key) => {
            let base = convert::base_key(scope, key);
            let fits = matches!(base.as_str(), "CodeableConcept" | "Coding" | "code" | "string");
            if fits { value } else { refused(scope, &value, "a code") }
        }
        _ => refused(scope, &value, "a code"),
    }
}

fn number(scope: &mut Scope, value: Expr) -> Expr {
    match &value.ty.kind {
        kind if is_number(kind) && matches!(kind, TyKind::Fhir(_)) => value,
        TyKind::Hl7(..) => convert::scalar(scope, value, Primitive::Decimal, "decimal"),
        _ => refused(scope, &value, "a number"),
    }
}

fn moment(scope: &mut Scope, value: Expr) -> Expr {
    match &value.ty.kind {
        TyKind::Hl7(..) => convert::scalar(scope, value, Primitive::Moment, "dateTime"),
        TyKind::Fhir(key) if is_moment(scope, &value.ty.kind) || key == "string" => value,
        _ => refused(scope, &value, "a date or time"),
    }
}

fn flag(scope: &mut Scope, value: Expr) -> Expr {
    match &value.ty.kind {
        TyKind::Fhir(key) if key == "boolean" => value,
        TyKind::Hl7(..) => convert::scalar(scope, value, Primitive::Boolean, "boolean"),
        _ => refused(scope, &value, "true or false"),
    }
}

/// A value as text; a coded field by its code.
fn text(scope: &mut Scope, value: Expr) -> Expr {
    match &value.ty.kind {
        TyKind::Hl7(_, name) if convert::is_hl7_primitive(scope, name) || is_coded(name) => {
            convert::scalar(scope, value, Primitive::String, "string")
        }
        TyKind::Fhir(key) if convert::primitive_named(&convert::base_key(scope, key)).is_some() => value,
        TyKind::Reference(_) | TyKind::Nothing => value,
        _ => {
            let message = format!(
                "{} has several parts, so it cannot be compared as a whole",
                a(&types::show_kind(&value.ty.kind))
            );
            let diagnostic = Diagnostic::new(Code::WrongType, value.at.clone(), message);
            // A version in which the field is simple has its value there too.
            let first = beside::source(scope, &value).and_then(|source| source.name(scope));
            let part = first.filter(|name| name.contains('-')).map_or(".1".into(), |name| format!("{name}.1"));
            scope.problem(diagnostic.help(format!("compare one of its parts, as in `{part}`")));
            Expr::error(&value.at)
        }
    }
}

/// Types that are known by their first component, the code.
fn is_coded(name: &str) -> bool {
    matches!(name, "CWE" | "CE" | "CNE" | "CF" | "IS" | "varies")
}

fn refused(scope: &mut Scope, value: &Expr, wanted: &str) -> Expr {
    let message = format!("{} cannot be compared with {wanted}", a(&types::show_kind(&value.ty.kind)));
    scope.error(Code::WrongType, &value.at, message);
    Expr::error(&value.at)
}

fn within(scope: &mut Scope, left: Expr, right: &tree::Expr, at: &At) -> Expr {
    if left.is_error() {
        return left;
    }
    if left.ty.is_list() {
        let help = "write `any(X in …)` or `all(X in …)`";
        let diagnostic = several(scope, &left, at, "one value is looked up here, and this is a list", help);
        scope.problem(diagnostic);
        return Expr::error(at);
    }
    let right = infer(scope, right);
    if right.is_error() {
        return right;
    }
    let items = match *right.kind {
        Kind::List(items) => items,
        _ if !right.ty.is_list() => vec![right],
        kind => {
            let list = Expr { kind: Box::new(kind), ..right };
            return within_list(scope, left, list, at);
        }
    };
    let mut how = Comparison::Text;
    let mut left_side = left.clone();
    let mut list = Vec::new();
    for item in items {
        let Some((side, item, found)) = alike(scope, left.clone(), item) else { return Expr::error(at) };
        (left_side, how) = (side, found);
        list.push(item);
    }
    boolean(Kind::In { value: left_side, list, how }, at)
}

/// `X in PID-3.5`: whether one of the list is equal to it.
fn within_list(scope: &mut Scope, left: Expr, list: Expr, at: &At) -> Expr {
    let slot = scope.slot(left.ty.clone());
    let wanted = Expr::slot(slot, left.ty.clone(), &left.at);
    let found =
        chosen::filtered(scope, list, at, &|scope, item| compare(scope, Compare::Equal, wanted.clone(), item, at));
    if found.is_error() {
        return found;
    }
    let value = chosen::present(found, at);
    boolean(Kind::Do { statements: vec![Statement::Let(slot, left)], value }, at)
}

fn matches(scope: &mut Scope, left: &tree::Expr, right: &tree::Expr, at: &At) -> Expr {
    let left = infer(scope, left);
    let ExprKind::Raw(pattern) = &*right.kind else {
        let diagnostic = Diagnostic::new(Code::WrongType, right.at.clone(), "a pattern stands in single quotes");
        scope.problem(diagnostic.help("as in `PID-7 matches '\\d{8}'`"));
        return Expr::error(at);
    };
    pattern_is_valid(scope, pattern, &right.at);
    if left.is_error() {
        return left;
    }
    if left.ty.is_list() {
        let help = "write `any(X matches '…')` or `all(X matches '…')`, or `first X`";
        let diagnostic = several(scope, &left, at, "one value is matched here, and this is a list", help);
        scope.problem(diagnostic);
        return Expr::error(at);
    }
    let value = text(scope, left);
    if value.is_error() { value } else { boolean(Kind::Matches { value, pattern: pattern.clone() }, at) }
}

/// Says what is wrong with a regular expression, if anything.
pub(super) fn pattern_is_valid(scope: &mut Scope, pattern: &str, at: &At) {
    if let Err(error) = regex::Regex::new(pattern) {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        scope.error(Code::WrongType, at, format!("this pattern cannot be read: {reason}"));
    }
}

fn is(scope: &mut Scope, value: &tree::Expr, not: bool, what: &Is, at: &At) -> Expr {
    let value = infer(scope, value);
    if value.is_error() {
        return value;
    }
    let state = match what {
        Is::Present => State::Present,
        Is::Null => State::Null,
        Is::Absent => State::Absent,
        Is::Type(ty) => {
            let found = by_type::is_type(scope, value, ty, at);
            return if not && !found.is_error() { boolean(Kind::Not(found), at) } else { found };
        }
    };
    let found = boolean(Kind::Is { value, state }, at);
    if not { boolean(Kind::Not(found), at) } else { found }
}

/// What holds after a condition has been required: the places that it names are present.
pub(super) fn assume(scope: &mut Scope, condition: &Expr) {
    match &*condition.kind {
        Kind::And(left, right) => {
            assume(scope, left);
            assume(scope, right);
        }
        Kind::Is { value, state: State::Present } => assume_present(scope, value),
        _ => {}
    }
}

/// A place that is present, and everything around it.
pub(super) fn assume_present(scope: &mut Scope, value: &Expr) {
    match &*value.kind {
        Kind::Path { root, steps } => {
            for end in 1..=steps.len() {
                scope.assume_present(fact(*root, steps.get(..end).unwrap_or_default()));
            }
        }
        Kind::Slot(slot) => {
            scope.assume_present(fact(*slot, &[]));
        }
        Kind::Pick { list, .. } => assume_present(scope, list),
        _ => {}
    }
}

/// `require X`: a condition, or a place that must be present.
pub(super) fn required(scope: &mut Scope, expr: &tree::Expr) -> Expr {
    let names_a_value = matches!(&*expr.kind, ExprKind::Path(_) | ExprKind::Call { .. })
        || matches!(&*expr.kind, ExprKind::Prefix(Prefix::First | Prefix::Last | Prefix::Only, _));
    if !names_a_value {
        return condition(scope, expr);
    }
    let value = infer(scope, expr);
    match &value.ty.kind {
        TyKind::Error => value,
        TyKind::Fhir(key) if key == "boolean" => truth(scope, value, &expr.at),
        _ => boolean(Kind::Is { value, state: State::Present }, &expr.at),
    }
}

/// What a comparison asks of one item.
type OfItem<'a> = Box<dyn FnOnce(&mut Scope, Expr) -> Expr + 'a>;

/// `any(X == "a")`, `all(X in …)`: a comparison over the items of the one list that it names, or these themselves.
pub(super) fn over_list(scope: &mut Scope, expr: &tree::Expr, all: bool, at: &At) -> Expr {
    let (left, rest): (&tree::Expr, OfItem) = match &*expr.kind {
        ExprKind::Binary(op, left, right) if comparison_of(*op).is_some() => {
            let op = comparison_of(*op).unwrap_or(Compare::Equal);
            let compare = move |scope: &mut Scope, item: Expr| {
                let right = infer(scope, right);
                compare(scope, op, item, right, at)
            };
            (left, Box::new(compare))
        }
        ExprKind::Binary(op @ (Binary::In | Binary::NotIn), left, right) => {
            let within = move |scope: &mut Scope, item: Expr| {
                let found = match lookup::rows_of(scope, right) {
                    Some(rows) => lookup::has(scope, &rows, vec![item], at),
                    None => within(scope, item, right, at),
                };
                if *op == Binary::NotIn && !found.is_error() { boolean(Kind::Not(found), at) } else { found }
            };
            (left, Box::new(within))
        }
        ExprKind::Binary(Binary::Matches, left, right) if matches!(&*right.kind, ExprKind::Raw(_)) => {
            let ExprKind::Raw(pattern) = &*right.kind else { return Expr::error(at) };
            let matches = move |scope: &mut Scope, item: Expr| {
                pattern_is_valid(scope, pattern, at);
                let value = text(scope, item);
                if value.is_error() { value } else { boolean(Kind::Matches { value, pattern: pattern.clone() }, at) }
            };
            (left, Box::new(matches))
        }
        ExprKind::Is { value, not, what: Is::Present } => {
            let is = move |_: &mut Scope, item: Expr| {
                let found = boolean(Kind::Is { value: item, state: State::Present }, at);
                if *not { boolean(Kind::Not(found), at) } else { found }
            };
            (value, Box::new(is))
        }
        // A truth each: `any(LabCode(MSH-4.1, OBX-3.1).reportable)`.
        ExprKind::Path(_) | ExprKind::Call { .. } => {
            (expr, Box::new(move |scope: &mut Scope, item: Expr| truth(scope, item, at)))
        }
        _ => {
            let diagnostic = Diagnostic::new(Code::WrongType, expr.at.clone(), "this asks for a comparison of a list");
            scope.problem(diagnostic.help("as in `any(OBX-11 in (\"F\", \"C\"))`"));
            return Expr::error(at);
        }
    };
    let list = infer(scope, left);
    if list.is_error() {
        return list;
    }
    let item_ty = list.ty.with(Count::One);
    let item = scope.slot(item_ty.clone());
    let test = rest(scope, Expr::slot(item, item_ty.clone(), &left.at));
    if test.is_error() {
        return test;
    }
    let test = if all { boolean(Kind::Not(test), at) } else { test };
    let body = Expr::slot(item, item_ty, &left.at);
    let ty = list.ty.with(Count::Any);
    let chosen = Expr::new(Kind::Each { list, item, filter: Some(test), body }, ty, at);
    let some = boolean(Kind::Is { value: chosen, state: State::Present }, at);
    if all { boolean(Kind::Not(some), at) } else { some }
}
