//! Machine code beside the interpreter: the same bytes and the same issues, or the code says that it leaves the message to
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;

use emr_compiler::plan::interpret::{self, Outcome};
use emr_message::{Message, Settings, Unreadable};
use emr_native::{Compiler, Target};
use emr_runtime::host::{Loaded, Machine, Ran};

use crate::pipeline::Map;

/// A map in both engines.
pub struct Both {
    map: Map,
    machine: Machine,
    pub tally: Tally,
    /// Why messages were left to the interpreter, and how often.
    pub reasons: BTreeMap<String, usize>,
}

/// How messages came out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Done by machine code.
    pub native: usize,
    /// Left to the interpreter, and what that made of them.
    pub deferred: usize,
    pub rejected: usize,
    pub with_issues: usize,
    pub unreadable: usize,
}

impl Both {
    pub fn new(map: Map) -> Both {
        let program = Compiler::new(&Target::Host).unwrap().program(&map.plan);
        let loaded = Loaded::new(program).unwrap();
        let zone = map.runs.zone.clone();
        let machine = Machine::new(Arc::new(loaded), Settings::default(), zone, map.runs.fuel);
        Both { map, machine, tally: Tally::default(), reasons: BTreeMap::new() }
    }

    /// Runs a message in both; what differs, if anything does.
    pub fn differ(&mut self, bytes: &[u8]) -> Option<String> {
        let expected = self.interpreted(bytes);
        let tally = &mut self.tally;
        match (self.machine.run(bytes), expected) {
            (Ran::Deferred, expected) => {
                tally.deferred += 1;
                *self.reasons.entry(self.machine.why()).or_default() += 1;
                match expected {
                    Ok(outcome) if outcome.result.is_err() => tally.rejected += 1,
                    Ok(outcome) if !outcome.issues.is_empty() => tally.with_issues += 1,
                    _ => {}
                }
                None
            }
            (Ran::Unreadable(ours), Err(theirs)) => {
                tally.unreadable += 1;
                (ours != theirs).then(|| format!("{ours} instead of {theirs}"))
            }
            (Ran::Done(done), Ok(Outcome { result: Ok(json), issues, .. })) => {
                tally.native += 1;
                let places: Vec<_> = issues.iter().map(|issue| (issue.code, issue.place)).collect();
                let ours: Vec<_> = done.unplaced.iter().map(|place| ("R0301", Some(*place))).collect();
                if places != ours {
                    return Some(format!("the issues {ours:?} instead of {places:?}"));
                }
                (done.json != json).then(|| different(done.json, &json))
            }
            (ran, theirs) => Some(format!("{ran:?} instead of {theirs:?}")),
        }
    }

    fn interpreted(&self, bytes: &[u8]) -> Result<Outcome, Unreadable> {
        let message = Message::read(bytes, &Settings::default())?;
        Ok(interpret::run(&self.map.plan, &message, &self.map.runs))
    }
}

/// Where two outputs part.
fn different(ours: &[u8], theirs: &[u8]) -> String {
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(80);
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[from..bytes.len().min(same + 60)]).into_owned();
    format!("from byte {same}:\n  ours   {}\n  theirs {}", shown(ours), shown(theirs))
}
