//! What happens while a project runs, told to whoever looks on: counters, logs, traces, the audit, alarms.
//!
//! No value of a message is in it: names of the project, numbers, sizes, times, and reasons that hold none.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::issues::Issues;
use super::retry::Failure;
use crate::journal::entry::What;

/// Somebody who looks on. It is told on the way of the messages, and must not wait for anything.
pub trait Witness: Send + Sync + 'static {
    /// `feed` is the name of the feed at which it happens.
    fn see(&self, feed: &str, what: &Happening<'_>);
}

#[derive(Clone, Debug)]
pub enum Happening<'a> {
    /// A peer has connected.
    Came { peer: IpAddr },
    /// A connection has ended, or never began.
    Left { peer: IpAddr, why: Leaving },
    /// A request was not answered, with that status of HTTP: of somebody who may not ask, or one that did not come as it
    /// must. `who` is empty where nobody knows.
    TurnedAway { peer: IpAddr, who: &'a str, status: u16 },
    /// A message is on disk, so long after all of it had come.
    Accepted { number: u64, bytes: usize, took: Duration },
    /// The same message once more: its sender is told what it was told before.
    Known,
    /// Another message with the MSH-10 of one before; it is accepted as new.
    Reused,
    /// A file holds a message longer than is taken, and stays where it is.
    TooLong { bytes: u64 },
    /// A file, or the folder that is watched, cannot be read or moved, for that reason: it stays as it is and is tried again.
    FileStays { why: std::io::ErrorKind },
    /// A server was asked for what is new, and gave so many resources, known ones among them.
    Asked { found: usize, took: Duration, failure: Option<&'a Failure> },
    /// A table was asked for a message, or an answer from before was taken.
    LookedUp {
        number: u64,
        table: &'a str,
        is_cached: bool,
        is_there: bool,
        took: Duration,
        failure: Option<&'a Failure>,
    },
    /// There is no room for a message on the disk.
    Full,
    /// Damage of a message was repaired, so often.
    Repaired { number: u64, count: usize },
    /// A route has no part in a message: its condition does not hold, it has seen the keys, or it drops what its map refuses.
    LeftOut { number: u64, route: &'a str },
    /// A route's map has come to its end.
    Mapped { number: u64, route: &'a str, took: Duration, issues: &'a Issues, is_refused: bool },
    /// The map of a route's reply has come to its end.
    ReplyMapped { number: u64, route: &'a str, took: Duration, issues: &'a Issues, is_refused: bool },
    /// A table whose misses an alarm watches lacks what a map looks up in it.
    Missed { table: &'a str },
    /// The journal says so from now on. A person had it done, where there is a `who`.
    Noted { number: u64, what: &'a What, who: Option<&'a str> },
    /// A delivery was tried for the `tried`th time since the process began.
    Tried { number: u64, way: &'a str, tried: u32, took: Duration, failure: Option<&'a Failure> },
    /// Somebody has looked at what a message holds.
    Viewed { id: &'a str, who: &'a str },
    /// Somebody asked for something to be done with messages of a feed, and this one it was not done with.
    Denied { id: &'a str, who: &'a str, why: &'a str },
    /// The journal of a feed is open, and holds the records below this number.
    Opened { below: u64 },
    /// A group of records is on disk, and with it all below this number.
    Synced { records: usize, below: u64, took: Duration },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaving {
    /// Between two messages.
    Done,
    /// In the middle of a message, or of what is none.
    Cut,
    /// A message was longer than is taken.
    TooLong,
    /// TLS came to no end: a peer without a certificate, or with another's.
    Unknown,
    /// Its peer has as many as it may have.
    TooMany,
}

/// All of them are told, in this order.
impl Witness for Vec<Arc<dyn Witness>> {
    fn see(&self, feed: &str, what: &Happening<'_>) {
        for witness in self {
            witness.see(feed, what);
        }
    }
}
