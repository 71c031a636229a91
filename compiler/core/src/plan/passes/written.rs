//! Where a choice gives constants and the next step writes what it gave, each way of the choice writes its own: constants
//! are stored together with the name before them, and nothing is handed from the choice to the step.

use super::fold;
use super::is_empty;
use super::known::Known;
use crate::plan::vals::set_in;
use crate::plan::{Block, Constant, Form, Step, Test, Val};
use emr_message::json::write_str;

/// The most ways of a choice for which that is worth the code.
const WAYS: usize = 40;

/// A choice and the step behind it as one choice, and what is known behind both; nothing if a way would still have to look at what the choice gave.
pub fn in_arms(choice: &Step, next: &Step, known: &mut Known) -> Option<Block> {
    let Step::If { test: Test::Present(of), yes, no } = next else { return None };
    let writes = |step: &Step| matches!(step, Step::Put(_) | Step::Write { .. } | Step::Trace { .. });
    let is_set = set_in(std::slice::from_ref(choice)).contains(of);
    if !is_set || !is_empty(no) || !yes.iter().all(writes) {
        return None;
    }
    let mut whole = vec![choice.clone()];
    let mut ways = 0;
    append(&mut whole, next, *of, &mut ways);
    if ways > WAYS {
        return None;
    }
    let mut after = known.clone();
    let whole = fold::folded(whole, &mut after);
    if asks(&whole, *of) {
        return None;
    }
    *known = after;
    Some(whole)
}

/// Adds the step at the end of each way.
fn append(block: &mut Block, next: &Step, of: Val, ways: &mut usize) {
    let last = block.iter_mut().rfind(|step| !matches!(step, Step::Trace { .. }));
    match last {
        Some(Step::If { yes, no, .. }) if sets(yes, of) || sets(no, of) => {
            append(yes, next, of, ways);
            append(no, next, of, ways);
        }
        Some(Step::Choose { arms, other, .. }) => {
            arms.iter_mut().for_each(|(_, arm)| append(arm, next, of, ways));
            append(other, next, of, ways);
        }
        _ => {
            *ways += 1;
            block.push(next.clone());
        }
    }
}

fn sets(block: &Block, of: Val) -> bool {
    set_in(block).contains(&of)
}

/// Whether a step of it asks for the value or writes it.
fn asks(block: &Block, of: Val) -> bool {
    block.iter().any(|step| step.uses().contains(&of) || step.blocks().into_iter().any(|inner| asks(inner, of)))
}

/// A constant as it is written, and whether that counts as a value of the message.
pub fn json(value: &Constant, form: Form) -> Option<(String, bool)> {
    let mut out = Vec::new();
    let live = match (value, form) {
        (Constant::Text(text), Form::Text) => {
            write_str(&mut out, text);
            false
        }
        (Constant::Coded { code, live, .. }, Form::Text | Form::Code) => {
            write_str(&mut out, code);
            *live
        }
        (Constant::Coded { system, code, display, live }, Form::Coding | Form::Concept) => {
            let parts = [("system", system.as_ref()), ("code", Some(code)), ("display", display.as_ref())];
            for (name, text) in parts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
                out.push(if out.is_empty() { b'{' } else { b',' });
                write_str(&mut out, name);
                out.push(b':');
                write_str(&mut out, text);
            }
            out.push(b'}');
            *live
        }
        _ => return None,
    };
    let json = String::from_utf8(out).ok()?;
    Some((if form == Form::Concept { format!("{{\"coding\":[{json}]}}") } else { json }, live))
}
