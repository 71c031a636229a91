//! Holds a plan to its invariants before anything runs or compiles it.

use super::{Asked, Block, Cell, IssueId, KEYS_MAX, Plan, Routine, RoutineId, Step, Until, Val};
use std::collections::BTreeSet;

/// What is wrong with a plan; nothing for every plan that `lower` makes of a sound project.
pub fn validate(plan: &Plan) -> Result<(), String> {
    let entry = plan.routine(plan.entry).ok_or("there is no entry")?;
    if entry.params as usize != plan.takes.len() {
        return Err("the entry does not take what is given".to_owned());
    }
    for (number, routine) in plan.routines.iter().enumerate() {
        let mut checking = Checking { plan, routine, number, loops: 0 };
        let mut known: BTreeSet<Val> = (0..routine.params).collect();
        checking.block(&routine.body, &mut known).map_err(|what| format!("{}: {what}", routine.name))?;
        if let Some(result) = routine.result {
            checking.value(result)?;
        }
    }
    let lacks = |rule: u32| rule as usize >= plan.rules.len();
    if let Some(said) = plan.issues.iter().find(|said| lacks(said.rule)) {
        return Err(format!("the issue `{}` names no rule", said.text));
    }
    if plan.stated.iter().any(|(_, issue)| *issue as usize >= plan.issues.len()) {
        return Err("what is stated of a place names no issue".to_owned());
    }
    let is_known =
        |asked: &Asked| (asked.table as usize) < plan.tables.len() && (asked.issue as usize) < plan.issues.len();
    if let Some(asked) = plan.asked.iter().find(|asked| !is_known(asked)) {
        return Err(format!("`{}` is asked, and is no table or has no issue", asked.name));
    }
    match plan.routines.iter().find(|routine| routine.marks.iter().any(|mark| lacks(mark.rule))) {
        Some(routine) => Err(format!("{}: a mark names no rule", routine.name)),
        None => Ok(()),
    }
}

impl Plan {
    pub fn routine(&self, id: RoutineId) -> Option<&Routine> {
        self.routines.get(id as usize)
    }
}

struct Checking<'p> {
    plan: &'p Plan,
    routine: &'p Routine,
    number: usize,
    loops: u32,
}

impl Checking<'_> {
    /// `known` are the values that are set on some way to here: what is set in one branch alone is missing on others,
    /// which a plan may count on; what is set nowhere before is a slip.
    fn block(&mut self, steps: &Block, known: &mut BTreeSet<Val>) -> Result<(), String> {
        for step in steps {
            for val in step.uses() {
                self.value(val)?;
                if !known.contains(&val) {
                    return Err(format!("%{val} is used before it is set"));
                }
            }
            self.step(step)?;
            match step {
                Step::Each { item, body, .. } => {
                    known.insert(*item);
                    self.inside_loop(body, known)?;
                }
                Step::EachBy { item, key, by, items, body, .. } => {
                    known.insert(*item);
                    self.inside_loop(key, known)?;
                    known.extend([*by, *items]);
                    self.inside_loop(body, known)?;
                }
                _ => {
                    for inner in step.blocks() {
                        self.block(inner, known)?;
                    }
                }
            }
            if let Step::Wrap { body, needs, .. } = step {
                if let Some(need) = needs.iter().find(|need| !known.contains(&need.wrote)) {
                    return Err(format!("%{} is needed and never set", need.wrote));
                }
                ends_with_comma(body)?;
            }
            if let Step::Edit { body, .. } = step {
                ends_with_comma(body)?;
            }
            if let Some(to) = step.sets() {
                self.value(to)?;
                known.insert(to);
            }
        }
        Ok(())
    }

    fn inside_loop(&mut self, body: &Block, known: &mut BTreeSet<Val>) -> Result<(), String> {
        self.loops += 1;
        self.block(body, known)?;
        self.loops -= 1;
        Ok(())
    }

    fn step(&self, step: &Step) -> Result<(), String> {
        match step {
            Step::Call { routine, arguments, to } => {
                let target = self.plan.routine(*routine).ok_or_else(|| format!("there is no routine {routine}"))?;
                // A routine is made before whatever calls it, so nothing can come back to itself.
                if *routine as usize >= self.number {
                    return Err(format!("it calls {}, which is made later", target.name));
                }
                if arguments.len() != target.params as usize || to.is_some() != target.result.is_some() {
                    return Err(format!("it calls {} in another way than it is made", target.name));
                }
                Ok(())
            }
            Step::Issue { issue, at } | Step::Reject { issue, at } => {
                at.map_or(Ok(()), |at| self.value(at))?;
                self.issue(*issue)
            }
            Step::Convert { issue: Some(issue), .. }
            | Step::Builtin { issue, .. }
            | Step::Pick { issue, .. }
            | Step::Calculate { issue, .. }
            | Step::Emit { issue, .. }
            | Step::Refer { issue, .. }
            | Step::Attempt { issue, .. }
            | Step::Each { until: Until::Only(issue), .. } => self.issue(*issue),
            Step::Trace { rule, .. } | Step::Under { rule, .. } if *rule as usize >= self.plan.rules.len() => {
                Err(format!("there is no rule {rule}"))
            }
            Step::Lookup { table, keys, cell, .. } => {
                let known =
                    self.plan.tables.get(*table as usize).ok_or_else(|| format!("there is no table {table}"))?;
                let last = match cell {
                    Cell::Text(cell) => *cell,
                    Cell::Code(cell) => cell.saturating_add(2),
                };
                match keys.len() == known.keys() as usize && keys.len() <= KEYS_MAX && last < known.cells() {
                    true => Ok(()),
                    false => Err(format!("table {table} is looked up in another way than it is made")),
                }
            }
            _ => Ok(()),
        }
    }

    fn value(&self, val: Val) -> Result<(), String> {
        if val < self.routine.vals { Ok(()) } else { Err(format!("there is no %{val}")) }
    }

    fn issue(&self, issue: IssueId) -> Result<(), String> {
        let known = (issue as usize) < self.plan.issues.len();
        if known { Ok(()) } else { Err(format!("there is no issue {issue}")) }
    }
}

/// The last text before a close must end with the comma that the close replaces.
fn ends_with_comma(body: &Block) -> Result<(), String> {
    let last = body.iter().rev().find(|step| step.writes());
    match last {
        Some(Step::Put(text)) if !text.ends_with(',') => Err(format!("`{text}` is closed without a comma")),
        Some(Step::Wrap { close, .. }) if !close.ends_with(',') => Err(format!("`{close}` is closed without a comma")),
        Some(Step::Write { .. }) => Err("a value is closed without a comma".to_owned()),
        Some(
            step @ (Step::Or { .. }
            | Step::If { .. }
            | Step::Each { .. }
            | Step::Attempt { .. }
            | Step::Choose { .. }
            | Step::Under { .. }),
        ) => step.blocks().into_iter().try_for_each(ends_with_comma),
        _ => Ok(()),
    }
}

impl Step {
    /// Whether it may write into the output that is open.
    pub fn writes(&self) -> bool {
        match self {
            Step::Put(_)
            | Step::Write { .. }
            | Step::Entries { .. }
            | Step::Edit { .. }
            | Step::Drop { .. }
            | Step::Call { to: None, .. } => true,
            Step::Emit { .. } | Step::Contain { .. } | Step::Probe { .. } | Step::Unlike { .. } => false,
            _ => self.blocks().into_iter().flatten().any(Step::writes),
        }
    }
}
