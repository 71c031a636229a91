//! HL7's data types as FHIR's, and the patient.

use super::fhir::*;
use super::message::{Segment, Value, part, sub};
use emr_message::{DateTime, Zone};
use std::sync::LazyLock;

fn moment(text: &str, write: impl Fn(&DateTime, Option<&Zone>) -> Option<String>) -> Option<String> {
    static ZONE: LazyLock<Option<Zone>> = LazyLock::new(|| Zone::named("UTC").ok());
    write(&DateTime::read(text).ok()?, ZONE.as_ref())
}

pub fn date(text: &str) -> Option<String> {
    moment(text, |it, _| Some(it.date()))
}

pub fn date_time(text: &str) -> Option<String> {
    moment(text, |it, zone| it.date_time(zone).ok())
}

pub fn instant(text: &str) -> Option<String> {
    moment(text, |it, zone| it.instant(zone).ok())
}

pub fn period(start: &str, end: &str) -> Option<Period> {
    some(Period { start: date_time(start), end: date_time(end) })
}

pub fn system(name: &str) -> String {
    match name {
        "LN" => "http://loinc.org".into(),
        "SCT" | "SNOMED" | "SNM" => "http://snomed.info/sct".into(),
        "UCUM" => "http://unitsofmeasure.org".into(),
        "I9" | "I9C" => "http://hl7.org/fhir/sid/icd-9-cm".into(),
        "I10" | "I10C" => "http://hl7.org/fhir/sid/icd-10-cm".into(),
        "CVX" => "http://hl7.org/fhir/sid/cvx".into(),
        "NDC" => "http://hl7.org/fhir/sid/ndc".into(),
        "C4" => "http://www.ama-assn.org/go/cpt".into(),
        "CDCREC" => "urn:oid:2.16.840.1.113883.6.238".into(),
        "RXNORM" => "http://www.nlm.nih.gov/research/umls/rxnorm".into(),
        _ => match name.strip_prefix("HL7") {
            Some(table) if table.len() == 4 && table.bytes().all(|b| b.is_ascii_digit()) => {
                format!("http://terminology.hl7.org/CodeSystem/v2-{table}")
            }
            _ => format!("urn:id:{name}"),
        },
    }
}

/// The code of a coded field, if the table is the one that its system names.
pub fn code(of: &Value, table: &str) -> Option<Result<String, String>> {
    let code = part(of, 1)?;
    let known = part(of, 3).is_none_or(|it| it == format!("HL7{table}") || it == system(&format!("HL7{table}")));
    Some(if known { Ok(code) } else { Err(code) })
}

pub fn coded(system: &str, code: &str, display: Option<&str>) -> Coding {
    Coding { system: Some(system.into()), code: Some(code.into()), display: display.map(Into::into) }
}

pub fn one(coding: Coding) -> CodeableConcept {
    CodeableConcept { coding: vec![coding], ..CodeableConcept::default() }
}

pub fn concept(of: &Value, text: Option<String>) -> Option<CodeableConcept> {
    let coding = |code, display, named| {
        some(Coding { system: part(of, named).map(|it| system(&it)), code: part(of, code), display: part(of, display) })
    };
    let codings = [coding(1, 2, 3), coding(4, 5, 6)].into_iter().flatten().collect();
    some(CodeableConcept { coding: codings, text: text.or(part(of, 9)).or(part(of, 2)), ..CodeableConcept::default() })
}

fn assigned(of: &Value, number: usize) -> Option<String> {
    let universal = sub(of, number, 2)?;
    let is_oid = sub(of, number, 3).as_deref() == Some("ISO");
    Some(if is_oid { format!("urn:oid:{universal}") } else { format!("urn:id:{universal}") })
}

pub fn identifier(of: &Value) -> Option<Identifier> {
    Some(Identifier {
        value: Some(part(of, 1)?),
        r#type: part(of, 5).map(|kind| one(coded("http://terminology.hl7.org/CodeSystem/v2-0203", &kind, None))),
        system: assigned(of, 4),
        assigner: some(Display { display: sub(of, 4, 1) }),
    })
}

pub fn name(of: &Value) -> Option<HumanName> {
    let used = match part(of, 7).unwrap_or_default().as_str() {
        "L" => Some("official"),
        "D" => Some("usual"),
        "M" => Some("maiden"),
        "N" => Some("nickname"),
        "A" | "S" => Some("anonymous"),
        "T" => Some("temp"),
        _ => None,
    };
    some(HumanName {
        r#use: used.map(Into::into),
        family: part(of, 1),
        given: [part(of, 2), part(of, 3)].into_iter().flatten().collect(),
        prefix: part(of, 5).into_iter().collect(),
        suffix: [part(of, 4), part(of, 6)].into_iter().flatten().collect(),
    })
}

pub fn address(of: &Value) -> Option<Address> {
    let used = part(of, 7).unwrap_or_default();
    some(Address {
        r#use: match used.as_str() {
            "H" => Some("home".into()),
            "B" | "O" => Some("work".into()),
            "C" => Some("temp".into()),
            "BA" => Some("old".into()),
            "BI" => Some("billing".into()),
            _ => None,
        },
        r#type: (used == "M").then(|| "postal".into()),
        line: [part(of, 1), part(of, 2)].into_iter().flatten().collect(),
        city: part(of, 3),
        district: part(of, 9),
        state: part(of, 4),
        postal_code: part(of, 5),
        country: part(of, 6),
    })
}

fn reached(of: &Value, otherwise: &str) -> Option<ContactPoint> {
    let kind = part(of, 3).unwrap_or_default();
    let system = match kind.as_str() {
        "FX" => "fax",
        "Internet" | "X.400" => "email",
        "BP" => "pager",
        "SAT" | "MD" | "TDD" | "TTY" => "other",
        _ => "phone",
    };
    let parts = || {
        let number = part(of, 7)?;
        Some(part(of, 6).map_or(number.clone(), |area| format!("({area}) {number}")))
    };
    let mail = part(of, 4).filter(|_| system == "email");
    let used = match part(of, 2).unwrap_or_default().as_str() {
        "PRN" | "ORN" | "VHN" => "home",
        "WPN" => "work",
        "PRS" => "mobile",
        _ if kind == "CP" => "mobile",
        _ => otherwise,
    };
    let value = mail.or_else(|| part(of, 1)).or_else(|| part(of, 12)).or_else(parts)?;
    Some(ContactPoint { system: Some(system.into()), value: Some(value), r#use: Some(used.into()) })
}

pub fn telecom(of: &Segment, home: usize, work: usize) -> Vec<ContactPoint> {
    let all = |number, used| of.list(number).into_iter().filter_map(move |it| reached(&it, used));
    all(home, "home").chain(all(work, "work")).collect()
}

pub fn clinician(of: &Value) -> Option<Reference> {
    let number =
        part(of, 1).map(|value| Identifier { system: assigned(of, 9), value: Some(value), ..Identifier::default() });
    let words: Vec<String> = [6, 3, 4, 2, 5].iter().filter_map(|number| part(of, *number)).collect();
    let display = (!words.is_empty()).then(|| words.join(" "));
    some(Reference { identifier: number, display, ..Reference::default() })
}

pub fn gender(of: &Value) -> Option<String> {
    let gender = match code(of, "0001")? {
        Ok(code) if code == "M" => "male",
        Ok(code) if code == "F" => "female",
        Ok(code) if code == "O" || code == "A" => "other",
        _ => "unknown",
    };
    Some(gender.into())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "Y" | "true" => Some(true),
        "N" | "false" => Some(false),
        _ => None,
    }
}

/// The patient, and the identifier that tells it from others.
pub fn patient(pid: &Segment) -> (Resource, Option<Identifier>) {
    let mut identifiers: Vec<Identifier> = pid.list(3).iter().filter_map(identifier).collect();
    let key = pid.list(3).first().and_then(identifier);
    identifiers.extend(some(pid.text(19)).map(|number| Identifier {
        r#type: Some(one(coded("http://terminology.hl7.org/CodeSystem/v2-0203", "SS", None))),
        system: Some("http://hl7.org/fhir/sid/us-ssn".into()),
        value: Some(number),
        assigner: None,
    }));
    let married = pid.value(16);
    let marital = part(&married, 1).map(|code| {
        one(coded("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", &code, part(&married, 2).as_deref()))
    });
    let (died, order) = (date_time(&pid.text(29)), pid.text(25).parse().ok());
    let patient = Patient {
        identifier: identifiers,
        name: pid.list(5).iter().filter_map(name).collect(),
        telecom: telecom(pid, 13, 14),
        gender: gender(&pid.value(8)),
        birth_date: date(&pid.text(7)),
        deceased_boolean: if died.is_none() { boolean(&pid.text(30)) } else { None },
        deceased_date_time: died,
        address: pid.list(11).iter().filter_map(address).collect(),
        marital_status: marital,
        multiple_birth_boolean: if order.is_none() { boolean(&pid.text(24)) } else { None },
        multiple_birth_integer: order,
        communication: concept(&pid.value(15), None)
            .map(|it| Communication { language: Some(it) })
            .into_iter()
            .collect(),
    };
    (Resource::Patient(Box::new(patient)), key)
}
