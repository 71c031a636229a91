//! What a line of the audit says, and how it is chained to the one before.

use std::collections::BTreeMap;
use std::io::Write;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::flow::witness::{Happening, Leaving};
use crate::journal::entry::{self, Entry};
use crate::journal::id::Id;
use crate::observe::log::words;

/// SHA-256 of a line, without its end.
pub type Hash = [u8; 32];

/// What stands before the first line.
pub const NOTHING: Hash = [0; 32];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An engine began.
    Started,
    /// An engine ended well.
    Stopped,
    /// A message is on disk, and its sender will be told so.
    Accepted,
    /// A rule keeps it from all targets.
    Filtered,
    /// Its sender was told that it is not taken.
    Refused,
    /// A target has it.
    Delivered,
    /// Its sender got what a target said.
    Replied,
    /// It waits for a person.
    Parked,
    /// A person let it go on.
    Released,
    /// A person gave it up.
    Dropped,
    /// A person had it delivered once more.
    Replayed,
    /// A person looked at what it holds.
    Viewed,
    /// The project was changed while it ran, or was to be.
    Reloaded,
    /// A person gave up what is damaged in the journal of a feed.
    Repaired,
    /// Something else was asked of the engine.
    Asked,
    /// Somebody called the admin API.
    Called,
    /// A peer was not let in, or sent what is no message.
    Turned,
    /// Records of a journal were gone before they could be read for the audit.
    Gone,
    /// There was more at once than could be written.
    LeftOut,
    /// The audit itself was not as it was left.
    Damaged,
    /// Where the audit is in each journal: begins each file.
    Reached,
}

/// An event. Nothing of it is a value of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Microseconds since 1970.
    pub at: i64,
    pub what: What,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// The number of the record in the journal of its feed that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The message: `adt-17`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `labs>ehr`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// A person of the machine, a caller by its name, or the address of a peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// It was asked for and not done.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_refused: bool,
    /// The next record of each journal that is not in the audit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reached: BTreeMap<String, u64>,
}

fn is_false(it: &bool) -> bool {
    !it
}

/// A line that was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Line {
    pub number: u64,
    /// Hash of the line before, in hexadecimal digits.
    pub before: String,
    #[serde(flatten)]
    pub said: Said,
}

impl Said {
    pub fn now(what: What) -> Said {
        Said::of(crate::clock::microseconds(), what)
    }

    pub fn of(at: i64, what: What) -> Said {
        let (feed, record, id, way, why, who) = (None, None, None, None, None, None);
        Said { at, what, feed, record, id, way, why, who, is_refused: false, reached: BTreeMap::new() }
    }

    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Said {
        self.why = Some(why.into());
        self
    }

    #[must_use]
    pub fn by(mut self, who: impl Into<String>) -> Said {
        self.who = Some(who.into());
        self
    }

    #[must_use]
    pub fn at_feed(mut self, feed: &str) -> Said {
        self.feed = Some(feed.to_owned());
        self
    }

    /// That a peer was not let in, or left in the middle of something; nothing for what is neither.
    pub fn turned(what: &Happening<'_>) -> Option<Said> {
        let (who, why) = match *what {
            Happening::TurnedAway { peer, who: "", status } => (peer.to_string(), format!("HTTP {status}")),
            Happening::TurnedAway { who, status, .. } => (who.to_owned(), format!("HTTP {status}")),
            Happening::Left { peer, why } if why != Leaving::Done => (peer.to_string(), words(why).to_owned()),
            _ => return None,
        };
        Some(Said::now(What::Turned).by(who).because(why))
    }

    /// What a record of a feed's journal is to the audit; nothing for what is of no interest to it. `body` may be cut off
    /// where a message begins.
    pub fn of_record(feed: &str, number: u64, kind: u8, body: &[u8]) -> Option<Said> {
        let mut said = match Entry::read(kind, body)? {
            Entry::Arrival(arrival, _) => {
                let mut said = Said::of(arrival.received, What::Accepted);
                said.id = Some(Id::new(feed, number).to_string());
                said
            }
            Entry::Answered(_) => return None,
            Entry::Event(event) => {
                let (what, way, why) = of_event(event.what)?;
                let id = Some(Id::new(feed, event.message).to_string());
                let who = event.who.as_deref().map(str::to_owned);
                Said { id, way, why, who, ..Said::of(event.at, what) }
            }
        };
        (said.feed, said.record) = (Some(feed.to_owned()), Some(number));
        Some(said)
    }

    /// Writes the line of this number behind what `text` holds, without its end, and gives its hash.
    pub fn line(&self, number: u64, before: &Hash, text: &mut Vec<u8>) -> Hash {
        let start = text.len();
        // Memory takes all that is written to it.
        let _ = write!(text, "{{\"number\":{number},\"before\":\"{}\"", hex(before));
        // In the place of the brace that its own object begins with.
        let brace = text.len();
        let _ = serde_json::to_writer(&mut *text, self);
        text.get_mut(brace).into_iter().for_each(|it| *it = b',');
        hash(text.get(start..).unwrap_or_default())
    }
}

type Told = (What, Option<String>, Option<String>);

fn of_event(what: entry::What) -> Option<Told> {
    Some(match what {
        entry::What::Started | entry::What::Mapped { .. } => return None,
        entry::What::Delivered { target } => (What::Delivered, Some(target), None),
        entry::What::Filtered { because } => (What::Filtered, None, Some(because)),
        entry::What::Refused(refusal) => {
            let wrong = refusal.wrong();
            (What::Refused, None, Some(format!("{} {}", wrong.code(), wrong.text())))
        }
        entry::What::Replied { target, .. } => (What::Replied, Some(target), None),
        entry::What::Returned { target, why, .. } => (What::Refused, Some(target), Some(why)),
        entry::What::Parked { target, why } => (What::Parked, target, Some(why)),
        entry::What::Held { why, .. } => (What::Parked, None, Some(why)),
        entry::What::Released => (What::Released, None, None),
        entry::What::Dropped { because } => (What::Dropped, None, Some(because)),
        entry::What::Replayed(replay) => (What::Replayed, replay.to, None),
    })
}

pub fn hash(line: &[u8]) -> Hash {
    Sha256::digest(line).into()
}

pub fn hex(hash: &Hash) -> String {
    HEXLOWER.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entry::{ARRIVAL, Arrival, EVENT, Event};

    #[test]
    fn a_line_says_what_a_record_says_and_no_word_of_the_message() {
        let arrival = Arrival { received: 7, identity: None, file: Some("EVERYWOMAN.hl7".into()), is_answered: false };
        let body = [&arrival.head(), &b"MSH|^~\\&|EVERYWOMAN"[..]].concat();
        let said = Said::of_record("adt", 4, ARRIVAL, &body).unwrap();
        let mut line = Vec::new();
        said.line(9, &NOTHING, &mut line);
        let zeros = "0".repeat(64);
        let text = format!(
            r#"{{"number":9,"before":"{zeros}","at":7,"what":"accepted","feed":"adt","record":4,"id":"adt-5"}}"#
        );
        assert_eq!(String::from_utf8(line.clone()).unwrap(), text);
        assert_eq!(serde_json::from_slice::<Line>(&line).unwrap(), Line { number: 9, before: zeros, said });
        let parked = entry::What::Parked { target: Some("all>ehr".into()), why: "400".into() };
        let event = Event { message: 4, at: 8, what: parked, who: None };
        let said = Said::of_record("adt", 6, EVENT, &event.body()).unwrap();
        assert_eq!(
            (said.what, said.id.as_deref(), said.way.as_deref()),
            (What::Parked, Some("adt-5"), Some("all>ehr"))
        );
        let released = Event { what: entry::What::Released, who: Some("alice".into()), ..event.clone() };
        let said = Said::of_record("adt", 7, EVENT, &released.body()).unwrap();
        assert_eq!((said.what, said.who.as_deref()), (What::Released, Some("alice")));
        let mapped = Event { what: entry::What::Mapped { program: 1, targets: Vec::new() }, ..event };
        assert_eq!(Said::of_record("adt", 7, EVENT, &mapped.body()), None);
    }
}
