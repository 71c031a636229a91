//! What is told of an output that is made of a resource is whole too: nothing that is not named has a part in it.

use std::fs;

use emr_compiler::db;
use emr_compiler::json;
use emr_compiler::plan::interpret::{Explained, Places, explain_resource};
use serde_json::{Value, json};

use super::changed::parted;
use crate::corpus::root;
use crate::pipeline::{self, Map};

const CASES: [&str; 4] = [
    "a_resource_comes_and_another_is_made",
    "a_resource_comes_and_a_message_is_built",
    "a_reference_leads_to_what_came",
    "what_of_a_resource_is_read",
];

fn explained(map: &Map, resource: &Value) -> Option<Explained> {
    explain_resource(&map.plan, &json::read(&resource.to_string())?, &map.runs)
}

/// Each value without parts, by the steps that lead to it and its path.
fn leaves(value: &Value, pointer: &str, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| leaves(member, &format!("{pointer}/{name}"), &format!("{path}.{name}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
            leaves(item, &format!("{pointer}/{index}"), &format!("{path}[{index}]"), found);
        }),
        _ => found.push((pointer.to_owned(), path.to_owned())),
    }
}

/// The resource with another value there, and without any.
fn changed(resource: &Value, pointer: &str) -> Vec<Value> {
    let mut other = resource.clone();
    let place = other.pointer_mut(pointer).unwrap();
    *place = match place {
        Value::Bool(value) => json!(!*value),
        Value::Number(_) => json!(7),
        _ => json!("Other"),
    };
    let (around, name) = pointer.rsplit_once('/').unwrap();
    let mut without = resource.clone();
    match without.pointer_mut(around) {
        Some(Value::Object(members)) if name != "resourceType" => {
            members.remove(name);
            vec![other, without]
        }
        _ => vec![other],
    }
}

fn names(explained: &Explained, places: &Places, at: &str) -> bool {
    let is_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let mut paths = places.places.iter().filter_map(|place| explained.nodes.path(place));
    places.whole || paths.any(|path| is_in(at, path) || is_in(path, at) || is_choice(path, at))
}

/// `Patient.deceased` where nothing of it is there.
fn is_choice(path: &str, at: &str) -> bool {
    at.strip_prefix(path).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
}

#[test]
fn a_change_of_an_element_changes_only_values_that_name_it() {
    let mut compared = 0;
    for case in CASES {
        let text = fs::read_to_string(root().join(format!("tests/cases/language/{case}.emr"))).unwrap();
        let mut parts = text.split("// --- resource\n");
        let project = pipeline::module(parts.next().unwrap());
        let maps = project.files.iter().flat_map(|&file| db::maps(&project.db, project.project, file));
        let maps: Vec<Map> = maps
            .filter(|map| db::explained_plan(&project.db, project.project, map.key.to_string()).is_some())
            .map(|map| project.explained(&map.key))
            .collect();
        for resource in parts.filter_map(|part| serde_json::from_str::<Value>(part).ok()) {
            let mut places = Vec::new();
            leaves(&resource, "", resource["resourceType"].as_str().unwrap(), &mut places);
            for map in &maps {
                let Some(before) = explained(map, &resource).filter(|it| it.outcome.result.is_ok()) else { continue };
                for (pointer, path) in places.iter().filter(|(pointer, _)| pointer != "/resourceType") {
                    for other in changed(&resource, pointer) {
                        let Some(after) = explained(map, &other).filter(|it| it.outcome.result.is_ok()) else {
                            continue;
                        };
                        compared += 1;
                        let parted = parted(&before, &after, |of, places| names(of, places, path));
                        assert!(parted.is_empty(), "{case}, {}: {path}: {parted:?}", map.plan.name);
                    }
                }
            }
        }
    }
    assert!(compared > 200, "{compared}");
}
