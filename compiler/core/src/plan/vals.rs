//! Every value that a step names, for whoever counts them or gives them other numbers.

use super::{Block, KeyPart, KeyValue, Routine, Step, Test, Val};
use rustc_hash::FxHashSet;

/// What a step does with a value that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Reads,
    Sets,
    /// It adds to what is there.
    Grows,
}

impl Step {
    /// The value that it sets.
    pub fn sets(&self) -> Option<Val> {
        match self {
            Step::Wrote { to, .. }
            | Step::Probe { to, .. }
            | Step::Unlike { to, .. }
            | Step::Take { to, .. }
            | Step::Set { to, .. }
            | Step::Constant { to, .. }
            | Step::Receipt { to, .. }
            | Step::Convert { to, .. }
            | Step::Builtin { to, .. }
            | Step::Join { to, .. }
            | Step::Gather { to, .. }
            | Step::Append { to, .. }
            | Step::Push { to, .. }
            | Step::Pick { to, .. }
            | Step::Coded { to, .. }
            | Step::CodePart { to, .. }
            | Step::Lookup { to, .. }
            | Step::Calculate { to, .. }
            | Step::Decide { to, .. }
            | Step::Emit { to, .. }
            | Step::Refer { to, .. }
            | Step::Contain { to, .. } => Some(*to),
            Step::Call { to, .. } => *to,
            _ => None,
        }
    }

    /// The values that it looks at itself.
    pub fn uses(&self) -> Vec<Val> {
        match self {
            Step::Write { of, .. }
            | Step::Choose { of, .. }
            | Step::Each { of, .. }
            | Step::EachBy { of, .. }
            | Step::Edit { segment: of, .. }
            | Step::Drop { segment: of }
            | Step::Take { of, .. }
            | Step::Convert { of, .. }
            | Step::Push { of, .. }
            | Step::Pick { of, .. }
            | Step::CodePart { of, .. }
            | Step::Set { from: of, .. } => vec![*of],
            Step::If { test, .. } | Step::Decide { test, .. } => test.uses(),
            Step::Call { arguments, .. } | Step::Builtin { arguments, .. } => arguments.clone(),
            Step::Join { parts, .. } | Step::Gather { parts, .. } => parts.clone(),
            Step::Lookup { keys, .. } => keys.clone(),
            Step::Coded { system, code, display, .. } => vec![*system, *code, *display],
            Step::Append { of, between, .. } => vec![*of, *between],
            Step::Copied { of, made } => vec![*of, *made],
            Step::Calculate { left, right, .. } => vec![*left, *right],
            Step::Emit { key, .. } | Step::Refer { key, .. } => key.iter().flat_map(KeyPart::uses).collect(),
            _ => Vec::new(),
        }
    }
}

impl KeyPart {
    pub fn uses(&self) -> Vec<Val> {
        match self.value {
            KeyValue::Text(of) | KeyValue::Reference(of) => vec![of],
            KeyValue::Token { system, code } => vec![system, code],
        }
    }
}

impl Test {
    pub fn uses(&self) -> Vec<Val> {
        match self {
            Test::Always(_) => Vec::new(),
            Test::Present(of) | Test::Null(of) | Test::Absent(of) | Test::True(of) | Test::Reason(of, _) => vec![*of],
            Test::Compare { left, right, .. } => vec![*left, *right],
            Test::In { of, list, .. } => list.iter().copied().chain([*of]).collect(),
            Test::Matches { of, .. } => vec![*of],
            Test::Not(test) => test.uses(),
            Test::Both(left, right) | Test::Either(left, right) => [left.uses(), right.uses()].concat(),
        }
    }
}

impl Step {
    /// Each value that the step itself names, the steps inside it left out.
    pub fn each_val(&mut self, see: &mut impl FnMut(&mut Val, Use)) {
        self.each_read(&mut |val| see(val, Use::Reads));
        match self {
            Step::Append { to, .. } | Step::Push { to, .. } => see(to, Use::Grows),
            Step::Each { item, .. } => see(item, Use::Sets),
            Step::EachBy { item, by, items, .. } => [item, by, items].into_iter().for_each(|val| see(val, Use::Sets)),
            Step::Call { to, .. } => to.iter_mut().for_each(|val| see(val, Use::Sets)),
            Step::Wrote { to, .. }
            | Step::Probe { to, .. }
            | Step::Unlike { to, .. }
            | Step::Take { to, .. }
            | Step::Set { to, .. }
            | Step::Constant { to, .. }
            | Step::Receipt { to, .. }
            | Step::Convert { to, .. }
            | Step::Builtin { to, .. }
            | Step::Join { to, .. }
            | Step::Gather { to, .. }
            | Step::Pick { to, .. }
            | Step::Coded { to, .. }
            | Step::CodePart { to, .. }
            | Step::Lookup { to, .. }
            | Step::Calculate { to, .. }
            | Step::Decide { to, .. }
            | Step::Emit { to, .. }
            | Step::Refer { to, .. }
            | Step::Contain { to, .. } => see(to, Use::Sets),
            _ => {}
        }
    }

    fn each_read(&mut self, see: &mut impl FnMut(&mut Val)) {
        match self {
            Step::Write { of, .. }
            | Step::Choose { of, .. }
            | Step::Each { of, .. }
            | Step::Edit { segment: of, .. }
            | Step::Drop { segment: of }
            | Step::Take { of, .. }
            | Step::Convert { of, .. }
            | Step::Push { of, .. }
            | Step::Pick { of, .. }
            | Step::CodePart { of, .. }
            | Step::Set { from: of, .. } => see(of),
            // `by` is read at the end of the key, which sets it.
            Step::EachBy { of, by, .. } => [of, by].into_iter().for_each(see),
            Step::If { test, .. } | Step::Decide { test, .. } => test.each_val(see),
            Step::Call { arguments: vals, .. }
            | Step::Builtin { arguments: vals, .. }
            | Step::Join { parts: vals, .. }
            | Step::Gather { parts: vals, .. }
            | Step::Lookup { keys: vals, .. } => vals.iter_mut().for_each(see),
            Step::Coded { system, code, display, .. } => [system, code, display].into_iter().for_each(see),
            Step::Append { of, between, .. } => [of, between].into_iter().for_each(see),
            Step::Copied { of, made } => [of, made].into_iter().for_each(see),
            Step::Calculate { left, right, .. } => [left, right].into_iter().for_each(see),
            Step::Emit { key, .. } | Step::Refer { key, .. } => key.iter_mut().for_each(|part| match &mut part.value {
                KeyValue::Text(of) | KeyValue::Reference(of) => see(of),
                KeyValue::Token { system, code } => [system, code].into_iter().for_each(&mut *see),
            }),
            Step::Wrap { needs, .. } => needs.iter_mut().for_each(|need| {
                see(&mut need.wrote);
                need.at.iter_mut().for_each(&mut *see);
            }),
            Step::Issue { at, .. } | Step::Reject { at, .. } | Step::Trace { of: at, .. } => {
                at.iter_mut().for_each(see)
            }
            Step::Put(_)
            | Step::Or { .. }
            | Step::Wrote { .. }
            | Step::Probe { .. }
            | Step::Distinct { .. }
            | Step::Unlike { .. }
            | Step::Attempt { .. }
            | Step::Under { .. }
            | Step::Fail
            | Step::Count
            | Step::Entries { .. }
            | Step::Constant { .. }
            | Step::Receipt { .. }
            | Step::Contain { .. } => {}
        }
    }
}

impl Test {
    fn each_val(&mut self, see: &mut impl FnMut(&mut Val)) {
        match self {
            Test::Always(_) => {}
            Test::Present(of)
            | Test::Null(of)
            | Test::Absent(of)
            | Test::True(of)
            | Test::Reason(of, _)
            | Test::Matches { of, .. } => see(of),
            Test::Compare { left, right, .. } => [left, right].into_iter().for_each(see),
            Test::In { of, list, .. } => std::iter::once(of).chain(list).for_each(see),
            Test::Not(test) => test.each_val(see),
            Test::Both(left, right) | Test::Either(left, right) => {
                left.each_val(see);
                right.each_val(see);
            }
        }
    }
}

/// Each value that the steps and those inside them name.
pub fn each_val(block: &mut Block, see: &mut impl FnMut(&mut Val, Use)) {
    for step in block {
        step.each_val(see);
        step.blocks_mut().into_iter().for_each(|inner| each_val(inner, see));
    }
}

/// The values that the steps and those inside them set.
pub fn set_in(steps: &[Step]) -> FxHashSet<Val> {
    let mut set = FxHashSet::default();
    gather(steps, &mut set);
    set
}

fn gather(steps: &[Step], set: &mut FxHashSet<Val>) {
    for step in steps {
        set.extend(step.sets());
        match step {
            Step::Each { item, .. } => set.extend([*item]),
            Step::EachBy { item, by, items, .. } => set.extend([*item, *by, *items]),
            _ => {}
        }
        step.blocks().into_iter().for_each(|inner| gather(inner, set));
    }
}

impl Routine {
    /// The values that may be read before they are set: missing then, in a routine of its own.
    pub fn unset(&mut self) -> FxHashSet<Val> {
        let mut unset = FxHashSet::default();
        let mut known = (0..self.params).collect();
        walk(&mut self.body, &mut known, &mut unset);
        unset.extend(self.result.filter(|result| !known.contains(result)));
        unset
    }
}

/// `known` are the values that are set on every way to here.
fn walk(steps: &mut Block, known: &mut FxHashSet<Val>, unset: &mut FxHashSet<Val>) {
    for step in steps {
        let mut sets = Vec::new();
        step.each_val(&mut |val, used| match used {
            Use::Sets => sets.push(*val),
            // What a need asks is set inside.
            _ if known.contains(val) => {}
            _ => {
                unset.insert(*val);
            }
        });
        let is_loop = matches!(step, Step::Each { .. } | Step::EachBy { .. });
        let branches = matches!(step, Step::If { .. } | Step::Choose { .. });
        let mut ways = Vec::new();
        for inner in step.blocks_mut() {
            let mut here = known.clone();
            if is_loop {
                here.extend(&sets);
            }
            walk(inner, &mut here, unset);
            ways.push(here);
        }
        if branches && let Some(first) = ways.pop() {
            let on_all = first.into_iter().filter(|val| ways.iter().all(|way| way.contains(val)));
            known.extend(on_all.collect::<Vec<_>>());
        } else if let (Step::Wrap { .. } | Step::Wrote { .. } | Step::Or { .. } | Step::Under { .. }, Some(first)) =
            (&*step, ways.into_iter().next())
        {
            known.extend(first);
        }
        if !is_loop {
            known.extend(sets);
        }
    }
}
