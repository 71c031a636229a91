//! Which fields of the message a plan looks at, followed from the message through all routines.

use super::{Block, Part, Plan, RoutineId, Step, Val};
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet};

/// Where in the message a value may stand: `""` for the message, `PATIENT.PID`, `PATIENT.PID-3`.
type Places = BTreeSet<SmolStr>;

impl Plan {
    /// The fields by their whole paths, `PATIENT.PID-3`. What holds the message to its profile does not count.
    pub fn fields(&self) -> BTreeSet<SmolStr> {
        let message: Places = [SmolStr::default()].into();
        let mut looking = Looking { plan: self, fields: BTreeSet::new(), known: BTreeMap::new() };
        looking.routine(self.entry, vec![message; self.takes.len()]);
        looking.fields
    }
}

struct Looking<'p> {
    plan: &'p Plan,
    fields: BTreeSet<SmolStr>,
    /// What each routine gives for these places of its parameters.
    known: BTreeMap<(RoutineId, Vec<Places>), Places>,
}

impl Looking<'_> {
    fn routine(&mut self, id: RoutineId, params: Vec<Places>) -> Places {
        let key = (id, params.clone());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let plan = self.plan;
        let Some(routine) = plan.routine(id).filter(|routine| !routine.is_intake()) else { return Places::new() };
        let mut vals = params;
        vals.resize(routine.vals as usize, Places::new());
        // Sets of places only grow, and a structure has no more than so many.
        loop {
            let before = vals.clone();
            self.block(&routine.body, &mut vals);
            if vals == before {
                break;
            }
        }
        let result = routine.result.map(|val| at(&vals, val)).unwrap_or_default();
        self.known.insert(key, result.clone());
        result
    }

    fn block(&mut self, block: &Block, vals: &mut [Places]) {
        for step in block {
            match step {
                Step::Each { of, item, .. } => add(vals, *item, at(vals, *of)),
                Step::EachBy { of, item, items, .. } => {
                    add(vals, *item, at(vals, *of));
                    add(vals, *items, at(vals, *of));
                }
                _ => {}
            }
            step.blocks().into_iter().for_each(|inner| self.block(inner, vals));
            let given = match step {
                Step::Take { of, part, .. } => self.take(&at(vals, *of), part),
                Step::Set { from: of, .. } | Step::Push { of, .. } | Step::Pick { of, .. } => at(vals, *of),
                Step::Gather { parts, .. } => parts.iter().flat_map(|part| at(vals, *part)).collect(),
                Step::Call { routine, arguments, .. } => {
                    let arguments = arguments.iter().map(|argument| at(vals, *argument)).collect();
                    self.routine(*routine, arguments)
                }
                _ => continue,
            };
            if let Some(to) = step.sets() {
                add(vals, to, given);
            }
        }
    }

    fn take(&mut self, of: &Places, part: &Part) -> Places {
        match part {
            Part::Member { name, .. } => {
                let inside =
                    |place: &SmolStr| if place.is_empty() { name.clone() } else { format_smolstr!("{place}.{name}") };
                of.iter().map(inside).collect()
            }
            Part::Field { number, .. } => {
                let fields: Places = of.iter().map(|place| format_smolstr!("{place}-{number}")).collect();
                self.fields.extend(fields.iter().cloned());
                fields
            }
            Part::Outer(levels) => of.iter().map(|place| outer(place, *levels).into()).collect(),
            // Parts of a field are the field's.
            Part::Component(_) | Part::Index(_) | Part::Range(..) => of.clone(),
            // A resource that came has no fields.
            Part::Element(_) | Part::Resource(_) => Places::new(),
        }
    }
}

fn at(vals: &[Places], val: Val) -> Places {
    vals.get(val as usize).cloned().unwrap_or_default()
}

fn add(vals: &mut [Places], val: Val, places: Places) {
    if let Some(known) = vals.get_mut(val as usize) {
        known.extend(places);
    }
}

/// The group so many levels around a group.
fn outer(place: &str, levels: u32) -> &str {
    (0..levels).fold(place, |place, _| place.rsplit_once('.').map_or("", |(around, _)| around))
}
