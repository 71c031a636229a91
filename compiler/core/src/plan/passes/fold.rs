//! What is known is not asked: constants go through what is made of them, tests that can have one answer are gone, and so
//! are the ways that nothing takes.

use super::known::{Fact, Known};
use super::{is_empty, written};
use crate::check::typed::{CodeKey, Primitive};
use crate::plan::vals::set_in;
use crate::plan::{Block, CodePart, Constant, Plan, Step, Test, Val};
use emr_message::convert;
use smol_str::SmolStr;

pub fn run(plan: &mut Plan) {
    for routine in &mut plan.routines {
        let body = std::mem::take(&mut routine.body);
        routine.body = folded(body, &mut Known::default());
    }
}

/// The block without what is known; `known` is what is known before it, and afterwards what is known behind it.
pub fn folded(block: Block, known: &mut Known) -> Block {
    let mut out = Vec::with_capacity(block.len());
    let mut steps = block.into_iter().peekable();
    while let Some(step) = steps.next() {
        if let Step::If { .. } | Step::Choose { .. } = &step {
            let mut marks = Vec::new();
            while let Some(mark) = steps.next_if(|next| matches!(next, Step::Trace { .. })) {
                marks.push(mark);
            }
            if let Some(whole) = steps.peek().and_then(|next| written::in_arms(&step, next, known)) {
                steps.next();
                add(&mut out, whole);
            } else {
                one(&mut out, step, known);
                out.extend(marks);
            }
        } else {
            one(&mut out, step, known);
        }
    }
    out
}

/// Adds steps that are folded already.
fn add(out: &mut Block, steps: Block) {
    for step in steps {
        push(out, step);
    }
}

fn push(out: &mut Block, step: Step) {
    match (out.last_mut(), step) {
        (Some(Step::Put(before)), Step::Put(text)) => before.push_str(&text),
        (_, step) => out.push(step),
    }
}

fn one(out: &mut Block, step: Step, known: &mut Known) {
    match step {
        Step::If { test, yes, no } => branch(out, known.simplified(test), yes, no, known),
        Step::Choose { of, arms, other } => choose(out, of, arms, other, known),
        Step::Each { of, .. } | Step::EachBy { of, .. } if known.is_missing(of) => {}
        Step::Each { of, item, body, until } => {
            known.forget(&set_in(&body));
            known.set(item, None);
            let mut inside = known.clone();
            inside.set(item, Some(Fact::Present));
            let body = folded(body, &mut inside);
            if !is_empty(&body) {
                out.push(Step::Each { of, item, body, until });
            }
        }
        Step::Wrap { open, body, close, live, needs } => {
            let body = folded(body, known);
            match body.as_slice() {
                _ if !needs.is_empty() => out.push(Step::Wrap { open, body, close, live, needs }),
                [Step::Put(_)] if live => {}
                [Step::Put(text)] if !close.is_empty() => {
                    let items = text.strip_suffix(',').unwrap_or(text);
                    push(out, Step::Put(format!("{open}{items}{close}")));
                }
                body if is_empty(body) => {}
                _ => out.push(Step::Wrap { open, body, close, live, needs }),
            }
        }
        Step::Or { first, then } => {
            let first = folded(first, known);
            let mut other = known.clone();
            let then = folded(then, &mut other);
            known.meet(&other);
            match first.as_slice() {
                // A constant is always written.
                [Step::Put(_)] => add(out, first),
                first if is_empty(first) => add(out, then),
                _ if is_empty(&then) => add(out, first),
                _ => out.push(Step::Or { first, then }),
            }
        }
        Step::Wrote { body, to } => {
            let body = folded(body, known);
            known.set(to, None);
            out.push(Step::Wrote { body, to });
        }
        Step::Write { of, form } => match known.constant(of).and_then(|constant| written::json(constant, form)) {
            Some((json, live)) => {
                if live {
                    // Where it counts makes no difference, and constants come together.
                    let at = out.len() - usize::from(matches!(out.last(), Some(Step::Put(_))));
                    out.insert(at, Step::Count);
                }
                push(out, Step::Put(json));
            }
            None => out.push(Step::Write { of, form }),
        },
        Step::Decide { test, to } => {
            let test = known.simplified(test);
            known.set(to, Some(Fact::Present));
            out.push(Step::Decide { test, to });
        }
        Step::Append { of, .. } if known.is_missing(of) => {}
        mut step if !step.blocks().is_empty() => {
            // It may be left before its end, or carried out several times.
            known.forget(&set_in(std::slice::from_ref(&step)));
            for inner in step.blocks_mut() {
                *inner = folded(std::mem::take(inner), &mut known.clone());
            }
            known.forget(&set_in(std::slice::from_ref(&step)));
            out.push(step);
        }
        step => simple(out, step, known),
    }
}

/// A step without steps inside.
fn simple(out: &mut Block, step: Step, known: &mut Known) {
    let Some(to) = step.sets() else { return push(out, step) };
    match given(&step, known) {
        Some(Fact::Is(value)) => {
            known.set(to, Some(Fact::Is(value.clone())));
            out.push(Step::Constant { value, to });
        }
        fact => {
            known.set(to, fact);
            out.push(step);
        }
    }
}

/// What is known of the value that a step sets.
fn given(step: &Step, known: &Known) -> Option<Fact> {
    let missing = Some(Fact::Is(Constant::Missing));
    match step {
        Step::Constant { value, .. } => Some(Fact::Is(value.clone())),
        // Each value that grows has a list of its own.
        Step::Set { from, .. } => known.fact(*from).filter(|fact| **fact != Fact::Is(Constant::List)).cloned(),
        Step::Take { of, .. } | Step::Pick { of, .. } | Step::CodePart { of, .. } | Step::Convert { of, .. }
            if known.is_missing(*of) =>
        {
            missing
        }
        Step::Coded { code, .. } if known.is_missing(*code) => missing,
        Step::Lookup { keys, .. } if keys.iter().any(|key| known.is_missing(*key)) => missing,
        Step::Join { parts, .. } if parts.iter().any(|part| known.is_missing(*part)) => missing,
        Step::Join { parts, .. } => {
            let texts: Option<String> = parts.iter().map(|part| known.text(*part)).collect();
            texts.map(|text| Fact::Is(Constant::Text(text.into())))
        }
        Step::CodePart { of, part, .. } => part_of(known.constant(*of)?, *part).map(Fact::Is),
        Step::Convert { of, into: into @ (Primitive::String | Primitive::Markdown | Primitive::Code), .. } => {
            let text = convert::convert(known.text(*of)?, *into, None).ok()?;
            Some(Fact::Is(text.map_or(Constant::Missing, |text| Constant::Text(SmolStr::from(text)))))
        }
        _ => None,
    }
}

fn part_of(value: &Constant, part: CodePart) -> Option<Constant> {
    let text = |text: &Option<SmolStr>| Some(text.clone().map_or(Constant::Missing, Constant::Text));
    match (value, part) {
        // A part of one that counts as a value of the message does so too, which no constant text does.
        (Constant::Coded { system, live: false, .. }, CodePart::System) => text(system),
        (Constant::Coded { code, live: false, .. }, CodePart::Code) => text(&Some(code.clone())),
        (Constant::Coded { display, live: false, .. }, CodePart::Display) => text(display),
        (Constant::Text(text), CodePart::Code) => Some(Constant::Text(text.clone())),
        (Constant::Text(_) | Constant::Reason(_), _) => Some(Constant::Missing),
        _ => None,
    }
}

fn branch(out: &mut Block, test: Test, yes: Block, no: Block, known: &mut Known) {
    if let Test::Always(holds) = test {
        let taken = folded(if holds { yes } else { no }, known);
        return add(out, taken);
    }
    let mut otherwise = known.clone();
    known.assume(&test, true);
    otherwise.assume(&test, false);
    let (yes, no) = (folded(yes, known), folded(no, &mut otherwise));
    known.meet(&otherwise);
    match (is_empty(&yes), is_empty(&no), test) {
        (true, true, _) => {}
        (true, false, Test::Not(test)) => out.push(Step::If { test: *test, yes: no, no: Block::new() }),
        (true, false, test) => out.push(Step::If { test: Test::Not(Box::new(test)), yes: no, no: Block::new() }),
        (false, true, test) => out.push(Step::If { test, yes, no: Block::new() }),
        (_, _, test) => out.push(Step::If { test, yes, no }),
    }
}

fn choose(out: &mut Block, of: Val, mut arms: Vec<(Vec<CodeKey>, Block)>, other: Block, known: &mut Known) {
    let text = if known.is_missing(of) { Some("") } else { known.text(of) };
    if let Some(text) = text.map(str::trim) {
        let arm = arms.iter().position(|(keys, _)| keys.iter().any(|key| key.holds(text)));
        let taken = arm.map_or(other, |arm| arms.swap_remove(arm).1);
        let taken = folded(taken, known);
        return add(out, taken);
    }
    let before = known.clone();
    let other = folded(other, known);
    for (_, arm) in &mut arms {
        let mut here = before.clone();
        *arm = folded(std::mem::take(arm), &mut here);
        known.meet(&here);
    }
    out.push(Step::Choose { of, arms, other });
}
