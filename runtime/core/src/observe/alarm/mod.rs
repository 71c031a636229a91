//! Alarms: conditions on what is measured, looked at each second. Whoever is to know of one is told once when it begins and
//! once when it is over, also when the engine was started anew in between.

mod condition;
mod measures;
mod tell;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use emr_abi::wiring::{self, Wiring};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tokio::sync::watch;
use tracing::error;

use crate::clock;
use crate::connector::{self, Places, Why};
use crate::flow::backlog::Backlogs;
use crate::flow::engine::Need;
use crate::kept;
use crate::observe::metrics::Metrics;
use condition::Condition;
use measures::{Counts, Names, Now};
use tell::{Teller, To, Told};

pub use condition::{Measure, Of};
pub use tell::Mail;

/// How often it is looked.
const TICK: Duration = Duration::from_secs(1);

/// Looking at many messages that wait takes time: it has a hundredth of it at most.
const SHARE: u32 = 100;

/// Over which time counts are taken where an alarm does not say.
const WITHIN: Duration = Duration::from_secs(3_600);

/// The file that says which alarms were told of and are not over, in the folder of the journals.
const FILE: &str = "alarms.json";

/// What an alarm is told.
#[derive(Deserialize)]
struct Settings {
    when: Condition,
    within: Option<u64>,
    r#for: Option<u64>,
    hours: Vec<String>,
    to: To,
}

/// The alarms of a project.
pub struct Alarms {
    alarms: Vec<Alarm>,
    names: Names,
    zone: TimeZone,
    path: PathBuf,
}

struct Alarm {
    name: String,
    when: Condition,
    counts: Counts,
    hours: Option<(Time, Time)>,
    teller: Teller,
    state: State,
}

/// How far an alarm is.
#[derive(Debug, Default)]
struct State {
    /// How long its condition must hold before it is told.
    lasts: Duration,
    /// Since when it does.
    holds: Option<Instant>,
    /// When it was told, in microseconds since 1970, until it is told that it is over.
    told: Option<i64>,
}

/// What is seen of a condition at a moment.
#[derive(Clone, Copy)]
struct Look {
    holds: bool,
    /// All of the time was seen over which it counts: else nobody knows that it does not hold.
    is_whole: bool,
    is_hour: bool,
}

impl Alarms {
    /// Nothing for a project without any.
    ///
    /// # Errors
    /// The name of an alarm, and what it needs that is not to be had.
    pub fn ready(
        wiring: &Wiring,
        places: &Places,
        mail: Option<&Mail>,
        metrics: &Metrics,
    ) -> Result<Option<Alarms>, (String, Why)> {
        if wiring.alarms.is_empty() {
            return Ok(None);
        }
        let names = Names::of(wiring);
        let path = places.journal.join(FILE);
        let told = read(&path).map_err(|why| (FILE.to_owned(), why.to_string()))?;
        let zone = wiring.zone.as_deref().map(TimeZone::get);
        let zone = zone.transpose().map_err(|why| ("timezone".to_owned(), why.to_string()))?.unwrap_or(TimeZone::UTC);
        let ready = |alarm: &wiring::Alarm| {
            let mut ready =
                Alarm::ready(alarm, &names, places, (mail, metrics)).map_err(|why| (alarm.name.clone(), why))?;
            ready.state.told = told.get(&alarm.name).copied();
            Ok::<_, (String, Why)>(ready)
        };
        let alarms = wiring.alarms.iter().map(ready).collect::<Result<_, _>>()?;
        Ok(Some(Alarms { alarms, names, zone, path }))
    }

    /// Looks and tells until it is told to stop.
    pub async fn watch(mut self, metrics: Arc<Metrics>, backlogs: Backlogs, mut stop: watch::Receiver<bool>) {
        let started = clock::microseconds();
        let mut wait = TICK;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let begun = Instant::now();
            let of = backlogs.clone();
            let Ok(backlogs) = tokio::task::spawn_blocking(move || of.now()).await else { return };
            wait = TICK.max(begun.elapsed() * SHARE);
            let now = Now {
                metrics: &metrics,
                backlogs: &backlogs,
                names: &self.names,
                time: clock::microseconds(),
                started,
            };
            let hour = jiff::Timestamp::now().to_zoned(self.zone.clone()).time();
            let mut has_changed = false;
            for alarm in &mut self.alarms {
                if let Some(told) = alarm.look(&now, begun, hour) {
                    has_changed = true;
                    tokio::spawn(alarm.teller.clone().tell(told));
                }
            }
            if has_changed && let Err(why) = self.write().await {
                error!(why = %why.kind(), "which alarms were told cannot be noted");
            }
        }
    }

    async fn write(&self) -> io::Result<()> {
        let told: BTreeMap<&str, i64> =
            self.alarms.iter().filter_map(|alarm| Some((&*alarm.name, alarm.state.told?))).collect();
        kept::put_aside(&self.path, serde_json::to_vec(&told)?).await
    }
}

/// What the alarms of a project need: their secrets, and that whoever is to be told is there. Nobody is told anything.
pub async fn needs(wiring: &Wiring, places: &Places, mail: Option<&Mail>) -> Vec<Need> {
    let mut needs = Vec::new();
    for alarm in &wiring.alarms {
        let teller =
            connector::read(&alarm.settings).and_then(|Settings { to, .. }| Teller::new(&to, mail, &places.secrets));
        let reached = match teller {
            Ok(teller) => teller.reach().await,
            Err(why) => Err(why),
        };
        needs.push(Need::new(format!("alarm {}", alarm.name), reached));
    }
    needs
}

fn read(path: &Path) -> io::Result<BTreeMap<String, i64>> {
    match kept::read(path)? {
        Some(text) => Ok(serde_json::from_str(&text)?),
        None => Ok(BTreeMap::new()),
    }
}

impl Alarm {
    fn ready(
        alarm: &wiring::Alarm,
        names: &Names,
        places: &Places,
        (mail, metrics): (Option<&Mail>, &Metrics),
    ) -> Result<Alarm, Why> {
        let Settings { when, within, r#for, hours, to } = connector::read(&alarm.settings)?;
        let hours = match &hours[..] {
            [] => None,
            [from, to] => Some((clock_of(from)?, clock_of(to)?)),
            _ => return Err("`hours` has two times of the day, from and to".to_owned()),
        };
        let within = within.map_or(WITHIN, Duration::from_millis);
        let counts = Counts::new(&when, names, within, metrics);
        let teller = Teller::new(&to, mail, &places.secrets)?;
        let state = State { lasts: Duration::from_millis(r#for.unwrap_or_default()), ..State::default() };
        Ok(Alarm { name: alarm.name.clone(), when, counts, hours, teller, state })
    }

    fn look(&mut self, now: &Now<'_>, at: Instant, hour: Time) -> Option<Told> {
        let is_whole = self.counts.is_whole(at);
        let over = self.counts.over(now, at);
        let look = Look { holds: self.when.holds(&over), is_whole, is_hour: is_between(self.hours, hour) };
        let is_over = self.state.step(look, at, now.time)?;
        Some(Told { alarm: self.name.clone(), is_over, at: now.time, measures: self.when.told(&over) })
    }
}

impl State {
    /// Whether it is told now that it is over, or that it has begun; mostly nothing is told.
    fn step(&mut self, look: Look, at: Instant, time: i64) -> Option<bool> {
        if look.holds {
            let since = *self.holds.get_or_insert(at);
            let begins = self.told.is_none() && look.is_hour && at.duration_since(since) >= self.lasts;
            return begins.then(|| {
                self.told = Some(time);
                false
            });
        }
        self.holds = None;
        let ends = self.told.is_some() && look.is_hour && look.is_whole;
        ends.then(|| {
            self.told = None;
            true
        })
    }
}

/// Times of the day from one to another, over midnight where the first is the later one.
fn is_between(hours: Option<(Time, Time)>, time: Time) -> bool {
    match hours {
        None => true,
        Some((from, to)) if from <= to => from <= time && time < to,
        Some((from, to)) => from <= time || time < to,
    }
}

fn clock_of(text: &str) -> Result<Time, Why> {
    text.parse().map_err(|_| format!("`{text}` is no time of the day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { holds: true, is_whole: true, is_hour: true };

    #[test]
    fn an_alarm_is_told_once_when_it_has_lasted_and_once_when_it_is_over() {
        let mut state = State { lasts: Duration::from_secs(60), ..State::default() };
        let begun = Instant::now();
        let mut step = |second, look| state.step(look, begun + Duration::from_secs(second), 7);
        let calm = Look { holds: false, ..LOOK };
        assert_eq!([step(0, LOOK), step(59, LOOK)], [None, None]);
        // It did not hold for a moment.
        assert_eq!([step(60, calm), step(61, LOOK), step(120, LOOK)], [None, None, None]);
        assert_eq!([step(121, LOOK), step(122, LOOK)], [Some(false), None]);
        assert_eq!([step(123, calm), step(124, calm)], [Some(true), None]);
    }

    #[test]
    fn what_was_told_before_a_start_is_not_told_again_nor_taken_back_without_knowing() {
        let mut state = State { told: Some(5), ..State::default() };
        let at = Instant::now();
        let unknown = Look { holds: false, is_whole: false, ..LOOK };
        assert_eq!([state.step(LOOK, at, 7), state.step(unknown, at, 7)], [None, None]);
        assert_eq!(state.step(Look { is_whole: true, ..unknown }, at, 7), Some(true));
    }

    #[test]
    fn nobody_is_told_outside_the_hours() {
        let at = Instant::now();
        let mut state = State::default();
        let night = Look { is_hour: false, ..LOOK };
        assert_eq!([state.step(night, at, 7), state.step(LOOK, at, 7)], [None, Some(false)]);
        let [morning, noon, evening] = ["07:00", "12:00", "19:00"].map(|text| clock_of(text).unwrap());
        assert!(is_between(Some((morning, evening)), noon) && !is_between(Some((morning, evening)), evening));
        assert!(!is_between(Some((evening, morning)), noon) && is_between(Some((evening, morning)), evening));
    }
}
