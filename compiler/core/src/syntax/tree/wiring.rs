//! Feeds, targets, routes and alarms, and the settings of connectors.

use super::{At, Block, Count, Expr, Type, Word};
use smol_str::SmolStr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    pub name: Word,
    pub from: Origin,
}

/// Where a feed has its settings from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `from mllp "0.0.0.0:2575" { … }`
    Connector(Endpoint),
    /// `= base with { … }`: the feed that it is like, and what differs
    Like(Expr),
    Missing,
}

/// `mllp "0.0.0.0:2575" { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub connector: Word,
    /// What stands behind the name of the connector: its first setting.
    pub first: Option<Expr>,
    pub settings: Option<Block>,
}

/// `target ehr to fhir "https://…" { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    pub name: Word,
    pub to: Option<Endpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub name: Word,
    pub from: Vec<Word>,
    /// `through a then b`; empty passes the same bytes.
    pub through: Vec<Word>,
    pub to: Vec<Word>,
    pub filter: Option<Expr>,
    pub settings: Option<Block>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub name: Word,
    pub settings: Block,
}

/// `accept North for ADT^A01, ADT^A04 where MSH-4.1 == "N"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// A structure, a profile, or a type of FHIR.
    pub ty: Word,
    /// Nothing for all events of the structure.
    pub events: Vec<Word>,
    pub filter: Option<Expr>,
    pub at: At,
}

/// The library's: what a feed or a target of this kind can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    pub name: Word,
    pub settings: Vec<Told>,
}

/// `timeout: duration? | none because = "30s" in 1s..1h`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub docs: Vec<SmolStr>,
    pub name: Word,
    pub options: Vec<Choice>,
    pub default: Option<Expr>,
    pub within: Option<(Expr, Expr)>,
}

/// One of the things that a setting may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub what: ChoiceOf,
    pub count: Count,
    /// Whoever takes it gives a reason.
    pub because: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChoiceOf {
    /// `"stored"`
    Text(Word),
    /// `duration`, `none`, `email(string)`
    Type(Type),
    /// `{ … }`, `basic { … }`
    Block(Option<Word>, Vec<Told>),
}
