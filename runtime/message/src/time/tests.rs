use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::Decimal;

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

/// A time as FHIR's dateTime, or why there is none.
fn in_zone(text: &str, name: &str) -> String {
    let zone = Zone::named(name).ok();
    let written = DateTime::read(text).and_then(|time| time.date_time(zone.as_ref()));
    written.unwrap_or_else(|why| format!("{why:?}"))
}

#[test]
fn precision_offset_and_fraction_stay_as_they_came() {
    for (text, fhir) in [
        ("1961", "1961"),
        ("196107", "1961-07"),
        ("19610704", "1961-07-04"),
        (" 19610704 ", "1961-07-04"),
        ("20260102-0600", "2026-01-02"),
        ("2026010208-0600", "2026-01-02T08:00:00-06:00"),
        ("202601020830-0600", "2026-01-02T08:30:00-06:00"),
        ("20260102083015+0530", "2026-01-02T08:30:15+05:30"),
        ("20260102083015.1234-0600", "2026-01-02T08:30:15.1234-06:00"),
        ("20221205134200.000-0500", "2022-12-05T13:42:00.000-05:00"),
        ("20161231235960+0000", "2016-12-31T23:59:60+00:00"),
        ("20000229", "2000-02-29"),
    ] {
        assert_eq!(in_zone(text, ""), fhir);
    }
}

#[test]
fn what_is_no_time_says_why() {
    use Invalid::*;
    for (text, why) in [
        ("", Shape),
        ("abc", Shape),
        ("196", Shape),
        ("19610", Shape),
        ("1961-07-04", Offset),
        ("196107041", Shape),
        ("0000", Year),
        ("196113", Month),
        ("196100", Month),
        ("20240231", Day),
        ("20230229", Day),
        ("20240200", Day),
        ("2024010224", Hour),
        ("202401022360", Minute),
        ("20240102235961", Second),
        ("20240102235860", Second),
        ("20240102235959.", Fraction),
        ("20240102235959.1234567890", Fraction),
        ("20240102235959.1x", Fraction),
        ("202401022359.5", Fraction),
        ("20240102.5", Fraction),
        ("202401022359+1500", Offset),
        ("202401022359+01", Offset),
        ("202401022359+0160", Offset),
        ("\u{661}\u{669}\u{666}\u{661}", Shape),
    ] {
        assert_eq!(DateTime::read(text).unwrap_err(), why, "{text}");
    }
    assert_eq!(in_zone("202601020830", ""), "NoZone");
    assert_eq!(DateTime::read("20260102").unwrap().instant(None), Err(Imprecise));
}

#[test]
fn a_time_without_offset_has_that_of_the_zone() {
    assert_eq!(in_zone("202601020830", "Europe/Zurich"), "2026-01-02T08:30:00+01:00");
    assert_eq!(in_zone("202607020830", "Europe/Zurich"), "2026-07-02T08:30:00+02:00");
    assert_eq!(in_zone("202607020830", "+05:30"), "2026-07-02T08:30:00+05:30");
    assert_eq!(in_zone("202607020830", "UTC"), "2026-07-02T08:30:00+00:00");
    assert_eq!(in_zone("202607020830-0700", "Europe/Zurich"), "2026-07-02T08:30:00-07:00");
    assert_eq!(in_zone("20260702", "Europe/Zurich"), "2026-07-02");
    // Before there was a common time Zurich's was 34 minutes and 8 seconds ahead.
    assert_eq!(in_zone("185001010000", "Europe/Zurich"), "1850-01-01T00:00:00+00:34");
}

#[test]
fn where_clocks_change_the_offset_before_the_change_holds() {
    // 02:30 was skipped in Zurich: the clocks showed 03:30+02:00, which is the same instant.
    assert_eq!(in_zone("20260329023000", "Europe/Zurich"), "2026-03-29T02:30:00+01:00");
    // 02:30 came twice: the first, in daylight time.
    assert_eq!(in_zone("20261025023000", "Europe/Zurich"), "2026-10-25T02:30:00+02:00");
    assert_eq!(in_zone("20261101013000", "America/Chicago"), "2026-11-01T01:30:00-05:00");
    // The whole of 30 December 2011 was skipped in Apia.
    assert_eq!(in_zone("20111230120000", "Pacific/Apia"), "2011-12-30T12:00:00-10:00");
}

#[test]
fn zones_have_names() {
    for name in ["europe/zurich", "America/Argentina/Buenos_Aires", "Z", "-03:00"] {
        assert!(Zone::named(name).is_ok(), "{name}");
    }
    for name in ["", "Zurich", "+25:00", "+1", "../etc/passwd"] {
        assert_eq!(Zone::named(name), Err(UnknownZone), "{name}");
    }
    assert!(Zone::names().iter().any(|name| name == "Europe/Zurich"));
}

#[test]
fn what_has_no_offset_stays_as_hl7_writes_it() {
    for (text, name, known) in [
        ("202601020830", "", "202601020830"),
        ("2026010208", "", "2026010208"),
        ("20260102083015.25", "", "20260102083015.25"),
        ("202601020830", "Europe/Zurich", "2026-01-02T08:30:00+01:00"),
        ("20260102", "", "2026-01-02"),
    ] {
        assert_eq!(DateTime::read(text).unwrap().written(Zone::named(name).ok().as_ref()), known);
    }
}

#[test]
fn seconds_of_unix() {
    let time = |seconds| DateTime::of_unix(seconds).unwrap().date_time(None).unwrap();
    assert_eq!(time(0), "1970-01-01T00:00:00+00:00");
    assert_eq!(time(1_773_304_200), "2026-03-12T08:30:00+00:00");
    assert_eq!(DateTime::of_unix(i64::MAX), Err(Invalid::Range));
}

#[test]
fn times_of_day() {
    let time = |text| TimeOfDay::read(text).map(|time| time.time());
    assert_eq!(time("08").unwrap(), "08:00:00");
    assert_eq!(time("0830").unwrap(), "08:30:00");
    assert_eq!(time("083015.5-0600").unwrap(), "08:30:15.5");
    assert_eq!(time("24"), Err(Invalid::Hour));
    assert_eq!(time("8"), Err(Invalid::Shape));
    assert_eq!(DateTime::read("202601020830").unwrap().time_of_day().unwrap().time(), "08:30:00");
    assert_eq!(DateTime::read("20260102").unwrap().time_of_day(), None);
    assert_eq!(TimeOfDay::read_fhir("08:30:15.50").unwrap().time(), "08:30:15.50");
}

#[test]
fn fhir_text_is_read_too() {
    for text in ["1961", "1961-07", "1961-07-04", "2026-01-02T08:30:15.120+01:00"] {
        assert_eq!(DateTime::read_fhir(text).unwrap().date_time(None).unwrap(), text);
    }
    assert_eq!(DateTime::read_fhir("2026-01-02T08:30:15Z").unwrap().offset(), Some(Offset::UTC));
    for text in ["", "61", "1961-7-4", "1961-07T08:30:00Z", "1961-07-04-05", "1961-07-04T08Z", "1961-07-04T8:30:00Z"] {
        assert!(DateTime::read_fhir(text).is_err(), "{text}");
    }
}

fn compared(a: &str, b: &str, name: &str) -> Option<Ordering> {
    let zone = Zone::named(name).ok();
    let (a, b) = (DateTime::read(a).unwrap(), DateTime::read(b).unwrap());
    assert_eq!(a.compare(&b, zone.as_ref()).map(Ordering::reverse), b.compare(&a, zone.as_ref()));
    a.compare(&b, zone.as_ref())
}

#[test]
fn times_compare_as_far_as_both_are_known() {
    use Ordering::*;
    for (a, b, zone, order) in [
        ("1961", "1962", "", Some(Less)),
        ("1961", "19620704", "", Some(Less)),
        ("1961", "19610704", "", None),
        ("1961", "1961", "", Some(Equal)),
        ("20260102", "202601020830", "", None),
        ("20260102", "202601030830", "", Some(Less)),
        ("202601020830", "202601020930", "", Some(Less)),
        ("202601020830", "202601020930+0100", "", None),
        ("202601020830", "202601020930+0100", "Europe/Zurich", Some(Less)),
        ("202601020830+0000", "202601020930+0100", "", Some(Equal)),
        ("202601020830+0000", "202601020900+0100", "", Some(Greater)),
        ("20260102083000.1", "20260102083000.10", "", Some(Equal)),
        ("20260102083000.1", "20260102083000.2", "", Some(Less)),
        ("202601020830", "20260102083000", "", None),
    ] {
        assert_eq!(compared(a, b, zone), order, "{a} {b} {zone}");
    }
}

fn plus(text: &str, span: Option<Span>, name: &str) -> String {
    let zone = Zone::named(name).ok();
    let sum = DateTime::read(text).unwrap().plus(span.unwrap(), zone.as_ref());
    sum.and_then(|time| time.date_time(zone.as_ref())).unwrap_or_else(|why| format!("{why:?}"))
}

#[test]
fn adding_keeps_the_precision() {
    assert_eq!(plus("20240228", Span::days(2), ""), "2024-03-01");
    assert_eq!(plus("20240228", Span::hours(48), ""), "2024-03-01");
    assert_eq!(plus("20240228", Span::hours(1), ""), "Imprecise");
    assert_eq!(plus("202402", Span::days(1), ""), "Imprecise");
    assert_eq!(plus("202601020830+0100", Span::minutes(-45), ""), "2026-01-02T07:45:00+01:00");
    assert_eq!(plus("202601020830+0100", Span::seconds(30), ""), "Imprecise");
    assert_eq!(plus("20260102083000+0100", Some(Span { millis: 1500 }), ""), "2026-01-02T08:30:01.500+01:00");
    assert_eq!(plus("99991231", Span::days(1), ""), "Range");
    assert_eq!(plus("0001", Span::days(-1), ""), "Imprecise");
    assert_eq!(plus("00010101", Span::days(-1), ""), "Range");
    assert_eq!(Span::days(i64::MAX), None);
    assert_eq!(Span::hours(Decimal::read("1.5").unwrap()), Span::minutes(90));
}

#[test]
fn hours_go_by_while_clocks_change_and_days_keep_the_clock() {
    assert_eq!(plus("202603290130", Span::hours(1), "Europe/Zurich"), "2026-03-29T03:30:00+02:00");
    assert_eq!(plus("202610250230", Span::hours(1), "Europe/Zurich"), "2026-10-25T02:30:00+01:00");
    assert_eq!(plus("202603281200", Span::days(1), "Europe/Zurich"), "2026-03-29T12:00:00+02:00");
}

#[test]
fn differences() {
    let between = |a: &str, b: &str, name: &str| {
        let zone = Zone::named(name).ok();
        let (a, b) = (DateTime::read(a).unwrap(), DateTime::read(b).unwrap());
        a.since(&b, zone.as_ref()).map(|span| span.in_minutes())
    };
    assert_eq!(between("20240301", "20240228", ""), Ok(2 * 24 * 60));
    assert_eq!(between("202601020930", "202601020830", ""), Ok(60));
    assert_eq!(between("202601020930+0100", "202601020830+0000", ""), Ok(0));
    assert_eq!(between("202603290330", "202603290130", "Europe/Zurich"), Ok(60));
    assert_eq!(between("202601020930", "20260102", ""), Err(Invalid::Imprecise));
    assert_eq!(between("2026", "2025", ""), Err(Invalid::Imprecise));
    assert_eq!(between("202601020930", "202601020830+0000", ""), Err(Invalid::NoZone));
}

#[test]
fn ages_are_known_or_not() {
    let age = |birth, on| DateTime::read(birth).unwrap().age(&DateTime::read(on).unwrap());
    assert_eq!(age("19610704", "20260703"), Some(64));
    assert_eq!(age("19610704", "202607040830"), Some(65));
    assert_eq!(age("1961", "20261231"), Some(65));
    assert_eq!(age("1961", "20260703"), None);
    assert_eq!(age("196101", "202607"), Some(65));
    assert_eq!(age("20040229", "20250228"), Some(20));
    assert_eq!(age("20040229", "20250301"), Some(21));
    assert_eq!(age("20260704", "20260703"), None);
}

#[test]
fn truncated_times_know_less() {
    let time = DateTime::read("20260102083015.5-0600").unwrap();
    let to = |name| time.truncate(Precision::named(name).unwrap()).date_time(None).unwrap();
    assert_eq!(to("year"), "2026");
    assert_eq!(to("day"), "2026-01-02");
    assert_eq!(to("minute"), "2026-01-02T08:30:00-06:00");
    assert_eq!(to("second"), "2026-01-02T08:30:15-06:00");
    assert_eq!(DateTime::read("1961").unwrap().truncate(Precision::Day).date(), "1961");
}

#[test]
fn debug_shows_no_value() {
    assert_eq!(format!("{:?}", DateTime::read("19610704").unwrap()), "DateTime(to the Day)");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[0-9]{0,16}[.+-]?[0-9]{0,5}[+-]?[0-9:Z ]{0,5}") {
        if let Ok(time) = DateTime::read(&text) {
            let written = time.date_time(Some(&Zone::named("Europe/Zurich").unwrap())).unwrap();
            let again = DateTime::read_fhir(&written).unwrap();
            prop_assert_eq!(again.date(), time.date());
        }
        let _ = (TimeOfDay::read(&text), DateTime::read_fhir(&text), TimeOfDay::read_fhir(&text));
    }

    #[test]
    fn what_is_added_can_be_taken_away(
        year in 1900..2100, month in 1..=12, day in 1..=28, hour in 0..24, minute in 0..60, by in -100_000i64..100_000,
    ) {
        let zone = zone("America/New_York");
        let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}");
        let start = DateTime::read(&text).unwrap();
        let span = Span::minutes(by).unwrap();
        let end = start.plus(span, Some(&zone)).unwrap();
        prop_assert_eq!(DateTime::read_fhir(&end.date_time(Some(&zone)).unwrap()).unwrap().year(), end.year());
        if span.millis % (24 * 60 * 60 * 1000) != 0 {
            prop_assert_eq!(end.since(&start, Some(&zone)).unwrap(), span);
        }
    }
}

#[test]
fn an_offset_of_letters_is_none() {
    // As many bytes as four digits have, and letters of several bytes among them.
    for text in ["-\té<", "19610423-1é0", "196104230830+é23", "+éé", "1961-é:00"] {
        assert_eq!(DateTime::read(text), Err(Invalid::Offset), "{text}");
        assert_eq!(Zone::named(text), Err(UnknownZone), "{text}");
    }
}
