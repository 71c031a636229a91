//! The maps of a project, ready to take messages. Knows no files and prints nothing.

mod hold;
mod known;
pub mod pool;
mod ready;
mod reply;
mod told;

use std::path::Path;
use std::sync::Arc;

use emr_abi::artifact::Map;
use emr_compiler::check::typed::Function;
use emr_compiler::db;
use emr_compiler::diagnostic::a;
use emr_compiler::json::Json;
use emr_compiler::plan::{self, MADE, interpret};
use emr_compiler::select::MessageType;
use emr_compiler::standard::Standards;
use emr_compiler::validate;
use emr_message::{Charset, Message, Receipt, Secrets, Unreadable, Zone, batch};
use emr_native::artifact;
use emr_runtime::connector::tls;
use emr_runtime::host::{Artifact, Machine, Symbol, Unusable};
use smol_str::SmolStr;

use crate::end::End;
use crate::secrets::Vault;
use crate::world::World;
pub use hold::holders;
use known::Known;
pub use ready::Ready;
pub use reply::Replying;
pub use told::Told;
use told::{shown, worth_telling};

/// Which engine runs the maps; the results do not depend on it.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The interpreter for a few messages, machine code for many
    Auto,
    /// Machine code
    Native,
    /// What machine code is held against, without any
    Interpreter,
}

/// What a run needs to know besides the message.
#[derive(Clone)]
pub struct Settings {
    run: interpret::Settings,
    message: emr_message::Settings,
    /// Where what a map is made with is looked up.
    known: tls::Secrets,
}

impl Settings {
    pub fn new(zone: Option<&str>, charset: Option<&str>) -> Result<Settings, End> {
        let zone = zone.map(|name| Zone::named(name).map_err(|_| unknown_zone(name))).transpose()?;
        let charset = charset.map(|name| Charset::named(name).map_err(|_| unknown_charset(name))).transpose()?;
        Ok(Settings {
            run: interpret::Settings { zone, ..Default::default() },
            message: emr_message::Settings { charset },
            known: Vault::default().secrets(),
        })
    }

    /// The same in another zone.
    ///
    /// # Errors
    /// There is no zone of that name.
    pub fn in_zone(&self, name: &str) -> Result<Settings, End> {
        let zone = Some(Zone::named(name).map_err(|_| unknown_zone(name))?);
        Ok(Settings { run: interpret::Settings { zone, ..self.run.clone() }, ..self.clone() })
    }

    /// The same, with secrets from there.
    pub fn trusting(self, known: tls::Secrets) -> Settings {
        Settings { known, ..self }
    }

    /// `charset` goes before that of `emr.toml`.
    pub fn of(world: &World, charset: Option<&str>) -> Result<Settings, End> {
        let said = said(world);
        let settings = Settings::new(said.zone.as_deref(), charset.or(said.charset.as_deref()))?;
        Ok(settings.trusting(Arc::clone(&world.secrets)))
    }
}

/// What `emr.toml` says of runs, or the call in its place.
pub fn said(world: &World) -> artifact::Settings {
    let manifest = &world.outside.manifest;
    let value = |setting: &Option<emr_project::Setting>| setting.as_ref().map(|it| it.value.clone());
    artifact::Settings { zone: value(&manifest.timezone), charset: value(&manifest.charset) }
}

impl Settings {
    pub fn runs(&self) -> &interpret::Settings {
        &self.run
    }

    /// The same for tests, which need no secret.
    pub fn of_tests(mut self) -> Settings {
        self.run.secrets = Secrets::of_tests();
        self
    }

    /// The same for a message with that receipt.
    pub fn received(&self, receipt: &Receipt) -> Settings {
        let run = interpret::Settings { receipt: receipt.clone(), ..self.run.clone() };
        Settings { run, ..self.clone() }
    }

    pub fn read(&self, bytes: &[u8]) -> Result<Message, String> {
        Message::read(bytes, &self.message).map_err(unreadable)
    }

    /// Why bytes are no message, without what a person here can do about it: for whoever sent them.
    pub fn fault(&self, bytes: &[u8]) -> Option<Unreadable> {
        Message::read(bytes, &self.message).err()
    }

    /// See [`Message::read_header`].
    pub fn read_header(&self, bytes: &[u8]) -> Result<Message, String> {
        Message::read_header(bytes, &self.message).map_err(unreadable)
    }
}

/// Why bytes are no message, and what a person can do about it.
fn unreadable(why: Unreadable) -> String {
    match why {
        Unreadable::BadCharset { .. } => {
            format!("{why}; where MSH-18 is empty, `--charset` or `charset` in `emr.toml` says which one it is")
        }
        why => why.to_string(),
    }
}

fn unknown_zone(name: &str) -> End {
    End::Call(format!("there is no timezone `{name}`: zones are named by area and city, such as `Europe/Zurich`"))
}

pub fn unknown_charset(name: &str) -> End {
    End::Call(format!(
        "there is no charset `{name}`: it may be `UTF-8`, `ASCII`, `ISO-8859-1` to `ISO-8859-16`, `GB18030`"
    ))
}

pub struct Engine {
    kind: Kind,
    maps: Vec<Ready>,
    /// What holds what they make to profiles.
    holders: Vec<Ready>,
    standards: Standards,
    settings: Settings,
    /// The map was named in the call: it takes what comes.
    named: bool,
    /// The map that takes what this one gives: the name behind `then`.
    next: Option<Box<Engine>>,
}

/// Runs the maps for one message after another.
pub struct Worker<'e> {
    engine: &'e Engine,
    kept: Kept,
}

/// A map with its number.
type Numbered<'m> = (usize, &'m Ready);

/// What a thread keeps from message to message: of one engine, and of no other.
#[derive(Default)]
pub struct Kept {
    /// One for each map that had a message.
    machines: Vec<Option<Machine>>,
    /// The same of what holds what is made.
    holding: Vec<Option<Machine>>,
    known: Known,
    next: Option<Box<Kept>>,
}

/// What a map writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Json,
    /// A message of HL7 v2.
    Message,
}

/// Between the JSON of one message and that of the next, where several were made of one: newline-delimited JSON.
const BETWEEN: u8 = b'\n';

impl Form {
    /// What was made, one by one: several messages stand one after the other, of JSON each in a line.
    pub fn parts(self, mut made: Vec<u8>) -> Vec<Vec<u8>> {
        match self {
            // Most maps make one.
            Form::Message => match batch::only(&made) {
                Some(length) => {
                    made.truncate(length);
                    vec![made]
                }
                None => batch::messages(&made).collect(),
            },
            Form::Json if made.contains(&BETWEEN) => made.split(|byte| *byte == BETWEEN).map(<[u8]>::to_vec).collect(),
            Form::Json => vec![made],
        }
    }
}

/// What came of a message besides what was written.
pub struct Outcome {
    pub form: Form,
    /// Why nothing was written.
    pub rejected: Option<Told>,
    pub issues: Vec<Told>,
    /// The tables, of those that alarms watch, that lack what the message looks up in them.
    pub misses: Vec<SmolStr>,
}

/// Why no map could be run.
pub enum Why {
    /// The message cannot be read, or nobody takes it.
    Message(String),
    /// Another call would help.
    Call(String),
}

/// Why there is no message in these bytes.
pub fn no_message(bytes: &[u8]) -> String {
    match Message::read(bytes, &emr_message::Settings::default()) {
        Err(why) => why.to_string(),
        Ok(_) => "there is no message in it".to_owned(),
    }
}

/// What a map takes that takes any resource.
pub const ANY_RESOURCE: &str = "Resource";

/// Whether the bytes are to be read as JSON: no message begins so.
pub fn is_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// The maps of a sound project that take messages.
pub fn takers(world: &World) -> Vec<Ready> {
    let shared = world.shared();
    functions(world).filter_map(|it| Ready::new(world, &shared, it)).collect()
}

fn functions(world: &World) -> impl Iterator<Item = &Function> {
    let all = world.outside.modules.iter().zip(&world.files).filter(|(module, _)| !module.of_dependency);
    all.flat_map(|(_, &file)| db::maps(&world.db, world.inside, file))
}

/// `a then b`: the map of the first name, with those behind it as the ones that come next.
fn chain(named: Option<&str>, make: &dyn Fn(Option<&str>) -> Result<Engine, End>) -> Result<Engine, End> {
    let words: Vec<&str> = named.into_iter().flat_map(str::split_whitespace).collect();
    if words.len() < 3 {
        return make(named);
    }
    let mut names: Vec<String> = words.split(|word| *word == "then").map(|name| name.join(" ")).collect();
    let last = names.pop().unwrap_or_default();
    names.iter().rev().try_fold(make(Some(&last))?, |next, name| {
        let engine = make(Some(name))?;
        Ok(Engine { next: Some(Box::new(next)), ..engine })
    })
}

impl Engine {
    /// The maps of a sound project that take a message; the one of that name, if there is a name. What `a` of `a then b`
    /// makes goes through `b`.
    pub fn new(world: &World, named: Option<&str>, settings: Settings, kind: Kind) -> Result<Engine, End> {
        chain(named, &|named| Engine::one(world, named, settings.clone(), kind))
    }

    /// Makes what its maps need, so that no message waits for it.
    pub fn warm(&self) {
        self.maps.iter().chain(&self.holders).for_each(Ready::warm);
        self.next.iter().for_each(|next| next.warm());
    }

    /// Looks the secrets up that its maps are made with, so that no message is the first to miss one.
    ///
    /// # Errors
    /// One of them is not to be had.
    pub fn trust(&self) -> Result<(), String> {
        self.maps.iter().try_for_each(|map| map.given(&self.settings).map(drop))?;
        self.next.iter().try_for_each(|next| next.trust())
    }

    fn one(world: &World, named: Option<&str>, settings: Settings, kind: Kind) -> Result<Engine, End> {
        let standards = db::standards(&world.db, world.inside).clone();
        let found: Vec<_> = functions(world).filter(|it| named.is_none_or(|name| is_named(&it.key, name))).collect();
        if let Some(name) = named {
            let takes = |it: &&Function| !db::takes(&world.db, world.inside, it).is_empty();
            match found.as_slice() {
                [] => return Err(no_map(name, functions(world).filter(takes).map(|it| it.key.as_str()))),
                [one] if !takes(one) => {
                    return Err(End::Call(format!("the map `{name}` takes parts of a message, not a message")));
                }
                [_] => {}
                several => return Err(several_maps(name, several.iter().map(|it| it.key.as_str()))),
            }
        }
        let shared = world.shared();
        let maps: Vec<_> = found.into_iter().filter_map(|it| Ready::new(world, &shared, it)).collect();
        if maps.is_empty() {
            return Err(End::takes_nothing());
        }
        let holders = holders(&maps, &shared);
        Ok(Engine { kind, maps, holders, standards, settings, named: named.is_some(), next: None })
    }

    /// The maps of an artifact; the one of that name, if there is a name. Zone and charset go before those that it was
    /// built with.
    pub fn stored(
        path: &Path,
        named: Option<&str>,
        (zone, charset): (Option<&str>, Option<&str>),
        known: tls::Secrets,
        kind: Kind,
    ) -> Result<Engine, End> {
        let artifact = artifact(path)?;
        let index = artifact.index();
        let settings =
            Settings::new(zone.or(index.zone.as_deref()), charset.or(index.charset.as_deref()))?.trusting(known);
        chain(named, &|named| Engine::of_artifact(&artifact, named, settings.clone(), kind))
    }

    fn of_artifact(
        artifact: &Arc<Artifact>,
        named: Option<&str>,
        settings: Settings,
        kind: Kind,
    ) -> Result<Engine, End> {
        let (holders, all): (Vec<_>, Vec<_>) = artifact.index().maps.iter().partition(|map| map.name.starts_with(MADE));
        let ready = |map: &&Map| Ready::stored(artifact, map);
        let wanted = all.iter().filter(|map| named.is_none_or(|name| is_named(&map.name, name)));
        let maps: Vec<_> = wanted.map(ready).collect();
        match (named, maps.as_slice()) {
            (Some(name), []) => Err(no_map(name, all.iter().map(|map| map.name.as_str()))),
            (Some(name), [_, _, ..]) => Err(several_maps(name, maps.iter().map(|map| map.name.as_str()))),
            _ => Ok(Engine {
                kind,
                maps,
                holders: holders.iter().map(ready).collect(),
                standards: Standards::embedded(),
                settings,
                named: named.is_some(),
                next: None,
            }),
        }
    }

    /// That there is one map for a message, where what it reads is what is asked for.
    pub fn alone_in(self, command: &str) -> Result<Engine, End> {
        match self.next {
            None => Ok(self),
            Some(_) => Err(End::Call(format!("`emr {command}` takes one map, not several that follow one another"))),
        }
    }

    /// The key of the map, where there is one alone.
    pub fn only_map(&self) -> Option<&str> {
        match self.maps.as_slice() {
            [only] => Some(&only.name),
            _ => None,
        }
    }

    /// What takes what this one's maps make.
    pub fn next(&self) -> Option<&Engine> {
        self.next.as_deref()
    }

    pub fn worker(&self) -> Worker<'_> {
        Worker { engine: self, kept: Kept::default() }
    }

    /// Which rule each address of machine code comes of: code is made for all maps, if there is none yet.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> {
        let maps = self.maps.iter().chain(&self.holders).filter(|_| self.kind != Kind::Interpreter);
        maps.flat_map(Ready::symbols)
    }

    fn read(&self, bytes: &[u8]) -> Result<Message, Why> {
        read_bytes(&self.settings, bytes)
    }

    /// What a map of this engine is run with, by its key.
    pub fn runs(&self, map: &str) -> Result<interpret::Settings, Why> {
        let ready = self.maps.iter().find(|it| it.name == map);
        let secrets = ready.map(|ready| ready.given(&self.settings)).transpose().map_err(Why::Call)?;
        Ok(interpret::Settings { secrets: secrets.cloned().unwrap_or_default(), ..self.settings.run.clone() })
    }

    /// The key of the map that takes a message, and the message as it reads it.
    pub fn chosen(&self, bytes: &[u8]) -> Result<(&str, Message), Why> {
        let message = self.read(bytes)?;
        let number = self.choose(&message)?;
        Ok((self.maps.get(number).map(|map| map.name.as_str()).unwrap_or_default(), message))
    }

    /// The number of the map that takes a message.
    fn choose(&self, message: &Message) -> Result<usize, Why> {
        let said = MessageType::of(message);
        let structure = said.structure(&self.standards);
        let takes = |map: &Ready| map.takes.iter().any(|it| *it == structure);
        Ok(self.only(takes, &shown(&said, &structure))?.0)
    }

    /// The one map that takes what came, with its number.
    fn only(&self, takes: impl Fn(&Ready) -> bool, what: &str) -> Result<Numbered<'_>, Why> {
        let fitting: Vec<_> = self.maps.iter().enumerate().filter(|(_, map)| takes(map)).collect();
        match fitting.as_slice() {
            [one] => Ok(*one),
            [] => {
                let (known, nobody) = (self.known(), if self.named { "the map does not take" } else { "no map takes" });
                Err(Why::Message(format!("{nobody} {what}{known}")))
            }
            several => {
                let names: Vec<_> = several.iter().map(|(_, map)| format!("`{}`", map.name)).collect();
                let names = names.join(", ");
                Err(Why::Call(format!("several maps take {what}: {names}; choose one with `--map`")))
            }
        }
    }

    /// A resource of FHIR through the map that takes it. What of it is no R4 is an issue, and a value that cannot be one
    /// is not there for the map.
    fn resource(
        &self,
        settings: &Settings,
        kept: &mut Kept,
        (bytes, receipt): (&[u8], &Receipt),
        json: &mut Vec<u8>,
    ) -> Result<Outcome, Why> {
        let ((number, map), resource, problems) = self.chosen_resource(bytes)?;
        map.given(settings).map_err(Why::Call)?;
        let start = json.len();
        let machine = self.machine(settings, (&mut kept.machines, number), map, bytes.len(), receipt);
        let compiled = machine.and_then(|machine| map.compiled(machine.run_resource(&resource.to_string()), json));
        let mut outcome = match compiled {
            Some(compiled) => compiled.map_err(|why| Why::Message(why.to_string()))?,
            None => map.of_resource(&resource, (settings, receipt), json).unwrap_or_else(Outcome::fault),
        };
        outcome.issues.splice(0..0, problems.into_iter().map(Told::of_resource));
        self.hold(settings, kept, map, (json.get(start..), receipt), &mut outcome);
        Ok(outcome)
    }

    /// The map that takes a resource, with its number, the resource as it reads it, and what of that is no R4.
    pub fn chosen_resource(&self, bytes: &[u8]) -> Result<(Numbered<'_>, Json, Vec<validate::Problem>), Why> {
        let (resource, problems) = validate::sound(bytes, &self.standards.fhir).map_err(|problem| {
            let place = if problem.path == "$" { String::new() } else { format!("{}: ", problem.path) };
            Why::Message(format!("{place}{}", problem.message))
        })?;
        let name = resource.resource_type().unwrap_or_default();
        let takes = |map: &Ready| map.takes_resource() && map.takes.iter().any(|it| it == name || it == ANY_RESOURCE);
        let map = self.only(takes, &a(name))?;
        Ok((map, resource, problems))
    }

    fn known(&self) -> String {
        let known: Vec<_> =
            self.maps.iter().map(|map| format!("`{}` takes {}", short(&map.name), map.takes.join(" and "))).collect();
        format!("; {}", known.join(", "))
    }
}

impl Worker<'_> {
    /// Sends one message through the map that takes it, as the receipt of tests has it.
    pub fn run(&mut self, bytes: &[u8], json: &mut Vec<u8>) -> Result<Outcome, Why> {
        self.received(bytes, &Receipt::default(), json)
    }

    /// Sends one message through the map that takes it. What that writes goes to the end of `json`, unless it is rejected.
    pub fn received(&mut self, bytes: &[u8], receipt: &Receipt, json: &mut Vec<u8>) -> Result<Outcome, Why> {
        self.engine.received(&self.engine.settings, &mut self.kept, (bytes, receipt), json)
    }

    /// Without the maps that come next.
    pub fn alone(&mut self, bytes: &[u8], receipt: &Receipt, json: &mut Vec<u8>) -> Result<Outcome, Why> {
        self.engine.alone(&self.engine.settings, &mut self.kept, (bytes, receipt), json)
    }
}

impl Engine {
    /// Sends one message through the map that takes it, by what was kept of those before. What that writes goes to the end
    /// of `json`, unless it is rejected. What was kept is of messages that were read by these settings.
    pub fn received(
        &self,
        settings: &Settings,
        kept: &mut Kept,
        (bytes, receipt): (&[u8], &Receipt),
        json: &mut Vec<u8>,
    ) -> Result<Outcome, Why> {
        let Some(next) = &self.next else { return self.alone(settings, kept, (bytes, receipt), json) };
        let mut made = Vec::new();
        let mut outcome = self.alone(settings, kept, (bytes, receipt), &mut made)?;
        if outcome.rejected.is_some() {
            return Ok(outcome);
        }
        let kept = kept.next.get_or_insert_default();
        let parts = outcome.form.parts(made);
        let (start, said) = (json.len(), outcome.issues.len());
        for part in parts {
            if json.len() > start && outcome.form == Form::Json {
                json.push(BETWEEN);
            }
            let later = next.received(settings, kept, (&part, receipt), json);
            if later.as_ref().map_or(true, |later| later.rejected.is_some()) {
                // Of one message all is made or nothing.
                json.truncate(start);
            }
            let later = later?;
            let before = outcome.issues.get(..said).unwrap_or_default();
            let new: Vec<Told> = later.issues.into_iter().filter(|told| !hold::is_said(told, before)).collect();
            outcome.issues.extend(new);
            outcome.misses.extend(later.misses);
            (outcome.form, outcome.rejected) = (later.form, later.rejected);
            if outcome.rejected.is_some() {
                break;
            }
        }
        Ok(outcome)
    }

    fn alone(
        &self,
        settings: &Settings,
        kept: &mut Kept,
        (bytes, receipt): (&[u8], &Receipt),
        json: &mut Vec<u8>,
    ) -> Result<Outcome, Why> {
        if is_json(bytes) {
            return self.resource(settings, kept, (bytes, receipt), json);
        }
        // Machine code reads the bytes itself; only where something is out of the ordinary they are read here too.
        let mut message = None;
        let number = match kept.known.map(bytes) {
            Some(number) => number,
            None => {
                let number = self.choose(message.insert(read_bytes(settings, bytes)?))?;
                kept.known.note(bytes, number);
                number
            }
        };
        let Some(map) = self.maps.get(number) else { return Err(Why::Message(String::new())) };
        map.given(settings).map_err(Why::Call)?;
        let start = json.len();
        let machine = self.machine(settings, (&mut kept.machines, number), map, bytes.len(), receipt);
        let compiled = machine.and_then(|machine| {
            let outcome = map.compiled(machine.run(bytes), json)?;
            Some((outcome, machine.took_ordinary()))
        });
        let (mut outcome, is_ordinary) = match compiled {
            Some((outcome, is_ordinary)) => (outcome.map_err(|why| Why::Message(unreadable(why)))?, is_ordinary),
            None => (map.interpreted(read(settings, &mut message, bytes)?, (settings, receipt), json), false),
        };
        if !is_ordinary {
            let notes = read(settings, &mut message, bytes)?.notes().filter(|note| worth_telling(note.odd));
            outcome.issues.extend(notes.map(|it| Told::engine(it.odd.text(), Some(it.place))));
        }
        self.hold(settings, kept, map, (json.get(start..), receipt), &mut outcome);
        Ok(outcome)
    }

    /// What runs machine code of a map for a message of so many bytes with that receipt.
    fn machine<'k>(
        &self,
        settings: &Settings,
        (machines, number): (&'k mut Vec<Option<Machine>>, usize),
        map: &Ready,
        bytes: usize,
        receipt: &Receipt,
    ) -> Option<&'k mut Machine> {
        if machines.len() <= number {
            machines.resize_with(number + 1, || None);
        }
        let machine = machines.get_mut(number)?;
        if machine.is_none() {
            *machine = map.machine(self.kind, bytes, settings);
        }
        let machine = machine.as_mut()?;
        machine.receive(receipt.clone());
        Some(machine)
    }
}

fn read_bytes(settings: &Settings, bytes: &[u8]) -> Result<Message, Why> {
    settings.read(bytes).map_err(Why::Message)
}

/// The message, read if it was not yet.
fn read<'m>(settings: &Settings, message: &'m mut Option<Message>, bytes: &[u8]) -> Result<&'m Message, Why> {
    match message {
        Some(message) => Ok(message),
        None => Ok(message.insert(read_bytes(settings, bytes)?)),
    }
}

/// What `emr build` wrote, if this build of emr can run it on this machine.
pub fn artifact(path: &Path) -> Result<Arc<Artifact>, End> {
    let artifact = Artifact::open(path).map_err(|why| unusable(path, &why))?;
    if artifact.index().plans != plan::FORM {
        return Err(unusable(path, &Unusable::Version));
    }
    Ok(Arc::new(artifact))
}

fn unusable(path: &Path, why: &Unusable) -> End {
    let text = format!("`{}` {why}", path.display());
    match why {
        Unusable::World(why) if why.kind() == std::io::ErrorKind::NotFound => {
            End::Call(format!("there is no file `{}`", path.display()))
        }
        Unusable::World(_) => End::World(text),
        _ => End::Call(text),
    }
}

fn no_map<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> End {
    End::Call(format!("there is no map `{name}`{}", listed("; these take a message", known)))
}

fn several_maps<'a>(name: &str, maps: impl Iterator<Item = &'a str>) -> End {
    End::Call(format!("there are several maps `{name}`{}", listed("", maps)))
}

/// Whether a map goes by that name: its key or the last word of it.
pub fn is_named(key: &str, name: &str) -> bool {
    key == name || short(key) == name
}

/// `admission` of `hospital.adt.admission`.
fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn listed<'a>(lead: &str, maps: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = maps.map(|key| format!("`{key}`")).collect();
    if names.is_empty() { String::new() } else { format!("{lead}: {}", names.join(", ")) }
}
