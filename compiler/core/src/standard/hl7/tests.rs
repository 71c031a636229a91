use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::{Hl7, Version};
use crate::standard::shape::{Binding, Kind, Shape, Strength};

/// A shape with the titles and the life of its elements.
fn told(shape: &Shape) -> String {
    let mut out = format!("{} ({:?}) {}\n", shape.key, shape.kind, shape.title);
    for element in &shape.elements {
        let length = if element.length > 0 { format!(" <= {}", element.length) } else { String::new() };
        let since = element.since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
        let until = element.withdrawn.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        let title = if element.title.is_empty() { String::new() } else { format!(" \"{}\"", element.title) };
        writeln!(out, "  {element}{length}{title}{since}{until}").unwrap();
    }
    out
}

fn segment(version: Version, name: &str) -> String {
    Hl7::new().segment(version, name).map(|shape| told(&shape)).unwrap_or_default()
}

/// A structure with its groups.
fn structure(version: Version, name: &str) -> String {
    let hl7 = Hl7::new();
    let tree = hl7.tree(version, name).unwrap();
    tree.iter().map(|shape| told(shape)).collect()
}

#[test]
fn each_version_has_its_facts() {
    for version in Version::ALL {
        assert_eq!(Version::parse(version.text()), Some(*version));
        assert!(version.facts().block("segment", "MSH").is_some(), "{version}");
    }
    assert_eq!(Version::parse("2.9"), None);
}

/// What hl7apy 1.3.5 has, but for the structures SIU_S13 to S27, three more of hl7types in 2.8, and withdrawn places.
#[test]
fn counts() {
    let hl7 = Hl7::new();
    let mut out = String::new();
    for version in Version::ALL.iter().copied() {
        let (structures, segments, datatypes) =
            (hl7.structures(version), hl7.segments(version), hl7.datatypes(version));
        let fields: usize = segments.iter().map(|name| hl7.segment(version, name).unwrap().elements.len()).sum();
        let components: usize = datatypes.iter().map(|name| hl7.datatype(version, name).unwrap().elements.len()).sum();
        let groups: usize = structures.iter().map(|name| hl7.tree(version, name).unwrap().len() - 1).sum();
        let events = version.facts().block("events", "").unwrap().count() - 1;
        writeln!(
            out,
            "{version}: {} structures, {groups} groups, {} segments, {fields} fields, {} data types, \
             {components} components, {events} events",
            structures.len(),
            segments.len(),
            datatypes.len(),
        )
        .unwrap();
    }
    insta::assert_snapshot!(out);
}

#[test]
fn every_type_and_member_is_there() {
    let hl7 = Hl7::new();
    for version in Version::ALL.iter().copied() {
        let lines = |kind, name: &str| version.facts().block(kind, name).unwrap().count() - 1;
        let segments =
            hl7.segments(version).into_iter().map(|name| (lines("segment", name), hl7.segment(version, name)));
        let datatypes =
            hl7.datatypes(version).into_iter().map(|name| (lines("datatype", name), hl7.datatype(version, name)));
        for (lines, shape) in segments.chain(datatypes) {
            let shape = shape.unwrap();
            assert_eq!(shape.elements.len(), lines, "{version} {}", shape.key);
            for kind in shape.elements.iter().flat_map(|element| &element.types) {
                assert!(hl7.datatype(version, &kind.shape).is_some(), "{version} {} {}", shape.key, kind.shape);
            }
        }
        for name in hl7.structures(version) {
            let tree = hl7.tree(version, name).unwrap();
            assert_eq!(tree.iter().map(|shape| shape.elements.len()).sum::<usize>(), lines("structure", name));
            for kind in tree.iter().flat_map(|shape| &shape.elements).flat_map(|element| &element.types) {
                let found = if kind.shape == kind.name {
                    hl7.segment(version, &kind.shape)
                } else {
                    hl7.group(version, &kind.shape)
                };
                assert!(found.is_some(), "{version} {name} {}", kind.shape);
            }
        }
        for line in version.facts().block("events", "").unwrap().skip(1) {
            let (event, structure) = line.split_once(' ').unwrap();
            assert!(hl7.structure(version, structure).is_some(), "{version} {event} {structure}");
        }
    }
}

#[test]
fn patient_identification() {
    insta::assert_snapshot!("pid_2_1", segment(Version::V2_1, "PID"));
    insta::assert_snapshot!("pid_2_5_1", segment(Version::V2_5_1, "PID"));
    insta::assert_snapshot!("pid_union", segment(Version::Union, "PID"));
}

/// HL7 v2.5.1 §7.4.2: OBX-20 to 22 are reserved, OBX-23 to 25 the performing organization.
#[test]
fn observation() {
    insta::assert_snapshot!("obx_2_5_1", segment(Version::V2_5_1, "OBX"));
    insta::assert_snapshot!("obx_2_7_1", segment(Version::V2_7_1, "OBX"));
    insta::assert_snapshot!("obx_union", segment(Version::Union, "OBX"));
}

/// HL7 v2.6 §6.5.2: DG1-7 to 14 are withdrawn.
#[test]
fn a_withdrawn_field_is_a_place_without_a_type() {
    let hl7 = Hl7::new();
    let diagnosis = hl7.segment(Version::V2_6, "DG1").unwrap();
    let place = diagnosis.element("7").unwrap();
    assert_eq!((place.max, place.types.len()), (0, 0));
    let all = hl7.segment(Version::Union, "DG1").unwrap();
    let place = all.element("7").unwrap();
    assert_eq!((place.types[0].name.as_str(), place.withdrawn.as_deref()), ("CWE", Some("2.6")));
    // HL7 v2.6 §3.4.10: a primary care provider is in ROL by now.
    let provider = hl7.segment(Version::Union, "PD1").unwrap().element("4").cloned().unwrap();
    assert_eq!((provider.types[0].name.as_str(), provider.withdrawn.as_deref()), ("XCN", Some("2.7")));
}

#[test]
fn admission() {
    insta::assert_snapshot!("adt_a01_2_5_1", structure(Version::V2_5_1, "ADT_A01"));
    insta::assert_snapshot!("adt_a01_union", structure(Version::Union, "ADT_A01"));
}

#[test]
fn results() {
    insta::assert_snapshot!("oru_r01_2_3", structure(Version::V2_3, "ORU_R01"));
    insta::assert_snapshot!("oru_r01_union", structure(Version::Union, "ORU_R01"));
}

#[test]
fn data_types() {
    let hl7 = Hl7::new();
    let types = ["CX", "XPN", "HD", "FN", "SAD", "CWE", "CE", "TS", "ST", "varies"];
    let all: String = types.iter().map(|name| told(&hl7.datatype(Version::Union, name).unwrap())).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn two_roles_of_an_admission_are_two_places() {
    for version in [Version::V2_5_1, Version::V2_7_1, Version::V2_8_2, Version::Union] {
        let shape = Hl7::new().structure(version, "ADT_A01").unwrap();
        let places = shape.elements.iter().filter(|element| element.name == "ROL").count();
        assert_eq!(places, 2, "{version}");
    }
}

#[test]
fn a_group_is_found_by_its_path_and_by_its_name() {
    let hl7 = Hl7::new();
    let group = |key| hl7.group(Version::V2_5_1, key).map(|group| (group.key.clone(), group.kind));
    let orders = Some(("ORU_R01.PATIENT_RESULT.ORDER_OBSERVATION".into(), Kind::Group));
    assert_eq!(group("ORU_R01.PATIENT_RESULT.ORDER_OBSERVATION"), orders);
    assert_eq!(group("ORU_R01.ORDER_OBSERVATION"), orders);
    assert_eq!(group("ADT_A01.INSURANCE"), Some(("ADT_A01.INSURANCE".into(), Kind::Group)));
    assert_eq!(group("ADT_A01.INSURANC"), None);
    assert_eq!(group("ADT_A01."), None);
    assert_eq!(group("ADT_A01"), None);
    // Two groups of that name stand in it.
    assert!(hl7.group(Version::V2_8, "RDE_O11.TIMING_ENCODED").is_none());
    assert!(hl7.group(Version::V2_8, "RDE_O11.ORDER.TIMING_ENCODED").is_some());
}

#[test]
fn a_choice_is_marked_and_none_of_its_members_is_required() {
    let hl7 = Hl7::new();
    let order = hl7.group(Version::V2_5_1, "ORM_O01.ORDER_DETAIL").unwrap();
    let choice = order.elements.iter().find(|element| element.choice).unwrap();
    let members = hl7.group(Version::V2_5_1, &choice.types[0].shape).unwrap();
    assert_eq!(members.elements.len(), 6);
    assert!(members.elements.iter().all(|member| member.min == 0));
}

#[test]
fn an_event_has_a_structure() {
    let hl7 = Hl7::new();
    let of = |version, code, event| hl7.structure_of(version, code, event).unwrap_or("-");
    assert_eq!(of(Version::V2_5_1, "ADT", "A04"), "ADT_A01");
    assert_eq!(of(Version::V2_5_1, "ADT", "A55"), "ADT_A52");
    assert_eq!(of(Version::V2_5_1, "SIU", "S14"), "SIU_S12");
    assert_eq!(of(Version::V2_5_1, "ORU", "R01"), "ORU_R01");
    assert_eq!(of(Version::V2_3, "ACK", "A01"), "ACK");
    assert_eq!(of(Version::V2_8, "ADT", "A40"), "ADT_A39");
    assert_eq!(of(Version::V2_8_2, "ADT", "A08"), "ADT_A01");
    assert_eq!(of(Version::Union, "ADT", "A08"), "ADT_A01");
    assert_eq!(of(Version::Union, "ADT", "A99"), "-");
    assert_eq!(of(Version::Union, "ZZZ", ""), "-");
}

/// Hand-written input of the script that makes the tables: version, event, structure and the reason on a line.
fn decided() -> Vec<[String; 4]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib/standards/extract/events-decided.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let words = |line: &str| line.splitn(4, ' ').map(str::to_owned).collect::<Vec<_>>().try_into();
    text.lines().map(|line| words(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn event_of(hl7: &Hl7, version: &str, event: &str) -> Option<&'static str> {
    let (code, trigger) = event.split_once('_').unwrap_or((event, ""));
    hl7.structure_of(Version::parse(version).unwrap(), code, trigger)
}

#[test]
fn decided_events_have_their_structures() {
    let hl7 = Hl7::new();
    for [version, event, structure, _] in decided() {
        let structure = (structure != "-").then_some(structure.as_str());
        assert_eq!(event_of(&hl7, &version, &event), structure, "{version} {event}");
        assert!(structure.is_none_or(|name| hl7.structure(Version::parse(&version).unwrap(), name).is_some()));
    }
}

/// The profiles of rethinkhealth/hl7v2 know the structure of every event but QRY_P04 of 2.4, which has none. The script
/// takes no decision that changes nothing, so what was decided of their events is where they say something else than
/// its sources, or alone say something.
#[test]
fn events_agree_with_the_profiles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/hl7v2/glion-profiles/json");
    if !folder.is_dir() {
        eprintln!("skipped: {} is absent", folder.display());
        return;
    }
    let hl7 = Hl7::new();
    let (mut agreeing, mut odd) = (0, Vec::new());
    let mut decided: BTreeSet<_> = decided().into_iter().map(|[version, event, ..]| (version, event)).collect();
    let all = decided.len();
    for version in Version::ALL.iter().filter(|version| **version != Version::Union).map(|version| version.text()) {
        let text = std::fs::read_to_string(folder.join(format!("hl7v{version}.json"))).unwrap();
        let profiles: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (event, structure) in profiles["event_map"].as_object().unwrap() {
            if event_of(&hl7, version, event) == structure.as_str() {
                agreeing += 1;
            } else {
                odd.push(format!("{version} {event}"));
            }
            decided.remove(&(version.to_owned(), event.clone()));
        }
    }
    println!("{agreeing} events agree with the profiles, {} of them by a decision", all - decided.len() - odd.len());
    assert_eq!(odd, ["2.4 QRY_P04"]);
    assert_eq!(all - decided.len(), 387, "the profiles are at odds with the packages in that many cases");
    let alone: Vec<_> = decided.iter().map(|(version, event)| format!("{version} {event}")).collect();
    assert_eq!(alone, ["2.5 RSP_Z80", "2.5.1 RSP_Z80", "2.6 RSP_Z80", "2.7 RSP_Z80"], "hl7types alone has those");
}

#[test]
fn tables_have_codes_by_version() {
    let hl7 = Hl7::new();
    let sex = hl7.table("0001").unwrap();
    assert_eq!(sex.name, "Administrative Sex");
    assert_eq!(sex.text("A"), Some("Ambiguous"));
    assert_eq!(sex.text("X"), None);
    assert_eq!(hl7.table("v2-0001"), Some(sex));
    assert_eq!(hl7.table_in(Version::V2_3_1, "0001").unwrap().text("A"), None);
    assert_eq!(hl7.table_in(Version::V2_4, "0001").unwrap().text("A"), Some("Ambiguous"));
    assert_eq!(hl7.table_in(Version::V2_1, "0001").unwrap().codes, hl7.table("0001").unwrap().codes);
    assert!(hl7.table("9999").is_none());
}

#[test]
fn an_id_requires_the_codes_of_its_table() {
    let hl7 = Hl7::new();
    let of = |version, name: &str, field: &str| {
        hl7.segment(version, name).and_then(|shape| shape.element(field)?.binding.clone())
    };
    let binding = |strength, set: &str| Some(Binding { strength, set: set.into() });
    assert_eq!(of(Version::V2_5_1, "PID", "24"), binding(Strength::Required, "v2-0136"));
    assert_eq!(of(Version::V2_5_1, "PID", "8"), binding(Strength::Extensible, "v2-0001"));
    assert_eq!(of(Version::V2_8_2, "PID", "3"), None);
}

#[test]
fn what_is_asked_for_twice_is_made_once() {
    let hl7 = Hl7::new();
    let (first, second) = (hl7.segment(Version::Union, "PID"), hl7.segment(Version::Union, "PID"));
    assert!(std::sync::Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
}

#[test]
fn a_code_of_a_table_may_stand_for_those_of_sites() {
    for (code, known) in [("99LAB", "99zzz"), ("99NLAB", "99zzz"), ("HL70001", "HL7nnnn"), ("PRNQ6H", "PRNxxx")] {
        assert!(super::is_written_as(code, known), "{code}");
    }
    for (code, known) in [("99", "99zzz"), ("98LAB", "99zzz"), ("99-LAB", "99zzz"), ("LNC", "LN"), ("Yes", "Y")] {
        assert!(!super::is_written_as(code, known), "{code}");
    }
}
