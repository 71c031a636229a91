//! Brackets behind lists of FHIR values: `[1]`, `[1..*]`, `[.use == "official"]`, `["http://…"]`, `[race]`; and paths
//! below lists in parentheses.

use super::scope::{Local, Scope};
use super::typed::{Compare, Comparison, Expr, Kind, Pick, State, Statement, Ty, TyKind};
use super::{alternative, beside, convert, path, slices, types, with};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::syntax::tree::{At, Count, Part, PartKind, Path};
use smol_str::SmolStr;

/// What a bracket leaves of a list.
pub(super) fn of_list(scope: &mut Scope, list: Expr, part: &Part) -> Expr {
    let at = &part.at;
    match &part.kind {
        // FHIR counts from 0.
        PartKind::Index(0) => {
            let ty = list.ty.with(Count::Optional);
            Expr::new(Kind::Pick { which: Pick::First, list }, ty, at)
        }
        PartKind::Index(number) => {
            let ty = list.ty.with(Count::Optional);
            Expr::new(Kind::Range { list, from: *number, to: Some(*number) }, ty, at)
        }
        PartKind::Range(from, to) => {
            let ty = list.ty.with(Count::Any);
            Expr::new(Kind::Range { list, from: *from, to: *to }, ty, at)
        }
        PartKind::Filter(asked) => filtered(scope, list, at, &|scope, item| match &*item.kind {
            Kind::Slot(slot) => {
                let item = Local { current: true, is_item: true, ..Local::unnamed(*slot, item.ty.clone()) };
                beside::bracket(scope, item, asked)
            }
            _ => item,
        }),
        PartKind::Url(url) => with_url(scope, list, url, at),
        PartKind::Slice(name) => sliced(scope, list, name, at),
        _ => {
            let message = "the elements of FHIR have names, and these are numbers and places of HL7 v2";
            let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), message);
            scope.problem(diagnostic.help("write the element's name, as in `.family`"));
            Expr::error(at)
        }
    }
}

/// The items for which something holds.
pub(super) fn filtered(scope: &mut Scope, list: Expr, at: &At, asked: &dyn Fn(&mut Scope, Expr) -> Expr) -> Expr {
    let one = list.ty.with(Count::One);
    let item = scope.slot(one.clone());
    let condition = asked(scope, Expr::slot(item, one.clone(), at));
    if condition.is_error() {
        return condition;
    }
    let ty = list.ty.with(list.ty.count.maybe());
    Expr::new(Kind::Each { list, item, filter: Some(condition), body: Expr::slot(item, one, at) }, ty, at)
}

/// `extension["http://…"]`
fn with_url(scope: &mut Scope, list: Expr, url: &SmolStr, at: &At) -> Expr {
    let is_extension = matches!(&list.ty.kind, TyKind::Fhir(key) if convert::base_key(scope, key) == "Extension");
    if !is_extension {
        let message = format!("{} has no URL to choose it by", a(&types::show_kind(&list.ty.kind)));
        let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), message);
        scope.problem(diagnostic.help("only extensions have one: `extension[\"http://…\"]`"));
        return Expr::error(at);
    }
    filtered(scope, list, at, &|scope, item| has_url(scope, item, url, at))
}

pub(super) fn has_url(scope: &mut Scope, item: Expr, url: &str, at: &At) -> Expr {
    let left = path::child(scope, item, "url", at);
    let right = Expr::new(Kind::Text(url.into()), Ty::fhir("uri"), at);
    Expr::new(Kind::Compare { op: Compare::Equal, left, right, how: Comparison::Text }, Ty::fhir("boolean"), at)
}

/// `identifier[mrn]`, of a profile
fn sliced(scope: &mut Scope, list: Expr, name: &SmolStr, at: &At) -> Expr {
    let found = match (&*list.kind, slices::owner(&list)) {
        (Kind::Element { name: element, .. }, Some(owner)) => {
            scope.world.standards().fhir.shape(&owner).and_then(|shape| Some((shape.element(element)?.clone(), owner)))
        }
        _ => None,
    };
    let Some((element, owner)) = found else {
        let diagnostic = Diagnostic::new(Code::UnknownSlice, at.clone(), format!("there is no slice `{name}` here"));
        scope.problem(diagnostic.help("slices are parts of an element of a profile: `patient.identifier[mrn]`"));
        return Expr::error(at);
    };
    let Some(slice) = element.slice(name).cloned() else {
        scope.problem(slices::unknown(&element, &owner, name, at));
        return Expr::error(at);
    };
    let kind = with::kind(&slice.element);
    let mut chosen = filtered(scope, list, at, &|scope, item| slices::belongs(scope, item, &element, &slice, at));
    if chosen.is_error() {
        return chosen;
    }
    // A slice of a choice is its value of that type.
    if let (TyKind::Choice(_), [only]) = (&chosen.ty.kind, slice.element.types.as_slice()) {
        let name = convert::base_key(scope, &only.name);
        let ty = Ty { kind, count: chosen.ty.count };
        return Expr::new(Kind::OfType { value: chosen, name }, ty, at);
    }
    chosen.ty.kind = kind;
    chosen
}

// ---- lists in parentheses -------------------------------------------------------------------------------------------

pub(super) fn chooses(part: &Part) -> bool {
    matches!(part.kind, PartKind::Index(_) | PartKind::Range(..) | PartKind::Filter(_))
}

/// `(PID-3, PID-4).1`: of each what stands there; `(PID-3, PID-4)[2]`: of all of them.
pub(super) fn below_list(scope: &mut Scope, items: Vec<Expr>, parts: &[Part], at: &At) -> Expr {
    let inside = parts.iter().position(chooses).unwrap_or(parts.len());
    let (inside, behind) = parts.split_at(inside);
    if inside.is_empty() {
        let list = together(scope, items, at);
        if list.is_error() {
            return list;
        }
        return bound(scope, list, behind, at);
    }
    let items: Vec<Expr> = items.into_iter().map(|item| path::below(scope, item, inside, at)).collect();
    let list = together(scope, items, at);
    path::below(scope, list, behind, at)
}

/// Values as one list, all of one type.
pub(super) fn together(scope: &mut Scope, values: Vec<Expr>, at: &At) -> Expr {
    let mut agreed: Vec<Expr> = Vec::new();
    for value in values {
        let value = match agreed.pop() {
            Some(last) => {
                let (last, value) = alternative::agree(scope, last, value);
                agreed.push(last);
                value
            }
            None => value,
        };
        agreed.push(value);
    }
    if agreed.iter().any(Expr::is_error) {
        return Expr::error(at);
    }
    let sure = agreed.iter().any(|item| !item.ty.may_be_missing() && !item.is_nothing());
    let kind = agreed.iter().find(|item| !item.is_nothing()).map_or(TyKind::Nothing, |first| first.ty.kind.clone());
    Expr::new(Kind::List(agreed), Ty { kind, count: if sure { Count::Some } else { Count::Any } }, at)
}

/// A path below a list of the message that is no plain path: it gets a name, whose parts can be named.
pub(super) fn bound(scope: &mut Scope, list: Expr, parts: &[Part], at: &At) -> Expr {
    let slot = scope.slot(list.ty.clone());
    let walk = path::Walk::new(slot, list.ty.clone());
    let whole = Path { root: None, parts: parts.to_vec(), at: at.clone() };
    let value = path::finish(scope, walk, parts, &whole);
    if value.is_error() {
        return value;
    }
    let ty = value.ty.clone();
    Expr::new(Kind::Do { statements: vec![Statement::Let(slot, list)], value }, ty, at)
}

/// Whether something is there.
pub(super) fn present(value: Expr, at: &At) -> Expr {
    Expr::new(Kind::Is { value, state: State::Present }, Ty::fhir("boolean"), at)
}
