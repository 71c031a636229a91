//! A run that also tells why: each step is carried out as in any run, and what it does to values and output is noted.

use super::exec::{Done, Frame, Run};
use super::value::Value;
use super::why::{Mark, Note, Places, Taint, Through, Why, writes_always};
use super::{Nodes, Outcome, Settings};
use crate::json::Json;
use crate::plan::vals::set_in;
use crate::plan::{Block, Form, Plan, RuleId, Step, Until, Val};
use emr_message::lineage;
use emr_message::{Message, Place};
use std::ops::Range;

/// What came of a message, and why. `Debug` of its parts shows places, never values.
pub struct Explained {
    pub outcome: Outcome,
    /// In the order of the output; none if there is no output.
    pub values: Vec<Explanation>,
    /// How often each rule was carried out, by its number.
    pub carried: Vec<u32>,
    /// What had its part, whatever came of it: what the conditions of the text asked, and what a resource says again that is
    /// the same as one before it.
    pub asked: Places,
    /// The places of the resource that came, if one did.
    pub nodes: Nodes,
}

/// Why one value of the output is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `entry[0].resource.name[0].family`, counted from 0 as FHIR does.
    pub path: String,
    /// Where its text stands in the output.
    pub text: Range<usize>,
    /// The rules on the way to it, the one that wrote it last.
    pub rules: Vec<RuleId>,
    /// The part of the message that was written, if it is one.
    pub place: Option<Place>,
    /// All that it is made of.
    pub sources: Places,
    /// All that decided that it is there, or that it is this one.
    pub conditions: Places,
    pub through: Vec<Through>,
}

/// Carries out a plan that is made to be explained, and tells why each value is what it is.
pub fn explain(plan: &Plan, message: &Message, settings: &Settings) -> Explained {
    explained(plan, message, settings, None)
}

/// The same for a resource of FHIR; nothing where the plan takes none of that type.
pub fn explain_resource(plan: &Plan, resource: &Json, settings: &Settings) -> Option<Explained> {
    Some(explained(plan, &super::stand_in(plan, resource)?, settings, Some(resource)))
}

/// The same for a message and a resource of FHIR beside it; nothing where the plan takes no resource of that type.
pub fn explain_both(plan: &Plan, message: &Message, resource: &Json, settings: &Settings) -> Option<Explained> {
    let settings = super::for_both(plan, message, resource, settings)?;
    Some(explained(plan, message, &settings, Some(resource)))
}

fn explained(plan: &Plan, message: &Message, settings: &Settings, input: Option<&Json>) -> Explained {
    let why = Why::new(plan, input);
    let (outcome, marks, why) = super::run_for(plan, message, settings, input, Some(Box::new(why)));
    let told = why.map(|why| (why.notes, why.carried, why.decided, why.nodes));
    let (notes, carried, asked, mut nodes) = told.unwrap_or_default();
    let values = match &outcome.result {
        Ok(out) => values(out, &marks, &notes, &mut nodes),
        Err(_) => Vec::new(),
    };
    Explained { outcome, values, carried, asked, nodes }
}

/// Each value has what is noted of it, or of the nearest thing around it.
fn values(out: &[u8], marks: &[Mark], notes: &[Note], nodes: &mut Nodes) -> Vec<Explanation> {
    let places: Vec<usize> = marks.iter().map(|mark| mark.at).collect();
    let walked = lineage::walk(out, &places);
    let note = |index: usize| marks.get(index).and_then(|mark| notes.get(mark.note?));
    let marked: rustc_hash::FxHashMap<&str, &Note> =
        walked.marks.iter().filter_map(|(index, path)| Some((path.as_str(), note(*index)?))).collect();
    let mut explained = |(path, text): &(String, Range<usize>)| {
        let noted = around(path).find_map(|around| Some((around, *marked.get(around)?)));
        let Note { rules, place, taint: Taint { mut data, control, through }, node, .. } =
            noted.map(|(_, note)| note.clone()).unwrap_or_default();
        // Of what is taken over as it came, each part has its own place.
        let inside = noted.and_then(|(around, _)| path.strip_prefix(around)).filter(|inside| !inside.is_empty());
        if let (Some(inside), Some(whole)) = (inside, node.and_then(|node| nodes.path(&node).map(str::to_owned))) {
            let between = if inside.starts_with(['.', '[']) { "" } else { "." };
            data = Places::of(Some(nodes.at(format!("{whole}{between}{inside}"))));
        }
        Explanation {
            path: path.clone(),
            text: text.clone(),
            rules,
            place,
            conditions: Places {
                places: control.places.difference(&data.places).copied().collect(),
                whole: control.whole && !data.whole,
            },
            sources: data,
            through,
        }
    };
    walked.leaves.iter().map(&mut explained).collect()
}

/// The path and those around it, the nearest first.
fn around<'a>(path: &'a str) -> impl Iterator<Item = &'a str> {
    let outer = |path: &&'a str| path.get(..path.rfind(['.', '[']).unwrap_or_default()).filter(|_| !path.is_empty());
    std::iter::successors(Some(path), outer)
}

impl<'p, 'm> Run<'p, 'm> {
    /// Of items that are written at once, each with its own place.
    fn items_noted(&mut self, of: Val, start: usize, frame: &Frame<'m>) {
        let Some(rule) = self.marks.last().filter(|mark| mark.at == start).map(|mark| mark.rule) else { return };
        let Some(Value::Json(list)) = frame.get(of as usize) else { return };
        let control = self.why().of(of).control;
        let mut at = start;
        for item in list.items() {
            if let Some(node) = self.why().nodes.place(item) {
                let taint = Taint { data: Places::of(Some(node)), control: control.clone(), ..Taint::default() };
                let note = Some(self.why().note(taint, None, true, Some(node)));
                self.marks.push(Mark { at, rule, place: None, note });
            }
            at += item.to_string().len() + ",".len();
        }
    }

    fn why(&mut self) -> &mut Why {
        self.why.as_mut().expect("only a run that is explained comes here")
    }

    pub fn explained(&mut self, step: &'p Step, frame: &mut Frame<'m>) -> Done {
        let depths = (self.why().control.len(), self.why().choices.len(), self.why().rules.len());
        let done = self.noted(step, frame);
        // Whatever was left before its end: who caught it stands here.
        let why = self.why();
        why.control.truncate(depths.0);
        why.choices.truncate(depths.1);
        why.rules.truncate(depths.2);
        done
    }

    fn noted(&mut self, step: &'p Step, frame: &mut Frame<'m>) -> Done {
        match step {
            Step::Trace { rule, of } => {
                let value = of.and_then(|of| frame.get(of as usize));
                let (place, live) = (value.and_then(|it| it.place(self.message)), value.is_some_and(Value::is_live));
                let taint = of.map(|of| self.why().of(of)).unwrap_or_default();
                let node = match value {
                    Some(Value::Json(json)) => self.why.as_ref().and_then(|why| why.nodes.place(json)),
                    _ => None,
                };
                let note = Some(self.why().note(taint, place, live, node));
                self.marks.push(Mark { at: self.out.len(), rule: *rule, place, note });
                Ok(())
            }
            Step::Write { of, form: Form::Items } => {
                let start = self.out.len();
                let done = self.carry_out(step, frame);
                self.items_noted(*of, start, frame);
                done
            }
            Step::Under { rule, body } => {
                self.why().under(*rule);
                self.block(body, frame)
            }
            Step::If { test, .. } => self.branched(&test.uses(), step, frame),
            Step::Choose { of, .. } => {
                let by = self.why().of(*of);
                self.why().choices.push(by.data);
                self.branched(&[*of], step, frame)
            }
            Step::Each { of, until, .. } => self.looped(*of, *until, step, frame),
            Step::EachBy { of, .. } => self.looped(*of, Until::All, step, frame),
            Step::Or { first, then } => self.alternative(first, then, frame),
            Step::Wrap { live: true, .. } => {
                let from = self.marks.len();
                let (done, seen) = self.listening(|run| run.carry_out(step, frame));
                self.decided(from, &seen, |note| !note.live);
                done
            }
            Step::Wrote { to, .. } | Step::Probe { to, .. } | Step::Unlike { to, .. } => {
                let (done, seen) = self.listening(|run| run.carry_out(step, frame));
                self.why().set(*to, Taint { control: seen, ..Taint::default() });
                done
            }
            Step::Attempt { body, .. } => self.attempted(body, step, frame),
            Step::Emit { .. } => self.emitted(step, frame),
            Step::Contain { body, to } => {
                let (done, seen) = self.listening(|run| run.carry_out(step, frame));
                let control = if writes_always(body) { Places::default() } else { seen };
                self.why().set(*to, Taint { control, ..Taint::default() });
                done
            }
            Step::Call { routine, arguments, to } => {
                let taints = arguments.iter().map(|argument| self.why().of(*argument)).collect();
                self.why().arguments = taints;
                self.carry_out(step, frame)?;
                let plan = self.plan;
                let taint = self.why().called(plan, *routine);
                if let Some(to) = to {
                    self.why().set(*to, taint);
                }
                Ok(())
            }
            _ => {
                self.carry_out(step, frame)?;
                let message = self.message;
                self.why().flow(step, frame, message);
                Ok(())
            }
        }
    }

    /// What is done, and all that was asked meanwhile.
    fn listening(&mut self, act: impl FnOnce(&mut Self) -> Done) -> (Done, Places) {
        let before = std::mem::take(&mut self.why().seen);
        let done = act(self);
        let seen = std::mem::replace(&mut self.why().seen, before);
        self.why().seen.add(&seen);
        (done, seen)
    }

    /// What these decide on: all that the step does, and all that it might have set.
    fn branched(&mut self, by: &[Val], step: &'p Step, frame: &mut Frame<'m>) -> Done {
        let by = self.why().of_all(by).all();
        self.why().asked(&by, step);
        self.why().control.push(by.clone());
        let done = self.carry_out(step, frame);
        self.why().decide(set_in(std::slice::from_ref(step)), &by);
        done
    }

    fn looped(&mut self, of: Val, until: Until, step: &'p Step, frame: &mut Frame<'m>) -> Done {
        let by = self.why().of(of).all();
        self.why().asked(&by, step);
        self.why().control.push(by.clone());
        let from = self.marks.len();
        let (done, seen) = self.listening(|run| run.carry_out(step, frame));
        if until == Until::Last {
            self.decided(from, &seen, |_| true);
        }
        let mut by = by;
        if until != Until::All {
            by.add(&seen);
        }
        self.why().decide(set_in(std::slice::from_ref(step)), &by);
        done
    }

    fn alternative(&mut self, first: &'p Block, then: &'p Block, frame: &mut Frame<'m>) -> Done {
        let start = self.out.len();
        let (done, seen) = self.listening(|run| run.block(first, frame));
        done?;
        if self.why().may_fail(then) {
            self.why().risk.add(&seen);
        }
        let done = if self.out.len() == start {
            self.why().control.push(seen.clone());
            self.block(then, frame)
        } else {
            Ok(())
        };
        self.why().decide(set_in(then), &seen);
        done
    }

    fn attempted(&mut self, body: &'p Block, step: &'p Step, frame: &mut Frame<'m>) -> Done {
        let outer = std::mem::take(&mut self.why().risk);
        let from = self.marks.len();
        let done = self.carry_out(step, frame);
        let risk = std::mem::replace(&mut self.why().risk, outer);
        self.why().seen.add(&risk);
        self.decided(from, &risk, |_| true);
        self.why().decide(set_in(body), &risk);
        done
    }

    fn emitted(&mut self, step: &'p Step, frame: &mut Frame<'m>) -> Done {
        let Step::Emit { resource, key, body, to, .. } = step else { return Ok(()) };
        let is_keyed = self.key(key, frame).is_some();
        let mut own = self.why().of_all(&step.uses());
        own.data.whole |= !is_keyed;
        let mut by = Places::default();
        // Of two with one key the first stays; that one has none may be why it stays. The address that it has then is its
        // own, whatever it is made of.
        let all = Places { whole: false, ..own.all() };
        if let Some(before) = self.why().keys.get(resource).cloned() {
            by.add(&before);
            by.add(&all);
        }
        self.why().keys.entry(resource.clone()).or_default().add(&all);
        self.why().key = own.clone();
        self.why().control.push(by.clone());
        let (done, seen) = self.listening(|run| run.carry_out(step, frame));
        own.control.add(&by);
        if !writes_always(body) {
            own.control.add(&seen);
        }
        self.why().set(*to, own);
        done
    }

    /// What was noted since of these values was decided by that too.
    fn decided(&mut self, from: usize, by: &Places, which: impl Fn(&Note) -> bool) {
        let notes: Vec<usize> = self.marks.iter().skip(from).filter_map(|mark| mark.note).collect();
        for number in notes {
            if let Some(note) = self.why().notes.get_mut(number).filter(|note| which(note)) {
                note.taint.control.add(by);
            }
        }
    }
}
