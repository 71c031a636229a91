//! W1.

use super::Entries;
use super::fhir::*;
use super::message::{Message, Segment, part};
use super::types::*;

pub fn admission(message: &Message, entries: &mut Entries) -> Option<()> {
    let (patient, key) = patient(message.first("PID")?);
    let who = entries.add(patient, key.as_ref());
    let visit = message.first("PV1").and_then(|pv1| {
        let (encounter, key) = encounter(pv1, who.clone());
        entries.add(encounter, key.as_ref())
    });
    for nk1 in message.all("NK1") {
        entries.add(related(nk1, who.clone()), None);
    }
    for al1 in message.all("AL1") {
        entries.add(allergy(al1, who.clone()), None);
    }
    for dg1 in message.all("DG1") {
        entries.add(condition(dg1, who.clone(), visit.clone()), None);
    }
    for in1 in message.all("IN1") {
        entries.add(coverage(in1, who.clone()), None);
    }
    Some(())
}

fn encounter(pv1: &Segment, subject: Option<Reference>) -> (Resource, Option<Identifier>) {
    let key = identifier(&pv1.value(19));
    let (class, display) = match code(&pv1.value(2), "0004").and_then(Result::ok).unwrap_or_default().as_str() {
        "I" | "R" | "B" => ("IMP", "inpatient encounter"),
        "E" => ("EMER", "emergency"),
        "P" => ("PRENC", "pre-admission"),
        _ => ("AMB", "ambulatory"),
    };
    let mut participants = Vec::new();
    for (number, role) in [(7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM")] {
        participants.extend(pv1.list(number).iter().filter_map(clinician).map(|who| Participant {
            r#type: vec![one(coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", role, None))],
            individual: Some(who),
        }));
    }
    let place = pv1.value(3);
    let words: Vec<String> = (1..=4).filter_map(|number| part(&place, number)).collect();
    let location = (!words.is_empty()).then(|| Location {
        location: Some(Display { display: Some(words.join(" ")) }),
        status: Some("active".into()),
    });
    let encounter = Encounter {
        identifier: key.clone().into_iter().collect(),
        status: Some(if pv1.text(45).is_empty() { "in-progress" } else { "finished" }.into()),
        class: Some(coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", class, Some(display))),
        r#type: concept(&pv1.value(4), None).into_iter().collect(),
        subject,
        participant: participants,
        period: period(&pv1.text(44), &pv1.text(45)),
        hospitalization: some(Hospitalization {
            admit_source: concept(&pv1.value(14), None),
            discharge_disposition: concept(&pv1.value(36), None),
        }),
        location: location.into_iter().collect(),
    };
    (Resource::Encounter(Box::new(encounter)), key)
}

fn related(nk1: &Segment, patient: Option<Reference>) -> Resource {
    Resource::RelatedPerson(Box::new(RelatedPerson {
        patient,
        relationship: concept(&nk1.value(3), None).into_iter().collect(),
        name: nk1.list(2).iter().filter_map(name).collect(),
        telecom: telecom(nk1, 5, 6),
        gender: gender(&nk1.value(15)),
        birth_date: date(&nk1.text(16)),
        address: nk1.list(4).iter().filter_map(address).collect(),
        period: period(&nk1.text(8), &nk1.text(9)),
    }))
}

fn allergy(al1: &Segment, patient: Option<Reference>) -> Resource {
    let kind = code(&al1.value(2), "0127").and_then(Result::ok).unwrap_or_default();
    let category = match kind.as_str() {
        "DA" => Some("medication"),
        "FA" => Some("food"),
        "EA" | "AA" | "PA" | "LA" | "MA" => Some("environment"),
        _ => None,
    };
    let criticality = match code(&al1.value(4), "0128").and_then(Result::ok).unwrap_or_default().as_str() {
        "SV" => Some("high"),
        "MI" | "MO" => Some("low"),
        "U" => Some("unable-to-assess"),
        _ => None,
    };
    let reaction =
        |text| Reaction { manifestation: vec![CodeableConcept { text: Some(text), ..CodeableConcept::default() }] };
    Resource::AllergyIntolerance(Box::new(AllergyIntolerance {
        clinical_status: Some(one(coded(
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
            "active",
            None,
        ))),
        category: category.map(Into::into).into_iter().collect(),
        criticality: criticality.map(Into::into),
        code: concept(&al1.value(3), None),
        patient,
        onset_date_time: date_time(&al1.text(6)),
        reaction: al1.values(5).map(reaction).collect(),
    }))
}

fn condition(dg1: &Segment, subject: Option<Reference>, encounter: Option<Reference>) -> Resource {
    let what = dg1.list(3).first().and_then(|it| concept(it, some(dg1.text(4))));
    let fixed = |system, code| one(coded(system, code, None));
    Resource::Condition(Box::new(Condition {
        clinical_status: Some(fixed("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")),
        category: vec![fixed("http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis")],
        code: what,
        subject,
        encounter,
        onset_date_time: date_time(&dg1.text(5)),
        recorded_date: date_time(&dg1.text(19)),
        asserter: dg1.list(16).first().and_then(clinician),
    }))
}

fn coverage(in1: &Segment, beneficiary: Option<Reference>) -> Resource {
    let class = |kind, value: Option<String>, name| {
        Some(Class {
            r#type: Some(one(coded("http://terminology.hl7.org/CodeSystem/coverage-class", kind, None))),
            value: Some(value?),
            name,
        })
    };
    let plan = in1.value(2);
    let classes =
        [class("group", some(in1.text(8)), in1.values(9).next()), class("plan", part(&plan, 1), part(&plan, 2))];
    let number = in1.values(3).next();
    Resource::Coverage(Box::new(Coverage {
        status: Some("active".into()),
        r#type: concept(&in1.value(15), None),
        subscriber_id: some(in1.text(36)),
        beneficiary,
        relationship: concept(&in1.value(17), None),
        period: period(&in1.text(12), &in1.text(13)),
        payor: vec![Reference {
            identifier: number.map(|number| Identifier { value: Some(number), ..Identifier::default() }),
            display: Some(in1.values(4).next().unwrap_or_else(|| "unknown".into())),
            ..Reference::default()
        }],
        class: classes.into_iter().flatten().collect(),
    }))
}
