use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::standard::package::Package;

const URL: &str = "http://example.org/fhir/StructureDefinition";

/// A package with a profile of Patient that narrows in each way that a profile can.
fn fhir() -> Fhir {
    let profile = json!({
        "resourceType": "StructureDefinition", "url": format!("{URL}/patient"), "id": "patient", "name": "LocalPatient",
        "type": "Patient", "kind": "resource", "derivation": "constraint", "snapshot": {"element": [
            {"id": "Patient", "path": "Patient"},
            {"id": "Patient.extension", "path": "Patient.extension", "min": 0, "max": "*", "type": [{"code": "Extension"}],
             "slicing": {"discriminator": [{"type": "value", "path": "url"}]}},
            {"id": "Patient.extension:eye", "path": "Patient.extension", "sliceName": "eye", "min": 0, "max": "1",
             "type": [{"code": "Extension", "profile": [format!("{URL}/eye")]}]},
            {"id": "Patient.identifier", "path": "Patient.identifier", "min": 1, "max": "2", "type": [{"code": "Identifier"}],
             "slicing": {"discriminator": [{"type": "value", "path": "system"}]}},
            {"id": "Patient.identifier:mrn", "path": "Patient.identifier", "sliceName": "mrn", "min": 1, "max": "1",
             "type": [{"code": "Identifier"}]},
            {"id": "Patient.identifier:mrn.system", "path": "Patient.identifier.system", "min": 1, "max": "1",
             "type": [{"code": "uri"}], "fixedUri": "http://example.org/mrn"},
            {"id": "Patient.identifier:mrn.value", "path": "Patient.identifier.value", "min": 1, "max": "1",
             "type": [{"code": "string"}]},
            {"id": "Patient.identifier:mrn.use", "path": "Patient.identifier.use", "min": 0, "max": "1",
             "type": [{"code": "code"}], "fixedCode": "official"},
            {"id": "Patient.telecom", "path": "Patient.telecom", "min": 0, "max": "0", "type": [{"code": "ContactPoint"}]},
            {"id": "Patient.deceased[x]", "path": "Patient.deceased[x]", "min": 0, "max": "1", "type": [{"code": "dateTime"}]},
            {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "min": 0, "max": "1",
             "type": [{"code": "CodeableConcept"}], "patternCodeableConcept": {"coding": [{"code": "M"}]}},
            {"id": "Patient.managingOrganization", "path": "Patient.managingOrganization", "min": 0, "max": "1",
             "type": [{"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Organization"]}]},
        ]},
    });
    let eye = json!({
        "resourceType": "StructureDefinition", "url": format!("{URL}/eye"), "id": "eye", "name": "Eye",
        "type": "Extension", "kind": "complex-type", "derivation": "constraint", "snapshot": {"element": [
            {"id": "Extension", "path": "Extension"},
            {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 1, "max": "1", "type": [{"code": "code"}]},
        ]},
    });
    let manifest = json!({"name": "example.local", "version": "1"}).to_string();
    let files = [("package.json", manifest), ("p.json", profile.to_string()), ("e.json", eye.to_string())];
    let files = files.into_iter().map(|(name, text)| (name.to_string(), text)).collect();
    Fhir::with_packages(vec![Arc::new(Package::new("local", files).unwrap())])
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(Problem::to_string).collect()
}

/// What is wrong with a Patient of these members.
fn patient(members: &str) -> Vec<String> {
    lines(&resource(&format!(r#"{{"resourceType": "Patient", {members}}}"#), &fhir(), &[]))
}

/// The same for one that follows the profile, but for the change: a good identifier comes with it.
fn profiled(members: &str) -> Vec<String> {
    let identifier = r#""identifier": [{"system": "http://example.org/mrn", "value": "1"}]"#;
    patient(&format!(r#""meta": {{"profile": ["{URL}/patient"]}}, {identifier}, {members}"#))
}

const GOOD: &str = r##"{
    "resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "request": {"method": "POST", "url": "Patient"}, "resource": {
            "resourceType": "Patient", "id": "p-1", "active": true,
            "meta": {"profile": ["http://example.org/fhir/StructureDefinition/patient", "http://example.org/unknown"]},
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
            "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
            "extension": [
                {"url": "http://example.org/fhir/StructureDefinition/eye", "valueCode": "blue"},
                {"url": "http://hl7.org/fhir/StructureDefinition/patient-nationality", "extension": [
                    {"url": "code", "valueCodeableConcept": {"text": "x"}}]},
                {"url": "http://example.org/unknown", "valueRatio": {"numerator": {"value": 1.5}, "denominator": {"value": 2}}}],
            "identifier": [{"system": "http://example.org/mrn", "value": "1", "use": "official"}, {"value": "2"}],
            "name": [{"use": "official", "family": "A", "given": ["B", null, "C"],
                "_given": [null, {"extension": [{"url": "http://a", "valueString": "D"}]}, null]}],
            "gender": "female", "birthDate": "1961",
            "_birthDate": {"extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1961-02-03"}]},
            "deceasedDateTime": "2024-02-29T10:00:00+01:00",
            "maritalStatus": {"coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M", "display": "x"}]},
            "managingOrganization": {"reference": "#o"},
            "link": [{"other": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"}, "type": "seealso"}]}},
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": {
            "resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"}, "encounter": {"reference": "Encounter?identifier=a|b"},
            "performer": [{"reference": "Practitioner/1"}, {"reference": "http://example.org/Organization/2", "display": "x"}],
            "valueQuantity": {"value": 1, "comparator": "<", "unit": "mg"},
            "referenceRange": [{"low": {"value": 0.5}}],
            "component": [{"code": {"text": "y"}, "referenceRange": [{"text": "z"}]}]}}]}"##;

#[test]
fn a_good_bundle_has_no_problems() {
    assert_eq!(lines(&resource(GOOD, &fhir(), &["http://hl7.org/fhir/StructureDefinition/Bundle"])), [""; 0]);
}

/// One broken copy for each rule, each with all that is told of it.
#[test]
fn broken_copies() {
    let whole = |text: &str| lines(&resource(text, &fhir(), &[]));
    let bundle = |subject: &str| {
        let observation = format!(
            r#"{{"resourceType": "Observation", "status": "final", "code": {{"text": "x"}}, "subject": {{"reference": "{subject}"}}}}"#
        );
        let other = r#"{"resourceType": "Practitioner"}"#;
        whole(&format!(
            r#"{{"resourceType": "Bundle", "type": "collection", "entry": [
                {{"resource": {observation}}}, {{"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": {other}}}]}}"#
        ))
    };
    let cases = [
        ("cut off", whole(r#"{"resourceType": "Patient""#)),
        ("a list", whole("[]")),
        ("no type", whole(r#"{"id": "1"}"#)),
        ("an unknown type", whole(r#"{"resourceType": "Patent"}"#)),
        ("an abstract type", whole(r#"{"resourceType": "DomainResource"}"#)),
        ("a data type", whole(r#"{"resourceType": "HumanName"}"#)),
        ("a contact that is nobody", patient(r#""contact": [{"gender": "male"}]"#)),
        (
            "a number that is called by nothing",
            patient(r#""telecom": [{"value": "1"}, {"_value": {"id": "x"}, "system": "sms"}]"#),
        ),
        (
            "a value beside the reason why there is none",
            whole(
                r#"{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "dataAbsentReason": {"text": "x"}, "valueString": "y"}"#,
            ),
        ),
        ("an unknown element", patient(r#""colour": "x", "name": [{"Family": "y"}], "contact": [{"a b": 1}]"#)),
        ("a key twice", patient(r#""active": true, "active": false"#)),
        ("a required element", patient(r#""link": [{"type": "seealso"}], "communication": [{"preferred": true}]"#)),
        ("a list for one", patient(r#""birthDate": ["1961"]"#)),
        ("one for a list", patient(r#""name": {"family": "A"}"#)),
        ("text for an object", patient(r#""name": ["A"]"#)),
        ("an object for text", patient(r#""birthDate": {"value": "1961"}"#)),
        ("text for a boolean", patient(r#""active": "true""#)),
        ("a number for text", patient(r#""id": 1"#)),
        ("a bad date", patient(r#""birthDate": "3.2.1961""#)),
        ("no such day", patient(r#""birthDate": "1961-02-30""#)),
        ("a bad id", patient(r#""id": "a_b""#)),
        ("a number out of range", patient(r#""telecom": [{"rank": 0}]"#)),
        ("a fraction", patient(r#""multipleBirthInteger": 1.5"#)),
        ("an empty text", patient(r#""name": [{"family": ""}]"#)),
        ("an empty list", patient(r#""name": []"#)),
        ("an empty object", patient(r#""name": [{}]"#)),
        ("a null", patient(r#""birthDate": null, "name": [null]"#)),
        ("lists that do not fit", patient(r#""name": [{"given": ["A", "B"], "_given": [{"id": "x"}]}]"#)),
        ("null on both sides", patient(r#""name": [{"given": ["A", null], "_given": [null, null]}]"#)),
        ("an extension of no primitive", patient(r#""_name": [{"id": "x"}]"#)),
        ("text beside a primitive", patient(r#""_birthDate": "x""#)),
        ("an unknown code", patient(r#""gender": "F", "name": [{"use": "first"}]"#)),
        ("a coded element without a code", patient(r#""link": [{"other": {"display": "x"}, "type": ""}]"#)),
        ("two choices", patient(r#""deceasedBoolean": true, "deceasedDateTime": "2024""#)),
        ("a type that is no choice", patient(r#""deceasedString": "yes""#)),
        ("a reference of another type", patient(r#""managingOrganization": {"reference": "Patient/1"}"#)),
        ("a typed reference", patient(r#""managingOrganization": {"type": "Patient", "display": "x"}"#)),
        ("an entry of another type", bundle("urn:uuid:00000000-0000-4000-8000-000000000001")),
        ("a dangling reference", bundle("urn:uuid:00000000-0000-4000-8000-000000000002")),
        ("nothing contained", patient(r##""managingOrganization": {"reference": "#o"}"##)),
        (
            "contained in contained",
            patient(
                r#""contained": [{"resourceType": "Person", "id": "a", "contained": [{"resourceType": "Group", "id": "b"}]}]"#,
            ),
        ),
        ("contained without an id", patient(r#""contained": [{"resourceType": "Person"}]"#)),
        ("an extension without a url", patient(r#""extension": [{"valueCode": "x"}]"#)),
        ("an extension without a value", patient(r#""extension": [{"url": "http://a"}]"#)),
        (
            "a value and extensions",
            patient(
                r#""extension": [{"url": "http://a", "valueCode": "x", "extension": [{"url": "b", "valueCode": "y"}]}]"#,
            ),
        ),
        (
            "an extension's type",
            patient(
                r#""_birthDate": {"extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueString": "noon"}]}"#,
            ),
        ),
        (
            "an extension in the wrong place",
            patient(
                r#""name": [{"extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1961"}]}]"#,
            ),
        ),
        (
            "an extension's unknown part",
            patient(
                r#""extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-nationality", "extension": [
                {"url": "cod", "valueCode": "x"}]}]"#,
            ),
        ),
        (
            "contained twice",
            patient(r#""contained": [{"resourceType": "Person", "id": "a"}, {"resourceType": "Person", "id": "a"}]"#),
        ),
        ("blanks in a reference", patient(r#""managingOrganization": {"reference": "Organization/ 1"}"#)),
        ("an extension's url", patient(r#""extension": [{"url": "eye", "valueCode": "x"}]"#)),
        (
            "an extension's part",
            patient(
                r#""extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-nationality", "extension": [
                {"url": "code", "valueString": "x"}, {"url": "code", "valueCodeableConcept": {"text": "y"}}]}]"#,
            ),
        ),
        ("a profile's cardinality", patient(&format!(r#""meta": {{"profile": ["{URL}/patient"]}}"#))),
        ("a profile's maximum", profiled(r#""telecom": [{"value": "x"}]"#)),
        ("a profile's type", profiled(r#""deceasedBoolean": true"#)),
        ("a profile's pattern", profiled(r#""maritalStatus": {"coding": [{"code": "S"}]}"#)),
        (
            "a profile's extension",
            profiled(&format!(
                r#""extension": [{{"url": "{URL}/eye", "valueString": "blue"}}, {{"url": "{URL}/eye", "valueCode": "x"}}]"#
            )),
        ),
        (
            "a slice's fixed value and element",
            patient(&format!(
                r#""meta": {{"profile": ["{URL}/patient"]}}, "identifier": [{{"system": "http://example.org/mrn", "use": "old"}}]"#
            )),
        ),
        (
            "a profile of another resource",
            whole(&format!(
                r#"{{"resourceType": "Group", "type": "person", "actual": true, "meta": {{"profile": ["{URL}/patient"]}}}}"#
            )),
        ),
        ("a profile that nobody knows", lines(&resource(r#"{"resourceType": "Patient"}"#, &fhir(), &["local.Nobody"]))),
    ];
    let mut text = String::new();
    let mut codes = BTreeSet::new();
    for (name, problems) in &cases {
        assert!(!problems.is_empty(), "{name} was accepted");
        codes.extend(problems.iter().map(|line| line.split(' ').next().unwrap().to_string()));
        text += &format!("{name}\n    {}\n", problems.join("\n    "));
    }
    let all: BTreeSet<String> = Code::ALL.iter().map(|code| code.to_string()).collect();
    assert_eq!(codes, all, "every rule has a broken copy");
    insta::assert_snapshot!(text);
}

#[test]
fn a_profile_may_be_asked_for_by_its_short_name_or_url() {
    let patient = r#"{"resourceType": "Patient"}"#;
    let asked = |profile: &str| lines(&resource(patient, &fhir(), &[profile]));
    let missing = [
        "R0455 Patient: `identifier` must be there",
        "R0468 Patient: at least 1 of `identifier:mrn` must be there, these are 0",
    ];
    for profile in ["local.Patient", "local.LocalPatient", "http://example.org/fhir/StructureDefinition/patient"] {
        assert_eq!(asked(profile), missing, "{profile}");
    }
}

#[test]
fn values_never_appear() {
    let secret = "s3cret";
    let broken = format!(
        r##"{{"resourceType": "Patient", "{secret} x": "{secret}", "gender": "{secret}", "birthDate": "{secret}",
            "name": ["{secret}", {{"use": "{secret}"}}], "managingOrganization": {{"reference": "#{secret}"}},
            "active": "{secret}", "extension": [{{"url": "{secret}"}}], "{secret}-": 1, "{secret}-": 2}}"##
    );
    let problems = resource(&broken, &fhir(), &[]);
    assert!(problems.len() > 7, "{problems:?}");
    assert!(!format!("{problems:?}").contains(secret), "{problems:?}");
}

#[test]
fn any_text_has_an_answer() {
    for cut in (0..GOOD.len()).filter(|cut| GOOD.is_char_boundary(*cut)) {
        assert!(!resource(&GOOD[..cut], &Fhir::r4(), &[]).is_empty());
    }
    let deep = format!("{}{}", r#"{"resourceType": "Patient", "extension": ["#, "[".repeat(100_000));
    assert_eq!(resource(&deep, &Fhir::r4(), &[])[0].code, Code::Unreadable);
    // The deepest that is read: each extension is two levels of JSON.
    let inner = |depth: usize| {
        let open = r#"{"url": "http://a", "extension": ["#.repeat(depth);
        format!(r#"{{"resourceType": "Patient", "extension": [{open}{}{}]}}"#, "1", "]}".repeat(depth))
    };
    assert_eq!(resource(&inner(62), &Fhir::r4(), &[])[0].code, Code::WrongJson);
    assert_eq!(resource(&inner(64), &Fhir::r4(), &[])[0].code, Code::Unreadable);
    let many = format!(r#"{{"resourceType": "Patient", "name": [{}""]}}"#, r#""","#.repeat(20_000));
    assert_eq!(resource(&many, &Fhir::r4(), &[]).len(), PROBLEMS_MAX);
}
