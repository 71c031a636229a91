//! FHIR R4 in XML: what the runtime writes by the definitions that the compiler knows.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::sync::Arc;

use emr_abi::fhir::{Definition, Definitions, Kind};
use emr_compiler::json::{self, Json};
use emr_compiler::standard::fhir::Fhir;
use emr_compiler::standard::fhir::written::definition;
use emr_runtime::connector::fhir::xml;

use crate::corpus;

/// The resources of R4's own package that `wanted` names by the ends of their files' names.
fn package(wanted: impl Fn(&str) -> bool) -> Option<Vec<(String, String)>> {
    let path = corpus::shared("fhir")?.join("hl7.fhir.r4.core-4.0.1.tgz");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".json") && name.contains('-') && wanted(&name) {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((name, text));
        }
    }
    Some(found)
}

/// The elements of each type that a definition of the package has, as [`Definition`] has them: name, whether it is an attribute,
/// whether it is a list.
fn defined(structure: &Json) -> BTreeMap<String, Vec<(String, bool, bool)>> {
    let mut types: BTreeMap<String, Vec<(String, bool, bool)>> = BTreeMap::new();
    let text = |json: &Json, name: &str| json.member(name).and_then(Json::text).unwrap_or_default().to_owned();
    for element in structure.member("snapshot").unwrap().member("element").unwrap().items() {
        let path = text(element, "path");
        let Some((of, name)) = path.rsplit_once('.') else { continue };
        let is_attribute = element.member("representation").is_some_and(|it| it.to_string() == "[\"xmlAttr\"]");
        // The core of a list in a type that narrows another may be there once; the base says what JSON has.
        let is_list = text(element.member("base").unwrap(), "max") == "*";
        let all = types.entry(of.to_owned()).or_default();
        match name.strip_suffix("[x]") {
            None => all.push((name.to_owned(), is_attribute, is_list)),
            Some(stem) => {
                let codes: Vec<_> = element.member("type").unwrap().items().iter().map(|it| text(it, "code")).collect();
                let upper = |code: &str| code[..1].to_uppercase() + &code[1..];
                all.extend(codes.iter().map(|code| (format!("{stem}{}", upper(code)), is_attribute, is_list)));
            }
        }
    }
    types
}

fn known(definition: &Definition) -> Vec<(String, bool, bool)> {
    let each = |it: &emr_abi::fhir::Element| (it.name.clone(), it.kind == Kind::Attribute, it.repeats);
    definition.elements.iter().map(each).collect()
}

#[test]
fn elements_stand_as_r4_defines_them() {
    let is_structure = |name: &str| name.starts_with("StructureDefinition-");
    let Some(structures) = package(is_structure) else { return };
    let mut seen = 0;
    for (name, text) in structures {
        let structure = json::read(&text).unwrap();
        let says = |member: &str| structure.member(member).and_then(Json::text).unwrap_or_default();
        if says("derivation") == "constraint" || !matches!(says("kind"), "resource" | "complex-type") {
            continue;
        }
        for (key, elements) in defined(&structure) {
            let definition = definition(&key).unwrap_or_else(|| panic!("{name}: {key}"));
            assert_eq!(known(&definition), elements, "{name}: {key}");
            assert_eq!(definition.is_resource, says("kind") == "resource" && key == says("type"), "{name}: {key}");
            seen += 1;
        }
    }
    assert!(seen > 600, "{seen}");
}

/// A value of a type with all its elements, in the opposite of their order, and an extension on each primitive. What has
/// elements of its own is left out below `depth`.
fn full(key: &str, depth: usize) -> String {
    let definition = definition(key).unwrap();
    let mut members: Vec<String> = Vec::new();
    if definition.is_resource {
        members.push(format!(r#""resourceType":"{key}""#));
    }
    let more = r#"{"id":"m","extension":[{"url":"u","valueDecimal":-1.500}]}"#;
    for element in definition.elements.iter().rev() {
        let value = match &element.kind {
            Kind::Text | Kind::Attribute => r#""<ä&\n\"李>""#.to_owned(),
            Kind::Bare => "1.50".to_owned(),
            Kind::Markup => r#""<div xmlns=\"http://www.w3.org/1999/xhtml\">a &lt;<br/></div>""#.to_owned(),
            Kind::Resource if depth > 0 => full("Basic", depth - 1),
            Kind::Elements(key) if depth > 0 => full(key, depth - 1),
            _ => continue,
        };
        let name = &element.name;
        match (&element.kind, element.repeats) {
            (Kind::Text | Kind::Bare, true) => {
                members.push(format!(r#""{name}":[{value},null,{value}]"#));
                members.push(format!(r#""_{name}":[null,{more},{more}]"#));
            }
            (Kind::Text | Kind::Bare, false) => members.push(format!(r#""{name}":{value},"_{name}":{more}"#)),
            (_, true) => members.push(format!(r#""{name}":[{value}]"#)),
            (_, false) => members.push(format!(r#""{name}":{value}"#)),
        }
    }
    format!("{{{}}}", members.join(","))
}

/// With its members in the order of their names, and without the nulls at the ends of lists.
fn sorted(json: &Json) -> String {
    match json {
        Json::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| format!("{name:?}:{}", sorted(value))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        Json::List(items) => {
            let mut items: Vec<_> = items.iter().map(sorted).collect();
            while items.last().is_some_and(|last| last == "null") {
                items.pop();
            }
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// Through XML and back.
fn through(text: &str, types: &Definitions) -> String {
    let xml = xml::write(text.as_bytes(), types).unwrap_or_else(|why| panic!("{why}: {text}"));
    xml::read(xml.as_bytes(), types).unwrap_or_else(|why| panic!("{why}: {xml}"))
}

#[test]
fn each_resource_comes_back_as_it_was() {
    let types: Definitions = Arc::new(definition);
    let resources = Fhir::r4().resources();
    for name in resources {
        let resource = full(name, 2);
        let back = through(&resource, &types);
        assert_eq!(sorted(&json::read(&back).unwrap()), sorted(&json::read(&resource).unwrap()), "{name}");
    }
}

#[test]
fn resources_of_the_package_come_back_as_they_were() {
    let is_wanted = |name: &str| !name.starts_with("SearchParameter-");
    let Some(resources) = package(is_wanted) else { return };
    let types: Definitions = Arc::new(definition);
    assert!(resources.len() > 2000, "{}", resources.len());
    // Many are like one another.
    for (name, text) in resources.into_iter().step_by(7) {
        let back = through(&text, &types);
        // A narrative is written anew: the same, otherwise.
        assert_eq!(through(&back, &types), back, "{name}");
        let plain = |text: &str| {
            let Json::Object(members) = json::read(text).unwrap() else { panic!("{name}") };
            members.iter().filter(|(name, _)| name != "text").map(|(name, it)| name.clone() + &sorted(it)).collect()
        };
        let (mut back, mut before): (Vec<String>, Vec<String>) = (plain(&back), plain(&text));
        back.sort();
        before.sort();
        assert_eq!(back, before, "{name}");
    }
}
