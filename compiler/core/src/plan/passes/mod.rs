//! What makes a plan faster to run and changes nothing of what it does: one small file each, in the order in which they run.
//!
//! A pass is kept if it gains, by instructions of compiled code or by its size; `docs/benchmarks.md` says how much. What
//! they make of a plan, the interpreter and compiled code are held to: equal bytes and equal issues.

mod calls;
mod dead;
mod fold;
mod known;
mod reached;
mod repeats;
mod written;

use super::{Block, Plan, Routine, Step};

const PASSES: [fn(&mut Plan); 5] = [
    // Short routines stand in place of their calls.
    calls::run,
    // What is known is not asked, and constants are written where they are found ([`written`]).
    fold::run,
    // What is taken twice is taken once.
    repeats::run,
    // What nobody reads is not made.
    dead::run,
    // What nothing calls is left out.
    reached::run,
];

/// The same, faster. A traced plan stays as it is: it is to tell what the text does, rule by rule.
pub fn run(mut plan: Plan) -> Plan {
    if plan.routines.iter().any(|routine| is_traced(&routine.body)) {
        return plan;
    }
    plan.routines.iter_mut().for_each(Routine::lay_marks);
    PASSES.iter().for_each(|pass| pass(&mut plan));
    plan.routines.iter_mut().for_each(Routine::take_marks);
    debug_assert_eq!(super::validate(&plan), Ok(()), "a pass keeps the invariants of a plan");
    plan
}

fn is_traced(block: &Block) -> bool {
    block.iter().any(|step| matches!(step, Step::Trace { .. }) || step.blocks().into_iter().any(is_traced))
}

/// Whether nothing is done in it: marks are no steps.
fn is_empty(steps: &[Step]) -> bool {
    steps.iter().all(|step| matches!(step, Step::Trace { .. }))
}

#[cfg(test)]
mod tests;
