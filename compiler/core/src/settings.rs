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

/// `16 MiB` in bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit: u64 = match text.get(digits.len()..)?.trim_start() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("16 MiB"), Some(16 << 20));
        assert_eq!(bytes("1GB"), Some(1_000_000_000));
        assert_eq!([bytes("16"), bytes("MiB"), bytes("99999999999 GiB")], [None; 3]);
    }
}
