//! W2.

use super::Entries;
use super::fhir::*;
use super::message::{Message, Segment, part};
use super::types::*;

pub fn results(message: &Message, entries: &mut Entries) -> Option<()> {
    let (patient, key) = patient(message.first("PID")?);
    let who = entries.add(patient, key.as_ref());
    let starts = message.segments.iter().enumerate().filter(|(_, it)| it.name == "OBR").map(|(at, _)| at);
    let starts: Vec<usize> = starts.collect();
    for (order, &from) in starts.iter().enumerate() {
        let to = starts.get(order + 1).copied().unwrap_or(message.segments.len());
        let [obr, rest @ ..] = message.segments.get(from..to)? else { continue };
        let mut found = Vec::new();
        for (at, obx) in rest.iter().enumerate().filter(|(_, it)| it.name == "OBX") {
            let notes = rest.iter().skip(at + 1).take_while(|it| it.name == "NTE");
            let observation = observation(obx, notes, who.clone(), date_time(&obr.text(7)));
            found.extend(entries.add(observation, None));
        }
        entries.add(report(obr, who.clone(), found), None);
    }
    Some(())
}

/// What was asked for, or that nobody says it.
fn known(code: Option<CodeableConcept>) -> Option<CodeableConcept> {
    let absent = || Extension {
        url: Some("http://hl7.org/fhir/StructureDefinition/data-absent-reason".into()),
        value_code: Some("unknown".into()),
    };
    code.or_else(|| Some(CodeableConcept { extension: vec![absent()], ..CodeableConcept::default() }))
}

fn issued(text: &str) -> Option<String> {
    if text.len() >= 14 { instant(text) } else { None }
}

fn report(obr: &Segment, subject: Option<Reference>, result: Vec<Reference>) -> Resource {
    let number = |field, kind| {
        Some(Identifier {
            r#type: Some(one(coded("http://terminology.hl7.org/CodeSystem/v2-0203", kind, None))),
            value: Some(some(obr.text(field))?),
            ..Identifier::default()
        })
    };
    let status = match obr.text(25).as_str() {
        "F" => "final",
        "P" => "preliminary",
        "C" => "corrected",
        "A" | "R" => "partial",
        "X" => "cancelled",
        "O" | "I" | "S" => "registered",
        _ => "unknown",
    };
    let section = some(obr.text(24)).map(|it| one(coded("http://terminology.hl7.org/CodeSystem/v2-0074", &it, None)));
    Resource::DiagnosticReport(Box::new(DiagnosticReport {
        identifier: [number(2, "PLAC"), number(3, "FILL")].into_iter().flatten().collect(),
        status: Some(status.into()),
        category: section.into_iter().collect(),
        code: known(concept(&obr.value(4), None)),
        subject,
        effective_date_time: date_time(&obr.text(7)),
        issued: issued(&obr.text(22)),
        performer: obr.list(16).iter().filter_map(clinician).collect(),
        result,
    }))
}

fn observation<'s>(
    obx: &Segment,
    notes: impl Iterator<Item = &'s Segment>,
    subject: Option<Reference>,
    taken: Option<String>,
) -> Resource {
    let status = match obx.text(11).as_str() {
        "F" | "U" => "final",
        "P" | "S" | "R" => "preliminary",
        "C" => "corrected",
        "X" => "cancelled",
        "D" | "W" => "entered-in-error",
        "I" | "O" => "registered",
        _ => "unknown",
    };
    let place = some(obx.text(23)).map(|it| Reference { display: Some(it), ..Reference::default() });
    let category = "http://terminology.hl7.org/CodeSystem/observation-category";
    let flags = obx.list(8).into_iter().map(|it| {
        let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
        one(Coding { system: Some(system.into()), code: part(&it, 1), display: part(&it, 2) })
    });
    let mut observation = Observation {
        status: Some(status.into()),
        category: vec![one(coded(category, "laboratory", None))],
        code: known(concept(&obx.value(3), None)),
        subject,
        effective_date_time: date_time(&obx.text(14)).or(taken),
        issued: issued(&obx.text(19)),
        performer: place.into_iter().chain(obx.list(16).iter().filter_map(clinician)).collect(),
        interpretation: flags.collect(),
        method: obx.list(17).first().and_then(|it| concept(it, None)),
        reference_range: some(obx.text(7)).map(|it| Note { text: Some(it) }).into_iter().collect(),
        note: notes.filter_map(|it| it.values(3).next()).map(|it| Note { text: Some(it) }).collect(),
        ..Observation::default()
    };
    value(obx, &mut observation);
    Resource::Observation(Box::new(observation))
}

fn value(obx: &Segment, to: &mut Observation) {
    let Some(value) = obx.list(5).into_iter().next() else { return };
    let text = part(&value, 1);
    match obx.text(2).as_str() {
        "NM" => to.value_quantity = quantity(obx, text.clone(), None),
        "SN" if part(&value, 3).is_none() => {
            let comparator = part(&value, 1).filter(|it| ["<", ">", "<=", ">="].contains(&it.as_str()));
            to.value_quantity = quantity(obx, part(&value, 2), comparator);
        }
        "CWE" | "CE" | "CNE" | "CF" => return to.value_codeable_concept = concept(&value, None),
        "DT" | "TS" | "DTM" => return to.value_date_time = text.and_then(|it| date_time(&it)),
        _ => {}
    }
    if to.value_quantity.is_none() {
        to.value_string = text;
    }
}

fn quantity(obx: &Segment, number: Option<String>, comparator: Option<String>) -> Option<Quantity> {
    let units = obx.value(6);
    let system = part(&units, 3).map(|it| system(&it));
    Some(Quantity {
        value: Some(number?.parse().ok()?),
        comparator,
        unit: part(&units, 2).or_else(|| part(&units, 1)),
        code: part(&units, 1).filter(|_| system.is_some()),
        system,
    })
}
