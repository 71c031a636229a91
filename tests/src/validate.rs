//! The validator over resources that others made: those of the R4 package itself, and bundles of a public health project.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use emr_compiler::standard::fhir::Fhir;
use emr_compiler::validate::{Problem, resource};

fn data(place: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(place);
    if !path.exists() {
        println!("skipped: {place} is not there");
        return None;
    }
    Some(path)
}

/// The problems of many resources, each with how many have it and the first that has it.
fn summary(found: &[(String, Vec<Problem>)]) -> String {
    let mut kinds = BTreeMap::<String, Vec<&str>>::new();
    for (name, problems) in found {
        for problem in problems {
            let path: String = problem.path.chars().filter(|letter| !letter.is_ascii_digit()).collect();
            let names =
                kinds.entry(format!("{} {}: {}", problem.code, path.replace("[]", ""), problem.message)).or_default();
            if names.last() != Some(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let lines = kinds.iter().map(|(kind, names)| format!("{} × {kind}\n    {}\n", names.len(), names[0]));
    lines.collect()
}

#[test]
fn r4_accepts_its_own_conformance_resources() {
    let Some(path) = data("fhir/hl7.fhir.r4.core-4.0.1.tgz") else { return };
    let fhir = Fhir::r4();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
    let (mut read, mut refused) = (0, Vec::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if !name.ends_with(".json") || name.ends_with("package.json") {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        read += 1;
        let problems = resource(&text, &fhir, &[]);
        if !problems.is_empty() {
            refused.push((name, problems));
        }
    }
    refused.sort();
    println!("{read} resources read, {} refused", refused.len());
    let refused: Vec<(&str, String)> = refused.iter().map(|(name, problems)| (name.as_str(), told(problems))).collect();
    let explained = REFUSED.map(|(name, told)| (format!("package/SearchParameter-{name}.json"), told.to_string()));
    assert_eq!(read, 4578);
    assert_eq!(refused, explained.each_ref().map(|(name, told)| (name.as_str(), told.clone())));
}

/// R4's own slips. `SearchParameter.base` is 1..*, and ten that the package took from extensions have none.
const BASE: &str = "R0455 SearchParameter: `base` must be there";
/// An id has at most 64 characters; this one has 67.
const ID: &str = "R0458 SearchParameter.id: it does not look like id";

const REFUSED: [(&str, &str); 11] = [
    ("codesystem-extensions-CodeSystem-author", BASE),
    ("codesystem-extensions-CodeSystem-effective", BASE),
    ("codesystem-extensions-CodeSystem-end", BASE),
    ("codesystem-extensions-CodeSystem-keyword", BASE),
    ("codesystem-extensions-CodeSystem-workflow", BASE),
    ("questionnaireresponse-extensions-QuestionnaireResponse-item-subject", ID),
    ("valueset-extensions-ValueSet-author", BASE),
    ("valueset-extensions-ValueSet-effective", BASE),
    ("valueset-extensions-ValueSet-end", BASE),
    ("valueset-extensions-ValueSet-keyword", BASE),
    ("valueset-extensions-ValueSet-workflow", BASE),
];

fn told(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn bundles_of_others() {
    let Some(path) = data("messages/cdc-prime-reportstream/mappinginventory/catchall") else { return };
    let fhir = Fhir::r4();
    let (mut read, mut refused) = (0, Vec::new());
    let mut folders = vec![path.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "fhir") {
                read += 1;
                let problems = resource(&fs::read_to_string(entry.path()).unwrap(), &fhir, &[]);
                if !problems.is_empty() {
                    refused.push((entry.path().strip_prefix(&path).unwrap().display().to_string(), problems));
                }
            }
        }
    }
    refused.sort();
    println!("{read} bundles read, {} refused", refused.len());
    insta::assert_snapshot!(format!("{read} read, {} refused\n\n{}", refused.len(), summary(&refused)));
}

const PRESSURE: &str = r#"{
    "resourceType": "Observation", "status": "final",
    "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure"]},
    "category": [{"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "subject": {"reference": "Patient/1"}, "effectiveDateTime": "2024-01-01",
    "component": [
        {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
         "valueQuantity": {"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
         "valueQuantity": {"value": 80, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}]
}"#;

#[test]
fn a_profile_of_us_core_holds_slices_patterns_and_fixed_values() {
    let Some(path) = data("fhir/hl7.fhir.us.core-7.0.0.tgz") else { return };
    let place = path.display().to_string();
    let found = emr_project::packages::load(&[("uscore".to_string(), place)], Path::new("/"), None);
    let fhir = Fhir::with_packages(found.packages);
    assert_eq!(told(&resource(PRESSURE, &fhir, &["uscore.USCoreBloodPressureProfile"])), "");
    let changes = [
        ("another panel", "85354-9", "8867-4"),
        ("another category", "vital-signs", "laboratory"),
        ("no systolic", "8480-6", "8867-4"),
        ("another unit", "\"code\": \"mm[Hg]\"", "\"code\": \"kPa\""),
        ("no unit", "\"unit\": \"mmHg\", ", ""),
        ("another subject", "Patient/1", "Group/1"),
        (
            "text for a quantity",
            "\"valueQuantity\": {\"value\": 80",
            "\"valueString\": \"80\", \"note\": {\"value\": 80",
        ),
        ("no time", "\"effectiveDateTime\": \"2024-01-01\",", ""),
    ];
    let mut text = String::new();
    for (name, old, new) in changes {
        let problems = resource(&PRESSURE.replacen(old, new, 1), &fhir, &[]);
        assert!(!problems.is_empty(), "{name} was accepted");
        text += &format!("{name}\n    {}\n", told(&problems).replace("; ", "\n    "));
    }
    insta::assert_snapshot!(text);
}
