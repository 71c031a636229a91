//! The state of checking one item: what names stand for at this point, what is known to be present, what went wrong.

use super::World;
use super::beside::Source;
use super::part::Changed;
use super::typed::{Expr, Key, Kind, Slot, Ty, TyKind};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::syntax::tree::{At, Count};
use rustc_hash::FxHashSet;
use smol_str::SmolStr;

pub(super) struct Scope<'w> {
    pub world: &'w dyn World,
    pub problems: Vec<Diagnostic>,
    pub uses: Vec<Key>,
    pub ignored: Vec<SmolStr>,
    /// The maps that are referred to by their keys alone.
    pub refers: Vec<Key>,
    /// What is in hand makes a key.
    pub in_key: bool,
    /// All slots of the function, also those whose names are out of sight.
    slots: Vec<Ty>,
    /// What can be named here, the innermost last.
    locals: Vec<Local>,
    /// Where a value is known to be, as `path::fact` spells it.
    present: FxHashSet<SmolStr>,
    /// Of which types values are known to be.
    pub facts: Vec<super::by_type::Fact>,
    /// How deep in expressions, so that no text can overflow the stack.
    pub depth: u32,
    /// `keep` stands for a value of this type here.
    pub keep: Option<Ty>,
    /// In a change of a message: what `keep` stands for.
    pub kept: Option<Kept>,
    /// The part of a message that the rules of a block change.
    pub changed: Option<Changed>,
    /// What is built is a message of HL7, which holds no resources.
    pub builds_hl7: bool,
    /// The next `with` is about what is patched.
    pub patches: bool,
    /// `null` clears the element of what is patched.
    pub clears: bool,
    /// This is read before a map runs: tables that a running engine asks are not asked by then.
    pub before_maps: bool,
}

/// What `keep` stands for in a change of a message.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The place that is changed, if it is one.
    pub place: Option<Expr>,
    /// Whether one of several places has no value.
    pub lacking: Option<Expr>,
    /// Nothing follows that would be taken in its place.
    pub is_last: bool,
}

/// A name, or a current item without one.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub name: Option<SmolStr>,
    /// A leading dot means the innermost of these.
    pub current: bool,
    pub slot: Slot,
    pub ty: Ty,
    /// For parts of a message that a profile narrows: whose, and the path of the group that this is.
    pub origin: Option<Origin>,
    /// Of a group that `each OBR` walks: the segment that opens it, which numbers then mean.
    pub opener: Option<SmolStr>,
    /// For the warning about a `let` that nobody reads.
    pub at: At,
    pub read: bool,
    pub is_let: bool,
    /// `let known = LabCode(…)`: what is read of it are columns of that row.
    pub row: Option<Row>,
    /// Where it lies in what the map takes.
    pub source: Option<Source>,
    /// One of several, which are gone over.
    pub is_item: bool,
}

/// A row of a table, by its keys.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub table: Key,
    pub keys: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub profile: Key,
    /// `PATIENT_RESULT.PATIENT`; empty for the message.
    pub path: SmolStr,
}

/// Deeper expressions are refused. Real mappings stay below 20.
const DEPTH_MAX: u32 = 200;

impl<'w> Scope<'w> {
    pub fn new(world: &'w dyn World) -> Self {
        Self {
            world,
            problems: Vec::new(),
            uses: Vec::new(),
            ignored: Vec::new(),
            refers: Vec::new(),
            in_key: false,
            slots: Vec::new(),
            locals: Vec::new(),
            present: FxHashSet::default(),
            facts: Vec::new(),
            depth: 0,
            keep: None,
            kept: None,
            changed: None,
            builds_hl7: false,
            patches: false,
            clears: false,
            before_maps: false,
        }
    }

    pub fn slot(&mut self, ty: Ty) -> Slot {
        self.slots.push(ty);
        Slot(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
    }

    pub fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub fn push(&mut self, local: Local) {
        self.locals.push(local);
    }

    /// The name of a `let`.
    pub fn define(&mut self, name: &SmolStr, at: &At, ty: Ty, source: Option<Source>) -> Slot {
        let slot = self.slot(ty.clone());
        let local = Local::unnamed(slot, ty);
        self.push(Local { name: Some(name.clone()), at: at.clone(), is_let: true, source, ..local });
        slot
    }

    /// `let known = LabCode(…)`
    pub fn define_row(&mut self, name: &SmolStr, at: &At, row: Row) {
        let slot = self.slot(Ty::ERROR);
        let local = Local::unnamed(slot, Ty::ERROR);
        self.push(Local { name: Some(name.clone()), at: at.clone(), is_let: true, row: Some(row), ..local });
    }

    pub fn mark(&self) -> usize {
        self.locals.len()
    }

    /// Ends the sight of all names since the mark, and says which `let` nobody read.
    pub fn release(&mut self, mark: usize) {
        for local in self.locals.drain(mark.min(self.locals.len())..) {
            if let (true, false, Some(name)) = (local.is_let, local.read, local.name)
                && !name.starts_with('_')
            {
                let message = format!("`{name}` is never used");
                self.problems.push(Diagnostic::new(Code::UnusedName, local.at, message).help("take the `let` away"));
            }
        }
    }

    pub fn local(&mut self, name: &str) -> Option<Local> {
        let found = self.locals.iter_mut().rev().find(|local| local.name.as_ref().is_some_and(|it| it == name))?;
        found.read = true;
        Some(found.clone())
    }

    pub fn current(&mut self) -> Option<Local> {
        let found = self.locals.iter_mut().rev().find(|local| local.current)?;
        found.read = true;
        Some(found.clone())
    }

    /// Whether a leading dot is one of several that a bracket or an `each` goes over.
    pub fn in_bracket(&self) -> bool {
        self.locals.iter().rev().find(|local| local.current).is_some_and(|local| local.is_item)
    }

    /// Everything in sight, the innermost first.
    pub fn locals(&self) -> impl Iterator<Item = &Local> {
        self.locals.iter().rev()
    }

    /// Messages and groups in sight, the innermost first: where segments are looked up. What `by` holds together is looked
    /// through too, and gives lists.
    pub fn groups(&self) -> Vec<Local> {
        let holds = |local: &&Local| matches!(local.ty.kind, TyKind::Structure(..) | TyKind::Group(..));
        self.locals().filter(holds).filter(|local| local.current || !local.ty.is_list()).cloned().collect()
    }

    pub fn problem(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// Where there are errors among the problems from that number on; a warning leaves nothing open.
    pub fn errors_since(&self, before: usize) -> impl Iterator<Item = &At> {
        let problems = self.problems.iter().skip(before);
        problems.filter(|problem| problem.severity() == Severity::Error).map(|problem| &problem.at)
    }

    pub fn error(&mut self, code: Code, at: &At, message: impl Into<String>) {
        self.problems.push(Diagnostic::new(code, at.clone(), message.into()));
    }

    /// Goes one expression deeper; false if that is too deep, which is then reported.
    pub fn deeper(&mut self, at: &At) -> bool {
        self.depth += 1;
        if self.depth == DEPTH_MAX {
            self.error(Code::Unreadable, at, "this is nested too deeply");
        }
        self.depth < DEPTH_MAX
    }

    pub fn assume_present(&mut self, key: SmolStr) -> bool {
        self.present.insert(key)
    }

    pub fn is_known_present(&self, key: &str) -> bool {
        self.present.contains(key)
    }

    /// What is known at this point, to be put back where a branch ends.
    pub fn known(&self) -> FxHashSet<SmolStr> {
        self.present.clone()
    }

    pub fn forget(&mut self, known: FxHashSet<SmolStr>) {
        self.present = known;
    }
}

impl Local {
    pub fn unnamed(slot: Slot, ty: Ty) -> Self {
        let (name, origin, opener, row, source) = (None, None, None, None, None);
        let (current, read, is_let, is_item) = (false, false, false, false);
        Self { name, current, slot, ty, origin, opener, at: 0..0, read, is_let, row, source, is_item }
    }
}

impl Expr {
    pub fn new(kind: Kind, ty: Ty, at: &At) -> Self {
        Self { kind: Box::new(kind), ty, at: at.clone() }
    }

    pub fn error(at: &At) -> Self {
        Self::new(Kind::Error, Ty::ERROR, at)
    }

    pub fn slot(slot: Slot, ty: Ty, at: &At) -> Self {
        Self::new(Kind::Slot(slot), ty, at)
    }

    pub fn is_error(&self) -> bool {
        self.ty.kind == TyKind::Error
    }

    pub fn is_nothing(&self) -> bool {
        self.ty.kind == TyKind::Nothing
    }
}

impl Count {
    /// How many there may be of one in each of the other.
    pub fn times(self, inner: Count) -> Count {
        match (self, inner) {
            (Count::Some, Count::One | Count::Some) | (Count::One, Count::Some) => Count::Some,
            (Count::Any | Count::Some, _) | (_, Count::Any | Count::Some) => Count::Any,
            (Count::Optional, _) | (_, Count::Optional) => Count::Optional,
            (Count::One, Count::One) => Count::One,
        }
    }

    /// The same, where it may also be missing.
    pub fn maybe(self) -> Count {
        match self {
            Count::One | Count::Optional => Count::Optional,
            Count::Any | Count::Some => Count::Any,
        }
    }

    /// The same, where it is known to be there.
    pub fn surely(self) -> Count {
        match self {
            Count::One | Count::Optional => Count::One,
            Count::Any | Count::Some => Count::Some,
        }
    }

    pub fn is_list(self) -> bool {
        matches!(self, Count::Any | Count::Some)
    }

    /// What holds on either of two ways.
    pub fn either(self, other: Count) -> Count {
        let missing = |count| matches!(count, Count::Optional | Count::Any);
        match (self.is_list() || other.is_list(), missing(self) || missing(other)) {
            (true, true) => Count::Any,
            (true, false) => Count::Some,
            (false, true) => Count::Optional,
            (false, false) => Count::One,
        }
    }
}
