//! Which messages of journals somebody looks for: by when they came, by MSH-10, and by what their feed keeps them in order
//! by.

use std::path::PathBuf;
use std::sync::Arc;

use emr_message::header::Header;

use crate::flow::intake;
use crate::flow::program::Program;
use crate::journal::entry::Arrival;
use crate::journal::fs::Disk;
use crate::journal::log::Fault;
use crate::journal::search::{self, Found, State, Wanted};

/// What is said of them: all that is said holds for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// They came then or later, in microseconds since 1970.
    pub since: Option<i64>,
    /// They came before that.
    pub until: Option<i64>,
    /// MSH-10
    pub control_id: Option<String>,
    /// Where they are now.
    pub state: Option<State>,
    /// How many of each feed are found: the last ones.
    pub limit: usize,
}

/// One of the values by which a feed keeps its messages in order.
pub struct Key {
    feed: Arc<str>,
    /// What reads the values, and by which number it knows the feed.
    program: (Arc<dyn Program>, usize),
    order_by: Vec<usize>,
    value: String,
}

impl Sought {
    /// Those of the journal in that folder, with that key if there is one.
    ///
    /// # Errors
    /// The file system refuses, or the journal is damaged.
    pub fn found(&self, folder: PathBuf, key: Option<&Key>) -> Result<Found, Fault> {
        let fits = |number: u64, arrival: &Arrival, message: &[u8]| {
            self.since.is_none_or(|since| arrival.received >= since)
                && self.until.is_none_or(|until| arrival.received < until)
                && self.control_id.as_ref().is_none_or(|wanted| has_control_id(message, wanted))
                && key.is_none_or(|key| key.is_of(number, arrival, message))
        };
        search::search(Disk, folder, &Wanted { fits: &fits, state: self.state, limit: self.limit })
    }
}

fn has_control_id(message: &[u8], wanted: &str) -> bool {
    Header::read(message).is_some_and(|header| header.field(10) == wanted.as_bytes())
}

impl Key {
    /// `order_by` is what the feed keeps its messages in order by: nothing if that is nothing. `program` is what reads it of
    /// them, with the number that the feed has there.
    pub fn new(feed: &str, program: (Arc<dyn Program>, usize), order_by: &[usize], value: &str) -> Option<Key> {
        let key = || Key { feed: feed.into(), program, order_by: order_by.to_owned(), value: value.to_owned() };
        (!order_by.is_empty()).then(key)
    }

    fn is_of(&self, number: u64, arrival: &Arrival, message: &[u8]) -> bool {
        let receipt = intake::receipt(&self.feed, number, arrival);
        let (program, feed) = &self.program;
        program.read(*feed, &self.order_by, message, &receipt).iter().flatten().any(|value| *value == self.value)
    }
}
