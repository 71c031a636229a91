//! The maps of a project, ready to take messages. Knows no files and prints nothing.

use std::sync::Arc;

use emr_compiler::check::typed::Function;
use emr_compiler::db;
use emr_compiler::plan::Plan;
use emr_compiler::plan::interpret::{self, Issue, Rejection};
use emr_compiler::select::{MessageType, takes};
use emr_compiler::standard::Standards;
use emr_message::{Charset, Message, Odd, Place, Zone};
use emr_project::Project;

use crate::end::End;
use crate::world::World;

/// What a run needs to know besides the message.
#[derive(Clone)]
pub struct Settings {
    run: interpret::Settings,
    message: emr_message::Settings,
}

impl Settings {
    /// `charset` goes before that of `emr.toml`.
    pub fn new(project: &Project, charset: Option<&str>) -> Result<Settings, End> {
        let zone =
            project.manifest.timezone.as_ref().map(|it| Zone::named(&it.value).map_err(|_| unknown_zone(&it.value)));
        let zone = zone.transpose()?;
        let charset = charset.or(project.manifest.charset.as_ref().map(|it| it.value.as_str()));
        let charset = charset.map(|name| Charset::named(name).map_err(|_| unknown_charset(name))).transpose()?;
        Ok(Settings { run: interpret::Settings { zone, fuel: None }, message: emr_message::Settings { charset } })
    }
}

fn unknown_zone(name: &str) -> End {
    End::Call(format!("there is no timezone `{name}`: zones are named by area and city, such as `Europe/Zurich`"))
}

fn unknown_charset(name: &str) -> End {
    End::Call(format!(
        "there is no charset `{name}`: it may be `UTF-8`, `ASCII`, `ISO-8859-1` to `ISO-8859-16`, `GB18030`"
    ))
}

pub struct Engine {
    maps: Vec<Ready>,
    standards: Standards,
    settings: Settings,
    /// The map was named in the call: it takes what comes.
    named: bool,
}

/// A map that takes messages of one structure.
struct Ready {
    name: String,
    takes: String,
    plan: Arc<Plan>,
    /// Where each rule of the plan stands: `patient.emr:12`.
    rules: Vec<String>,
}

/// Runs the maps for one message after another: what a thread keeps from message to message.
pub struct Worker<'e> {
    engine: &'e Engine,
}

/// What came of a message besides its JSON.
pub struct Outcome {
    /// Why there is no JSON.
    pub rejected: Option<Told>,
    pub issues: Vec<Told>,
}

/// A sentence about a message, and the places that it is about: in the message, and in the mapping.
pub struct Told {
    /// `R0501`; empty where no page explains it.
    pub code: &'static str,
    pub text: String,
    /// `OBX[3]-5`; empty where there is none.
    pub place: String,
    /// `lab.emr:12`; empty where the engine itself says it.
    pub rule: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.text)?;
        if self.rule.is_empty() { Ok(()) } else { write!(f, " ({})", self.rule) }
    }
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

impl Engine {
    /// The maps of a sound project that take a message; the one of that name, if there is a name.
    pub fn new(world: &World, named: Option<&str>, settings: Settings) -> Result<Engine, End> {
        let standards = db::standards(&world.db, world.inside).clone();
        let all = || world.files.iter().flat_map(|&file| db::maps(&world.db, world.inside, file));
        let wanted = |it: &&Function| named.is_none_or(|name| it.key == name || short(&it.key) == name);
        let found: Vec<_> = all().filter(wanted).collect();
        if let Some(name) = named {
            match found.as_slice() {
                [] => {
                    let known: Vec<_> = all().filter(|it| takes(it, &standards).is_some()).collect();
                    return Err(End::Call(format!(
                        "there is no map `{name}`{}",
                        listed("; these take a message", &known)
                    )));
                }
                [one] if takes(one, &standards).is_none() => {
                    return Err(End::Call(format!("the map `{name}` takes parts of a message, not a message")));
                }
                [_] => {}
                several => return Err(End::Call(format!("there are several maps `{name}`{}", listed("", several)))),
            }
        }
        let maps: Vec<_> = found.into_iter().filter_map(|it| Ready::new(world, it, &standards)).collect();
        if maps.is_empty() {
            let place = world.outside.root.display();
            return Err(End::Call(format!(
                "no map in `{place}` takes a message: one begins like `map admission(ADT_A01)`"
            )));
        }
        Ok(Engine { maps, standards, settings, named: named.is_some() })
    }

    pub fn worker(&self) -> Worker<'_> {
        Worker { engine: self }
    }

    fn choose(&self, message: &Message) -> Result<&Ready, Why> {
        let said = MessageType::of(message);
        let structure = said.structure(&self.standards);
        let fitting: Vec<_> = self.maps.iter().filter(|map| map.takes == structure.as_str()).collect();
        match fitting.as_slice() {
            [one] => Ok(one),
            [] => {
                let (known, what) = (self.known(), if self.named { "the map does not take" } else { "no map takes" });
                Err(Why::Message(format!("{what} {}{known}", shown(&said, &structure))))
            }
            several => {
                let names: Vec<_> = several.iter().map(|map| format!("`{}`", map.name)).collect();
                let names = names.join(", ");
                Err(Why::Call(format!(
                    "several maps take {}: {names}; choose one with `--map`",
                    shown(&said, &structure)
                )))
            }
        }
    }

    fn known(&self) -> String {
        let known: Vec<_> = self.maps.iter().map(|map| format!("`{}` takes {}", short(&map.name), map.takes)).collect();
        format!("; {}", known.join(", "))
    }
}

impl Worker<'_> {
    /// Sends one message through the map that takes it. Its JSON goes to the end of `json`, unless it is rejected.
    pub fn run(&mut self, bytes: &[u8], json: &mut Vec<u8>) -> Result<Outcome, Why> {
        let settings = &self.engine.settings;
        let message = Message::read(bytes, &settings.message).map_err(|why| Why::Message(why.to_string()))?;
        let mut outcome = self.engine.choose(&message)?.run(&message, settings, json);
        let notes = message.notes().filter(|note| worth_telling(note.odd));
        outcome.issues.extend(notes.map(|it| Told::engine(it.odd.text(), Some(it.place))));
        Ok(outcome)
    }
}

impl Ready {
    fn new(world: &World, function: &Function, standards: &Standards) -> Option<Ready> {
        let takes = takes(function, standards)?.to_string();
        let plan = db::plan(&world.db, world.inside, function.key.to_string()).clone()?;
        let rules = plan.rules.iter().map(|rule| world.place(&rule.function, rule.at.start)).collect();
        Some(Ready { name: function.key.to_string(), takes, plan, rules })
    }

    fn run(&self, message: &Message, settings: &Settings, json: &mut Vec<u8>) -> Outcome {
        let interpret::Outcome { result, issues, .. } = interpret::run(&self.plan, message, &settings.run);
        let rule = |id: Option<u32>| id.and_then(|id| self.rules.get(id as usize)).cloned().unwrap_or_default();
        let told = |code, text: &str, place, id| Told { code, rule: rule(id), ..Told::engine(text, place) };
        let rejected = match result {
            Ok(made) => {
                append(json, made);
                None
            }
            Err(Rejection { code, text, place, rule, .. }) => Some(told(code, &text, place, rule)),
        };
        Outcome {
            rejected,
            issues: issues
                .into_iter()
                .map(|Issue { code, text, place, rule }| told(code, &text, place, rule))
                .collect(),
        }
    }
}

impl Told {
    fn engine(text: &str, place: Option<Place>) -> Told {
        let place = place.map(|it| spelled(&it)).unwrap_or_default();
        Told { code: "", text: text.to_owned(), place, rule: String::new() }
    }
}

/// A large result is not there twice if it is the first.
fn append(json: &mut Vec<u8>, made: Vec<u8>) {
    if json.is_empty() {
        *json = made;
    } else {
        json.extend_from_slice(&made);
    }
}

/// `OBX[3]-5`: the third OBX of the message.
fn spelled(place: &Place) -> String {
    let text = place.to_string();
    match text.split_once('-') {
        _ if place.occurrence < 2 => text,
        Some((name, rest)) => format!("{name}[{}]-{rest}", place.occurrence),
        None => format!("{text}[{}]", place.occurrence),
    }
}

/// What changes how a message is understood. Line ends and blanks do not.
fn worth_telling(odd: Odd) -> bool {
    !matches!(odd, Odd::LineEnd | Odd::TrailingBlanks | Odd::Mark)
}

/// `ADT^A08`, and its structure where that is not the same.
fn shown(said: &MessageType, structure: &str) -> String {
    let said = said.show();
    match (said.as_str(), structure) {
        ("", "") => "a message that does not say its type in MSH-9".to_owned(),
        (said, "") => said.to_owned(),
        ("", structure) => structure.to_owned(),
        (said, structure) if said.replace('^', "_") == structure => said.to_owned(),
        (said, structure) => format!("{said} ({structure})"),
    }
}

/// `admission` of `hospital.adt.admission`.
fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn listed(lead: &str, maps: &[&Function]) -> String {
    let names: Vec<_> = maps.iter().map(|it| format!("`{}`", it.key)).collect();
    if names.is_empty() { String::new() } else { format!("{lead}: {}", names.join(", ")) }
}
