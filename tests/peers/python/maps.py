"""W1 and W2, as tests/bench/maps/admission.emr and results.emr say them. fhir.resources checks what it writes."""

import re

from fhir.resources.R4B.bundle import Bundle

from types_of_hl7 import (
    Entries, TERMINOLOGY, address, clinician, concept, concepts, date, date_time, gender, hl7_concept, identifier,
    instant, name, one, parse, patient, period, some, system, telecom, translated,
)


def admission(text):
    entries, found = Entries(text), {}
    for segment in parse(text):
        found.setdefault(str(segment.segment[0]), []).append(segment)
    pid = found["PID"][0]
    who = entries.add(patient(pid), identifier(next(iter(pid.list(3)), None)))
    visit = None
    for pv1 in found.get("PV1", ())[:1]:
        visit = entries.add(encounter(pv1, who), identifier(pv1.value(19)))
    for nk1 in found.get("NK1", ()):
        entries.add(related(nk1, who))
    for al1 in found.get("AL1", ()):
        entries.add(allergy(al1, who))
    for dg1 in found.get("DG1", ()):
        entries.add(condition(dg1, who, visit))
    for in1 in found.get("IN1", ()):
        entries.add(coverage(in1, who))
    return written(entries.bundle(found["MSH"][0]))


def results(text):
    entries, orders, who, msh = Entries(text), [], None, None
    for segment in parse(text):
        match str(segment.segment[0]):
            case "MSH":
                msh = segment
            case "PID":
                who = entries.add(patient(segment), identifier(next(iter(segment.list(3)), None)))
            case "OBR":
                orders.append((segment, []))
            case "OBX" if orders:
                orders[-1][1].append((segment, []))
            case "NTE" if orders and orders[-1][1]:
                orders[-1][1][-1][1].append(segment)
    for obr, observations in orders:
        taken = date_time(obr.text(7))
        found = [entries.add(observation(obx, notes, who, taken)) for obx, notes in observations]
        entries.add(report(obr, who, found))
    return written(entries.bundle(msh))


def written(bundle):
    return Bundle.model_validate(bundle).model_dump_json()


INPATIENT = ("IMP", "inpatient encounter")
AMBULATORY = ("AMB", "ambulatory")
CLASSES = {"E": ("EMER", "emergency"), "I": INPATIENT, "R": INPATIENT, "B": INPATIENT, "P": ("PRENC", "pre-admission")}
ROLES = ((7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM"))


def encounter(pv1, subject):
    code, display = translated(pv1.value(2), "0004", CLASSES) or AMBULATORY
    participants = [
        {"type": [hl7_concept("v3-ParticipationType", role)], "individual": who}
        for number, role in ROLES
        for it in pv1.list(number)
        if (who := clinician(it))
    ]
    words = [word for number in (1, 2, 3, 4) if (word := pv1.value(3).part(number))]
    return some({
        "resourceType": "Encounter",
        "identifier": some([identifier(pv1.value(19))]),
        "status": "finished" if pv1.text(45) else "in-progress",
        "class": {"system": TERMINOLOGY + "v3-ActCode", "code": code, "display": display},
        "type": concepts(pv1.value(4)),
        "subject": subject,
        "participant": some(participants),
        "period": period(pv1.text(44), pv1.text(45)),
        "hospitalization": some({
            "admitSource": concept(pv1.value(14)),
            "dischargeDisposition": concept(pv1.value(36)),
        }),
        "location": [{"location": {"display": " ".join(words)}, "status": "active"}] if words else None,
    })


def related(nk1, who):
    return some({
        "resourceType": "RelatedPerson",
        "patient": who,
        "relationship": concepts(nk1.value(3)),
        "name": some([name(it) for it in nk1.list(2)]),
        "telecom": telecom(nk1, 5, 6),
        "gender": gender(nk1.value(15)),
        "birthDate": date(nk1.text(16)),
        "address": some([address(it) for it in nk1.list(4)]),
        "period": period(nk1.text(8), nk1.text(9)),
    })


CATEGORIES = {"DA": "medication", "FA": "food"} | dict.fromkeys(("EA", "AA", "MA", "PA", "LA"), "environment")
CRITICALITIES = {"SV": "high", "MI": "low", "MO": "low", "U": "unable-to-assess"}


def allergy(al1, who):
    return some({
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": hl7_concept("allergyintolerance-clinical", "active"),
        "category": some([translated(al1.value(2), "0127", CATEGORIES)]),
        "criticality": translated(al1.value(4), "0128", CRITICALITIES),
        "code": concept(al1.value(3)),
        "patient": who,
        "onsetDateTime": date_time(al1.text(6)),
        "reaction": some([{"manifestation": [{"text": text}]} for text in al1.texts(5)]),
    })


def condition(dg1, subject, visit):
    return some({
        "resourceType": "Condition",
        "clinicalStatus": hl7_concept("condition-clinical", "active"),
        "category": [hl7_concept("condition-category", "encounter-diagnosis")],
        "code": concept(next(iter(dg1.list(3)), None), dg1.text(4)),
        "subject": subject,
        "encounter": visit,
        "onsetDateTime": date_time(dg1.text(5)),
        "recordedDate": date_time(dg1.text(19)),
        "asserter": clinician(next(iter(dg1.list(16)), None)),
    })


def coverage(in1, beneficiary):
    def kind(code, value, called):
        return value and some({"type": hl7_concept("coverage-class", code), "value": value, "name": called})

    plan, number = in1.value(2), next(iter(in1.texts(3)), None)
    return some({
        "resourceType": "Coverage",
        "status": "active",
        "type": concept(in1.value(15)),
        "subscriberId": in1.text(36),
        "beneficiary": beneficiary,
        "relationship": concept(in1.value(17)),
        "period": period(in1.text(12), in1.text(13)),
        "payor": [some({
            "identifier": some({"value": number}),
            "display": next(iter(in1.texts(4)), "unknown"),
        })],
        "class": some([
            kind("group", in1.text(8), next(iter(in1.texts(9)), None)),
            kind("plan", plan.part(1), plan.part(2)),
        ]),
    })


ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
REPORTS = {
    "F": "final", "P": "preliminary", "C": "corrected", "A": "partial", "R": "partial", "X": "cancelled",
    "O": "registered", "I": "registered", "S": "registered",
}


def known(code):
    """What was asked for, or that nobody says it."""
    return code or {"extension": [ABSENT]}


def issued(text):
    return instant(text) if text and len(text) >= 14 else None


def report(obr, subject, result):
    def number(field, kind):
        value = obr.text(field)
        return value and {"type": hl7_concept("v2-0203", kind), "value": value}

    section = obr.text(24)
    return some({
        "resourceType": "DiagnosticReport",
        "identifier": some([number(2, "PLAC"), number(3, "FILL")]),
        "status": REPORTS.get(obr.text(25), "unknown"),
        "category": section and [hl7_concept("v2-0074", section)],
        "code": known(concept(obr.value(4))),
        "subject": subject,
        "effectiveDateTime": date_time(obr.text(7)),
        "issued": issued(obr.text(22)),
        "performer": some([clinician(it) for it in obr.list(16)]),
        "result": some(result),
    })


RESULTS = {
    "F": "final", "U": "final", "P": "preliminary", "S": "preliminary", "R": "preliminary", "C": "corrected",
    "X": "cancelled", "D": "entered-in-error", "W": "entered-in-error", "I": "registered", "O": "registered",
}


def observation(obx, notes, subject, taken):
    place, words = next(iter(obx.texts(23)), None), obx.text(7)
    flags = [one(TERMINOLOGY + "v3-ObservationInterpretation", it.part(1), it.part(2)) for it in obx.list(8)]
    comments = [text for nte in notes for text in nte.texts(3)[:1]]
    return some({
        "resourceType": "Observation",
        "status": RESULTS.get(obx.text(11), "unknown"),
        "category": [hl7_concept("observation-category", "laboratory")],
        "code": known(concept(obx.value(3))),
        "subject": subject,
        "effectiveDateTime": date_time(obx.text(14)) or taken,
        "issued": issued(obx.text(19)),
        "performer": some([place and {"display": place}] + [clinician(it) for it in obx.list(16)]),
        **value(obx),
        "interpretation": some(flags),
        "method": concept(next(iter(obx.list(17)), None)),
        "referenceRange": words and [{"text": words}],
        "note": some([{"text": text} for text in comments]),
    })


def value(obx):
    of = next(iter(obx.list(5)), None)
    if of is None:
        return {}
    text = of.part(1)
    match obx.text(2):
        case "NM":
            quantity = measured(obx, text)
            return {"valueQuantity": quantity} if quantity else {"valueString": text}
        case "SN":
            comparator = text if text in ("<", ">", "<=", ">=") else None
            quantity = None if of.part(3) else measured(obx, of.part(2), comparator)
            return {"valueQuantity": quantity} if quantity else {"valueString": text}
        case "CWE" | "CE" | "CNE" | "CF":
            return {"valueCodeableConcept": concept(of)}
        case "DT" | "TS" | "DTM":
            return {"valueDateTime": date_time(text)}
        case _:
            return {"valueString": text}


NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)


def measured(obx, number, comparator=None):
    if not number or not NUMBER.fullmatch(number):
        return None
    units = obx.value(6)
    by = system(units.part(3))
    return some({
        "value": float(number),
        "comparator": comparator,
        "unit": units.part(2) or units.part(1),
        "system": by,
        "code": units.part(1) if by else None,
    })
