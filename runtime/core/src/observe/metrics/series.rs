//! The list of all metrics, with what each says.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::flow::backlog::Backlog;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfFeed {
    feed: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct FeedEnd {
    feed: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfRoute {
    feed: String,
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RouteEnd {
    feed: String,
    route: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfWay {
    feed: String,
    route: String,
    target: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct WayEnd {
    feed: String,
    route: String,
    target: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfTable {
    table: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct TableEnd {
    table: String,
    outcome: &'static str,
}

impl OfTable {
    pub fn new(table: &str) -> OfTable {
        OfTable { table: table.to_owned() }
    }

    pub fn end(&self, outcome: &'static str) -> TableEnd {
        TableEnd { table: self.table.clone(), outcome }
    }
}

impl OfFeed {
    pub fn new(feed: &str) -> OfFeed {
        OfFeed { feed: feed.to_owned() }
    }

    pub fn end(&self, outcome: &'static str) -> FeedEnd {
        FeedEnd { feed: self.feed.clone(), outcome }
    }
}

impl OfRoute {
    pub fn new(feed: &str, route: &str) -> OfRoute {
        OfRoute { feed: feed.to_owned(), route: route.to_owned() }
    }

    pub fn end(&self, outcome: &'static str) -> RouteEnd {
        RouteEnd { feed: self.feed.clone(), route: self.route.clone(), outcome }
    }
}

impl OfWay {
    /// `way` is called by its route and its target: `labs>ehr`.
    pub fn new(feed: &str, way: &str) -> OfWay {
        let (route, target) = way.split_once('>').unwrap_or((way, ""));
        OfWay { feed: feed.to_owned(), route: route.to_owned(), target: target.to_owned() }
    }

    pub fn end(&self, outcome: &'static str) -> WayEnd {
        WayEnd { feed: self.feed.clone(), route: self.route.clone(), target: self.target.clone(), outcome }
    }
}

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// From 50 µs, which is a sync of a fast disk, to 100 s, each bucket three times the one before.
fn seconds() -> Histogram {
    // A quotient of whole numbers has no more digits than it needs.
    Histogram::new((0..14).map(|power| f64::from(5 * 3_u32.pow(power)) / 100_000.0))
}

/// Writes the list once: fields, their registration, and what is said of each.
macro_rules! series {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ty = $new:expr;)*) => {
        /// All metrics by their names.
        pub struct All {
            $($(#[doc = $help])+ pub $name: $kind,)*
        }

        impl All {
            fn listed(registry: &mut Registry) -> All {
                let all = All { $($name: $new,)* };
                $(registry.register(stringify!($name), concat!($($help),+).trim(), all.$name.clone());)*
                all
            }
        }
    };
}

series! {
    /// Messages that are on disk
    accepted: Family<OfFeed, Counter> = Family::default();
    /// Bytes of messages that are on disk
    accepted_bytes: Family<OfFeed, Counter> = Family::default();
    /// From the last byte of a message to its record on disk
    accept_seconds: Seconds<OfFeed> = Family::new_with_constructor(seconds);
    /// Messages that were sent once more, and answered as before
    known: Family<OfFeed, Counter> = Family::default();
    /// Messages with the MSH-10 of another, accepted as new
    reused: Family<OfFeed, Counter> = Family::default();
    /// Messages that were not taken for want of room on the disk
    disk_full: Family<OfFeed, Counter> = Family::default();
    /// Files that hold a message longer than is taken
    files_too_long: Family<OfFeed, Counter> = Family::default();
    /// Repairs of messages before they were read
    repairs: Family<OfFeed, Counter> = Family::default();
    /// How messages ended that were not delivered, and what a person did with them
    outcomes: Family<FeedEnd, Counter> = Family::default();
    /// Connections that are open
    connections: Family<OfFeed, Gauge> = Family::default();
    /// Connections that have ended, or that never began
    connections_ended: Family<FeedEnd, Counter> = Family::default();
    /// Requests over HTTP that were not answered, by why
    turned_away: Family<FeedEnd, Counter> = Family::default();
    /// Messages of its feeds that a route has no part in
    left_out: Family<OfRoute, Counter> = Family::default();
    /// Messages that a map has come to its end with
    mapped: Family<RouteEnd, Counter> = Family::default();
    /// Issues that maps have raised
    issues: Family<OfRoute, Counter> = Family::default();
    /// How long a map takes for a message
    map_seconds: Seconds<OfRoute> = Family::new_with_constructor(seconds);
    /// What tables were asked that are asked before a map runs: rows that are there or missing, answers of before, failures
    lookups: Family<TableEnd, Counter> = Family::default();
    /// What messages look up in tables that lack it: of the tables whose misses an alarm watches
    misses: Family<OfTable, Counter> = Family::default();
    /// How long a table takes to answer, or to fail
    lookup_seconds: Seconds<OfTable> = Family::new_with_constructor(seconds);
    /// Tries to deliver a message
    tries: Family<WayEnd, Counter> = Family::default();
    /// How long a try to deliver takes, well ended or not
    deliver_seconds: Seconds<OfWay> = Family::new_with_constructor(seconds);
    /// Deliveries that have come to their end, or wait for a person
    deliveries: Family<WayEnd, Counter> = Family::default();
    /// Records of the journal that are on disk
    synced_records: Family<OfFeed, Counter> = Family::default();
    /// How long a group of records takes to be on disk
    sync_seconds: Seconds<OfFeed> = Family::new_with_constructor(seconds);
    /// Messages that are not settled and not parked
    in_flight: Family<OfFeed, Gauge> = Family::default();
    /// Messages of which some part waits for a person
    parked_messages: Family<OfFeed, Gauge> = Family::default();
    /// Deliveries that wait for their turn or their next try
    queued: Family<OfWay, Gauge> = Family::default();
    /// How long ago the message came whose delivery waits longest
    oldest_seconds: Family<OfWay, Gauge<f64, AtomicU64>> = Family::default();
    /// Deliveries that wait for a person
    parked_deliveries: Family<OfWay, Gauge> = Family::default();
    /// When the process began, in seconds since 1970
    start_time_seconds: Gauge<f64, AtomicU64> = Gauge::default();
}

impl All {
    pub fn new(registry: &mut Registry, version: &str, started: i64) -> All {
        let all = All::listed(registry);
        all.start_time_seconds.set(started as f64 / 1e6);
        registry.register("build", "Which emr runs", Info::new([("version", version.to_owned())]));
        all
    }

    /// Sets what stands rather than happens: of these feeds, and of none that a change took away.
    pub fn stand(&self, backlogs: &[Backlog]) {
        self.in_flight.clear();
        self.parked_messages.clear();
        self.queued.clear();
        self.oldest_seconds.clear();
        self.parked_deliveries.clear();
        for backlog in backlogs {
            let feed = OfFeed::new(&backlog.feed);
            self.in_flight.get_or_create(&feed).set(whole(backlog.law.in_flight));
            self.parked_messages.get_or_create(&feed).set(whole(backlog.law.parked));
            for waiting in &backlog.ways {
                let way = OfWay::new(&backlog.feed, &waiting.way);
                self.queued.get_or_create(&way).set(whole(waiting.queued));
                self.oldest_seconds.get_or_create(&way).set(waiting.oldest.as_secs_f64());
                self.parked_deliveries.get_or_create(&way).set(whole(waiting.parked));
            }
        }
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
