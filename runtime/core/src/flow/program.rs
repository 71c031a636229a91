//! What a project's compiled maps do for the runtime, which knows nothing of them.

use std::sync::Arc;

use bytes::Bytes;
use emr_message::Receipt;
use emr_message::answer::{Code, Problem};

use super::issues::Issues;

/// A project that is ready to run. All that it does is pure: the same message and receipt give the same.
pub trait Program: Send + Sync + 'static {
    /// What tells this program from others, of all that goes into it.
    fn hash(&self) -> u64;

    /// Where a message of a feed goes. `feed` counts the feeds of the wiring that it was compiled with.
    fn sort(&self, feed: usize, message: &[u8], receipt: &Receipt) -> Sorted;

    /// Sends a message of a feed through the maps of a route, both by their numbers in the wiring.
    fn map(&self, feed: usize, route: usize, message: &Bytes, receipt: &Receipt) -> Mapped;

    /// What the sender of a message gets of what a target of a route says of it, turned to whoever sent it. Where an
    /// acknowledgment does not say itself how it went, it says the code.
    fn reply(&self, feed: usize, route: usize, message: &Bytes, said: (&Made, Code), receipt: &Receipt)
    -> Mapped<Made>;

    /// The values of settings that read a message of a feed, by their numbers: of each none if the message has none.
    fn read(&self, feed: usize, readings: &[usize], message: &[u8], receipt: &Receipt) -> Vec<Vec<String>>;
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sorted {
    /// Through these routes; none where no condition holds.
    Routes(Vec<usize>),
    /// Nowhere: the project says so, for this reason.
    Ignored(Arc<str>),
    /// The feed does not accept its type, event or version.
    NotServed(Problem),
    /// It is no message.
    Unreadable(Problem),
}

/// What came of a message in a route, or of what a target says of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Mapped<M = Vec<Made>> {
    pub result: Result<M, Rejected>,
    /// The issues that were raised.
    pub issues: Issues,
    /// The tables, of those that alarms watch, that lack what the message looks up in them.
    pub misses: Vec<Arc<str>>,
}

/// Without a word of a map.
impl<M> From<Result<M, Rejected>> for Mapped<M> {
    fn from(result: Result<M, Rejected>) -> Mapped<M> {
        Mapped { result, issues: Issues::default(), misses: Vec::new() }
    }
}

/// What a map made. `Debug` shows its size alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    pub form: Form,
    pub bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// FHIR, as JSON.
    Json,
    /// A message of HL7 v2.
    Message,
}

/// A map refuses the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// `R0501`
    pub code: String,
    /// What the map says, which holds no value of the message.
    pub text: String,
    /// For the sender.
    pub problem: Problem,
    /// A fault of the machinery, and not a word of the map.
    pub is_fault: bool,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Made({:?}, {} bytes)", self.form, self.bytes.len())
    }
}

impl<M: std::fmt::Debug> std::fmt::Debug for Mapped<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapped").field("result", &self.result).field("issues", &self.issues).finish()
    }
}
