// HL7's data types as FHIR's, and the patient. `undefined` is what is not there: JSON.stringify leaves it out.
import { hash } from "node:crypto";

const TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/";

/// Nothing in place of something empty.
export function some(of) {
  if (Array.isArray(of)) return of.length ? of : undefined;
  for (const key in of) if (of[key] !== undefined) return of;
  return undefined;
}

export const present = (list) => some(list.filter((it) => it !== undefined));

const DTM = /^(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?)?)?)?([+-]\d{4})?$/;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function moment(text, wanted) {
  const parts = text && DTM.exec(text);
  if (!parts) return undefined;
  const [, year, month, day, hour, minute = "00", second = "00", fraction = "", offset] = parts;
  if (year === "0000" || (month && (+month < 1 || +month > 12))) return undefined;
  if (day && (+day < 1 || +day > DAYS[month - 1] || (month === "02" && day === "29" && !isLeap(+year)))) return undefined;
  if (hour && (+hour > 23 || +minute > 59 || +second > 60)) return undefined;
  const date = day ? `${year}-${month}-${day}` : month ? `${year}-${month}` : year;
  if (wanted === "date") return date;
  if (!hour) return wanted === "instant" ? undefined : date;
  const zone = offset ? `${offset.slice(0, 3)}:${offset.slice(3)}` : "+00:00";
  return `${date}T${hour}:${minute}:${second}${fraction}${zone}`;
}

const isLeap = (year) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

export const date = (text) => moment(text, "date");
export const dateTime = (text) => moment(text, "dateTime");
export const instant = (text) => moment(text, "instant");
export const period = (start, end) => some({ start: dateTime(start), end: dateTime(end) });

const SYSTEMS = new Map(Object.entries({
  LN: "http://loinc.org",
  SCT: "http://snomed.info/sct",
  SNOMED: "http://snomed.info/sct",
  SNM: "http://snomed.info/sct",
  UCUM: "http://unitsofmeasure.org",
  I9: "http://hl7.org/fhir/sid/icd-9-cm",
  I9C: "http://hl7.org/fhir/sid/icd-9-cm",
  I10: "http://hl7.org/fhir/sid/icd-10-cm",
  I10C: "http://hl7.org/fhir/sid/icd-10-cm",
  CVX: "http://hl7.org/fhir/sid/cvx",
  NDC: "http://hl7.org/fhir/sid/ndc",
  C4: "http://www.ama-assn.org/go/cpt",
  CDCREC: "urn:oid:2.16.840.1.113883.6.238",
  RXNORM: "http://www.nlm.nih.gov/research/umls/rxnorm",
}));

export function system(name) {
  if (name === undefined) return undefined;
  const known = SYSTEMS.get(name);
  if (known) return known;
  return /^HL7\d{4}$/.test(name) ? `${TERMINOLOGY}v2-${name.slice(3)}` : `urn:id:${name}`;
}

/// The code of a coded field by a table, unless its system is another one.
export function translated(of, table, codes, otherwise) {
  const code = of.part(1);
  if (code === undefined) return undefined;
  const named = of.part(3);
  const isOther = named !== undefined && named !== `HL7${table}` && named !== `${TERMINOLOGY}v2-${table}`;
  return (isOther ? undefined : codes[code]) ?? otherwise;
}

export const coding = (system, code, display) => ({ system, code, display });
export const one = (system, code, display) => ({ coding: [coding(system, code, display)] });
export const hl7 = (name, code, display) => one(TERMINOLOGY + name, code, display);

export function concept(of, text) {
  if (of === undefined) return undefined;
  const first = some({ system: system(of.part(3)), code: of.part(1), display: of.part(2) });
  const second = some({ system: system(of.part(6)), code: of.part(4), display: of.part(5) });
  return some({ coding: present([first, second]), text: text ?? of.part(9) ?? of.part(2) });
}

export const concepts = (of) => present([concept(of)]);

function assigned(of, number) {
  const universal = of.sub(number, 2);
  if (universal === undefined) return undefined;
  return (of.sub(number, 3) === "ISO" ? "urn:oid:" : "urn:id:") + universal;
}

export function identifier(of) {
  const value = of?.part(1);
  if (value === undefined) return undefined;
  const kind = of.part(5);
  return {
    type: kind && hl7("v2-0203", kind),
    system: assigned(of, 4),
    value,
    assigner: some({ display: of.sub(4, 1) }),
  };
}

const NAME_USES = { L: "official", D: "usual", M: "maiden", N: "nickname", A: "anonymous", S: "anonymous", T: "temp" };

export function name(of) {
  return some({
    use: NAME_USES[of.part(7)],
    family: of.part(1),
    given: present([of.part(2), of.part(3)]),
    prefix: present([of.part(5)]),
    suffix: present([of.part(4), of.part(6)]),
  });
}

const ADDRESS_USES = { H: "home", B: "work", O: "work", C: "temp", BA: "old", BI: "billing" };

export function address(of) {
  const used = of.part(7);
  return some({
    use: ADDRESS_USES[used],
    type: used === "M" ? "postal" : undefined,
    line: present([of.part(1), of.part(2)]),
    city: of.part(3),
    district: of.part(9),
    state: of.part(4),
    postalCode: of.part(5),
    country: of.part(6),
  });
}

const TELECOM_SYSTEMS = {
  FX: "fax", Internet: "email", "X.400": "email", BP: "pager", SAT: "other", MD: "other", TDD: "other", TTY: "other",
};
const TELECOM_USES = { PRN: "home", ORN: "home", VHN: "home", WPN: "work", PRS: "mobile" };

function reached(of, otherwise) {
  const kind = of.part(3);
  const system = TELECOM_SYSTEMS[kind] ?? "phone";
  const value = (system === "email" ? of.part(4) : undefined) ?? of.part(1) ?? of.part(12) ?? local(of);
  if (value === undefined) return undefined;
  return { system, value, use: TELECOM_USES[of.part(2)] ?? (kind === "CP" ? "mobile" : otherwise) };
}

function local(of) {
  const [area, number] = [of.part(6), of.part(7)];
  return number !== undefined && area !== undefined ? `(${area}) ${number}` : number;
}

export function telecom(of, home, work) {
  const all = of.list(home).map((it) => reached(it, "home"));
  return present(all.concat(of.list(work).map((it) => reached(it, "work"))));
}

/// A clinician's number, and what others would call them.
export function clinician(of) {
  if (of === undefined) return undefined;
  const value = of.part(1);
  const words = [6, 3, 4, 2, 5].map((number) => of.part(number)).filter((it) => it !== undefined);
  return some({
    identifier: value && { system: assigned(of, 9), value },
    display: words.length ? words.join(" ") : undefined,
  });
}

export const gender = (of) => translated(of, "0001", { M: "male", F: "female", O: "other", A: "other" }, "unknown");

const BOOLEANS = { Y: true, true: true, N: false, false: false };

export function patient(pid) {
  const ssn = pid.text(19);
  const number = ssn && { type: hl7("v2-0203", "SS"), system: "http://hl7.org/fhir/sid/us-ssn", value: ssn };
  const married = pid.value(16);
  const died = dateTime(pid.text(29));
  const order = /^\d+$/.test(pid.text(25)) ? +pid.text(25) : undefined;
  const language = concept(pid.value(15));
  return {
    resourceType: "Patient",
    identifier: present([...pid.list(3).map(identifier), number]),
    name: present(pid.list(5).map(name)),
    telecom: telecom(pid, 13, 14),
    gender: gender(pid.value(8)),
    birthDate: date(pid.text(7)),
    deceasedDateTime: died,
    deceasedBoolean: died === undefined ? BOOLEANS[pid.text(30)] : undefined,
    address: present(pid.list(11).map(address)),
    maritalStatus: married.part(1) && hl7("v3-MaritalStatus", married.part(1), married.part(2)),
    multipleBirthInteger: order,
    multipleBirthBoolean: order === undefined ? BOOLEANS[pid.text(24)] : undefined,
    communication: language && [{ language }],
  };
}

/// The Bundle so far. A resource is known by its identifier, or by its message and how many of its type came before.
export class Entries {
  constructor(text) {
    this.digest = hash("sha1", text);
    this.turns = {};
    this.all = [];
  }

  add(resource, key) {
    const type = resource.resourceType;
    const fullUrl = `urn:uuid:${key ? idOfKey(type, key) : this.idOfTurn(type)}`;
    const url = key ? `${type}?identifier=${encoded(`${escaped(key.system ?? "")}|${escaped(key.value)}`)}` : type;
    this.all.push({ fullUrl, resource, request: { method: key ? "PUT" : "POST", url } });
    return { reference: fullUrl };
  }

  idOfTurn(type) {
    const turn = (this.turns[type] = (this.turns[type] ?? 0) + 1);
    return uuid(hash("sha1", `${this.digest} ${type} ${turn}`), "8");
  }

  bundle(msh) {
    return { resourceType: "Bundle", type: "transaction", timestamp: instant(msh.text(7)), entry: this.all };
  }
}

const NAMESPACE = Buffer.from("6b1f0a5e9d0c5c7e8a4465c10d4e2f37", "hex");

export const sha1OfKey = (name) => hash("sha1", Buffer.concat([NAMESPACE, Buffer.from(name)]));

const idOfKey = (type, { system = "", value }) => uuid(sha1OfKey(`${type}\u001f${system}|${value}\u001f`), "5");

function uuid(hex, version) {
  const variant = "89ab"[parseInt(hex[16], 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${version}${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/// What would divide a search value.
const escaped = (text) => text.replace(/[\\,|$]/g, "\\$&");

const encoded = (text) =>
  encodeURIComponent(text).replace(/%3A/g, ":").replace(/%2F/g, "/")
    .replace(/[!'()*]/g, (mark) => "%" + mark.charCodeAt(0).toString(16).toUpperCase());
