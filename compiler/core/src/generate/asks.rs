//! What a plan asks of the places of a message: with what they are compared, what they are looked up by, into what they
//! are converted. Known without a message: each value stands for all places that it may come from, and for all constants.

use crate::check::typed::{CodeKey, Primitive};
use crate::plan::{Block, Cell, Constant, Part, Plan, RoutineId, Step, Take, Test, Val};
use emr_message::group::NodeId;
use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of a table that are taken as examples.
const ROWS_MAX: usize = 3;

/// A part of a segment, by the place of the segment in the structure; 0 where it is the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub node: NodeId,
    pub field: u16,
    pub component: u8,
    pub subcomponent: u8,
}

/// What is asked of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// With what it is compared, and by what it is looked up.
    pub texts: BTreeSet<SmolStr>,
    /// Patterns that it is held against.
    pub patterns: BTreeSet<SmolStr>,
    pub into: Vec<Primitive>,
}

/// Of a message by the place, of a resource by the path: `name.family`, `entry.resource:Observation.valueQuantity.unit`,
/// `:Patient.name` of what may be any resource.
#[derive(Default)]
pub struct Asks {
    pub message: BTreeMap<Place, Asked>,
    pub resource: BTreeMap<SmolStr, Asked>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stand {
    Node(NodeId),
    Part(Place),
    Element(SmolStr),
    Text(SmolStr),
}

type Stands = BTreeSet<Stand>;
type Frame = Vec<Stands>;

/// What the map of a plan asks.
pub fn asks(plan: &Plan) -> Asks {
    let mut walk = Walk { plan, parents: plan.grammar.parents(), known: FxHashMap::default(), asks: Asks::default() };
    let given = |take: &Take| match take {
        Take::Message => Stands::from([Stand::Node(0)]),
        Take::Resource(_) => Stands::from([Stand::Element(SmolStr::default())]),
        _ => Stands::new(),
    };
    walk.routine(plan.entry, plan.takes.iter().map(given).collect());
    walk.asks
}

struct Walk<'p> {
    plan: &'p Plan,
    parents: BTreeMap<NodeId, NodeId>,
    known: FxHashMap<(RoutineId, Frame), Stands>,
    asks: Asks,
}

impl<'p> Walk<'p> {
    fn routine(&mut self, id: RoutineId, arguments: Frame) -> Stands {
        let asked = (id, arguments);
        if let Some(known) = self.known.get(&asked) {
            return known.clone();
        }
        let plan = self.plan;
        let Some(routine) = plan.routine(id) else { return Stands::new() };
        let mut frame = asked.1.clone();
        frame.resize(routine.vals as usize, Stands::new());
        self.block(&routine.body, &mut frame);
        let given = routine.result.map(|result| of(&frame, result)).unwrap_or_default();
        self.known.insert(asked, given.clone());
        given
    }

    fn block(&mut self, block: &'p Block, frame: &mut Frame) {
        block.iter().for_each(|step| self.step(step, frame));
    }

    fn step(&mut self, step: &'p Step, frame: &mut Frame) {
        match step {
            Step::Take { of, part, to } => {
                let taken = self::of(frame, *of).into_iter().flat_map(|stand| self.take(stand, part)).collect();
                return add(frame, *to, taken);
            }
            Step::Constant { value: Constant::Text(text), to } => {
                return add(frame, *to, Stands::from([Stand::Text(text.clone())]));
            }
            Step::Constant { value: Constant::Coded { code, .. }, to } => {
                return add(frame, *to, Stands::from([Stand::Text(code.clone())]));
            }
            Step::Each { of, item, body, .. } => {
                add(frame, *item, self::of(frame, *of));
                // A second time, for what the first one added.
                self.block(body, frame);
                return self.block(body, frame);
            }
            Step::EachBy { of, item, key, items, body, .. } => {
                add(frame, *item, self::of(frame, *of));
                add(frame, *items, self::of(frame, *of));
                self.block(key, frame);
                return self.block(body, frame);
            }
            Step::Call { routine, arguments, to } => {
                let arguments = arguments.iter().map(|argument| self::of(frame, *argument)).collect();
                let given = self.routine(*routine, arguments);
                if let Some(to) = to {
                    add(frame, *to, given);
                }
                return;
            }
            Step::If { test, .. } | Step::Decide { test, .. } => self.test(test, frame),
            Step::Choose { of, arms, .. } => {
                let keys = arms.iter().flat_map(|(keys, _)| keys).map(|key| match key {
                    CodeKey::Code(code) => code.clone(),
                    CodeKey::Range(from, _) => format_smolstr!("{from}"),
                });
                let keys: Vec<SmolStr> = keys.collect();
                self.compared(&self::of(frame, *of), keys);
            }
            Step::Convert { of, into, .. } => {
                self.each_asked(&self::of(frame, *of), &mut |asked| {
                    if !asked.into.contains(into) {
                        asked.into.push(*into);
                    }
                });
            }
            Step::Lookup { table, keys, cell, to } => {
                let Some(table) = self.plan.tables.get(*table as usize) else { return };
                for (index, key) in (0..).zip(keys) {
                    let texts = table.iter().take(ROWS_MAX).filter_map(|row| row.cell(index).map(SmolStr::from));
                    self.compared(&self::of(frame, *key), texts.collect());
                }
                let (Cell::Text(cell) | Cell::Code(cell)) = cell;
                let given = table.iter().take(ROWS_MAX).filter_map(|row| row.cell(*cell).map(SmolStr::from));
                return add(frame, *to, given.map(Stand::Text).collect());
            }
            _ => {}
        }
        step.blocks().into_iter().for_each(|inner| self.block(inner, frame));
        if let Some(to) = step.sets() {
            let all = step.uses().into_iter().flat_map(|val| self::of(frame, val)).collect();
            add(frame, to, all);
        }
    }

    fn take(&mut self, stand: Stand, part: &Part) -> Vec<Stand> {
        if let Stand::Element(path) = &stand {
            let taken = elements(path, part);
            for path in &taken {
                self.asks.resource.entry(path.clone()).or_default();
            }
            return taken.into_iter().map(Stand::Element).collect();
        }
        let taken = self.down(stand, part);
        if let Some(Stand::Part(place)) = &taken {
            self.asks.message.entry(*place).or_default();
        }
        taken.into_iter().collect()
    }

    fn down(&self, stand: Stand, part: &Part) -> Option<Stand> {
        Some(match (part, stand) {
            (Part::Outer(levels), Stand::Node(node)) => {
                let outer = (0..*levels).try_fold(node, |node, _| self.parents.get(&node).copied())?;
                Stand::Node(outer)
            }
            (Part::Member { name, nth, .. }, Stand::Node(node)) => {
                Stand::Node(self.plan.grammar.named(node, name, *nth)?)
            }
            (Part::Field { number, .. }, Stand::Node(node)) => {
                Stand::Part(Place { node, field: *number, ..Place::default() })
            }
            (Part::Component(number), Stand::Part(place)) => Stand::Part(match place.component {
                0 => Place { component: *number, ..place },
                _ => Place { subcomponent: *number, ..place },
            }),
            (_, stand) => stand,
        })
    }

    /// Each place that a value may come from.
    fn each_asked(&mut self, stands: &Stands, ask: &mut dyn FnMut(&mut Asked)) {
        for stand in stands {
            match stand {
                Stand::Part(place) => ask(self.asks.message.entry(*place).or_default()),
                Stand::Element(path) => ask(self.asks.resource.entry(path.clone()).or_default()),
                Stand::Node(_) | Stand::Text(_) => {}
            }
        }
    }

    fn test(&mut self, test: &Test, frame: &Frame) {
        match test {
            Test::Compare { left, right, .. } => {
                let (left, right) = (of(frame, *left), of(frame, *right));
                self.compared(&left, texts(&right));
                self.compared(&right, texts(&left));
            }
            Test::In { of: val, list, .. } => {
                let all = list.iter().flat_map(|item| texts(&of(frame, *item))).collect();
                self.compared(&of(frame, *val), all);
            }
            Test::Matches { of: val, pattern } => {
                self.each_asked(&of(frame, *val), &mut |asked| {
                    asked.patterns.insert(pattern.clone());
                });
            }
            Test::Not(test) => self.test(test, frame),
            Test::Both(left, right) | Test::Either(left, right) => {
                self.test(left, frame);
                self.test(right, frame);
            }
            _ => {}
        }
    }

    fn compared(&mut self, stands: &Stands, with: Vec<SmolStr>) {
        let with: Vec<SmolStr> = with.into_iter().filter(|text| !text.is_empty()).collect();
        self.each_asked(stands, &mut |asked| asked.texts.extend(with.iter().cloned()));
    }
}

/// The paths of elements below another. A resource by its type is one of those that may stand in a Bundle, also where a
/// reference leads to it.
fn elements(path: &SmolStr, part: &Part) -> Vec<SmolStr> {
    match part {
        Part::Element(names) if path.is_empty() => names.clone(),
        Part::Element(names) => names.iter().map(|name| format_smolstr!("{path}.{name}")).collect(),
        Part::Resource(name) if path.is_empty() || path.ends_with("contained") => {
            vec![format_smolstr!("{path}:{name}")]
        }
        Part::Resource(name) => vec![format_smolstr!("entry.resource:{name}")],
        _ => vec![path.clone()],
    }
}

fn texts(stands: &Stands) -> Vec<SmolStr> {
    let text = |stand: &Stand| match stand {
        Stand::Text(text) => Some(text.clone()),
        _ => None,
    };
    stands.iter().filter_map(text).collect()
}

fn of(frame: &Frame, val: Val) -> Stands {
    frame.get(val as usize).cloned().unwrap_or_default()
}

fn add(frame: &mut Frame, val: Val, stands: Stands) {
    if let Some(place) = frame.get_mut(val as usize) {
        place.extend(stands);
    }
}
