//! What a block writes where it writes no value of the message.
//!
//! "Constants alone never make a block exist": the close of a block asks whether a value of the message was written in it.
//! Mostly the answer can be read from how far the output went, since the constants of a block have a length that is known.
//! Only where it has not does the code count ([`emr_abi::Context::live`]).

use emr_compiler::plan::{Block, Form, Step, Val};

use crate::kinds::{Instance, Live, Typing, kind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// It never writes without a value of the message.
    Never,
    /// So many bytes exactly; more, if there was one.
    Bytes(usize),
    /// It depends.
    Unknown,
}

impl Quiet {
    fn then(self, next: Quiet) -> Quiet {
        match (self, next) {
            (Quiet::Unknown, _) | (_, Quiet::Unknown) => Quiet::Unknown,
            (Quiet::Never, _) | (_, Quiet::Never) => Quiet::Never,
            (Quiet::Bytes(first), Quiet::Bytes(second)) => Quiet::Bytes(first + second),
        }
    }

    /// One of two ways. The way with a value could be as long as the constants of the other, unless that has none.
    fn or(self, other: Quiet) -> Quiet {
        match (self, other) {
            (Quiet::Never, Quiet::Never) => Quiet::Never,
            (Quiet::Never | Quiet::Bytes(0), Quiet::Never | Quiet::Bytes(0)) => Quiet::Bytes(0),
            _ => Quiet::Unknown,
        }
    }

    /// As often as one likes.
    fn repeated(self) -> Quiet {
        self.or(Quiet::Bytes(0))
    }
}

/// Of each instance, callees first.
pub fn instances(typing: &Typing) -> Vec<Quiet> {
    let mut known = Vec::with_capacity(typing.instances.len());
    for instance in &typing.instances {
        let quiet = match typing.plan.routine(instance.routine) {
            Some(routine) => block(typing, instance, &known, &routine.body),
            None => Quiet::Unknown,
        };
        known.push(quiet);
    }
    known
}

pub fn block(typing: &Typing, instance: &Instance, known: &[Quiet], steps: &Block) -> Quiet {
    steps.iter().fold(Quiet::Bytes(0), |all, next| all.then(step(typing, instance, known, next)))
}

fn step(typing: &Typing, instance: &Instance, known: &[Quiet], step: &Step) -> Quiet {
    let inner = |steps: &Block| block(typing, instance, known, steps);
    match step {
        Step::Put(text) => Quiet::Bytes(text.len()),
        Step::Count => Quiet::Never,
        Step::Write { of, form } => written(instance, *of, *form),
        Step::Wrap { live: true, .. } => Quiet::Bytes(0),
        Step::Wrap { open, body, close, .. } => match inner(body) {
            Quiet::Bytes(0) => Quiet::Bytes(0),
            // The close takes the place of a comma.
            Quiet::Bytes(bytes) => Quiet::Bytes(open.len() + bytes + close.len() - usize::from(!close.is_empty())),
            other => other,
        },
        Step::Or { first, then } => match (inner(first), inner(then)) {
            (Quiet::Never, _) => Quiet::Never,
            (Quiet::Bytes(0), second) => Quiet::Bytes(0).or(second),
            (first @ Quiet::Bytes(_), _) => first,
            _ => Quiet::Unknown,
        },
        Step::If { yes, no, .. } => inner(yes).or(inner(no)),
        Step::Choose { arms, other, .. } => arms.iter().fold(inner(other), |all, (_, arm)| all.or(inner(arm))),
        Step::Each { body, .. } | Step::EachBy { body, .. } | Step::Attempt { body, .. } => inner(body).repeated(),
        Step::Wrote { body, .. } => inner(body),
        Step::Call { routine, arguments, to: None } => {
            let params: Vec<_> = arguments.iter().map(|argument| kind(&instance.vals, *argument)).collect();
            let called = typing.find(*routine, &params).and_then(|index| known.get(index)).copied();
            called.unwrap_or(Quiet::Unknown)
        }
        Step::Entries { .. } | Step::Edit { .. } | Step::Drop { .. } => Quiet::Unknown,
        _ => Quiet::Bytes(0),
    }
}

fn written(instance: &Instance, of: Val, form: Form) -> Quiet {
    match (kind(&instance.vals, of).live(), form) {
        (Live::Yes, _) => Quiet::Never,
        _ => Quiet::Unknown,
    }
}
