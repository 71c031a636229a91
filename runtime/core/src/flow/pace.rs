//! How fast a target is written to, and when not at all. Whatever goes to it waits for its turn here.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

/// `rate: { messages: 50, per: 1s }`: at most so many messages in so much time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Rate {
    pub messages: usize,
    pub per: u64,
}

/// `quiet: { from: "02:00", to: "02:30" }`: the hours of each day in which nothing is sent. One that ends before it
/// begins goes over midnight.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Quiet {
    from: String,
    to: String,
}

/// The pace of one target.
#[derive(Default)]
pub struct Pace {
    /// Who waits for its turn holds it, so that turns come in the order in which they were asked for.
    rate: Option<Mutex<Window>>,
    quiet: Option<Hours>,
}

/// What went in the last stretch of time.
struct Window {
    rate: Rate,
    /// When, never more than may go.
    gone: VecDeque<Instant>,
}

struct Hours {
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// How long the clock of the wall is left alone: somebody may set it.
const LOOKS: Duration = Duration::from_secs(30);

impl Pace {
    /// `zone` is that of the project, in which the hours of a day are meant.
    ///
    /// # Errors
    /// There is no such zone, or the hours are none.
    pub fn new(rate: Option<Rate>, quiet: Option<&Quiet>, zone: Option<&str>) -> Result<Pace, String> {
        let rate = rate.map(|rate| Mutex::new(Window { rate, gone: VecDeque::new() }));
        Ok(Pace { rate, quiet: quiet.map(|quiet| Hours::new(quiet, zone)).transpose()? })
    }

    /// Whether messages are counted.
    pub fn counts(&self) -> bool {
        self.rate.is_some()
    }

    /// Waits until one more message may go. Whoever gives up waiting has taken no turn.
    pub async fn turn(&self) {
        loop {
            self.hours().await;
            if let Some(window) = &self.rate {
                let mut window = window.lock().await;
                if let Some(due) = window.due() {
                    sleep_until(due).await;
                }
                window.go(Instant::now());
            }
            // The turn may have come in the quiet hours.
            if !self.is_quiet() {
                return;
            }
        }
    }

    async fn hours(&self) {
        while self.is_quiet() {
            sleep(LOOKS).await;
        }
    }

    /// Whether nothing is sent at this hour.
    pub fn is_quiet(&self) -> bool {
        self.quiet.as_ref().is_some_and(|hours| hours.hold(Timestamp::now()))
    }
}

impl Window {
    /// When one more may go; nothing if that is now.
    fn due(&self) -> Option<Instant> {
        let is_full = self.gone.len() >= self.rate.messages;
        let first = self.gone.front().filter(|_| is_full)?;
        Some(*first + Duration::from_millis(self.rate.per))
    }

    fn go(&mut self, now: Instant) {
        if self.gone.len() >= self.rate.messages {
            self.gone.pop_front();
        }
        self.gone.push_back(now);
    }
}

impl Hours {
    fn new(quiet: &Quiet, zone: Option<&str>) -> Result<Hours, String> {
        let zone = zone.ok_or("`quiet` is hours of a day, and `emr.toml` names no `timezone` for them")?;
        let zone = TimeZone::get(zone).map_err(|_| format!("there is no timezone `{zone}`"))?;
        let time = |text: &String| text.parse().map_err(|_| format!("`{text}` is no time of a day"));
        let hours = Hours { from: time(&quiet.from)?, to: time(&quiet.to)?, zone };
        if hours.from == hours.to {
            return Err("`quiet` ends when it begins".to_owned());
        }
        Ok(hours)
    }

    fn hold(&self, now: Timestamp) -> bool {
        let time = now.to_zoned(self.zone.clone()).time();
        if self.from < self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str) -> Hours {
        Hours::new(&Quiet { from: from.into(), to: to.into() }, Some("Europe/Zurich")).unwrap()
    }

    #[test]
    fn hours_are_those_of_the_project() {
        let holds = |hours: &Hours, at: &str| hours.hold(at.parse().unwrap());
        let night = hours("23:30", "02:00");
        // Zurich is two hours ahead of Greenwich in summer, and one in winter.
        assert!(holds(&night, "2026-07-01T21:30:00Z") && holds(&night, "2026-07-01T23:59:59Z"));
        assert!(!holds(&night, "2026-07-01T21:29:59Z") && !holds(&night, "2026-07-02T00:00:00Z"));
        assert!(holds(&night, "2026-01-01T00:59:00Z") && !holds(&night, "2026-01-01T01:00:00Z"));
        let noon = hours("12:00", "12:30");
        assert!(holds(&noon, "2026-01-01T11:00:00Z") && !holds(&noon, "2026-01-01T11:30:00Z"));
    }

    #[test]
    fn hours_that_are_none_are_refused() {
        let refused = |from: &str, to: &str, zone| {
            let quiet = Quiet { from: from.into(), to: to.into() };
            Pace::new(None, Some(&quiet), zone).err().unwrap()
        };
        assert_eq!(refused("02:00", "02:00", Some("UTC")), "`quiet` ends when it begins");
        assert!(refused("02:00", "03:00", None).contains("names no `timezone`"));
        assert!(refused("02:00", "03:00", Some("Europe/Nowhere")).contains("Europe/Nowhere"));
    }

    #[test]
    fn no_stretch_of_time_sees_more_than_its_rate() {
        let mut window = Window { rate: Rate { messages: 3, per: 1_000 }, gone: VecDeque::new() };
        let begun = Instant::now();
        let mut now = begun;
        let mut gone = Vec::new();
        for wanted in [0, 0, 700, 0, 0, 0, 5_000, 0, 0, 0] {
            now = now.max(begun + Duration::from_millis(wanted));
            now = window.due().map_or(now, |due| due.max(now));
            window.go(now);
            gone.push((now - begun).as_millis());
        }
        assert_eq!(gone, [0, 0, 700, 1_000, 1_000, 1_700, 5_000, 5_000, 5_000, 6_000]);
    }

    #[tokio::test]
    async fn who_gives_up_takes_no_turn() {
        let pace = Pace::new(Some(Rate { messages: 1, per: 3_600_000 }), None, None).unwrap();
        pace.turn().await;
        let gone = |pace: &Pace| pace.rate.as_ref().unwrap().try_lock().unwrap().gone.clone();
        let before = gone(&pace);
        assert!(tokio::time::timeout(Duration::from_millis(1), pace.turn()).await.is_err());
        assert_eq!(gone(&pace), before);
    }
}
