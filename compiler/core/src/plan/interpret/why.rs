//! Why an output is what it is: beside each value of a run, what of the message it is made of and what decided on it.
//!
//! Nothing is left out: a value that no place here names has no part in that value of the output, whatever it is.

use super::exec::Frame;
use super::nodes::Nodes;
use super::value::Value;
use crate::check::typed::Primitive;
use crate::json::Json;
use crate::plan::{Block, Part, Plan, RoutineId, RuleId, Step, Take, Val};
use emr_message::{Message, Place};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// Here in the output begins a value.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub at: usize,
    pub rule: RuleId,
    pub place: Option<Place>,
    /// Of a run that is explained, by its number.
    pub note: Option<usize>,
}

impl Mark {
    pub fn noted(at: usize, note: usize) -> Self {
        Self { at, rule: RuleId::MAX, place: None, note: Some(note) }
    }
}

/// Places of a message, or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub places: BTreeSet<Place>,
    /// The bytes of the whole message: what the identity of a resource without a key is made of.
    pub whole: bool,
}

impl Places {
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && !self.whole
    }

    pub(super) fn add(&mut self, other: &Places) {
        self.places.extend(&other.places);
        self.whole |= other.whole;
    }

    pub(super) fn of(place: Option<Place>) -> Self {
        Self { places: place.filter(|place| place.field > 0).into_iter().collect(), whole: false }
    }
}

/// What a value of a routine comes from.
#[derive(Clone, Default)]
pub(super) struct Taint {
    /// What it is made of.
    pub data: Places,
    /// What decided that it is this one, or that it is there.
    pub control: Places,
    /// The conversions, tables and functions that it went through.
    pub through: Vec<Through>,
}

/// What a value went through on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// A type of FHIR.
    Into(Primitive),
    Builtin(&'static str),
    /// A map, a convert or a table, by the name of its routine.
    Routine(SmolStr),
}

impl Taint {
    /// Both together.
    pub fn all(&self) -> Places {
        let mut all = self.data.clone();
        all.add(&self.control);
        all
    }

    fn add(&mut self, other: &Taint) {
        self.data.add(&other.data);
        self.control.add(&other.control);
        for through in &other.through {
            self.went(through.clone());
        }
    }

    fn went(&mut self, through: Through) {
        if !self.through.contains(&through) {
            self.through.push(through);
        }
    }
}

/// What is known of one written value.
#[derive(Clone, Default)]
pub(super) struct Note {
    /// The rules on the way to it, the one that wrote it last.
    pub rules: Vec<RuleId>,
    pub place: Option<Place>,
    pub taint: Taint,
    /// It stands for a value of the message.
    pub live: bool,
    /// What is written is this part of a resource that came, with all that is in it.
    pub node: Option<Place>,
}

/// All that is known in the midst of a run.
pub(super) struct Why {
    /// Of the values of each routine that is being carried out.
    frames: Vec<Vec<Taint>>,
    /// Of the arguments of the next one, and of the result of the last.
    pub arguments: Vec<Taint>,
    result: Taint,
    /// What decided that we are here.
    pub control: Vec<Places>,
    /// The values by which constants are chosen here.
    pub choices: Vec<Places>,
    /// All that was asked since somebody began to listen.
    pub seen: Places,
    /// What decided that nothing was skipped since.
    pub risk: Places,
    pub rules: Vec<RuleId>,
    pub notes: Vec<Note>,
    /// The key of the resource that is emitted next, and of those before it, by type.
    pub key: Taint,
    pub keys: FxHashMap<SmolStr, Places>,
    /// Whether a routine may skip what called it.
    fails: Vec<bool>,
    /// The types of the resources that a routine may emit.
    emits: Vec<BTreeSet<SmolStr>>,
    /// How often each rule was carried out.
    pub carried: Vec<u32>,
    /// What conditions of the text asked, and what is written elsewhere already.
    pub decided: Places,
    /// The places of the resource that came.
    pub nodes: Nodes,
}

impl Why {
    pub fn new(plan: &Plan, resource: Option<&Json>) -> Self {
        let mut why = Self {
            frames: Vec::new(),
            arguments: Vec::new(),
            result: Taint::default(),
            control: Vec::new(),
            choices: Vec::new(),
            seen: Places::default(),
            risk: Places::default(),
            rules: Vec::new(),
            notes: Vec::new(),
            key: Taint::default(),
            keys: FxHashMap::default(),
            fails: Vec::new(),
            emits: Vec::new(),
            carried: vec![0; plan.rules.len()],
            decided: Places::default(),
            nodes: resource.map(Nodes::of).unwrap_or_default(),
        };
        why.arguments = plan.takes.iter().map(|take| why.argument(take, resource)).collect();
        // A routine is made before whatever calls it.
        for routine in &plan.routines {
            let fails = why.may_fail(&routine.body);
            why.fails.push(fails);
            let mut emits = BTreeSet::new();
            why.may_emit(&routine.body, &mut emits);
            why.emits.push(emits);
        }
        // What stands beside all resources comes of the map itself.
        why.notes.push(Note::default());
        why
    }

    /// What is known of what the entry is given.
    fn argument(&self, take: &Take, resource: Option<&Json>) -> Taint {
        match take {
            Take::Resource(_) => {
                let place = resource.and_then(|resource| self.nodes.place(resource));
                Taint { data: Places::of(place), ..Taint::default() }
            }
            _ => Taint::default(),
        }
    }

    // ---- routines

    pub fn enter(&mut self, vals: usize) {
        let mut frame = std::mem::take(&mut self.arguments);
        frame.resize(vals, Taint::default());
        self.frames.push(frame);
    }

    pub fn leave(&mut self, result: Option<Val>) {
        self.result = result.map(|result| self.of(result)).unwrap_or_default();
        self.frames.pop();
    }

    /// What is known of the result of the routine that was called last.
    pub fn called(&mut self, plan: &Plan, routine: RoutineId) -> Taint {
        let mut taint = std::mem::take(&mut self.result);
        taint.through.extend(plan.routine(routine).map(|routine| Through::Routine(routine.name.clone())));
        taint
    }

    /// Whether something in the block may skip what is around it.
    pub fn may_fail(&self, block: &[Step]) -> bool {
        block.iter().any(|step| match step {
            Step::Fail => true,
            Step::Attempt { .. } => false,
            Step::Call { routine, .. } => self.fails.get(*routine as usize).copied().unwrap_or(false),
            step => step.blocks().into_iter().any(|inner| self.may_fail(inner)),
        })
    }

    /// The types of the resources that something in the block may emit.
    fn may_emit(&self, block: &[Step], found: &mut BTreeSet<SmolStr>) {
        for step in block {
            match step {
                Step::Emit { resource, .. } => found.extend([resource.clone()]),
                Step::Call { routine, .. } => {
                    found.extend(self.emits.get(*routine as usize).into_iter().flatten().cloned())
                }
                _ => {}
            }
            step.blocks().into_iter().for_each(|inner| self.may_emit(inner, found));
        }
    }

    /// These were asked before the step was done: what it might have emitted, and did not, would have gone before
    /// others of the same key.
    pub fn asked(&mut self, by: &Places, step: &Step) {
        let step = std::slice::from_ref(step);
        self.seen.add(by);
        if self.may_fail(step) {
            self.risk.add(by);
        }
        let mut emits = BTreeSet::new();
        self.may_emit(step, &mut emits);
        for resource in emits {
            self.keys.entry(resource).or_default().add(by);
        }
    }

    // ---- values

    pub fn of(&self, val: Val) -> Taint {
        self.frames.last().and_then(|frame| frame.get(val as usize)).cloned().unwrap_or_default()
    }

    pub fn of_all(&self, vals: &[Val]) -> Taint {
        let mut all = Taint::default();
        vals.iter().for_each(|val| all.add(&self.of(*val)));
        all
    }

    pub fn set(&mut self, val: Val, taint: Taint) {
        if let Some(place) = self.frames.last_mut().and_then(|frame| frame.get_mut(val as usize)) {
            *place = taint;
        }
    }

    /// What decided whether these values were set.
    pub fn decide(&mut self, vals: impl IntoIterator<Item = Val>, by: &Places) {
        for val in vals {
            if let Some(place) = self.frames.last_mut().and_then(|frame| frame.get_mut(val as usize)) {
                place.control.add(by);
            }
        }
    }

    /// A step from one value to the next.
    pub fn flow(&mut self, step: &Step, frame: &Frame, message: &Message) {
        let Some(to) = step.sets() else { return };
        let mut taint = self.of_all(&step.uses());
        match step {
            Step::Append { .. } | Step::Push { .. } => {
                let mut before = self.of(to);
                before.add(&taint);
                taint = before;
            }
            Step::Take { of, part: Part::Element(names), .. } => {
                let below = frame.get(*of as usize).map(|of| self.nodes.below(of, names)).unwrap_or_default();
                if !below.is_empty() {
                    taint.data = below;
                }
            }
            // From a value to a part of it; of several, which one it is depends on them all.
            Step::Take { of, .. } | Step::Pick { of, .. } => {
                let (before, after) = (frame.get(*of as usize), frame.get(to as usize));
                let place = after.filter(|value| matches!(value, Value::Piece(_) | Value::Field(_)));
                if let Some(place) = place.and_then(|value| value.place(message)) {
                    if !matches!(before, Some(Value::Piece(_) | Value::Segment(_))) {
                        taint.control.add(&taint.data);
                    }
                    taint.data = Places::of(Some(place));
                }
                self.chosen(&mut taint, frame.get(to as usize));
            }
            Step::Constant { .. } => taint.data = self.choices.last().cloned().unwrap_or_default(),
            Step::Decide { .. } => self.decided.add(&taint.all()),
            Step::Convert { into, .. } => taint.went(Through::Into(*into)),
            Step::Builtin { function, .. } => {
                taint.went(Through::Builtin(function.name()));
                self.chosen(&mut taint, frame.get(to as usize));
                if *function == emr_abi::Builtin::resolve {
                    taint.control.add(&self.nodes.addresses);
                }
            }
            _ => {}
        }
        self.set(to, taint);
    }

    /// Of a resource that came, these were chosen; what they were chosen by decides which they are.
    fn chosen(&self, taint: &mut Taint, value: Option<&Value>) {
        let places = value.map(|value| self.nodes.places(value)).unwrap_or_default();
        if !places.is_empty() {
            let by = std::mem::replace(&mut taint.data, places);
            taint.control.add(&by);
        }
    }

    // ---- loops

    /// The next item of a list. If only some items stay, what was asked of those before it decides on it too.
    pub fn item(&mut self, (of, list): (Val, &Value), (item, value): (Val, &Value), chosen: bool, message: &Message) {
        let mut taint = self.of(of);
        if let Value::Piece(piece) = value {
            if matches!(list, Value::Field(_) | Value::Piece(_)) {
                taint.control = Places::default();
            }
            taint.data = Places::of(Some(piece.place));
        } else if let Some(place) = value.place(message).filter(|place| place.field > 0) {
            taint.data = Places::of(Some(place));
        }
        let places = self.nodes.places(value);
        if !places.is_empty() {
            taint.data = places;
        }
        let mut by = taint.all();
        if chosen {
            by.add(&self.seen);
        }
        if let Some(top) = self.control.last_mut() {
            *top = by;
        }
        self.set(item, taint);
    }

    /// An item has joined its group: all keys decide who is in it.
    pub fn grouped(&mut self, of: Val, by: Val, items: Val) {
        let key = self.of(by).all();
        let mut taint = self.of(items);
        taint.add(&self.of(of));
        taint.control.add(&key);
        if let Some(top) = self.control.last_mut() {
            *top = taint.all();
        }
        self.set(items, taint);
        self.seen.add(&key);
    }

    // ---- what is written

    pub fn here(&self) -> Places {
        let mut here = Places::default();
        self.control.iter().for_each(|by| here.add(by));
        here
    }

    pub fn note(&mut self, taint: Taint, place: Option<Place>, live: bool, node: Option<Place>) -> usize {
        let mut taint = taint;
        taint.control.add(&self.here());
        self.notes.push(Note { rules: self.rules.clone(), place, taint, live, node });
        self.notes.len() - 1
    }

    /// Of the resource that is emitted next: its address, and what a server is asked to do with it.
    pub fn entry(&mut self) -> usize {
        let key = std::mem::take(&mut self.key);
        self.note(key, None, true, None)
    }

    /// Of what the engine adds to what the rule in hand writes.
    pub fn added(&mut self) -> usize {
        self.note(Taint::default(), None, false, None)
    }

    /// All of this stands in a resource that came before it.
    pub fn repeated(&mut self, marks: &[Mark]) {
        for number in marks.iter().filter_map(|mark| mark.note) {
            let all = self.notes.get(number).map(|note| note.taint.all()).unwrap_or_default();
            self.decided.add(&all);
        }
    }

    /// Of what stands around all resources.
    pub fn first(&self) -> usize {
        0
    }

    pub fn under(&mut self, rule: RuleId) {
        if let Some(first) = self.notes.first_mut().filter(|note| note.rules.is_empty()) {
            first.rules.push(rule);
        }
        self.rules.push(rule);
        if let Some(times) = self.carried.get_mut(rule as usize) {
            *times = times.saturating_add(1);
        }
    }
}

/// Whether a block writes something in any case.
pub(super) fn writes_always(block: &Block) -> bool {
    block.iter().any(|step| match step {
        Step::Put(_) | Step::Write { .. } => true,
        Step::Wrap { body, live: false, .. } | Step::Under { body, .. } => writes_always(body),
        _ => false,
    })
}
