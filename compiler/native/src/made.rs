//! What can be said of a plan's output before a message is there.

use emr_abi::Builtin;
use emr_compiler::plan::{self, Block, Constant, Form, Plan, Step};

use crate::kinds::{Instance, Typing, kind};

/// Whether a text of the plan or of its functions may hold a tab or a line end, or another blank that JSON escapes.
pub fn makes_blanks(plan: &Plan) -> bool {
    let mut cells = plan
        .tables
        .iter()
        .flat_map(|table| table.iter().flat_map(|row| (0..table.cells()).filter_map(move |cell| row.cell(cell))));
    !plan.asked.is_empty()
        || cells.any(|text| text.contains(|c: char| c < ' '))
        || plan.routines.iter().any(|routine| {
            any(&routine.body, &mut |step| match step {
                Step::Constant { value: Constant::Text(text), .. } => text.contains(|c: char| c < ' '),
                Step::Builtin { function, .. } => {
                    matches!(function, Builtin::unhex | Builtin::replace | Builtin::text_of)
                }
                _ => false,
            })
        })
}

/// Whether a value may stand in a message: nothing of a resource that came does.
pub fn has_places(plan: &Plan) -> bool {
    plan.takes.iter().any(|take| matches!(take, plan::Take::Message | plan::Take::Segments { .. }))
}

/// Whether the plan tells where what it writes comes from.
pub fn traces(plan: &Plan) -> bool {
    plan.routines.iter().any(|routine| any(&routine.body, &mut |step| matches!(step, Step::Trace { .. })))
}

/// Whether the plan writes resources inside others.
pub fn contains(plan: &Plan) -> bool {
    plan.routines.iter().any(|routine| any(&routine.body, &mut |step| matches!(step, Step::Contain { .. })))
}

/// Whether the plan changes a message.
pub fn edits(plan: &Plan) -> bool {
    let edit = |step: &Step| matches!(step, Step::Edit { .. } | Step::Drop { .. });
    plan.routines.iter().any(|routine| any(&routine.body, &mut |step| edit(step)))
}

/// Whether the plan does anything with the id of a resource, but write it in a Bundle.
pub fn refers(plan: &Plan) -> bool {
    plan.routines.iter().any(|routine| {
        any(&routine.body, &mut |step| match step {
            Step::Write { form, .. } => *form == Form::Reference,
            Step::Emit { key, .. } => !key.is_empty(),
            Step::Refer { .. } => true,
            _ => false,
        })
    })
}

/// Whether resources can be written where they stay: the Bundle is what the entry writes, its entries stand in it once and
/// behind all that is emitted, and no resource is begun in another. Then whether each asks a server for something.
pub fn in_place(typing: &Typing) -> Option<bool> {
    let mut emitting: Vec<bool> = Vec::with_capacity(typing.instances.len());
    let mut nested = false;
    for instance in &typing.instances {
        let routine = typing.plan.routine(instance.routine)?;
        let emits = |step: &Step| emits(typing, instance, &emitting, step);
        nested |= any(&routine.body, &mut |step| match step {
            Step::Emit { body, .. } => any(body, &mut |inner| emits(inner)),
            _ => false,
        });
        let own = any(&routine.body, &mut |step| emits(step));
        emitting.push(own);
    }
    let (entry, others) = typing.instances.split_last()?;
    let writes = |instance: &Instance| {
        let routine = typing.plan.routine(instance.routine);
        routine.is_some_and(|routine| any(&routine.body, &mut |step| matches!(step, Step::Entries { .. })))
    };
    if nested || typing.plan.gives != plan::Gives::Bundle || others.iter().any(writes) {
        return None;
    }
    let body = &typing.plan.routine(entry.routine)?.body;
    let mut found = Found { requests: None, is_last: true };
    found.block(body, &|step| emits(typing, entry, &emitting, step));
    found.requests.filter(|_| found.is_last)
}

/// The one place at which the entries are written.
struct Found {
    requests: Option<bool>,
    is_last: bool,
}

impl Found {
    fn block(&mut self, steps: &Block, emits: &dyn Fn(&Step) -> bool) {
        for step in steps {
            let seen = self.requests.is_some();
            match step {
                Step::Entries { requests } => {
                    self.is_last &= !seen;
                    self.requests = Some(*requests);
                }
                Step::Wrap { body, .. } | Step::Wrote { body, .. } => self.block(body, emits),
                step if seen => self.is_last &= !any(std::slice::from_ref(step), &mut |step| emits(step)),
                step => {
                    self.is_last &= !any(std::slice::from_ref(step), &mut |step| matches!(step, Step::Entries { .. }));
                }
            }
        }
    }
}

/// Whether the step itself begins a resource, or what it calls does.
fn emits(typing: &Typing, instance: &Instance, emitting: &[bool], step: &Step) -> bool {
    match step {
        Step::Emit { .. } => true,
        Step::Call { routine, arguments, .. } => {
            let params: Vec<_> = arguments.iter().map(|argument| kind(&instance.vals, *argument)).collect();
            typing.find(*routine, &params).and_then(|index| emitting.get(index)).copied().unwrap_or(true)
        }
        _ => false,
    }
}

/// Whether it holds of any step of a block, those inside others too.
fn any(steps: &[Step], holds: &mut dyn FnMut(&Step) -> bool) -> bool {
    steps.iter().any(|step| holds(step) || step.blocks().into_iter().any(|inner| any(inner, holds)))
}
