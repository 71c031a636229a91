//! A compiled project as the runtime runs it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use emr_compiler::check::wiring::run::AcceptFacts;
use emr_compiler::db::{self, Wired};
use emr_compiler::files::Content;
use emr_compiler::standard::Standards;
use emr_message::answer::{At, Code, Problem, Wrong};
use emr_message::{Place, Receipt, State, batch};
use emr_runtime::flow::issues::Issues;
use emr_runtime::flow::program::{Form, Made, Mapped, Program, Rejected, Sorted};
use serde_json::Value;
use smol_str::SmolStr;

use super::alike::Alike;
use super::came::{self, Came, Reading};
use super::manner::Manner;
use crate::end::End;
use crate::engine::pool::Pool;
use crate::engine::{self, Engine, Kept, Kind, Outcome, Replying, Settings, Told, Why};
use crate::world::World;

/// The maps of a project, what its feeds accept, and what its settings read.
pub struct Compiled {
    standards: Standards,
    feeds: Vec<Accepting>,
    routes: Vec<Route>,
    readings: Vec<Reading>,
    hash: u64,
}

struct Accepting {
    manner: Manner,
    alike: Alike,
    accepts: Vec<(AcceptFacts, Option<Reading>)>,
    ignored: Vec<(SmolStr, SmolStr, SmolStr)>,
}

struct Route {
    /// Numbers of feeds.
    from: Vec<usize>,
    filter: Option<Reading>,
    /// For each feed that it reads; nothing where it passes the same bytes.
    maps: HashMap<usize, Maps>,
    passes: bool,
    /// The map of what senders get of what the target says.
    reply: Option<Replying>,
}

/// Maps, and what each thread that runs them keeps from message to message, by the zones that messages bring.
struct Maps {
    engine: Engine,
    kept: Pool<Kept>,
}

impl Compiled {
    /// # Errors
    /// A zone or charset of a feed is none.
    pub fn new(world: &World, wired: &Wired) -> Result<Compiled, End> {
        let said = engine::said(world);
        let of_project = (said.zone.as_deref(), said.charset.as_deref());
        let manners = wired.feeds.iter().map(|feed| Manner::new(world, feed, of_project));
        let manners: Vec<Manner> = manners.collect::<Result<_, _>>()?;
        let settings: Vec<Settings> = manners.iter().map(|manner| manner.plain().clone()).collect();
        let plain = Settings::of(world, None)?;
        let filtered = |facts: &AcceptFacts| Reading::of(world, facts.filter.as_ref().map(std::slice::from_ref));
        let feeds = wired.feeds.iter().zip(manners).map(|(feed, manner)| Accepting {
            manner,
            alike: Alike::default(),
            accepts: feed.accepts.iter().map(|facts| (facts.clone(), filtered(facts))).collect(),
            ignored: feed.ignored.clone(),
        });
        let routes = wired.routes.iter().map(|route| {
            let from: Vec<usize> =
                route.from.iter().filter_map(|key| wired.feeds.iter().position(|feed| feed.key == *key)).collect();
            let named = route.through.join(" then ");
            let maps = from.iter().filter(|_| !route.through.is_empty()).map(|feed| {
                let settings = settings.get(*feed).unwrap_or(&plain).clone();
                Ok((*feed, Maps::new(Engine::new(world, Some(&named), settings, Kind::Native)?)))
            });
            let filter = Reading::of(world, route.filter.as_deref());
            let reply = route
                .settings
                .get("reply")
                .and_then(Value::as_str)
                .and_then(|key| Replying::new(world, key, Kind::Native));
            Ok(Route { filter, maps: maps.collect::<Result<_, End>>()?, passes: route.through.is_empty(), from, reply })
        });
        let of_feeds = wired.feeds.iter().flat_map(|feed| &feed.order_by);
        let of_targets = wired.targets.iter().flat_map(|target| &target.reads);
        let of_routes = wired.routes.iter().flat_map(|route| &route.reads);
        let of_tables = wired.tables.iter().flat_map(|table| &table.columns).filter_map(|column| column.read.as_ref());
        let readings =
            of_feeds.chain(of_targets).chain(of_routes).chain(of_tables).map(|reader| Reading::new(world, reader));
        Ok(Compiled {
            standards: db::standards(&world.db, world.inside).clone(),
            feeds: feeds.collect(),
            routes: routes.collect::<Result<_, End>>()?,
            readings: readings.collect(),
            hash: hash(world),
        })
    }

    /// Makes what its maps need: a message that waits for machine code is one of which the process seems to die if it is
    /// ended meanwhile.
    pub fn warm(&self) {
        for Route { maps, reply, .. } in &self.routes {
            maps.values().for_each(|maps| maps.engine.warm());
            reply.iter().for_each(Replying::warm);
        }
    }

    /// Looks the secrets up that its maps are made with. Gives the routes, by their numbers, whose maps cannot run for want of
    /// one.
    pub fn lacking(&self) -> Vec<(usize, String)> {
        let lacks = |Route { from, maps, reply, .. }: &Route| {
            let maps = maps.values().try_for_each(|maps| maps.engine.trust());
            let plain = from.first().and_then(|feed| self.feeds.get(*feed)).map(|feed| feed.manner.plain());
            maps.and_then(|()| reply.iter().zip(plain).try_for_each(|(reply, plain)| reply.trust(plain))).err()
        };
        self.routes.iter().enumerate().filter_map(|(number, route)| Some((number, lacks(route)?))).collect()
    }

    /// How a message of a feed is read. Nothing if it brings a zone that is none.
    pub fn reads(&self, feed: usize, bytes: &[u8], receipt: &Receipt) -> Option<Settings> {
        Some(self.manner(feed, bytes, receipt)?.0.into_owned())
    }

    /// The same, and the zone by which that is known.
    fn manner(&self, feed: usize, bytes: &[u8], receipt: &Receipt) -> Option<(Cow<'_, Settings>, String)> {
        self.feeds.get(feed)?.manner.of(bytes, receipt, &self.standards).ok()
    }

    /// The routes out of a feed, with their numbers.
    fn routes_of(&self, feed: usize) -> impl Iterator<Item = (usize, &Route)> {
        self.routes.iter().enumerate().filter(move |(_, route)| route.from.contains(&feed))
    }

    /// Where what came goes.
    fn sorted(&self, feed: usize, facts: &Accepting, came: &Came, settings: &Settings, receipt: &Receipt) -> Sorted {
        let mut known = facts.accepts.iter().filter(|(accept, _)| came.is_of_kind(accept)).peekable();
        if known.peek().is_none() {
            return Sorted::NotServed(Problem::new(Wrong::MessageType, came.place(9, 1)));
        }
        let mut known = known.filter(|(accept, _)| came.is_of_event(accept)).peekable();
        if known.peek().is_none() {
            return Sorted::NotServed(Problem::new(Wrong::EventCode, came.place(9, 2)));
        }
        if let Some(problem) = came.not_served() {
            return Sorted::NotServed(problem);
        }
        let holds = |filter: &Option<Reading>| filter.as_ref().is_none_or(|it| it.holds(came, settings, receipt));
        if !known.any(|(_, filter)| holds(filter)) {
            return Sorted::NotServed(Problem::new(Wrong::MessageType, None));
        }
        if let Some((_, _, because)) = facts.ignored.iter().find(|(code, event, _)| came.is_event(code, event)) {
            return Sorted::Ignored(because.as_str().into());
        }
        let routes = self.routes_of(feed).filter(|(_, route)| holds(&route.filter));
        Sorted::Routes(routes.map(|(number, _)| number).collect())
    }
}

/// What tells this program from others: the texts of all its modules, its settings and its files of rows.
fn hash(world: &World) -> u64 {
    let outside = &world.outside;
    let settings = outside.settings.iter().map(|it| it.text.as_bytes());
    let modules = outside.modules.iter().map(|module| module.source.text.as_bytes());
    let chosen = outside.environment.iter().map(|it| it.as_bytes());
    let rows = outside.data.iter().filter_map(|(_, content)| match content {
        Content::Text(text) => Some(text.as_bytes()),
        _ => None,
    });
    let parts = settings.chain(modules).chain(chosen).chain(rows);
    parts.fold(0, |hash, part| emr_abi::hash(part, hash))
}

impl Maps {
    fn new(engine: Engine) -> Maps {
        Maps { engine, kept: Pool::default() }
    }

    fn run(
        &self,
        (settings, zone): (&Settings, &str),
        message: &[u8],
        receipt: &Receipt,
    ) -> (Result<Outcome, Why>, Vec<u8>) {
        // Most of what is made is not longer.
        let mut made = Vec::with_capacity(message.len() + message.len() / 8);
        let mut kept = self.kept.take(zone).unwrap_or_default();
        let outcome = self.engine.received(settings, &mut kept, (message, receipt), &mut made);
        self.kept.put(zone, kept);
        (outcome, made)
    }
}

impl Program for Compiled {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn sort(&self, feed: usize, bytes: &[u8], receipt: &Receipt) -> Sorted {
        let Some(facts) = self.feeds.get(feed) else { return Sorted::Routes(Vec::new()) };
        let Ok((settings, _)) = facts.manner.of(bytes, receipt, &self.standards) else {
            return Sorted::Unreadable(Problem::new(Wrong::TableValueNotFound, None));
        };
        let mut filters =
            facts.accepts.iter().map(|(_, filter)| filter).chain(self.routes_of(feed).map(|it| &it.1.filter));
        let sort = |came: Option<&Came>| match came {
            Some(came) => self.sorted(feed, facts, came, &settings, receipt),
            None => Sorted::Unreadable(unreadable(bytes, &settings)),
        };
        if batch::is_several(bytes) {
            return Sorted::Unreadable(in_words(SEVERAL));
        }
        if filters.any(Option::is_some) {
            return sort(Came::read(bytes, &settings, &self.standards).as_ref());
        }
        // Most are sorted by their headers alone, and most of these like the one before.
        facts.alike.known(bytes).unwrap_or_else(|| {
            let came = Came::read_header(bytes, &settings, &self.standards);
            let sorted = sort(came.as_ref());
            facts.alike.note(bytes, came.as_ref(), &sorted);
            sorted
        })
    }

    fn map(&self, feed: usize, route: usize, message: &Bytes, receipt: &Receipt) -> Mapped {
        let Some(route) = self.routes.get(route) else { return Ok(Vec::new()).into() };
        if route.passes {
            let form = if engine::is_json(message) { Form::Json } else { Form::Message };
            return Ok(vec![Made { form, bytes: kept(message) }]).into();
        }
        let Some(maps) = route.maps.get(&feed) else { return Ok(Vec::new()).into() };
        let Some((settings, zone)) = self.manner(feed, message, receipt) else { return Err(no_zone()).into() };
        let (outcome, made) = maps.run((&settings, &zone), message, receipt);
        let Ok(Outcome { form, rejected: refused, issues, misses }) = outcome else {
            let at = if engine::is_json(message) { None } else { came::msh(9, 1) };
            let problem = Problem::new(Wrong::MessageType, at);
            return Err(Rejected { problem, ..no_map() }).into();
        };
        let result = match refused {
            Some(told) => {
                let is_missing = told.at.is_some_and(|place| is_missing(place, message, &settings));
                Err(rejected(told, is_missing))
            }
            None => {
                let parts = form.parts(made).into_iter();
                let form = of(form);
                Ok(parts.map(|bytes| Made { form, bytes: bytes.into() }).collect())
            }
        };
        Mapped { result, issues: Issues::of(issues.iter().map(|told| told.code.as_str())), misses: named(misses) }
    }

    fn reply(
        &self,
        feed: usize,
        route: usize,
        message: &Bytes,
        (answer, code): (&Made, Code),
        receipt: &Receipt,
    ) -> Mapped<Made> {
        let map = self.routes.get(route).and_then(|route| route.reply.as_ref());
        let Some(map) = map else { return Err(no_map()).into() };
        let Some((settings, zone)) = self.manner(feed, message, receipt) else { return Err(no_zone()).into() };
        let manner = format!("{feed} {zone}");
        let Ok((outcome, made)) = map.run((&settings, &manner), (message, &answer.bytes), code, receipt) else {
            return Err(no_map()).into();
        };
        let Outcome { form, rejected: refused, issues, misses } = outcome;
        let made = || Made { form: of(form), bytes: made.into() };
        let result = refused.map_or_else(|| Ok(made()), |told| Err(rejected(told, false)));
        Mapped { result, issues: Issues::of(issues.iter().map(|told| told.code.as_str())), misses: named(misses) }
    }

    fn read(&self, feed: usize, readings: &[usize], bytes: &[u8], receipt: &Receipt) -> Vec<Vec<String>> {
        let readings: Vec<_> = readings.iter().filter_map(|number| self.readings.get(*number)).collect();
        if readings.is_empty() {
            return Vec::new();
        }
        let settings = self.reads(feed, bytes, receipt);
        let came = settings.and_then(|settings| Some((Came::read(bytes, &settings, &self.standards)?, settings)));
        let Some((came, settings)) = came else { return vec![Vec::new(); readings.len()] };
        readings.iter().map(|reading| reading.values(&came, &settings, receipt)).collect()
    }
}

/// The same bytes. A short message is copied, for it may lie in the room of a long one.
fn kept(message: &Bytes) -> Bytes {
    const LONG: usize = 64 << 10;
    if message.len() < LONG { Bytes::copy_from_slice(message) } else { message.clone() }
}

fn of(form: engine::Form) -> Form {
    match form {
        engine::Form::Json => Form::Json,
        engine::Form::Message => Form::Message,
    }
}

fn named(tables: Vec<SmolStr>) -> Vec<Arc<str>> {
    tables.iter().map(|table| table.as_str().into()).collect()
}

const SEVERAL: &str = "it is a batch, or holds several messages: a feed with `unwrap: \"batch\"` takes them one by one";

/// Why bytes are no message.
fn unreadable(bytes: &[u8], settings: &Settings) -> Problem {
    match settings.fault(bytes) {
        Some(why) if !engine::is_json(bytes) => in_words(&why.to_string()),
        _ => Problem::new(Wrong::SegmentSequence, None),
    }
}

fn in_words(said: &str) -> Problem {
    Problem { said: Some(said.into()), ..Problem::new(Wrong::SegmentSequence, None) }
}

fn no_map() -> Rejected {
    let problem = Problem::new(Wrong::MessageType, None);
    Rejected { code: String::new(), text: "no map takes it".to_owned(), problem, is_fault: false }
}

/// A message brings a zone that is none: it was refused already, or its table has changed since.
fn no_zone() -> Rejected {
    let problem = Problem::new(Wrong::TableValueNotFound, None);
    Rejected { code: String::new(), text: "its `timezone` is none".to_owned(), problem, is_fault: false }
}

/// Whether nothing stands at a place of a message.
fn is_missing(place: Place, message: &[u8], settings: &Settings) -> bool {
    let Ok(message) = settings.read(message) else { return false };
    let mut piece = message.field(place.segment as usize, place.field);
    if place.repetition > 0 {
        piece = piece.repetition(place.repetition);
    }
    if place.component > 0 {
        piece = piece.component(place.component);
    }
    if place.subcomponent > 0 {
        piece = piece.subcomponent(place.subcomponent);
    }
    place.field > 0 && piece.state() == State::Absent
}

/// What a map refuses. Where its own rule does, and names a place at which nothing stands, that is what is wrong.
fn rejected(told: Told, is_missing: bool) -> Rejected {
    let wrong = match told.code.get(..3) {
        Some("R00") if is_missing => Wrong::RequiredFieldMissing,
        Some("R03") => Wrong::SegmentSequence,
        Some("R05") => Wrong::DataType,
        Some("R06") => Wrong::TableValueNotFound,
        _ => Wrong::Internal,
    };
    let at = told.at.map(|place| At {
        segment: place.name.as_str().as_bytes().try_into().unwrap_or(*b"   "),
        sequence: place.occurrence,
        field: place.field,
        repetition: place.repetition,
        component: place.component,
    });
    Rejected { is_fault: told.is_fault(), code: told.code, text: told.text, problem: Problem::new(wrong, at) }
}
