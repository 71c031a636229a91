//! Segments for which the structure has no place, and the place where this sender has them.

use super::learn::{grammar_of, grouped};
use crate::check::profile_holder;
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, MANY, Shape, Type};
use emr_message::Message;
use emr_message::group::{Grammar, Groups, Stated};
use indexmap::IndexMap;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// A segment, and what it stands behind.
#[derive(Clone)]
pub(super) struct Stray {
    pub name: SmolStr,
    pub after: SmolStr,
    /// The group in which it then stands, by its key.
    around: SmolStr,
}

/// Gives each segment without a place the one behind the segment that it mostly follows, and says which got none: there
/// they would stand elsewhere in some message.
pub(super) fn place(
    shapes: &mut Vec<Shape>,
    version: Version,
    key: &str,
    messages: &[&Message],
    standards: &Standards,
) -> (Vec<Stray>, Vec<SmolStr>) {
    let grammar = grammar_of(shapes, version, key, standards);
    let mut before: IndexMap<SmolStr, BTreeMap<SmolStr, usize>> = IndexMap::new();
    for message in messages {
        let names: Vec<_> = message.segments().iter().map(|segment| segment.name).collect();
        for segment in grouped(&grammar, message).unplaced().map(|segment| segment as usize) {
            let Some(name) = names.get(segment).filter(|name| !name.is_none()) else { continue };
            let behind = names.get(..segment).unwrap_or_default().iter().rev().find(|other| *other != name);
            if let Some(behind) = behind {
                let counts = before.entry(name.as_str().into()).or_default();
                *counts.entry(behind.as_str().into()).or_default() += 1;
            }
        }
    }
    let (mut placed, mut unplaced) = (Vec::new(), Vec::new());
    for (name, counts) in &before {
        let mostly = counts.iter().max_by_key(|(_, count)| **count).map(|(name, _)| name.clone());
        let known = standards.segment(version, name).is_some();
        let stray = mostly.filter(|_| known).and_then(|after| {
            Some(Stray {
                name: name.clone(),
                around: profile_holder(shapes, &after, &|_| true).ok().and_then(|index| shapes.get(index))?.key.clone(),
                after,
            })
        });
        let kept = shapes.clone();
        match stray.filter(|stray| insert(shapes, stray)) {
            Some(stray) => {
                placed.push(stray);
                if !is_kept(shapes, version, key, messages, standards, &placed) {
                    placed.pop();
                    *shapes = kept;
                    unplaced.push(name.clone());
                }
            }
            None => unplaced.push(name.clone()),
        }
    }
    (placed, unplaced)
}

impl Stray {
    /// Whether it stands in the group of that key.
    pub fn is_in(&self, around: &str) -> bool {
        self.around == around
    }
}

fn insert(shapes: &mut [Shape], stray: &Stray) -> bool {
    let Some(shape) = shapes.iter_mut().find(|shape| shape.key == stray.around) else { return false };
    let Some(index) = shape.elements.iter().position(|element| element.name == stray.after) else { return false };
    let types = vec![Type { name: stray.name.clone(), shape: stray.name.clone(), targets: Vec::new() }];
    shape.elements.insert(index + 1, Element { types, ..Element::new(&stray.name, 0, MANY) });
    true
}

/// Whether in all messages these segments stand where they were put.
fn is_kept(
    shapes: &[Shape],
    version: Version,
    key: &str,
    messages: &[&Message],
    standards: &Standards,
    placed: &[Stray],
) -> bool {
    let grammar = grammar_of(shapes, version, key, standards);
    let stated: Vec<_> = placed.iter().filter_map(|stray| stated(&grammar, key, stray)).collect();
    let is_kept = |groups: Groups| groups.misplaced(&stated).is_empty();
    messages.iter().all(|message| is_kept(grouped(&grammar, message)))
}

fn stated(grammar: &Grammar, key: &str, stray: &Stray) -> Option<Stated> {
    let groups = stray.around.strip_prefix(key)?.split('.').filter(|name| !name.is_empty());
    let around = groups.into_iter().try_fold(0, |node, name| grammar.named(node, name, 0))?;
    let (node, beside) = (grammar.named(around, &stray.name, 0)?, grammar.named(around, &stray.after, 0)?);
    Some(Stated { node, beside, after: true })
}
