//! Messages that are known: a sender that got no answer sends the same once more.

use std::collections::VecDeque;

use emr_message::answer::{Code, Problem};
use emr_message::header::Header;
use rustc_hash::FxHashMap;
use tokio::sync::watch;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::journal::entry::{Identity, Refusal};
use crate::journal::log::Place;

/// What became of a message, as its sender is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is ours.
    Good,
    /// It is no message that can be read: stored, and the sender's again.
    Unreadable(Problem),
    /// Its content is wrong: likewise.
    Wrong(Problem),
    /// Its type, event or version is not served: likewise.
    NotServed(Problem),
    /// It is ours, and its sender gets what stands there in the journal.
    Replied(Place),
    /// What its sender waits for is not to be had: stored, and the sender's again.
    Unanswered,
    /// It is not stored, and nothing is said.
    Later,
}

impl Verdict {
    /// What is wrong, if its sender has it back.
    pub fn problem(&self) -> Option<Problem> {
        match self {
            Verdict::Good | Verdict::Replied(_) | Verdict::Later => None,
            Verdict::Unreadable(problem) | Verdict::Wrong(problem) | Verdict::NotServed(problem) => {
                Some(problem.clone())
            }
            Verdict::Unanswered => Some(Problem::unanswered()),
        }
    }

    /// What MSA-1 says of it (HL7 table 0008), where the target says nothing itself. Nothing where nothing is said.
    pub fn code(&self) -> Option<Code> {
        Some(match self {
            Verdict::Good | Verdict::Replied(_) => Code::Accept,
            Verdict::Unreadable(_) | Verdict::Wrong(_) | Verdict::Unanswered => Code::Error,
            Verdict::NotServed(_) => Code::Reject,
            Verdict::Later => return None,
        })
    }
}

impl From<Refusal> for Verdict {
    /// The place of what is wrong is not kept.
    fn from(refusal: Refusal) -> Verdict {
        match refusal {
            Refusal::Unreadable(wrong) => Verdict::Unreadable(Problem::new(wrong, None)),
            Refusal::Wrong(wrong) => Verdict::Wrong(Problem::new(wrong, None)),
            Refusal::Rejected { wrong, said } => {
                Verdict::Wrong(Problem { said: Some(said.into()), ..Problem::new(wrong, None) })
            }
            Refusal::Unread { wrong, said } => {
                Verdict::Unreadable(Problem { said: Some(said.into()), ..Problem::new(wrong, None) })
            }
            Refusal::NotServed(wrong) => Verdict::NotServed(Problem::new(wrong, None)),
        }
    }
}

/// How far a message is on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Its number, once something is known of it.
    pub number: Option<u64>,
    /// And mapped, where the feed answers no sooner.
    pub is_stored: bool,
    /// What its sender is told, once that is known.
    pub verdict: Option<Verdict>,
}

/// Where the answer to a message comes from.
#[derive(Clone)]
pub enum Answer {
    /// To the message of that number.
    Known(u64, Verdict),
    /// It is under way.
    Coming(watch::Receiver<Progress>),
}

impl Answer {
    /// Waits until the message is on disk, and mapped where the feed answers no sooner; gives what its sender is told, as
    /// far as that is known by then.
    pub async fn stored(&mut self) -> Option<Verdict> {
        match self {
            Answer::Known(_, verdict) => Some(verdict.clone()),
            Answer::Coming(coming) => {
                let far = |progress: &Progress| progress.is_stored || progress.verdict.is_some();
                // Whoever should have said so is gone, with the process or the disk.
                coming.wait_for(far).await.map_or(Some(Verdict::Later), |progress| progress.verdict.clone())
            }
        }
    }

    /// How far it is now.
    pub fn progress(&self) -> Progress {
        match self {
            Answer::Known(number, verdict) => {
                Progress { number: Some(*number), is_stored: true, verdict: Some(verdict.clone()) }
            }
            Answer::Coming(coming) => coming.borrow().clone(),
        }
    }

    /// Waits for what the sender is to be told.
    pub async fn verdict(&mut self) -> Verdict {
        match self {
            Answer::Known(_, verdict) => verdict.clone(),
            Answer::Coming(coming) => {
                let told = coming.wait_for(|progress| progress.verdict.is_some()).await;
                // Whoever should have answered is gone, with the process or the disk.
                told.ok().and_then(|progress| progress.verdict.clone()).unwrap_or(Verdict::Later)
            }
        }
    }
}

/// The messages of one feed by what identifies them.
#[derive(Default)]
pub struct Seen {
    known: FxHashMap<u64, (u64, Answer)>,
    /// When each came, in microseconds since 1970, in the order in which they came.
    came: VecDeque<(i64, Identity)>,
}

/// Whether a message was seen.
pub enum Found {
    New,
    /// The same bytes: whoever sends them gets the same answer.
    Same(Answer),
    /// Another message under the same identity.
    Other,
}

impl Seen {
    pub fn find(&self, identity: Identity) -> Found {
        match self.known.get(&identity.key) {
            None => Found::New,
            Some((body, answer)) if *body == identity.body => Found::Same(answer.clone()),
            Some(_) => Found::Other,
        }
    }

    /// A message that came just now.
    pub fn take(&mut self, identity: Identity, answer: Answer, came: i64) {
        self.came.push_back((came, identity));
        self.note(identity, answer);
    }

    /// What its sender is told.
    pub fn note(&mut self, identity: Identity, answer: Answer) {
        self.known.insert(identity.key, (identity.body, answer));
    }

    /// Forgets what came before this time.
    pub fn forget_before(&mut self, time: i64) {
        while let Some((_, identity)) = self.came.pop_front_if(|(came, _)| *came < time) {
            self.forget(identity);
        }
    }

    /// The message was not stored after all.
    pub fn forget(&mut self, identity: Identity) {
        if self.known.get(&identity.key).is_some_and(|(body, _)| *body == identity.body) {
            self.known.remove(&identity.key);
        }
    }
}

/// What tells a message from others: its sender and MSH-10, or else what its feed claimed it by. Nothing where there is
/// neither, for then two are two.
pub fn identity(message: &[u8], claim: Option<u64>) -> Option<Identity> {
    let body = xxh3_64(message);
    let fields = Header::read(message).map(|header| header.fields([3, 4, 10]));
    let Some(fields) = fields.filter(|[.., control]| !control.is_empty()) else {
        return claim.map(|key| Identity { key, body });
    };
    let mut key = Xxh3::new();
    for field in fields {
        key.update(field);
        // No field holds a line end.
        key.update(b"\r");
    }
    Some(Identity { key: key.digest(), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_sender_and_control_id() {
        let one = identity(b"MSH|^~\\&|A|H|||1||ADT^A01|7|P|2.5\rPID|1", None).unwrap();
        let same_key = identity(b"MSH|^~\\&|A|H|||2||ADT^A01|7|P|2.5\rPID|2", None).unwrap();
        assert!(one.key == same_key.key && one.body != same_key.body);
        let other = identity(b"MSH|^~\\&|AH||||1||ADT^A01|7|P|2.5", None).unwrap();
        assert!(one.key != other.key);
        assert!(identity(b"MSH|^~\\&|A|H|||1||ADT^A01||P|2.5", None).is_none());
        let mut seen = Seen::default();
        seen.take(one, Answer::Known(0, Verdict::Good), 5);
        assert!(matches!(seen.find(one), Found::Same(_)));
        assert!(matches!(seen.find(same_key), Found::Other));
        assert!(matches!(seen.find(other), Found::New));
        seen.forget_before(5);
        assert!(matches!(seen.find(one), Found::Same(_)));
        seen.forget_before(6);
        assert!(matches!(seen.find(one), Found::New));
    }
}
