//! Carries out a plan for one message, written for clarity: the oracle of compiled code.
//!
//! Deterministic: the same plan, message and settings give the same bytes. It never panics, for any message; how deep
//! it calls itself depends on the plan alone. Lists are walked where they stand, so that memory stays near the size of
//! message and output.

mod builtin;
mod compare;
mod convert;
mod emit;
mod exec;
mod explain;
mod lookup;
mod nodes;
mod refer;
mod resolve;
mod said;
mod value;
mod why;
mod write;

use super::{Code, Gives, LACKING, MISSED, Plan, RuleId, SKIPPED, Said, Take, UNKNOWN_CHARSET, UNPLACED, no_segment};
use crate::json::Json;
use emr_message::group::{self, Bent, Groups};
use emr_message::lineage::{self, Lineage};
use emr_message::{Message, Place, Receipt, Secrets, Zone, encode, stand_in};
use exec::{Run, Stop};
pub use explain::{Explained, Explanation, explain, explain_both, explain_resource};
pub use nodes::{Nodes, is_node};
use smol_str::SmolStr;
use std::fmt;
use value::Value;
use why::{Mark, Why};
pub use why::{Places, Through};

/// What a message may cost before it is given up: the fixed part of the default.
const FUEL_FIXED: u64 = 1_000;
/// And the part for each byte.
const FUEL_PER_BYTE: u64 = 16;

#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Of times without an offset.
    pub zone: Option<Zone>,
    /// What is known of the message beside its bytes.
    pub receipt: Receipt,
    /// What the names of secrets stand for.
    pub secrets: Secrets,
    /// Loop turns and calls; by default 1,000 and 16 for each byte of the message.
    pub fuel: Option<u64>,
}

/// What came of a message. `Debug` shows no value.
pub struct Outcome {
    /// JSON, or why there is none.
    pub result: Result<Vec<u8>, Rejection>,
    /// In the order in which they were raised, each once for a place.
    pub issues: Vec<Issue>,
    /// The tables, of those that alarms watch, that lack what the message looks up in them: each once for a place.
    pub misses: Vec<SmolStr>,
    /// Where each written value comes from, in the order of the output; only of a traced plan.
    pub lineage: Vec<Lineage>,
}

/// What a mapping says of a message: never a word of the message itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issue {
    /// `R0501`
    pub code: &'static str,
    pub text: SmolStr,
    /// Where in the message, if it is about one place.
    pub place: Option<Place>,
    /// The text of the map that says it; nothing for what reading says.
    pub rule: Option<RuleId>,
}

/// Why a message has no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub code: &'static str,
    pub text: SmolStr,
    pub place: Option<Place>,
    pub rule: Option<RuleId>,
    /// The message took more than it may: a fault of the machinery, not a word of the mapping.
    pub fault: bool,
}

/// Carries out a plan for a message.
pub fn run(plan: &Plan, message: &Message, settings: &Settings) -> Outcome {
    run_for(plan, message, settings, None, None).0
}

/// Carries out a plan for a resource of FHIR; nothing where the plan takes none of that type.
pub fn run_resource(plan: &Plan, resource: &Json, settings: &Settings) -> Option<Outcome> {
    Some(run_for(plan, &stand_in(plan, resource)?, settings, Some(resource), None).0)
}

/// Carries out a plan for a message and a resource of FHIR, of which it takes the second or both; nothing where it takes no
/// resource of that type.
pub fn run_both(plan: &Plan, message: &Message, resource: &Json, settings: &Settings) -> Option<Outcome> {
    let settings = for_both(plan, message, resource, settings)?;
    Some(run_for(plan, message, &settings, Some(resource), None).0)
}

/// What both cost together.
fn for_both(plan: &Plan, message: &Message, resource: &Json, settings: &Settings) -> Option<Settings> {
    takes_resource(plan, resource)?;
    let fuel = settings.fuel.unwrap_or_else(|| fuel(message, Some(resource)));
    Some(Settings { fuel: Some(fuel), ..settings.clone() })
}

fn takes_resource(plan: &Plan, resource: &Json) -> Option<()> {
    let name = resource.resource_type()?;
    let takes = |take: &Take| matches!(take, Take::Resource(wanted) if wanted == name || wanted == "Resource");
    plan.takes.iter().any(takes).then_some(())
}

/// The message in whose place a resource stands that the plan takes. Ids are made of the bytes of what came, and steps
/// counted by them: those of a message that has nothing else.
pub(crate) fn stand_in(plan: &Plan, resource: &Json) -> Option<Message> {
    takes_resource(plan, resource)?;
    Message::read(&stand_in::message(&resource.to_string()), &Default::default()).ok()
}

/// The same, with what is noted for whoever wants to know why.
fn run_for(
    plan: &Plan,
    message: &Message,
    settings: &Settings,
    input: Option<&Json>,
    why: Option<Box<Why>>,
) -> (Outcome, Vec<Mark>, Option<Box<Why>>) {
    let names = message.segments().iter().map(|segment| segment.name);
    let groups = if plan.grammar.nodes.is_empty() { Groups::default() } else { group::build(&plan.grammar, names) };
    let mut run = Run::new(plan, message, &groups, settings);
    run.input = input.cloned();
    run.why = why;
    unplaced(&mut run);
    misplaced(&mut run);
    let result = arguments(&mut run).and_then(|arguments| run.call(plan.entry, arguments)).map(|_| ());
    let result = match result {
        Ok(()) => Ok(run.finished()),
        Err(Stop::Skip) => Err(Rejection::new(Code::Skipped, SKIPPED.1)),
        Err(Stop::Reject(rejection)) => Err(*rejection),
    };
    let lineage = match &result {
        Ok(out) if run.why.is_none() => {
            let mark = |mark: &Mark| lineage::Mark { at: mark.at, rule: mark.rule, place: mark.place };
            lineage::paths(out, &run.marks.iter().map(mark).collect::<Vec<_>>())
        }
        _ => Vec::new(),
    };
    // Who wants to know why looks at what was written: there each value has its place.
    let encodes = plan.gives == Gives::Message && run.why.is_none();
    let why = run.why.take();
    let result = result.and_then(|written| if encodes { run.message(&written) } else { Ok(written) });
    let (missed, issues): (Vec<_>, Vec<_>) = run.issues.into_iter().partition(|issue| issue.code == MISSED);
    let misses = missed.into_iter().map(|missed| missed.text).collect();
    (Outcome { result, issues, misses, lineage }, run.marks, why)
}

/// What is said of a message that is given up.
pub(super) const SPENT: &str = "the message takes more steps than it may";

/// How many steps a message may take, and a resource beside it.
fn fuel(message: &Message, resource: Option<&Json>) -> u64 {
    let message: usize = message.segments().iter().map(|segment| segment.range().len()).sum();
    let bytes = message.saturating_add(resource.map_or(0, |resource| resource.to_string().len()));
    FUEL_FIXED.saturating_add(FUEL_PER_BYTE.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX)))
}

fn arguments<'m>(run: &mut Run<'_, 'm>) -> Result<Vec<Value<'m>>, Stop> {
    let plan = run.plan;
    plan.takes.iter().map(|take| argument(run, take)).collect()
}

fn argument<'m>(run: &mut Run<'_, 'm>, take: &Take) -> Result<Value<'m>, Stop> {
    let Take::Segments { name, list, required } = take else {
        return Ok(match take {
            Take::Message => Value::Group(Groups::MESSAGE),
            Take::Resource(_) => run.input.clone().map_or(Value::Missing, Value::Json),
            _ => Value::Missing,
        });
    };
    let named = (0u32..).zip(run.message.segments()).filter(|(_, segment)| segment.name.as_str() == name);
    let mut found = named.map(|(index, _)| Value::Segment(index));
    let value = if *list { Value::list(found.collect()) } else { found.next().unwrap_or(Value::Missing) };
    if *required && !value.is_present(run.message, run.groups) {
        return Err(Stop::Reject(Box::new(Rejection::new(Code::NoSegment, &no_segment(name)))));
    }
    Ok(value)
}

/// Segments that no map sees, with where they stand. What else was odd about the message, its reader tells.
fn unplaced(run: &mut Run<'_, '_>) {
    if run.plan.grammar.nodes.len() < 2 {
        return;
    }
    for bent in &run.groups.bent {
        let Bent::Unplaced { segment } = bent else { continue };
        let place = run.message.place(*segment as usize);
        if !place.name.is_none() {
            let (code, text) = UNPLACED;
            run.raise(Issue { code, text: text.into(), place: Some(place), rule: None });
        }
    }
}

/// Segments that stand elsewhere than the profile has them.
fn misplaced(run: &mut Run<'_, '_>) {
    let stated: Vec<_> = run.plan.stated.iter().map(|(stated, _)| *stated).collect();
    for (number, segment) in run.groups.misplaced(&stated) {
        if let Some((_, issue)) = run.plan.stated.get(number) {
            run.say(*issue, Some(run.message.place(segment as usize)));
        }
    }
}

impl Rejection {
    fn new(code: Code, text: &str) -> Self {
        Self { code: code.text(), text: text.into(), place: None, rule: None, fault: false }
    }

    fn of(said: &Said, place: Option<Place>) -> Self {
        let text = said.text.clone();
        Self { code: said.code, text, place, rule: Some(said.rule), fault: false }
    }
}

impl Run<'_, '_> {
    /// The whole output, without the comma that ends each item.
    fn finished(&mut self) -> Vec<u8> {
        if self.plan.gives == Gives::Resource {
            self.result_first();
        }
        self.settle_references();
        let mut out = std::mem::take(&mut self.out);
        if out.last() == Some(&b',') {
            out.pop();
        }
        if out.is_empty() {
            out.extend_from_slice(b"null");
        }
        out
    }
}

impl Run<'_, '_> {
    /// The message that was written, in its charset.
    fn message(&mut self, written: &[u8]) -> Result<Vec<u8>, Rejection> {
        let made = encode::encode(written, self.message, &self.settings.receipt).map_err(|why| match why {
            encode::Unmade::TooLarge => Rejection::new(Code::Spent, SPENT),
            encode::Unmade::NoMessage => {
                Rejection { fault: true, ..Rejection::new(Code::Spent, "what the map writes is no message") }
            }
        })?;
        let lacking = made.lacking.into_iter().map(|place| (LACKING, place));
        let unknown = made.unknown_charset.into_iter().map(|place| (UNKNOWN_CHARSET, place));
        for ((code, text), place) in lacking.chain(unknown) {
            self.raise(Issue { code, text: text.into(), place: Some(place), rule: None });
        }
        Ok(made.bytes)
    }
}

impl Issue {
    /// The place as a path with the number of its segment, `OBX[3]-5.1`; empty if there is none.
    pub fn spelled(&self) -> String {
        self.place.map(|place| spelled(&place)).unwrap_or_default()
    }
}

/// `OBX[3]-5[2].1`: numbers of 1 are not written.
pub fn spelled(place: &Place) -> String {
    let path = place.to_string();
    let name = place.name.as_str();
    match path.strip_prefix(name) {
        Some(rest) if place.occurrence > 1 => format!("{name}[{}]{rest}", place.occurrence),
        _ => path,
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Ok(out) => write!(f, "Outcome({} bytes, {} issues)", out.len(), self.issues.len()),
            Err(rejection) => write!(f, "Outcome(rejected with {}, {} issues)", rejection.code, self.issues.len()),
        }
    }
}
