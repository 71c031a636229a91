//! The ledger: what becomes of each field that messages bring. Each is mapped, kept as it came, replaced, left on purpose,
//! the engine's, in no place of the structure, read though nothing came of it, or nobody's.

mod came;
mod reads;
mod spell;

pub use came::Came;
pub use reads::{Field, Reads, reads};

use crate::db::{self, Project};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::trace;
use emr_message::group::{self, NodeId};
use emr_message::{Message, State};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A rule reads it, and something came of it: a value that is written, or a decision.
    Mapped,
    /// It stands as it came in the message that is made.
    Kept,
    /// A rule of a message that is changed writes something else in its place, empties it or drops its segment.
    Replaced,
    /// The map leaves it, with a reason.
    Ignored,
    /// It is about the message itself, and read before any map.
    Engine,
    /// The structure has no place for its segment, so that no map sees it.
    Unplaced,
    /// A rule reads it, and nothing came of it: a table lacks its code, a filter left its segment out, the source before
    /// it was there.
    Unwritten,
    Unmapped,
}

impl Verdict {
    pub const ALL: [Verdict; 8] = [
        Verdict::Mapped,
        Verdict::Kept,
        Verdict::Replaced,
        Verdict::Ignored,
        Verdict::Engine,
        Verdict::Unplaced,
        Verdict::Unwritten,
        Verdict::Unmapped,
    ];

    pub fn text(self) -> &'static str {
        match self {
            Verdict::Mapped => "mapped",
            Verdict::Kept => "kept",
            Verdict::Replaced => "replaced",
            Verdict::Ignored => "ignored",
            Verdict::Engine => "engine",
            Verdict::Unplaced => "unplaced",
            Verdict::Unwritten => "unwritten",
            Verdict::Unmapped => "unmapped",
        }
    }

    /// Whether what the field says is lost, and nobody said so.
    pub fn is_lost(self) -> bool {
        matches!(self, Verdict::Unplaced | Verdict::Unwritten | Verdict::Unmapped)
    }
}

/// What becomes of one field, by its path. Of some segments something may come and of others nothing: these are two rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The map that takes the messages, by its key.
    pub map: String,
    /// `PID-5`; `PATIENT.NTE-3` where a structure has several places of the segment.
    pub path: String,
    /// "Patient Name"
    pub name: String,
    pub verdict: Verdict,
    /// How many segments have it, in how many messages.
    pub count: usize,
    pub messages: usize,
    /// The rules that read it, leave it or write in its place: `patient.emr:12`.
    pub rules: Vec<String>,
    /// Why it is left.
    pub because: String,
    /// It is left with the rest of its segment, not by name.
    pub swept: bool,
}

/// What messages brought, counted.
#[derive(Default)]
pub struct Ledger {
    maps: BTreeMap<String, Counts>,
}

#[derive(Default)]
struct Counts {
    /// By place, and by name for what has none.
    fields: BTreeMap<(Place, u16, Fate), Count>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Node(NodeId),
    Unplaced(String),
}

/// What came of a field in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// A rule reads it, and something came of it.
    Used,
    /// It goes on as it came.
    Kept,
    Nothing,
}

#[derive(Default)]
struct Count {
    segments: usize,
    messages: usize,
}

impl Ledger {
    pub fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// Counts the fields of a message that goes through a map. Without knowing what came of it, whatever rules read is
    /// mapped.
    pub fn add(&mut self, map: &str, reads: &Reads, message: &Message, came: Option<&Came>) {
        let names = message.segments().iter().map(|segment| segment.name);
        let groups = group::build(&reads.grammar, names);
        let counts = self.maps.entry(map.to_owned()).or_default();
        let mut here = BTreeSet::new();
        for index in 0..message.segments().len() {
            let stands = groups.place_of(u32::try_from(index).unwrap_or(u32::MAX));
            let place = match stands {
                Some((_, node)) => Place::Node(node),
                None => Place::Unplaced(message.place(index).name.as_str().to_owned()),
            };
            for field in 1..=message.fields(index) {
                let state = message.field(index, field).state();
                if state != State::Absent {
                    let is_read = matches!(place, Place::Node(node) if reads.mapped.contains_key(&(node, field)));
                    // An explicit null writes nothing, and says so.
                    let is_used = state == State::Null || came.is_none_or(|came| came.of(index, field));
                    let fate = match came {
                        _ if is_read && is_used => Fate::Used,
                        Some(came) if came.keeps(index, field) => Fate::Kept,
                        _ => Fate::Nothing,
                    };
                    let key = (place.clone(), field, fate);
                    counts.fields.entry(key.clone()).or_default().segments += 1;
                    here.insert(key);
                }
            }
        }
        for key in here {
            counts.fields.entry(key).or_default().messages += 1;
        }
    }

    /// What became of each field, map by map, in the order of the structure.
    pub fn rows(&self, db: &db::Database, project: Project) -> Vec<Row> {
        let standards = db::standards(db, project);
        let mut rows = Vec::new();
        for (map, counts) in &self.maps {
            let Some(reads) = db::reads(db, project, map.clone()).clone() else { continue };
            let judge = Judge { db, project, standards, reads };
            rows.extend(counts.fields.iter().map(|(field, count)| judge.row(map, field, count)));
        }
        rows
    }
}

struct Judge<'a> {
    db: &'a db::Database,
    project: Project,
    standards: &'a Standards,
    reads: Arc<Reads>,
}

impl Judge<'_> {
    fn row(&self, map: &str, (place, field, fate): &(Place, u16, Fate), count: &Count) -> Row {
        let field = *field;
        let (path, segment) = match place {
            Place::Node(node) => (spell::place(&self.reads, *node), spell::name(&self.reads, *node)),
            Place::Unplaced(name) => (name.clone(), name.clone()),
        };
        let name = self.title(&segment, field);
        let mut row = Row {
            map: map.to_owned(),
            path: format!("{path}-{field}"),
            verdict: if *fate == Fate::Kept { Verdict::Kept } else { Verdict::Unplaced },
            count: count.segments,
            messages: count.messages,
            rules: Vec::new(),
            because: String::new(),
            swept: false,
            name,
        };
        let Place::Node(node) = place else { return row };
        if row.verdict == Verdict::Kept {
            return row;
        }
        let read = self.reads.mapped.get(&(*node, field));
        let rules = |all: &BTreeSet<u32>| {
            let mut rules: Vec<String> = all.iter().filter_map(|rule| self.place_of(*rule)).collect();
            rules.dedup();
            rules
        };
        let left = self.reads.ignored((*node, field));
        let replaced = self.reads.replaced((*node, field));
        (row.verdict, row.rules) = match (read, left) {
            (Some(all), _) if *fate == Fate::Used => (Verdict::Mapped, rules(all)),
            (_, Some((rule, reason))) => {
                (row.because, row.swept) = (reason.because.to_string(), reason.swept);
                (Verdict::Ignored, self.place_of(*rule).into_iter().collect())
            }
            _ if !replaced.is_empty() => (Verdict::Replaced, rules(&replaced)),
            _ if is_the_engines(&segment, field, &row.name) => (Verdict::Engine, Vec::new()),
            (Some(all), None) => (Verdict::Unwritten, rules(all)),
            (None, None) => (Verdict::Unmapped, Vec::new()),
        };
        row
    }

    fn place_of(&self, rule: u32) -> Option<String> {
        let rule = self.reads.rules.get(rule as usize)?;
        trace::rule(self.db, self.project, rule).map(|rule| rule.place())
    }

    fn title(&self, segment: &str, field: u16) -> String {
        let shape = self.standards.segment(Version::Union, segment);
        let element = shape.and_then(|shape| shape.element(&field.to_string()).cloned());
        element.map(|element| element.title.to_string()).unwrap_or_default()
    }
}

/// What is read to know how a message is to be read, or says no more than its place does: delimiters, type and version,
/// what is to be answered, charset; the event, which MSH-9 has too; numbers of segments; the type of OBX-5.
fn is_the_engines(segment: &str, field: u16, name: &str) -> bool {
    match (segment, field) {
        ("MSH", 1 | 2 | 9 | 12..=16 | 18) | ("EVN", 1) | ("OBX", 2) => true,
        (_, 1) => name.starts_with("Set ID"),
        _ => false,
    }
}
