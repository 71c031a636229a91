//! Holds a plan to its invariants before anything runs or compiles it.

use super::{Block, Plan, Routine, Step, Test, Val};

/// What is wrong with a plan; nothing for every plan that `lower` makes of a sound project.
pub fn validate(plan: &Plan) -> Result<(), String> {
    for routine in &plan.routines {
        if routine.params > routine.vals {
            return Err(format!("{} has more parameters than values", routine.name));
        }
        block(plan, routine, &routine.body)?;
    }
    let entry = plan.routines.get(plan.entry as usize).ok_or("there is no entry")?;
    if entry.params > 1 { Err("the entry takes the message alone".to_owned()) } else { Ok(()) }
}

fn block(plan: &Plan, routine: &Routine, steps: &Block) -> Result<(), String> {
    for step in steps {
        for val in used(step) {
            if val >= routine.vals {
                return Err(format!("{} has no value %{val}", routine.name));
            }
        }
        match step {
            Step::Call { routine: called, arguments, to } => {
                let target = plan.routines.get(*called as usize);
                let target = target.ok_or_else(|| format!("{} calls routine {called}, which is none", routine.name))?;
                if arguments.len() != target.params as usize || to.is_some() != target.result.is_some() {
                    return Err(format!("{} calls {} in another way than it is made", routine.name, target.name));
                }
            }
            Step::Translate { table, .. } if plan.tables.get(*table as usize).is_none() => {
                return Err(format!("{} looks up table {table}, which is none", routine.name));
            }
            Step::Wrap { body, .. } if ends_open(body) => {
                return Err(format!("{} closes what does not end with a comma", routine.name));
            }
            _ => {}
        }
        for inner in step.blocks() {
            block(plan, routine, inner)?;
        }
    }
    Ok(())
}

/// Constant text at the end of brackets must end with the comma that the close replaces.
fn ends_open(body: &Block) -> bool {
    matches!(body.last(), Some(Step::Put(text)) if !text.ends_with(','))
}

/// The values that a step names, not those of the blocks inside it.
fn used(step: &Step) -> Vec<Val> {
    match step {
        Step::Write { of, .. } => vec![*of],
        Step::If { test, .. } => tested(test),
        Step::Decide { test, to } => tested(test).into_iter().chain([*to]).collect(),
        Step::Each { of, item, .. } => vec![*of, *item],
        Step::EachBy { of, item, by, items, .. } => vec![*of, *item, *by, *items],
        Step::Call { arguments, to, .. } => arguments.iter().copied().chain(*to).collect(),
        Step::Take { of, to, .. }
        | Step::Convert { of, to, .. }
        | Step::Push { of, to }
        | Step::Pick { of, to, .. }
        | Step::Translate { of, to, .. }
        | Step::Set { from: of, to } => vec![*of, *to],
        Step::Filter { of, item, test, to, .. } => tested(test).into_iter().chain([*of, *item, *to]).collect(),
        Step::Constant { to, .. } | Step::Emit { to, .. } => vec![*to],
        Step::Builtin { arguments, to, .. } => arguments.iter().copied().chain([*to]).collect(),
        Step::Join { parts, to } | Step::Gather { parts, to } => parts.iter().copied().chain([*to]).collect(),
        Step::Calculate { left, right, to, .. } => vec![*left, *right, *to],
        Step::Issue { at, .. } | Step::Reject { at, .. } => at.iter().copied().collect(),
        _ => Vec::new(),
    }
}

fn tested(test: &Test) -> Vec<Val> {
    match test {
        Test::Always(_) => Vec::new(),
        Test::Present(val) | Test::Null(val) | Test::Absent(val) | Test::True(val) => vec![*val],
        Test::Compare { left, right, .. } => vec![*left, *right],
        Test::In { of, list, .. } => list.iter().copied().chain([*of]).collect(),
        Test::Matches { of, .. } => vec![*of],
        Test::Not(test) => tested(test),
        Test::Both(left, right) | Test::Either(left, right) => [tested(left), tested(right)].concat(),
    }
}
