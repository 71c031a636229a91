//! Machine code beside the interpreter: the same bytes, issues and, of a traced plan, lineage, or the code says that it leaves the message to
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;

use emr_abi::Program;
use emr_compiler::plan::MISSED;
use emr_compiler::plan::interpret::{self, Issue, Outcome, Rejection};
use emr_message::lineage::Lineage;
use emr_message::{Message, Place, Settings, Unreadable};
use emr_native::{Compiler, Target};
use emr_runtime::host::{Loaded, Machine, Raised, Ran};

use crate::pipeline::Map;

/// A map in both engines.
pub struct Both {
    map: Map,
    loaded: Arc<Loaded>,
    machine: Machine,
    pub tally: Tally,
    /// Why messages were left to the interpreter, and how often.
    pub reasons: BTreeMap<String, usize>,
}

/// How messages came out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Done by machine code; and those with issues.
    pub native: usize,
    pub with_issues: usize,
    /// Refused by the mapping, in machine code.
    pub rejected: usize,
    /// Left to the interpreter; and those of which it had nothing to say.
    pub deferred: usize,
    pub deferred_clean: usize,
    pub unreadable: usize,
}

impl Both {
    pub fn new(map: Map) -> Both {
        let program = Compiler::new(&Target::Host).unwrap().program(&map.plan);
        let loaded = Arc::new(Loaded::new(program).unwrap());
        let machine = machine(&map, &loaded);
        Both { map, loaded, machine, tally: Tally::default(), reasons: BTreeMap::new() }
    }

    /// Takes a machine that has seen no message, so that its memory is as small as at first, and counts anew.
    pub fn renew(&mut self, fuel: Option<u64>) {
        self.map.runs.fuel = fuel;
        self.tally = Tally::default();
        self.machine = machine(&self.map, &self.loaded);
    }

    /// Whether machine code took a message, and it is certain of it that there is nothing to note.
    pub fn takes_ordinary(&mut self, bytes: &[u8]) -> bool {
        !matches!(self.machine.run(bytes), Ran::Deferred | Ran::Unreadable(_)) && self.machine.took_ordinary()
    }

    /// Runs a message in both; what differs, if anything does.
    pub fn differ(&mut self, bytes: &[u8]) -> Option<String> {
        let expected = self.map.run(bytes);
        if !self.map.takes_resources() {
            return self.unlike(expected, |machine| machine.run(bytes));
        }
        let Ok(resource) = self.map.resource(bytes) else {
            self.tally.unreadable += 1;
            return None;
        };
        self.unlike(expected, |machine| machine.run_resource(&resource.to_string()))
    }

    /// The same for a message and a resource, which it takes both.
    pub fn differ_of_both(&mut self, bytes: &[u8], resource: &[u8]) -> Option<String> {
        let read = Message::read(bytes, &Settings::default()).ok().zip(self.map.resource(resource).ok());
        let Some((message, resource)) = read else {
            self.tally.unreadable += 1;
            return None;
        };
        let expected = interpret::run_both(&self.map.plan, &message, &resource, &self.map.runs);
        let expected = expected.ok_or(Unreadable::NoHeader);
        self.unlike(expected, |machine| machine.run_both(bytes, &resource.to_string()))
    }

    fn unlike(
        &mut self,
        expected: Result<Outcome, Unreadable>,
        run: impl for<'m> FnOnce(&'m mut Machine) -> Ran<'m>,
    ) -> Option<String> {
        let tally = &mut self.tally;
        let program = self.loaded.program();
        let ran = run(&mut self.machine);
        if let Ran::Deferred = ran {
            tally.deferred += 1;
            tally.deferred_clean +=
                usize::from(matches!(&expected, Ok(outcome) if outcome.result.is_ok() && outcome.issues.is_empty()));
            *self.reasons.entry(self.machine.why()).or_default() += 1;
            return None;
        }
        match (ran, expected) {
            (Ran::Unreadable(ours), Err(theirs)) => {
                tally.unreadable += 1;
                (ours != theirs).then(|| format!("{ours} instead of {theirs}"))
            }
            (Ran::Done(done), Ok(Outcome { result: Ok(json), issues, misses, lineage })) => {
                tally.native += 1;
                tally.with_issues += usize::from(!issues.is_empty());
                let issues = issues.iter().map(said).collect();
                let ours = done.issues.iter().map(|raised| told(program, *raised));
                let (missed, ours): (Vec<Saying>, _) = ours.partition(|said| said.0 == MISSED);
                let missed = missed.iter().map(|said| said.1.as_str());
                otherwise(ours, issues)
                    .or_else(|| missed.ne(misses.iter()).then(|| "other tables lack something".to_owned()))
                    .or_else(|| (done.json != json).then(|| different(done.json, &json)))
                    .or_else(|| elsewhere(&done.lineage(), &lineage))
            }
            (Ran::Refused(refused), Ok(Outcome { result: Err(rejection), issues, .. })) if !rejection.fault => {
                tally.rejected += 1;
                let Rejection { code, text, place, rule, .. } = &rejection;
                let theirs = issues.iter().map(said).chain([((*code).to_owned(), text.to_string(), *place, *rule)]);
                let ours = refused.issues.iter().chain([&refused.why]).map(|raised| told(program, *raised));
                let ours = ours.filter(|said| said.0 != MISSED);
                otherwise(ours.collect(), theirs.collect())
            }
            (ran, theirs) => Some(format!("{ran:?} instead of {theirs:?}")),
        }
    }
}

fn machine(map: &Map, loaded: &Arc<Loaded>) -> Machine {
    let mut machine = Machine::new(Arc::clone(loaded), Settings::default(), map.runs.zone.clone(), map.runs.fuel);
    machine.trust(map.runs.secrets.clone());
    machine
}

/// Code, text, place and rule of what is said.
type Saying = (String, String, Option<Place>, Option<u32>);

fn said(issue: &Issue) -> Saying {
    (issue.code.to_owned(), issue.text.to_string(), issue.place, issue.rule)
}

fn told(program: &Program, raised: Raised) -> Saying {
    let said = &program.issues[raised.issue as usize];
    (said.code.clone(), said.text.clone(), raised.place, said.rule)
}

fn otherwise(ours: Vec<Saying>, theirs: Vec<Saying>) -> Option<String> {
    (ours != theirs).then(|| format!("said:\n  ours   {ours:?}\n  theirs {theirs:?}"))
}

/// Which value comes from elsewhere.
fn elsewhere(ours: &[Lineage], theirs: &[Lineage]) -> Option<String> {
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let parted = ours.len().max(theirs.len()) > same;
    parted.then(|| format!("lineage:\n  ours   {:?}\n  theirs {:?}", ours.get(same), theirs.get(same)))
}

/// Where two outputs part.
fn different(ours: &[u8], theirs: &[u8]) -> String {
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(80);
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[from..bytes.len().min(same + 60)]).into_owned();
    format!("from byte {same}:\n  ours   {}\n  theirs {}", shown(ours), shown(theirs))
}
