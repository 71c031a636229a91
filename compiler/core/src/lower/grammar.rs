//! The structure of the message that a map takes, as the grammar by which its groups are built.

use crate::check::typed::{Function, TyKind};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::Shape;
use emr_message::Name;
use emr_message::group::{Grammar, Kind, Node};
use smol_str::SmolStr;

/// The structure's name and its grammar; empty for a map over parts of a message.
pub fn of(entry: &Function, standards: &Standards) -> (SmolStr, Grammar) {
    let Some(param) = entry.params.first() else { return Default::default() };
    let (TyKind::Structure(version, key) | TyKind::Group(version, key)) = &param.ty.kind else {
        return Default::default();
    };
    let Some(shape) = standards.structure(*version, key) else { return Default::default() };
    let mut grammar = Grammar { nodes: vec![node(&shape.base, true, false)] };
    let members = members(&shape, *version, standards, &mut grammar);
    if let Some(root) = grammar.nodes.first_mut() {
        root.kind = Kind::Group(members);
    }
    let name = if shape.base.is_empty() { shape.key.clone() } else { shape.base.clone() };
    (name, grammar)
}

fn node(name: &str, required: bool, repeats: bool) -> Node {
    Node { name: name.to_owned(), required, repeats, kind: Kind::Group(Vec::new()) }
}

/// The nodes of a group's elements, in their order: a path's member is an index into them.
fn members(shape: &Shape, version: Version, standards: &Standards, grammar: &mut Grammar) -> Vec<u32> {
    let mut ids = Vec::new();
    for element in &shape.elements {
        let id = u32::try_from(grammar.nodes.len()).unwrap_or(u32::MAX);
        grammar.nodes.push(node(&element.name, element.min > 0, element.repeats()));
        let group = element.types.first().and_then(|ty| standards.structure(version, &ty.shape));
        let kind = match group {
            Some(group) => Kind::Group(members(&group, version, standards, grammar)),
            None => Kind::Segment(Name::read(&element.name).unwrap_or(Name::NONE)),
        };
        if let Some(node) = grammar.nodes.get_mut(id as usize) {
            node.kind = kind;
        }
        ids.push(id);
    }
    ids
}
