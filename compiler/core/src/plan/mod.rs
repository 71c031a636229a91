//! What to do for one message, with nothing left to decide. Small, total, and printable.
//!
//! Two invariants make it fast to run. Every item inside brackets ends with a comma, and the bracket's close takes
//! that comma's place, so nothing ever asks "am I the first?". And what vanishes is undone by position: `Wrap`, `Or`
//! and `Attempt` compare where the output was with where it is.

pub mod interpret;
mod print;
mod reads;
pub mod validate;

use crate::check::typed::{Arithmetic, CodeKey, CodeTo, Compare, Comparison, Key, Pick, Primitive};
use crate::syntax::tree::At;
use emr_abi::Builtin;
use emr_message::group::Grammar;
pub use reads::Reads;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// A value of a routine: a part of the message, a text, a list of such, or nothing.
pub type Val = u32;
pub type Block = Vec<Step>;
/// Index into [`Plan::rules`].
pub type RuleId = u32;
pub type RoutineId = u32;
pub type TableId = u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The key of the map that it carries out.
    pub name: Key,
    /// The message structure that it takes; its groups are built by this grammar. Empty for a map over parts.
    pub structure: SmolStr,
    pub grammar: Grammar,
    /// All that is ever looked at, by segment.
    pub reads: BTreeMap<SmolStr, Reads>,
    pub routines: Vec<Routine>,
    /// The routine of the map itself; its one parameter is the message.
    pub entry: RoutineId,
    pub tables: Vec<Table>,
    pub rules: Vec<Rule>,
}

/// Where a value or an issue comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The function whose text holds it, and the place in its item.
    pub function: Key,
    pub at: At,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routine {
    pub name: Key,
    /// Its parameters are the first values.
    pub params: u32,
    /// How many values it has.
    pub vals: u32,
    pub body: Block,
    /// What it gives, if it does not write.
    pub result: Option<Val>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: Key,
    pub from: Option<SmolStr>,
    pub arms: Vec<(Vec<CodeKey>, Arm)>,
    pub otherwise: Option<Arm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    pub to: CodeTo,
    pub warn: Option<SmolStr>,
}

/// How a value stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Text,
    /// A number or a boolean: verbatim.
    Bare,
    /// The code of a coded value; its whole Coding; the value of a CodeableConcept.
    Code,
    Coding,
    Concept,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    // ---- writing
    /// Text that is JSON already.
    Put(SmolStr),
    /// A value; only where it is known to be present.
    Write {
        of: Val,
        form: Form,
        rule: RuleId,
    },
    /// `open body close`, or nothing if the body wrote nothing; if `live`, also nothing if no source value was written.
    Wrap {
        open: SmolStr,
        body: Block,
        close: SmolStr,
        live: bool,
    },
    /// The second if the first wrote nothing.
    Or {
        first: Block,
        then: Block,
    },
    /// `then`, if the body wrote something.
    IfWrote {
        body: Block,
        then: Block,
    },
    /// The body; a `Fail` inside undoes what it wrote.
    Attempt(Block),
    Fail,
    /// If the body wrote nothing, the block around it may not be written: the message is rejected.
    Needs {
        body: Block,
        rule: RuleId,
        text: SmolStr,
    },
    /// What follows in this block counts as a source value, though it is constant: a code that a table gave.
    Count,
    /// The resources that were emitted, as the entries of a Bundle; with what a server is asked to do.
    Entries {
        requests: bool,
    },

    // ---- control
    If {
        test: Test,
        yes: Block,
        no: Block,
    },
    /// For each present item, in order; `once`: until one has written.
    Each {
        of: Val,
        item: Val,
        body: Block,
        once: bool,
    },
    /// For each group of present items with an equal key.
    EachBy {
        of: Val,
        item: Val,
        key: Block,
        by: Val,
        items: Val,
        body: Block,
    },
    Call {
        routine: RoutineId,
        arguments: Vec<Val>,
        to: Option<Val>,
    },

    // ---- values
    Take {
        of: Val,
        part: Part,
        to: Val,
    },
    Filter {
        of: Val,
        item: Val,
        body: Block,
        test: Test,
        to: Val,
    },
    Set {
        from: Val,
        to: Val,
    },
    Constant {
        value: Constant,
        to: Val,
    },
    Convert {
        of: Val,
        into: Primitive,
        to: Val,
        rule: RuleId,
    },
    Builtin {
        function: Builtin,
        arguments: Vec<Val>,
        to: Val,
    },
    /// All of them as one text; missing if one is.
    Join {
        parts: Vec<Val>,
        to: Val,
    },
    /// All of them as one list; lists among them are laid open.
    Gather {
        parts: Vec<Val>,
        to: Val,
    },
    /// Adds to a list.
    Push {
        of: Val,
        to: Val,
    },
    Pick {
        which: Pick,
        of: Val,
        to: Val,
        rule: RuleId,
    },
    Translate {
        of: Val,
        table: TableId,
        to: Val,
        rule: RuleId,
    },
    Calculate {
        op: Arithmetic,
        left: Val,
        right: Val,
        to: Val,
        rule: RuleId,
    },
    Decide {
        test: Test,
        to: Val,
    },
    /// A resource for the Bundle; `to` is the reference to it, missing if it failed.
    Emit {
        resource: SmolStr,
        if_new: bool,
        key: Vec<KeyPart>,
        body: Block,
        to: Val,
        rule: RuleId,
    },

    // ---- issues
    Issue {
        text: SmolStr,
        at: Option<Val>,
        rule: RuleId,
    },
    Reject {
        text: SmolStr,
        at: Option<Val>,
        rule: RuleId,
    },
}

/// A step down or up in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Outer(u32),
    /// The members at this place in the grammar's group.
    Member(u32),
    Field {
        number: u16,
        repeats: bool,
    },
    Component(u8),
    Index(u32),
    Range(u32, Option<u32>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    Missing,
    Text(SmolStr),
    Bare(SmolStr),
    /// Milliseconds.
    Duration(i64),
    Coded {
        system: SmolStr,
        code: SmolStr,
        display: Option<SmolStr>,
    },
}

/// One part of what makes two resources the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    pub parameter: Option<SmolStr>,
    /// Writes the value that it is made of, as JSON.
    pub body: Block,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    Always(bool),
    Present(Val),
    Null(Val),
    Absent(Val),
    True(Val),
    Compare { op: Compare, left: Val, right: Val, how: Comparison },
    In { of: Val, list: Vec<Val>, how: Comparison },
    Matches { of: Val, pattern: SmolStr },
    Not(Box<Test>),
    Both(Box<Test>, Box<Test>),
    Either(Box<Test>, Box<Test>),
}

impl Step {
    /// The blocks inside it.
    pub fn blocks(&self) -> Vec<&Block> {
        match self {
            Step::Wrap { body, .. }
            | Step::Attempt(body)
            | Step::Needs { body, .. }
            | Step::Each { body, .. }
            | Step::Filter { body, .. } => vec![body],
            Step::Emit { body, key, .. } => key.iter().map(|part| &part.body).chain([body]).collect(),
            Step::EachBy { key, body, .. } => vec![key, body],
            Step::Or { first, then } => vec![first, then],
            Step::IfWrote { body, then } => vec![body, then],
            Step::If { yes, no, .. } => vec![yes, no],
            _ => Vec::new(),
        }
    }
}
