//! Times as people say them when they look for messages.

use emr_message::DateTime;

use crate::clock;

/// Microseconds since 1970 of `2026-11-29T08:00`, in UTC where it has no offset, or of `90m`, `8h`, `3d` ago.
///
/// # Errors
/// It is no time: says how one is written.
pub fn read(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no time: one is written like `2026-11-29T08:00`, or `90m`, `8h`, `3d` ago");
    if let Some((count, unit)) = text.split_at_checked(text.len().saturating_sub(1))
        && let Some(seconds) = seconds(unit)
    {
        let ago = count.parse::<i64>().ok().and_then(|count| count.checked_mul(seconds * 1_000_000));
        return ago.and_then(|ago| clock::microseconds().checked_sub(ago)).ok_or_else(wrong);
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00") };
    let read = DateTime::read_fhir(&whole).ok().filter(|time| time.offset().is_some());
    let time = read.map_or_else(|| DateTime::read_fhir(&format!("{whole}Z")), Ok);
    let since = time.and_then(|time| time.since(&DateTime::of_unix(0)?, None)).map_err(|_| wrong())?;
    since.millis.checked_mul(1_000).ok_or_else(wrong)
}

fn seconds(unit: &str) -> Option<i64> {
    Some(match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_a_day_an_hour_or_a_while_ago() {
        assert_eq!(read("1970-01-02"), Ok(86_400_000_000));
        assert_eq!(read("1970-01-01T01:30"), Ok(5_400_000_000));
        assert_eq!(read("1970-01-01T01:30:00+01:00"), Ok(1_800_000_000));
        let then = read("2h").unwrap();
        let ago = clock::microseconds() - then;
        assert!((7_200_000_000..7_260_000_000).contains(&ago), "{ago}");
        for wrong in ["yesterday", "1970", "", "d", "1970-13-01", "5x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
