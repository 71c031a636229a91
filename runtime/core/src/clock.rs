//! The one clock: mappings see none but the time in a receipt.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use emr_message::{DateTime, Receipt};

/// The receipt of a message that is taken in now, to the second. Nothing where the clock stands outside the years that
/// HL7 can write.
pub fn received() -> Option<Receipt> {
    receipt_of(microseconds())
}

/// Microseconds since 1970.
pub fn microseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The receipt of a message that was taken in then. Of a time that HL7 cannot write, the receipt of tests.
pub fn receipt(microseconds: i64) -> Receipt {
    receipt_of(microseconds).unwrap_or_default()
}

fn receipt_of(microseconds: i64) -> Option<Receipt> {
    Receipt::new(&DateTime::of_unix(microseconds.div_euclid(1_000_000)).ok()?).ok()
}

/// A time as HL7 writes it: `20261129121500+0000`; empty for one that HL7 cannot write.
pub fn hl7(microseconds: i64) -> Arc<str> {
    /// Many are written in a second.
    static LAST: Mutex<Option<(i64, Arc<str>)>> = Mutex::new(None);
    let second = microseconds.div_euclid(1_000_000);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, text)) = &*last
        && *known == second
    {
        return Arc::clone(text);
    }
    let text: Arc<str> = DateTime::of_unix(second).map(|time| time.hl7()).unwrap_or_default().into();
    *last = Some((second, Arc::clone(&text)));
    text
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
