//! Where each message of a feed is: the sum of its journal.
//!
//! At every moment, `accepted = delivered + filtered + refused + parked + in flight`. Only what is parked or in flight is
//! held in memory, a message by its number and places.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::{Arrival, Ended, Entry, Event, Replay, What};
use super::fs::Fs;
use super::log::{self, Fault, Place};

/// The messages of one feed.
#[derive(Debug, Default)]
pub struct Ledger {
    open: BTreeMap<u64, Open>,
    settled: Settled,
    accepted: u64,
    /// Of those that are open, counted as it changes: there may be a million.
    parked: u64,
    /// When the last message came.
    last: Option<i64>,
    /// When the first message of each segment came, by the number of the segment's first record.
    segments: BTreeMap<u64, i64>,
}

/// A message that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub place: Place,
    pub arrival: Arrival,
    /// Bytes of its record before its own.
    pub head: usize,
    /// Why a person has to look at it.
    pub parked: Option<Arc<str>>,
    /// The route whose map refuses it, where it is parked for that.
    pub held_by: Option<Arc<str>>,
    /// Nothing until it was mapped.
    pub mapped: Option<Mapped>,
    /// A person sent it on, long after its sender was answered.
    pub is_resumed: bool,
    /// The only target that is to get it.
    pub to: Option<Arc<str>>,
    /// Where it stands what tables gave for it that are asked.
    pub answers: Option<Place>,
}

/// What a program made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub program: u64,
    /// The targets that do not have it, and why a person has to look at that delivery.
    pub missing: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// A person gave a delivery up.
    pub is_given_up: bool,
    /// Its sender was told that it has it again.
    pub is_returned: bool,
}

/// How many messages came to each end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub delivered: u64,
    pub filtered: u64,
    pub refused: u64,
    /// Given up by a person.
    pub dropped: u64,
}

/// The two sides of the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Law {
    pub accepted: u64,
    pub settled: Settled,
    pub parked: u64,
    pub in_flight: u64,
}

impl Settled {
    fn count(&mut self, ended: Ended) -> &mut u64 {
        match ended {
            Ended::Delivered => &mut self.delivered,
            Ended::Filtered => &mut self.filtered,
            Ended::Refused => &mut self.refused,
            Ended::Dropped => &mut self.dropped,
        }
    }
}

impl Law {
    pub fn holds(&self) -> bool {
        let Settled { delivered, filtered, refused, dropped } = self.settled;
        self.accepted == delivered + filtered + refused + dropped + self.parked + self.in_flight
    }
}

impl Open {
    /// A message that was just stored.
    pub fn new(place: Place, arrival: Arrival) -> Open {
        let head = arrival.head().len();
        let (parked, held_by, mapped, to, answers) = Default::default();
        Open { place, arrival, head, parked, held_by, mapped, is_resumed: false, to, answers }
    }

    pub fn number(&self) -> u64 {
        self.place.number
    }

    /// Its sender has its answer already: it is not the sender's any more.
    pub fn is_answered(&self) -> bool {
        self.is_resumed || self.arrival.is_answered
    }

    /// Why a person has to look at it: all of it, or deliveries by the names of their ways.
    pub fn why(&self) -> Vec<String> {
        let missing = self.mapped.iter().flat_map(|mapped| &mapped.missing);
        let deliveries = missing.filter_map(|(way, why)| Some(format!("{way}: {}", why.as_ref()?)));
        let whole = self.parked.iter().map(|why| match &self.held_by {
            Some(route) => format!("{route}: {why}"),
            None => why.to_string(),
        });
        whole.chain(deliveries).collect()
    }

    /// Whether any part of it waits for a person.
    pub fn is_parked(&self) -> bool {
        let delivery = |mapped: &Mapped| mapped.missing.iter().any(|(_, parked)| parked.is_some());
        self.parked.is_some() || self.mapped.as_ref().is_some_and(delivery)
    }
}

impl Ledger {
    /// Sums up a journal that somebody else may be writing.
    ///
    /// # Errors
    /// The file system refuses, or the journal is damaged.
    pub fn of<F: Fs>(fs: F, folder: PathBuf) -> Result<Ledger, Fault> {
        let mut ledger = Ledger::default();
        log::show(fs, folder, 0, |record| {
            if let Some(entry) = Entry::read(record.kind, record.body) {
                ledger.take(record.place, entry);
            }
        })?;
        Ok(ledger)
    }

    /// Takes what stands next in the journal; gives how a message ended if it did.
    pub fn take(&mut self, place: Place, entry: Entry) -> Option<Ended> {
        match entry {
            Entry::Arrival(arrival, head) => {
                self.accept(Open { head, ..Open::new(place, arrival) });
                None
            }
            Entry::Event(event) => self.happen(event),
            Entry::Answered(answered) => {
                self.answered(answered.message, place);
                None
            }
        }
    }

    /// Takes a message in.
    pub fn accept(&mut self, open: Open) {
        self.accepted += 1;
        self.last = Some(open.arrival.received);
        self.segments.entry(open.place.segment()).or_insert(open.arrival.received);
        self.open.insert(open.number(), open);
    }

    /// The record below which everything is settled and came before this time: where some segment begins. Nothing if
    /// there is no more to forget than there was.
    pub fn forgettable(&mut self, before: i64) -> Option<u64> {
        let first_open = self.open.keys().next().copied().unwrap_or(u64::MAX);
        let mut later = self.segments.iter().skip(1);
        let (&below, _) = later.by_ref().take_while(|(first, came)| **first <= first_open && **came < before).last()?;
        self.segments = self.segments.split_off(&below);
        Some(below)
    }

    /// Takes what happens now; gives how the message ended if it did. An event of a message that is settled changes
    /// nothing, but for a replay.
    pub fn happen(&mut self, event: Event) -> Option<Ended> {
        if let What::Replayed(replay) = event.what {
            self.reopen(*replay);
            return None;
        }
        let open = self.open.get_mut(&event.message)?;
        let was_parked = open.is_parked();
        let ended = open.happen(event.what);
        let is_parked = open.is_parked() && ended.is_none();
        self.parked = self.parked + u64::from(is_parked) - u64::from(was_parked);
        let ended = ended?;
        *self.settled.count(ended) += 1;
        self.open.remove(&event.message);
        Some(ended)
    }

    /// What tables gave for a message stands in the journal there.
    pub fn answered(&mut self, message: u64, place: Place) {
        if let Some(open) = self.open.get_mut(&message) {
            open.answers = Some(place);
        }
    }

    /// Whether a settled message is still in the journal, and can be taken up again.
    pub fn remembers(&self, place: Place) -> bool {
        self.segments.keys().next().is_some_and(|first| place.segment() >= *first)
    }

    /// A message that was counted as settled is in flight again.
    fn reopen(&mut self, Replay { was, place, arrival, to }: Replay) {
        if self.open.contains_key(&place.number) || !self.remembers(place) {
            return;
        }
        let settled = self.settled.count(was);
        let Some(others) = settled.checked_sub(1) else { return };
        *settled = others;
        let open = Open { is_resumed: true, to: to.map(Into::into), ..Open::new(place, arrival) };
        self.open.insert(place.number, open);
    }

    pub fn law(&self) -> Law {
        let Ledger { accepted, settled, parked, .. } = *self;
        Law { accepted, settled, parked, in_flight: self.open.len() as u64 - parked }
    }

    /// When the last message came, in microseconds since 1970.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// What is not settled, in order.
    pub fn open(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    pub fn message(&self, number: u64) -> Option<&Open> {
        self.open.get(&number)
    }
}

impl Open {
    fn happen(&mut self, what: What) -> Option<Ended> {
        match what {
            What::Mapped { program, targets } => {
                let missing: Vec<_> = targets.into_iter().map(|target| (target.into(), None)).collect();
                let is_done = missing.is_empty();
                (self.parked, self.held_by) = (None, None);
                self.mapped = Some(Mapped { program, missing, is_given_up: false, is_returned: false });
                return is_done.then_some(Ended::Delivered);
            }
            What::Delivered { target } => return self.mapped.as_mut()?.without(|missing, _| *missing == *target),
            What::Returned { target, .. } => {
                let mapped = self.mapped.as_mut()?;
                mapped.is_returned = true;
                return mapped.without(|missing, _| *missing == *target);
            }
            What::Filtered { .. } => return Some(Ended::Filtered),
            What::Refused(_) => return Some(Ended::Refused),
            What::Parked { target, why } => self.park(target.as_deref(), why.into()),
            What::Held { route, why } => (self.parked, self.held_by) = (Some(why.into()), Some(route.into())),
            What::Released => self.release(),
            What::Dropped { .. } => return self.give_up(),
            // Of a message that is open already; how the delivery ended stands behind it. Who died of what is counted beside
            // the journal.
            What::Started | What::Replayed(_) | What::Replied { .. } => {}
        }
        None
    }

    fn park(&mut self, target: Option<&str>, why: Arc<str>) {
        let Some(target) = target else {
            (self.parked, self.held_by) = (Some(why), None);
            return;
        };
        let missing = self.mapped.iter_mut().flat_map(|mapped| &mut mapped.missing);
        for (_, parked) in missing.filter(|(missing, _)| **missing == *target) {
            *parked = Some(why.clone());
        }
    }

    /// Of what was never mapped nobody has anything: it may have been parked for an answer that has changed.
    fn release(&mut self) {
        if self.mapped.is_none() {
            self.answers = None;
        }
        (self.parked, self.held_by, self.is_resumed) = (None, None, true);
        for (_, parked) in self.mapped.iter_mut().flat_map(|mapped| &mut mapped.missing) {
            *parked = None;
        }
    }

    /// Deliveries that are not parked go on.
    fn give_up(&mut self) -> Option<Ended> {
        match &mut self.mapped {
            Some(mapped) if self.parked.is_none() => {
                mapped.is_given_up = true;
                mapped.without(|_, parked| parked.is_some())
            }
            _ => Some(Ended::Dropped),
        }
    }

    /// The ways out on which it is held: those that nobody brings it out on before it is released.
    pub fn held(&self) -> Vec<Arc<str>> {
        let missing = self.mapped.iter().flat_map(|mapped| &mapped.missing);
        let held = missing.filter(|(_, parked)| self.parked.is_some() || parked.is_some());
        held.map(|(way, _)| Arc::clone(way)).collect()
    }

    /// Whether something is yet to be done with it without a person: it is to be mapped, or to be delivered.
    pub fn goes_on(&self) -> bool {
        self.parked.is_none() && (self.mapped.is_none() || self.going().next().is_some())
    }

    /// The ways out on which it is going.
    pub fn going(&self) -> impl Iterator<Item = &Arc<str>> {
        let missing = self.mapped.iter().flat_map(|mapped| &mapped.missing);
        let going = missing.filter(|(_, parked)| self.parked.is_none() && parked.is_none());
        going.map(|(way, _)| way)
    }
}

impl Mapped {
    /// Some deliveries are none any more: how the message ends if none is left.
    fn without(&mut self, gone: impl Fn(&str, Option<&str>) -> bool) -> Option<Ended> {
        self.missing.retain(|(target, parked)| !gone(target, parked.as_deref()));
        let ended = match (self.is_returned, self.is_given_up) {
            (true, _) => Ended::Refused,
            (false, true) => Ended::Dropped,
            (false, false) => Ended::Delivered,
        };
        self.missing.is_empty().then_some(ended)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn what() -> impl Strategy<Value = What> {
        let target = || "[ab]";
        prop_oneof![
            Just(What::Started),
            prop::collection::vec(target(), 0..3).prop_map(|targets| What::Mapped { program: 1, targets }),
            target().prop_map(|target| What::Delivered { target }),
            Just(What::Filtered { because: String::new() }),
            Just(What::Refused(Refusal::Wrong(Wrong::DataType))),
            prop::option::of(target()).prop_map(|target| What::Parked { target, why: String::new() }),
            target().prop_map(|route| What::Held { route, why: String::new() }),
            Just(What::Released),
            Just(What::Dropped { because: String::new() }),
            (ended(), 0u64..5, prop::option::of(target())).prop_map(|(was, number, to)| {
                What::Replayed(Box::new(Replay { was, place: Place::of(number), arrival: came(), to }))
            }),
        ]
    }

    fn ended() -> impl Strategy<Value = Ended> {
        prop_oneof![Just(Ended::Delivered), Just(Ended::Filtered), Just(Ended::Refused), Just(Ended::Dropped)]
    }

    fn came() -> Arrival {
        Arrival { received: 0, identity: None, file: None, is_answered: false }
    }

    fn arrival() -> Entry {
        Entry::Arrival(came(), 0)
    }

    proptest! {
        #[test]
        fn the_law_holds_whatever_happens(steps in prop::collection::vec((0u64..5, prop::option::of(what())), 0..60)) {
            let mut ledger = Ledger::default();
            for (number, (message, what)) in steps.into_iter().enumerate() {
                let number = number as u64;
                // A message is taken up again behind its own record.
                let what = what.filter(|it| !matches!(it, What::Replayed(replay) if replay.place.number >= number));
                let entry = what.map_or_else(arrival, |what| Entry::Event(Event::now(message, what)));
                ledger.take(Place::of(number), entry);
                prop_assert!(ledger.law().holds());
                let parked = ledger.open().filter(|open| open.is_parked()).count() as u64;
                prop_assert_eq!(ledger.law().parked, parked);
            }
        }

        #[test]
        fn what_was_written_is_read(message: u64, what in what()) {
            let event = Event::now(message, what);
            prop_assert_eq!(Entry::read(super::super::entry::EVENT, &event.body()), Some(Entry::Event(event)));
        }
    }

    #[test]
    fn a_message_is_settled_when_all_targets_have_it() {
        let mut ledger = Ledger::default();
        ledger.take(Place::of(0), arrival());
        let mut happen = |what| {
            ledger.happen(Event::now(0, what));
            ledger.law()
        };
        let targets = vec!["ehr".to_owned(), "archive".to_owned()];
        assert_eq!(happen(What::Mapped { program: 1, targets }).in_flight, 1);
        assert_eq!(happen(What::Delivered { target: "ehr".into() }).in_flight, 1);
        assert_eq!(happen(What::Parked { target: Some("archive".into()), why: "409".into() }).parked, 1);
        assert_eq!(happen(What::Released).in_flight, 1);
        let law = happen(What::Delivered { target: "archive".into() });
        assert_eq!((law.settled.delivered, law.in_flight, law.parked), (1, 0, 0));
    }

    #[test]
    fn what_is_given_up_is_no_delivery() {
        let mut ledger = Ledger::default();
        ledger.take(Place::of(0), arrival());
        let targets = vec!["ehr".to_owned(), "archive".to_owned()];
        let happen = |ledger: &mut Ledger, what| ledger.happen(Event::now(0, what));
        assert_eq!(happen(&mut ledger, What::Mapped { program: 1, targets }), None);
        assert_eq!(happen(&mut ledger, What::Parked { target: Some("ehr".into()), why: "409".into() }), None);
        assert_eq!(happen(&mut ledger, What::Dropped { because: "merged by hand".into() }), None);
        // The other target gets it as before.
        assert_eq!((ledger.law().parked, ledger.law().in_flight), (0, 1));
        assert_eq!(happen(&mut ledger, What::Delivered { target: "archive".into() }), Some(Ended::Dropped));
        assert!(ledger.law().holds());
    }

    #[test]
    fn a_replay_takes_a_message_back_from_where_it_was_counted() {
        let mut ledger = Ledger::default();
        for number in 0..2 {
            ledger.take(Place::in_segment(number, 0), arrival());
            ledger.happen(Event::now(number, What::Mapped { program: 1, targets: Vec::new() }));
        }
        let replay =
            |number| Box::new(Replay { was: Ended::Delivered, place: Place::of(number), arrival: came(), to: None });
        assert_eq!(ledger.happen(Event::now(1, What::Replayed(replay(1)))), None);
        // Once more while it is under way changes nothing.
        assert_eq!(ledger.happen(Event::now(1, What::Replayed(replay(1)))), None);
        let law = ledger.law();
        assert_eq!((law.settled.delivered, law.in_flight, law.holds()), (1, 1, true));
        assert!(ledger.message(1).is_some_and(|open| open.is_resumed));
        assert_eq!(ledger.happen(Event::now(1, What::Filtered { because: String::new() })), Some(Ended::Filtered));
        assert!(ledger.law().holds());
    }

    #[test]
    fn a_message_whose_segment_is_gone_is_not_taken_up_again() {
        let mut ledger = Ledger::default();
        ledger.take(Place::in_segment(7, 5), arrival());
        ledger.happen(Event::now(7, What::Mapped { program: 1, targets: Vec::new() }));
        let place = Place::in_segment(3, 0);
        assert!(!ledger.remembers(place));
        let replay = Box::new(Replay { was: Ended::Delivered, place, arrival: came(), to: None });
        ledger.happen(Event::now(3, What::Replayed(replay)));
        assert_eq!((ledger.law().settled.delivered, ledger.law().in_flight), (1, 0));
    }

    #[test]
    fn segments_go_when_all_in_them_is_settled_and_old() {
        let mut ledger = Ledger::default();
        for number in 0..4u64 {
            let arrival = Arrival { received: number as i64 * 10, identity: None, file: None, is_answered: false };
            ledger.take(Place::in_segment(number, number / 2 * 2), Entry::Arrival(arrival, 0));
        }
        let settle = |ledger: &mut Ledger, message| {
            ledger.happen(Event::now(message, What::Filtered { because: String::new() }));
        };
        settle(&mut ledger, 0);
        assert_eq!(ledger.forgettable(100), None);
        settle(&mut ledger, 1);
        assert_eq!(ledger.forgettable(20), None);
        assert_eq!(ledger.forgettable(21), Some(2));
        assert_eq!(ledger.forgettable(100), None);
    }

    #[test]
    fn a_message_has_its_bytes_behind_it() {
        let arrival = Arrival {
            received: 7,
            identity: Some(Identity { key: 1, body: 2 }),
            file: Some("a.hl7".into()),
            is_answered: true,
        };
        let body = [&arrival.head(), &b"MSH|^~\\&"[..]].concat();
        let Some(Entry::Arrival(read, head)) = Entry::read(super::super::entry::ARRIVAL, &body) else { panic!() };
        assert_eq!((read, &body[head..]), (arrival, &b"MSH|^~\\&"[..]));
    }

    use super::super::entry::{Identity, Refusal};
    use emr_message::answer::Wrong;
}
