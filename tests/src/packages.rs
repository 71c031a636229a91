//! FHIR packages as they are published: what a profile of US Core or of the International Patient Summary becomes.

use std::path::Path;
use std::sync::Arc;

use emr_compiler::db::{self, Database};
use emr_compiler::standard::Standards;
use emr_compiler::standard::fhir::{Fhir, Profiles};
use emr_compiler::standard::shape::{Element, Kind, Shape, Strength};
use emr_project::packages::{Found, load};

const US_CORE: &str = "fhir/hl7.fhir.us.core-7.0.0.tgz";
const IPS: &str = "fhir/hl7.fhir.uv.ips-1.1.0.tgz";

fn found(alias: &str, place: &str) -> Option<Found> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !data.join(place).exists() {
        println!("skipped: {place} is not there");
        return None;
    }
    let found = load(&[(alias.to_string(), place.to_string())], &data, None);
    assert_eq!(found.faults, []);
    Some(found)
}

fn packages(alias: &str, place: &str) -> Option<Fhir> {
    found(alias, place).map(|found| Fhir::with_packages(found.packages))
}

#[test]
fn us_core_reads_as_its_pages_say() {
    let Some(fhir) = packages("uscore", US_CORE) else { return };
    let url = "http://hl7.org/fhir/us/core/StructureDefinition";
    let keys = [
        format!("{url}/us-core-patient"),
        format!("{url}/us-core-patient#Patient.identifier"),
        format!("{url}/us-core-race"),
        format!("{url}/us-core-race#Extension.extension:ombCategory"),
        format!("{url}/us-core-blood-pressure"),
        format!("{url}/us-core-blood-pressure#Observation.component:systolic"),
        format!("{url}/us-core-blood-pressure#Observation.component:systolic.value[x]"),
        format!("{url}/us-core-condition-encounter-diagnosis"),
    ];
    let text: Vec<String> =
        keys.iter().map(|key| fhir.shape(key).unwrap_or_else(|| panic!("{key}")).to_string()).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn us_core_patient_is_the_only_one_and_observations_are_many() {
    let Some(fhir) = packages("uscore", US_CORE) else { return };
    let Profiles::Found(patient) = fhir.profile("uscore", "Patient") else { panic!("there is one") };
    assert_eq!((patient.title.as_str(), patient.base.as_str()), ("USCorePatientProfile", "Patient"));
    let Profiles::Several(names) = fhir.profile("uscore", "Observation") else { panic!("there are many") };
    assert!(names.len() > 20 && names.iter().any(|name| name == "USCoreBloodPressureProfile"), "{names:?}");
    assert!(matches!(fhir.profile("uscore", "USCoreBloodPressureProfile"), Profiles::Found(_)));
    assert!(matches!(fhir.profile("uscore", "us-core-blood-pressure"), Profiles::Found(_)));
}

#[test]
fn a_package_that_is_needed_and_missing_is_told_once() {
    let Some(found) = found("uscore", US_CORE) else { return };
    let names: Vec<_> = found.missing.iter().map(|missing| missing.name.as_str()).collect();
    let needed = [
        "hl7.fhir.uv.extensions",
        "hl7.fhir.uv.sdc",
        "hl7.fhir.uv.smart-app-launch",
        "hl7.terminology.r4",
        "us.cdc.phinvads",
        "us.nlm.vsac",
    ];
    assert_eq!(names, needed);
}

#[test]
fn every_type_that_a_profile_names_has_a_shape() {
    for (alias, place) in [("uscore", US_CORE), ("ips", IPS)] {
        let Some(found) = found(alias, place) else { return };
        let package = Arc::clone(&found.packages[0]);
        assert_eq!(package.unreadable, [""; 0]);
        let fhir = Fhir::with_packages(found.packages);
        let mut seen = 0;
        for head in package.structures() {
            let root = fhir.by_url(&head.url).unwrap_or_else(|| panic!("{}", head.url));
            for shape in below(&fhir, root) {
                for element in elements(&shape) {
                    assert!(!element.types.is_empty(), "{}.{}", shape.key, element.name);
                    seen += 1;
                    for kind in &element.types {
                        assert!(fhir.shape(&kind.shape).is_some(), "{}: {}", shape.key, kind.shape);
                        let resource = |name| fhir.shape(name).is_some_and(|shape| shape.kind == Kind::Resource);
                        assert!(kind.targets.iter().all(|name| resource(name)), "{}: {:?}", shape.key, kind.targets);
                    }
                }
            }
        }
        println!("{alias}: {seen} elements");
        assert!(seen > 2500, "{seen}");
    }
}

/// The shape and those below it that its definition narrows, each once: a content reference leads back.
fn below(fhir: &Fhir, shape: Arc<Shape>) -> Vec<Arc<Shape>> {
    let prefix = format!("{}#", shape.key.split('#').next().unwrap());
    let mut all = vec![shape];
    let mut next = 0;
    while let Some(shape) = all.get(next).cloned() {
        next += 1;
        for kind in elements(&shape).flat_map(|element| &element.types) {
            let new = kind.shape.starts_with(&prefix) && all.iter().all(|known| known.key != kind.shape);
            all.extend(new.then(|| fhir.shape(&kind.shape).unwrap_or_else(|| panic!("{}", kind.shape))));
        }
    }
    all
}

fn elements(shape: &Shape) -> impl Iterator<Item = &Element> {
    let slices = shape.elements.iter().flat_map(|element| &element.slices).map(|slice| &slice.element);
    shape.elements.iter().chain(slices)
}

#[test]
fn what_us_core_binds_to_and_nobody_here_enumerates() {
    let Some(found) = found("uscore", US_CORE) else { return };
    let package = Arc::clone(&found.packages[0]);
    let fhir = Fhir::with_packages(found.packages);
    let mut sets = Vec::new();
    for root in package.structures().filter_map(|head| fhir.by_url(&head.url)) {
        for shape in below(&fhir, root) {
            let bindings = elements(&shape).filter_map(|element| element.binding.as_ref());
            let bound = bindings.filter(|binding| binding.strength >= Strength::Extensible);
            sets.extend(bound.map(|binding| binding.set.to_string()));
        }
    }
    sets.sort();
    sets.dedup();
    let (mut missing, mut open, mut known) = (Vec::new(), Vec::new(), 0);
    for url in &sets {
        match fhir.value_set(url) {
            None => missing.push(url.as_str()),
            Some(set) if !set.complete => open.push(url.as_str()),
            Some(_) => known += 1,
        }
    }
    insta::assert_snapshot!(format!(
        "{known} enumerate\n\nmissing\n{}\n\nopen\n{}",
        missing.join("\n"),
        open.join("\n")
    ));
}

#[test]
fn a_resource_is_not_of_a_profile_because_a_map_says_so() {
    let Some(fhir) = packages("uscore", US_CORE) else { return };
    let url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    let text = format!(
        "map as_is(p: Patient) -> uscore.Patient = p\n\
         map changed(p: Patient) -> uscore.Patient = p with {{ meta.source: \"urn:x\" }}\n\
         map either(p: Patient, q: uscore.Patient) -> uscore.Patient = p when p.active is present else q\n\
         map picked(ps: Patient*) -> uscore.Patient? = first ps\n\
         map agreed(p: Patient) -> uscore.Patient = p with {{ meta.profile: \"{url}\" }}\n\
         map same(p: uscore.Patient) -> uscore.Patient = p with {{ active: true }}\n\
         map called(p: uscore.Patient) -> uscore.Patient = same(p)\n"
    );
    let db = Database::default();
    let file = db.open("main", "main.emr", text.clone());
    let settings = db::Settings { packages: vec!["uscore".into()], ..Default::default() };
    let standards = Standards { fhir: Arc::new(fhir), ..Standards::embedded() };
    let project = db.project(vec![file], settings, standards);
    let found = db::diagnostics(&db, project, file);
    let told = found.iter().map(|it| {
        let line = text.get(..it.at.start).unwrap_or_default().lines().last().unwrap_or_default();
        format!("{} {} {}", it.code.text(), line.split('(').next().unwrap_or_default(), it.message)
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}
