//! The same maps as most would write them in Rust: the message as a tree of owned texts, structs of FHIR, and serde.

mod admission;
mod deidentified;
mod fhir;
mod message;
mod results;
mod types;

use crate::corpus::Message as Input;
use crate::engine::{Engine, Row};
use crate::workload::{Map, Workload};
use emr_message::identity::{self, Digest, Origin};
use fhir::{Bundle, Entry, Identifier, Parameter, Reference, Request, Resource};
use message::Message;
use std::collections::HashMap;

pub const ROW: Row = Row { name: "idiom", prepare };

const RESOURCES: &[&str] = &[
    "Patient",
    "Encounter",
    "RelatedPerson",
    "AllergyIntolerance",
    "Condition",
    "Coverage",
    "DiagnosticReport",
    "Observation",
];

struct Idiom {
    map: Map,
    origins: HashMap<&'static str, Origin>,
    out: Vec<u8>,
}

fn prepare(workload: &Workload) -> Option<Box<dyn Engine>> {
    let origins = RESOURCES.iter().filter_map(|name| Some((*name, workload.origin(name)?))).collect();
    Some(Box::new(Idiom { map: workload.map, origins, out: Vec::new() }))
}

impl Engine for Idiom {
    fn run(&mut self, message: Input<'_>) -> &[u8] {
        self.out = self.map(message.bytes()).unwrap_or_default();
        &self.out
    }
}

impl Idiom {
    fn map(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let message = Message::parse(text)?;
        let mut entries = Entries {
            origins: &self.origins,
            digest: Digest::of_segments(text.lines_of().map(str::as_bytes)),
            turns: HashMap::new(),
            all: Vec::new(),
        };
        match self.map {
            Map::Admission => admission::admission(&message, &mut entries)?,
            Map::Results => results::results(&message, &mut entries)?,
            Map::Routing => return serde_json::to_vec(&routing(&message)).ok(),
            Map::Deidentified => return Some(deidentified::deidentified(text)),
        }
        let timestamp = types::instant(&message.header()?.text(7));
        serde_json::to_vec(&Bundle::transaction(timestamp, entries.all)).ok()
    }
}

/// The segments of a message.
trait Lines {
    fn lines_of(&self) -> impl Iterator<Item = &str>;
}

impl Lines for str {
    fn lines_of(&self) -> impl Iterator<Item = &str> {
        self.split('\r').filter(|line| !line.is_empty())
    }
}

/// The entries of the Bundle so far.
struct Entries<'m> {
    origins: &'m HashMap<&'static str, Origin>,
    digest: Digest,
    turns: HashMap<&'static str, u32>,
    all: Vec<Entry>,
}

impl Entries<'_> {
    /// Adds a resource, which is known by the identifier or by where it stands.
    fn add(&mut self, resource: Resource, key: Option<&Identifier>) -> Option<Reference> {
        let name = resource.name();
        let (id, request) = match key {
            Some(key) => {
                let (system, value) = (key.system.clone().unwrap_or_default(), key.value.clone().unwrap_or_default());
                let id = identity::of_key(name, &format!("{system}|{value}\u{1f}"));
                let token = percent(&format!("{}|{}", escaped(&system), escaped(&value)));
                (id, Request { method: "PUT".into(), url: format!("{name}?identifier={token}") })
            }
            None => {
                let turn = self.turns.entry(name).or_default();
                *turn += 1;
                (self.origins.get(name)?.id(self.digest, *turn), Request { method: "POST".into(), url: name.into() })
            }
        };
        let url = format!("urn:uuid:{id}");
        self.all.push(Entry { full_url: url.clone(), resource, request });
        Some(Reference { reference: Some(url), ..Reference::default() })
    }
}

/// What would divide a search value.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if "\\,|$".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn routing(message: &Message) -> Resource {
    let field = |name: &str, number: usize| message.first(name).and_then(|it| it.values(number).next());
    let values = [
        ("from", field("MSH", 3)),
        ("type", field("MSH", 9)),
        ("id", field("MSH", 10)),
        ("patient", field("PID", 3)),
        ("class", field("PV1", 2)),
    ];
    let parameters = values
        .into_iter()
        .filter_map(|(name, value)| Some(Parameter { name: Some(name.to_owned()), value_string: Some(value?) }));
    Resource::Parameters(fhir::Parameters { parameter: parameters.collect() })
}
