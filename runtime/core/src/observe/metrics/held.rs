//! The metrics of each feed, route and way out, held where they are counted.

use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use rustc_hash::FxHashMap;

use super::series::{All, OfFeed, OfRoute, OfTable, OfWay};
use crate::flow::witness::Leaving;

/// Values by names. A name is made once; a project has few of them.
pub struct Held<T>(RwLock<FxHashMap<Box<str>, Arc<T>>>);

impl<T> Default for Held<T> {
    fn default() -> Held<T> {
        Held(RwLock::default())
    }
}

impl<T> Held<T> {
    pub fn get(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        // Whoever panicked left the map as it is between two calls.
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.into()).or_insert_with(|| Arc::new(make())))
    }

    /// The sum over those whose name is meant.
    pub fn sum(&self, is_meant: impl Fn(&str) -> bool, count: impl Fn(&T) -> u64) -> u64 {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(name, _)| is_meant(name)).map(|(_, one)| count(one)).sum()
    }
}

pub struct Feed {
    pub accepted: Counter,
    pub accepted_bytes: Counter,
    pub accept: Histogram,
    pub known: Counter,
    pub reused: Counter,
    pub full: Counter,
    pub too_long_files: Counter,
    pub repaired: Counter,
    pub filtered: Counter,
    pub refused: Counter,
    pub parked: Counter,
    pub released: Counter,
    pub dropped: Counter,
    pub replayed: Counter,
    pub connections: Gauge,
    done: Counter,
    cut: Counter,
    too_long: Counter,
    unknown: Counter,
    too_many: Counter,
    /// By the statuses of HTTP.
    turned_away: [(u16, Counter); 6],
    pub synced: Counter,
    pub sync: Histogram,
    pub routes: Held<Route>,
    pub ways: Held<Way>,
}

/// Why a request is not answered, by the status of HTTP that it gets instead.
const TURNED_AWAY: [(u16, &str); 6] =
    [(400, "cut"), (401, "unknown"), (403, "forbidden"), (408, "late"), (413, "too_long"), (503, "busy")];

impl Feed {
    pub fn new(all: &All, feed: &OfFeed) -> Feed {
        let outcome = |outcome| all.outcomes.get_or_create_owned(&feed.end(outcome));
        let turned = |(status, why)| (status, all.turned_away.get_or_create_owned(&feed.end(why)));
        let ended = |why| all.connections_ended.get_or_create_owned(&feed.end(why));
        Feed {
            accepted: all.accepted.get_or_create_owned(feed),
            accepted_bytes: all.accepted_bytes.get_or_create_owned(feed),
            accept: all.accept_seconds.get_or_create_owned(feed),
            known: all.known.get_or_create_owned(feed),
            reused: all.reused.get_or_create_owned(feed),
            full: all.disk_full.get_or_create_owned(feed),
            too_long_files: all.files_too_long.get_or_create_owned(feed),
            repaired: all.repairs.get_or_create_owned(feed),
            filtered: outcome("filtered"),
            refused: outcome("refused"),
            parked: outcome("parked"),
            released: outcome("released"),
            dropped: outcome("dropped"),
            replayed: outcome("replayed"),
            connections: all.connections.get_or_create_owned(feed),
            done: ended("done"),
            cut: ended("cut"),
            too_long: ended("too_long"),
            unknown: ended("unknown"),
            too_many: ended("too_many"),
            turned_away: TURNED_AWAY.map(turned),
            synced: all.synced_records.get_or_create_owned(feed),
            sync: all.sync_seconds.get_or_create_owned(feed),
            routes: Held::default(),
            ways: Held::default(),
        }
    }

    /// Requests that were not answered, by the status of HTTP that they got instead.
    pub fn turned_away(&self, status: u16) -> Option<&Counter> {
        self.turned_away.iter().find(|(known, _)| *known == status).map(|(_, count)| count)
    }

    /// Connections that ended for this reason.
    pub fn ended(&self, why: Leaving) -> &Counter {
        match why {
            Leaving::Done => &self.done,
            Leaving::Cut => &self.cut,
            Leaving::TooLong => &self.too_long,
            Leaving::Unknown => &self.unknown,
            Leaving::TooMany => &self.too_many,
        }
    }
}

pub struct Route {
    pub left_out: Counter,
    pub made: Counter,
    pub refused: Counter,
    pub issues: Counter,
    pub map: Histogram,
}

impl Route {
    pub fn new(all: &All, feed: &str, route: &str) -> Route {
        let route = OfRoute::new(feed, route);
        let mapped = |outcome| all.mapped.get_or_create_owned(&route.end(outcome));
        Route {
            left_out: all.left_out.get_or_create_owned(&route),
            made: mapped("made"),
            refused: mapped("refused"),
            issues: all.issues.get_or_create_owned(&route),
            map: all.map_seconds.get_or_create_owned(&route),
        }
    }
}

pub struct Table {
    pub found: Counter,
    pub missing: Counter,
    pub cached: Counter,
    pub failed: Counter,
    pub look: Histogram,
}

impl Table {
    pub fn new(all: &All, table: &str) -> Table {
        let table = OfTable::new(table);
        let looked = |outcome| all.lookups.get_or_create_owned(&table.end(outcome));
        Table {
            found: looked("found"),
            missing: looked("missing"),
            cached: looked("cached"),
            failed: looked("failed"),
            look: all.lookup_seconds.get_or_create_owned(&table),
        }
    }
}

pub struct Way {
    pub taken: Counter,
    pub failed: Counter,
    pub delivered: Counter,
    pub parked: Counter,
    pub deliver: Histogram,
}

impl Way {
    pub fn new(all: &All, way: &OfWay) -> Way {
        let tries = |outcome| all.tries.get_or_create_owned(&way.end(outcome));
        let deliveries = |outcome| all.deliveries.get_or_create_owned(&way.end(outcome));
        Way {
            taken: tries("taken"),
            failed: tries("failed"),
            delivered: deliveries("delivered"),
            parked: deliveries("parked"),
            deliver: all.deliver_seconds.get_or_create_owned(way),
        }
    }
}
