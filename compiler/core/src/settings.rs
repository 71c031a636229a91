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
