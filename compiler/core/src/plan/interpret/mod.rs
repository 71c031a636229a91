//! Runs a plan step by step. Slow and plain: what it says is right.

mod builtin;
mod bundle;
mod codes;
mod convert;
mod source;
mod value;

use super::{Block, Plan, Routine, RuleId, Step, Test, Val};
use crate::check::typed::{Compare, Comparison, Pick};
use bundle::Entry;
use emr_message::group::{self, Groups};
use emr_message::time::Zone;
use emr_message::{Message, Place, State, json};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use value::Value;

/// What the run knows besides the message.
#[derive(Clone, Default)]
pub struct Settings {
    /// Of times without offset.
    pub zone: Option<Zone>,
}

/// All issues of one message, and its result.
#[derive(Debug)]
pub struct Outcome {
    /// JSON, or why the message is refused.
    pub result: Result<Vec<u8>, Rejection>,
    pub issues: Vec<Issue>,
}

/// What a mapping said of a message: a text of the mapping or of the engine, and where; never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub text: SmolStr,
    pub place: Option<Place>,
    pub rule: Option<RuleId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub text: SmolStr,
    pub place: Option<Place>,
    pub rule: Option<RuleId>,
}

/// Why a block ends early.
enum Stop {
    /// `skip`: the nearest attempt undoes what was written.
    Fail,
    Reject(Rejection),
}

type Flow = Result<(), Stop>;

/// Fuel: one unit per turn of a loop or call.
const FUEL_BASE: u64 = 1_000;
const FUEL_PER_BYTE: u64 = 16;

/// What the map makes of a message.
pub fn run(plan: &Plan, message: &Message, settings: &Settings) -> Outcome {
    let names = message.segments().iter().map(|segment| segment.name);
    let groups = group::build(&plan.grammar, names);
    let size = (0..message.segments().len()).map(|index| message.text_of(index).len() as u64).sum::<u64>();
    let mut machine = Machine {
        plan,
        message,
        groups: &groups,
        settings,
        out: String::new(),
        written: 0,
        needs: Vec::new(),
        entries: Vec::new(),
        emitted: FxHashMap::default(),
        times: FxHashMap::default(),
        issues: Vec::new(),
        fuel: FUEL_BASE + FUEL_PER_BYTE * size,
        seed: bundle::seed(message),
        patterns: FxHashMap::default(),
    };
    machine.unplaced();
    let result = machine.entry();
    Outcome { result, issues: machine.issues }
}

struct Machine<'m> {
    plan: &'m Plan,
    message: &'m Message,
    groups: &'m Groups,
    settings: &'m Settings,
    out: String,
    /// How many source values stand in the output.
    written: u64,
    /// Required elements of the block at hand that came to nothing.
    needs: Vec<Rejection>,
    entries: Vec<Option<Entry>>,
    /// Entries by their full URL.
    emitted: FxHashMap<String, usize>,
    /// How often each rule has emitted, for identities without a key.
    times: FxHashMap<RuleId, u32>,
    issues: Vec<Issue>,
    fuel: u64,
    seed: [u8; 20],
    patterns: FxHashMap<SmolStr, regex::Regex>,
}

/// The values of one call.
struct Vals<'m>(Vec<Value<'m>>);

impl<'m> Vals<'m> {
    fn new(routine: &Routine, arguments: Vec<Value<'m>>) -> Self {
        let mut vals = arguments;
        vals.resize(routine.vals as usize, Value::Missing);
        Self(vals)
    }

    fn get(&self, val: Val) -> Value<'m> {
        self.0.get(val as usize).cloned().unwrap_or(Value::Missing)
    }

    fn set(&mut self, val: Val, value: Value<'m>) {
        if let Some(place) = self.0.get_mut(val as usize) {
            *place = value;
        }
    }
}

impl<'m> Machine<'m> {
    fn entry(&mut self) -> Result<Vec<u8>, Rejection> {
        let Some(routine) = self.plan.routines.get(self.plan.entry as usize) else { return Ok(Vec::new()) };
        let arguments = if routine.params == 0 { Vec::new() } else { vec![Value::Group(group::Groups::MESSAGE)] };
        let mut vals = Vals::new(routine, arguments);
        match self.block(&routine.body, &mut vals) {
            Ok(()) | Err(Stop::Fail) => Ok(self.finished(routine, &vals)),
            Err(Stop::Reject(rejection)) => Err(rejection),
        }
    }

    /// Segments that the structure has no place for are said, with where they stand.
    fn unplaced(&mut self) {
        if self.plan.grammar.nodes.len() < 2 {
            return;
        }
        for segment in self.groups.unplaced() {
            let place = self.message.place(segment as usize);
            let text = "the structure has no place for this segment, so no map sees it".into();
            self.issues.push(Issue { text, place: Some(place), rule: None });
        }
    }

    fn block(&mut self, steps: &Block, vals: &mut Vals<'m>) -> Flow {
        steps.iter().try_for_each(|step| self.step(step, vals))
    }

    fn burn(&mut self) -> Flow {
        match self.fuel.checked_sub(1) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => {
                Err(Stop::Reject(Rejection { text: "the map takes too many steps".into(), place: None, rule: None }))
            }
        }
    }

    fn step(&mut self, step: &Step, vals: &mut Vals<'m>) -> Flow {
        match step {
            Step::Put(text) => self.out.push_str(text),
            Step::Write { of, form, .. } => {
                let value = vals.get(*of);
                self.write(&value, *form);
            }
            Step::Wrap { open, body, close, live } => return self.wrap(open, body, close, *live, vals),
            Step::Or { first, then } => {
                let start = self.out.len();
                self.block(first, vals)?;
                if self.out.len() == start {
                    return self.block(then, vals);
                }
            }
            Step::IfWrote { body, then } => {
                let start = self.out.len();
                self.block(body, vals)?;
                if self.out.len() > start {
                    return self.block(then, vals);
                }
            }
            Step::Attempt(body) => return self.attempt(body, vals).map(drop),
            Step::Fail => return Err(Stop::Fail),
            Step::Needs { body, rule, text } => {
                let start = self.out.len();
                self.block(body, vals)?;
                if self.out.len() == start {
                    self.needs.push(Rejection { text: text.clone(), place: None, rule: Some(*rule) });
                }
            }
            Step::Count => self.written += 1,
            Step::Entries { requests } => self.write_entries(*requests),
            Step::If { test, yes, no } => {
                let branch = if self.test(test, vals) { yes } else { no };
                return self.block(branch, vals);
            }
            Step::Each { of, item, body, once } => {
                let start = self.out.len();
                for value in vals.get(*of).items() {
                    if *once && self.out.len() > start {
                        break;
                    }
                    self.burn()?;
                    vals.set(*item, value);
                    self.block(body, vals)?;
                }
            }
            Step::EachBy { of, item, key, by, items, body } => {
                return self.each_by(*of, *item, key, *by, *items, body, vals);
            }
            Step::Call { routine, arguments, to } => return self.call(*routine, arguments, *to, vals),
            Step::Take { of, part, to } => {
                let value = self.take(vals.get(*of), part);
                vals.set(*to, value);
            }
            Step::Filter { of, item, body, test, to } => {
                let mut kept = Vec::new();
                for value in vals.get(*of).items() {
                    self.burn()?;
                    vals.set(*item, value.clone());
                    self.block(body, vals)?;
                    if self.test(test, vals) {
                        kept.push(value);
                    }
                }
                vals.set(*to, Value::list(kept));
            }
            Step::Set { from, to } => {
                let value = vals.get(*from);
                vals.set(*to, value);
            }
            Step::Constant { value, to } => vals.set(*to, Value::constant(value)),
            Step::Convert { of, into, to, rule } => {
                let value = self.convert(vals.get(*of), *into, *rule);
                vals.set(*to, value);
            }
            Step::Builtin { function, arguments, to } => {
                let arguments: Vec<_> = arguments.iter().map(|argument| vals.get(*argument)).collect();
                let value = self.builtin(*function, &arguments);
                vals.set(*to, value);
            }
            Step::Join { parts, to } => {
                let parts: Option<Vec<_>> = parts.iter().map(|part| vals.get(*part).text()).collect();
                vals.set(*to, parts.map_or(Value::Missing, |parts| Value::text_of(parts.concat(), None)));
            }
            Step::Gather { parts, to } => {
                let items = parts.iter().flat_map(|part| vals.get(*part).items()).collect();
                vals.set(*to, Value::list(items));
            }
            Step::Push { of, to } => {
                let mut items = vals.get(*to).items();
                items.extend(vals.get(*of).items());
                vals.set(*to, Value::list(items));
            }
            Step::Pick { which, of, to, rule } => {
                let value = self.pick(vals.get(*of), *which, *rule);
                vals.set(*to, value);
            }
            Step::Translate { of, table, to, rule } => {
                let value = self.translate(vals.get(*of), *table, *rule)?;
                vals.set(*to, value);
            }
            Step::Calculate { op, left, right, to, rule } => {
                let value = self.calculate(*op, &vals.get(*left), &vals.get(*right), *rule);
                vals.set(*to, value);
            }
            Step::Decide { test, to } => {
                let value = Value::boolean(self.test(test, vals));
                vals.set(*to, value);
            }
            Step::Emit { resource, if_new, key, body, to, rule } => {
                return self.emit(resource, *if_new, key, body, *to, *rule, vals);
            }
            Step::Issue { text, at, rule } => {
                let place = at.and_then(|at| vals.get(at).place());
                self.issues.push(Issue { text: text.clone(), place, rule: Some(*rule) });
            }
            Step::Reject { text, at, rule } => {
                let place = at.and_then(|at| vals.get(at).place());
                return Err(Stop::Reject(Rejection { text: text.clone(), place, rule: Some(*rule) }));
            }
        }
        Ok(())
    }

    /// Brackets around what the body writes. A required element that came to nothing refuses the message only if the
    /// block around it is there.
    fn wrap(&mut self, open: &str, body: &Block, close: &str, live: bool, vals: &mut Vals<'m>) -> Flow {
        let (start, written) = (self.out.len(), self.written);
        let bracket = !close.is_empty();
        let outer = if bracket { std::mem::take(&mut self.needs) } else { Vec::new() };
        self.out.push_str(open);
        let from = self.out.len();
        let done = self.block(body, vals);
        let needs = if bracket { std::mem::replace(&mut self.needs, outer) } else { Vec::new() };
        done?;
        if self.out.len() == from && needs.is_empty() || live && self.written == written {
            self.out.truncate(start);
            self.written = written;
            return Ok(());
        }
        if let Some(rejection) = needs.into_iter().next() {
            return Err(Stop::Reject(rejection));
        }
        if bracket && self.out.len() == from {
            self.out.truncate(start);
            return Ok(());
        }
        if bracket {
            if self.out.ends_with(',') {
                self.out.pop();
            }
            self.out.push_str(close);
        }
        Ok(())
    }

    /// Whether the body came to its end; if not, nothing of it stays.
    fn attempt(&mut self, body: &Block, vals: &mut Vals<'m>) -> Result<bool, Stop> {
        let (start, written, needs) = (self.out.len(), self.written, self.needs.len());
        match self.block(body, vals) {
            Ok(()) => Ok(true),
            Err(Stop::Fail) => {
                self.out.truncate(start);
                self.written = written;
                self.needs.truncate(needs);
                Ok(false)
            }
            Err(stop) => Err(stop),
        }
    }

    fn call(&mut self, routine: u32, arguments: &[Val], to: Option<Val>, vals: &mut Vals<'m>) -> Flow {
        self.burn()?;
        let Some(callee) = self.plan.routines.get(routine as usize) else { return Ok(()) };
        let arguments = arguments.iter().map(|argument| vals.get(*argument)).collect();
        let mut inner = Vals::new(callee, arguments);
        self.block(&callee.body, &mut inner)?;
        if let (Some(to), Some(result)) = (to, callee.result) {
            vals.set(to, inner.get(result));
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one step")]
    fn each_by(
        &mut self,
        of: Val,
        item: Val,
        key: &Block,
        by: Val,
        items: Val,
        body: &Block,
        vals: &mut Vals<'m>,
    ) -> Flow {
        let mut groups: indexmap::IndexMap<Option<String>, Vec<Value<'m>>> = indexmap::IndexMap::new();
        for value in vals.get(of).items() {
            self.burn()?;
            vals.set(item, value.clone());
            self.block(key, vals)?;
            groups.entry(vals.get(by).text()).or_default().push(value);
        }
        for (_, group) in groups {
            self.burn()?;
            vals.set(items, Value::list(group));
            self.block(body, vals)?;
        }
        Ok(())
    }

    fn pick(&mut self, value: Value<'m>, which: Pick, rule: RuleId) -> Value<'m> {
        let mut items = value.items();
        match which {
            Pick::Last => items.pop().unwrap_or(Value::Missing),
            Pick::First => items.into_iter().next().unwrap_or(Value::Missing),
            Pick::Only => {
                if let Some(second) = items.get(1) {
                    let text = "one value is expected here, and there are several: the first was taken".into();
                    self.issues.push(Issue { text, place: second.place(), rule: Some(rule) });
                }
                items.into_iter().next().unwrap_or(Value::Missing)
            }
        }
    }

    // ---- tests

    fn test(&mut self, test: &Test, vals: &Vals<'m>) -> bool {
        match test {
            Test::Always(value) => *value,
            Test::Present(val) => vals.get(*val).is_present(),
            Test::Null(val) => vals.get(*val).state() == State::Null,
            Test::Absent(val) => vals.get(*val).state() == State::Absent,
            Test::True(val) => vals.get(*val).text().as_deref() == Some("true"),
            Test::Compare { op, left, right, how } => self.compare(*op, &vals.get(*left), &vals.get(*right), *how),
            Test::In { of, list, how } => {
                let of = vals.get(*of);
                list.iter().any(|item| self.compare(Compare::Equal, &of, &vals.get(*item), *how))
            }
            Test::Matches { of, pattern } => {
                let Some(text) = vals.get(*of).text() else { return false };
                self.pattern(pattern).is_some_and(|regex| regex.is_match(&text))
            }
            Test::Not(test) => !self.test(test, vals),
            Test::Both(left, right) => self.test(left, vals) && self.test(right, vals),
            Test::Either(left, right) => self.test(left, vals) || self.test(right, vals),
        }
    }

    /// A pattern that the checker has read; compiled once a run.
    fn pattern(&mut self, pattern: &SmolStr) -> Option<regex::Regex> {
        if let Some(known) = self.patterns.get(pattern) {
            return Some(known.clone());
        }
        let regex = regex::Regex::new(pattern).ok()?;
        self.patterns.insert(pattern.clone(), regex.clone());
        Some(regex)
    }

    /// False where a side is missing, but for `!=`, the exact opposite of `==`.
    fn compare(&self, op: Compare, left: &Value<'m>, right: &Value<'m>, how: Comparison) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        if op == Compare::NotEqual {
            return !self.compare(Compare::Equal, left, right, how);
        }
        let order = match how {
            Comparison::Coded => return op == Compare::Equal && codes::same(left, right),
            Comparison::Moment => self.moments(left, right),
            Comparison::Number => convert::numbers(left, right),
            Comparison::Duration => left.duration().zip(right.duration()).map(|(left, right)| left.cmp(&right)),
            Comparison::Text | Comparison::Boolean => {
                left.text().zip(right.text()).map(|(left, right)| left.cmp(&right))
            }
        };
        match (op, order) {
            (_, None) => false,
            (Compare::Equal, Some(order)) => order == Equal,
            (Compare::NotEqual, Some(order)) => order != Equal,
            (Compare::Less, Some(order)) => order == Less,
            (Compare::LessOrEqual, Some(order)) => order != Greater,
            (Compare::Greater, Some(order)) => order == Greater,
            (Compare::GreaterOrEqual, Some(order)) => order != Less,
        }
    }

    // ---- writing

    fn write(&mut self, value: &Value<'m>, form: super::Form) {
        self.written += 1;
        match form {
            super::Form::Text => {
                let quoted = json::quoted(&value.text().unwrap_or_default());
                self.out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
            }
            super::Form::Bare => self.out.push_str(&value.text().unwrap_or_default()),
            super::Form::Code => {
                let quoted = json::quoted(&value.code().unwrap_or_default());
                self.out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
            }
            super::Form::Coding => self.out.push_str(&codes::coding(value)),
            super::Form::Concept => self.out.push_str(&format!("{{\"coding\":[{}]}}", codes::coding(value))),
        }
    }
}
