//! Messages of a journal that somebody asks for. The journal is read once from its beginning; what is held in memory is
//! what is not settled and fits, and the last of what is settled.

use std::collections::BTreeMap;
use std::path::PathBuf;

use emr_message::header::Header;
use serde::{Deserialize, Serialize};

use super::entry::{ARRIVAL, Arrival, Ended, Entry, Event, Replay, What};
use super::fs::Fs;
use super::ledger::{Ledger, Open};
use super::log::{self, Fault, Reader, Record};

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    InFlight,
    Parked,
    Delivered,
    Filtered,
    Refused,
    Dropped,
}

/// What is asked for.
pub struct Wanted<'a> {
    /// Whether a message may be among them, by what is known of it when it comes: its number, and its bytes.
    pub fits: &'a dyn Fn(u64, &Arrival, &[u8]) -> bool,
    pub state: Option<State>,
    /// How many are given: the last ones.
    pub limit: usize,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub number: u64,
    /// Microseconds since 1970.
    pub received: i64,
    /// MSH-9, as far as it is one: `ADT^A01`.
    pub kind: String,
    /// Its length.
    pub bytes: usize,
    pub state: State,
    /// Why it is there, where there is a reason.
    pub why: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In the order in which they came.
    pub rows: Vec<Row>,
    /// How many there are in all.
    pub count: u64,
}

/// # Errors
/// The file system refuses, or the journal is damaged.
pub fn search<F: Fs>(fs: F, folder: PathBuf, wanted: &Wanted<'_>) -> Result<Found, Fault> {
    let mut search = Search {
        wanted,
        reader: log::reader(fs.clone(), folder.clone()),
        ledger: Ledger::default(),
        open: BTreeMap::new(),
        settled: BTreeMap::new(),
        count: 0,
    };
    log::show(fs, folder, 0, |record| search.see(&record))?;
    Ok(search.found())
}

struct Search<'a, F: Fs> {
    wanted: &'a Wanted<'a>,
    reader: Reader<F>,
    /// Of messages that fit alone.
    ledger: Ledger,
    open: BTreeMap<u64, Row>,
    /// The last that have the state that is asked for.
    settled: BTreeMap<u64, Row>,
    /// How many of the settled have it.
    count: u64,
}

impl<F: Fs> Search<'_, F> {
    fn see(&mut self, record: &Record<'_>) {
        match Entry::read(record.kind, record.body) {
            Some(Entry::Arrival(arrival, head)) => {
                let message = record.body.get(head..).unwrap_or_default();
                if let Some(row) = self.row(record.place.number, &arrival, message) {
                    self.ledger.accept(Open { head, ..Open::new(record.place, arrival) });
                    self.open.insert(row.number, row);
                }
            }
            Some(Entry::Event(Event { message, at, what: What::Replayed(replay), who })) => {
                if let Some(row) = self.again(&replay) {
                    self.forget(message, replay.was);
                    self.ledger.happen(Event { message, at, what: What::Replayed(replay), who });
                    self.open.insert(message, row);
                }
            }
            Some(Entry::Event(event)) if self.open.contains_key(&event.message) => {
                let (number, why) = (event.message, event.what.why().map(ToOwned::to_owned));
                if let Some(ended) = self.ledger.happen(event) {
                    self.settle(number, ended, why);
                }
            }
            _ => {}
        }
    }

    /// Nothing of a message that does not fit.
    fn row(&self, number: u64, arrival: &Arrival, message: &[u8]) -> Option<Row> {
        (self.wanted.fits)(number, arrival, message).then(|| Row {
            number,
            received: arrival.received,
            kind: kind(message),
            bytes: message.len(),
            state: State::InFlight,
            why: Vec::new(),
        })
    }

    /// A settled message that is taken up again may have come long before.
    fn again(&self, replay: &Replay) -> Option<Row> {
        let body = self.reader.read(replay.place).ok()?;
        let Some(Entry::Arrival(arrival, head)) = Entry::read(ARRIVAL, &body) else { return None };
        self.row(replay.place.number, &arrival, body.get(head..)?)
    }

    fn settle(&mut self, number: u64, ended: Ended, why: Option<String>) {
        let Some(row) = self.open.remove(&number) else { return };
        let state = State::from(ended);
        if self.wanted.state.is_some_and(|wanted| wanted != state) {
            return;
        }
        self.count += 1;
        self.settled.insert(number, Row { state, why: why.into_iter().collect(), ..row });
        if self.settled.len() > self.wanted.limit {
            self.settled.pop_first();
        }
    }

    fn forget(&mut self, number: u64, was: Ended) {
        self.settled.remove(&number);
        if self.wanted.state.is_none_or(|wanted| wanted == State::from(was)) {
            self.count = self.count.saturating_sub(1);
        }
    }

    fn found(mut self) -> Found {
        for (number, row) in std::mem::take(&mut self.open) {
            let Some(open) = self.ledger.message(number) else { continue };
            let state = if open.is_parked() { State::Parked } else { State::InFlight };
            if self.wanted.state.is_none_or(|wanted| wanted == state) {
                self.count += 1;
                self.settled.insert(number, Row { state, why: open.why(), ..row });
            }
        }
        let older = self.settled.len().saturating_sub(self.wanted.limit);
        Found { rows: self.settled.into_values().skip(older).collect(), count: self.count }
    }
}

impl From<Ended> for State {
    fn from(ended: Ended) -> State {
        match ended {
            Ended::Delivered => State::Delivered,
            Ended::Filtered => State::Filtered,
            Ended::Refused => State::Refused,
            Ended::Dropped => State::Dropped,
        }
    }
}

/// A sender may write anything there: what has not the form of a code of HL7 tables 0076, 0003 and 0354 is not shown.
pub fn kind(message: &[u8]) -> String {
    let Some(header) = Header::read(message) else { return String::new() };
    let of = |count: usize, part: &[u8]| part.len() == count && part.iter().all(u8::is_ascii_alphanumeric);
    let is_structure = |part: &[u8]| match part.split(|byte| *byte == b'_').collect::<Vec<_>>().as_slice() {
        [code] => of(3, code),
        [code, event] => of(3, code) && of(3, event),
        _ => false,
    };
    let (code, event, structure) = (header.component(9, 1), header.component(9, 2), header.component(9, 3));
    let parts = [(code, of(3, code)), (event, of(3, event)), (structure, is_structure(structure))];
    let codes = parts.into_iter().take_while(|(_, is_code)| *is_code);
    codes.map(|(part, _)| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>().join("^")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::entry::EVENT;
    use crate::journal::log::Log;
    use crate::journal::simulated::Simulated;

    /// Ten messages `ADT^A01` and `ORU^R01` by turns: the first is delivered, the second filtered, the third parked, the
    /// fourth delivered and replayed, the others in flight.
    fn journal() -> Simulated {
        let fs = Simulated::default();
        let mut log = Log::open(fs.clone(), Path::new("journal").into(), 4096, |_| {}).unwrap();
        let mut places = Vec::new();
        let arrival =
            |number: i64| Arrival { received: number * 1_000_000, identity: None, file: None, is_answered: false };
        for number in 0..10 {
            let kind = if number % 2 == 0 { "ADT^A01" } else { "ORU^R01^ORU_R01" };
            let message = format!("MSH|^~\\&|A|H|||1||{kind}|c{number}|P|2.5\rPID|1\r");
            places.push(log.append(ARRIVAL, &arrival(number).head(), message.as_bytes()).unwrap());
        }
        let replay = Replay { was: Ended::Delivered, place: places[3], arrival: arrival(3), to: None };
        let mapped = || What::Mapped { program: 1, targets: Vec::new() };
        for (message, what) in [
            (0, mapped()),
            (1, What::Filtered { because: "nobody wants it".into() }),
            (2, What::Parked { target: None, why: "R0501".into() }),
            (3, mapped()),
            (3, What::Replayed(Box::new(replay))),
        ] {
            log.append(EVENT, &Event::now(message, what).body(), &[]).unwrap();
        }
        log.commit().unwrap();
        fs
    }

    fn asked(
        state: Option<State>,
        limit: usize,
        fits: impl Fn(u64, &Arrival, &[u8]) -> bool,
    ) -> (Vec<(u64, State)>, u64) {
        let found = search(journal(), "journal".into(), &Wanted { fits: &fits, state, limit }).unwrap();
        (found.rows.into_iter().map(|row| (row.number, row.state)).collect(), found.count)
    }

    #[test]
    fn messages_are_found_by_where_they_are() {
        use State::{Delivered, Filtered, InFlight, Parked};
        let all = |_: u64, _: &Arrival, _: &[u8]| true;
        assert_eq!(asked(Some(Delivered), 9, all), (vec![(0, Delivered)], 1));
        assert_eq!(asked(Some(Parked), 9, all), (vec![(2, Parked)], 1));
        assert_eq!(asked(None, 4, all).1, 10);
        assert_eq!(asked(None, 8, all).0[..2], [(2, Parked), (3, InFlight)]);
        assert_eq!(asked(None, 10, all).0[..2], [(0, Delivered), (1, Filtered)]);
        let reports = |_: u64, arrival: &Arrival, message: &[u8]| {
            arrival.received > 2_000_000 && kind(message) == "ORU^R01^ORU_R01"
        };
        let in_flight = [3, 5, 7, 9].map(|number| (number, InFlight));
        assert_eq!(asked(None, 9, reports), (in_flight.to_vec(), 4));
        assert_eq!(asked(Some(InFlight), 2, reports), (in_flight[2..].to_vec(), 4));
    }

    #[test]
    fn a_row_says_why_and_how_large() {
        let found =
            search(journal(), "journal".into(), &Wanted { fits: &|_, _, _| true, state: None, limit: 10 }).unwrap();
        let row = |number: usize| found.rows[number].clone();
        assert_eq!(
            (row(1).why, row(2).why, row(3).why),
            (vec!["nobody wants it".into()], vec!["R0501".into()], vec![])
        );
        assert_eq!((row(0).kind.as_str(), row(0).received, row(0).bytes), ("ADT^A01", 0, 41));
    }

    #[test]
    fn what_is_no_type_is_not_shown() {
        assert_eq!(kind(b"MSH|^~\\&|A|H|||1||EVERYWOMAN, EVE^A01|7"), "");
        assert_eq!(kind(b"MSH|^~\\&|A|H|||1||EVERYWOMAN|7"), "");
        assert_eq!(kind(b"MSH|^~\\&|A|H|||1||ADT^\x1b[2J|7"), "ADT");
        assert_eq!(kind(b"MSH|^~\\&|A|H|||1||ADT^A01^EVERYWOMAN_A01|7"), "ADT^A01");
        assert_eq!(kind(b"MSH|^~\\&|A|H|||1||ACK^A01^ACK|7"), "ACK^A01^ACK");
        assert_eq!(kind(b"hello"), "");
    }
}
