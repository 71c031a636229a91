//! What was written, before anything is known about it.
//!
//! Ranges count from the first byte of the item, so that an item which only moves is not checked again.
//! What could not be read is a node of its own (`Missing`, `Part::Unfinished`), so that the rest can be checked.

mod wiring;

pub use wiring::*;

use crate::diagnostic::Diagnostic;
use smol_str::SmolStr;
use std::ops::Range;

pub type At = Range<usize>;

/// One item, and what could not be read in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub item: Option<Item>,
    pub problems: Vec<Diagnostic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The `///` lines above it, without the slashes and one blank.
    pub docs: Vec<SmolStr>,
    pub private: bool,
    /// `total map`: cannot reject.
    pub total: bool,
    pub declaration: Declaration,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    Use(Use),
    Constant(Let),
    /// `map` and `convert`.
    Map(Map),
    Codes(Codes),
    Extend(Extend),
    Table(Table),
    Profile(Profile),
    Segment(Segment),
    Structure(Structure),
    Test(Test),
    ExternFn(ExternFn),
    Feed(Feed),
    Target(Sink),
    Route(Route),
    Alarm(Alarm),
    Connector(Connector),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: SmolStr,
    pub at: At,
}

/// `use std.v2_to_fhir.{patient, encounter as stay}`, `use hospital.codes as codes`, `use lab.codes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// `std.v2_to_fhir`, dots included.
    pub module: Word,
    pub what: Used,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// The names in braces, each with its name here.
    Names(Vec<(Word, Option<Word>)>),
    /// The module itself, under its own last name or another.
    Module(Option<Word>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Let {
    pub name: Word,
    pub ty: Option<Type>,
    pub value: Expr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub kind: MapKind,
    pub name: Word,
    pub params: Vec<Param>,
    pub result: Type,
    pub keyed: Vec<Key>,
    /// `writes only identifier, name`
    pub writes: Vec<Target>,
    pub body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapKind {
    Map,
    Convert,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Block(Block),
    Value(Expr),
    /// Nothing that can be read.
    Missing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: Option<Word>,
    pub ty: Type,
}

/// `keyed by identifier: X, Y`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub parameter: Option<Word>,
    pub value: Expr,
}

/// `PID`, `PD1?`, `ORU_R01.ORDER_OBSERVATION`, `uscore.Patient`, `Reference(Patient | Group)*`, `code(loinc)?`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    pub name: Word,
    pub references: Vec<Word>,
    pub count: Count,
    pub at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Count {
    One,
    /// `?`
    Optional,
    /// `*`
    Any,
    /// `+`
    Some,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    pub name: Word,
    /// A system: `v2-0001`, a constant or the library's name, or a URI as text.
    pub from: Option<System>,
    pub to: Option<System>,
    pub table: CodeTable,
}

/// `extend codes std.coded.CodingSystem { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// The table that gets the rows, as another declaration would name it.
    pub table: Word,
    pub arms: Vec<Arm>,
}

/// `table LabCode(facility: string, local: string) -> { loinc: code(loinc)?, unit: string? } = csv("lab.csv")`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: Word,
    pub keys: Vec<Param>,
    pub columns: Vec<Column>,
    pub rows: Rows,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub docs: Vec<SmolStr>,
    pub name: Word,
    pub ty: Type,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    Arms(Vec<Arm>),
    /// `= csv(…)`, `= sql(…) { query: … }`
    From {
        source: Expr,
        settings: Option<Block>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    Name(Word),
    Uri(Word),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeTable {
    Arms(Vec<Arm>),
    /// `= csv(…)`, `= conceptmap(…)`
    From(Expr),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: Word,
    pub of: Vec<Word>,
    pub version: Option<Word>,
    pub closed: bool,
    pub lines: Vec<ProfileLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileLine {
    pub path: Path,
    pub range: Option<Bounds>,
    pub one_of: Vec<Expr>,
    pub length: Option<Bounds>,
    pub ty: Option<Type>,
    pub matches: Option<Word>,
    /// `after PID`, `before PV1`
    pub stands: Option<(Side, Word)>,
    pub because: Option<Word>,
    pub at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    After,
    Before,
}

/// `1..5`, `0..*`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub min: u32,
    /// Nothing for `*`.
    pub max: Option<u32>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub name: Word,
    pub title: Option<Word>,
    pub fields: Vec<SegmentField>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentField {
    pub number: u32,
    pub ty: Type,
    pub one_of: Vec<Expr>,
    pub title: Option<Word>,
    pub at: At,
}

/// `structure ZRT_Z01 { MSH, PID?, ORDER+ { ORC, NTE* } }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    pub name: Word,
    pub members: Vec<Member>,
}

/// A segment of a structure, or a group where it has members of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: Word,
    pub count: Count,
    pub members: Option<Vec<Member>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternFn {
    pub name: Word,
    pub params: Vec<Param>,
    pub result: Type,
}

// ---- tests ----------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub name: Word,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `'''…'''`: the first line end and the common indentation are taken off.
    InputText(Word),
    InputFile(Word),
    /// `given Staff = { "4711" => { npi: "12" } }`: the rows of a table that a running engine asks.
    Given {
        table: Word,
        rows: Vec<Arm>,
    },
    /// `through a then b`
    Through(Vec<Word>),
    Let(Let),
    Expect(Expect),
}

impl Test {
    /// The maps that it runs.
    pub fn maps(&self) -> impl Iterator<Item = &Word> {
        self.steps.iter().flat_map(|step| match step {
            Step::Through(maps) => maps.as_slice(),
            _ => &[],
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    pub what: Expected,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    NoIssues,
    Issue {
        text: Option<Word>,
        place: Option<Path>,
    },
    Rejected(Option<Word>),
    /// A condition on the output; `output == file("x.json") ignoring …`
    That {
        condition: Expr,
        ignoring: Vec<Path>,
    },
}

// ---- blocks -----------------------------------------------------------------------------------

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub items: Vec<BlockItem>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockItem {
    Rule(Rule),
    Let(Let),
    Require {
        condition: Expr,
        otherwise: Expr,
        at: At,
    },
    Ignore(Ignore),
    /// `emit`, `patch`, `each` and `match` alone on a line.
    Do(Expr),
    /// `= value`, what a block with lets of its own comes to.
    Result(Expr),
    /// `accept`, of a feed.
    Accept(Accept),
    /// `drop DB1 where DB1-4 == "N" because "…"`
    Drop(Drop),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub docs: Vec<SmolStr>,
    pub target: Target,
    /// `+:`
    pub adds: bool,
    /// Separated by commas; empty if none could be read.
    pub values: Vec<Expr>,
    pub because: Option<Word>,
    pub at: At,
}

/// What a rule writes: `birthDate.extension["…"]`, `extension[race]`, `name.family`, `PID-3[1].4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub first: Word,
    pub parts: Vec<Part>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    pub what: Path,
    pub filter: Option<Expr>,
    pub because: Option<Word>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    pub what: Vec<Ignored>,
    pub because: Option<Word>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// `PID-2`, `GT1`
    Path(Path),
    /// `PID-35..38`
    Range(Path, u32),
    /// `rest of PD1`, `rest of ROL[after PV1]`
    Rest(Path),
    /// `ADT^A31`, of a feed.
    Event(Word),
}

// ---- expressions --------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    pub kind: Box<ExprKind>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// Could not be read; a problem says so.
    Missing,
    /// `"…"`
    Text(Vec<TextPart>),
    /// `'…'`, `'''…'''`
    Raw(SmolStr),
    /// As written: `1`, `1.50`, `-2`
    Number(SmolStr),
    /// As written: `30d`, `500ms`
    Duration(SmolStr),
    Boolean(bool),
    /// `loinc#718-7 "Hemoglobin"`
    Code {
        system: Word,
        code: Word,
        display: Option<Word>,
    },
    Path(Path),
    /// `join(" ", XPN.5)`, `core.race(PID-10)`, with what may follow the closing bracket
    Call {
        name: Word,
        arguments: Vec<Argument>,
        parts: Vec<Part>,
    },
    /// `(a, b)`; one value in parentheses is that value, unless parts follow
    List {
        items: Vec<Expr>,
        parts: Vec<Part>,
    },
    Block(Block),
    /// `Period { … }`
    TypedBlock {
        ty: Word,
        block: Block,
    },
    Prefix(Prefix, Expr),
    Binary(Binary, Expr, Expr),
    /// `X is not present`
    Is {
        value: Expr,
        not: bool,
        what: Is,
    },
    Via {
        value: Expr,
        codes: Word,
    },
    As {
        value: Expr,
        ty: Type,
    },
    With {
        value: Expr,
        block: Block,
    },
    /// `emit … if new`
    IfNew(Expr),
    /// `refer encounter by PV1-19`
    ReferBy {
        map: Word,
        key: Expr,
    },
    Each(Each),
    Match {
        on: Option<Expr>,
        arms: Vec<Arm>,
    },
    /// `A else B`
    Else(Expr, Expr),
    /// `A when C`
    When {
        value: Expr,
        condition: Expr,
    },
    /// `A warn "…"`
    Warn {
        value: Expr,
        text: Option<Word>,
    },
    Skip,
    Keep,
    Null,
    Reject(Word),
    /// `absent`, `absent "unknown"`
    Absent(Option<Word>),
    /// `else warn "…"`: leave it out, and say so
    WarnOnly(Option<Word>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPart {
    /// Escapes undone.
    Plain(SmolStr),
    Hole(Expr),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    pub name: Option<Word>,
    pub value: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prefix {
    First,
    Last,
    Only,
    Not,
    Emit,
    Patch,
    Contain,
    Refer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Matches,
    Plus,
    Minus,
    Times,
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    Present,
    Null,
    Absent,
    Type(Word),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Each {
    /// `each id in PID-3`
    pub name: Option<Word>,
    pub list: Expr,
    pub filter: Option<Expr>,
    pub by: Option<Expr>,
    /// A `Block` or, behind `=>`, a value.
    pub body: Expr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Empty for `else`.
    pub patterns: Vec<Pattern>,
    pub value: Expr,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `is Quantity`
    Is(Is, At),
    /// `0..17`
    Range(Bounds),
    Value(Expr),
}

/// `PID-5[2].1`, `patient.name[.use == "official"].family`, `.7.1`, `.`, `lab.OrderStatus`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The word that it starts with; nothing for the current item.
    pub root: Option<Word>,
    pub parts: Vec<Part>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: PartKind,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// `-5`
    Field(u32),
    /// `.1`
    Component(u32),
    /// `.family`
    Child(SmolStr),
    /// `[2]`
    Index(u32),
    /// `[2..*]`, `[1..3]`
    Range(u32, Option<u32>),
    /// `[place 2]`
    Place(u32),
    /// `[after PV1]`
    After(SmolStr),
    /// `["http://…"]`
    Url(SmolStr),
    /// `[race]`
    Slice(SmolStr),
    /// `[.5 == "MR"]`
    Filter(Expr),
    /// `PID-`, `PID-5.`, `PID-3[`: typed halfway; a problem says so.
    Unfinished,
}
