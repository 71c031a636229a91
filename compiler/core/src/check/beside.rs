//! What lies beside what in a message: values of one repeating part belong together, and are lost to each other where
//! both are taken of all of its repetitions.
//!
//! `emit report(OBSERVATION, subject: who)` goes over the observations of all patients, and `who` is one for each
//! patient: neither `first who` nor the whole list is the patient of that observation.

use super::scope::{Local, Scope};
use super::signature::SignatureParam;
use super::typed::{Expr, Kind, Slot, Step};
use super::{condition, path, place, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{self, Count};
use smol_str::SmolStr;

/// Where in the message, or in what a map takes, a value comes from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    root: Slot,
    steps: Vec<Step>,
    /// So many of the steps are those to an item in hand: it is one of them, not all.
    fixed: usize,
    /// It is something that was made of what lies there.
    made: bool,
}

impl Source {
    /// The same place, where it is one item.
    pub fn item(self) -> Self {
        Self { fixed: self.steps.len(), made: false, ..self }
    }

    /// As one writes it from its segment on; nothing where a bracket chooses among several, or where it is present anyway.
    pub fn name(&self, scope: &Scope) -> Option<SmolStr> {
        if self.steps.iter().any(|step| matches!(step, Step::Filter { .. } | Step::Range(..) | Step::Index(_))) {
            return None;
        }
        if scope.is_known_present(&path::fact(self.root, &self.steps)) {
            return None;
        }
        let local = scope.locals().find(|local| local.slot == self.root)?;
        let segment = self.steps.iter().rposition(|step| matches!(step, Step::Member { .. }));
        let around = if segment.is_none() { local.name.as_deref()? } else { "" };
        let name = path::spell(around, self.steps.get(segment.unwrap_or(0)..)?);
        (!name.is_empty()).then_some(name)
    }

    /// What is made of it.
    fn made(self) -> Self {
        Self { made: true, ..self }
    }
}

/// The place that all items of a value come from.
pub(super) fn source(scope: &Scope, value: &Expr) -> Option<Source> {
    match &*value.kind {
        Kind::Slot(slot) => below(scope, *slot, &[]),
        Kind::Path { root, steps } => below(scope, *root, steps),
        Kind::Each { list, .. } | Kind::EachBy { list, .. } => source(scope, list).map(Source::made),
        Kind::Pick { list: one, .. } | Kind::Range { list: one, .. } => source(scope, one),
        Kind::Convert { value: one, .. }
        | Kind::Via { value: one, .. }
        | Kind::Element { of: one, .. }
        | Kind::Coded(one)
        | Kind::Else(one, _)
        | Kind::When { value: one, .. }
        | Kind::Warn { value: one, .. }
        | Kind::Do { value: one, .. } => source(scope, one).map(Source::made),
        _ => None,
    }
}

pub(super) fn below(scope: &Scope, root: Slot, steps: &[Step]) -> Option<Source> {
    let around = scope.locals().find(|local| local.slot == root)?.source.clone();
    let mut found = around.unwrap_or(Source { root, steps: Vec::new(), fixed: 0, made: false });
    for step in steps {
        match step {
            Step::Outer(levels) => (0..*levels).for_each(|_| outward(&mut found.steps)),
            step => found.steps.push(step.clone()),
        }
    }
    found.fixed = found.fixed.min(found.steps.len());
    Some(found)
}

/// Leaves the innermost group or segment, and what chose of it.
fn outward(steps: &mut Vec<Step>) {
    while let Some(step) = steps.pop() {
        if matches!(step, Step::Member { .. }) {
            return;
        }
    }
}

/// The innermost part that repeats, of which a value has those of all repetitions and something else that is in hand one
/// each: nothing where a bracket says which are meant.
fn shared(scope: &Scope, each: &Source, value: &Source) -> Option<Part> {
    if each.root != value.root {
        return None;
    }
    let alike = each.steps.iter().zip(&value.steps).take_while(|(a, b)| a == b).count();
    let is_chosen = |steps: &[Step], at: usize| {
        matches!(steps.get(at + 1), Some(Step::Index(_) | Step::Range(..) | Step::Filter { .. }))
    };
    let repeats = |at: &usize| {
        let inside = value.made || at + 1 < value.steps.len();
        let is_open = !is_chosen(&each.steps, *at) && !is_chosen(&value.steps, *at);
        inside && is_open && is_repeating(scope, value, *at)
    };
    let at = (value.fixed..alike).rev().find(repeats)?;
    part(scope, value.root, value.steps.get(..=at)?)
}

fn is_repeating(scope: &Scope, value: &Source, at: usize) -> bool {
    match value.steps.get(at) {
        Some(Step::Field { repeats, .. }) => *repeats,
        Some(Step::Member { .. }) => {
            let steps = value.steps.get(..=at).unwrap_or_default();
            place::element(scope, value.root, steps).is_some_and(|element| element.repeats())
        }
        _ => false,
    }
}

/// What several values lie in.
struct Part {
    /// `PATIENT_RESULT`, `PID-3`
    name: SmolStr,
    /// The type that a map of it takes: `ORU_R01.PATIENT_RESULT`, `CX`.
    takes: SmolStr,
    is_field: bool,
}

impl Part {
    /// How each gets what is its own.
    fn help(&self) -> String {
        let Part { name, takes, is_field } = self;
        let of_one = format!("make a map of `{takes}` and pass `{name}`");
        match is_field {
            true => of_one,
            false => format!("write this in `each {name} {{ … }}`, or {of_one}"),
        }
    }
}

fn part(scope: &Scope, root: Slot, steps: &[Step]) -> Option<Part> {
    let own = scope.locals().find(|local| local.slot == root).map(|local| types::show_kind(&local.ty.kind));
    let segment = steps.iter().rposition(|step| matches!(step, Step::Member { .. }));
    let around = if segment.is_none() { own.as_deref().unwrap_or_default() } else { "" };
    let name = path::spell(around, steps.get(segment.unwrap_or(0)..)?);
    let is_field = matches!(steps.last(), Some(Step::Field { .. }));
    let takes = match steps.last()? {
        Step::Field { number, .. } => {
            let standards = scope.world.standards();
            let segment = name.split_once('-')?.0;
            let shape = standards.segment(super::ANY_VERSION, segment)?;
            shape.element(&number.to_string())?.types.first()?.name.clone()
        }
        _ => place::element(scope, root, steps)?.types.first()?.shape.clone(),
    };
    Some(Part { name, takes, is_field })
}

/// Goes over a list for what follows, as a call does that is lifted over it.
pub(super) fn go_over(scope: &mut Scope, item: Slot, list: &Expr) {
    let source = source(scope, list).map(Source::item);
    scope.push(Local { source, is_item: true, ..Local::unnamed(item, list.ty.with(Count::One)) });
}

/// What a value has one of for each of its repetitions, while an item that lies in the same part is gone over.
fn apart(scope: &Scope, value: &Expr) -> Option<Part> {
    let value = source(scope, value)?;
    let mut items = scope.locals().filter(|local| local.is_item).filter_map(|local| local.source.as_ref());
    items.find_map(|each| shared(scope, each, &value))
}

/// What to write instead of `first …` where that would choose among what belongs to others.
pub(super) fn help(scope: &Scope, value: &Expr) -> Option<String> {
    let part = apart(scope, value)?;
    let (name, help) = (&part.name, part.help());
    Some(format!("there is one for each `{name}`, and `first …` would take that of another: {help}"))
}

/// Says where a call that is lifted gives each what belongs to others too.
pub(super) fn told(scope: &mut Scope, param: &SignatureParam, value: &Expr) {
    let all = value.ty.is_list();
    if !all && !picks(value) {
        return;
    }
    let Some(part) = apart(scope, value) else { return };
    let (given, name) = (&param.name, &part.name);
    let message = match all {
        true => format!("each is given the `{given}` of every `{name}`, not of its own alone"),
        false => format!("each is given one `{given}` out of every `{name}`, not that of its own"),
    };
    let help = format!("to give each its own, {}", part.help());
    scope.problem(Diagnostic::new(Code::OfAnother, value.at.clone(), message).help(help));
}

/// `first who`, also with what is taken where there is none.
fn picks(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Pick { list, .. } => list.ty.is_list(),
        Kind::Else(one, _) | Kind::When { value: one, .. } | Kind::Warn { value: one, .. } => picks(one),
        _ => false,
    }
}

/// A place behind a dot, where a bracket asks about the list that it chooses from: `OBX[OBX-3.1 == "A"]` means `.3.1`.
pub(super) fn behind_dot(scope: &Scope, value: &Expr) -> Option<SmolStr> {
    let local = scope.locals().find(|local| local.current)?;
    let (list, found) = (local.source.as_ref()?, source(scope, value)?);
    if list.root != found.root || found.made {
        return None;
    }
    let mut text = String::new();
    for step in found.steps.strip_prefix(list.steps.as_slice())? {
        match step {
            Step::Field { number, .. } => text += &format!(".{number}"),
            Step::Component(number) => text += &format!(".{number}"),
            _ => return None,
        }
    }
    (!text.is_empty()).then(|| text.into())
}

/// The condition in a bracket, asked of an item.
pub(super) fn bracket(scope: &mut Scope, item: Local, asked: &tree::Expr) -> Expr {
    let slot = item.slot;
    let mark = scope.mark();
    scope.push(item);
    let condition = condition::condition(scope, asked);
    if !condition.is_error() && !asks(&condition, slot) {
        let message = "this asks nothing of the item, so it chooses all of them or none";
        let help = match meant(scope, &condition) {
            Some(dot) => format!("a leading dot is the item that the bracket asks about: write `{dot}`"),
            None => "a leading dot is the item, as in `.1`; what is asked of all stands behind it: `… when …`".into(),
        };
        scope.problem(Diagnostic::new(Code::NotOfItem, asked.at.clone(), message).help(help));
    }
    scope.release(mark);
    condition
}

/// A place of the whole list that a condition asks about, as it is written of the item.
fn meant(scope: &Scope, condition: &Expr) -> Option<SmolStr> {
    behind_dot(scope, condition).or_else(|| condition.inside().into_iter().find_map(|inner| meant(scope, inner)))
}

fn asks(value: &Expr, item: Slot) -> bool {
    match &*value.kind {
        Kind::Slot(slot) | Kind::Path { root: slot, .. } if *slot == item => true,
        _ => value.inside().into_iter().any(|inner| asks(inner, item)),
    }
}
