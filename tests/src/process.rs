//! What a process takes, as the system counts it.

use std::fs;
use std::process::Child;
use std::time::Duration;

/// How often a process is looked at.
const PAUSE: Duration = Duration::from_millis(2);

/// How many ticks of its clock the system counts to a second; the same on all that have `/proc`.
const TICKS: u64 = 100;

/// How a process ended.
pub struct Ended {
    /// The most memory that it held, in bytes.
    pub peak: u64,
    /// The time that it computed, without what the system did for it.
    pub user: Duration,
    pub succeeded: bool,
}

/// Waits for the process to end. Nothing where the system does not tell what a process takes. The system keeps the
/// highest marks, so that only what is taken in the last moment can be missed.
pub fn watch(mut child: Child) -> Option<Ended> {
    let [status, stat] = ["status", "stat"].map(|file| format!("/proc/{}/{file}", child.id()));
    let (mut peak, mut user) = (None, Duration::ZERO);
    loop {
        peak = peak.max(fs::read_to_string(&status).ok().as_deref().and_then(mark));
        user = user.max(fs::read_to_string(&stat).ok().as_deref().and_then(time).unwrap_or_default());
        if let Some(end) = child.try_wait().unwrap() {
            return Some(Ended { peak: peak?, user, succeeded: end.success() });
        }
        std::thread::sleep(PAUSE);
    }
}

/// `VmHWM:     1234 kB`
fn mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// The 14th of the fields, of which the second is a name in brackets.
fn time(stat: &str) -> Option<Duration> {
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(11)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}
