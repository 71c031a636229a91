//! The structure of a message as the grammar that its groups are built by, so that a host never opens a dictionary.

use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, Kind as ShapeKind, Shape};
use emr_message::Name;
use emr_message::group::{Grammar, Kind, Node, NodeId};

/// Structures nest no deeper; the bound keeps a damaged table from looping.
const DEPTH_MAX: u32 = 12;

pub(crate) fn of(version: Version, key: &str, standards: &Standards) -> Grammar {
    let mut grammar = Grammar::default();
    if let Some(shape) = standards.structure(version, key) {
        let name = if shape.base.is_empty() { shape.key.to_string() } else { shape.base.to_string() };
        grammar.nodes.push(Node { name, required: true, repeats: false, kind: Kind::Group(Vec::new()) });
        let members = members(&mut grammar, version, &shape, standards, 0);
        if let Some(node) = grammar.nodes.first_mut() {
            node.kind = Kind::Group(members);
        }
    }
    grammar
}

/// A segment that a sender never sends at a place gives way to the same one at a place behind it: what comes there is meant
/// for that. Where there is none it keeps its place, so that somebody is told.
pub(super) fn give_way(grammar: &mut Grammar, never: &[NodeId]) {
    let mut left = Vec::new();
    for &id in never {
        let Some(node) = grammar.nodes.get_mut(id as usize) else { continue };
        if let Kind::Segment(name) = node.kind {
            node.kind = Kind::Choice(Vec::new());
            left.push((id, name, std::mem::take(&mut node.required)));
        }
    }
    for (id, name, required) in left {
        let kept = !grammar.may_follow(id, name);
        if let Some(node) = grammar.nodes.get_mut(id as usize).filter(|_| kept) {
            (node.kind, node.required) = (Kind::Segment(name), required);
        }
    }
}

fn members(grammar: &mut Grammar, version: Version, shape: &Shape, standards: &Standards, depth: u32) -> Vec<NodeId> {
    let mut members = Vec::new();
    for element in shape.elements.iter().filter(|element| element.max > 0) {
        if depth < DEPTH_MAX {
            members.push(member(grammar, version, element, standards, depth));
        }
    }
    members
}

fn member(grammar: &mut Grammar, version: Version, element: &Element, standards: &Standards, depth: u32) -> NodeId {
    let id = u32::try_from(grammar.nodes.len()).unwrap_or(u32::MAX);
    let name = element.name.to_string();
    let node = Node { name, required: element.min > 0, repeats: element.repeats(), kind: Kind::Choice(Vec::new()) };
    grammar.nodes.push(node);
    let group = element.types.first().and_then(|ty| standards.structure(version, &ty.shape));
    let kind = match group.filter(|shape| shape.kind == ShapeKind::Group) {
        Some(group) => Kind::Group(members(grammar, version, &group, standards, depth + 1)),
        None => match Name::read(&element.name) {
            Some(name) => Kind::Segment(name),
            None => Kind::Choice(Vec::new()),
        },
    };
    if let Some(node) = grammar.nodes.get_mut(id as usize) {
        node.kind = kind;
    }
    id
}
