//! The structure of a profile: a copy of the standard's, of several one that holds them all, with segments where the
//! sender has them.

use super::ProfileFacts;
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, Kind, MANY, Shape, Type};
use crate::syntax::tree::{PartKind, Path, ProfileLine, Side, Word};
use smol_str::{SmolStr, format_smolstr};

/// The structures as one, and all groups in it, under keys that begin with the profile's.
pub(crate) fn own(standards: &Standards, version: Version, of: &[std::sync::Arc<Shape>], key: &SmolStr) -> Vec<Shape> {
    let copies = of.iter().map(|base| copied(standards, version, base, key));
    copies.reduce(both).unwrap_or_default()
}

fn copied(standards: &Standards, version: Version, base: &Shape, key: &SmolStr) -> Vec<Shape> {
    let mut copied = Vec::new();
    let mut waiting = vec![(base.clone(), key.clone())];
    while let Some((mut shape, key)) = waiting.pop() {
        for element in &mut shape.elements {
            let Some(ty) = element.types.first_mut() else { continue };
            if let Some(group) = standards.structure(version, &ty.shape).filter(|shape| shape.kind == Kind::Group) {
                let own = format_smolstr!("{key}.{}", element.name);
                ty.shape = own.clone();
                waiting.push((Shape::clone(&group), own));
            }
        }
        shape.base = std::mem::replace(&mut shape.key, key);
        copied.push(shape);
    }
    copied
}

/// What holds the messages of either: each place that one of them has, required where both require it.
fn both(mut one: Vec<Shape>, other: Vec<Shape>) -> Vec<Shape> {
    for shape in other {
        match one.iter_mut().find(|known| known.key == shape.key) {
            Some(known) => known.elements = interleaved(&known.elements, &shape.elements),
            None => one.push(shape),
        }
    }
    one
}

/// Two sequences as one that keeps the order of both, with as many places as possible shared.
fn interleaved(one: &[Element], other: &[Element]) -> Vec<Element> {
    let same = |a: &Element, b: &Element| a.name == b.name && a.types == b.types;
    // How many places the rest of both can share, from each pair of places on.
    let width = other.len() + 1;
    let mut shared = vec![0usize; (one.len() + 1) * width];
    let count = |shared: &[usize], a: usize, b: usize| shared.get(a * width + b).copied().unwrap_or_default();
    for (a, left) in one.iter().enumerate().rev() {
        for (b, right) in other.iter().enumerate().rev() {
            let most = if same(left, right) {
                count(&shared, a + 1, b + 1) + 1
            } else {
                count(&shared, a + 1, b).max(count(&shared, a, b + 1))
            };
            if let Some(place) = shared.get_mut(a * width + b) {
                *place = most;
            }
        }
    }
    let optional = |element: &Element| Element { min: 0, ..element.clone() };
    let (mut a, mut b, mut all) = (0, 0, Vec::new());
    loop {
        match (one.get(a), other.get(b)) {
            (Some(left), Some(right)) if same(left, right) => {
                all.push(Element { min: left.min.min(right.min), max: left.max.max(right.max), ..left.clone() });
                (a, b) = (a + 1, b + 1);
            }
            (Some(left), right) if right.is_none() || count(&shared, a + 1, b) >= count(&shared, a, b + 1) => {
                all.push(optional(left));
                a += 1;
            }
            (_, Some(right)) => {
                all.push(optional(right));
                b += 1;
            }
            (_, None) => return all,
        }
    }
}

/// `ZPI 0..1 after PID`, `INSURANCE.ZIN 0..1 after IN1`, `SPECIMEN 0..1 before OBSERVATION`: puts a segment where the
/// sender has it. False if that cannot be, which is then reported.
pub(super) fn place_segment(
    shapes: &mut [Shape],
    line: &ProfileLine,
    standards: &Standards,
    version: Version,
    facts: &mut ProfileFacts,
) -> bool {
    let Some((side, beside)) = &line.stands else { return true };
    let Some((around, name)) = member(&line.path) else {
        let message = "only segments and groups stand after others";
        facts.problems.push(Diagnostic::new(Code::WrongProfile, line.at.clone(), message));
        return false;
    };
    let is_around = |shape: &Shape| around.is_empty() || shape.key.ends_with(&format!(".{around}"));
    let shape = match holder(shapes, &beside.text, &is_around) {
        Ok(index) => shapes.get_mut(index),
        Err(near) => {
            facts.problems.push(nowhere(beside, &around, &near, shapes));
            None
        }
    };
    let Some(shape) = shape else { return false };
    let own = shape.elements.iter().position(|element| element.name == name.text);
    let element = match own {
        Some(_) if name.text == beside.text => {
            let message = format!("`{}` cannot stand beside itself", name.text);
            facts.problems.push(Diagnostic::new(Code::WrongProfile, beside.at.clone(), message));
            return false;
        }
        Some(index) => shape.elements.remove(index),
        None if standards.segment(version, &name.text).is_some() => segment_element(&name.text),
        None => {
            let message = format!("there is no segment `{}`", name.text);
            let diagnostic = Diagnostic::new(Code::UnknownPath, name.at.clone(), message);
            facts.problems.push(diagnostic.help(format!("declare it: `segment {} {{ 1 ST? \"…\" }}`", name.text)));
            return false;
        }
    };
    let index = shape.elements.iter().position(|element| element.name == beside.text).unwrap_or(0);
    let index = if *side == Side::After { index + 1 } else { index };
    shape.elements.insert(index, element);
    true
}

/// The groups around a segment that a path names, and its name.
fn member(path: &Path) -> Option<(String, Word)> {
    let mut around = String::new();
    let mut name = path.root.clone()?;
    for part in &path.parts {
        let PartKind::Child(inner) = &part.kind else { return None };
        around = if around.is_empty() { name.text.to_string() } else { format!("{around}.{}", name.text) };
        name = Word { text: inner.clone(), at: part.at.clone() };
    }
    Some((around, name))
}

/// The group in which a segment stands that others stand beside: the nearest, of several the one that requires it. Where
/// there is not one, those that are equally near.
pub(crate) fn holder(shapes: &[Shape], beside: &str, may_be: &dyn Fn(&Shape) -> bool) -> Result<usize, Vec<usize>> {
    let named = |shape: &Shape| {
        let found = shape.elements.iter().find(|element| element.name == beside);
        found.filter(|_| may_be(shape)).map(|it| it.min > 0)
    };
    let depth = |shape: &Shape| shape.key.matches('.').count();
    let all = || shapes.iter().enumerate().filter_map(|(index, shape)| Some((index, depth(shape), named(shape)?)));
    let nearest = all().map(|(_, depth, _)| depth).min();
    let near: Vec<_> = all().filter(|(_, depth, _)| Some(*depth) == nearest).collect();
    let requires: Vec<_> = near.iter().filter(|(_, _, required)| *required).collect();
    match (near.as_slice(), requires.as_slice()) {
        ([(only, ..)], _) | (_, [(only, ..)]) => Ok(*only),
        _ => Err(near.iter().map(|(index, ..)| *index).collect()),
    }
}

fn nowhere(beside: &Word, around: &str, near: &[usize], shapes: &[Shape]) -> Diagnostic {
    if near.is_empty() {
        let holder = if around.is_empty() { "the structure".to_owned() } else { format!("`{around}`") };
        let message = format!("{holder} has no `{}`", beside.text);
        return Diagnostic::new(Code::UnknownPath, beside.at.clone(), message);
    }
    let groups = near.iter().filter_map(|index| shapes.get(*index));
    let groups: Vec<_> =
        groups.map(|shape| format!("`{}`", shape.key.rsplit('.').next().unwrap_or_default())).collect();
    let message = format!("`{}` stands in {}", beside.text, groups.join(" and "));
    let diagnostic = Diagnostic::new(Code::AmbiguousPlace, beside.at.clone(), message);
    diagnostic.help("name a segment that stands in one group alone")
}

/// A segment as a place of a structure, any number of them.
pub(super) fn segment_element(name: &SmolStr) -> Element {
    let types = vec![Type { name: name.clone(), shape: name.clone(), targets: Vec::new() }];
    Element { types, ..Element::new(name, 0, MANY) }
}
