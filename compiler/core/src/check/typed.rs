//! What a sound project says, with every type known and every conversion written out.
//!
//! The checker makes this; `lower` turns it into a plan and never has to decide what was meant. Sugar that is gone:
//! names (a slot or a key), implied conversions (`Convert`, `Call` of a `convert`), lifting over lists and optionals
//! (`Each`), unnamed current items (slots), rules of nested targets (`name.family: X` is a block in a field),
//! `match` and `each` statements that hold rules (pushed into the fields that they assign), extensions by URL
//! (blocks with `url` and a value).

mod inside;

use crate::standard::hl7::Version;
use crate::syntax::tree::{At, Count};
use emr_abi::Builtin;
use emr_message::Table;
pub use emr_message::convert::{Arithmetic, Compare, Comparison, Primitive};
use emr_message::receipt::Part;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

/// A name that is unique in the project: module and name, `std.datatypes.human_name`.
pub type Key = SmolStr;

/// A place of a value in one function: parameters first, then lets and current items in the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ty {
    pub kind: TyKind,
    pub count: Count,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TyKind {
    /// A message of this structure (`ADT_A01`).
    Structure(Version, SmolStr),
    /// `ADT_A01.INSURANCE`, by its full key.
    Group(Version, SmolStr),
    Segment(Version, SmolStr),
    /// A data type of HL7 v2, with components or without.
    Hl7(Version, SmolStr),
    /// A resource, data type, backbone element or primitive of FHIR, by the key of its shape.
    Fhir(SmolStr),
    /// `Observation.value`: one of several FHIR types; the stem of its JSON name is the element's.
    Choice(Vec<SmolStr>),
    /// A FHIR Reference to one of these resources; empty is any.
    Reference(Vec<SmolStr>),
    /// What a code table gives: a code with its system and display, each of which may be missing. At most one.
    Coded,
    Duration,
    /// Never gives a value: `skip`, `reject`, `absent`.
    Nothing,
    /// Already reported.
    Error,
}

/// A checked `map` or `convert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub key: Key,
    pub params: Vec<Param>,
    pub result: Ty,
    /// `keyed by`: what makes two resources the same. Empty: the message's bytes and the place in it do.
    pub keyed: Vec<KeyPart>,
    /// `total map`: nothing in it may refuse the message.
    pub total: bool,
    /// `writes only`: the elements that it may write, as paths of names. Empty: any.
    pub writes: Vec<Vec<SmolStr>>,
    pub body: Expr,
    /// Fields, segments and groups that it leaves out, by their paths: from the message on where the map takes it,
    /// `PATIENT.PID-31`, else from the part that it takes, `PID-31`.
    pub ignored: Vec<SmolStr>,
    /// How many slots it uses, parameters included.
    pub slots: u32,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: SmolStr,
    pub slot: Slot,
    pub ty: Ty,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// The FHIR search parameter by which a server finds it (`identifier`); without one there is no conditional update.
    pub parameter: Option<SmolStr>,
    /// A scalar, a reference, an `Identifier` (its `system|value`), a `CodeableConcept` or `Coding` (`system|code`).
    pub value: Expr,
}

/// A code table, as written: the first arm that holds the key wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTable {
    pub key: Key,
    /// The system that keys belong to; a coded source of another system is a miss. `v2-0001`'s URI for HL7 tables.
    pub from: Option<SmolStr>,
    /// The system of the codes that it gives without naming one.
    pub to: Option<SmolStr>,
    pub arms: Vec<CodeArm>,
    /// What a key that no arm holds comes to. Nothing: the translation is missing.
    pub otherwise: Option<CodeResult>,
}

/// A table of several keys and columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowTable {
    pub key: Key,
    /// The names of its keys, in their order.
    pub keys: Vec<SmolStr>,
    pub columns: Vec<RowColumn>,
    /// Keys first, then columns; nothing where a running engine asks for them.
    pub rows: Option<Table>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowColumn {
    pub name: SmolStr,
    pub ty: TyKind,
    /// Of a code that whose codes it has.
    pub system: Option<SmolStr>,
    /// Where it begins in a row.
    pub cell: u32,
    pub optional: bool,
}

impl TyKind {
    /// How many cells of a row a column of this type has: a code has one each for system, code and display.
    pub fn cells(&self) -> u32 {
        if *self == TyKind::Coded { 3 } else { 1 }
    }
}

impl RowTable {
    /// How many cells a row has, its keys included.
    pub fn cells(&self) -> u32 {
        let end = |column: &RowColumn| column.cell + column.ty.cells();
        self.columns.last().map_or(u32::try_from(self.keys.len()).unwrap_or(u32::MAX), end)
    }

    /// The table with its keys and columns, so that an answer of another form is none of its rows:
    /// `lab.Staff(id) npi, specialty of http://snomed.info/sct`.
    pub fn signature(&self) -> SmolStr {
        let columns = self.columns.iter().map(|column| match &column.system {
            Some(system) => format!("{} of {system}", column.name),
            None => column.name.to_string(),
        });
        let columns: Vec<String> = columns.collect();
        format_smolstr!("{}({}) {}", self.key, self.keys.join(", "), columns.join(", "))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeArm {
    pub keys: Vec<CodeKey>,
    pub result: CodeResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CodeKey {
    Code(SmolStr),
    /// `0..17`, over numbers; nothing for `*`.
    Range(u32, Option<u32>),
}

impl CodeKey {
    /// Whether it holds a code, without the blanks around it.
    pub fn holds(&self, code: &str) -> bool {
        match self {
            CodeKey::Code(known) => known == code,
            CodeKey::Range(from, to) => {
                code.parse::<u32>().is_ok_and(|number| number >= *from && to.is_none_or(|to| number <= to))
            }
        }
    }

    /// Whether there is a code that both hold.
    pub fn meets(&self, other: &CodeKey) -> bool {
        match (self, other) {
            (known, CodeKey::Code(code)) | (CodeKey::Code(code), known) => known.holds(code),
            (CodeKey::Range(from, to), CodeKey::Range(other, until)) => {
                to.is_none_or(|to| to >= *other) && until.is_none_or(|until| until >= *from)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeResult {
    pub what: CodeTo,
    /// An issue when this arm is taken.
    pub warn: Option<SmolStr>,
    /// Where the arm stands, if it does in the text and not in a file.
    pub place: Option<ArmPlace>,
}

/// Where an arm of a code table stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmPlace {
    /// The key of the table, or of what extends it.
    pub item: Key,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeTo {
    Code {
        system: Option<SmolStr>,
        code: SmolStr,
        display: Option<SmolStr>,
    },
    /// The code as it came, under its own system.
    Keep,
    Reject(SmolStr),
    /// Missing, with a data-absent-reason where one is named.
    Absent(Option<SmolStr>),
    Skip,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    pub kind: Box<Kind>,
    pub ty: Ty,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    // ---- constants: they alone never make a block exist
    Text(SmolStr),
    /// As written; JSON writes it verbatim.
    Number(SmolStr),
    Boolean(bool),
    /// Milliseconds.
    Duration(i64),
    /// `loinc#718-7 "Hemoglobin"`, the system as a URI. Its type is the FHIR type that it is written as
    /// (`code`, `Coding`, `CodeableConcept`), or `Coded` where it is compared.
    Code {
        system: SmolStr,
        code: SmolStr,
        display: Option<SmolStr>,
    },
    /// `extension[…]` and profile values: JSON as it is.
    Json(SmolStr),

    // ---- sources
    Slot(Slot),
    /// `receipt.received`: what is known of the message beside its bytes.
    Receipt(Part),
    /// What lies at a path below a slot; a list where a step repeats.
    Path {
        root: Slot,
        steps: Vec<Step>,
    },

    // ---- values made of values
    /// `"{A}, {B}"`: missing if a part is missing.
    Join(Vec<Expr>),
    /// Several sources of one list; a source may be a list or may be missing.
    List(Vec<Expr>),
    Builtin {
        function: Builtin,
        arguments: Vec<Expr>,
    },
    /// A map or convert; its arguments are in the order of its parameters, a missing optional one is `Absent`.
    Call {
        function: Key,
        arguments: Vec<Expr>,
    },
    /// A text of one standard as a primitive of the other, or of one primitive as another. May fail: the value is
    /// then missing and an issue says where.
    Convert {
        value: Expr,
        to: Primitive,
    },
    /// A coded value through a table. The value is a scalar text, an HL7 coded type (`CWE`) or a `Coded`.
    Via {
        value: Expr,
        table: Key,
    },
    /// What a table has in a column for these keys; without a column, whether it has them: its first key. A key is a
    /// text, or a coded value that is known by its code.
    Lookup {
        table: Key,
        keys: Vec<Expr>,
        column: Option<u32>,
    },
    /// Whether a value is of a value set, by its system where it has one. All codes of the set are known.
    InSet {
        value: Expr,
        set: SmolStr,
    },
    /// Whether a code table has a row for a value, `else` left out.
    InCodes {
        value: Expr,
        table: Key,
    },
    /// `Coded` written as a FHIR `code`, `Coding`, `CodeableConcept` or `string`: the type of this expression.
    Coded(Expr),
    /// What stands at a place of the message, as it stands there; `null`: an explicit null too.
    Copy {
        value: Expr,
        null: bool,
    },
    /// A message, or of one that is built a segment or field that is taken over, with edits: the slot that holds it, and the
    /// [`Kind::Edits`].
    Edited {
        of: Slot,
        edits: Expr,
    },
    /// Several messages of one: the slot that holds it, and [`Kind::Edits`] that name the parts of which each has one.
    Split {
        of: Slot,
        parts: Expr,
    },
    /// What becomes of the segments of a message, in order.
    Edits(Vec<Edit>),
    /// What a block comes to: nothing if no source in it has a value (see [`Block::always`]).
    Block(Block),
    /// `base with { … }`: `base` is written with these fields instead of or after its own.
    With {
        base: Expr,
        fields: Vec<Field>,
    },
    /// In the values of a `With`'s field: what the base had for that element (all its values, if a list).
    Keep,
    /// In a change of a message, at each of several places: what stands there, and where nothing does, the other value.
    KeepEach {
        /// Whether one of the places needs the other value.
        lacking: Expr,
        or: Expr,
    },
    /// The element of that name of a FHIR value (`human_name(PID-5).family`).
    Element {
        of: Expr,
        name: SmolStr,
    },

    // ---- lists
    /// For each item of a list (or of an optional: "if present") for which the filter holds, the body's value.
    Each {
        list: Expr,
        item: Slot,
        filter: Option<Expr>,
        body: Expr,
    },
    /// For each group of items with an equal key, in the order of their first item; `items` is the list of one group.
    EachBy {
        list: Expr,
        item: Slot,
        filter: Option<Expr>,
        key: Expr,
        items: Slot,
        body: Expr,
    },
    Pick {
        which: Pick,
        list: Expr,
    },
    /// `[1]`, `[1..*]` of a list of FHIR: its items from one number to another, counted from 0.
    Range {
        list: Expr,
        from: u32,
        to: Option<u32>,
    },
    /// Those of a choice or of resources that are of this type, by the name in the standard: `X as Patient`.
    OfType {
        value: Expr,
        name: SmolStr,
    },

    // ---- decisions
    Else(Expr, Expr),
    When {
        value: Expr,
        condition: Expr,
    },
    /// The value, and an issue if there is one.
    Warn {
        value: Expr,
        text: SmolStr,
    },
    /// The first arm whose condition holds.
    Match {
        arms: Vec<Arm>,
        otherwise: Option<Expr>,
    },
    /// The value, after the statements (lets and what they emit) have been carried out once, in order.
    Do {
        statements: Vec<Statement>,
        value: Expr,
    },
    /// Nothing, silently.
    Absent,
    /// An explicit null: in what is patched, the element is cleared.
    Null,
    /// Nothing, with an issue.
    AbsentWarn(SmolStr),
    /// A FHIR data-absent-reason in place of the value.
    DataAbsent(SmolStr),
    /// Drops the list item, else the optional element, else the resource around it.
    Skip,
    /// Refuses the message.
    Reject(SmolStr),

    // ---- resources
    /// Adds a resource to the Bundle and gives a reference to it. The value is a `Call`, `With` or `Block` that gives
    /// a resource (`keyed` is the function's), or decisions between such.
    Emit {
        resource: Expr,
        sent: Sent,
    },
    /// Puts it in `contained` and gives a reference to it.
    Contain(Expr),
    /// The reference that emitting what this function gives would give: by the key that it has with these arguments, or by
    /// the parts of its key.
    Refer {
        function: Key,
        arguments: Vec<Expr>,
        by: Vec<Expr>,
    },

    // ---- conditions: always true or false
    And(Expr, Expr),
    Or(Expr, Expr),
    Not(Expr),
    /// False where a side is missing, but for `NotEqual`, the exact opposite of `Equal`.
    Compare {
        op: Compare,
        left: Expr,
        right: Expr,
        how: Comparison,
    },
    In {
        value: Expr,
        list: Vec<Expr>,
        how: Comparison,
    },
    /// The pattern is a regular expression, checked.
    Matches {
        value: Expr,
        pattern: SmolStr,
    },
    Is {
        value: Expr,
        state: State,
    },
    /// Whether one is there that is of this type (`X is Quantity`), of the profile of this key, or that refers to such a
    /// resource, `Reference(Patient)`.
    IsType {
        value: Expr,
        name: SmolStr,
    },
    /// A value of a boolean type as a condition: missing is false.
    True(Expr),

    // ---- arithmetic
    Arithmetic {
        op: Arithmetic,
        left: Expr,
        right: Expr,
    },

    /// What the environment gives that a project runs in, of the type of this expression.
    Environment(SmolStr),
    /// The name of a secret, which is no value.
    Secret(SmolStr),
    /// Already reported; a sound project has none.
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    pub condition: Expr,
    pub value: Expr,
}

/// A step below a slot, a message, a group, a segment or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The group instance so many levels further out (a segment of an outer group, named from inside).
    Outer(u32),
    /// The instances of a group or segment, by their place in the structure: `member` is the index of the element in
    /// the shape of the group that we are in.
    Member { name: SmolStr, member: u32 },
    /// Its repetitions where it repeats, else the one value.
    Field { number: u16, repeats: bool },
    /// A component, and below a component a subcomponent.
    Component(u8),
    /// 1-based, as HL7 counts: that repetition, segment or group instance.
    Index(u32),
    /// `[2..*]`
    Range(u32, Option<u32>),
    /// Those for which the condition holds, the item being in the slot.
    Filter { item: Slot, condition: Expr },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pick {
    First,
    Last,
    /// The first, and an issue if there is a second.
    Only,
}

/// What a server is asked to do with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// To have it as it is.
    Whole,
    /// To have it if it has none yet.
    IfNew,
    /// To change what the map assigns, and nothing else.
    Patch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Present,
    Null,
    Absent,
}

/// One change of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    Statement(Statement),
    /// Edits under a condition, or for each item of a list.
    Inner(Expr),
    /// Each such segment loses what it has at the place, and gets the value.
    Set {
        segments: Expr,
        item: Slot,
        place: EditPlace,
        /// Of the place, if it is a list: all values, in order.
        list: bool,
        values: Vec<Value>,
    },
    /// The segment in the slot, or all segments of the group, are what one of several messages keeps.
    Part {
        item: Slot,
    },
    /// The segment in the slot, or all segments of the group.
    Drop {
        item: Slot,
        at: At,
    },
}

/// A place in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EditPlace {
    pub field: u16,
    pub repetition: Repetition,
    /// 0 for the whole.
    pub component: u16,
    pub subcomponent: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repetition {
    /// The whole field; of a component each repetition, and the first where there is none.
    Whole,
    /// Each that is there.
    Each,
    /// That one, counted from 1.
    Nth(u32),
}

/// What a resource, a data type or a Bundle is made of. Statements run first, in the order of the text; then the
/// fields are written in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The shape that it builds: `Patient`, `HumanName`, `Patient.contact`, `Extension`, `Bundle`.
    pub shape: SmolStr,
    /// Of a resource: `Patient`, what `resourceType` says.
    pub resource: Option<SmolStr>,
    pub statements: Vec<Statement>,
    pub fields: Vec<Field>,
    /// Written even if no source had a value: the body of a map `-> T`.
    pub always: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    Let(Slot, Expr),
    /// Done for what it emits; its value is dropped.
    Do(Expr),
    /// `otherwise` (reject, warn, skip) if the condition does not hold.
    Require {
        condition: Expr,
        otherwise: Expr,
    },
    /// What the map leaves on purpose: nothing is done for it, and it is accounted for.
    Ignore(Vec<Left>),
}

/// A field, a segment or a group that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub what: Expr,
    /// `rest of PD1`: whatever no rule reads, instead of a name.
    pub swept: bool,
    pub because: SmolStr,
    pub at: At,
}

/// All that a block writes under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Without the type of a choice: `value`, whose JSON name is `valueQuantity` by the type of what is written.
    pub name: SmolStr,
    pub choice: bool,
    /// A JSON array of all values, in order.
    pub list: bool,
    /// 1.. in the standard or profile: if nothing comes of it, the message is rejected (or the nearest `skip` taken).
    pub required: bool,
    /// Several only if `list`, or in a `With` with `adds`.
    pub values: Vec<Value>,
    /// The object `_birthDate` of a primitive: `id` and `extension`.
    pub extras: Option<Block>,
    /// In a `With`: `+:`, after what the base has.
    pub adds: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub value: Expr,
    /// The text of the rule that writes it, for issues and lineage.
    pub rule: At,
}

impl Field {
    /// One value under a name.
    pub fn of(name: &str, value: Value) -> Field {
        Field::all(name, vec![value])
    }

    pub fn all(name: &str, values: Vec<Value>) -> Field {
        Field { name: name.into(), choice: false, list: false, required: false, values, extras: None, adds: false }
    }
}

impl Ty {
    pub const ERROR: Ty = Ty { kind: TyKind::Error, count: Count::One };
    pub const NOTHING: Ty = Ty { kind: TyKind::Nothing, count: Count::Optional };

    pub fn one(kind: TyKind) -> Ty {
        Ty { kind, count: Count::One }
    }

    pub fn fhir(name: &str) -> Ty {
        Ty::one(TyKind::Fhir(name.into()))
    }

    pub fn with(&self, count: Count) -> Ty {
        Ty { kind: self.kind.clone(), count }
    }

    /// More than one value may come.
    pub fn is_list(&self) -> bool {
        matches!(self.count, Count::Any | Count::Some)
    }

    /// It may give no value.
    pub fn may_be_missing(&self) -> bool {
        matches!(self.count, Count::Optional | Count::Any)
    }
}
