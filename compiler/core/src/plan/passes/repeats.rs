//! What is taken twice of one value is taken once: a field and its parts are read again by each rule of the text, and
//! compiled code takes a value apart anew for each place that asks.
//!
//! Only of values that are set in one place: such a one is the same wherever it is set for certain.

use crate::check::typed::{Pick, Primitive};
use crate::plan::vals::{Use, each_val};
use crate::plan::{Block, IssueId, Part, Plan, Said, Step, Val};
use rustc_hash::{FxHashMap, FxHashSet};

pub fn run(plan: &mut Plan) {
    let issues = &plan.issues;
    for routine in &mut plan.routines {
        let mut set: FxHashSet<Val> = (0..routine.params).collect();
        let mut several = FxHashSet::default();
        each_val(&mut routine.body, &mut |val, used| {
            if used != Use::Reads && !set.insert(*val) {
                several.insert(*val);
            }
        });
        // What is set on some ways alone is missing on others.
        several.extend(routine.unset());
        several.extend(routine.result);
        let mut pass = Repeats { issues, several, same: FxHashMap::default() };
        pass.block(&mut routine.body, &mut FxHashMap::default());
        let same = pass.same;
        each_val(&mut routine.body, &mut |val, used| {
            if used == Use::Reads
                && let Some(first) = same.get(val)
            {
                *val = *first;
            }
        });
    }
}

/// What is done with a value to find another.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Found {
    Take(Part),
    /// With what is said if it is invalid: the same is said of one place once.
    Convert(Primitive, Option<Said>),
    First,
}

struct Repeats<'p> {
    issues: &'p [Said],
    /// Values that are set in several places.
    several: FxHashSet<Val>,
    /// Each value that repeats another.
    same: FxHashMap<Val, Val>,
}

impl Repeats<'_> {
    fn block(&mut self, block: &mut Block, known: &mut FxHashMap<(Val, Found), Val>) {
        block.retain_mut(|step| {
            if let Some((of, found, to)) = self.found(step) {
                if let Some(first) = known.get(&(of, found.clone())) {
                    self.same.insert(to, *first);
                    return false;
                }
                known.insert((of, found), to);
            }
            // What is found on one way is not known on others.
            step.blocks_mut().into_iter().for_each(|inner| self.block(inner, &mut known.clone()));
            true
        });
    }

    fn found(&self, step: &Step) -> Option<(Val, Found, Val)> {
        let (of, found, to) = match step {
            Step::Take { of, part, to } => (*of, Found::Take(part.clone()), *to),
            Step::Convert { of, into, to, issue } => (*of, Found::Convert(*into, self.said(*issue)?), *to),
            Step::Pick { which: Pick::First, of, to, .. } => (*of, Found::First, *to),
            _ => return None,
        };
        let of = self.same.get(&of).copied().unwrap_or(of);
        (!self.several.contains(&of) && !self.several.contains(&to)).then_some((of, found, to))
    }

    /// The issue, whatever rule it is of; outside nothing if there is no such issue.
    fn said(&self, issue: Option<IssueId>) -> Option<Option<Said>> {
        match issue {
            None => Some(None),
            Some(issue) => Some(Some(Said { rule: 0, ..self.issues.get(issue as usize)?.clone() })),
        }
    }
}
