// W1 and W2, as tests/bench/maps/admission.emr and results.emr say them.
import { Message } from "./message.mjs";
import {
  Entries, address, clinician, concept, concepts, date, dateTime, gender, hl7, identifier, instant, name, patient,
  period, present, some, system, telecom, translated, one,
} from "./types.mjs";

export function admission(text) {
  const message = new Message(text);
  const entries = new Entries(text);
  const pid = message.first("PID");
  const who = entries.add(patient(pid), identifier(pid.list(3)[0]));
  const pv1 = message.first("PV1");
  const visit = pv1 && entries.add(encounter(pv1, who), identifier(pv1.value(19)));
  for (const nk1 of message.all("NK1")) entries.add(related(nk1, who));
  for (const al1 of message.all("AL1")) entries.add(allergy(al1, who));
  for (const dg1 of message.all("DG1")) entries.add(condition(dg1, who, visit));
  for (const in1 of message.all("IN1")) entries.add(coverage(in1, who));
  return JSON.stringify(entries.bundle(message.first("MSH")));
}

export function results(text) {
  const message = new Message(text);
  const entries = new Entries(text);
  const pid = message.first("PID");
  const who = entries.add(patient(pid), identifier(pid.list(3)[0]));
  for (const { obr, observations } of orders(message.segments)) {
    const taken = dateTime(obr.text(7));
    const found = observations.map(({ obx, notes }) => entries.add(observation(obx, notes, who, taken)));
    entries.add(report(obr, who, some(found)));
  }
  return JSON.stringify(entries.bundle(message.first("MSH")));
}

function orders(segments) {
  const all = [];
  for (const it of segments) {
    const order = all.at(-1);
    if (it.name === "OBR") all.push({ obr: it, observations: [] });
    if (it.name === "OBX") order?.observations.push({ obx: it, notes: [] });
    if (it.name === "NTE") order?.observations.at(-1)?.notes.push(it);
  }
  return all;
}

const CLASSES = {
  E: ["EMER", "emergency"],
  I: ["IMP", "inpatient encounter"],
  R: ["IMP", "inpatient encounter"],
  B: ["IMP", "inpatient encounter"],
  P: ["PRENC", "pre-admission"],
};
const AMBULATORY = ["AMB", "ambulatory"];

function encounter(pv1, subject) {
  const [code, display] = translated(pv1.value(2), "0004", CLASSES) ?? AMBULATORY;
  const participants = [[7, "ATND"], [8, "REF"], [9, "CON"], [17, "ADM"]].flatMap(([number, role]) =>
    pv1.list(number).map(clinician).filter((who) => who !== undefined)
      .map((individual) => ({ type: [hl7("v3-ParticipationType", role)], individual })));
  const place = pv1.value(3);
  const words = [1, 2, 3, 4].map((number) => place.part(number)).filter((it) => it !== undefined);
  return {
    resourceType: "Encounter",
    identifier: present([identifier(pv1.value(19))]),
    status: pv1.text(45) === undefined ? "in-progress" : "finished",
    class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code, display },
    type: concepts(pv1.value(4)),
    subject,
    participant: some(participants),
    period: period(pv1.text(44), pv1.text(45)),
    hospitalization: some({ admitSource: concept(pv1.value(14)), dischargeDisposition: concept(pv1.value(36)) }),
    location: words.length ? [{ location: { display: words.join(" ") }, status: "active" }] : undefined,
  };
}

function related(nk1, patient) {
  return {
    resourceType: "RelatedPerson",
    patient,
    relationship: concepts(nk1.value(3)),
    name: present(nk1.list(2).map(name)),
    telecom: telecom(nk1, 5, 6),
    gender: gender(nk1.value(15)),
    birthDate: date(nk1.text(16)),
    address: present(nk1.list(4).map(address)),
    period: period(nk1.text(8), nk1.text(9)),
  };
}

const CATEGORIES = {
  DA: "medication", FA: "food",
  EA: "environment", AA: "environment", MA: "environment", PA: "environment", LA: "environment",
};
const CRITICALITIES = { SV: "high", MI: "low", MO: "low", U: "unable-to-assess" };

function allergy(al1, patient) {
  return {
    resourceType: "AllergyIntolerance",
    clinicalStatus: hl7("allergyintolerance-clinical", "active"),
    category: present([translated(al1.value(2), "0127", CATEGORIES)]),
    criticality: translated(al1.value(4), "0128", CRITICALITIES),
    code: concept(al1.value(3)),
    patient,
    onsetDateTime: dateTime(al1.text(6)),
    reaction: some(al1.texts(5).map((text) => ({ manifestation: [{ text }] }))),
  };
}

function condition(dg1, subject, encounter) {
  return {
    resourceType: "Condition",
    clinicalStatus: hl7("condition-clinical", "active"),
    category: [hl7("condition-category", "encounter-diagnosis")],
    code: concept(dg1.list(3)[0], dg1.text(4)),
    subject,
    encounter,
    onsetDateTime: dateTime(dg1.text(5)),
    recordedDate: dateTime(dg1.text(19)),
    asserter: clinician(dg1.list(16)[0]),
  };
}

function coverage(in1, beneficiary) {
  const kind = (code, value, name) => (value === undefined ? undefined : { type: hl7("coverage-class", code), value, name });
  const plan = in1.value(2);
  return {
    resourceType: "Coverage",
    status: "active",
    type: concept(in1.value(15)),
    subscriberId: in1.text(36),
    beneficiary,
    relationship: concept(in1.value(17)),
    period: period(in1.text(12), in1.text(13)),
    payor: [{ identifier: some({ value: in1.texts(3)[0] }), display: in1.texts(4)[0] ?? "unknown" }],
    class: present([kind("group", in1.text(8), in1.texts(9)[0]), kind("plan", plan.part(1), plan.part(2))]),
  };
}

/// What was asked for, or that nobody says it.
const known = (code) =>
  code ?? { extension: [{ url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason", valueCode: "unknown" }] };

const issued = (text) => (text?.length >= 14 ? instant(text) : undefined);

const REPORTS = {
  F: "final", P: "preliminary", C: "corrected", A: "partial", R: "partial", X: "cancelled",
  O: "registered", I: "registered", S: "registered",
};

function report(obr, subject, result) {
  const number = (field, kind) => {
    const value = obr.text(field);
    return value && { type: hl7("v2-0203", kind), value };
  };
  return {
    resourceType: "DiagnosticReport",
    identifier: present([number(2, "PLAC"), number(3, "FILL")]),
    status: REPORTS[obr.text(25)] ?? "unknown",
    category: obr.text(24) && [hl7("v2-0074", obr.text(24))],
    code: known(concept(obr.value(4))),
    subject,
    effectiveDateTime: dateTime(obr.text(7)),
    issued: issued(obr.text(22)),
    performer: present(obr.list(16).map(clinician)),
    result,
  };
}

const RESULTS = {
  F: "final", U: "final", P: "preliminary", S: "preliminary", R: "preliminary", C: "corrected", X: "cancelled",
  D: "entered-in-error", W: "entered-in-error", I: "registered", O: "registered",
};
const INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

function observation(obx, notes, subject, taken) {
  const place = obx.texts(23)[0];
  const range = obx.text(7);
  return {
    resourceType: "Observation",
    status: RESULTS[obx.text(11)] ?? "unknown",
    category: [hl7("observation-category", "laboratory")],
    code: known(concept(obx.value(3))),
    subject,
    effectiveDateTime: dateTime(obx.text(14)) ?? taken,
    issued: issued(obx.text(19)),
    performer: present([place && { display: place }, ...obx.list(16).map(clinician)]),
    ...value(obx),
    interpretation: some(obx.list(8).map((it) => one(INTERPRETATION, it.part(1), it.part(2)))),
    method: concept(obx.list(17)[0]),
    referenceRange: range && [{ text: range }],
    note: present(notes.map((nte) => some({ text: nte.texts(3)[0] }))),
  };
}

function value(obx) {
  const of = obx.list(5)[0];
  if (of === undefined) return {};
  const text = of.part(1);
  switch (obx.text(2)) {
    case "NM": {
      const valueQuantity = quantity(obx, text);
      return valueQuantity ? { valueQuantity } : { valueString: text };
    }
    case "SN": {
      const comparator = ["<", ">", "<=", ">="].includes(text) ? text : undefined;
      const valueQuantity = of.part(3) === undefined ? quantity(obx, of.part(2), comparator) : undefined;
      return valueQuantity ? { valueQuantity } : { valueString: text };
    }
    case "CWE": case "CE": case "CNE": case "CF":
      return { valueCodeableConcept: concept(of) };
    case "DT": case "TS": case "DTM":
      return { valueDateTime: dateTime(text) };
    default:
      return { valueString: text };
  }
}

function quantity(obx, number, comparator) {
  if (number === undefined || !/^[+-]?\d+(\.\d*)?$/.test(number)) return undefined;
  const units = obx.value(6);
  const known = system(units.part(3));
  return {
    value: +number,
    comparator,
    unit: units.part(2) ?? units.part(1),
    system: known,
    code: known && units.part(1),
  };
}
