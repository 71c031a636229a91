//! Which fields of which segments a plan ever looks at.

use crate::check::typed::{Function, TyKind};
use crate::plan::{Block, Part, Reads, Routine, RoutineId, Step, Val};
use emr_message::group::{Grammar, Kind, NodeId};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// What a value may be, as far as it matters here: nodes of the grammar, or a field of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Origin {
    Node(NodeId),
    Segment(SmolStr),
    Field(SmolStr, u16, u8),
}

type Origins = FxHashSet<Origin>;

struct Walker<'a> {
    routines: &'a [Routine],
    grammar: &'a Grammar,
    parents: FxHashMap<NodeId, NodeId>,
    /// For each routine, what its values may be.
    known: Vec<FxHashMap<Val, Origins>>,
    reads: BTreeMap<SmolStr, Reads>,
    changed: bool,
}

/// By segment, what the routines read, followed from the entry's parameters until nothing new is found.
pub fn of(routines: &[Routine], grammar: &Grammar, entry: &Function, id: RoutineId) -> BTreeMap<SmolStr, Reads> {
    let mut parents = FxHashMap::default();
    for (index, node) in grammar.nodes.iter().enumerate() {
        if let Kind::Group(members) | Kind::Choice(members) = &node.kind {
            parents.extend(members.iter().map(|member| (*member, u32::try_from(index).unwrap_or(u32::MAX))));
        }
    }
    let known = vec![FxHashMap::default(); routines.len()];
    let mut walker = Walker { routines, grammar, parents, known, reads: BTreeMap::new(), changed: true };
    for (val, param) in (0..).zip(&entry.params) {
        let origin = match &param.ty.kind {
            TyKind::Structure(..) | TyKind::Group(..) => Origin::Node(0),
            TyKind::Segment(_, name) => Origin::Segment(name.clone()),
            _ => continue,
        };
        walker.add(id, val, origin);
    }
    // Each round reaches at least one more routine or value; calls do not recurse.
    while std::mem::take(&mut walker.changed) {
        for routine in 0..u32::try_from(routines.len()).unwrap_or(u32::MAX) {
            let Some(found) = routines.get(routine as usize) else { continue };
            walker.block(routine, &found.body);
        }
    }
    walker.reads
}

impl Walker<'_> {
    fn add(&mut self, routine: RoutineId, val: Val, origin: Origin) {
        let Some(known) = self.known.get_mut(routine as usize) else { return };
        self.changed |= known.entry(val).or_default().insert(origin);
    }

    fn origins(&self, routine: RoutineId, val: Val) -> Vec<Origin> {
        let known = self.known.get(routine as usize).and_then(|known| known.get(&val));
        known.into_iter().flatten().cloned().collect()
    }

    fn copy(&mut self, routine: RoutineId, from: Val, to: Val) {
        for origin in self.origins(routine, from) {
            self.add(routine, to, origin);
        }
    }

    fn block(&mut self, routine: RoutineId, steps: &Block) {
        for step in steps {
            match step {
                Step::Take { of, part, to } => {
                    for origin in self.origins(routine, *of) {
                        self.take(routine, &origin, part, *to);
                    }
                }
                Step::Set { from, to } => self.copy(routine, *from, *to),
                Step::Filter { of, item, to, .. } => {
                    self.copy(routine, *of, *item);
                    self.copy(routine, *of, *to);
                }
                Step::Each { of, item, .. } => self.copy(routine, *of, *item),
                Step::EachBy { of, item, items, .. } => {
                    self.copy(routine, *of, *item);
                    self.copy(routine, *of, *items);
                }
                Step::Pick { of, to, .. } | Step::Push { of, to } => self.copy(routine, *of, *to),
                Step::Gather { parts, to } => {
                    for part in parts {
                        self.copy(routine, *part, *to);
                    }
                }
                Step::Call { routine: called, arguments, to } => {
                    for (param, argument) in (0..).zip(arguments) {
                        for origin in self.origins(routine, *argument) {
                            self.add(*called, param, origin);
                        }
                    }
                    let result = self.routines.get(*called as usize).and_then(|routine| routine.result);
                    if let (Some(to), Some(result)) = (to, result) {
                        for origin in self.origins(*called, result) {
                            self.add(routine, *to, origin);
                        }
                    }
                }
                // A coded field is looked up by its code and its system.
                Step::Translate { of, .. } => self.parts(routine, *of),
                _ => {}
            }
            for inner in step.blocks() {
                self.block(routine, inner);
            }
        }
    }

    fn parts(&mut self, routine: RoutineId, val: Val) {
        for origin in self.origins(routine, val) {
            if let Origin::Field(segment, _, 0) = origin {
                self.reads.entry(segment).or_default().components = true;
            }
        }
    }

    fn take(&mut self, routine: RoutineId, origin: &Origin, part: &Part, to: Val) {
        match (origin, part) {
            (Origin::Node(node), Part::Outer(levels)) => {
                let outer = (0..*levels).try_fold(*node, |node, _| self.parents.get(&node).copied());
                if let Some(outer) = outer {
                    self.add(routine, to, Origin::Node(outer));
                }
            }
            (Origin::Node(node), Part::Member(member)) => {
                let members = self.grammar.nodes.get(*node as usize).map(|node| &node.kind);
                let Some(Kind::Group(members)) = members else { return };
                let Some(&member) = members.get(*member as usize) else { return };
                let found = match self.grammar.nodes.get(member as usize) {
                    Some(node) if matches!(node.kind, Kind::Segment(_)) => Origin::Segment(node.name.as_str().into()),
                    _ => Origin::Node(member),
                };
                self.add(routine, to, found);
            }
            (Origin::Segment(name), Part::Field { number, repeats }) => {
                let reads = self.reads.entry(name.clone()).or_default();
                reads.repetitions |= *repeats;
                reads.fields.insert(*number);
                self.add(routine, to, Origin::Field(name.clone(), *number, 0));
            }
            (Origin::Field(name, number, depth), Part::Component(_)) => {
                let reads = self.reads.entry(name.clone()).or_default();
                if *depth == 0 {
                    reads.components = true;
                } else {
                    reads.subcomponents = true;
                }
                self.add(routine, to, Origin::Field(name.clone(), *number, depth.saturating_add(1).min(2)));
            }
            (origin, Part::Index(_) | Part::Range(..)) => {
                if let Origin::Field(name, ..) = origin {
                    self.reads.entry(name.clone()).or_default().repetitions = true;
                }
                self.add(routine, to, origin.clone());
            }
            _ => {}
        }
    }
}
