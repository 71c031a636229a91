use super::*;
use crate::standard::shape::{Discriminator, Kind, MANY, Strength};

#[test]
fn shapes_of_each_kind() {
    let fhir = Fhir::r4();
    let keys = [
        "Patient",
        "Patient.contact",
        "HumanName",
        "Age",
        "SimpleQuantity",
        "Timing.repeat",
        "code",
        "Extension",
        "http://hl7.org/fhir/StructureDefinition/patient-nationality",
        "http://hl7.org/fhir/StructureDefinition/patient-nationality#:code",
        "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
    ];
    let text: Vec<String> = keys.iter().map(|key| fhir.shape(key).unwrap().to_string()).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn r4_has_all_its_types() {
    let fhir = Fhir::r4();
    assert_eq!(fhir.resources().len(), 146);
    // 41 with the two abstract ones; and two profiles of Quantity that elements name as their type.
    assert_eq!(fhir.datatypes().len(), 41 - 2 + 2);
    assert_eq!(fhir.primitives().len(), 20);
    assert_eq!(fhir.primitives().iter().filter(|name| fhir.regex(name).is_none()).collect::<Vec<_>>(), [&"xhtml"]);
}

#[test]
fn every_regex_compiles() {
    for primitive in Fhir::r4().primitives() {
        assert_eq!(embedded::regex(primitive).is_some(), embedded::form(primitive).is_some(), "{primitive}");
    }
}

#[test]
fn every_type_that_an_element_names_has_a_shape_and_every_target_is_a_resource() {
    let fhir = Fhir::r4();
    let mut seen = 0;
    for key in text::RESOURCES.keys().chain(text::DATATYPES.keys()).chain(text::EXTENSIONS.keys()) {
        let shape = fhir.shape(key).unwrap_or_else(|| panic!("{key}"));
        for element in &shape.elements {
            assert!(!element.types.is_empty(), "{key}.{}", element.name);
            assert!(!element.choice || element.max <= 1, "{key}.{}", element.name);
            let slices = element.slices.iter().flat_map(|slice| &slice.element.types);
            for kind in element.types.iter().chain(slices) {
                assert!(fhir.shape(&kind.shape).is_some(), "{key}.{}: {}", element.name, kind.shape);
                assert!(fhir.shape(&kind.name).is_some(), "{key}.{}: {}", element.name, kind.name);
                for target in &kind.targets {
                    assert_eq!(fhir.shape(target).map(|shape| shape.kind), Some(Kind::Resource), "{key}: {target}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn required_value_sets_enumerate_but_for_those_of_other_standards() {
    let fhir = Fhir::r4();
    let (mut complete, mut codes, mut open) = (0, 0, Vec::new());
    let keys = text::RESOURCES.keys().chain(text::DATATYPES.keys());
    let shapes: Vec<_> = keys.filter_map(|key| fhir.shape(key)).collect();
    let bindings = shapes.iter().flat_map(|shape| &shape.elements).filter_map(|element| element.binding.as_ref());
    let required = bindings.filter(|binding| binding.strength == Strength::Required);
    let mut sets: Vec<_> = required.map(|binding| binding.set.clone()).collect();
    sets.sort();
    sets.dedup();
    for url in &sets {
        match fhir.value_set(url) {
            Some(set) if set.complete => (complete, codes) = (complete + 1, codes + set.codes.len()),
            _ => open.push(url.rsplit('/').next().unwrap()),
        }
    }
    insta::assert_snapshot!(format!("{complete} with {codes} codes; open: {}", open.join(", ")));
}

#[test]
fn a_value_set_gives_systems_codes_and_displays() {
    let fhir = Fhir::r4();
    let set = fhir.value_set("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1").unwrap();
    let codes: Vec<_> = set.codes.iter().map(|coded| (coded.code.as_str(), coded.display.as_str())).collect();
    assert_eq!(codes, [("male", "Male"), ("female", "Female"), ("other", "Other"), ("unknown", "Unknown")]);
    assert_eq!(set.find(Some("http://hl7.org/fhir/administrative-gender"), "male").unwrap().display, "Male");
    assert_eq!(set.find(Some("http://hl7.org/fhir/gender"), "male"), None);
    let encounter = fhir.value_set("http://terminology.hl7.org/ValueSet/v3-ActEncounterCode").unwrap();
    assert!(encounter.find(None, "IMP").is_some());
    assert!(encounter.find(None, "_ActEncounterCode").is_none(), "a code that groups others is no value");
    assert!(!fhir.value_set("http://hl7.org/fhir/ValueSet/mimetypes").unwrap().complete);
    assert_eq!(fhir.value_set("http://hl7.org/fhir/ValueSet/none"), None);
}

#[test]
fn a_code_system_knows_what_stands_below_a_code() {
    let system = Fhir::r4().code_system("http://terminology.hl7.org/CodeSystem/v3-ActCode").unwrap();
    let below: Vec<_> = system.under("_ActEncounterCode").collect();
    assert!(below.contains(&"IMP") && below.contains(&"ACUTE"), "{below:?}");
    assert_eq!(system.under("IMP").count(), 2);
    assert_eq!(system.under("no such code").count(), 0);
}

#[test]
fn search_parameters() {
    let fhir = Fhir::r4();
    let gender = fhir.search_parameter("Patient", "gender").unwrap();
    assert_eq!((gender.kind, gender.expression.as_str()), (SearchKind::Token, "Patient.gender"));
    assert_eq!(fhir.search_parameter("Patient", "_id").unwrap().expression, "Resource.id");
    assert_eq!(fhir.search_parameter("Patient", "colour"), None);
}

#[test]
fn extensions_say_where_they_stand_and_what_they_hold() {
    let fhir = Fhir::r4();
    let url = "http://hl7.org/fhir/StructureDefinition/patient-nationality";
    let nationality = fhir.extension(url).unwrap();
    assert_eq!(nationality.element("value").unwrap().max, 0);
    let code = nationality.element("extension").unwrap().slice("code").unwrap();
    assert_eq!(code.discriminators, [Discriminator::Value("url".into())]);
    assert_eq!(code.url.as_deref(), Some("code"));
    let placement = fhir.placement(url).unwrap();
    assert_eq!((placement.max, placement.contexts.as_slice()), (MANY, &[SmolStr::from("Patient")][..]));
    assert!(fhir.extension("http://hl7.org/fhir/StructureDefinition/Patient").is_none());
}

#[test]
fn urls_find_what_names_find() {
    let fhir = Fhir::r4();
    assert_eq!(fhir.by_url("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1").unwrap().key, "Patient");
    assert_eq!(fhir.by_url("http://hl7.org/fhir/StructureDefinition/Nothing"), None);
    assert_eq!(fhir.parent("code").as_deref(), Some("string"));
    assert_eq!(fhir.parent("Patient").as_deref(), Some("DomainResource"));
}
