//! The feeds, targets and routes of a project, as the compiler hands them to the runtime.
//!
//! Settings are JSON, with every default written out: an object by the names that the connector has in
//! `stdlib/connector`. Times are milliseconds, sizes bytes. A text that a message has a part in is a list of
//! `{"text": …}` and `{"read": n}`, the n-th of what is read for its owner; a secret is `{"secret": name}`.

use serde::{Deserialize, Serialize};

/// A project's wiring. Feeds, targets and routes are known by their places in these lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiring {
    pub feeds: Vec<Feed>,
    pub targets: Vec<Target>,
    pub routes: Vec<Route>,
    pub alarms: Vec<Alarm>,
    /// The tables that are asked before a map runs.
    pub tables: Vec<Table>,
    /// The zone of the project, in which the hours of a day are meant.
    pub zone: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    pub name: String,
    /// `mllp`
    pub connector: String,
    pub settings: String,
    /// What its messages are kept in order by: readings of the program.
    pub order_by: Vec<usize>,
    /// Whether it accepts messages of HL7 v2.
    pub messages: bool,
    /// The types of the resources of FHIR that it accepts; `Resource` stands for all.
    pub resources: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub name: String,
    pub connector: String,
    pub settings: String,
    /// What its settings read of each message: readings of the program.
    pub reads: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub name: String,
    pub from: Vec<usize>,
    pub to: Vec<usize>,
    pub settings: String,
    /// What its settings read of each message: readings of the program.
    pub reads: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub name: String,
    /// As a map asks for it, with its keys and columns.
    pub signature: String,
    /// `sql`
    pub connector: String,
    /// With the query: a statement has `$1` for its first key, a search is a list of `{"text": …}` and `{"key": n}`.
    pub settings: String,
    /// How many keys a row has.
    pub keys: usize,
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// Of a code whose codes they are; it then has three cells: system, code and display.
    pub system: Option<String>,
    /// What each of its texts matches.
    pub pattern: Option<String>,
    /// Whether a row may be without it.
    pub optional: bool,
    /// Where it stands in a resource that was found: a reading of the program.
    pub read: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    pub name: String,
    /// With the condition as a tree of comparisons: `{"compare": {"of": "target", "name": "ehr", "is": "queued", "by": ">",
    /// "with": 5000}}`.
    pub settings: String,
}
