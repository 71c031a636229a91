//! What a rule reads, in the words of the standard.

use super::Source;
use crate::check::typed::{EditPlace, Expr, Kind, Repetition, Slot, Step, Ty, TyKind};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::syntax::tree::Count;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// What the values of a function stand for: a parameter, or the items of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// As one writes it, `NK1`; empty for a whole message, whose segments are named alone.
    pub path: String,
    pub ty: Ty,
    /// Titles of the field and parts on the way.
    pub titles: Vec<SmolStr>,
}

pub(super) type Names = BTreeMap<Slot, Named>;

/// What paths are told by: the dictionary, and the text of the item that they stand in.
pub(super) type Around<'a> = (&'a Standards, &'a str);

/// A path of HL7 below a name; nothing for what is no part of a message. `text` is that of the item.
fn source((standards, text): Around, names: &Names, root: Slot, steps: &[Step], ty: &Ty) -> Option<Named> {
    let from = names.get(&root)?;
    let mut named = Named { path: from.path.clone(), ty: ty.clone(), titles: from.titles.clone() };
    let mut at = from.ty.kind.clone();
    for step in steps {
        spell(&mut named.path, step, text);
        at = enter(standards, at, step, &mut named.titles);
    }
    named.ty.kind = match &ty.kind {
        TyKind::Segment(..) | TyKind::Group(..) | TyKind::Structure(..) | TyKind::Hl7(..) => ty.kind.clone(),
        _ => at,
    };
    Some(named)
}

fn spell(path: &mut String, step: &Step, text: &str) {
    match step {
        // What is outside has a name of its own.
        Step::Outer(_) => path.clear(),
        Step::Member { name, .. } => *path = name.to_string(),
        Step::Field { number, .. } => *path += &format!("-{number}"),
        Step::Component(number) => *path += &format!(".{number}"),
        Step::Index(number) => *path += &format!("[{number}]"),
        Step::Range(from, Some(to)) => *path += &format!("[{from}..{to}]"),
        Step::Range(from, None) => *path += &format!("[{from}..*]"),
        Step::Filter { condition, .. } => {
            let words = text.get(condition.at.clone()).unwrap_or("…");
            *path += &format!("[{}]", super::one_line(words));
        }
    }
}

/// The type below a step, and what people call it.
fn enter(standards: &Standards, kind: TyKind, step: &Step, titles: &mut Vec<SmolStr>) -> TyKind {
    let element = match (&kind, step) {
        (TyKind::Structure(version, key) | TyKind::Group(version, key), Step::Member { name, .. }) => {
            titles.clear();
            let shape = standards.structure(*version, key);
            let group =
                shape.and_then(|shape| shape.element(name).and_then(|it| it.types.first()).map(|it| it.shape.clone()));
            return match group.filter(|key| standards.structure(*version, key).is_some()) {
                Some(key) => TyKind::Group(*version, key),
                None => TyKind::Segment(*version, name.clone()),
            };
        }
        (TyKind::Segment(version, name), Step::Field { number, .. }) => {
            titles.clear();
            let shape = standards.segment(*version, name);
            shape.and_then(|shape| shape.element(&number.to_string()).cloned()).map(|element| (*version, element))
        }
        (TyKind::Hl7(version, name), Step::Component(number)) => {
            let shape = standards.datatype(*version, name);
            shape.and_then(|shape| shape.element(&number.to_string()).cloned()).map(|element| (*version, element))
        }
        _ => return kind,
    };
    match element {
        Some((version, element)) => {
            titles.push(element.title.clone());
            TyKind::Hl7(version, element.types.first().map(|ty| ty.name.clone()).unwrap_or_default())
        }
        None => TyKind::Hl7(Version::Union, SmolStr::default()),
    }
}

impl Named {
    /// As a row shows it.
    pub fn shown(&self, standards: &Standards) -> Source {
        let name = match &self.ty.kind {
            TyKind::Segment(version, name) if self.titles.is_empty() => {
                standards.segment(*version, name).map(|shape| shape.title.to_string()).unwrap_or_default()
            }
            _ => {
                self.titles.iter().filter(|title| !title.is_empty()).map(SmolStr::as_str).collect::<Vec<_>>().join(", ")
            }
        };
        let ty = match &self.ty.kind {
            TyKind::Hl7(_, name) => name.to_string(),
            _ => String::new(),
        };
        Source { path: self.path.clone(), name, ty, cardinality: cardinality(self.ty.count).to_owned() }
    }
}

/// Counts of `.emr` as standards write them.
pub(super) fn cardinality(count: Count) -> &'static str {
    match count {
        Count::One => "1..1",
        Count::Optional => "0..1",
        Count::Any => "0..*",
        Count::Some => "1..*",
    }
}

/// The place in a segment or field of that name in which a rule writes.
pub(super) fn place(standards: &Standards, around: &Named, place: EditPlace) -> Named {
    let repetition = match place.repetition {
        Repetition::Nth(number) => Some(Step::Index(number)),
        Repetition::Whole | Repetition::Each => None,
    };
    let field = (place.field > 0).then_some(Step::Field { number: place.field, repeats: false });
    let numbers = [place.component, place.subcomponent].into_iter().filter(|number| *number > 0);
    let parts = numbers.filter_map(|number| u8::try_from(number).ok()).map(Step::Component);
    let mut named = around.clone();
    let mut at = around.ty.kind.clone();
    for step in field.into_iter().chain(repetition).chain(parts) {
        spell(&mut named.path, &step, "");
        at = enter(standards, at, &step, &mut named.titles);
    }
    named.ty.kind = at;
    named
}

/// The path that an expression is, if it is one.
pub(super) fn path(around: Around, names: &Names, expr: &Expr) -> Option<Named> {
    match &*expr.kind {
        Kind::Path { root, steps } => source(around, names, *root, steps, &expr.ty),
        Kind::Slot(slot) => names.get(slot).cloned(),
        Kind::Pick { list, .. } | Kind::Range { list, .. } => path(around, names, list),
        _ => None,
    }
}
