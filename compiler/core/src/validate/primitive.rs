//! The JSON of FHIR's primitive types: its kind, and how its text looks (FHIR R4 §2.24.0.1).

use super::json::Json;
use crate::standard::fhir::Fhir;

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another kind of JSON than this one.
    Json(&'static str),
    /// It does not look like the type.
    Form,
    /// A date that no calendar has, or a number out of the type's range.
    Range,
    Empty,
}

/// Holds a value against its primitive type.
pub fn check(json: &Json, primitive: &str, fhir: &Fhir) -> Result<(), Fault> {
    match (primitive, json) {
        ("boolean", Json::Boolean(_)) | ("decimal", Json::Integer(_) | Json::Decimal(_)) => Ok(()),
        ("boolean", _) => Err(Fault::Json("true or false")),
        ("decimal", _) => Err(Fault::Json("a number")),
        ("integer" | "unsignedInt" | "positiveInt", Json::Integer(number)) => whole(primitive, *number),
        ("integer" | "unsignedInt" | "positiveInt", Json::Decimal(_)) => Err(Fault::Form),
        ("integer" | "unsignedInt" | "positiveInt", _) => Err(Fault::Json("a number")),
        (_, Json::Text(text)) => form(primitive, text, fhir),
        _ => Err(Fault::Json("a text")),
    }
}

/// FHIR R4 gives all three 32 bits.
fn whole(primitive: &str, number: i128) -> Result<(), Fault> {
    let least = match primitive {
        "positiveInt" => 1,
        "unsignedInt" => 0,
        _ => i128::from(i32::MIN),
    };
    if (least..=i128::from(i32::MAX)).contains(&number) { Ok(()) } else { Err(Fault::Range) }
}

fn form(primitive: &str, text: &str, fhir: &Fhir) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if !fhir.fits(primitive, text) {
        return Err(Fault::Form);
    }
    // What a URI says that it is, it must be; RFC 4122 lets a UUID be written in capitals.
    let urn = match primitive {
        "uri" | "url" | "canonical" if text.starts_with("urn:oid:") => fhir.fits("oid", text),
        "uri" | "url" | "canonical" if text.starts_with("urn:uuid:") => fhir.fits("uuid", &text.to_ascii_lowercase()),
        _ => true,
    };
    if !urn {
        return Err(Fault::Form);
    }
    let dated = matches!(primitive, "date" | "dateTime" | "instant");
    if dated && !on_calendar(text) { Err(Fault::Range) } else { Ok(()) }
}

/// Whether the month has that day. The regex has seen to the rest.
fn on_calendar(text: &str) -> bool {
    let part = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(5, 7), part(8, 10)) else { return true };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    day <= days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_each_primitive() {
        let fhir = Fhir::r4();
        let text = |text: &str| Json::Text(text.to_string());
        let cases = [
            ("boolean", Json::Boolean(true), Ok(())),
            ("boolean", text("true"), Err(Fault::Json("true or false"))),
            ("decimal", Json::Decimal(1.5), Ok(())),
            ("decimal", text("1.5"), Err(Fault::Json("a number"))),
            ("integer", Json::Integer(-3), Ok(())),
            ("integer", Json::Integer(1 << 31), Err(Fault::Range)),
            ("integer", Json::Decimal(1.0), Err(Fault::Form)),
            ("positiveInt", Json::Integer(0), Err(Fault::Range)),
            ("unsignedInt", Json::Integer(0), Ok(())),
            ("string", text("a\u{a0}b"), Ok(())),
            ("string", text(""), Err(Fault::Empty)),
            ("string", Json::Integer(1), Err(Fault::Json("a text"))),
            ("code", text("a b"), Ok(())),
            ("code", text(" a"), Err(Fault::Form)),
            ("id", text("a_b"), Err(Fault::Form)),
            ("uri", text("a b"), Err(Fault::Form)),
            ("uri", text("urn:oid:1.2.3"), Ok(())),
            ("uri", text("urn:oid:x"), Err(Fault::Form)),
            ("uri", text("urn:uuid:1"), Err(Fault::Form)),
            ("uri", text("urn:uuid:68D043B5-9ECF-4559-A57A-396E0D452311"), Ok(())),
            ("date", text("1961"), Ok(())),
            ("date", text("2023-02-29"), Err(Fault::Range)),
            ("date", text("2024-02-29"), Ok(())),
            ("date", text("20240229"), Err(Fault::Form)),
            ("dateTime", text("2024-02-29T10:00:00+01:00"), Ok(())),
            ("dateTime", text("2024-02-29T10:00:00"), Err(Fault::Form)),
            ("instant", text("2024-02-29"), Err(Fault::Form)),
            ("time", text("10:00:00"), Ok(())),
            ("oid", text("urn:oid:1.2.3"), Ok(())),
            ("oid", text("1.2.3"), Err(Fault::Form)),
            ("base64Binary", text("aGFsbG8="), Ok(())),
            ("base64Binary", text("!"), Err(Fault::Form)),
        ];
        for (at, (primitive, json, outcome)) in cases.iter().enumerate() {
            assert_eq!(check(json, primitive, &fhir), *outcome, "{primitive}, case {at}");
        }
    }
}
