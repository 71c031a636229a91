//! What came, as conditions and settings read it: a message of HL7 v2, or a resource of FHIR.

use emr_compiler::check::typed::Function;
use emr_compiler::check::wiring::run::AcceptFacts;
use emr_compiler::db;
use emr_compiler::json::Json;
use emr_compiler::plan::{Plan, interpret};
use emr_compiler::select::MessageType;
use emr_compiler::standard::Standards;
use emr_compiler::standard::hl7::Version;
use emr_compiler::validate;
use emr_message::answer::{At, Problem, Wrong};
use emr_message::{Message, Receipt};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::engine::{ANY_RESOURCE, Settings, is_json};
use crate::world::World;

pub enum Came {
    /// With what it says of itself, and its structure.
    Message(Box<Message>, MessageType, SmolStr),
    Resource(Json),
}

/// What reads what came, by the structures or types that it can read.
pub struct Reading {
    plans: Vec<(Vec<SmolStr>, Plan)>,
}

impl Came {
    /// Nothing for what is neither.
    pub fn read(bytes: &[u8], settings: &Settings, standards: &Standards) -> Option<Came> {
        if is_json(bytes) {
            // A value that cannot be one is not there, as for maps.
            return validate::sound(bytes, &standards.fhir).ok().map(|(resource, _)| Came::Resource(resource));
        }
        Some(Came::message(settings.read(bytes).ok()?, standards))
    }

    /// The same where nothing but the header of a message will be asked for.
    pub fn read_header(bytes: &[u8], settings: &Settings, standards: &Standards) -> Option<Came> {
        if is_json(bytes) {
            return Came::read(bytes, settings, standards);
        }
        Some(Came::message(settings.read_header(bytes).ok()?, standards))
    }

    fn message(message: Message, standards: &Standards) -> Came {
        let said = MessageType::of(&message);
        let structure = said.structure(standards);
        Came::Message(Box::new(message), said, structure)
    }

    /// Whether it is of the structures or the type of what is accepted.
    pub fn is_of_kind(&self, accept: &AcceptFacts) -> bool {
        match (self, &accept.resource) {
            (Came::Message(_, _, structure), None) => accept.structures.contains(structure),
            (Came::Resource(resource), Some(wanted)) => {
                let is_apart = |name| accept.except.iter().any(|it| it == name);
                self.is_called(wanted) && !resource.resource_type().is_some_and(is_apart)
            }
            _ => false,
        }
    }

    pub fn is_of_event(&self, accept: &AcceptFacts) -> bool {
        accept.events.is_empty() || accept.events.iter().any(|(code, event)| self.is_event(code, event))
    }

    pub fn is_event(&self, code: &str, event: &str) -> bool {
        matches!(self, Came::Message(_, said, _) if said.code == code && said.event == event)
    }

    /// What its header says that nobody serves: a version that is none, or a processing id that is none of P, T and D.
    pub fn not_served(&self) -> Option<Problem> {
        let Came::Message(message, said, _) = self else { return None };
        if !said.version.is_empty() && Version::parse(&said.version).is_none_or(|version| version == Version::Union) {
            return Some(Problem::new(Wrong::Version, msh(12, 1)));
        }
        let processing = message.msh(11).component(1).value()?;
        let is_served = matches!(processing.trim(), "" | "P" | "T" | "D");
        (!is_served).then(|| Problem::new(Wrong::ProcessingId, msh(11, 1)))
    }

    /// A place of its header; a resource has none.
    pub fn place(&self, field: u16, component: u16) -> Option<At> {
        if matches!(self, Came::Message(..)) { msh(field, component) } else { None }
    }

    fn is_called(&self, name: &str) -> bool {
        match self {
            Came::Message(_, _, structure) => structure == name,
            Came::Resource(resource) => name == ANY_RESOURCE || resource.resource_type() == Some(name),
        }
    }
}

pub fn msh(field: u16, component: u16) -> Option<At> {
    Some(At { segment: *b"MSH", sequence: 1, field, repetition: 1, component })
}

impl Reading {
    pub fn of(world: &World, reader: Option<&[Function]>) -> Option<Reading> {
        reader.map(|reader| Reading::new(world, reader))
    }

    pub fn new(world: &World, reader: &[Function]) -> Reading {
        let Some(&file) = world.files.first() else { return Reading { plans: Vec::new() } };
        let plan = |function: &Function| {
            let takes = db::takes(&world.db, world.inside, function);
            (takes, db::reader(&world.db, world.inside, file, function))
        };
        Reading { plans: reader.iter().map(plan).collect() }
    }

    /// What is written for what came, which was read by these settings; nothing where it cannot be read.
    fn written(&self, came: &Came, settings: &Settings, receipt: &Receipt) -> Vec<u8> {
        let fits = |(takes, _): &&(Vec<SmolStr>, Plan)| takes.iter().any(|it| came.is_called(it));
        let Some((_, plan)) = self.plans.iter().find(fits) else { return Vec::new() };
        let settings = interpret::Settings { receipt: receipt.clone(), ..settings.runs().clone() };
        let outcome = match came {
            Came::Message(message, ..) => Some(interpret::run(plan, message, &settings)),
            Came::Resource(resource) => interpret::run_resource(plan, resource, &settings),
        };
        outcome.and_then(|outcome| outcome.result.ok()).unwrap_or_default()
    }

    /// The values for what came, as texts: a number with the digits that it has.
    pub fn values(&self, came: &Came, settings: &Settings, receipt: &Receipt) -> Vec<String> {
        let written = self.written(came, settings, receipt);
        let values: Vec<&RawValue> = serde_json::from_slice(&written).unwrap_or_default();
        let text = |value: &RawValue| serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned());
        values.into_iter().map(text).collect()
    }

    pub fn holds(&self, came: &Came, settings: &Settings, receipt: &Receipt) -> bool {
        self.written(came, settings, receipt) == b"true"
    }
}
