//! What nobody reads is not made, where making it says nothing.

use super::is_empty;
use crate::plan::vals::{Use, each_val};
use crate::plan::{Block, Part, Plan, Routine, Step, Val};
use rustc_hash::FxHashSet;

pub fn run(plan: &mut Plan) {
    for routine in &mut plan.routines {
        while removes(routine) {}
    }
}

/// Whether there was something; what it was made of may be next.
fn removes(routine: &mut Routine) -> bool {
    let mut read: FxHashSet<Val> = routine.result.into_iter().collect();
    each_val(&mut routine.body, &mut |val, used| {
        if used == Use::Reads {
            read.insert(*val);
        }
    });
    sweep(&mut routine.body, &read)
}

fn sweep(block: &mut Block, read: &FxHashSet<Val>) -> bool {
    let mut found = false;
    for step in block.iter_mut() {
        for inner in step.blocks_mut() {
            found |= sweep(inner, read);
        }
    }
    let before = block.len();
    block.retain(|step| !is_dead(step, read));
    found || block.len() < before
}

fn is_dead(step: &Step, read: &FxHashSet<Val>) -> bool {
    match step {
        // One of several is told of.
        Step::Take { part: Part::Field { repeats: false, .. } | Part::Member { repeats: false, .. }, .. } => false,
        Step::Convert { issue: Some(_), .. } => false,
        Step::Take { to, .. }
        | Step::Set { to, .. }
        | Step::Constant { to, .. }
        | Step::Receipt { to, .. }
        | Step::Convert { to, .. }
        | Step::Join { to, .. }
        | Step::Append { to, .. }
        | Step::Gather { to, .. }
        | Step::Push { to, .. }
        | Step::Coded { to, .. }
        | Step::CodePart { to, .. }
        | Step::Lookup { to, .. }
        | Step::Decide { to, .. } => !read.contains(to),
        Step::If { yes, no, .. } => is_empty(yes) && is_empty(no),
        Step::Choose { arms, other, .. } => is_empty(other) && arms.iter().all(|(_, arm)| is_empty(arm)),
        Step::Each { body, .. } => is_empty(body),
        _ => false,
    }
}
