//! What a map reads of a message and what it leaves on purpose, by the places of the structure: known without a message.
//!
//! A plan is looked at as if each value stood for all that it may ever be: groups, segments and fields of the structure.

use crate::lower::Reason;
use crate::plan::{Block, Part, Plan, RoutineId, Rule, RuleId, Step, Take, Test, Val};
use emr_message::group::{Grammar, NodeId};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// A field of a segment, by the place of the segment in the structure.
pub type Field = (NodeId, u16);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The structure of the messages that the map takes.
    pub grammar: Grammar,
    /// The fields that rules read.
    pub mapped: BTreeMap<Field, BTreeSet<RuleId>>,
    /// The fields that are left, or all of a segment or group.
    pub ignored: BTreeMap<(NodeId, Option<u16>), (RuleId, Reason)>,
    /// The fields in whose place rules of a message that is changed write, or all of a segment that they drop.
    pub written: BTreeMap<(NodeId, Option<u16>), BTreeSet<RuleId>>,
    pub rules: Vec<Rule>,
    /// The node around each.
    pub parents: BTreeMap<NodeId, NodeId>,
}

impl Reads {
    /// Why a field is left: by its own name, else with its segment, or a group around that. A name goes before a sweep.
    pub fn ignored(&self, (node, field): Field) -> Option<&(RuleId, Reason)> {
        let own = self.ignored.get(&(node, Some(field)));
        let around = std::iter::successors(Some(node), |node| self.parents.get(node).copied());
        own.or_else(|| {
            let mut whole = around.filter_map(|node| self.ignored.get(&(node, None)));
            let first = whole.next()?;
            Some(whole.find(|(_, reason)| !reason.swept && first.1.swept).unwrap_or(first))
        })
    }

    /// The rules that write in the place of a field, or drop its segment.
    pub fn replaced(&self, (node, field): Field) -> BTreeSet<RuleId> {
        let both = [Some(field), None].into_iter().filter_map(|field| self.written.get(&(node, field)));
        both.flatten().copied().collect()
    }
}

/// What the map of a plan reads that was made to be accounted for.
pub fn reads(plan: &Plan, reasons: BTreeMap<RuleId, Reason>) -> Reads {
    let reads = Reads {
        grammar: plan.grammar.clone(),
        mapped: BTreeMap::new(),
        ignored: BTreeMap::new(),
        written: BTreeMap::new(),
        rules: plan.rules.clone(),
        parents: plan.grammar.parents(),
    };
    let mut walk = Walk { plan, reasons, rules: Vec::new(), known: FxHashMap::default(), reads };
    let message = |take: &Take| match take {
        Take::Message => Stands::from([Stand::Node(0)]),
        _ => Stands::new(),
    };
    walk.routine(plan.entry, plan.takes.iter().map(message).collect());
    walk.reads
}

/// What a value may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stand {
    /// A group or a segment.
    Node(NodeId),
    Field(NodeId, u16),
}

type Stands = BTreeSet<Stand>;
type Frame = Vec<Stands>;

struct Walk<'p> {
    plan: &'p Plan,
    reasons: BTreeMap<RuleId, Reason>,
    /// The rules that we are under.
    rules: Vec<RuleId>,
    /// What routines give, by what they were given and under which rule.
    known: FxHashMap<(RoutineId, Frame, Option<RuleId>), Stands>,
    reads: Reads,
}

impl<'p> Walk<'p> {
    fn routine(&mut self, id: RoutineId, arguments: Frame) -> Stands {
        let asked = (id, arguments, self.own_rule());
        if let Some(known) = self.known.get(&asked) {
            return known.clone();
        }
        let plan = self.plan;
        // What only a profile asks of is checked, and goes nowhere.
        let Some(routine) = plan.routine(id).filter(|routine| !routine.is_intake()) else { return Stands::new() };
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
            Step::Under { rule, body } => {
                self.rules.push(*rule);
                self.block(body, frame);
                self.rules.pop();
            }
            Step::Take { of, part, to } => {
                let taken = self::of(frame, *of).into_iter().filter_map(|stand| self.take(stand, part)).collect();
                add(frame, *to, taken);
            }
            Step::Decide { test: Test::Present(of), .. } if self.leaves().is_some() => {
                self.leave(&self::of(frame, *of))
            }
            Step::Edit { segment, at, body } => {
                if at.field > 0 {
                    self.write(&self::of(frame, *segment), Some(at.field));
                }
                self.block(body, frame);
            }
            Step::Drop { segment } => self.write(&self::of(frame, *segment), None),
            Step::Each { of, item, body, .. } => {
                add(frame, *item, self::of(frame, *of));
                // A second time, for what the first one added.
                self.block(body, frame);
                self.block(body, frame);
            }
            Step::EachBy { of, item, key, by: _, items, body } => {
                add(frame, *item, self::of(frame, *of));
                add(frame, *items, self::of(frame, *of));
                self.block(key, frame);
                self.block(body, frame);
            }
            Step::Call { routine, arguments, to } => {
                let arguments = arguments.iter().map(|argument| self::of(frame, *argument)).collect();
                let given = self.routine(*routine, arguments);
                if let Some(to) = to {
                    add(frame, *to, given);
                }
            }
            _ => {
                step.blocks().into_iter().for_each(|inner| self.block(inner, frame));
                if let Some(to) = step.sets() {
                    let all = step.uses().into_iter().flat_map(|val| self::of(frame, val)).collect();
                    add(frame, to, all);
                }
            }
        }
    }

    fn take(&mut self, stand: Stand, part: &Part) -> Option<Stand> {
        match (part, stand) {
            (Part::Outer(levels), Stand::Node(node)) => {
                let outer = (0..*levels).try_fold(node, |node, _| self.reads.parents.get(&node).copied())?;
                Some(Stand::Node(outer))
            }
            (Part::Member { name, nth, .. }, Stand::Node(node)) => {
                self.plan.grammar.named(node, name, *nth).map(Stand::Node)
            }
            (Part::Field { number, .. }, Stand::Node(node)) => {
                if self.leaves().is_none() {
                    let rule = self.own_rule();
                    self.reads.mapped.entry((node, *number)).or_default().extend(rule);
                }
                Some(Stand::Field(node, *number))
            }
            (Part::Component(_) | Part::Index(_) | Part::Range(..), stand) => Some(stand),
            (Part::Element(_) | Part::Resource(_), _) => None,
            _ => None,
        }
    }

    /// The rule that leaves something, if we are under one.
    fn leaves(&self) -> Option<(RuleId, &Reason)> {
        let rule = self.rules.last()?;
        Some((*rule, self.reasons.get(rule)?))
    }

    fn leave(&mut self, stands: &Stands) {
        let Some((rule, reason)) = self.leaves().map(|(rule, reason)| (rule, reason.clone())) else { return };
        for stand in stands {
            let place = match stand {
                Stand::Node(node) => (*node, None),
                Stand::Field(node, field) => (*node, Some(*field)),
            };
            let before = self.reads.ignored.get(&place);
            if before.is_none_or(|(_, before)| before.swept && !reason.swept) {
                self.reads.ignored.insert(place, (rule, reason.clone()));
            }
        }
    }

    fn write(&mut self, segments: &Stands, field: Option<u16>) {
        let rule = self.own_rule();
        for segment in segments {
            if let Stand::Node(node) = segment {
                self.reads.written.entry((*node, field)).or_default().extend(rule);
            }
        }
    }

    /// The innermost rule that is not the library's, else the innermost.
    fn own_rule(&self) -> Option<RuleId> {
        let is_own = |rule: &&RuleId| {
            self.plan.rules.get(**rule as usize).is_some_and(|rule| !rule.function.starts_with("std."))
        };
        self.rules.iter().rev().find(is_own).or(self.rules.last()).copied()
    }
}

fn of(frame: &Frame, val: Val) -> Stands {
    frame.get(val as usize).cloned().unwrap_or_default()
}

fn add(frame: &mut Frame, val: Val, stands: Stands) {
    if let Some(place) = frame.get_mut(val as usize) {
        place.extend(stands);
    }
}
