//! Which values must not share their address with a neighbour, because somebody asks by it what or where they are.
//!
//! A part that a value does not have would stand just behind it, where another begins. Explicit nulls are taken out of the
//! text and known by where they stood, and the place of a parameter is told by its address: so code sets such values
//! apart, but no others.

use emr_compiler::plan::{Block, Plan, Step, Test, Val};
use rustc_hash::FxHashSet;

/// Of each routine, the values that are set apart.
pub struct Asked {
    routines: Vec<Routine>,
}

#[derive(Clone, Default, PartialEq)]
struct Routine {
    apart: FxHashSet<Val>,
    /// Those whose place is said, or from which one that is said follows.
    places: FxHashSet<Val>,
}

impl Asked {
    pub fn new(plan: &Plan) -> Asked {
        let mut asked = Asked { routines: vec![Routine::default(); plan.routines.len()] };
        loop {
            let before = asked.routines.clone();
            for (index, routine) in plan.routines.iter().enumerate() {
                let mut here = asked.routines.get(index).cloned().unwrap_or_default();
                asked.block(plan, &routine.body, &mut here);
                if let Some(known) = asked.routines.get_mut(index) {
                    *known = here;
                }
            }
            if asked.routines == before {
                return asked;
            }
        }
    }

    /// Whether the address of a value is its own.
    pub fn is_apart(&self, routine: u32, val: Val) -> bool {
        self.routines.get(routine as usize).is_some_and(|known| known.apart.contains(&val))
    }

    /// Whether the place of a value may be asked for, or that of one that follows from it.
    pub fn has_place(&self, routine: u32, val: Val) -> bool {
        self.routines.get(routine as usize).is_some_and(|known| known.places.contains(&val))
    }

    fn block(&mut self, plan: &Plan, steps: &Block, here: &mut Routine) {
        for step in steps {
            self.step(plan, step, here);
            step.blocks().into_iter().for_each(|inner| self.block(plan, inner, here));
        }
    }

    fn step(&mut self, plan: &Plan, step: &Step, here: &mut Routine) {
        match step {
            Step::If { test, .. } | Step::Decide { test, .. } => tested(test, &mut here.apart),
            Step::Issue { at, .. } | Step::Reject { at, .. } => here.places.extend(at),
            Step::Wrap { needs, .. } => here.places.extend(needs.iter().filter_map(|need| need.at)),
            Step::Set { from: of, to }
            | Step::Pick { of, to, .. }
            | Step::CodePart { of, to, .. }
            | Step::Take { of, to, .. } => {
                for vals in [&mut here.apart, &mut here.places] {
                    if vals.contains(to) {
                        vals.insert(*of);
                    }
                }
            }
            Step::Call { routine, arguments, to } => {
                let Some(called) = self.routines.get_mut(*routine as usize) else { return };
                for (param, argument) in (0..).zip(arguments) {
                    if called.places.contains(&param) {
                        here.places.insert(*argument);
                        here.apart.insert(*argument);
                    }
                    if called.apart.contains(&param) {
                        here.apart.insert(*argument);
                    }
                }
                let result = plan.routine(*routine).and_then(|called| called.result);
                if let (Some(result), Some(to)) = (result, to)
                    && here.apart.contains(to)
                {
                    called.apart.insert(result);
                }
            }
            _ => {}
        }
    }
}

fn tested(test: &Test, asked: &mut FxHashSet<Val>) {
    match test {
        Test::Null(of) | Test::Absent(of) => {
            asked.insert(*of);
        }
        Test::Not(test) => tested(test, asked),
        Test::Both(left, right) | Test::Either(left, right) => {
            tested(left, asked);
            tested(right, asked);
        }
        _ => {}
    }
}
