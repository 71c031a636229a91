//! Short routines that give a value stand in place of their calls: code tables above all, whose result is mostly written
//! at once. What hands it over costs more than finding it, and constants that are given fold with what asks for them.
//!
//! Routines that write are left where they are: code grows by them, and it gains no speed.

use crate::plan::vals::{Use, each_val, set_in};
use crate::plan::{Block, Constant, Plan, Routine, Step, Val};

/// The most steps of a routine that is short.
const SHORT: usize = 40;
/// Steps that a routine may have with all that was put into it: registers are few.
const LONG: usize = 600;

pub fn run(plan: &mut Plan) {
    // A routine is made before whatever calls it.
    for number in 0..plan.routines.len() {
        let (before, rest) = plan.routines.split_at_mut(number);
        let Some(routine) = rest.first_mut() else { return };
        let mut body = std::mem::take(&mut routine.body);
        let mut room = LONG.saturating_sub(size(&body));
        put(&mut body, &mut routine.vals, before, &mut room);
        routine.body = body;
    }
}

fn put(block: &mut Block, vals: &mut u32, known: &[Routine], room: &mut usize) {
    let mut steps = Vec::with_capacity(block.len());
    for mut step in block.drain(..) {
        step.blocks_mut().into_iter().for_each(|inner| put(inner, vals, known, room));
        match &step {
            Step::Call { routine, arguments, to: Some(to) } => match known.get(*routine as usize) {
                Some(called) if size(&called.body) <= SHORT.min(*room) => {
                    *room -= size(&called.body);
                    steps.extend(in_place(called.clone(), arguments, *to, vals));
                }
                _ => steps.push(step),
            },
            _ => steps.push(step),
        }
    }
    *block = steps;
}

/// The steps of a routine, with values of the one that calls it.
fn in_place(mut called: Routine, arguments: &[Val], to: Val, vals: &mut u32) -> Block {
    let unset = called.unset();
    let set = set_in(&called.body);
    let own = *vals;
    *vals += called.vals;
    let mut steps = Vec::new();
    let mut numbers: Vec<Val> = (own..*vals).collect();
    for (number, argument) in numbers.iter_mut().zip(arguments) {
        if set.contains(&(*number - own)) {
            steps.push(Step::Set { from: *argument, to: *number });
        } else {
            *number = *argument;
        }
    }
    let number = |val: Val| numbers.get(val as usize).copied().unwrap_or(val);
    let result = called.result.unwrap_or_default();
    // The result is found in its place, unless the routine may be left half-way.
    let is_direct = result >= called.params && !arguments.contains(&to) && !may_fail(&called.body);
    let number = |val: Val| if is_direct && val == result { to } else { number(val) };
    let mut unset: Vec<Val> = unset.into_iter().collect();
    unset.sort_unstable();
    steps.extend(unset.into_iter().map(|val| Step::Constant { value: Constant::Missing, to: number(val) }));
    each_val(&mut called.body, &mut |val, _: Use| *val = number(*val));
    steps.append(&mut called.body);
    if !is_direct {
        steps.push(Step::Set { from: number(result), to });
    }
    steps
}

fn may_fail(block: &Block) -> bool {
    let fails = |step: &Step| matches!(step, Step::Fail | Step::Call { .. });
    block.iter().any(|step| fails(step) || step.blocks().into_iter().any(may_fail))
}

fn size(block: &Block) -> usize {
    let own = |step: &Step| usize::from(!matches!(step, Step::Trace { .. }));
    block.iter().map(|step| own(step) + step.blocks().into_iter().map(size).sum::<usize>()).sum()
}
