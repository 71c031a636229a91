use serde_json::json;

use super::*;
use crate::standard::fhir::{Fhir, Profiles};
use crate::standard::shape::{Discriminator, Shape};

const URL: &str = "http://example.org/fhir/StructureDefinition";

/// A package of these definitions, each of which takes its URL from its kind and its id.
fn package(alias: &str, definitions: Vec<Value>) -> Arc<Package> {
    let manifest = json!({"name": format!("example.{alias}"), "version": "1.0.0", "dependencies": {"other": "2.x"}});
    let mut files =
        vec![("package.json".to_string(), manifest.to_string()), ("broken.json".to_string(), "{".to_string())];
    for (at, mut definition) in definitions.into_iter().enumerate() {
        let (kind, id) = (definition["resourceType"].as_str().unwrap(), definition["id"].as_str().unwrap());
        definition["url"] = json!(format!("http://example.org/fhir/{kind}/{id}"));
        files.push((format!("{at}.json"), definition.to_string()));
    }
    Arc::new(Package::new(alias, files).unwrap())
}

fn profile(id: &str, name: &str, type_name: &str, elements: Value) -> Value {
    json!({
        "resourceType": "StructureDefinition", "id": id, "name": name, "type": type_name, "derivation": "constraint",
        "kind": if type_name == "Extension" { "complex-type" } else { "resource" },
        "context": [{"type": "element", "expression": "Patient"}],
        "snapshot": {"element": elements},
    })
}

fn patient() -> Value {
    let identifier = "http://example.org/mrn";
    profile(
        "patient",
        "LocalPatient",
        "Patient",
        json!([
            {"id": "Patient", "path": "Patient", "min": 0, "max": "*"},
            {"id": "Patient.extension", "path": "Patient.extension", "min": 0, "max": "*", "type": [{"code": "Extension"}],
             "slicing": {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}},
            {"id": "Patient.extension:race", "path": "Patient.extension", "sliceName": "race", "min": 0, "max": "1",
             "type": [{"code": "Extension", "profile": [format!("{URL}/race")]}]},
            {"id": "Patient.extension:lost", "path": "Patient.extension", "sliceName": "lost", "min": 0, "max": "1",
             "type": [{"code": "Extension", "profile": ["http://example.org/nobody"]}]},
            {"id": "Patient.identifier", "path": "Patient.identifier", "min": 1, "max": "*", "type": [{"code": "Identifier"}],
             "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}, "mustSupport": true},
            {"id": "Patient.identifier.value", "path": "Patient.identifier.value", "min": 1, "max": "1",
             "type": [{"code": "string"}]},
            {"id": "Patient.identifier:mrn", "path": "Patient.identifier", "sliceName": "mrn", "min": 1, "max": "1",
             "type": [{"code": "Identifier"}]},
            {"id": "Patient.identifier:mrn.system", "path": "Patient.identifier.system", "min": 1, "max": "1",
             "type": [{"code": "uri"}], "fixedUri": identifier},
            {"id": "Patient.deceased[x]", "path": "Patient.deceased[x]", "min": 0, "max": "1", "type": [{"code": "dateTime"}]},
            {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "min": 0, "max": "1",
             "type": [{"code": "CodeableConcept"}], "patternCodeableConcept": {"text": "x"},
             "binding": {"strength": "required", "valueSet": "http://example.org/fhir/ValueSet/acts|1"}},
            {"id": "Patient.contact", "path": "Patient.contact", "base": {"path": "Patient.contact"}, "min": 0, "max": "0",
             "type": [{"code": "BackboneElement"}]},
            {"id": "Patient.link", "path": "Patient.link", "base": {"path": "Patient.link"}, "min": 0, "max": "1",
             "type": [{"code": "BackboneElement"}]},
            {"id": "Patient.link.other", "path": "Patient.link.other", "min": 1, "max": "1",
             "type": [{"code": "Reference", "targetProfile": [format!("{URL}/patient")]}]},
            {"id": "Patient.managingOrganization", "path": "Patient.managingOrganization", "min": 0, "max": "1",
             "type": [{"code": "Reference", "targetProfile": ["http://example.org/nobody"]}]},
        ]),
    )
}

fn race() -> Value {
    profile(
        "race",
        "Race",
        "Extension",
        json!([
            {"id": "Extension", "path": "Extension", "min": 0, "max": "1"},
            {"id": "Extension.url", "path": "Extension.url", "min": 1, "max": "1", "fixedUri": format!("{URL}/race")},
            {"id": "Extension.valueCoding", "path": "Extension.valueCoding", "min": 1, "max": "1", "type": [{"code": "Coding"}]},
        ]),
    )
}

fn observation(id: &str, name: &str) -> Value {
    profile(
        id,
        name,
        "Observation",
        json!([
            {"id": "Observation", "path": "Observation", "min": 0, "max": "*"},
            {"id": "Observation.value[x]", "path": "Observation.value[x]", "min": 0, "max": "1",
             "slicing": {"discriminator": [{"type": "type", "path": "$this"}], "rules": "closed"},
             "type": [{"code": "Quantity"}, {"code": "string"}]},
            {"id": "Observation.value[x]:valueQuantity", "path": "Observation.value[x]", "sliceName": "valueQuantity",
             "min": 0, "max": "1", "type": [{"code": "Quantity"}]},
            {"id": "Observation.value[x]:valueQuantity.code", "path": "Observation.value[x].code", "min": 1, "max": "1",
             "type": [{"code": "code"}], "fixedCode": "mg"},
        ]),
    )
}

fn fhir() -> Fhir {
    let acts = json!({"resourceType": "ValueSet", "id": "acts", "compose": {
        "include": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
             "filter": [{"property": "concept", "op": "descendent-of", "value": "IMP"}]},
            {"system": "http://example.org/fhir/CodeSystem/own"},
            {"valueSet": ["http://hl7.org/fhir/ValueSet/administrative-gender"]}],
        "exclude": [{"system": "http://hl7.org/fhir/administrative-gender", "concept": [{"code": "other"}]}]}});
    let own = json!({"resourceType": "CodeSystem", "id": "own", "name": "Own", "content": "complete", "concept": [
        {"code": "a", "display": "A", "concept": [{"code": "b"}]}]});
    let open =
        json!({"resourceType": "ValueSet", "id": "open", "compose": {"include": [{"system": "http://loinc.org"}]}});
    let circle = json!({"resourceType": "ValueSet", "id": "circle", "compose": {
        "include": [{"valueSet": ["http://example.org/fhir/ValueSet/circle"]}]}});
    let observations = [observation("one", "ObservationOne"), observation("two", "ObservationTwo")];
    let mut all = vec![patient(), race(), acts, own, open, circle];
    all.extend(observations);
    Fhir::with_packages(vec![package("local", all)])
}

fn found(profiles: Profiles) -> Arc<Shape> {
    match profiles {
        Profiles::Found(shape) => shape,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_profile_is_r4_narrowed() {
    let fhir = fhir();
    let patient = found(fhir.profile("local", "Patient"));
    let keys = ["Patient.identifier", "Patient.identifier:mrn", "Patient.link"];
    let mut text = patient.to_string();
    for key in keys {
        text += &fhir.shape(&format!("{URL}/patient#{key}")).unwrap().to_string();
    }
    text += &fhir.extension(&format!("{URL}/race")).unwrap().to_string();
    text += &found(fhir.profile("local", "ObservationOne")).to_string();
    text += &fhir.shape(&format!("{URL}/one#Observation.value[x]:valueQuantity")).unwrap().to_string();
    insta::assert_snapshot!(text);
}

#[test]
fn a_profile_is_found_by_name_id_or_as_the_only_one_of_its_resource() {
    let fhir = fhir();
    let key = |name| found(fhir.profile("local", name)).key.clone();
    for name in ["Patient", "LocalPatient", "patient"] {
        assert_eq!(key(name), format!("{URL}/patient"));
    }
    let both = vec!["ObservationOne".into(), "ObservationTwo".into()];
    assert_eq!(fhir.profile("local", "Observation"), Profiles::Several(both));
    assert!(matches!(fhir.profile("local", "Encounter"), Profiles::Unknown(names) if names.len() == 3));
    assert_eq!(fhir.profile("uscore", "Patient"), Profiles::NoPackage);
}

#[test]
fn slices_know_how_their_items_are_told() {
    let patient = found(fhir().profile("local", "Patient"));
    let mrn = patient.element("identifier").unwrap().slice("mrn").unwrap();
    assert_eq!(mrn.discriminators, [Discriminator::Value("system".into())]);
    let race = patient.element("extension").unwrap().slice("race").unwrap();
    assert_eq!(race.url.as_deref(), Some(format!("{URL}/race").as_str()));
    let lost = patient.element("extension").unwrap().slice("lost").unwrap();
    assert_eq!(lost.element.types[0].shape, "Extension", "what nobody defines is any extension");
}

#[test]
fn a_value_set_of_a_package_takes_codes_of_r4() {
    let fhir = fhir();
    let codes = |id: &str| {
        let set = fhir.value_set(&format!("http://example.org/fhir/ValueSet/{id}")).unwrap();
        let codes: Vec<_> = set.codes.iter().map(|coded| coded.code.to_string()).collect();
        (set.complete, codes.join(" "))
    };
    assert_eq!(codes("acts"), (true, "ACUTE NONAC a b male female unknown".to_string()));
    assert_eq!(codes("open"), (false, String::new()));
    assert!(!codes("circle").0);
}

#[test]
fn of_two_versions_each_alias_gives_its_own() {
    let first = package("first", vec![profile("p", "P", "Patient", json!([{"id": "Patient", "path": "Patient"}]))]);
    let second = package("second", vec![patient()]);
    let mut again = patient();
    again["id"] = json!("p");
    let third = json!({"name": "example.third", "version": "2.0.0"}).to_string();
    again["url"] = json!(format!("{URL}/p"));
    let files = vec![("package.json".to_string(), third), ("p.json".to_string(), again.to_string())];
    let third = Arc::new(Package::new("third", files).unwrap());
    let fhir = Fhir::with_packages(vec![first, second, third]);
    let minimum = |alias| found(fhir.profile(alias, "Patient")).element("identifier").unwrap().min;
    assert_eq!([minimum("first"), minimum("second"), minimum("third")], [0, 1, 1]);
    assert_eq!(fhir.by_url(&format!("{URL}/p|2.0.0")).unwrap().element("identifier").unwrap().min, 1);
    assert_eq!(fhir.by_url(&format!("{URL}/p|9")).unwrap().element("identifier").unwrap().min, 0);
}

#[test]
fn what_is_no_package_is_told_and_a_broken_file_is_named() {
    assert!(Package::new("x", vec![]).is_err());
    assert!(Package::new("x", vec![("package.json".into(), "[]".into())]).is_err());
    assert_eq!(package("x", vec![]).unreadable, ["broken.json"]);
    assert_eq!(package("x", vec![]).dependencies, [("other".into(), "2.x".into())]);
}
