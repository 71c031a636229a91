//! The steps of a plan, one after the other.

use super::emit::Entry;
use super::refer::Referred;
use super::resolve::Came;
use super::value::{Coded, Str, Text, Value};
use super::why::{Mark, Why};
use super::{Issue, Rejection, Settings, compare, convert, fuel};
use crate::check::typed::Pick;
use crate::json::Json;
use crate::plan::{Block, Code, CodePart, Constant, Plan, RoutineId, RuleId, Spot, Step, Test, Until, Val};
use emr_message::builtin::Pattern;
use emr_message::group::{Bent, GroupId, Groups};
use emr_message::{Message, Place};
use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;
use std::rc::Rc;
use uuid::Uuid;

/// Why a block is left before its end.
pub(super) enum Stop {
    /// To the nearest thing that may be left out.
    Skip,
    Reject(Box<Rejection>),
}

/// Everything about one run.
pub(super) struct Run<'p, 'm> {
    pub plan: &'p Plan,
    pub message: &'m Message,
    pub groups: &'p Groups,
    pub settings: &'p Settings,
    pub out: Vec<u8>,
    /// How many source values were written: what asks whether a block exists.
    pub live: u64,
    fuel: u64,
    pub issues: Vec<Issue>,
    pub raised: FxHashSet<(&'static str, SmolStr, Option<Place>)>,
    /// Groups that a segment joined out of its turn.
    pub joined: FxHashSet<GroupId>,
    /// Members of these that were looked through for one too many.
    pub counted: FxHashSet<(GroupId, SmolStr, u32)>,
    pub entries: Vec<Entry>,
    /// The entry of each resource type and key.
    pub keys: FxHashMap<(SmolStr, String), usize>,
    /// How often each rule emitted something without a key.
    pub turns: FxHashMap<RuleId, u32>,
    pub digest: Option<emr_message::identity::Digest>,
    /// What is referred to by its key alone, and which resources the message brings.
    pub referred: IndexMap<Uuid, Referred>,
    pub brought: FxHashSet<Uuid>,
    /// What came in place of a message.
    pub input: Option<Json>,
    /// The same for whoever follows references in it.
    pub came: Option<Rc<Came>>,
    /// The ids of copies, each with what it is a copy of.
    pub copies: Vec<(Uuid, Json)>,
    /// Resources inside the one that is being written.
    pub contained: Vec<(Vec<u8>, Vec<Mark>)>,
    pub marks: Vec<Mark>,
    /// What is known of where values come from, if somebody asked.
    pub why: Option<Box<Why>>,
    patterns: FxHashMap<SmolStr, Option<Pattern>>,
    /// What was written so far in each `Distinct` that we are in.
    met: Vec<FxHashSet<Box<[u8]>>>,
}

pub(super) type Frame<'m> = Vec<Value<'m>>;
pub(super) type Done = Result<(), Stop>;

fn joined(groups: &Groups) -> FxHashSet<GroupId> {
    let group = |bent: &Bent| match bent {
        Bent::Joined { group, .. } => Some(*group),
        _ => None,
    };
    groups.bent.iter().filter_map(group).collect()
}

impl<'p, 'm> Run<'p, 'm> {
    pub fn new(plan: &'p Plan, message: &'m Message, groups: &'p Groups, settings: &'p Settings) -> Self {
        Self {
            plan,
            message,
            groups,
            settings,
            out: Vec::new(),
            live: 0,
            fuel: settings.fuel.unwrap_or_else(|| fuel(message, None)),
            issues: Vec::new(),
            raised: FxHashSet::default(),
            joined: joined(groups),
            counted: FxHashSet::default(),
            entries: Vec::new(),
            keys: FxHashMap::default(),
            turns: FxHashMap::default(),
            digest: None,
            referred: IndexMap::new(),
            brought: FxHashSet::default(),
            input: None,
            came: None,
            copies: Vec::new(),
            contained: Vec::new(),
            marks: Vec::new(),
            why: None,
            patterns: FxHashMap::default(),
            met: Vec::new(),
        }
    }

    /// Carries out a routine; what it gives, if it does not write.
    pub fn call(&mut self, routine: RoutineId, arguments: Vec<Value<'m>>) -> Result<Value<'m>, Stop> {
        self.burn()?;
        let plan = self.plan;
        let Some(routine) = plan.routine(routine) else { return Ok(Value::Missing) };
        let mut frame = arguments;
        frame.resize(routine.vals as usize, Value::Missing);
        if let Some(why) = &mut self.why {
            why.enter(routine.vals as usize);
        }
        let done = self.block(&routine.body, &mut frame);
        if let Some(why) = &mut self.why {
            why.leave(routine.result);
        }
        done?;
        Ok(routine.result.map_or(Value::Missing, |result| get(&frame, result)))
    }

    fn burn(&mut self) -> Done {
        match self.fuel.checked_sub(1) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => {
                let spent = Rejection::new(Code::Spent, super::SPENT);
                Err(Stop::Reject(Box::new(Rejection { fault: true, ..spent })))
            }
        }
    }

    pub fn block(&mut self, block: &'p Block, frame: &mut Frame<'m>) -> Done {
        block.iter().try_for_each(|step| self.step(step, frame))
    }

    fn step(&mut self, step: &'p Step, frame: &mut Frame<'m>) -> Done {
        if self.why.is_some() { self.explained(step, frame) } else { self.carry_out(step, frame) }
    }

    pub fn carry_out(&mut self, step: &'p Step, frame: &mut Frame<'m>) -> Done {
        match step {
            Step::Put(text) => self.out.extend_from_slice(text.as_bytes()),
            Step::Write { of, form } => self.write(&get(frame, *of), *form),
            Step::Wrap { open, body, close, live, needs } => {
                let (start, before) = (self.out.len(), self.live);
                self.out.extend_from_slice(open.as_bytes());
                self.block(body, frame)?;
                let wrote = self.out.len() > start + open.len();
                if !wrote || *live && self.live == before {
                    self.back_to(start);
                    return Ok(());
                }
                for need in needs {
                    if !is_true(&get(frame, need.wrote)) {
                        return self.reject(need.issue, need.at.map(|at| get(frame, at)));
                    }
                }
                if !close.is_empty() {
                    self.close(close);
                }
            }
            Step::Or { first, then } => {
                let start = self.out.len();
                self.block(first, frame)?;
                if self.out.len() == start {
                    self.block(then, frame)?;
                }
            }
            Step::Wrote { body, to } => {
                let start = self.out.len();
                self.block(body, frame)?;
                set(frame, *to, Value::boolean(self.out.len() > start));
            }
            Step::Probe { body, to } => {
                let written = self.aside(body, frame)?;
                set(frame, *to, Value::boolean(!written.is_empty()));
            }
            Step::Distinct { body } => {
                self.met.push(FxHashSet::default());
                let done = self.block(body, frame);
                self.met.pop();
                return done;
            }
            Step::Unlike { body, to } => {
                let written = self.aside(body, frame)?;
                let met = self.met.last_mut().filter(|_| !written.is_empty());
                let is_new = met.is_some_and(|met| met.insert(written.into()));
                set(frame, *to, Value::boolean(is_new));
            }
            Step::Attempt { body, issue } => {
                let (start, before) = (self.out.len(), self.live);
                match self.block(body, frame) {
                    Err(Stop::Skip) => {
                        if self.live > before {
                            self.say(*issue, None);
                        }
                        self.back_to(start);
                        self.live = before;
                    }
                    done => return done,
                }
            }
            Step::Fail => return Err(Stop::Skip),
            Step::Count => self.live += 1,
            Step::Entries { requests } => self.write_entries(*requests),
            Step::Edit { segment, at, body } => {
                let number = self.number_of(&get(frame, *segment));
                let Spot { field, repetition, component, subcomponent } = at;
                let open = format!("[{number},{field},{repetition},{component},{subcomponent},");
                self.out.extend_from_slice(open.as_bytes());
                self.block(body, frame)?;
                self.close("],");
            }
            Step::Drop { segment } => {
                let number = self.number_of(&get(frame, *segment));
                self.out.extend_from_slice(format!("[{number}],").as_bytes());
            }
            Step::Trace { rule, of } => {
                let place = of.and_then(|of| get(frame, of).place(self.message));
                self.marks.push(Mark { at: self.out.len(), rule: *rule, place, note: None });
            }
            Step::Under { body, .. } => return self.block(body, frame),
            Step::If { test, yes, no } => {
                let taken = if self.test(test, frame) { yes } else { no };
                return self.block(taken, frame);
            }
            Step::Choose { of, arms, other } => {
                let value = get(frame, *of);
                let text = value.as_text().unwrap_or_default();
                let key = text.trim();
                let arm = arms.iter().find(|(keys, _)| keys.iter().any(|known| known.holds(key)));
                return self.block(arm.map_or(other, |(_, body)| body), frame);
            }
            Step::Each { of, item, body, until } => return self.each(*of, *item, body, *until, frame),
            Step::EachBy { of, item, key, by, items, body } => {
                return self.each_by(*of, (*item, key, *by), (*items, body), frame);
            }
            Step::Call { routine, arguments, to } => {
                let arguments = arguments.iter().map(|argument| get(frame, *argument)).collect();
                let value = self.call(*routine, arguments)?;
                if let Some(to) = to {
                    set(frame, *to, value);
                }
            }
            Step::Take { of, part, to } => {
                self.left_out(&get(frame, *of), part);
                let value = get(frame, *of).take(part, self.message, self.groups, &self.plan.grammar);
                set(frame, *to, value);
            }
            Step::Set { from, to } => {
                let value = get(frame, *from);
                set(frame, *to, value);
            }
            Step::Constant { value, to } => set(frame, *to, constant(value)),
            Step::Receipt { part, to } => {
                let settings = self.settings;
                let text = settings.receipt.text(*part, || self.digest());
                set(frame, *to, text.map_or(Value::Missing, |text| Value::made(text, true, None)));
            }
            Step::Convert { of, into, to, issue } => {
                let value = get(frame, *of).first(self.message, self.groups);
                let converted = match convert::convert(&value, *into, self.settings.zone.as_ref()) {
                    Ok(converted) => converted,
                    Err(convert::Invalid) => {
                        if let Some(issue) = issue {
                            self.say(*issue, value.place(self.message));
                        }
                        Value::Missing
                    }
                };
                set(frame, *to, converted);
            }
            Step::Builtin { function, arguments, to, issue } => {
                let arguments: Vec<Value> = arguments.iter().map(|argument| get(frame, *argument)).collect();
                let value = match self.builtin(*function, &arguments) {
                    Ok(value) => value,
                    Err(convert::Invalid) => {
                        let place = arguments.iter().find_map(|argument| argument.place(self.message));
                        self.say(*issue, place);
                        Value::Missing
                    }
                };
                set(frame, *to, value);
            }
            Step::Join { parts, to } => {
                let parts: Vec<Value> = parts.iter().map(|part| get(frame, *part)).collect();
                let joined: Option<String> = parts.iter().map(Value::as_text).collect();
                let live = parts.iter().any(Value::is_live);
                let place = parts.iter().find_map(|part| part.place(self.message));
                set(frame, *to, joined.map_or(Value::Missing, |text| Value::made(text, live, place)));
            }
            Step::Append { of, between, to } => {
                let (value, between) = (get(frame, *of), get(frame, *between));
                let Some(more) = value.as_text() else { return Ok(()) };
                let live = value.is_live();
                let grown = match std::mem::replace(place_of(frame, *to), Value::Missing) {
                    Value::Text(Text { text: Str::Grown(mut text), live: before, place }) => {
                        let grown = Rc::make_mut(&mut text);
                        grown.push_str(&between.as_text().unwrap_or_default());
                        grown.push_str(&more);
                        Text { text: Str::Grown(text), live: before || live, place }
                    }
                    _ => Text { text: Str::Grown(Rc::new(more.into_owned())), live, place: value.place(self.message) },
                };
                set(frame, *to, Value::Text(grown));
            }
            Step::Gather { parts, to } => {
                let mut items = Vec::new();
                for part in parts {
                    items.extend(get(frame, *part).items(self.message, self.groups));
                }
                set(frame, *to, Value::list(items));
            }
            Step::Push { of, to } => {
                let value = get(frame, *of);
                let mut list = match std::mem::replace(place_of(frame, *to), Value::Missing) {
                    Value::List(list) => Rc::try_unwrap(list).unwrap_or_else(|shared| (*shared).clone()),
                    _ => Vec::new(),
                };
                list.extend(value.items(self.message, self.groups));
                set(frame, *to, Value::list(list));
            }
            Step::Pick { which, of, to, issue } => {
                let value = get(frame, *of);
                let picked = match which {
                    Pick::First => value.first(self.message, self.groups),
                    Pick::Last => value.items(self.message, self.groups).last().unwrap_or(Value::Missing),
                    Pick::Only => {
                        let second = value.items(self.message, self.groups).nth(1);
                        if let Some(second) = second {
                            self.say(*issue, second.place(self.message));
                        }
                        value.first(self.message, self.groups)
                    }
                };
                set(frame, *to, picked);
            }
            Step::Coded { system, code, display, to } => {
                let (system, code, display) = (get(frame, *system), get(frame, *code), get(frame, *display));
                let value = match code.as_text() {
                    Some(text) => Value::Coded(Rc::new(Coded {
                        system: system.as_text().map(SmolStr::from),
                        code: text.trim().into(),
                        display: display.as_text().map(|text| SmolStr::from(text.trim())),
                        live: code.is_live(),
                    })),
                    None => Value::Missing,
                };
                set(frame, *to, value);
            }
            Step::CodePart { of, part, to } => {
                let value = match get(frame, *of) {
                    Value::Coded(coded) => {
                        let text = match part {
                            CodePart::System => coded.system.clone(),
                            CodePart::Code => Some(coded.code.clone()),
                            CodePart::Display => coded.display.clone(),
                        };
                        text.map_or(Value::Missing, |text| Value::made(text.into(), coded.live, None))
                    }
                    Value::Piece(piece) if *part == CodePart::Code => Value::Piece(piece),
                    Value::Text(text) if *part == CodePart::Code => Value::Text(text),
                    _ => Value::Missing,
                };
                set(frame, *to, value);
            }
            Step::Lookup { table, keys, cell, to } => {
                let value = self.lookup(*table, keys, *cell, frame)?;
                set(frame, *to, value);
            }
            Step::Calculate { op, left, right, to, issue } => {
                let (left, right) = (get(frame, *left), get(frame, *right));
                let value = match convert::calculate(*op, &left, &right, self.settings.zone.as_ref()) {
                    Ok(value) => value,
                    Err(convert::Invalid) => {
                        self.say(*issue, left.place(self.message).or_else(|| right.place(self.message)));
                        Value::Missing
                    }
                };
                set(frame, *to, value);
            }
            Step::Decide { test, to } => {
                let value = Value::boolean(self.test(test, frame));
                set(frame, *to, value);
            }
            Step::Emit { resource, sent, key, body, to, rule, issue } => {
                let key = self.key(key, frame);
                let value = self.emit((resource, *sent, *rule, *issue), key, body, frame)?;
                set(frame, *to, value);
            }
            Step::Refer { resource, key, to, issue } => {
                let value = self.refer(resource, key, *issue, frame);
                set(frame, *to, value);
            }
            Step::Copied { of, made } => self.copied(get(frame, *of), get(frame, *made)),
            Step::Contain { body, to } => {
                let value = self.contain(body, frame)?;
                set(frame, *to, value);
            }
            Step::Issue { issue, at } => {
                let place = at.and_then(|at| get(frame, at).place(self.message));
                self.say(*issue, place);
            }
            Step::Reject { issue, at } => return self.reject(*issue, at.map(|at| get(frame, at))),
        }
        Ok(())
    }

    // ---- loops

    fn each(&mut self, of: Val, item: Val, body: &'p Block, until: Until, frame: &mut Frame<'m>) -> Done {
        let list = get(frame, of);
        // Where the item begins that stays of those written so far.
        let mut kept: Option<usize> = None;
        let (message, groups) = (self.message, self.groups);
        for value in list.items(message, groups) {
            self.burn()?;
            set(frame, item, value.clone());
            if let Some(why) = &mut self.why {
                why.item((of, &list), (item, &value), until != Until::All, message);
            }
            let (start, before) = (self.out.len(), self.live);
            self.block(body, frame)?;
            if self.out.len() == start || until == Until::All {
                continue;
            }
            match (until, kept) {
                (Until::First, _) => return Ok(()),
                (Until::Last, Some(from)) => {
                    self.out.drain(from..start);
                    self.marks.retain(|mark| mark.at < from || mark.at >= start);
                    for mark in self.marks.iter_mut().filter(|mark| mark.at >= start) {
                        mark.at -= start - from;
                    }
                }
                (Until::Only(issue), Some(_)) => {
                    self.back_to(start);
                    self.live = before;
                    self.say(issue, value.place(message));
                    return Ok(());
                }
                _ => kept = Some(start),
            }
        }
        Ok(())
    }

    fn each_by(
        &mut self,
        of: Val,
        (item, key, by): (Val, &'p Block, Val),
        (items, body): (Val, &'p Block),
        frame: &mut Frame<'m>,
    ) -> Done {
        let mut grouped: IndexMap<String, Vec<Value<'m>>> = IndexMap::new();
        let list = get(frame, of);
        for value in list.items(self.message, self.groups) {
            self.burn()?;
            set(frame, item, value.clone());
            if let Some(why) = &mut self.why {
                why.item((of, &list), (item, &value), false, self.message);
            }
            self.block(key, frame)?;
            if let Some(why) = &mut self.why {
                why.grouped(of, by, items);
            }
            if let Some(text) = get(frame, by).as_text() {
                grouped.entry(text.into_owned()).or_default().push(value);
            }
        }
        for (_, group) in grouped {
            self.burn()?;
            set(frame, items, Value::list(group));
            self.block(body, frame)?;
        }
        Ok(())
    }

    // ---- tests

    fn test(&mut self, test: &'p Test, frame: &Frame<'m>) -> bool {
        match test {
            Test::Always(value) => *value,
            Test::Present(of) => see(frame, *of).is_present(self.message, self.groups),
            Test::Null(of) => see(frame, *of).is_null(),
            Test::Absent(of) => {
                let value = see(frame, *of);
                !value.is_present(self.message, self.groups) && !value.is_null()
            }
            Test::True(of) => is_true(see(frame, *of)),
            Test::Reason(of, reason) => matches!(see(frame, *of), Value::Reason(known) if known == reason),
            Test::Compare { op, left, right, how } => {
                compare::compare(*op, see(frame, *left), see(frame, *right), *how, self.settings.zone.as_ref())
            }
            Test::In { of, list, how } => {
                let value = see(frame, *of);
                list.iter().any(|item| compare::equal(value, see(frame, *item), *how, self.settings.zone.as_ref()))
            }
            Test::Matches { of, pattern } => {
                let value = see(frame, *of);
                let pattern = self.pattern(pattern);
                value.as_text().is_some_and(|text| pattern.is_some_and(|pattern| pattern.matches(&text)))
            }
            Test::Not(test) => !self.test(test, frame),
            Test::Both(left, right) => self.test(left, frame) && self.test(right, frame),
            Test::Either(left, right) => self.test(left, frame) || self.test(right, frame),
        }
    }

    /// A pattern of the map, made ready once.
    pub fn pattern(&mut self, pattern: &str) -> Option<Pattern> {
        if let Some(known) = self.patterns.get(pattern) {
            return known.clone();
        }
        let made = Pattern::new(pattern).ok();
        self.patterns.insert(pattern.into(), made.clone());
        made
    }
}

fn is_true(value: &Value) -> bool {
    value.as_text().is_some_and(|text| text == "true")
}

fn constant<'m>(value: &Constant) -> Value<'m> {
    match value {
        Constant::Missing => Value::Missing,
        Constant::List => Value::list(Vec::new()),
        Constant::Text(text) => Value::Text(Text { text: Str::Made(text.as_str().into()), live: false, place: None }),
        Constant::Duration(milliseconds) => Value::Duration(*milliseconds),
        Constant::Coded { system, code, display, live } => Value::Coded(Rc::new(Coded {
            system: system.clone(),
            code: code.clone(),
            display: display.clone(),
            live: *live,
        })),
        Constant::Reason(reason) => Value::Reason(reason.clone()),
    }
}

pub(super) fn get<'m>(frame: &Frame<'m>, val: Val) -> Value<'m> {
    frame.get(val as usize).cloned().unwrap_or(Value::Missing)
}

fn see<'f, 'm>(frame: &'f Frame<'m>, val: Val) -> &'f Value<'m> {
    frame.get(val as usize).unwrap_or(&Value::Missing)
}

pub(super) fn set<'m>(frame: &mut Frame<'m>, val: Val, value: Value<'m>) {
    *place_of(frame, val) = value;
}

fn place_of<'f, 'm>(frame: &'f mut Frame<'m>, val: Val) -> &'f mut Value<'m> {
    let index = val as usize;
    if index >= frame.len() {
        frame.resize(index + 1, Value::Missing);
    }
    frame.get_mut(index).expect("the frame was made that long")
}
