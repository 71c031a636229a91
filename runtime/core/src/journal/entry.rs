//! What the records of a journal say.

use std::sync::Arc;

use emr_message::answer::Wrong;
use emr_message::answers::{Answer, Question};
use postcard::{from_bytes, take_from_bytes, to_extend};
use serde::{Deserialize, Serialize};

use super::log::Place;
use crate::clock;

/// A message as it was taken in. Its bytes stand behind it, as they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Arrival {
    /// Microseconds since 1970, by the clock of the wall: a stamp, and no order.
    pub received: i64,
    /// What tells that it was sent before; none where MSH-10 is empty.
    pub identity: Option<Identity>,
    /// The file that it stood in.
    pub file: Option<String>,
    /// Its sender is told that it is there as soon as it is stored: it is never refused later.
    pub is_answered: bool,
}

/// An arrival as it stands in a journal.
#[derive(Serialize, Deserialize)]
struct Written {
    received: i64,
    identity: Option<Identity>,
    came: Came,
}

/// Journals know each by its place in this list. The first two are what an `Option` of the file is to them.
#[derive(Serialize, Deserialize)]
enum Came {
    Alone,
    InFile(String),
    AloneAnswered,
    InFileAnswered(String),
}

impl From<Written> for Arrival {
    fn from(Written { received, identity, came }: Written) -> Arrival {
        let (file, is_answered) = match came {
            Came::Alone => (None, false),
            Came::InFile(file) => (Some(file), false),
            Came::AloneAnswered => (None, true),
            Came::InFileAnswered(file) => (Some(file), true),
        };
        Arrival { received, identity, file, is_answered }
    }
}

impl From<Arrival> for Written {
    fn from(Arrival { received, identity, file, is_answered }: Arrival) -> Written {
        let came = match (file, is_answered) {
            (None, false) => Came::Alone,
            (Some(file), false) => Came::InFile(file),
            (None, true) => Came::AloneAnswered,
            (Some(file), true) => Came::InFileAnswered(file),
        };
        Written { received, identity, came }
    }
}

/// Hashes by which a message is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Of feed, MSH-3, MSH-4 and MSH-10.
    pub key: u64,
    /// Of all its bytes.
    pub body: u64,
}

/// Something that happened to a message that is in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Number of the message's record.
    pub message: u64,
    /// Microseconds since 1970, by the clock of the wall: a stamp, and no order.
    pub at: i64,
    pub what: What,
    /// The person who had it done, where it was one. It stands behind the rest in its record, where a version that does not
    /// know it does not look.
    #[serde(skip)]
    pub who: Option<Arc<str>>,
}

/// A journal holds each by its place in this list: a new one stands last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A process has died of it: its map had begun, and had not come to an end.
    Started,
    /// It was mapped with the program of this hash, and these targets are to get it.
    Mapped { program: u64, targets: Vec<String> },
    /// A target has it.
    Delivered { target: String },
    /// A rule keeps it from all targets, for this reason.
    Filtered { because: String },
    /// Its sender was told that it is not taken.
    Refused(Refusal),
    /// It waits for a person: all of it, or its delivery to one target.
    Parked { target: Option<String>, why: String },
    /// A person lets it go on where it was parked.
    Released,
    /// A person gives up what of it is parked, for this reason.
    Dropped { because: String },
    /// A person wants it once more, although it was settled.
    Replayed(Box<Replay>),
    /// Its sender gets this of what a target said; it gets it again for the same message, which this knows, unless a person
    /// sent it on.
    Replied { target: String, identity: Option<Identity>, reply: Reply },
    /// Its sender waited for what this target says, and was told that it has the message again. The same message is new
    /// then, unless what the target said came with it.
    Returned { target: String, identity: Option<Identity>, why: String },
    /// The map of this route refuses it, and so all of it waits for a person.
    Held { route: String, why: String },
}

/// What a sender gets in the place of an acknowledgment. `Debug` shows its size alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// A resource of FHIR; otherwise it is a message of HL7 v2.
    pub is_json: bool,
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({} bytes)", self.bytes.len())
    }
}

/// What tables gave that a running engine asks, for a message that is in the journal: it is mapped with these again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Number of the message's record.
    pub message: u64,
    /// Microseconds since 1970, by the clock of the wall: a stamp, and no order.
    pub at: i64,
    pub answers: Vec<(Question, Answer)>,
}

/// What must be known of a settled message to take it up again: it may be long ago that it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// How it was settled, which it is no more.
    pub was: Ended,
    pub place: Place,
    pub arrival: Arrival,
    /// The only target that is to get it; without one, all that the project sends it to.
    pub to: Option<String>,
}

/// How a message is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All targets have it.
    Delivered,
    /// A rule keeps it from all targets.
    Filtered,
    /// It is its sender's again.
    Refused,
    /// A person gave it up, or a delivery of it.
    Dropped,
}

impl What {
    /// The reason for which it happened, where there is one.
    pub fn why(&self) -> Option<&str> {
        match self {
            What::Filtered { because } | What::Dropped { because } => Some(because),
            What::Refused(Refusal::Rejected { said, .. }) => Some(said),
            What::Refused(refusal) => Some(refusal.wrong().text()),
            What::Parked { why, .. } | What::Held { why, .. } | What::Returned { why, .. } => Some(why),
            What::Started
            | What::Mapped { .. }
            | What::Delivered { .. }
            | What::Replied { .. }
            | What::Released
            | What::Replayed(_) => None,
        }
    }
}

/// Why a sender has its message back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Its content is wrong.
    Wrong(Wrong),
    /// Its type, event or version is not served.
    NotServed(Wrong),
    /// It is no message that can be read.
    Unreadable(Wrong),
    /// A map says that its content is wrong, in its own words, which hold no value.
    Rejected { wrong: Wrong, said: String },
    /// It cannot be read as one message, and why, in words that hold no value.
    Unread { wrong: Wrong, said: String },
}

impl Refusal {
    pub fn wrong(&self) -> Wrong {
        match self {
            Refusal::Wrong(wrong)
            | Refusal::NotServed(wrong)
            | Refusal::Unreadable(wrong)
            | Refusal::Rejected { wrong, .. }
            | Refusal::Unread { wrong, .. } => *wrong,
        }
    }

    /// In words that hold no value.
    pub fn text(&self) -> &str {
        match self {
            Refusal::Rejected { said, .. } | Refusal::Unread { said, .. } => said,
            _ => self.wrong().text(),
        }
    }
}

/// What a record of a journal is.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// And how many bytes of the body stand before the message.
    Arrival(Arrival, usize),
    Event(Event),
    Answered(Answered),
}

/// The kind of a record that holds a message.
pub const ARRIVAL: u8 = 1;
/// The kind of a record that holds an event.
pub const EVENT: u8 = 2;
/// The kind of a record that says that all before it ended well.
pub const CLOSED: u8 = 3;
/// The kind of a record that holds what tables gave for a message; 4 is [`super::frame::LOST`].
pub const ANSWERS: u8 = 5;

impl Arrival {
    /// The body of its record, but for the message, which stands behind it.
    pub fn head(&self) -> Vec<u8> {
        written(self)
    }
}

impl Event {
    fn read(body: &[u8]) -> Option<Event> {
        let (event, behind) = take_from_bytes::<Event>(body).ok()?;
        let who = std::str::from_utf8(behind).ok().filter(|who| !who.is_empty());
        Some(Event { who: who.map(Arc::from), ..event })
    }

    /// What happens to a message now.
    pub fn now(message: u64, what: What) -> Event {
        Event { message, at: clock::microseconds(), what, who: None }
    }

    /// What a person has done with a message now.
    pub fn by(who: &Arc<str>, message: u64, what: What) -> Event {
        Event { who: Some(Arc::clone(who)), ..Event::now(message, what) }
    }

    /// The body of its record.
    pub fn body(&self) -> Vec<u8> {
        let mut body = written(self);
        body.extend_from_slice(self.who.as_deref().unwrap_or_default().as_bytes());
        body
    }
}

impl Answered {
    /// What is known of a message now.
    pub fn now(message: u64, answers: Vec<(Question, Answer)>) -> Answered {
        Answered { message, at: clock::microseconds(), answers }
    }

    /// The body of its record.
    pub fn body(&self) -> Vec<u8> {
        written(self)
    }
}

/// Numbers and texts always have a form.
fn written(value: &impl Serialize) -> Vec<u8> {
    to_extend(value, Vec::with_capacity(64)).unwrap_or_default()
}

impl Entry {
    /// Nothing if the record is of a kind that this version does not know, or is not as this version writes it.
    pub fn read(kind: u8, body: &[u8]) -> Option<Entry> {
        match kind {
            ARRIVAL => {
                let (arrival, message) = take_from_bytes(body).ok()?;
                Some(Entry::Arrival(arrival, body.len() - message.len()))
            }
            EVENT => Event::read(body).map(Entry::Event),
            ANSWERS => from_bytes(body).ok().map(Entry::Answered),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_something_done_stands_where_other_versions_do_not_look() {
        let nobody = Event { message: 3, at: 7, what: What::Released, who: None };
        let event = Event { who: Some("alice".into()), ..nobody.clone() };
        assert_eq!(Entry::read(EVENT, &event.body()), Some(Entry::Event(event.clone())));
        // As a version reads it that knows nothing of it, and as that version writes.
        assert_eq!(from_bytes::<Event>(&event.body()).unwrap(), nobody);
        assert_eq!(Entry::read(EVENT, &written(&event)), Some(Entry::Event(nobody)));
    }

    #[test]
    fn an_arrival_stands_in_a_journal_as_one_whose_sender_is_not_answered_always_did() {
        for file in [None, Some("a.hl7".to_owned())] {
            let identity = Some(Identity { key: 1, body: 2 });
            let before = written(&(7i64, identity, &file));
            let arrival = Arrival { received: 7, identity, file, is_answered: false };
            assert_eq!(arrival.head(), before);
            let answered = Arrival { is_answered: true, ..arrival };
            assert_eq!(take_from_bytes::<Arrival>(&answered.head()).unwrap().0, answered);
        }
    }
}
