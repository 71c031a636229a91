//! Value sets and code systems of a package, from their JSON.

use rustc_hash::FxHashSet;
use serde_json::Value;
use smol_str::SmolStr;

use crate::standard::fhir::{CodeSystem, Coded, Concept, Terminology, ValueSet, bare};

/// The code system that a `CodeSystem` resource is, if it brings all its codes.
pub fn code_system(json: &Value) -> Option<CodeSystem> {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let url = text("url")?;
    let mut concepts = Vec::new();
    hang(json.get("concept"), 0, &mut concepts);
    (text("content") == Some("complete")).then(|| CodeSystem::new(url, text("name").unwrap_or(""), &concepts))
}

fn hang(list: Option<&Value>, depth: u32, concepts: &mut Vec<Concept>) {
    for concept in items(list) {
        let Some(code) = concept.get("code").and_then(Value::as_str) else { continue };
        let grouping = items(concept.get("property")).any(|property| {
            let name = property.get("code").and_then(Value::as_str);
            matches!(name, Some("notSelectable" | "abstract"))
                && property.get("valueBoolean") == Some(&Value::Bool(true))
        });
        let display = concept.get("display").and_then(Value::as_str).unwrap_or("").into();
        let properties = items(concept.get("property")).filter_map(property).collect();
        let names = items(concept.get("designation")).filter_map(|name| name.get("value")?.as_str());
        let designations = names.map(SmolStr::from).collect();
        concepts.push(Concept { code: code.into(), display, depth, grouping, properties, designations });
        // A parser of JSON bounds the depth.
        hang(concept.get("concept"), depth + 1, concepts);
    }
}

/// A property as a name and a text.
fn property(property: &Value) -> Option<(SmolStr, SmolStr)> {
    let name = property.get("code")?.as_str()?.into();
    let (_, value) = property.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    let text = match value {
        Value::String(text) => text.into(),
        Value::Object(coding) => coding.get("code")?.as_str()?.into(),
        other => other.to_string().into(),
    };
    Some((name, text))
}

/// The codes that a `ValueSet` resource allows, as far as `terminology` holds what it refers to.
pub fn value_set(json: &Value, terminology: &dyn Terminology) -> Option<ValueSet> {
    let url = json.get("url")?.as_str()?;
    let mut codes = Vec::new();
    let compose = json.get("compose");
    let mut complete = items(compose.and_then(|compose| compose.get("include"))).next().is_some();
    for part in items(compose.and_then(|compose| compose.get("include"))) {
        let (some, all) = included(part, terminology);
        codes.extend(some);
        complete &= all;
    }
    for part in items(compose.and_then(|compose| compose.get("exclude"))) {
        let (some, all) = included(part, terminology);
        codes.retain(|coded| !holds(&some, coded));
        complete &= all;
    }
    if !complete && let Some(expansion) = json.get("expansion") {
        return Some(expanded(url, expansion));
    }
    Some(ValueSet::new(url, complete, codes))
}

/// An expansion that its author made, all of it unless it says that it holds more than it shows.
fn expanded(url: &str, expansion: &Value) -> ValueSet {
    let mut codes = Vec::new();
    let mut todo: Vec<&Value> = items(expansion.get("contains")).collect();
    while let Some(item) = todo.pop() {
        todo.extend(items(item.get("contains")));
        let text = |key: &str| SmolStr::from(item.get(key).and_then(Value::as_str).unwrap_or(""));
        if item.get("abstract") != Some(&Value::Bool(true)) && !text("code").is_empty() {
            codes.push(Coded { system: text("system"), code: text("code"), display: text("display") });
        }
    }
    codes.reverse();
    let total = expansion.get("total").and_then(Value::as_u64).unwrap_or(0);
    let complete = total <= codes.len() as u64 && expansion.get("contains").is_some();
    ValueSet::new(url, complete, codes)
}

/// What one `include` or `exclude` names, and whether that is all.
fn included(part: &Value, terminology: &dyn Terminology) -> (Vec<Coded>, bool) {
    let system = part.get("system").and_then(Value::as_str);
    let mut found = system.map(|system| of_system(part, system, terminology));
    for url in items(part.get("valueSet")).filter_map(Value::as_str) {
        let set = terminology.value_set(bare(url));
        let (codes, complete) = set.map(|set| (set.codes.clone(), set.complete)).unwrap_or_default();
        // What several name is what all of them hold (FHIR R4 ValueSet.compose.include).
        found = Some(match found {
            Some((mut both, all)) => {
                both.retain(|coded| holds(&codes, coded));
                (both, all && complete)
            }
            None => (codes, complete),
        });
    }
    found.unwrap_or_default()
}

fn of_system(part: &Value, url: &str, terminology: &dyn Terminology) -> (Vec<Coded>, bool) {
    let known = terminology.code_system(url);
    if part.get("concept").is_some() {
        let named = items(part.get("concept")).filter_map(|concept| {
            let code = concept.get("code")?.as_str()?;
            let display = concept.get("display").and_then(Value::as_str);
            let same = || known.as_ref()?.find(code).map(|concept| concept.display);
            let display = display.map(SmolStr::from).or_else(same).unwrap_or_default();
            Some(Coded { system: url.into(), code: code.into(), display })
        });
        return (named.collect(), true);
    }
    let Some(known) = known else { return Default::default() };
    let mut concepts: Vec<Concept> = known.concepts().filter(|concept| !concept.grouping).collect();
    for test in items(part.get("filter")) {
        let text = |key: &str| test.get(key).and_then(Value::as_str).unwrap_or("");
        let value = text("value");
        let (name, op) = (text("property"), text("op"));
        if name == "concept" && known.is_hung_by_property() {
            // What is below what is said of each code here, and not by where it stands.
            return Default::default();
        }
        let below: FxHashSet<&str> = known.under(value).collect();
        match (name, op) {
            ("concept", "is-a") => concepts.retain(|it| it.code == value || below.contains(it.code.as_str())),
            ("concept", "descendent-of") => concepts.retain(|it| below.contains(it.code.as_str())),
            ("concept", "is-not-a") => concepts.retain(|it| it.code != value && !below.contains(it.code.as_str())),
            (_, "=" | "in" | "not-in" | "exists") => concepts.retain(|it| {
                let mut said = it.properties.iter().filter(|(of, _)| of == name);
                match op {
                    "=" => said.any(|(_, text)| text == value),
                    "in" => said.any(|(_, text)| value.split(',').any(|one| one.trim() == text)),
                    "not-in" => !said.any(|(_, text)| value.split(',').any(|one| one.trim() == text)),
                    _ => said.next().is_some() == (value == "true"),
                }
            }),
            _ => return Default::default(),
        }
    }
    let coded = |it: Concept| Coded { system: known.url.clone(), code: it.code, display: it.display };
    (concepts.into_iter().map(coded).collect(), true)
}

fn holds(codes: &[Coded], coded: &Coded) -> bool {
    codes.iter().any(|other| other.system == coded.system && other.code == coded.code)
}

/// The items of a JSON list; none where there is no list.
pub fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}
