//! `with { … }`: what a conversion or a map gave, with some of its elements replaced, added to or taken away.

use super::convert::Want;
use super::expression;
use super::scope::Scope;
use super::typed::{Expr, Kind, Statement, Ty, TyKind};
use super::{block, built, convert, edited, part, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::standard::shape::{Element, Shape};
use crate::syntax::tree::{self, At, BlockItem, Count};
use std::sync::Arc;

pub(super) fn with(scope: &mut Scope, base: &tree::Expr, block: &tree::Block, want: Option<&Want>, at: &At) -> Expr {
    let patches = std::mem::take(&mut scope.patches);
    let base = match want {
        // A message is changed as it came, whatever it is to become.
        Some(want) if built::is_message(scope, want) => {
            let base = expression::infer(scope, base);
            if matches!(base.ty.kind, TyKind::Structure(..)) {
                return edited::with(scope, &base, block, Some(want), at);
            }
            convert::to(scope, base, want)
        }
        Some(want) => match built::wanted(want).filter(|_| part::is_source(base)) {
            Some(wanted) => {
                let base = expression::infer(scope, base);
                if let Some(key) = built::copied(scope, &base, want, &wanted)
                    && let Some((_, name)) = part::target(scope, &base.ty.kind, Some(&wanted))
                {
                    let value = part::with(scope, base, (key, name), block, at);
                    return convert::to(scope, value, want);
                }
                convert::to(scope, base, want)
            }
            None => expression::value(scope, base, want),
        },
        None => {
            let base = expression::infer(scope, base);
            match &base.ty.kind {
                TyKind::Group(..) => return part::group(scope, &base.ty.kind, at),
                TyKind::Segment(..) => match part::target(scope, &base.ty.kind, None) {
                    Some(target) => return part::with(scope, base, target, block, at),
                    None => base,
                },
                _ => base,
            }
        }
    };
    if base.is_error() || base.is_nothing() {
        return base;
    }
    let whole = want.is_some_and(|want| built::is_message(scope, want));
    if !whole && part::is_taken(&base) {
        return part::several(scope, at);
    }
    let TyKind::Fhir(key) = &base.ty.kind else {
        let message = format!("{} has no elements that `with` could set", a(&types::show_kind(&base.ty.kind)));
        let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), message);
        scope.problem(diagnostic.help("convert it first: `(X as HumanName) with { … }`"));
        return Expr::error(at);
    };
    let Some(shape) = scope.world.standards().shape(key) else { return Expr::error(at) };
    let mark = scope.mark();
    let mut fields = block::Fields::default();
    let mut statements: Vec<Statement> = Vec::new();
    let outer = scope.keep.take();
    for item in &block.items {
        scope.keep = kept(scope, item, &shape);
        scope.clears = patches && is_whole(item);
        statements.extend(block::items(scope, std::slice::from_ref(item), &shape, &mut fields));
        scope.clears = false;
    }
    let fields = block::finished(scope, fields, &shape, true);
    scope.keep = outer;
    scope.release(mark);
    let ty = base.ty.clone();
    let value = Expr::new(Kind::With { base, fields }, ty.clone(), at);
    if statements.is_empty() { value } else { Expr::new(Kind::Do { statements, value }, ty, at) }
}

/// What `keep` stands for in the values of a rule.
fn kept(scope: &mut Scope, item: &BlockItem, shape: &Arc<Shape>) -> Option<Ty> {
    let BlockItem::Rule(rule) = item else { return None };
    if built::is_target(shape) {
        let (element, is_whole) = built::first_element(scope, &rule.target, shape)?;
        let ty = Ty { kind: kind(&element), count: if element.repeats() { Count::Any } else { Count::Optional } };
        return is_whole.then_some(ty);
    }
    let element = shape.element(&rule.target.first.text).filter(|_| rule.target.parts.is_empty())?;
    Some(Ty { kind: kind(element), count: if element.repeats() { Count::Any } else { Count::Optional } })
}

/// A rule for an element as a whole.
fn is_whole(item: &BlockItem) -> bool {
    matches!(item, BlockItem::Rule(rule) if rule.target.parts.is_empty())
}

/// The type of what an element holds.
pub(super) fn kind(element: &Element) -> TyKind {
    match (element.choice, element.types.first()) {
        (true, _) => TyKind::Choice(element.types.iter().map(|ty| ty.name.clone()).collect()),
        (false, Some(first)) if first.name == "Reference" => TyKind::Reference(first.targets.clone()),
        (false, Some(first)) => TyKind::Fhir(first.shape.clone()),
        (false, None) => TyKind::Error,
    }
}
