//! The map of a reply: of what a target says, and perhaps of the message that was asked, it makes what the caller gets.

use emr_compiler::check::typed::Function;
use emr_compiler::db;
use emr_compiler::diagnostic::a;
use emr_compiler::json::Json;
use emr_compiler::plan::Plan;
use emr_compiler::plan::interpret::{self, Explained};
use emr_compiler::select::MessageType;
use emr_compiler::standard::Standards;
use emr_compiler::validate;
use emr_message::answer::Code;
use emr_message::answer::reply::addressed;
use emr_message::header::Header;
use emr_message::{Message, Receipt};
use emr_runtime::host::Machine;
use smol_str::SmolStr;

use super::hold::{holders, of_made};
use super::pool::Pool;
use super::{ANY_RESOURCE, Form, Kind, Outcome, Ready, Settings, Told, Why, is_json, read_bytes};
use crate::world::World;

pub struct Replying {
    kind: Kind,
    map: Ready,
    /// What runs its machine code and runs nothing now, by the manner in which what was asked is read.
    machines: Pool<Machine>,
    /// What holds what it makes to the profile that it gives.
    holder: Option<Ready>,
    /// What each of its parameters takes: structures, or types of resources.
    takes: Vec<Vec<SmolStr>>,
    standards: Standards,
}

/// What was asked, or what is said of it.
enum Part<'b> {
    /// With its bytes and its structure.
    Message(Box<Message>, &'b [u8], SmolStr),
    Resource(Json, Vec<validate::Problem>),
}

impl Replying {
    /// Nothing for a map of that key that takes parts of messages, or more than two of them.
    pub fn new(world: &World, key: &str, kind: Kind) -> Option<Replying> {
        let function: &Function = db::function(&world.db, world.inside, key)?;
        let takes = db::takes_each(&world.db, world.inside, function);
        let fits = matches!(takes.len(), 1 | 2) && takes.iter().all(|takes| !takes.is_empty());
        let shared = world.shared();
        let map = Ready::of_source(world, &shared, function, Vec::new()).filter(|_| fits)?;
        let holder = holders(std::slice::from_ref(&map), &shared).pop();
        let standards = db::standards(&world.db, world.inside).clone();
        Some(Replying { kind, map, machines: Pool::default(), holder, takes, standards })
    }

    /// Makes what it needs; what holds it to a profile is interpreted.
    pub fn warm(&self) {
        self.map.warm();
        self.holder.iter().for_each(|holder| _ = holder.plan());
    }

    /// Looks the secrets up that it is made with.
    ///
    /// # Errors
    /// One of them is not to be had.
    pub fn trust(&self, settings: &Settings) -> Result<(), String> {
        self.map.given(settings).map(drop)
    }

    /// Whether it takes what was asked beside what is said of it.
    pub fn takes_both(&self) -> bool {
        self.takes.len() == 2
    }

    /// What it makes of an answer to what was asked, turned to whoever asked: the bytes, unless it is rejected. Where an
    /// acknowledgment does not say itself how it went, it says `code`. All that is read by the same settings has a name in common.
    ///
    /// # Errors
    /// One of the two cannot be read, or it does not take them.
    pub fn run(
        &self,
        (settings, manner): (&Settings, &str),
        (asked, answer): (&[u8], &[u8]),
        code: Code,
        receipt: &Receipt,
    ) -> Result<(Outcome, Vec<u8>), Why> {
        self.map.given(settings).map_err(Why::Call)?;
        let how = (settings, receipt);
        let given = self.given(settings, asked, answer)?;
        let mut made = Vec::new();
        let outcome = self.compiled(manner, &given.what, how, &mut made).or_else(|| match &given.what {
            What::Both(message, _, resource) => self.map.of_both(message, resource, how, &mut made),
            What::Message(message, _) => Some(self.map.interpreted(message, how, &mut made)),
            What::Resource(resource) => self.map.of_resource(resource, how, &mut made),
        });
        let mut outcome = outcome.unwrap_or_else(Outcome::fault);
        outcome.issues.splice(0..0, given.problems.into_iter().map(Told::of_resource));
        if outcome.form == Form::Message && outcome.rejected.is_none() {
            if let Some(asked) = Header::read(asked) {
                made = addressed(&made, &asked, code).unwrap_or(made);
            }
            self.hold(how, &made, &mut outcome);
        }
        Ok((outcome, made))
    }

    /// What machine code makes of it; nothing where it is to be interpreted.
    fn compiled(
        &self,
        manner: &str,
        what: &What,
        (settings, receipt): (&Settings, &Receipt),
        made: &mut Vec<u8>,
    ) -> Option<Outcome> {
        let resource = match what {
            What::Both(.., resource) | What::Resource(resource) => resource.to_string(),
            What::Message(..) => String::new(),
        };
        let bytes = match what {
            What::Both(_, bytes, _) | What::Message(_, bytes) => bytes,
            What::Resource(_) => &[][..],
        };
        let free = self.machines.take(manner);
        let mut machine = free.or_else(|| self.map.machine(self.kind, bytes.len() + resource.len(), settings))?;
        machine.receive(receipt.clone());
        let ran = match what {
            What::Both(..) => machine.run_both(bytes, &resource),
            What::Message(..) => machine.run(bytes),
            What::Resource(_) => machine.run_resource(&resource),
        };
        let outcome = self.map.compiled(ran, made);
        self.machines.put(manner, machine);
        outcome?.ok()
    }

    /// Says where what the sender gets does not keep to the profile that the map gives.
    fn hold(&self, how: (&Settings, &Receipt), made: &[u8], outcome: &mut Outcome) {
        let held = self.holder.as_ref().zip(how.0.read(made).ok());
        let held = held.map(|(holder, message)| holder.interpreted(&message, how, &mut Vec::new()));
        outcome.issues.extend(held.into_iter().flat_map(|held| held.issues).map(of_made));
    }

    /// The same with what was exercised of it, by a plan that tells that.
    pub fn explained(&self, plan: &Plan, settings: &Settings, (asked, answer): (&[u8], &[u8])) -> Option<Explained> {
        let given = self.given(settings, asked, answer).ok()?;
        match &given.what {
            What::Both(message, _, resource) => interpret::explain_both(plan, message, resource, settings.runs()),
            What::Message(message, _) => Some(interpret::explain(plan, message, settings.runs())),
            What::Resource(resource) => interpret::explain_resource(plan, resource, settings.runs()),
        }
    }

    fn given<'b>(&self, settings: &Settings, asked: &'b [u8], answer: &'b [u8]) -> Result<Given<'b>, Why> {
        let (asked, answer) = (self.part(asked, settings)?, self.part(answer, settings)?);
        let all = if self.takes_both() { vec![&asked, &answer] } else { vec![&answer] };
        let others = |part: &&&Part| !self.takes.iter().any(|takes| takes.iter().any(|name| part.is(name)));
        if let Some(other) = all.iter().find(others) {
            return Err(Why::Message(format!("the map of the reply does not take {}", other.shown())));
        }
        let (what, problems) = match (asked, answer) {
            (Part::Message(message, bytes, _), Part::Resource(resource, problems)) => {
                (What::Both(message, bytes, resource), problems)
            }
            (Part::Resource(resource, problems), Part::Message(message, bytes, _)) if self.takes_both() => {
                (What::Both(message, bytes, resource), problems)
            }
            _ if self.takes_both() => {
                let why =
                    "of what was asked and what is said of it one is a message of HL7 v2 and the other a resource";
                return Err(Why::Message(why.to_owned()));
            }
            (_, Part::Message(message, bytes, _)) => (What::Message(message, bytes), Vec::new()),
            (_, Part::Resource(resource, problems)) => (What::Resource(resource), problems),
        };
        Ok(Given { what, problems })
    }

    fn part<'b>(&self, bytes: &'b [u8], settings: &Settings) -> Result<Part<'b>, Why> {
        if is_json(bytes) {
            let sound = validate::sound(bytes, &self.standards.fhir);
            let (resource, problems) = sound.map_err(|problem| Why::Message(problem.message.to_string()))?;
            return Ok(Part::Resource(resource, problems));
        }
        let message = read_bytes(settings, bytes)?;
        let structure = MessageType::of(&message).structure(&self.standards);
        Ok(Part::Message(Box::new(message), bytes, structure))
    }
}

/// What a map is given, and what of it is no R4.
struct Given<'b> {
    what: What<'b>,
    problems: Vec<validate::Problem>,
}

/// A map that makes a message of a resource fills its header from the message that was asked, whether it takes that or not.
enum What<'b> {
    Both(Box<Message>, &'b [u8], Json),
    Message(Box<Message>, &'b [u8]),
    Resource(Json),
}

impl Part<'_> {
    fn is(&self, name: &str) -> bool {
        match self {
            Part::Message(.., structure) => structure == name,
            Part::Resource(resource, _) => name == ANY_RESOURCE || resource.resource_type() == Some(name),
        }
    }

    fn shown(&self) -> String {
        match self {
            Part::Message(.., structure) => a(structure),
            Part::Resource(resource, _) => a(resource.resource_type().unwrap_or("resource")),
        }
    }
}
