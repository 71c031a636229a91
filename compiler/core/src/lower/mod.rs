//! Sound functions to a plan: sugar gone, order explicit, constants folded.
//!
//! Each expression is lowered in one of three ways: as a value (`value`), as a test (`test`), or as what writes it
//! (`write`). Only scalars, parts of the message and lists of them are values; what has elements is only ever written.

mod grammar;
mod key;
mod reads;
mod test;
mod value;
mod with;
mod write;

use crate::check::typed::{CodeTable, Function, Key, Kind, Slot, Statement, Ty, TyKind, Value};
use crate::plan::{Arm, Block, Plan, Routine, RoutineId, Rule, RuleId, Step, Table, TableId, Val};
use crate::standard::Standards;
use crate::syntax::tree::At;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::sync::Arc;

/// What `lower` asks of the project around the map.
pub trait World {
    fn function(&self, key: &str) -> Option<Arc<Function>>;
    fn codes(&self, key: &str) -> Option<&CodeTable>;
    fn standards(&self) -> &Standards;
}

/// The plan of a map. The map and all that it uses are sound.
pub fn map(entry: &Function, world: &dyn World) -> Plan {
    let mut lower = Lower {
        world,
        routines: Vec::new(),
        known: FxHashMap::default(),
        tables: Vec::new(),
        rules: Vec::new(),
        rule_ids: FxHashMap::default(),
    };
    let (structure, grammar) = grammar::of(entry, world.standards());
    let id = lower.entry(entry);
    let routines: Vec<Routine> = lower.routines.into_iter().map(|routine| routine.unwrap_or_default()).collect();
    let reads = reads::of(&routines, &grammar, entry, id);
    Plan {
        name: entry.key.clone(),
        structure,
        grammar,
        reads,
        routines,
        entry: id,
        tables: lower.tables,
        rules: lower.rules,
    }
}

struct Lower<'w> {
    world: &'w dyn World,
    /// A routine that is being made has its number already.
    routines: Vec<Option<Routine>>,
    /// By function and, for one that gives a choice, the stem of its name.
    known: FxHashMap<(Key, SmolStr), RoutineId>,
    tables: Vec<Table>,
    rules: Vec<Rule>,
    rule_ids: FxHashMap<Rule, RuleId>,
}

/// The routine that is being made, and where in the text we are.
struct Frame {
    vals: u32,
    env: Env,
}

/// What names stand for in a text: another's where that is inlined.
#[derive(Clone)]
struct Env {
    function: Key,
    slots: FxHashMap<Slot, Val>,
    /// What `keep` stands for: the values that the base of a `with` has for this element.
    keep: Vec<Placed>,
}

/// A value, and the text in which its names have a meaning.
#[derive(Clone)]
struct Placed {
    value: Value,
    env: Env,
}

impl Frame {
    fn new(function: &Key) -> Self {
        Self { vals: 0, env: Env { function: function.clone(), slots: FxHashMap::default(), keep: Vec::new() } }
    }

    fn fresh(&mut self) -> Val {
        self.vals += 1;
        self.vals - 1
    }

    fn bind(&mut self, slot: Slot) -> Val {
        let val = self.fresh();
        self.env.slots.insert(slot, val);
        val
    }
}

impl Lower<'_> {
    fn rule(&mut self, frame: &Frame, at: &At) -> RuleId {
        let rule = Rule { function: frame.env.function.clone(), at: at.clone() };
        let rules = &mut self.rules;
        *self.rule_ids.entry(rule.clone()).or_insert_with(|| {
            rules.push(rule);
            u32::try_from(rules.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn table(&mut self, key: &Key) -> TableId {
        if let Some(index) = self.tables.iter().position(|table| table.name == *key) {
            return u32::try_from(index).unwrap_or(u32::MAX);
        }
        let found = self.world.codes(key);
        let arm = |result: &crate::check::typed::CodeResult| Arm { to: result.what.clone(), warn: result.warn.clone() };
        let arms = found.iter().flat_map(|table| &table.arms).map(|it| (it.keys.clone(), arm(&it.result))).collect();
        let otherwise = found.and_then(|table| table.otherwise.as_ref()).map(arm);
        let from = found.and_then(|table| table.from.clone());
        self.tables.push(Table { name: key.clone(), from, arms, otherwise });
        u32::try_from(self.tables.len() - 1).unwrap_or(u32::MAX)
    }

    /// The routine of a function; `stem` is the element's name where it gives a choice.
    fn routine(&mut self, key: &Key, stem: &str) -> Option<(RoutineId, Arc<Function>)> {
        let function = self.world.function(key)?;
        let stem =
            if matches!(function.result.kind, TyKind::Choice(_)) { SmolStr::from(stem) } else { SmolStr::default() };
        if let Some(id) = self.known.get(&(key.clone(), stem.clone())) {
            return Some((*id, function));
        }
        let id = u32::try_from(self.routines.len()).unwrap_or(u32::MAX);
        self.routines.push(None);
        self.known.insert((key.clone(), stem.clone()), id);
        let routine = self.made(&function, &stem);
        if let Some(place) = self.routines.get_mut(id as usize) {
            *place = Some(routine);
        }
        Some((id, function))
    }

    fn made(&mut self, function: &Function, stem: &SmolStr) -> Routine {
        let mut frame = Frame::new(&function.key);
        for param in &function.params {
            frame.bind(param.slot);
        }
        let mut body = Block::new();
        let result = if is_value(&function.result) {
            Some(self.value(&function.body, &mut frame, &mut body))
        } else {
            let place = match stem.is_empty() {
                true => write::Place::item(),
                false => write::Place::choice(stem),
            };
            self.write(&function.body, &place, &mut frame, &mut body);
            None
        };
        let params = u32::try_from(function.params.len()).unwrap_or(u32::MAX);
        Routine { name: function.key.clone(), params, vals: frame.vals, body, result }
    }

    /// The map itself: a Bundle with what it emitted, or what it gives.
    fn entry(&mut self, entry: &Function) -> RoutineId {
        let id = u32::try_from(self.routines.len()).unwrap_or(u32::MAX);
        self.routines.push(None);
        let mut frame = Frame::new(&entry.key);
        for param in &entry.params {
            frame.bind(param.slot);
        }
        let mut body = Block::new();
        let mut result = None;
        match &*entry.body.kind {
            Kind::Block(block) if block.resource.as_deref() == Some("Bundle") => {
                self.bundle(block, &mut frame, &mut body);
            }
            _ if is_value(&entry.result) => result = Some(self.value(&entry.body, &mut frame, &mut body)),
            _ => self.write(&entry.body, &write::Place::item(), &mut frame, &mut body),
        }
        let params = u32::try_from(entry.params.len()).unwrap_or(u32::MAX);
        let routine = Routine { name: entry.key.clone(), params, vals: frame.vals, body, result };
        if let Some(place) = self.routines.get_mut(id as usize) {
            *place = Some(routine);
        }
        id
    }

    fn bundle(&mut self, block: &crate::check::typed::Block, frame: &mut Frame, out: &mut Block) {
        for statement in &block.statements {
            self.statement(statement, frame, out);
        }
        let mut body = vec![Step::Put("\"resourceType\":\"Bundle\",".into())];
        for field in &block.fields {
            self.field(&with::Merged::of(field, &frame.env), frame, &mut body);
        }
        let asks = block.fields.iter().filter(|field| field.name == "type").flat_map(|field| &field.values);
        let requests = asks.into_iter().all(|value| match &*value.value.kind {
            Kind::Text(text) => matches!(text.as_str(), "transaction" | "batch"),
            _ => false,
        });
        body.push(Step::Entries { requests });
        out.push(Step::Wrap { open: "{".into(), body, close: "},".into(), live: false });
    }

    fn statement(&mut self, statement: &Statement, frame: &mut Frame, out: &mut Block) {
        match statement {
            Statement::Let(slot, value) => {
                let val = self.value(value, frame, out);
                frame.env.slots.insert(*slot, val);
            }
            Statement::Do(value) => {
                self.value(value, frame, out);
            }
            Statement::Require { condition, otherwise } => {
                let test = self.test(condition, frame, out);
                let mut no = Block::new();
                self.value(otherwise, frame, &mut no);
                out.push(Step::If { test, yes: Block::new(), no });
            }
        }
    }
}

/// Whether what a type says is one scalar, a part of the message, or a list of such.
fn is_value(ty: &Ty) -> bool {
    match &ty.kind {
        TyKind::Fhir(key) => primitive(key),
        TyKind::Choice(_) => false,
        _ => true,
    }
}

/// A FHIR type that is one JSON value.
fn primitive(key: &str) -> bool {
    crate::check::primitive_named(key).is_some() || key == "any"
}
