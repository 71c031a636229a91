//! What nothing calls any more is left out.

use crate::plan::{Block, Plan, RoutineId, Step};
use rustc_hash::FxHashSet;

pub fn run(plan: &mut Plan) {
    let mut reached = FxHashSet::default();
    reach(plan, plan.entry, &mut reached);
    let mut next: RoutineId = 0;
    let mut numbers = Vec::with_capacity(plan.routines.len());
    for number in 0..u32::try_from(plan.routines.len()).unwrap_or(u32::MAX) {
        numbers.push(next);
        next += u32::from(reached.contains(&number));
    }
    let number = |old: RoutineId| numbers.get(old as usize).copied().unwrap_or(old);
    let mut old: RoutineId = 0;
    plan.routines.retain(|_| {
        old += 1;
        reached.contains(&(old - 1))
    });
    plan.entry = number(plan.entry);
    plan.routines.iter_mut().for_each(|routine| renumber(&mut routine.body, &number));
}

fn reach(plan: &Plan, routine: RoutineId, reached: &mut FxHashSet<RoutineId>) {
    if reached.insert(routine)
        && let Some(routine) = plan.routine(routine)
    {
        calls(&routine.body, &mut |called| reach(plan, called, reached));
    }
}

fn calls(block: &Block, see: &mut dyn FnMut(RoutineId)) {
    for step in block {
        if let Step::Call { routine, .. } = step {
            see(*routine);
        }
        step.blocks().into_iter().for_each(|inner| calls(inner, see));
    }
}

fn renumber(block: &mut Block, number: &impl Fn(RoutineId) -> RoutineId) {
    for step in block {
        if let Step::Call { routine, .. } = step {
            *routine = number(*routine);
        }
        step.blocks_mut().into_iter().for_each(|inner| renumber(inner, number));
    }
}
