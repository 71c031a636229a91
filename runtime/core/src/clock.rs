//! The one clock: mappings see none but the time in a receipt.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use emr_message::{DateTime, Receipt};

/// The receipt of a message that is taken in now, to the second. Nothing where the clock stands outside the years that
/// HL7 can write.
pub fn received() -> Option<Receipt> {
    receipt_of(microseconds().div_euclid(1_000_000))
}

/// Microseconds since 1970.
pub fn microseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The receipt of a message that was taken in then. Of a time that HL7 cannot write, the receipt of tests.
pub fn receipt(microseconds: i64) -> Receipt {
    static LAST: Last<Receipt> = Last(Mutex::new(None));
    LAST.of(microseconds, |second| receipt_of(second).unwrap_or_default())
}

fn receipt_of(second: i64) -> Option<Receipt> {
    Receipt::new(&DateTime::of_unix(second).ok()?).ok()
}

/// A time as HL7 writes it: `20261129121500+0000`; empty for one that HL7 cannot write.
pub fn hl7(microseconds: i64) -> Arc<str> {
    static LAST: Last<Arc<str>> = Last(Mutex::new(None));
    LAST.of(microseconds, |second| DateTime::of_unix(second).map(|time| time.hl7()).unwrap_or_default().into())
}

/// What is the same for a whole second, in which many ask for it.
struct Last<T>(Mutex<Option<(i64, T)>>);

impl<T: Clone> Last<T> {
    fn of(&self, microseconds: i64, make: impl FnOnce(i64) -> T) -> T {
        let second = microseconds.div_euclid(1_000_000);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, made)) if *known == second => made.clone(),
            _ => last.insert((second, make(second))).1.clone(),
        }
    }
}

/// A time as FHIR and RFC 3339 write an instant: `2026-11-29T12:15:00.25Z`; empty for one that these cannot write.
pub fn instant(microseconds: i64) -> String {
    jiff::Timestamp::from_microsecond(microseconds).map(|time| time.to_string()).unwrap_or_default()
}

/// What no other answer of this process, or one that began later, is called: at most 20 letters, as MSH-10 takes.
pub fn unique(microseconds: i64) -> String {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let next = |last| Some(microseconds.max(last + 1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
    format!("e{:x}", microseconds.max(last + 1))
}
