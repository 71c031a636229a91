//! What waits for the thread of the maps, in its order. While that waits for a table, messages that come behind are
//! accepted all the same: who sends them may be answered as soon as they are stored.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::intake::Work;
use super::seen::Progress;
use crate::journal::entry::Identity;

/// The thread's own: nobody else takes from it.
pub(super) struct Line {
    work: mpsc::Receiver<Work>,
    behind: VecDeque<Behind>,
    /// Nobody sends any more.
    is_closed: bool,
}

pub(super) enum Behind {
    Work(Work),
    Accepted(Accepted),
}

/// A message that is in the ledger and was not mapped yet.
pub(super) struct Accepted {
    pub number: u64,
    pub identity: Option<Identity>,
    pub answer: watch::Sender<Progress>,
    /// Nothing where it waits in the journal alone.
    pub message: Option<Bytes>,
}

impl Line {
    pub fn new(work: mpsc::Receiver<Work>) -> Line {
        Line { work, behind: VecDeque::new(), is_closed: false }
    }

    /// What is to be done next. Nothing once nobody sends any more.
    pub fn next(&mut self) -> Option<Behind> {
        self.behind.pop_front().or_else(|| self.work.blocking_recv().map(Behind::Work))
    }

    /// What somebody sends while the thread waits for something else; never comes once nobody sends any more. It can be left
    /// off at any time.
    pub async fn come(&mut self) -> Work {
        if !self.is_closed
            && let Some(work) = self.work.recv().await
        {
            return work;
        }
        self.is_closed = true;
        std::future::pending().await
    }

    pub fn put(&mut self, behind: Behind) {
        self.behind.push_back(behind);
    }
}
