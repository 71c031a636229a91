//! What happens, counted: for each feed, route and target, in the text format that Prometheus reads.
//!
//! What a project names is asked for once and then held, so that a happening costs a look-up and an addition.

mod held;
mod series;

use std::sync::{Arc, Mutex, PoisonError};

use emr_abi::wiring::Wiring;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::flow::backlog::Backlog;
use crate::flow::witness::{Happening, Leaving, Witness};
use crate::journal::entry::What;
use crate::observe::alarm::{Measure, Of};
use held::{Feed, Held, Route, Table, Way};
use series::{All, OfFeed, OfTable, OfWay};

/// What [`Metrics::text`] is.
pub const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    all: All,
    feeds: Held<Feed>,
    tables: Held<Table>,
    misses: Held<Counter>,
    /// Whoever reads: one at a time, as what stands is set for each.
    reading: Mutex<()>,
}

impl Metrics {
    /// All that the project has stands at zero. `version` is that of the program that runs, `started` when it began, in
    /// microseconds since 1970.
    pub fn new(wiring: &Wiring, version: &str, started: i64) -> Metrics {
        let mut registry = Registry::with_prefix("emr");
        let all = All::new(&mut registry, version, started);
        let (feeds, tables, misses) = (Held::default(), Held::default(), Held::default());
        let metrics = Metrics { registry, all, feeds, tables, misses, reading: Mutex::default() };
        for (number, feed) in wiring.feeds.iter().enumerate() {
            let held = metrics.feed(&feed.name);
            for route in wiring.routes.iter().filter(|route| route.from.contains(&number)) {
                metrics.route(&held, &feed.name, &route.name);
                for target in route.to.iter().filter_map(|target| wiring.targets.get(*target)) {
                    metrics.way(&held, &feed.name, &format!("{}>{}", route.name, target.name));
                }
            }
        }
        for table in &wiring.tables {
            metrics.table(&table.name);
        }
        metrics
    }

    /// All metrics, as text. `backlogs` is where the messages of each feed are at this moment.
    pub fn text(&self, backlogs: &[Backlog]) -> String {
        let _one = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.all.stand(backlogs);
        let mut text = String::new();
        // A text takes all that is written.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// How often something has happened to a feed, target or route since the process began.
    pub fn counted(&self, of: Of, name: &str, is: Measure) -> u64 {
        let ways = |is_meant: &dyn Fn(&str, &str) -> bool, count: &dyn Fn(&Way) -> u64| -> u64 {
            let of_feed =
                |feed: &Feed| feed.ways.sum(|way| way.split_once('>').is_some_and(|(r, t)| is_meant(r, t)), count);
            self.feeds.sum(|_| true, of_feed)
        };
        match (of, is) {
            (Of::Feed, Measure::Accepted) => self.feed(name).accepted.get(),
            (Of::Feed, Measure::Rejected) => self.feed(name).refused.get(),
            (Of::Feed, Measure::Repaired) => self.feed(name).repaired.get(),
            (Of::Route, Measure::Rejected) => {
                self.feeds.sum(|_| true, |feed| feed.routes.sum(|route| route == name, |route| route.refused.get()))
            }
            (Of::Route, Measure::Filtered) => {
                self.feeds.sum(|_| true, |feed| feed.routes.sum(|route| route == name, |route| route.left_out.get()))
            }
            (Of::Route, Measure::Delivered) => ways(&|route, _| route == name, &|way| way.delivered.get()),
            (Of::Target, Measure::Delivered) => ways(&|_, target| target == name, &|way| way.delivered.get()),
            (Of::Table, Measure::Failures) => self.table(name).failed.get(),
            (Of::Codes | Of::Table, Measure::Misses) => self.missed(name).get(),
            (Of::Target, Measure::Retried) => ways(&|_, target| target == name, &|way| way.failed.get()),
            _ => 0,
        }
    }

    fn feed(&self, feed: &str) -> Arc<Feed> {
        self.feeds.get(feed, || Feed::new(&self.all, &OfFeed::new(feed)))
    }

    fn route(&self, of: &Feed, feed: &str, route: &str) -> Arc<Route> {
        of.routes.get(route, || Route::new(&self.all, feed, route))
    }

    fn table(&self, table: &str) -> Arc<Table> {
        self.tables.get(table, || Table::new(&self.all, table))
    }

    fn missed(&self, table: &str) -> Arc<Counter> {
        self.misses.get(table, || self.all.misses.get_or_create_owned(&OfTable::new(table)))
    }

    fn way(&self, of: &Feed, feed: &str, way: &str) -> Arc<Way> {
        of.ways.get(way, || Way::new(&self.all, &OfWay::new(feed, way)))
    }
}

impl Witness for Metrics {
    fn see(&self, name: &str, what: &Happening<'_>) {
        let feed = self.feed(name);
        match what {
            Happening::Came { .. } => _ = feed.connections.inc(),
            Happening::Left { why, .. } => {
                feed.ended(*why).inc();
                // Who has too many was never let in.
                if *why != Leaving::TooMany {
                    feed.connections.dec();
                }
            }
            Happening::Accepted { bytes, took, .. } => {
                feed.accepted.inc();
                feed.accepted_bytes.inc_by(*bytes as u64);
                feed.accept.observe(took.as_secs_f64());
            }
            Happening::Known => _ = feed.known.inc(),
            Happening::Reused => _ = feed.reused.inc(),
            Happening::TooLong { .. } => _ = feed.too_long_files.inc(),
            Happening::Repaired { count, .. } => _ = feed.repaired.inc_by(*count as u64),
            Happening::Full => _ = feed.full.inc(),
            Happening::Mapped { route, took, issues, is_refused, .. } => {
                let route = self.route(&feed, name, route);
                let outcome = if *is_refused { &route.refused } else { &route.made };
                outcome.inc();
                route.issues.inc_by(issues.count() as u64);
                route.map.observe(took.as_secs_f64());
            }
            Happening::ReplyMapped { route, issues, .. } => {
                _ = self.route(&feed, name, route).issues.inc_by(issues.count() as u64);
            }
            Happening::LookedUp { table, is_cached, is_there, took, failure, .. } => {
                let table = self.table(table);
                let outcome = match (failure, is_cached, is_there) {
                    (Some(_), ..) => &table.failed,
                    (None, true, _) => &table.cached,
                    (None, false, true) => &table.found,
                    (None, false, false) => &table.missing,
                };
                outcome.inc();
                if !is_cached {
                    table.look.observe(took.as_secs_f64());
                }
            }
            Happening::Missed { table } => _ = self.missed(table).inc(),
            Happening::LeftOut { route, .. } => _ = self.route(&feed, name, route).left_out.inc(),
            Happening::Noted { what, .. } => self.noted(&feed, name, what),
            Happening::Tried { way, took, failure, .. } => {
                let way = self.way(&feed, name, way);
                let outcome = if failure.is_some() { &way.failed } else { &way.taken };
                outcome.inc();
                way.deliver.observe(took.as_secs_f64());
            }
            Happening::Asked { .. } | Happening::Opened { .. } | Happening::Viewed { .. } => {}
            Happening::Denied { .. } | Happening::FileStays { .. } => {}
            Happening::TurnedAway { status, .. } => feed.turned_away(*status).into_iter().for_each(|it| _ = it.inc()),
            Happening::Synced { records, took, .. } => {
                feed.synced.inc_by(*records as u64);
                feed.sync.observe(took.as_secs_f64());
            }
        }
    }
}

impl Metrics {
    fn noted(&self, feed: &Feed, name: &str, what: &What) {
        match what {
            What::Started | What::Mapped { .. } | What::Replied { .. } => {}
            What::Filtered { .. } => _ = feed.filtered.inc(),
            What::Refused(_) | What::Returned { .. } => _ = feed.refused.inc(),
            What::Parked { target: None, .. } | What::Held { .. } => _ = feed.parked.inc(),
            What::Parked { target: Some(way), .. } => _ = self.way(feed, name, way).parked.inc(),
            What::Delivered { target } => _ = self.way(feed, name, target).delivered.inc(),
            What::Released => _ = feed.released.inc(),
            What::Dropped { .. } => _ = feed.dropped.inc(),
            What::Replayed(_) => _ = feed.replayed.inc(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::flow::issues::Issues;
    use std::time::Duration;

    use emr_abi::wiring;

    use super::*;
    use crate::flow::backlog::Waiting;
    use crate::flow::retry::Failure;
    use crate::journal::ledger::{Law, Settled};

    fn metrics() -> Metrics {
        let settings = String::new;
        let feed = wiring::Feed {
            name: "adt".into(),
            connector: "mllp".into(),
            settings: settings(),
            ..wiring::Feed::default()
        };
        let target =
            wiring::Target { name: "ehr".into(), connector: "fhir".into(), settings: settings(), reads: Vec::new() };
        let route =
            wiring::Route { name: "all".into(), from: vec![0], to: vec![0], settings: settings(), reads: Vec::new() };
        let wiring = Wiring { feeds: vec![feed], targets: vec![target], routes: vec![route], ..Wiring::default() };
        Metrics::new(&wiring, "1.2.3", 1_500_000)
    }

    fn value(text: &str, of: &str) -> String {
        let line = text.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {of} in\n{text}")).to_owned()
    }

    #[test]
    fn all_that_a_project_has_is_there_from_the_start() {
        let text = metrics().text(&[]);
        let way = r#"{feed="adt",route="all",target="ehr""#;
        for zero in [
            r#"emr_accepted_total{feed="adt"}"#.to_owned(),
            r#"emr_outcomes_total{feed="adt",outcome="parked"}"#.to_owned(),
            r#"emr_mapped_total{feed="adt",route="all",outcome="refused"}"#.to_owned(),
            format!(r#"emr_deliveries_total{way},outcome="delivered"}}"#),
            format!("emr_deliver_seconds_count{way}}}"),
        ] {
            assert_eq!(value(&text, &zero), "0");
        }
        assert_eq!(value(&text, "emr_start_time_seconds"), "1.5");
        assert_eq!(value(&text, r#"emr_build_info{version="1.2.3"}"#), "1");
    }

    #[test]
    fn bounds_of_times_are_written_as_people_write_them() {
        let text = metrics().text(&[]);
        let bound = |line: &str| line.split("le=\"").nth(1).and_then(|it| it.split('"').next()).map(ToOwned::to_owned);
        let bounds: Vec<_> = text.lines().filter_map(bound).take(15).collect();
        assert_eq!(bounds[..5], ["0.00005", "0.00015", "0.00045", "0.00135", "0.00405"]);
        assert!(bounds.iter().all(|bound| bound.len() <= 9), "{bounds:?}");
    }

    #[test]
    fn what_happens_is_counted_where_it_happens() {
        let metrics = metrics();
        let took = Duration::from_millis(3);
        let failure = Failure::Passing("refused".into());
        let delivered = What::Delivered { target: "all>ehr".into() };
        for what in [
            Happening::Accepted { number: 0, bytes: 40, took },
            Happening::Mapped {
                number: 0,
                route: "all",
                took,
                issues: &Issues::of(["R0501", "R0701"].into_iter()),
                is_refused: false,
            },
            Happening::Tried { number: 0, way: "all>ehr", tried: 1, took, failure: Some(&failure) },
            Happening::Tried { number: 0, way: "all>ehr", tried: 2, took, failure: None },
            Happening::Noted { number: 0, what: &delivered, who: None },
            Happening::Synced { records: 3, below: 3, took },
            Happening::TurnedAway { peer: [127, 0, 0, 1].into(), who: "", status: 401 },
            Happening::LeftOut { number: 1, route: "all" },
        ] {
            metrics.see("adt", &what);
        }
        let law = Law { accepted: 9, settled: Settled::default(), parked: 2, in_flight: 7 };
        let ways = vec![Waiting { way: "all>ehr".into(), queued: 7, oldest: Duration::from_secs(60), parked: 2 }];
        let text = metrics.text(&[Backlog { feed: "adt".into(), law, last: None, ways, held: Default::default() }]);
        let way = r#"{feed="adt",route="all",target="ehr""#;
        for (of, is) in [
            (r#"emr_accepted_bytes_total{feed="adt"}"#.to_owned(), "40"),
            (r#"emr_accept_seconds_sum{feed="adt"}"#.to_owned(), "0.003"),
            (r#"emr_issues_total{feed="adt",route="all"}"#.to_owned(), "2"),
            (r#"emr_left_out_total{feed="adt",route="all"}"#.to_owned(), "1"),
            (format!(r#"emr_tries_total{way},outcome="failed"}}"#), "1"),
            (format!(r#"emr_tries_total{way},outcome="taken"}}"#), "1"),
            (format!(r#"emr_deliveries_total{way},outcome="delivered"}}"#), "1"),
            (r#"emr_synced_records_total{feed="adt"}"#.to_owned(), "3"),
            (r#"emr_turned_away_total{feed="adt",outcome="unknown"}"#.to_owned(), "1"),
            (r#"emr_turned_away_total{feed="adt",outcome="busy"}"#.to_owned(), "0"),
            (r#"emr_in_flight{feed="adt"}"#.to_owned(), "7"),
            (format!("emr_queued{way}}}"), "7"),
            (format!("emr_oldest_seconds{way}}}"), "60.0"),
            (format!("emr_parked_deliveries{way}}}"), "2"),
        ] {
            assert_eq!(value(&text, &of), is);
        }
        // A feed that is gone has nothing in flight, and what was counted of it stays.
        let text = metrics.text(&[]);
        assert!(!text.contains("emr_in_flight{") && !text.contains("emr_queued{"), "{text}");
        assert_eq!(value(&text, r#"emr_accepted_bytes_total{feed="adt"}"#), "40");
    }
}
