//! What to do for one message, with nothing left to decide. Small, total and printable: it says everything that a
//! code generator needs and nothing about machines.
//!
//! Two invariants make it fast to run. Every item inside brackets ends with a comma, and the close of the brackets
//! takes that comma's place, so nothing ever asks "am I the first?". And what vanishes is undone by position: `Wrap`,
//! `Or` and `Attempt` compare where the output was with where it is; there is no tree.
//!
//! A value is a part of the message, a text, a reference or a list of such, never something of FHIR with elements:
//! that is written, in order. "Constants alone never make a block exist": writing a value of the message counts, and
//! the close of a block asks whether anything was counted.

mod codes;
mod fields;
mod inside;
pub mod interpret;
mod marks;
pub mod passes;
mod print;
mod stored;
mod validate;
pub mod vals;

pub use codes::Code;
pub use stored::FORM;
pub use validate::validate;

use crate::check::typed::{Arithmetic, CodeKey, Compare, Comparison, Key, Pick, Primitive};
use crate::syntax::tree::At;
use emr_abi::Builtin;
use emr_message::Table;
use emr_message::group::{Grammar, Stated};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// A value of a routine, by its number. One that was never set is missing.
pub type Val = u32;
pub type Block = Vec<Step>;
/// Index into [`Plan::routines`].
pub type RoutineId = u32;
/// Index into [`Plan::issues`].
pub type IssueId = u32;
/// Index into [`Plan::rules`].
pub type RuleId = u32;
/// Index into [`Plan::tables`].
pub type TableId = u32;
/// A [`Code`] as it is written, `R0501`. Serde would borrow a plain `&str` from the bytes that it reads.
pub type CodeText = &'static str;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The key of the map that it carries out.
    pub name: Key,
    /// The structure of the message; its groups are built by it. Without a member for a map over segments.
    pub grammar: Grammar,
    /// What the profile of the message says of where segments stand, each with what is said of one that does not.
    pub stated: Vec<(Stated, IssueId)>,
    /// All that is ever looked at, by segment: a host need not split anything else.
    pub reads: BTreeMap<SmolStr, Reads>,
    /// Where the parameters of the entry come from.
    pub takes: Vec<Take>,
    pub gives: Gives,
    pub routines: Vec<Routine>,
    pub entry: RoutineId,
    pub issues: Vec<Said>,
    pub rules: Vec<Rule>,
    /// Rows that are looked up, each found by its keys at once.
    pub tables: Vec<Table>,
    /// Those that have no rows here: they come with the receipt of a message.
    pub asked: Vec<Asked>,
}

/// A table that a running engine asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub table: TableId,
    /// As [`emr_message::answers::Question`] names it.
    pub name: SmolStr,
    /// What refuses a message that needs it where nobody asks.
    pub issue: IssueId,
}

/// The most keys that a table may have: what compiled code hands over at once.
pub const KEYS_MAX: usize = emr_abi::RESULTS_MAX / 2;

/// What of a segment is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    pub fields: BTreeSet<u16>,
    pub repetitions: bool,
    pub components: bool,
    pub subcomponents: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Take {
    Message,
    /// Segments of that name, wherever they stand: the first, or all of them.
    Segments {
        name: SmolStr,
        list: bool,
        required: bool,
    },
    /// A resource of FHIR, of that type: what such a map takes in place of a message.
    Resource(SmolStr),
    /// A message has none of the kind.
    Nothing,
}

/// What the entry writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gives {
    Bundle,
    /// Its first entry; a Bundle of type `collection` if there are more.
    Resource,
    /// JSON of any kind.
    Value,
    /// A message of HL7 v2, in the JSON of [`emr_message::encode`].
    Message,
}

/// What the engine says where the structure of a message has no place for a segment.
pub const UNPLACED: (&str, &str) =
    (Code::Unplaced.text(), "the structure of the message has no place for this segment");
/// And where the standard or the profile has one value and the message several.
pub const SEVERAL: (&str, &str) = (
    Code::Several.text(),
    "one is expected here, and there are several: the first was taken, or all where the field is copied",
);
/// And of a message that it makes.
pub const LACKING: (&str, &str) =
    (Code::Lacking.text(), "the charset of the message lacks a character: `?` stands in its place");
pub const UNKNOWN_CHARSET: (&str, &str) =
    (Code::UnknownCharset.text(), "MSH-18 names a charset that is not known: the message is in UTF-8");
/// What refuses a message that a map leaves before it has written anything.
pub const SKIPPED: (&str, &str) = (Code::Skipped.text(), "the map skips the message");
/// What refuses a message without a segment that a map takes: its code, behind which stands the text.
pub const NO_SEGMENT: &str = Code::NoSegment.text();

/// The text of [`NO_SEGMENT`].
pub fn no_segment(name: &str) -> String {
    format!("the message has no {name}, which the map needs")
}

/// What is said of a message that was made, and not of the one that came.
pub fn of_made(text: &str) -> String {
    format!("in what is made, {text}")
}

/// A place in the text of a map: a range from the first byte of the item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    pub function: Key,
    pub at: At,
}

/// The code of what is raised as an issue is, and told to nobody: a table whose misses an alarm watches lacks a code, or a
/// row for some keys. Its text is the name of the table.
pub const MISSED: CodeText = "missed";

/// What an issue or a rejection says; never a word of the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Said {
    /// `R0501`
    #[serde(with = "stored::code")]
    pub code: CodeText,
    pub text: SmolStr,
    pub rule: RuleId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routine {
    pub name: SmolStr,
    /// Its parameters are its first values.
    pub params: u32,
    /// How many values it has.
    pub vals: u32,
    pub body: Block,
    /// What it gives, if it does not write.
    pub result: Option<Val>,
    /// Which rules its steps come of.
    pub marks: Vec<Mark>,
}

/// From this step of a routine on its steps come of the rule, up to the next mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Steps are counted as they stand in the text of the plan, a block behind the step that it belongs to.
    pub step: u32,
    pub rule: RuleId,
}

/// How a value stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Form {
    /// In quotes, escaped.
    Text,
    /// A number or a boolean: verbatim.
    Bare,
    /// Of a coded value the code, its Coding, a CodeableConcept of that.
    Code,
    Coding,
    Concept,
    /// `{"reference":"…"}`
    Reference,
    /// Where it stands in the message, `{"=":[segment,field,repetition,component,subcomponent]}`; a text that was made is
    /// written itself.
    Copy,
    /// The number of a segment, from 0.
    Segment,
    /// An element of a resource that came, as it is.
    Json,
    /// The items of such a list as they are, `null` too, without the brackets.
    Items,
}

/// Which items of a loop stay written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Until {
    All,
    /// The first that writes something.
    First,
    /// The last that writes something.
    Last,
    /// The first; a second raises the issue.
    Only(IssueId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    // ---- writing
    /// Text that is JSON already.
    Put(String),
    /// A value that is present.
    Write {
        of: Val,
        form: Form,
    },
    /// `open body close`, the close in place of the last comma; nothing if the body wrote nothing. If `live`, nothing
    /// either if no source value was written; else a need that wrote nothing refuses the message.
    Wrap {
        open: String,
        body: Block,
        close: String,
        live: bool,
        needs: Vec<Need>,
    },
    /// The second if the first wrote nothing.
    Or {
        first: Block,
        then: Block,
    },
    /// `to` is whether the body wrote something.
    Wrote {
        body: Block,
        to: Val,
    },
    /// The body is carried out and what it wrote is taken back; `to` is whether it wrote something.
    Probe {
        body: Block,
        to: Val,
    },
    /// The body, in which [`Step::Unlike`] asks what was there before.
    Distinct {
        body: Block,
    },
    /// The body is carried out and what it wrote is taken back; `to` is whether it wrote something that no such step wrote
    /// before in the nearest [`Step::Distinct`] around it.
    Unlike {
        body: Block,
        to: Val,
    },
    /// The body; a `Fail` inside takes back what it wrote, with an issue if source values were in it.
    Attempt {
        body: Block,
        issue: IssueId,
    },
    Fail,
    /// What is written next counts as a source value.
    Count,
    /// `"entry":[…],` of all resources that were emitted; `requests`: with what a server is asked to do.
    Entries {
        requests: bool,
    },
    /// A change of the message that is changed: the body writes what stands at the place of the segment then, `{},` for
    /// nothing. Together with the one below the items of a list ([`emr_message::encode`]).
    Edit {
        segment: Val,
        at: Spot,
        body: Block,
    },
    /// The segment goes.
    Drop {
        segment: Val,
    },
    /// Only in a traced plan: what is written next comes of this rule and value.
    Trace {
        rule: RuleId,
        of: Option<Val>,
    },
    /// Only in an explained plan: this rule asks for what the body does, whichever rules carry it out. No machine code
    /// is made of it.
    Under {
        rule: RuleId,
        body: Block,
    },

    // ---- control
    If {
        test: Test,
        yes: Block,
        no: Block,
    },
    /// By the text of a value: the first arm that holds it.
    Choose {
        of: Val,
        arms: Vec<(Vec<CodeKey>, Block)>,
        other: Block,
    },
    /// For each present item, in order.
    Each {
        of: Val,
        item: Val,
        body: Block,
        until: Until,
    },
    /// For each group of present items whose `key` sets `by` to the same text, in the order of their first item. What
    /// has no key belongs to no group.
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
    Set {
        from: Val,
        to: Val,
    },
    Constant {
        value: Constant,
        to: Val,
    },
    /// What is known of the message beside its bytes.
    Receipt {
        part: emr_message::receipt::Part,
        to: Val,
    },
    /// An invalid text is missing, with the issue; some conversions take any text.
    Convert {
        of: Val,
        into: Primitive,
        to: Val,
        issue: Option<IssueId>,
    },
    Builtin {
        function: Builtin,
        arguments: Vec<Val>,
        to: Val,
        issue: IssueId,
    },
    /// All of them as one text; missing if one is.
    Join {
        parts: Vec<Val>,
        to: Val,
    },
    /// Adds to a text, with another between it and what is there already. What is missing adds nothing.
    Append {
        of: Val,
        between: Val,
        to: Val,
    },
    /// All present ones as one list; lists among them are laid open.
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
        issue: IssueId,
    },
    /// A coded value of texts; missing without a code.
    Coded {
        system: Val,
        code: Val,
        display: Val,
        to: Val,
    },
    CodePart {
        of: Val,
        part: CodePart,
        to: Val,
    },
    /// What a table has for these keys, each without the blanks around it; missing where one is missing or no row has
    /// them. It stands for a value of the message, as what a code table gives does. Of a table that is asked, keys that
    /// are not known yet are missing too, and noted.
    Lookup {
        table: TableId,
        keys: Vec<Val>,
        cell: Cell,
        to: Val,
    },
    Calculate {
        op: Arithmetic,
        left: Val,
        right: Val,
        to: Val,
        issue: IssueId,
    },
    Decide {
        test: Test,
        to: Val,
    },
    /// A resource for the Bundle: the body writes one item. `to` is the reference to it, missing if nothing was
    /// written. `rule` and how often it was carried out make its identity where the key is missing.
    Emit {
        resource: SmolStr,
        sent: Sent,
        key: Vec<KeyPart>,
        body: Block,
        to: Val,
        rule: RuleId,
        issue: IssueId,
    },
    /// The reference that emitting a resource of this key would give: to the one that the message brings, or else a
    /// search for it (FHIR R4 §3.1.0.11.2, conditional references); the issue if there is none. Missing without a key.
    Refer {
        resource: SmolStr,
        key: Vec<KeyPart>,
        to: Val,
        issue: IssueId,
    },
    /// The resource behind the reference `made` is a copy of one that came: what refers to that one leads to the copy.
    Copied {
        of: Val,
        made: Val,
    },
    /// A resource inside the one that is being written.
    Contain {
        body: Block,
        to: Val,
    },

    // ---- what is said
    Issue {
        issue: IssueId,
        at: Option<Val>,
    },
    /// Refuses the message.
    Reject {
        issue: IssueId,
        at: Option<Val>,
    },
}

/// A required element: the message is refused if it wrote nothing and the block around it stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub wrote: Val,
    pub issue: IssueId,
    pub at: Option<Val>,
}

/// What a server is asked to do with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sent {
    Whole,
    IfNew,
    /// To change it, by a FHIRPath Patch (FHIR R4 §3.1.0.12); the issue if nothing says which one is meant.
    Patch(IssueId),
}

/// A place in a segment that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spot {
    pub field: u16,
    /// From 1; 0 is the whole field or, with a component, each and the first where there is none; -1 each that is there.
    pub repetition: i16,
    /// 0 for the whole.
    pub component: u16,
    pub subcomponent: u16,
}

/// A step down or up in a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// The group so many levels further out.
    Outer(u32),
    /// The nth member of that name (from 0) of a group: all its instances, or the first.
    Member {
        name: SmolStr,
        nth: u32,
        repeats: bool,
    },
    /// Its repetitions, or the whole field.
    Field {
        number: u16,
        repeats: bool,
    },
    /// A component, and below a component a subcomponent.
    Component(u8),
    /// Counted from 1.
    Index(u32),
    Range(u32, Option<u32>),
    /// Of a resource that came: the element of the first of these names that is there, of each item of a list. A choice has
    /// a name for each of its types.
    Element(Vec<SmolStr>),
    /// It, or those items of it, that are resources of that type.
    Resource(SmolStr),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Constant {
    Missing,
    /// An empty list, to be added to.
    List,
    Text(SmolStr),
    /// Milliseconds.
    Duration(i64),
    /// `live`: it stands for a source value, as the result of a code table does.
    Coded {
        system: Option<SmolStr>,
        code: SmolStr,
        display: Option<SmolStr>,
        live: bool,
    },
    /// A data-absent-reason in place of a coded value.
    Reason(SmolStr),
}

/// Where in the row of a table a value stands, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cell {
    Text(u32),
    /// A code: its system, and behind that the code and its display.
    Code(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CodePart {
    System,
    Code,
    Display,
}

/// One part of what makes two resources the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPart {
    pub parameter: Option<SmolStr>,
    pub value: KeyValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyValue {
    Text(Val),
    /// `system|value`
    Token {
        system: Val,
        code: Val,
    },
    /// By the key of the resource that it refers to.
    Reference(Val),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Test {
    Always(bool),
    /// It or one of its items is there.
    Present(Val),
    Null(Val),
    /// Neither present nor null.
    Absent(Val),
    /// A boolean that is true.
    True(Val),
    /// A data-absent-reason, this one.
    Reason(Val, SmolStr),
    Compare {
        op: Compare,
        left: Val,
        right: Val,
        how: Comparison,
    },
    In {
        of: Val,
        list: Vec<Val>,
        how: Comparison,
    },
    Matches {
        of: Val,
        pattern: SmolStr,
    },
    Not(Box<Test>),
    Both(Box<Test>, Box<Test>),
    Either(Box<Test>, Box<Test>),
}

/// How the name of a routine begins that holds messages to a profile; names of maps have no blank.
pub const INTAKE: &str = "profile ";

/// How the name of a map begins that holds what others make to a profile.
pub const MADE: &str = "made for ";

impl Routine {
    /// Whether it asks of a message whether it keeps to its profile, and does nothing else.
    pub fn is_intake(&self) -> bool {
        self.name.starts_with(INTAKE)
    }
}

impl Plan {
    /// Whether a resource of FHIR comes, in place of a message or beside one.
    pub fn takes_resource(&self) -> bool {
        self.takes.iter().any(|take| matches!(take, Take::Resource(_)))
    }

    /// How a table is known to whoever asks it, if somebody does.
    pub fn asked(&self, table: TableId) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.table == table)
    }

    /// What makes the identity of a resource without a key, beside the message: where in the mapping it is made.
    pub fn identity_place(&self, rule: RuleId) -> String {
        let rule = self.rules.get(rule as usize);
        rule.map(|rule| format!("{}:{}", rule.function, rule.at.start)).unwrap_or_default()
    }

    /// The names of the secrets that a run must know.
    pub fn secrets(&self) -> BTreeSet<SmolStr> {
        let mut found = BTreeSet::new();
        for routine in &self.routines {
            let mut steps: Vec<&Step> = routine.body.iter().collect();
            let (mut texts, mut keys) = (BTreeMap::new(), Vec::new());
            while let Some(step) = steps.pop() {
                steps.extend(step.blocks().into_iter().flatten());
                match step {
                    Step::Constant { value: Constant::Text(text), to } => drop(texts.insert(*to, text)),
                    Step::Builtin { function: Builtin::pseudonym, arguments, .. } => keys.extend(arguments.get(1)),
                    _ => {}
                }
            }
            found.extend(keys.into_iter().filter_map(|key| texts.get(key)).map(|name| (*name).clone()));
        }
        found
    }

    /// Whether it was made for no environment, and reads what one gives: the text that says so.
    pub fn lacks_environment(&self) -> Option<&str> {
        self.issues.iter().find(|it| it.code == Code::NoEnvironment.text()).map(|it| it.text.as_str())
    }
}
