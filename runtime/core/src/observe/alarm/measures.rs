//! What is measured for alarms: what stands at this moment, and what was counted over the time before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use emr_abi::wiring::Wiring;

use super::condition::{Condition, Measure, Measured, Of};
use crate::flow::backlog::Backlog;
use crate::observe::metrics::Metrics;

/// How many times the counts of an alarm are held in the time over which it counts.
const SAMPLES: u32 = 60;

/// A measure of one feed, target or route.
type Key = (Of, String, Measure);

/// All that is measured at a moment.
pub struct Now<'a> {
    pub metrics: &'a Metrics,
    pub backlogs: &'a [Backlog],
    pub names: &'a Names,
    /// Microseconds since 1970.
    pub time: i64,
    /// When the process began.
    pub started: i64,
}

/// The names of a project.
pub struct Names {
    feeds: Vec<String>,
    targets: Vec<String>,
    routes: Vec<String>,
}

impl Names {
    pub fn of(wiring: &Wiring) -> Names {
        Names {
            feeds: wiring.feeds.iter().map(|feed| feed.name.clone()).collect(),
            targets: wiring.targets.iter().map(|target| target.name.clone()).collect(),
            routes: wiring.routes.iter().map(|route| route.name.clone()).collect(),
        }
    }

    fn all(&self, of: Of) -> &[String] {
        match of {
            Of::Feed => &self.feeds,
            Of::Target => &self.targets,
            Of::Route => &self.routes,
            Of::Codes | Of::Table => &[],
        }
    }
}

impl Now<'_> {
    /// What a count has come to since the process began.
    fn count(&self, of: Of, name: &str, is: Measure) -> f64 {
        self.metrics.counted(of, name, is) as f64
    }

    fn stands(&self, of: Of, name: &str, is: Measure) -> f64 {
        let feed = || self.backlogs.iter().find(|backlog| *backlog.feed == *name);
        let ways = || {
            let is_meant = move |way: &Arc<str>| match (of, way.split_once('>')) {
                (Of::Target, Some((_, target))) => target == name,
                (_, Some((route, _))) => route == name,
                (_, None) => false,
            };
            self.backlogs.iter().flat_map(|backlog| &backlog.ways).filter(move |waiting| is_meant(&waiting.way))
        };
        match (of, is) {
            (Of::Feed, Measure::Idle) => {
                let last = feed().and_then(|backlog| backlog.last).unwrap_or(self.started);
                (self.time - last).max(0) as f64 / 1_000.0
            }
            (Of::Feed, Measure::Parked) => feed().map_or(0.0, |backlog| backlog.law.parked as f64),
            (Of::Route, Measure::Parked) => {
                let held = self.backlogs.iter().filter_map(|backlog| backlog.held.get(name));
                (held.sum::<u64>() + ways().map(|waiting| waiting.parked).sum::<u64>()) as f64
            }
            (_, Measure::Parked) => ways().map(|waiting| waiting.parked).sum::<u64>() as f64,
            (_, Measure::Queued) => ways().map(|waiting| waiting.queued).sum::<u64>() as f64,
            (_, Measure::Oldest) => ways().map(|waiting| waiting.oldest).max().unwrap_or_default().as_millis() as f64,
            _ => 0.0,
        }
    }
}

/// What counts have come to since the process began.
fn sample(keys: &[Key], metrics: &Metrics) -> BTreeMap<Key, f64> {
    keys.iter().map(|key| (key.clone(), metrics.counted(key.0, &key.1, key.2) as f64)).collect()
}

/// The counts of one alarm, as they stood at times before now.
pub struct Counts {
    within: Duration,
    keys: Vec<Key>,
    begun: Instant,
    samples: VecDeque<(Instant, BTreeMap<Key, f64>)>,
}

impl Counts {
    /// They begin with what is counted now.
    pub fn new(condition: &Condition, names: &Names, within: Duration, metrics: &Metrics) -> Counts {
        let mut keys = Vec::new();
        condition.walk(&mut |compare| {
            let named = compare.name.clone().map_or_else(|| names.all(compare.of).to_vec(), |name| vec![name]);
            for name in named {
                match compare.is {
                    Measure::RejectedPercent => {
                        keys.push((compare.of, name.clone(), Measure::Rejected));
                        keys.push((compare.of, name, Measure::Accepted));
                    }
                    is if is.is_counted() => keys.push((compare.of, name, is)),
                    _ => {}
                }
            }
        });
        let begun = Instant::now();
        let samples = VecDeque::from([(begun, sample(&keys, metrics))]);
        Counts { within, keys, begun, samples }
    }

    /// Whether nothing of it is counted, or all of the time before now was.
    pub fn is_whole(&self, now: Instant) -> bool {
        self.keys.is_empty() || now.duration_since(self.begun) >= self.within
    }

    /// What is measured at this moment and over the time before it.
    pub fn over<'a>(&'a mut self, now: &'a Now<'a>, time: Instant) -> Over<'a> {
        let due = self.samples.back().is_none_or(|(last, _)| time.duration_since(*last) >= self.within / SAMPLES);
        if due && !self.keys.is_empty() {
            self.samples.push_back((time, sample(&self.keys, now.metrics)));
        }
        // The last one before the time begins is where it is counted from.
        while self.samples.get(1).is_some_and(|(at, _)| time.duration_since(*at) >= self.within) {
            self.samples.pop_front();
        }
        Over { now, before: self.samples.front().map(|(_, counts)| counts) }
    }
}

/// What stands now, and counts beside what they were.
pub struct Over<'a> {
    now: &'a Now<'a>,
    before: Option<&'a BTreeMap<Key, f64>>,
}

impl Over<'_> {
    fn counted(&self, of: Of, name: &str, is: Measure) -> f64 {
        let before = self.before.and_then(|before| before.get(&(of, name.to_owned(), is))).copied();
        self.now.count(of, name, is) - before.unwrap_or_default()
    }
}

impl Measured for Over<'_> {
    fn names(&self, of: Of) -> Vec<String> {
        self.now.names.all(of).to_vec()
    }

    fn value(&self, of: Of, name: &str, is: Measure) -> f64 {
        match is {
            Measure::RejectedPercent => {
                let accepted = self.counted(of, name, Measure::Accepted);
                let rejected = self.counted(of, name, Measure::Rejected);
                if accepted > 0.0 { 100.0 * rejected / accepted } else { 0.0 }
            }
            is if is.is_counted() => self.counted(of, name, is),
            is => self.now.stands(of, name, is),
        }
    }
}
