"""HAPI's FHIR server takes what a target of ours sends: transactions with conditional creates and updates."""

import json
import unittest
import urllib.error
import urllib.parse
import urllib.request

from peers import Peer, hapi_fhir, needs
from project import Site

# A patient is updated by its number, a ward is created if there is none, and `refer` asks for what must be there already.
PROJECT = """
map admission(ADT_A01) -> Bundle {
    let who = emit patient(PID)
    emit encounter(PV1, who: who) with { serviceProvider: emit ward(PV1) if new }
}
map patient(PID) -> Patient keyed by identifier: first PID-3 {
    identifier: PID-3
    name:       PID-5
    birthDate:  PID-7
}
map encounter(PV1, who: Reference(Patient)?) -> Encounter keyed by identifier: PV1-19 {
    identifier: PV1-19
    status:     "in-progress"
    class:      v2-0004#I
    subject:    who
}
map ward(PV1) -> Organization keyed by identifier: ward_id(PV1-3.1.1) {
    identifier: ward_id(PV1-3.1.1)
    name:       PV1-3.1.1
}
convert ward_id(IS) -> Identifier? { system: "http://hospital.example/wards", value: . }
map registration(ADT_A01) -> Bundle {
    emit patient(PID)
    emit encounter(PV1, who: refer patient by PID-4[1])
}
feed folder from file "in" {
    stable:   0s
    every:    100ms
    order_by: MSH-10
    accept ADT_A01 for ADT^A01, ADT^A04
}
target ehr to fhir "URL" { retry: { from: 10ms, to: 1s }, connections: 8 }
route admissions from folder through admission to ehr where MSH-9.2 == "A01"
route registrations from folder through registration to ehr where MSH-9.2 == "A04"
"""

# A patient is written by the id that the server gave, if it is still the version that the sender knows (PID-2).
VERSIONED = """
map correction(ADT_A01) -> Bundle {
    type: "transaction"
    entry: {
        resource: corrected(PID)
        request: {
            method:  "PUT"
            url:     "Patient/{PID-3[1].1}" else reject "a patient has a number"
            ifMatch: "W/\\"{PID-2.1}\\""
        }
    }
}
map corrected(PID) -> Patient {
    id:   PID-3[1].1 else reject "a patient has a number"
    name: PID-5
}
feed folder from file "in" {
    stable: 0s
    every:  100ms
    accept ADT_A01 for ADT^A01
}
target ehr to fhir "URL" { retry: { from: 10ms, to: 1s } }
route corrections from folder through correction to ehr
"""


# What is posted goes to the server as it is, in XML.
IN_XML = """
feed folder from file "in" {
    pattern: "*.json"
    stable:  0s
    every:   100ms
    accept Bundle
}
target ehr to fhir "URL" { format: "xml", retry: { from: 10ms, to: 1s } }
route all from folder to ehr
"""

BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"

# Members stand in no order that XML has.
IN_JSON = f"""{{
  "entry": [{{
    "request": {{"url": "Patient/in-xml", "method": "PUT"}},
    "resource": {{
      "birthDate": "1962-03-01",
      "_birthDate": {{"extension": [{{"valueDateTime": "1962-03-01T14:35:00+01:00", "url": "{BIRTH_TIME}"}}]}},
      "name": [{{"given": ["J<&>\\"'", null], "_given": [null, {{"extension": [{{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}}]}}],
        "family": "Müßé😀 李 \\n\\t."}}],
      "contained": [{{"name": "Ward & Co.", "id": "org", "resourceType": "Organization"}}],
      "managingOrganization": {{"reference": "#org"}},
      "text": {{"div": "<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><p>1 &lt; 2<br/>é</p></div>", "status": "generated"}},
      "id": "in-xml",
      "active": true,
      "resourceType": "Patient"
    }}
  }}, {{
    "request": {{"method": "PUT", "url": "Observation/in-xml"}},
    "resource": {{
      "valueQuantity": {{"code": "mmol/L", "system": "http://unitsofmeasure.org", "value": 1.50}},
      "subject": {{"reference": "Patient/in-xml"}},
      "code": {{"text": "potassium"}},
      "status": "final",
      "id": "in-xml",
      "resourceType": "Observation"
    }}
  }}],
  "type": "KIND",
  "resourceType": "Bundle"
}}"""


def message(control, number, family="Smith", event="A01", old="", born="19620301", visit=None, ward="W1"):
    return (
        f"MSH|^~\\&|A|H|B|C|20260101||ADT^{event}^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r"
        f"PID|1||{number}^^^MRN|{old}|{family}^Jane||{born}\r"
        f"PV1|1|I|{ward}||||||||||||||||{visit or control}^^^VN\r"
    )


class Server(Peer):
    def __enter__(self):
        super().__enter__()
        self.url = self.lines[-1].split()[-1]
        return self

    def call(self, path, body=None, method=None, **headers):
        """Status and body of an answer."""
        request = urllib.request.Request(f"{self.url}/{path}", method=method)
        request.add_header("Content-Type", "application/fhir+json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as why:
            return why.code, json.load(why)

    def all(self, search):
        status, found = self.call(f"{search}&_count=100")
        assert status == 200, found
        return [entry["resource"] for entry in found.get("entry", [])]

    def patients(self, number):
        return self.all("Patient?identifier=" + urllib.parse.quote(f"|{number}"))


@needs("hapi-fhir")
class Hapi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server(hapi_fhir()))

    def site(self):
        return self.enterContext(Site(PROJECT.replace("URL", self.server.url)))

    def test_equal_transactions_that_meet_leave_one_of_each(self):
        site = self.site()
        for number in range(16):
            site.put(f"{number:02}.hl7", message(f"E{number}", "equal", ward="EQUAL"))
        status = site.until_settled(16)
        self.assertEqual(status["delivered"], 16, status)
        self.assertEqual(len(self.server.patients("equal")), 1)
        self.assertEqual(len(self.server.all("Organization?name=EQUAL")), 1)
        self.assertEqual(len(self.server.all("Encounter?subject.identifier=" + urllib.parse.quote("|equal"))), 16)

    def test_a_patient_is_updated_and_a_ward_created_once(self):
        site = self.site()
        site.put("1.hl7", message("U1", "updated", "Smith"))
        site.until_settled(1)
        site.put("2.hl7", message("U2", "updated", "Miller"))
        self.assertEqual(site.until_settled(2)["delivered"], 2)
        [patient] = self.server.patients("updated")
        self.assertEqual((patient["name"][0]["family"], patient["meta"]["versionId"]), ("Miller", "2"))
        [ward] = self.server.all("Organization?name=W1")
        self.assertEqual(ward["meta"]["versionId"], "1")
        for visit in self.server.all(f"Encounter?subject=Patient/{patient['id']}"):
            self.assertEqual(visit["serviceProvider"]["reference"], f"Organization/{ward['id']}")

    def test_where_two_match_nothing_is_written_and_the_message_waits(self):
        for _ in range(2):
            patient = {"resourceType": "Patient", "identifier": [{"value": "twice"}], "birthDate": "1950-01-01"}
            self.assertEqual(self.server.call("Patient", patient)[0], 201)
        site = self.site()
        site.put("1.hl7", message("T1", "twice", visit="of-twice"))
        [why] = site.until_settled(1)["parked"][0]["why"]
        self.assertIn("412", why)
        self.assertEqual({patient["birthDate"] for patient in self.server.patients("twice")}, {"1950-01-01"})
        self.assertEqual(self.server.all("Encounter?identifier=" + urllib.parse.quote("|of-twice")), [])

    def test_of_a_transaction_that_is_refused_nothing_stays(self):
        site = self.site()
        site.put("1.hl7", message("R1", "rolled-back", "Planted", event="A04", old="unknown^^^MRN"))
        [why] = site.until_settled(1)["parked"][0]["why"]
        # What the server says of it, in words of the standard and without a value.
        self.assertRegex(why, r"^registrations>ehr: it answers 4\d\d: (error|fatal) [a-z-]+")
        for planted in ("Planted", "rolled-back", "unknown"):
            self.assertNotIn(planted, why + site.said())
        self.assertEqual(self.server.patients("rolled-back"), [])
        # What comes behind it goes on.
        site.put("2.hl7", message("R2", "rolled-back"))
        self.assertEqual(site.until_settled(2)["delivered"], 1)
        self.assertEqual(len(self.server.patients("rolled-back")), 1)

    def test_a_version_that_is_not_the_last_is_not_written_over(self):
        _, patient = self.server.call("Patient", {"resourceType": "Patient", "name": [{"family": "First"}]})
        site = self.enterContext(Site(VERSIONED.replace("URL", self.server.url)))
        for control, version, family in (("V1", "1", "Second"), ("V2", "1", "Third")):
            text = message(control, patient["id"], family).replace("PID|1||", f"PID|1|{version}|")
            site.put(f"{control}.hl7", text)
        status = site.until_settled(2)
        [why] = status["parked"][0]["why"]
        self.assertRegex(why, r"it answers (409|412)")
        self.assertEqual(status["delivered"], 1)
        _, now = self.server.call(f"Patient/{patient['id']}")
        self.assertEqual((now["name"][0]["family"], now["meta"]["versionId"]), ("Second", "2"))

    def test_letters_of_all_kinds_arrive(self):
        site = self.site()
        site.put("1.hl7", message("L1", "letters", "Müßé😀 \\T\\ 李"))
        self.assertEqual(site.until_settled(1)["delivered"], 1)
        [patient] = self.server.patients("letters")
        self.assertEqual(patient["name"][0]["family"], "Müßé😀 & 李")

    def test_what_is_sent_in_xml_is_what_json_says(self):
        site = self.enterContext(Site(IN_XML.replace("URL", self.server.url)))
        site.put("1.json", IN_JSON.replace("KIND", "transaction"))
        status = site.until_settled(1)
        self.assertEqual(status["delivered"], 1, status)
        exact = {"parse_float": str}
        for entry in json.loads(IN_JSON, **exact)["entry"]:
            sent = entry["resource"]
            with urllib.request.urlopen(f"{self.server.url}/{sent['resourceType']}/in-xml", timeout=120) as answer:
                kept = json.load(answer, **exact)
            # What a server adds, and how it writes a narrative.
            kept.pop("meta")
            self.assertIn("1 &lt; 2", kept.get("text", sent.get("text", {"div": "1 &lt; 2"}))["div"])
            self.assertEqual({**kept, "text": None}, {**sent, "text": None})

    def test_an_entry_of_a_batch_that_fails_in_xml_is_not_delivered(self):
        site = self.enterContext(Site(IN_XML.replace("URL", self.server.url)))
        wrong = IN_JSON.replace("KIND", "batch").replace('"reference": "Patient/in-xml"', '"reference": "Patient/planted"')
        site.put("1.json", wrong.replace("in-xml", "in-batch"))
        [why] = site.until_settled(1)["parked"][0]["why"]
        self.assertRegex(why, r"^all>ehr: an entry is answered with 4\d\d$")
        # The other entry is there: a batch is no transaction.
        self.assertEqual(self.server.call("Patient/in-batch")[0], 200)
        self.assertNotIn("planted", why + site.said())
