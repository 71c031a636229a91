//! A map that takes messages, in both engines: made when it is first needed, by whoever needs it first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use emr_abi::{Gives, artifact};
use emr_compiler::check::typed::Function;
use emr_compiler::db;
use emr_compiler::json::Json;
use emr_compiler::plan::interpret::{self, Issue, Rejection};
use emr_compiler::plan::{self, MISSED, Plan};
use emr_message::{Message, Place, Receipt, Secrets, Unreadable};
use emr_native::{Compiler, Target};
use emr_runtime::connector::tls;
use emr_runtime::host::{Artifact, Loaded, Machine, Raised, Ran, Symbol};

use super::told::FAULT;
use super::{Form, Kind, Outcome, Settings, Told};
use crate::world::{Shared, World};

/// How many bytes of messages a map takes before machine code is made for it, where nobody asked for code: about half of
/// what is interpreted in the time that making the code takes, so that neither a few messages nor many cost twice what
/// they could.
const WORTH_BYTES: usize = 1 << 18;

/// A map that takes messages.
pub struct Ready {
    pub name: String,
    /// The structures of its messages.
    pub takes: Vec<String>,
    /// The name of the map that says where what this one makes does not keep to the profile that it gives.
    pub holds: Option<String>,
    from: From,
    plan: OnceLock<Option<Arc<Plan>>>,
    loaded: OnceLock<Option<Arc<Loaded>>>,
    /// How many bytes of messages it took.
    taken: AtomicUsize,
    /// Where each rule of the plan stands: `patient.emr:12`.
    rules: OnceLock<Vec<String>>,
    /// What it must know beside the message, or why it cannot run.
    given: OnceLock<Result<Secrets, String>>,
}

enum From {
    Source(Arc<Shared>),
    Artifact(Arc<Artifact>, artifact::Map),
}

impl Ready {
    /// Nothing for a map over parts of a message, or one that cannot run.
    pub fn new(world: &World, shared: &Arc<Shared>, function: &Function) -> Option<Ready> {
        let takes: Vec<_> = db::takes(&world.db, world.inside, function).iter().map(ToString::to_string).collect();
        if takes.is_empty() { None } else { Ready::of_source(world, shared, function, takes) }
    }

    /// Nothing for a map that cannot run.
    pub fn of_source(world: &World, shared: &Arc<Shared>, function: &Function, takes: Vec<String>) -> Option<Ready> {
        let name = function.key.to_string();
        let holds = db::holds(&world.db, world.inside, function);
        world.runs(&name).then(|| Ready::of(name, takes, holds, From::Source(Arc::clone(shared))))
    }

    /// What holds what others make to a profile.
    pub fn holder(shared: &Arc<Shared>, name: &str) -> Ready {
        Ready::of(name.to_owned(), Vec::new(), None, From::Source(Arc::clone(shared)))
    }

    pub fn stored(artifact: &Arc<Artifact>, map: &artifact::Map) -> Ready {
        Ready::of(
            map.name.clone(),
            map.takes.clone(),
            map.holds.clone(),
            From::Artifact(Arc::clone(artifact), map.clone()),
        )
    }

    fn of(name: String, takes: Vec<String>, holds: Option<String>, from: From) -> Ready {
        let (plan, loaded, rules, given) = (OnceLock::new(), OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ready { name, takes, holds, from, plan, loaded, taken: AtomicUsize::new(0), rules, given }
    }

    pub fn plan(&self) -> Option<&Arc<Plan>> {
        let read = || match &self.from {
            From::Source(shared) => shared.plan(&self.name),
            From::Artifact(artifact, map) => Plan::read(artifact.plan(map)).map(Arc::new),
        };
        self.plan.get_or_init(read).as_ref()
    }

    /// The secrets that it is made with, looked up when they are needed first, if it can run at all.
    ///
    /// # Errors
    /// One of them is not to be had.
    pub fn given(&self, settings: &Settings) -> Result<&Secrets, String> {
        let read = || {
            if settings.run.secrets.is_test() {
                return Ok(settings.run.secrets.clone());
            }
            let value = |name: String| {
                let value = tls::without_line_end((settings.known)(&name)?);
                if value.is_empty() { Err(format!("the secret `{name}` is empty")) } else { Ok((name, value)) }
            };
            self.secrets()?.into_iter().map(value).collect::<Result<_, _>>().map(Secrets::new)
        };
        self.given.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// The names of the secrets that it is made with, if it can run at all.
    fn secrets(&self) -> Result<Vec<String>, String> {
        match &self.from {
            From::Source(_) => {
                let Some(plan) = self.plan() else { return Ok(Vec::new()) };
                if let Some(lacks) = plan.lacks_environment() {
                    return Err(format!("{lacks}: choose one with `--env`"));
                }
                Ok(plan.secrets().iter().map(ToString::to_string).collect())
            }
            From::Artifact(_, map) => Ok(map.secrets.clone()),
        }
    }

    /// Where each rule of the plan stands.
    pub fn rules(&self) -> &[String] {
        self.rules.get_or_init(|| match &self.from {
            From::Source(shared) => self.plan().map(|plan| shared.places(&plan.rules)).unwrap_or_default(),
            From::Artifact(artifact, map) => artifact.rules(map).unwrap_or_default(),
        })
    }

    /// Whether it takes a resource.
    pub fn takes_resource(&self) -> bool {
        self.plan().is_some_and(|plan| plan.takes_resource())
    }

    /// Makes all that it needs, so that its first message does not wait for it.
    pub fn warm(&self) {
        if self.loaded().is_none() {
            self.plan();
        }
    }

    /// Machine code for this map; nothing on a machine that no code is made for.
    fn loaded(&self) -> Option<&Arc<Loaded>> {
        let load = || match &self.from {
            From::Source(shared) => {
                let plan = self.plan()?;
                let made = || Loaded::new(Compiler::new(&Target::Host).ok()?.program(plan)).ok();
                shared.built(&self.name, plan).or_else(made)
            }
            From::Artifact(artifact, map) => artifact.program(map).ok(),
        };
        self.loaded.get_or_init(|| load().map(Arc::new)).as_ref()
    }

    /// What runs machine code, with memory of its own, for a message of so many bytes and those that follow; nothing where
    /// it is to be interpreted.
    pub fn machine(&self, kind: Kind, bytes: usize, settings: &Settings) -> Option<Machine> {
        let loaded = match kind {
            Kind::Interpreter => None,
            Kind::Auto if !self.is_worth_code(bytes) => None,
            Kind::Auto | Kind::Native => self.loaded(),
        }?;
        let (zone, fuel) = (settings.run.zone.clone(), settings.run.fuel);
        let mut machine = Machine::new(Arc::clone(loaded), settings.message.clone(), zone, fuel);
        machine.trust(self.given(settings).ok()?.clone());
        Some(machine)
    }

    /// An artifact has its code already.
    fn is_worth_code(&self, bytes: usize) -> bool {
        let before = self.taken.fetch_add(bytes, Ordering::Relaxed);
        matches!(self.from, From::Artifact(..)) || self.loaded.get().is_some() || before + bytes > WORTH_BYTES
    }

    /// Which rule each address of its machine code comes of.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.loaded().map(|loaded| loaded.symbols(self.rules())).unwrap_or_default()
    }

    /// What came of its machine code for a message; nothing where that leaves it to the interpreter.
    pub fn compiled(&self, ran: Ran<'_>, json: &mut Vec<u8>) -> Option<Result<Outcome, Unreadable>> {
        let loaded = self.loaded.get()?.as_ref()?;
        let said = |raised: &Raised| {
            let said = loaded.program().issues.get(raised.issue as usize);
            said.map_or(("", "", None), |said| (said.code.as_str(), said.text.as_str(), said.rule))
        };
        let told = |raised: &Raised| {
            let (code, text, rule) = said(raised);
            self.told(code, text, raised.place, rule)
        };
        let parted = |raised: &[Raised]| {
            let (missed, issues): (Vec<_>, Vec<_>) = raised.iter().partition(|raised| said(raised).0 == MISSED);
            let misses = missed.into_iter().map(|raised| said(raised).1.into()).collect();
            (issues.into_iter().map(told).collect(), misses)
        };
        Some(Ok(match ran {
            Ran::Done(done) => {
                json.extend_from_slice(done.json);
                let form = form(loaded.program().gives == Gives::Message);
                let (issues, misses) = parted(done.issues);
                Outcome { form, rejected: None, issues, misses }
            }
            Ran::Refused(refused) => {
                let (issues, misses) = parted(refused.issues);
                Outcome { rejected: Some(told(&refused.why)), issues, misses, ..Outcome::fault() }
            }
            Ran::Unreadable(why) => return Some(Err(why)),
            Ran::Fault => Outcome::fault(),
            Ran::Deferred => return None,
        }))
    }

    /// By what the interpreter runs it for a message with that receipt.
    fn runs(&self, settings: &Settings, receipt: &Receipt) -> interpret::Settings {
        let secrets = self.given(settings).cloned().unwrap_or_default();
        interpret::Settings { receipt: receipt.clone(), secrets, ..settings.run.clone() }
    }

    pub fn interpreted(
        &self,
        message: &Message,
        (settings, receipt): (&Settings, &Receipt),
        json: &mut Vec<u8>,
    ) -> Outcome {
        let Some(plan) = self.plan() else {
            return Outcome::fault();
        };
        let settings = self.runs(settings, receipt);
        self.outcome(plan, interpret::run(plan, message, &settings), json)
    }

    /// What the interpreter makes of a resource of FHIR; nothing where the map takes messages.
    pub fn of_resource(
        &self,
        resource: &Json,
        (settings, receipt): (&Settings, &Receipt),
        json: &mut Vec<u8>,
    ) -> Option<Outcome> {
        let plan = self.plan()?;
        let settings = self.runs(settings, receipt);
        Some(self.outcome(plan, interpret::run_resource(plan, resource, &settings)?, json))
    }

    /// What becomes of a resource of FHIR beside a message, which the map may take too; nothing where it does not take the
    /// resource.
    pub fn of_both(
        &self,
        message: &Message,
        resource: &Json,
        (settings, receipt): (&Settings, &Receipt),
        json: &mut Vec<u8>,
    ) -> Option<Outcome> {
        let plan = self.plan()?;
        let settings = self.runs(settings, receipt);
        Some(self.outcome(plan, interpret::run_both(plan, message, resource, &settings)?, json))
    }

    fn outcome(&self, plan: &Plan, outcome: interpret::Outcome, json: &mut Vec<u8>) -> Outcome {
        let interpret::Outcome { result, issues, misses, .. } = outcome;
        let rejected = match result {
            Ok(made) => {
                append(json, made);
                None
            }
            Err(Rejection { code, text, place, rule, .. }) => Some(self.told(code, &text, place, rule)),
        };
        let told = |Issue { code, text, place, rule }| self.told(code, &text, place, rule);
        let form = form(plan.gives == plan::Gives::Message);
        Outcome { form, rejected, issues: issues.into_iter().map(told).collect(), misses }
    }

    fn told(&self, code: &str, text: &str, place: Option<Place>, rule: Option<u32>) -> Told {
        let rule = rule.and_then(|rule| self.rules().get(rule as usize)).cloned().unwrap_or_default();
        Told { code: code.to_owned(), rule, ..Told::engine(text, place) }
    }
}

impl Outcome {
    pub fn fault() -> Outcome {
        let told = Told::engine(FAULT, None);
        Outcome { form: Form::Json, rejected: Some(told), issues: Vec::new(), misses: Vec::new() }
    }
}

fn form(is_message: bool) -> Form {
    if is_message { Form::Message } else { Form::Json }
}

/// A large result is not there twice if it is the first.
fn append(json: &mut Vec<u8>, made: Vec<u8>) {
    if json.is_empty() {
        *json = made;
    } else {
        json.extend_from_slice(&made);
    }
}
