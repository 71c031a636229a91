//! Looks messages up in a journal, also those that are settled, of which the ledger keeps the count alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::entry::{ARRIVAL, Answered, Arrival, Ended, Entry, Event};
use super::fs::Fs;
use super::ledger::{Ledger, Open};
use super::log::{self, Fault, Place};

/// What a journal says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub place: Place,
    pub arrival: Arrival,
    /// Bytes of its record before its own.
    pub head: usize,
    pub events: Vec<Event>,
    /// What tables gave for it that are asked, the last time that it was mapped.
    pub answered: Option<Answered>,
    pub state: State,
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// In flight or parked.
    Open(Box<Open>),
    Ended(Ended),
}

/// The histories of messages, by their numbers; of those that the journal does not hold, or not any more, there is none.
/// Somebody else may be adding to the journal.
///
/// # Errors
/// The file system refuses, or the journal is damaged.
pub fn histories<F: Fs>(fs: F, folder: PathBuf, wanted: &BTreeSet<u64>) -> Result<BTreeMap<u64, History>, Fault> {
    let mut found = BTreeMap::new();
    let Some(&first) = wanted.first() else { return Ok(found) };
    let mut ledger = Ledger::default();
    log::show(fs, folder, first, |record| {
        let number = record.place.number;
        if record.kind == ARRIVAL && !wanted.contains(&number) {
            return;
        }
        match Entry::read(record.kind, record.body) {
            Some(Entry::Arrival(arrival, head)) => {
                let open = Open { head, ..Open::new(record.place, arrival.clone()) };
                ledger.accept(open.clone());
                let (state, events) = (State::Open(Box::new(open)), Vec::new());
                found.insert(number, History { place: record.place, arrival, head, events, answered: None, state });
            }
            Some(Entry::Event(event)) => {
                let Some(history) = found.get_mut(&event.message) else { return };
                history.events.push(event.clone());
                let number = event.message;
                if let Some(ended) = ledger.happen(event) {
                    history.state = State::Ended(ended);
                } else if let Some(open) = ledger.message(number) {
                    history.state = State::Open(Box::new(open.clone()));
                }
            }
            Some(Entry::Answered(answered)) => {
                if let Some(history) = found.get_mut(&answered.message) {
                    history.answered = Some(answered);
                }
            }
            None => {}
        }
    })?;
    Ok(found)
}
