//! A message, or a resource of FHIR, beside what a map makes of it: each value with the rules on the way to it, what it is
//! made of, and what decided on it, in the words of the text and of the standards. It shows values: that is what it is for.

mod could;
mod made;
mod message;
mod names;
mod resource;
mod roots;
mod rules;
mod wanted;

pub use could::{Could, Read, could};
pub use message::{Part, Segment};
pub use roots::Roots;
pub use rules::{Rule, one_line, read as rule};
pub use wanted::Wanted;

use crate::check::typed::Primitive;
use crate::db::{self, Project};
use crate::json::Json;
use crate::plan::interpret::{
    self, Explained, Explanation, Issue, Places, Rejection, Settings, Through, explain, explain_resource, spelled,
};
use crate::plan::{Gives, Plan};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::validate::Problem;
use emr_message::group::Grammar;
use emr_message::{Message, Name, Place, encode};
use names::Names;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// The key of the map.
    pub map: String,
    pub segments: Vec<Segment>,
    /// In the order of the output; none if the message is rejected.
    pub values: Vec<Value>,
    pub rejected: Option<Said>,
    pub issues: Vec<Said>,
}

/// What the mapping says of the message.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    pub code: String,
    pub text: String,
    pub source: Option<Source>,
    pub rule: Option<Rule>,
}

/// In nothing that came.
const NOWHERE: Place =
    Place { segment: 0, name: Name::NONE, occurrence: 0, field: 0, repetition: 0, component: 0, subcomponent: 0 };

impl Source {
    /// The same, not to be looked for in what came.
    fn elsewhere(self) -> Source {
        Source { place: NOWHERE, ..self }
    }
}

impl Said {
    /// What of a resource that came is no R4.
    pub fn of_resource(problem: Problem) -> Said {
        let source = Source { path: problem.path, name: String::new(), place: NOWHERE };
        Said { code: problem.code.to_string(), text: problem.message, source: Some(source), rule: None }
    }
}

/// A value of the output, and why it is what it is.
#[derive(Clone, Debug, Serialize)]
pub struct Value {
    /// `entry[0].resource.name[0].family`
    pub path: String,
    /// The resource that it stands in (`Patient`), and its path there.
    pub resource: String,
    pub element: String,
    /// As JSON has it.
    pub json: String,
    /// The one that wrote it last.
    pub rules: Vec<Rule>,
    /// What it is made of; for a constant nothing.
    pub sources: Vec<Source>,
    /// What decided that it is there, or that it is this one.
    pub conditions: Vec<Source>,
    /// `date`, `std.codes.AdministrativeSex`
    pub conversions: Vec<String>,
    /// It is made of the bytes of the whole message, or of all of the resource.
    pub whole_message: bool,
}

/// A part of what came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// `PID-5.1`, `OBX[2]-5`, `Patient.name[0].family`
    pub path: String,
    /// "Patient Name, Family Name"; empty of a resource.
    pub name: String,
    #[serde(skip)]
    pub place: Place,
}

/// Why the message gives what it gives. Nothing if there is no such map, or one that cannot run.
pub fn trace(db: &db::Database, project: Project, map: &str, message: &Message, settings: &Settings) -> Option<Trace> {
    let plan = db::explained_plan(db, project, map.to_owned()).clone()?;
    let names = Names::new(db::standards(db, project), message);
    let segments = message::segments(&plan.grammar, message, &names);
    Some(told(db, project, &plan, (explain(&plan, message, settings), settings), &names, segments))
}

/// The same of a resource of FHIR. Nothing where the map takes none of that type.
pub fn trace_resource(
    db: &db::Database,
    project: Project,
    map: &str,
    resource: &Json,
    settings: &Settings,
) -> Option<Trace> {
    let plan = db::explained_plan(db, project, map.to_owned()).clone()?;
    let mut explained = explain_resource(&plan, resource, settings)?;
    let nodes = std::mem::take(&mut explained.nodes);
    let message = interpret::stand_in(&plan, resource)?;
    let names = Names { nodes: Some(&nodes), ..Names::new(db::standards(db, project), &message) };
    let segments = resource::segments(resource, &nodes);
    Some(told(db, project, &plan, (explained, settings), &names, segments))
}

fn told(
    db: &db::Database,
    project: Project,
    plan: &Plan,
    (explained, settings): (Explained, &Settings),
    names: &Names,
    segments: Vec<Segment>,
) -> Trace {
    let rules = rules::Rules::new(db, project, plan);
    let interpret::Outcome { result, issues, .. } = &explained.outcome;
    let out = result.as_deref().unwrap_or_default();
    let mut values: Vec<Value> = Vec::new();
    for explanation in &explained.values {
        let source = |places: &Places| narrow(places, names).into_iter().map(|place| names.source(place)).collect();
        let (path, json) = match plan.gives {
            Gives::Message => match made(explanation, out, names.message) {
                Some(made) => made,
                None => continue,
            },
            _ => (explanation.path.clone(), written(explanation, out)),
        };
        values.push(Value {
            path,
            resource: String::new(),
            element: String::new(),
            json,
            rules: rules.chain(&explanation.rules),
            sources: source(&explanation.sources),
            conditions: source(&without(&explanation.conditions, &explanation.sources, names)),
            conversions: explanation.through.iter().filter_map(conversion).collect(),
            whole_message: explanation.sources.whole || explanation.conditions.whole,
        });
    }
    place_in_resources(&mut values);
    let said = |code: &str, text: &str, place: Option<Place>, rule: Option<u32>| Said {
        code: code.to_owned(),
        text: text.to_owned(),
        source: place.map(|place| names.source(place)),
        rule: rule.and_then(|rule| rules.rule(rule)),
    };
    let issues = issues.iter().map(|Issue { code, text, place, rule }| said(code, text, *place, *rule));
    let made = (out, names.message);
    let held = result.as_ref().ok().and_then(|_| made::held(db, project, plan, made, settings)).unwrap_or_default();
    Trace {
        map: plan.name.to_string(),
        segments,
        values,
        rejected: result
            .as_ref()
            .err()
            .map(|Rejection { code, text, place, rule, .. }| said(code, text, *place, *rule)),
        issues: issues.chain(held).collect(),
    }
}

fn written(explanation: &Explanation, out: &[u8]) -> String {
    String::from_utf8_lossy(out.get(explanation.text.clone()).unwrap_or_default()).into_owned()
}

/// A value of a message that is made, with its place there; what is taken over from the source as it stands there. Of a segment
/// that is dropped nothing is left.
fn made(explanation: &Explanation, out: &[u8], source: &Message) -> Option<(String, String)> {
    if let Some(dropped) = encode::dropped(&explanation.path, out, source) {
        return Some((dropped.to_string(), "null".to_owned()));
    }
    let value = encode::value(&explanation.path, out)?;
    let json = match value == explanation.path {
        true => written(explanation, out),
        false => serde_json::Value::from(encode::taken(out, explanation.text.start, source)?).to_string(),
    };
    Some((encode::spelled(value, out, source), json))
}

/// The parts of a message that no map takes.
pub fn segments(db: &db::Database, project: Project, message: &Message) -> Vec<Segment> {
    message::segments(&Grammar::default(), message, &Names::new(db::standards(db, project), message))
}

/// Whether what a map makes is of messages, whose values are fields.
pub fn makes_messages(db: &db::Database, project: Project, map: &str) -> bool {
    db::explained_plan(db, project, map.to_owned()).as_ref().is_some_and(|plan| plan.gives == Gives::Message)
}

/// The places without those that hold another of them: the parts say more.
fn narrow(places: &Places, names: &Names) -> Vec<Place> {
    let all = &places.places;
    let holds_another = |place: &&Place| all.iter().any(|other| other != *place && holds(place, other, names));
    let mut narrow: Vec<Place> = all.iter().filter(|place| !holds_another(place)).copied().collect();
    narrow.dedup_by_key(|place| names.node(place).map_or_else(|| spelled(place), str::to_owned));
    narrow
}

/// What decided, without what the value is made of anyway.
fn without(conditions: &Places, sources: &Places, names: &Names) -> Places {
    let is_said = |place: &&Place| {
        let beside = names.node(place).and_then(beside);
        sources.places.iter().any(|source| {
            let is_value = beside.as_ref().zip(names.node(source)).is_some_and(|(value, its)| is_inside(value, its));
            is_value || holds(place, source, names)
        })
    };
    Places { places: conditions.places.iter().filter(|place| !is_said(place)).copied().collect(), whole: false }
}

/// The path of the value that an id and extensions stand beside: `Patient.birthDate` of `Patient._birthDate`.
fn beside(path: &str) -> Option<String> {
    let (around, name) = path.rsplit_once("._")?;
    Some(format!("{around}.{name}"))
}

fn is_inside(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|inside| inside.is_empty() || inside.starts_with(['.', '[']))
}

/// Whether a place is the other or has it inside.
fn holds(outer: &Place, inner: &Place, names: &Names) -> bool {
    if let (Some(outer), Some(inner)) = (names.node(outer), names.node(inner)) {
        return is_inside(outer, inner);
    }
    let parts = |place: &Place| {
        [u32::from(place.field), place.repetition, u32::from(place.component), u32::from(place.subcomponent)]
    };
    let (outer_parts, inner_parts) = (parts(outer), parts(inner));
    let depth = outer_parts.iter().rposition(|number| *number > 0).map_or(0, |last| last + 1);
    outer.segment == inner.segment && outer_parts.iter().zip(&inner_parts).take(depth).all(|(a, b)| a == b)
}

fn conversion(through: &Through) -> Option<String> {
    match through {
        Through::Into(primitive) => primitive_name(*primitive).map(str::to_owned),
        Through::Builtin(name) => Some((*name).to_owned()),
        Through::Routine(name) if name.starts_with("emit ") => None,
        Through::Routine(name) => Some(name.strip_prefix("table ").unwrap_or(name).to_owned()),
    }
}

/// Nothing where a text stays what it is.
fn primitive_name(primitive: Primitive) -> Option<&'static str> {
    Some(match primitive {
        Primitive::String | Primitive::Markdown | Primitive::Code | Primitive::Moment => return None,
        Primitive::Id => "id",
        Primitive::Uri => "uri",
        Primitive::Boolean => "boolean",
        Primitive::Decimal => "decimal",
        Primitive::Integer => "integer",
        Primitive::PositiveInt => "positiveInt",
        Primitive::UnsignedInt => "unsignedInt",
        Primitive::Date => "date",
        Primitive::DateTime | Primitive::Hl7Time => "dateTime",
        Primitive::Instant => "instant",
        Primitive::Time => "time",
        Primitive::Base64 => "base64Binary",
        Primitive::Duration => "duration",
    })
}

/// Which resource each value stands in, and its path there.
fn place_in_resources(values: &mut [Value]) {
    let roots = Roots::of(values.iter().map(|value| (value.path.as_str(), value.json.as_str())));
    for value in values {
        let (resource, element) = roots.split(&value.path);
        (value.resource, value.element) = (resource.to_owned(), element.to_owned());
    }
}

/// The version whose names a message is shown with.
fn version(message: &Message) -> Version {
    let said = message.msh(12).component(1).value();
    said.and_then(|said| Version::parse(said.trim())).unwrap_or(Version::Union)
}

impl<'a> Names<'a> {
    fn new(standards: &'a Standards, message: &'a Message) -> Self {
        Self { standards, message, version: version(message), nodes: None }
    }
}
