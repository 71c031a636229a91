//! Reads the blocks of the embedded facts; `hl7v2.py` in `stdlib/standards/extract` says how they are written.

use emr_stdlib::hl7v2::Facts;
use smol_str::{SmolStr, format_smolstr};

use super::{Table, Version};
use crate::standard::shape::{Binding, Element, Kind, MANY, Shape, Strength, Type};

/// A structure, then its groups, outer before inner.
pub(super) fn structure<'a>(name: &str, mut lines: impl Iterator<Item = &'a str>) -> Vec<Shape> {
    let mut shapes = vec![empty(name.into(), Kind::Structure, title(lines.next()))];
    // The shapes that are open, by their place in `shapes`: the structure, a group in it, a group in that.
    let mut open = vec![0];
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        open.truncate(depth + 1);
        let Some((at, parent)) = open.last().and_then(|at| Some((*at, shapes.get(*at)?.key.clone()))) else { continue };
        let Some(member) = member(line.trim_start(), &parent) else { continue };
        let group = member.types.first().filter(|kind| kind.shape != kind.name).map(|kind| kind.shape.clone());
        if let Some(shape) = shapes.get_mut(at) {
            shape.elements.push(member);
        }
        if let Some(key) = group {
            open.push(shapes.len());
            shapes.push(empty(key, Kind::Group, SmolStr::default()));
        }
    }
    shapes
}

/// `NK1 0..*`, `INSURANCE 0..* group @2.2-`: a member of the structure or group of the key `parent`.
fn member(line: &str, parent: &str) -> Option<Element> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let (min, max) = cardinality(words.next()?)?;
    let mut element = Element::new(name, min, max);
    let mut shape = SmolStr::new(name);
    for word in words {
        if let Some(life) = word.strip_prefix('@') {
            (element.since, element.withdrawn) = between(life);
        } else {
            shape = format_smolstr!("{parent}.{name}");
            element.choice = word == "choice";
        }
    }
    element.types.push(Type { name: name.into(), shape, targets: Vec::new() });
    Some(element)
}

/// A segment with its fields, or a data type with its components.
pub(super) fn shape<'a>(kind: &str, name: &str, mut lines: impl Iterator<Item = &'a str>) -> Shape {
    let title = title(lines.next());
    let elements: Vec<Element> = lines.filter_map(field).collect();
    let kind = match (kind, elements.is_empty()) {
        ("segment", _) => Kind::Segment,
        (_, false) => Kind::Composite,
        (_, true) => Kind::Hl7Primitive,
    };
    Shape { elements, ..empty(name.into(), kind, title) }
}

/// `8 0..1 CWE 1 0001 @2.1- Administrative Sex`
fn field(line: &str) -> Option<Element> {
    let mut words = line.splitn(6, ' ');
    let number = words.next()?;
    let (min, max) = cardinality(words.next()?)?;
    let mut element = Element::new(number, min, max);
    let kind = words.next()?;
    if kind != "-" {
        element.types.push(Type { name: kind.into(), shape: kind.into(), targets: Vec::new() });
    }
    element.length = words.next()?.parse().ok()?;
    let table = words.next()?;
    if table != "-" {
        let strength = if kind == "ID" { Strength::Required } else { Strength::Extensible };
        element.binding = Some(Binding { strength, set: format_smolstr!("v2-{table}") });
    }
    let mut title = words.next().unwrap_or_default();
    if let Some(rest) = title.strip_prefix('@') {
        let (life, after) = rest.split_once(' ').unwrap_or((rest, ""));
        (element.since, element.withdrawn) = between(life);
        title = after;
    }
    element.title = title.into();
    Some(element)
}

/// The lines `code, versions, text` of a table, those of one version.
pub(super) fn table<'a>(version: Version, number: &str, mut lines: impl Iterator<Item = &'a str>) -> Table {
    let name = title(lines.next());
    let codes = lines.filter_map(|line| {
        let mut parts = line.split('\t');
        let (code, spans) = (parts.next()?, parts.next()?);
        has(version, spans).then(|| (code.into(), parts.next().unwrap_or_default().into()))
    });
    Table { number: number.into(), name, codes: codes.collect() }
}

/// Whether `2.3.1-2.5,2.7` names the version; `-` names all.
fn has(version: Version, spans: &str) -> bool {
    let covers = |span: &str| {
        let (from, to) = span.split_once('-').unwrap_or((span, span));
        Version::parse(from).zip(Version::parse(to)).is_some_and(|(from, to)| from <= version && version <= to)
    };
    version <= Version::V2_3 || version == Version::Union || spans == "-" || spans.split(',').any(covers)
}

/// The structure of an event in the facts of a version.
pub(super) fn event(facts: &Facts, event: &str) -> Option<&'static str> {
    facts.block("events", "")?.find_map(|line| line.strip_prefix(event)?.strip_prefix(' '))
}

/// All events of a version: code, event and structure of the message.
pub(super) fn events(facts: &Facts) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    facts.block("events", "").into_iter().flatten().filter_map(|line| {
        let (event, structure) = line.split_once(' ')?;
        let (code, event) = event.split_once('_')?;
        Some((code, event, structure))
    })
}

/// What stands behind kind and name in a heading `# segment PID Patient Identification`.
fn title(heading: Option<&str>) -> SmolStr {
    heading.and_then(|heading| heading.splitn(4, ' ').nth(3)).unwrap_or_default().into()
}

fn cardinality(text: &str) -> Option<(u32, u32)> {
    let (min, max) = text.split_once("..")?;
    Some((min.parse().ok()?, if max == "*" { MANY } else { max.parse().ok()? }))
}

/// `2.1-2.7`, `2.4-`: the first version that has a place, and the first that has it no more.
fn between(life: &str) -> (Option<SmolStr>, Option<SmolStr>) {
    let version = |text: &str| (!text.is_empty()).then(|| SmolStr::new(text));
    let (since, withdrawn) = life.split_once('-').unwrap_or((life, ""));
    (version(since), version(withdrawn))
}

fn empty(key: SmolStr, kind: Kind, title: SmolStr) -> Shape {
    Shape { base: key.clone(), key, kind, title, url: SmolStr::default(), elements: Vec::new() }
}
