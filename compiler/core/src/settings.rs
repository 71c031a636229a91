//! What the settings of a project may say: the names that only the reader of messages knows.

use emr_message::Charset;
use emr_message::time::Zone;

/// Whether times can be read in that zone.
pub fn is_zone(name: &str) -> bool {
    Zone::named(name).is_ok()
}

/// The names of all zones, for suggestions.
pub fn zones() -> Vec<String> {
    Zone::names()
}

/// Whether messages can be read in that charset.
pub fn is_charset(name: &str) -> bool {
    Charset::named(name).is_ok()
}

/// `30s` in milliseconds; nothing if that is more than can be counted.
pub fn milliseconds(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<i64>().ok().and_then(|count| count.checked_mul(unit))
}
