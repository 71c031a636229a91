//! The wiring of a sound project as its runtime gets it: settings with all defaults written out, and what reads a message
//! as maps of its own.

mod alarm;
mod table;
mod value;

use super::super::World;
use super::super::typed::Function;
use super::accept::{Accepted, Event};
use super::connector::Part;
use super::feed::{self, Whole};
use super::reading;
use super::{given, named};
use crate::resolve::{self, DeclaredKind};
use crate::syntax::tree::{Expr, Feed, Route, Sink, Told, Word};
use serde_json::{Map, Value};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use value::Values;

pub use alarm::{AlarmFacts, alarm};
pub use table::{ColumnFacts, TableFacts, table};

/// What the environment gives that a project runs in, by its names.
pub type Environment = BTreeMap<SmolStr, SmolStr>;

/// What a setting or a condition reads of a message, for each kind of message: whether it holds, or texts.
pub type Reader = Vec<Function>;

/// A feed that accepts something.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedFacts {
    pub key: SmolStr,
    pub connector: SmolStr,
    pub settings: Map<String, Value>,
    pub accepts: Vec<AcceptFacts>,
    /// Events that go nowhere, and why.
    pub ignored: Vec<(SmolStr, SmolStr, SmolStr)>,
    pub order_by: Vec<Reader>,
    /// What its settings read of each message, by their numbers.
    pub reads: Vec<Reader>,
}

/// A kind of message that a feed accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptFacts {
    /// `ADT_A01`; none of FHIR.
    pub structures: Vec<SmolStr>,
    /// The type of resource of FHIR that it is: `Patient`, or `Resource` for all.
    pub resource: Option<SmolStr>,
    /// Of all types of resources: those that are accepted by other lines.
    pub except: Vec<SmolStr>,
    /// Code and event; each message of the structures where there are none.
    pub events: Vec<(SmolStr, SmolStr)>,
    pub filter: Option<Function>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TargetFacts {
    pub key: SmolStr,
    pub connector: SmolStr,
    pub settings: Map<String, Value>,
    /// What its settings read of each message, by their numbers.
    pub reads: Vec<Reader>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RouteFacts {
    pub key: SmolStr,
    /// Keys of feeds.
    pub from: Vec<SmolStr>,
    /// Keys of maps, each of which takes what the one before gives.
    pub through: Vec<SmolStr>,
    /// Keys of targets.
    pub to: Vec<SmolStr>,
    pub filter: Option<Reader>,
    pub settings: Map<String, Value>,
    /// What its settings read of each message, by their numbers.
    pub reads: Vec<Reader>,
}

/// Nothing for a feed that is there to be shared.
pub fn feed(feed: &Feed, module: &str, world: &dyn World, environment: &Environment) -> Option<FeedFacts> {
    let key = resolve::key(module, &feed.name.text);
    let whole = feed::whole(feed, &key, world, &mut Vec::new());
    let connector = whole.connector.as_ref().filter(|_| !whole.accepted.is_empty())?;
    let own = world.connectors().of(connector, Part::Feed).ok()?;
    let told: Vec<&Told> = own.iter().chain(world.connectors().every(Part::Feed)).collect();
    let all: Vec<_> = whole.settings.iter().map(|(given, _)| given.clone()).collect();
    let mut values = Values::new(world, environment);
    let settings = values.object(&all, &told);
    let read = std::mem::take(&mut values.reads);
    let order = all
        .iter()
        .filter(|given| given.name.text == ORDER_BY)
        .flat_map(|given| given.values.iter().flat_map(given::items));
    let accepted: Vec<&Accepted> = whole.accepted.iter().collect();
    let order_by = order.map(|value| texts(value, &accepted, world)).collect();
    let reads = read.iter().map(|read| texts(read, &accepted, world)).collect();
    let accepts = whole.accepted.iter().map(|accepted| of_accepted(accepted, world)).collect();
    Some(FeedFacts {
        connector: connector.text.clone(),
        settings,
        accepts,
        ignored: ignored(&whole),
        order_by,
        reads,
        key,
    })
}

/// The setting whose values are read of each message, one by one.
const ORDER_BY: &str = "order_by";

fn ignored(whole: &Whole) -> Vec<(SmolStr, SmolStr, SmolStr)> {
    whole.ignored.iter().map(|it| (it.event.code.clone(), it.event.event.clone(), it.because.clone())).collect()
}

fn of_accepted(accepted: &Accepted, world: &dyn World) -> AcceptFacts {
    let event = |it: &Event| (it.code.clone(), it.event.clone());
    AcceptFacts {
        structures: accepted.structures.clone(),
        resource: accepted.base(world),
        except: accepted.except.clone(),
        events: accepted.events.iter().map(event).collect(),
        filter: accepted.holds.clone(),
    }
}

pub fn target(sink: &Sink, module: &str, world: &dyn World, environment: &Environment) -> Option<TargetFacts> {
    let endpoint = sink.to.as_ref()?;
    let own = world.connectors().of(&endpoint.connector, Part::Target).ok()?;
    let told: Vec<&Told> = own.iter().chain(world.connectors().every(Part::Target)).collect();
    let given = given::of_endpoint(endpoint, own, &mut Vec::new(), |_| false);
    let key = resolve::key(module, &sink.name.text);
    let mut values = Values::new(world, environment);
    let settings = values.object(&given, &told);
    let messages = super::target::delivered(&key, world);
    let messages: Vec<&Accepted> = messages.iter().collect();
    let reads = values.reads.iter().map(|read| texts(read, &messages, world)).collect();
    Some(TargetFacts { key, connector: endpoint.connector.text.clone(), settings, reads })
}

pub fn route(route: &Route, module: &str, world: &dyn World, environment: &Environment) -> RouteFacts {
    let feeds: Vec<Whole> = route.from.iter().filter_map(|name| feed::by_name(name, world).ok()).collect();
    let accepted: Vec<Accepted> = feeds.iter().flat_map(|feed| super::route::taken(feed, route, world)).collect();
    let accepted: Vec<&Accepted> = accepted.iter().collect();
    let told: Vec<&Told> = world.connectors().every(Part::Route).iter().collect();
    let given = route.settings.as_ref().map(|block| given::of_block(block, &mut Vec::new(), |_| false));
    let mut values = Values::new(world, environment);
    let settings = values.object(&given.unwrap_or_default(), &told);
    let keys = |names: &[Word], kind| names.iter().filter_map(|name| key(name, kind, world)).collect();
    RouteFacts {
        key: resolve::key(module, &route.name.text),
        from: keys(&route.from, DeclaredKind::Feed),
        through: keys(&route.through, DeclaredKind::Map),
        to: keys(&route.to, DeclaredKind::Target),
        filter: route
            .filter
            .as_ref()
            .map(|filter| accepted.iter().map(|it| reading::condition(filter, it, world)).collect()),
        settings,
        reads: values.reads.iter().map(|read| texts(read, &accepted, world)).collect(),
    }
}

fn key(name: &Word, kind: DeclaredKind, world: &dyn World) -> Option<SmolStr> {
    named(name, kind, world).ok().map(|(export, _)| export.key)
}

fn texts(value: &Expr, accepted: &[&Accepted], world: &dyn World) -> Reader {
    accepted.iter().map(|accepted| reading::texts(std::slice::from_ref(value), accepted, world)).collect()
}
