//! Turns a checked map, and all that it uses, into a plan: sugar gone, order explicit, constants folded.
//!
//! A value of the message becomes a value of a routine; something of FHIR with elements is never one: it is written
//! where it stands. What overrides it (`with`) or asks for a part of it (`.family`) is pushed down to the block that
//! makes it, whose function is then carried out in place. A sound project calls nothing recursively, so this ends.

mod beside;
mod block;
mod chosen;
mod codes;
mod condition;
mod cover;
mod edit;
mod element;
mod emit;
mod fit;
mod frame;
pub(crate) mod grammar;
mod intake;
mod items;
mod json;
mod key;
mod lost;
mod marks;
mod patch;
mod path;
mod refer;
mod tables;
mod value;
mod write;

use crate::check::ProfileFacts;
use crate::check::typed::{CodeTable, Expr, Function, Key, RowTable, Sent, Slot, Ty, TyKind};
use crate::plan::{
    Asked, Code, Gives, INTAKE, IssueId, Plan, Reads, Routine, RoutineId, Rule, RuleId, Said, TableId, Take, Val,
    validate,
};
use crate::standard::shape::Kind as ShapeKind;
use crate::standard::{Standards, built};
use crate::syntax::tree::At;
use emr_message::Table;
use frame::Frame;
use indexmap::IndexSet;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use write::{Name, To};

/// What `lower` asks of the project around the map.
pub trait World {
    /// A checked map or convert, by key.
    fn function(&self, key: &str) -> Option<&Function>;
    fn codes(&self, key: &str) -> Option<&CodeTable>;
    fn table(&self, key: &str) -> Option<&RowTable>;
    fn profile(&self, key: &str) -> Option<&ProfileFacts>;
    /// What the environment that was chosen gives under a name.
    fn environment(&self, name: &str) -> Option<SmolStr>;
    fn standards(&self) -> &Standards;
    /// Whether an alarm watches what the table of this key lacks.
    fn is_watched(&self, table: &str) -> bool;
}

/// The plan of a map. The map and all that it uses are sound.
pub fn map(entry: &Function, world: &dyn World) -> Plan {
    plan(entry, world, Telling::Nothing)
}

/// The same plan, which also tells where each written value comes from.
pub fn traced(entry: &Function, world: &dyn World) -> Plan {
    plan(entry, world, Telling::Places)
}

/// The same plan, which also tells all the rules on the way to each value: for the interpreter alone.
pub fn explained(entry: &Function, world: &dyn World) -> Plan {
    plan(entry, world, Telling::Rules)
}

/// A plan that says what is read of a message and what is left, and by which rules: to be looked at, never run. With it
/// the reasons of the rules that leave something.
pub fn accounted(entry: &Function, world: &dyn World) -> (Plan, BTreeMap<RuleId, Reason>) {
    plan_and_reasons(entry, world, Telling::Account)
}

/// A plan that also counts which alternatives are taken: for the interpreter alone, and for the coverage of tests.
pub fn covered(entry: &Function, world: &dyn World) -> Plan {
    plan(entry, world, Telling::Taken)
}

/// Why something of a message is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub because: SmolStr,
    /// Whatever was left, instead of what is named.
    pub swept: bool,
}

/// What a plan tells of the values that it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Nothing,
    /// The rule that writes it, and a place.
    Places,
    /// And the rules that asked for that.
    Rules,
    /// And what is left on purpose.
    Account,
    /// The rules that asked for that, and each alternative that was taken.
    Taken,
}

fn plan<'a>(entry: &'a Function, world: &'a dyn World, telling: Telling) -> Plan {
    plan_and_reasons(entry, world, telling).0
}

fn plan_and_reasons<'a>(
    entry: &'a Function,
    world: &'a dyn World,
    telling: Telling,
) -> (Plan, BTreeMap<RuleId, Reason>) {
    let mut lower = Lower {
        world,
        trace: telling != Telling::Nothing,
        explain: matches!(telling, Telling::Rules | Telling::Account | Telling::Taken),
        tells: telling == Telling::Rules,
        covers: telling == Telling::Taken,
        accounts: telling == Telling::Account,
        ignored: BTreeMap::new(),
        routines: Vec::new(),
        made: FxHashMap::default(),
        fails: Vec::new(),
        issues: IndexSet::new(),
        rules: IndexSet::new(),
        tables: Vec::new(),
        asked: Vec::new(),
        numbered: FxHashMap::default(),
        marked: IndexSet::new(),
        rule: None,
        reads: BTreeMap::new(),
        frames: Vec::new(),
    };
    let gives = lower.gives(entry);
    let takes = entry.params.iter().map(|param| lower.argument(&param.ty)).collect();
    let id = lower.entry(entry, gives);
    let structure = entry.params.iter().find_map(|param| match &param.ty.kind {
        TyKind::Structure(version, key) => Some(grammar::of(*version, key, world.standards())),
        _ => None,
    });
    let mut grammar = structure.unwrap_or_default();
    let never = lower.never_sent(entry, &grammar);
    grammar::give_way(&mut grammar, &never);
    let stated = lower.stated(entry, &grammar);
    lower.mark_routines();
    let plan = Plan {
        name: entry.key.clone(),
        grammar,
        stated,
        reads: lower.reads,
        takes,
        gives,
        routines: lower.routines,
        entry: id,
        issues: lower.issues.into_iter().collect(),
        rules: lower.rules.into_iter().collect(),
        tables: lower.tables,
        asked: lower.asked,
    };
    debug_assert_eq!(validate(&plan), Ok(()), "what is lowered keeps the invariants of a plan");
    (plan, lower.ignored)
}

impl Lower<'_> {
    /// What a parameter of the entry is given.
    fn argument(&self, ty: &Ty) -> Take {
        match &ty.kind {
            TyKind::Structure(..) => Take::Message,
            TyKind::Segment(_, name) => {
                Take::Segments { name: name.clone(), list: ty.is_list(), required: !ty.may_be_missing() }
            }
            TyKind::Fhir(key) if self.is_resource(key) && !ty.is_list() => Take::Resource(self.base(key)),
            _ => Take::Nothing,
        }
    }
}

/// What a routine is made for: one function may be asked for in several ways.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Made {
    Value(Key),
    /// Writes an item; of a choice, with its name, which begins with this.
    Write(Key, Option<SmolStr>),
    Emit(Key, Sent),
    Table(Key),
    /// Whether a code table has a row.
    Has(Key),
    /// Holds a message to it.
    Profile(Key),
}

impl Made {
    fn key(&self) -> &Key {
        match self {
            Made::Value(key)
            | Made::Write(key, _)
            | Made::Emit(key, _)
            | Made::Table(key)
            | Made::Has(key)
            | Made::Profile(key) => key,
        }
    }
}

struct Lower<'a> {
    world: &'a dyn World,
    trace: bool,
    explain: bool,
    tells: bool,
    covers: bool,
    accounts: bool,
    /// The rules that leave something, and why.
    ignored: BTreeMap<RuleId, Reason>,
    routines: Vec<Routine>,
    made: FxHashMap<Made, RoutineId>,
    /// Whether a routine may skip what called it.
    fails: Vec<bool>,
    issues: IndexSet<Said>,
    rules: IndexSet<Rule>,
    tables: Vec<Table>,
    asked: Vec<Asked>,
    /// The number of a table that is there already, by its key.
    numbered: FxHashMap<Key, TableId>,
    /// The rules that steps come of, and the one in hand by its number among them.
    marked: IndexSet<Rule>,
    rule: Option<RuleId>,
    reads: BTreeMap<SmolStr, Reads>,
    /// The routine in hand is the last; those before wait for it.
    frames: Vec<Frame>,
}

/// What slots stand for in one function, as it is carried out at one place.
#[derive(Clone)]
struct Env<'a> {
    function: Key,
    slots: Rc<RefCell<FxHashMap<Slot, (Bound<'a>, Ty)>>>,
    /// In the values of a `with`: what the base had.
    keep: Option<Rc<Vec<element::Source<'a>>>>,
    /// It came, or stands below what came: what is set there is written, be it constants.
    came: bool,
}

#[derive(Clone)]
enum Bound<'a> {
    Val(Val),
    /// A resource that came, or a part of it that has elements, and what overrides them.
    Json(Val, block::Over<'a>),
    /// The only Coding of a concept that is a value, and what overrides its elements.
    Coding(Val, block::Over<'a>),
    /// Something of FHIR with elements, and what overrides them: written where it is used.
    Later(&'a Expr, Env<'a>, block::Over<'a>),
}

impl<'a> Bound<'a> {
    /// With more that overrides its elements, farther out than what does already.
    fn under(self, over: &block::Over<'a>) -> Self {
        let all = |before: block::Over<'a>| [before, over.clone()].concat();
        match self {
            Bound::Val(val) => Bound::Val(val),
            Bound::Json(val, before) => Bound::Json(val, all(before)),
            Bound::Coding(val, before) => Bound::Coding(val, all(before)),
            Bound::Later(expr, env, before) => Bound::Later(expr, env, all(before)),
        }
    }
}

impl<'a> Env<'a> {
    fn new(function: &Key) -> Self {
        Self { function: function.clone(), slots: Rc::default(), keep: None, came: false }
    }

    fn bind(&self, slot: Slot, val: Val, ty: Ty) {
        self.put(slot, Bound::Val(val), ty);
    }

    fn later(&self, slot: Slot, expr: &'a Expr, env: &Env<'a>) {
        self.put(slot, Bound::Later(expr, env.clone(), Vec::new()), expr.ty.clone());
    }

    fn put(&self, slot: Slot, bound: Bound<'a>, ty: Ty) {
        self.slots.borrow_mut().insert(slot, (bound, ty));
    }

    fn get(&self, slot: Slot) -> Option<(Bound<'a>, Ty)> {
        self.slots.borrow().get(&slot).cloned()
    }

    fn keeping(&self, kept: Vec<element::Source<'a>>) -> Self {
        let came = match kept.is_empty() {
            true => self.came,
            false => kept.iter().any(element::Source::came),
        };
        Self { keep: Some(Rc::new(kept)), came, ..self.clone() }
    }
}

impl<'a> Lower<'a> {
    fn gives(&self, entry: &Function) -> Gives {
        match &entry.result.kind {
            TyKind::Fhir(key) if self.base(key) == "Bundle" => Gives::Bundle,
            TyKind::Fhir(key) if self.is_resource(key) => Gives::Resource,
            TyKind::Fhir(key) if self.is_message(key) => Gives::Message,
            _ => Gives::Value,
        }
    }

    fn entry(&mut self, entry: &'a Function, gives: Gives) -> RoutineId {
        let params = u32::try_from(entry.params.len()).unwrap_or(u32::MAX);
        self.frames.push(Frame::new(params));
        let env = self.given(entry);
        self.intake(entry);
        self.ruled(&env, &entry.at, |lower| match gives {
            Gives::Resource if entry.result.is_list() => {
                lower.emit(&entry.body, Sent::Whole, &env, &Vec::new());
            }
            Gives::Resource => {
                lower.emit_function(entry, &env, Sent::Whole, &Vec::new());
            }
            Gives::Value if entry.result.is_list() => {
                let items = lower.block(|lower| lower.write(&entry.body, &env, &To::list(), &Vec::new()));
                lower.wrap("[".into(), items, "],", false, Vec::new());
            }
            Gives::Bundle | Gives::Value | Gives::Message => {
                let to = To::new(Name::Item);
                lower.write(&entry.body, &env, &to, &Vec::new());
            }
        });
        self.finish(entry.key.clone(), params, None)
    }

    /// The parameters are the first values of the routine in hand.
    fn given(&mut self, function: &Function) -> Env<'a> {
        let env = Env::new(&function.key);
        for (val, param) in (0..).zip(&function.params) {
            let bound = if self.is_plain(&param.ty) { Bound::Val(val) } else { Bound::Json(val, Vec::new()) };
            env.put(param.slot, bound, param.ty.clone());
        }
        self.take(&env, &function.body.at);
        env
    }

    /// The routine of that kind, made if there is none yet.
    fn routine(&mut self, made: Made, params: usize, make: impl FnOnce(&mut Self) -> Option<Val>) -> RoutineId {
        if let Some(known) = self.made.get(&made) {
            return *known;
        }
        let params = u32::try_from(params).unwrap_or(u32::MAX);
        self.frames.push(Frame::new(params));
        let env = Env::new(made.key());
        let at = self.function(made.key()).map_or(0..0, |function| function.at.clone());
        let result = self.ruled(&env, &at, make);
        let name = match &made {
            Made::Value(key) | Made::Write(key, None) => key.clone(),
            Made::Write(key, Some(stem)) => format!("{key} as {stem}[x]").into(),
            Made::Emit(key, Sent::Whole) => format!("emit {key}").into(),
            Made::Emit(key, Sent::IfNew) => format!("emit {key} if new").into(),
            Made::Emit(key, Sent::Patch) => format!("patch {key}").into(),
            Made::Table(key) => format!("table {key}").into(),
            Made::Has(key) => format!("rows of {key}").into(),
            Made::Profile(key) => format!("{INTAKE}{key}").into(),
        };
        let id = self.finish(name, params, result);
        self.made.insert(made, id);
        id
    }

    fn finish(&mut self, name: SmolStr, params: u32, result: Option<Val>) -> RoutineId {
        let frame = self.frames.pop().unwrap_or_else(|| Frame::new(0));
        let (vals, body) = frame.done();
        let mut routine = Routine { name, params, vals, body, result, marks: Vec::new() };
        if !self.trace {
            routine.take_marks();
        }
        self.fails.push(self.may_fail(&routine.body));
        self.routines.push(routine);
        u32::try_from(self.routines.len() - 1).unwrap_or(u32::MAX)
    }

    fn rule(&mut self, env: &Env<'a>, at: &At) -> RuleId {
        let (index, _) = self.rules.insert_full(Rule { function: env.function.clone(), at: at.clone() });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    fn said(&mut self, code: Code, text: &str, env: &Env<'a>, at: &At) -> IssueId {
        let rule = self.rule(env, at);
        self.issue_of(Said { code: code.text(), text: text.into(), rule })
    }

    fn issue_of(&mut self, said: Said) -> IssueId {
        let (index, _) = self.issues.insert_full(said);
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    // ---- what types are

    /// The type that a shape narrows: `Patient` for a profile of it.
    fn base(&self, key: &str) -> SmolStr {
        match self.world.standards().shape(key) {
            Some(shape) if !shape.base.is_empty() => shape.base.clone(),
            Some(shape) => shape.key.clone(),
            None => key.into(),
        }
    }

    fn is_resource(&self, key: &str) -> bool {
        self.world.standards().shape(key).is_some_and(|shape| shape.kind == ShapeKind::Resource)
    }

    /// A structure of HL7 as a target, or a segment, which then stands alone.
    fn is_message(&self, key: &str) -> bool {
        let shape = built::name(key).and_then(|_| self.world.standards().shape(key));
        shape.is_some_and(|shape| shape.kind == ShapeKind::Structure)
    }

    fn is_primitive(&self, key: &str) -> bool {
        match self.world.standards().shape(key) {
            Some(shape) => matches!(shape.kind, ShapeKind::FhirPrimitive | ShapeKind::Hl7Primitive),
            None => key.starts_with(|first: char| first.is_ascii_lowercase()),
        }
    }

    fn is_primitive_type(&self, ty: &Ty) -> bool {
        matches!(&ty.kind, TyKind::Fhir(key) if self.is_primitive(key))
    }

    /// Whether a routine can hold it: anything but what has elements in FHIR.
    fn is_plain(&self, ty: &Ty) -> bool {
        match &ty.kind {
            TyKind::Fhir(key) => self.is_primitive(key),
            TyKind::Choice(_) => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
