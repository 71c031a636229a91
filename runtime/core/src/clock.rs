//! The one clock: mappings see none but the time in a receipt.

use std::time::{SystemTime, UNIX_EPOCH};

use emr_message::{DateTime, Receipt};

/// The receipt of a message that is taken in now, to the second. Nothing where the clock stands outside the years that
/// HL7 can write.
pub fn received() -> Option<Receipt> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Receipt::new(&DateTime::of_unix(i64::try_from(seconds).ok()?).ok()?).ok()
}
