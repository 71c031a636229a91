"""HL7's data types as FHIR's, and the patient. `None` is what is not there, and is left out at the end."""

import hashlib
import re
import urllib.parse
import uuid

import hl7

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"


class Segment:
    """A segment of python-hl7, read without exceptions for what is not there."""

    def __init__(self, message, segment):
        self.message, self.segment = message, segment

    def list(self, number):
        """The repetitions that hold something."""
        if number >= len(self.segment):
            return []
        every = (Value(self.message, it) for it in self.segment[number])
        return [it for it in every if it.is_present()]

    def value(self, number):
        """The first repetition."""
        field = self.segment[number] if number < len(self.segment) else None
        return Value(self.message, field[0] if field else "")

    def text(self, number):
        return self.value(number).part(1)

    def texts(self, number):
        """The first component of each repetition that has one."""
        return [text for it in self.list(number) if (text := it.part(1)) is not None]


class Value:
    def __init__(self, message, repetition):
        self.message = message
        self.parts = [repetition] if isinstance(repetition, str) else repetition

    def is_present(self):
        return any(
            self.leaf(text) is not None
            for part in self.parts
            for text in ([part] if isinstance(part, str) else part)
        )

    def part(self, number, below=1):
        if number > len(self.parts):
            return None
        part = self.parts[number - 1]
        if isinstance(part, str):
            return self.leaf(part) if below == 1 else None
        return self.leaf(part[below - 1]) if below <= len(part) else None

    def leaf(self, text):
        text = text.strip()
        if text in ("", '""'):
            return None
        if "\\" in text:
            # python-hl7 makes a carriage return of a line break.
            text = self.message.unescape(text).replace("\r", "\n")
        return text or None


def some(of):
    """Without what is not there; nothing if nothing is left."""
    if isinstance(of, dict):
        return {key: it for key, it in of.items() if it is not None} or None
    return [it for it in of if it is not None] or None


DTM = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def moment(text, wanted):
    parts = text and DTM.fullmatch(text)
    if not parts:
        return None
    year, month, day, hour, minute, second, fraction, offset = parts.groups()
    if year == "0000" or (month and not 1 <= int(month) <= 12):
        return None
    if day and not 1 <= int(day) <= DAYS[int(month) - 1]:
        return None
    if month == "02" and day == "29" and (int(year) % 4 or (int(year) % 100 == 0 and int(year) % 400)):
        return None
    if hour and (int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60):
        return None
    date = "-".join(it for it in (year, month, day) if it)
    if wanted == "date":
        return date
    if not hour:
        return None if wanted == "instant" else date
    zone = f"{offset[:3]}:{offset[3:]}" if offset else "+00:00"
    return f"{date}T{hour}:{minute or '00'}:{second or '00'}{fraction or ''}{zone}"


def date(text):
    return moment(text, "date")


def date_time(text):
    return moment(text, "dateTime")


def instant(text):
    return moment(text, "instant")


def period(start, end):
    return some({"start": date_time(start), "end": date_time(end)})


SYSTEMS = {
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "SNOMED": "http://snomed.info/sct",
    "SNM": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
    "I9": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "I10": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "C4": "http://www.ama-assn.org/go/cpt",
    "CDCREC": "urn:oid:2.16.840.1.113883.6.238",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
}
LOCAL = re.compile(r"HL7\d{4}", re.ASCII)


def system(name):
    if name is None:
        return None
    if known := SYSTEMS.get(name):
        return known
    return f"{TERMINOLOGY}v2-{name[3:]}" if LOCAL.fullmatch(name) else f"urn:id:{name}"


def translated(of, table, codes, otherwise=None):
    """The code of a coded field by a table, unless its system is another one."""
    code, named = of.part(1), of.part(3)
    if code is None:
        return None
    if named is not None and named not in (f"HL7{table}", f"{TERMINOLOGY}v2-{table}"):
        return otherwise
    return codes.get(code, otherwise)


def one(system, code, display=None):
    return {"coding": [some({"system": system, "code": code, "display": display})]}


def hl7_concept(name, code, display=None):
    return one(TERMINOLOGY + name, code, display)


def concept(of, text=None):
    if of is None:
        return None
    first = some({"system": system(of.part(3)), "code": of.part(1), "display": of.part(2)})
    second = some({"system": system(of.part(6)), "code": of.part(4), "display": of.part(5)})
    return some({"coding": some([first, second]), "text": text or of.part(9) or of.part(2)})


def concepts(of):
    return some([concept(of)])


def assigned(of, number):
    universal = of.part(number, 2)
    if universal is None:
        return None
    return ("urn:oid:" if of.part(number, 3) == "ISO" else "urn:id:") + universal


def identifier(of):
    if of is None or (value := of.part(1)) is None:
        return None
    kind = of.part(5)
    return some({
        "type": hl7_concept("v2-0203", kind) if kind else None,
        "system": assigned(of, 4),
        "value": value,
        "assigner": some({"display": of.part(4)}),
    })


NAME_USES = {"L": "official", "D": "usual", "M": "maiden", "N": "nickname", "A": "anonymous", "S": "anonymous", "T": "temp"}


def name(of):
    return some({
        "use": NAME_USES.get(of.part(7)),
        "family": of.part(1),
        "given": some([of.part(2), of.part(3)]),
        "prefix": some([of.part(5)]),
        "suffix": some([of.part(4), of.part(6)]),
    })


ADDRESS_USES = {"H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old", "BI": "billing"}


def address(of):
    used = of.part(7)
    return some({
        "use": ADDRESS_USES.get(used),
        "type": "postal" if used == "M" else None,
        "line": some([of.part(1), of.part(2)]),
        "city": of.part(3),
        "district": of.part(9),
        "state": of.part(4),
        "postalCode": of.part(5),
        "country": of.part(6),
    })


TELECOM_SYSTEMS = {
    "FX": "fax", "Internet": "email", "X.400": "email", "BP": "pager",
    "SAT": "other", "MD": "other", "TDD": "other", "TTY": "other",
}
TELECOM_USES = {"PRN": "home", "ORN": "home", "VHN": "home", "WPN": "work", "PRS": "mobile"}


def reached(of, otherwise):
    kind = of.part(3)
    system = TELECOM_SYSTEMS.get(kind, "phone")
    area, number = of.part(6), of.part(7)
    local = f"({area}) {number}" if area and number else number
    value = (of.part(4) if system == "email" else None) or of.part(1) or of.part(12) or local
    if value is None:
        return None
    use = TELECOM_USES.get(of.part(2)) or ("mobile" if kind == "CP" else otherwise)
    return {"system": system, "value": value, "use": use}


def telecom(of, home, work):
    at_home = [reached(it, "home") for it in of.list(home)]
    return some(at_home + [reached(it, "work") for it in of.list(work)])


def clinician(of):
    """A clinician's number, and what others would call them."""
    if of is None:
        return None
    value = of.part(1)
    words = [word for number in (6, 3, 4, 2, 5) if (word := of.part(number))]
    number = some({"system": assigned(of, 9), "value": value}) if value else None
    return some({"identifier": number, "display": " ".join(words) or None})


GENDERS = {"M": "male", "F": "female", "O": "other", "A": "other"}
BOOLEANS = {"Y": True, "true": True, "N": False, "false": False}


def gender(of):
    return translated(of, "0001", GENDERS, "unknown")


def patient(pid):
    number, married = pid.text(19), pid.value(16)
    died, order, language = date_time(pid.text(29)), pid.text(25), concept(pid.value(15))
    ssn = number and {"type": hl7_concept("v2-0203", "SS"), "system": "http://hl7.org/fhir/sid/us-ssn", "value": number}
    order = int(order) if order and order.isdecimal() else None
    return some({
        "resourceType": "Patient",
        "identifier": some([identifier(it) for it in pid.list(3)] + [ssn]),
        "name": some([name(it) for it in pid.list(5)]),
        "telecom": telecom(pid, 13, 14),
        "gender": gender(pid.value(8)),
        "birthDate": date(pid.text(7)),
        "deceasedDateTime": died,
        "deceasedBoolean": None if died else BOOLEANS.get(pid.text(30)),
        "address": some([address(it) for it in pid.list(11)]),
        "maritalStatus": hl7_concept("v3-MaritalStatus", married.part(1), married.part(2)) if married.part(1) else None,
        "multipleBirthInteger": order,
        "multipleBirthBoolean": BOOLEANS.get(pid.text(24)) if order is None else None,
        "communication": some([language and {"language": language}]),
    })


NAMESPACE = uuid.UUID("6b1f0a5e-9d0c-5c7e-8a44-65c10d4e2f37")


class Entries:
    """The Bundle so far. A resource is known by its identifier, or by its message and how many of its type came before."""

    def __init__(self, text):
        self.digest = hashlib.sha1(text.encode()).digest()
        self.turns = {}
        self.all = []

    def add(self, resource, key=None):
        kind = resource["resourceType"]
        if key:
            system, value = key.get("system", ""), key["value"]
            id = uuid.uuid5(NAMESPACE, f"{kind}\x1f{system}|{value}\x1f")
            token = urllib.parse.quote(f"{escaped(system)}|{escaped(value)}", safe="-._~:/")
            request = {"method": "PUT", "url": f"{kind}?identifier={token}"}
        else:
            turn = self.turns[kind] = self.turns.get(kind, 0) + 1
            digest = hashlib.sha1(self.digest + f"{kind}{turn}".encode()).digest()
            id = uuid.UUID(bytes=digest[:16], version=5)
            request = {"method": "POST", "url": kind}
        self.all.append({"fullUrl": f"urn:uuid:{id}", "resource": resource, "request": request})
        return {"reference": f"urn:uuid:{id}"}

    def bundle(self, msh):
        return some({
            "resourceType": "Bundle",
            "type": "transaction",
            "timestamp": instant(msh.text(7)),
            "entry": self.all,
        })


def escaped(text):
    """Without what would divide a search value."""
    return re.sub(r"[\\,|$]", r"\\\g<0>", text)


def parse(text):
    message = hl7.parse(text)
    return [Segment(message, it) for it in message]
