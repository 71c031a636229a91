//! Lines of the audit as FHIR AuditEvents (R4), as the patterns of IHE Basic Audit Log Patterns (BALP) have them: what was
//! done as DICOM codes, who did it as agents, the message as an entity by its receipt id.

use serde_json::{Value, json};

use super::record::{Line, Said, What};
use crate::clock;

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";

/// DICOM PS3.15 A.5.3: what kind of event it is.
#[derive(Clone, Copy)]
enum Kind {
    Activity,
    Export,
    Import,
    Record,
    Alert,
}

/// What is more exactly done.
enum More {
    Dicom(&'static str, &'static str),
    /// ISO 21089: in the life of a record.
    Lifecycle(&'static str),
    Nothing,
}

/// The AuditEvent of a line; nothing for one that is about the audit's own files. `site` is the name of the project.
pub fn event(line: &Line, site: &str) -> Option<Value> {
    let said = &line.said;
    let (kind, more, action) = coded(said)?;
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": format!("line-{}", line.number),
        "type": coding(kind),
        "action": action,
        "recorded": clock::instant(said.at),
        "outcome": outcome(said),
        "agent": agents(said),
        "source": {
            "site": site,
            "observer": { "display": "emr" },
            "type": [{
                "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
                "code": "4",
                "display": "Application Server",
            }],
        },
        "entity": entities(line),
    });
    let parts = event.as_object_mut()?;
    match more {
        More::Dicom(code, display) => {
            parts.insert("subtype".to_owned(), json!([{ "system": DICOM, "code": code, "display": display }]));
        }
        More::Lifecycle(code) => {
            parts.insert("subtype".to_owned(), json!([{ "system": LIFECYCLE, "code": code }]));
        }
        More::Nothing => {}
    }
    if let Some(why) = &said.why {
        parts.insert("outcomeDesc".to_owned(), json!(why));
    }
    Some(event)
}

/// With the action of the table of FHIR: create, read, update, delete or execute.
fn coded(said: &Said) -> Option<(Kind, More, &'static str)> {
    Some(match said.what {
        What::Started => (Kind::Activity, More::Dicom("110120", "Application Start"), "E"),
        What::Stopped => (Kind::Activity, More::Dicom("110121", "Application Stop"), "E"),
        What::Accepted | What::Refused => (Kind::Import, More::Lifecycle("receive"), "C"),
        What::Filtered => (Kind::Import, More::Nothing, "E"),
        What::Delivered | What::Replied => (Kind::Export, More::Lifecycle("transmit"), "R"),
        What::Parked if said.way.is_none() => (Kind::Import, More::Lifecycle("hold"), "E"),
        What::Parked => (Kind::Export, More::Lifecycle("hold"), "E"),
        What::Released => (Kind::Export, More::Lifecycle("unhold"), "E"),
        What::Dropped => (Kind::Record, More::Nothing, "D"),
        What::Replayed => (Kind::Export, More::Lifecycle("transmit"), "E"),
        What::Viewed => (Kind::Record, More::Lifecycle("access"), "R"),
        What::Reloaded => (Kind::Activity, More::Dicom("110131", "Software Configuration"), "U"),
        What::Repaired => (Kind::Activity, More::Nothing, "D"),
        What::Asked | What::Called => (Kind::Activity, More::Nothing, "E"),
        What::Turned => (Kind::Alert, More::Dicom("110126", "Node Authentication"), "E"),
        What::Gone | What::LeftOut | What::Damaged => (Kind::Alert, More::Nothing, "E"),
        What::Reached => return None,
    })
}

fn coding(kind: Kind) -> Value {
    let (code, display) = match kind {
        Kind::Activity => ("110100", "Application Activity"),
        Kind::Export => ("110106", "Export"),
        Kind::Import => ("110107", "Import"),
        Kind::Record => ("110110", "Patient Record"),
        Kind::Alert => ("110113", "Security Alert"),
    };
    json!({ "system": DICOM, "code": code, "display": display })
}

/// Success, or a minor or serious failure.
fn outcome(said: &Said) -> &'static str {
    match said.what {
        What::Damaged | What::Gone | What::LeftOut => "8",
        What::Refused | What::Parked | What::Turned => "4",
        _ if said.is_refused => "4",
        _ => "0",
    }
}

/// Who did it, and the engine that it was done in.
fn agents(said: &Said) -> Value {
    let engine = |requestor| json!({ "who": { "display": "emr" }, "requestor": requestor });
    let Some(who) = &said.who else { return json!([engine(true)]) };
    let is_address = who.parse::<std::net::IpAddr>().is_ok();
    let other = if is_address {
        // An address of the internet, by the table of FHIR.
        json!({ "who": { "display": who }, "requestor": true, "network": { "address": who, "type": "2" } })
    } else {
        json!({ "who": { "display": who }, "requestor": true })
    };
    json!([other, engine(false)])
}

/// The message if there is one, and the line of the audit, by which this can be proven.
fn entities(line: &Line) -> Value {
    let said = &line.said;
    let mut detail = vec![json!({ "type": "line", "valueString": line.number.to_string() })];
    detail.push(json!({ "type": "hash-of-the-line-before", "valueString": line.before }));
    for (name, value) in [("feed", &said.feed), ("way", &said.way)] {
        if let Some(value) = value {
            detail.push(json!({ "type": name, "valueString": value }));
        }
    }
    let name = said.id.clone().unwrap_or_else(|| format!("line-{}", line.number));
    json!([{
        "what": { "identifier": { "value": name } },
        "type": {
            "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type",
            "code": "2",
            "display": "System Object",
        },
        "detail": detail,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_an_export_of_a_message() {
        let mut said = Said::of(1_700_000_000_123_456, What::Delivered);
        (said.feed, said.id, said.way) = (Some("adt".into()), Some("adt-5".into()), Some("all>ehr".into()));
        let event = event(&Line { number: 7, before: "0".repeat(64), said }, "site").unwrap();
        assert_eq!((&event["type"]["code"], &event["outcome"]), (&"110106".into(), &"0".into()));
        assert_eq!(event["subtype"][0]["code"], "transmit");
        assert_eq!(event["recorded"], "2023-11-14T22:13:20.123456Z");
        assert_eq!(event["entity"][0]["what"]["identifier"]["value"], "adt-5");
        assert_eq!(event["agent"][0]["requestor"], true);
    }

    #[test]
    fn a_peer_that_is_turned_away_is_an_alert_of_its_address() {
        let said = Said::of(0, What::Turned).by("192.0.2.7").because("no TLS");
        let event = event(&Line { number: 0, before: "0".repeat(64), said }, "site").unwrap();
        assert_eq!(event["agent"][0]["network"]["address"], "192.0.2.7");
        assert_eq!((&event["outcome"], &event["outcomeDesc"]), (&"4".into(), &"no TLS".into()));
        assert!(
            super::event(&Line { number: 0, before: String::new(), said: Said::of(0, What::Reached) }, "").is_none()
        );
    }
}
